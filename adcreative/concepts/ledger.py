"""Ledger of a user's tests: predicted and realised change of each test, and the calibration of the predictions.

One row per version of a test, from its latest read-out. The share of searched changes that is realised is learnt from them,

    share = (m0 / v0 + sum w x y) / (1 / v0 + sum w x^2)        x: predicted, y: realised log-change, w: 1 / variance of y

with the share measured elsewhere as prior N(m0, v0) (`ctr.search_shrinkage`). Stated predictions are shrunk already: x is the
stated change over the share that was in force. Knows plans and read-outs as plain values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from adcreative.artifacts import write_atomically
from adcreative.ctr.search_shrinkage import read_searched_share
from adcreative.errors import CatalogError

COLUMNS = (
    "variant_id",
    "run_hash",
    "campaign",
    "test",
    "kind",
    "predicted",
    "predicted_low",
    "predicted_high",
    "realised",
    "realised_low",
    "realised_high",
    "answer",
    "impressions",
    "clicks",
    "control_impressions",
    "control_clicks",
    "share",
)
LATER = ("share",)  # columns that ledgers of earlier versions lack
NAMED = ("variant_id", "run_hash", "campaign", "test")  # columns that identify a row's test; dropped from shared ledgers
LEAST_SHARE = 0.05  # in force, below which a prediction was no prediction
UNEXPLAINED = 0.05  # standard deviation of two arms beyond chance and the change, in log-odds: days, auctions


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Calibration of predictions.

    num: tests with a prediction. share: realised part of the change that the models predict, with its 90 % interval;
    stated_share: the mean part that was stated. covered: share of tests whose realised change, with its error, is in the
    predicted 90 % interval (None without intervals). num_gains: predicted gains that were gains.
    """

    num: int
    share: float
    share_low: float
    share_high: float
    stated_share: float
    covered: float | None
    num_gains: int


def rows_of(plan: Mapping[str, Any], tests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each version in a read-out. tests: as in the read-out's JSON."""
    planned = {test["test"]: test for test in plan["tests"]}
    found = []
    for read in tests:
        told = planned[read["test"]]
        arms = {arm["arm"]: arm for arm in told["arms"]}
        for arm in read["arms"]:
            own = arms.get(arm["arm"], {})
            kinds = sorted({edit.split(" ")[0] for edit in own.get("edits", ())})
            found.append(
                {
                    "variant_id": own.get("variant_id", ""),
                    "run_hash": plan.get("run_hash", ""),
                    "campaign": plan.get("campaign", ""),
                    "test": read["test"],
                    "kind": "; ".join(kinds),
                    "predicted": told.get("uplift_predicted"),
                    "predicted_low": told.get("uplift_low"),
                    "predicted_high": told.get("uplift_high"),
                    "realised": arm["uplift"],
                    "realised_low": arm["uplift_low"],
                    "realised_high": arm["uplift_high"],
                    "answer": arm["answer"],
                    "impressions": arm["impressions"],
                    "clicks": arm["clicks"],
                    "control_impressions": read["control_impressions"],
                    "control_clicks": read["control_clicks"],
                    "share": plan.get("searched_share"),
                }
            )
    return found


def append(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add rows to a ledger; a later read-out of a test replaces the earlier one of the same plan.

    Raises:
        CatalogError: the file exists and is not a ledger.
    """
    known = read(path) if path.exists() else pd.DataFrame(columns=list(COLUMNS))
    added = pd.DataFrame(list(rows), columns=list(COLUMNS))
    names = list(NAMED)
    kept = known[~known.set_index(names).index.isin(added.set_index(names).index)]
    whole = pd.concat([one for one in (kept, added) if len(one)], ignore_index=True) if len(added) else known
    write_atomically(path, whole.to_parquet(index=False), is_private=True)


def read(path: Path) -> pd.DataFrame:
    """Return the rows of a ledger.

    Raises:
        CatalogError: the file is missing or not a ledger.
    """
    try:
        found = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise CatalogError(f"{path} is no ledger; read-out --ledger {path.name} writes one.") from error
    if missing := [name for name in COLUMNS if name not in found.columns and name not in LATER]:
        raise CatalogError(f"{path} is no ledger: it has no column {missing[0]}; read-out --ledger writes one.")
    return found.reindex(columns=list(COLUMNS))


def calibrate(ledger: pd.DataFrame, prior: float | None = None) -> Calibration:
    """Return the calibration of a ledger's predictions, without tests that lack a prediction or clicks.

    Args:
        prior: mean of the share before these tests, 0..1; without it that measured elsewhere.
    """
    rows = ledger[ledger["predicted"].notna() & (ledger["clicks"] > 0) & (ledger["control_clicks"] > 0)]
    rate, control = rows["clicks"] / rows["impressions"], rows["control_clicks"] / rows["control_impressions"]
    realised = np.log((rate / control).to_numpy(float))
    variance = (1 / rows["clicks"] + 1 / rows["control_clicks"]).to_numpy(float) + UNEXPLAINED**2
    predicted = np.log1p(rows["predicted"].to_numpy(float))
    usual, deviation = read_searched_share()
    mean = usual if prior is None else prior
    stated = np.maximum(rows["share"].astype(float).fillna(usual).to_numpy(), LEAST_SHARE)
    raw = predicted / stated
    information = 1 / deviation**2 + float((raw**2 / variance).sum())
    share = (mean / deviation**2 + float((raw * realised / variance).sum())) / information
    reach = 1.645 / math.sqrt(information)
    low, high = (np.log1p(rows[name].to_numpy(float)) for name in ("predicted_low", "predicted_high"))
    has = np.isfinite(low) & np.isfinite(high)
    error = np.hypot((high - low) / 2, 1.645 * np.sqrt(variance))[has]  # 90 % half-widths of both combined
    inside = np.abs(realised - (low + high) / 2)[has] <= error
    return Calibration(
        num=len(rows),
        share=share,
        share_low=share - reach,
        share_high=share + reach,
        stated_share=float(stated.mean()) if len(rows) else mean,
        covered=float(inside.mean()) if has.any() else None,
        num_gains=int(((predicted > 0) & (realised > 0)).sum()),
    )


def share_rows(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return the rows for sharing: without ids, campaigns and test names, sorted by size."""
    return ledger.drop(columns=list(NAMED)).sort_values("impressions", ascending=False, ignore_index=True)
