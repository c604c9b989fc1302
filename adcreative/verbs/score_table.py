"""From scored rows to the table of `score`: strength next to the rate, the level where known, one row per segment.

The shipped model ranks ads better than it predicts how often an account's ads are clicked: its level is wrong by a factor of
2 to 12 on real accounts. Without a model of the account's own results, a stated base rate or results in the table itself, no
rate is written. Imports no torch.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adcreative.catalog.platforms.rates import HIGH_SHARE
from adcreative.creative import Creative, add_clause
from adcreative.errors import ConfigError
from adcreative.problem import Problem

SCORE_COLUMNS = (
    "file_name",
    "ad_name",
    "ctr",
    "ctr_low",
    "ctr_high",
    "strength",
    "grade",
    "evidence",
    "reasons",
)
SEGMENT = "segment"
NOT_ENOUGH_DATA = "not enough data"  # text of a score in place of a rate
LEVEL_UNKNOWN = "level unknown"
HOW_TO_KNOW = "the level is unknown until results are imported (adcreative train) or --base-rate states it"
MIN_CLICKS = 30  # clicks in the table's own results, to take their mean as the base rate
_RATES = ("ctr", "ctr_low", "ctr_high")


@dataclass(frozen=True, kw_only=True)
class Level:
    """How often ads are clicked: known to the model (rates are stated), given as the mean of all rates, or unknown."""

    is_known: bool = False
    base_rate: float | None = None


def read_reasons(cell: str) -> tuple[Problem, ...]:
    """Return the reasons of a row of the table, which are joined by "; "."""
    changes = (text.rsplit(" ", 2) for text in cell.split("; ") if text)
    return tuple(Problem("part_change", part=part, change=int(change)) for part, change, _ in changes)


def check_base_rate(base_rate: float | None) -> None:
    """Raise ConfigError for a base rate that is none, such as one in percent."""
    if base_rate is not None and not 0 < base_rate <= HIGH_SHARE:
        between = f"between 0 and {HIGH_SHARE}"
        raise ConfigError(f"the base rate is {base_rate:g}; a click rate {between} is needed, such as 0.021 for 2.1 %.")


def mean_of_results(creatives: Iterable[Any]) -> float | None:
    """Return the mean click rate of the creatives with results; None with fewer than MIN_CLICKS clicks."""
    clicks = impressions = 0
    for one in creatives:
        if isinstance(one, Creative) and one.has_results:
            clicks, impressions = clicks + (one.clicks or 0), impressions + (one.impressions or 0)
    return clicks / impressions if clicks >= MIN_CLICKS and clicks < impressions else None


def finish_rows(rows: Sequence[Mapping[str, Any]], level: Level, *, by: str = "") -> Iterator[dict[str, Any]]:
    """Yield the rows of the table.

    Args:
        rows: successful rows of `score_rows`, in order; "segments" of a row: value -> rate and interval; "peers": the
            strength of a lone ad, and its reference set.
        by: column whose values get a row each.
    """
    shift = find_shift([row["ctr"] for row in rows], level.base_rate) if level.base_rate and not level.is_known else 0.0
    ordered = sorted(row["ctr"] for row in rows)
    for row in rows:
        line: dict[str, Any] = {name: row[name] for name in SCORE_COLUMNS if name in row}
        line["strength"] = measure_strength(row["ctr"], ordered)
        if len(rows) == 1 and row["enough_data"] and (peers := row.get("peers")):
            line["strength"] = peers[0]
            line["evidence"] = add_clause(line["evidence"], f"stronger than {10 * peers[0]:.0f} of 10 {peers[1]}")
        segments: Mapping[str, Sequence[float]] = row.get("segments", {}) if by else {"": [row[name] for name in _RATES]}
        for value, rates in segments.items():
            yield {**line, **_state_rates(rates, row, level, shift, line), **({SEGMENT: f"{by}={value}"} if by else {})}


def _state_rates(
    rates: Sequence[float], row: Mapping[str, Any], level: Level, shift: float, line: Mapping[str, Any]
) -> dict[str, Any]:
    if not row["enough_data"]:
        return {"ctr": NOT_ENOUGH_DATA, "ctr_low": "", "ctr_high": ""}
    if not level.is_known and not level.base_rate:
        return {"ctr": LEVEL_UNKNOWN, "ctr_low": "", "ctr_high": "", "evidence": add_clause(line["evidence"], HOW_TO_KNOW)}
    return {name: float(f"{move_rate(rate, shift):.6g}") for name, rate in zip(_RATES, rates, strict=True)}


def measure_strength(rate: float, ordered: Sequence[float]) -> float | str:
    """Return the share (0..1) of the table's other ads with a lower predicted rate, ties count half; "" for a lone ad."""
    if len(ordered) < 2:
        return ""
    below, ties = bisect_left(ordered, rate), bisect_right(ordered, rate) - bisect_left(ordered, rate) - 1
    return round((below + ties / 2) / (len(ordered) - 1), 3)


def move_rate(rate: float, shift: float) -> float:
    """Return a rate with shifted log-odds."""
    odds = rate / max(1 - rate, 1e-12) * math.exp(shift)
    return odds / (1 + odds)


def find_shift(rates: Sequence[float], base_rate: float) -> float:
    """Return the shift of log-odds that makes the rates average to the base rate, by bisection."""
    low, high = -20.0, 20.0
    for _ in range(80):
        middle = (low + high) / 2
        if sum(move_rate(rate, middle) for rate in rates) / len(rates) < base_rate:
            low = middle
        else:
            high = middle
    return (low + high) / 2
