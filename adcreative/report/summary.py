"""The first screen of the report: counts, means and limitations, as sentences.

Knows rows of results.jsonl and the calibration, but no pictures and no HTML.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from adcreative.report.rates import Lift, is_rate, is_without_rates, measure_lift
from adcreative.report.words import percent


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Counts and means over a run. The means are over the `num_shown` edited creatives whose uplift may be shown; the third
    model's means are over the `num_audited` of them scored by that model. num_ranked: creatives with a strength relative to the
    run. num_versions: versions of kept creatives offered for a test."""

    num_creatives: int
    num_edited: int
    num_kept: int
    num_failed: int
    num_shown: int = 0
    ctr_before: float | None = None
    ctr_after: float | None = None
    num_audited: int = 0
    ctr_auditor_before: float | None = None
    ctr_auditor_after: float | None = None
    mean_lift: float | None = None
    mean_lift_by_auditor: float | None = None
    mean_true_lift: float | None = None
    missing: tuple[str, ...] = ()
    num_without_rates: int = 0
    num_ranked: int = 0
    num_versions: int = 0
    evidence: str = ""
    calibration: str = ""


def calibration_sentence(settings: Mapping[str, Any], cards: Sequence[Mapping[str, Any]]) -> str:
    """Return a sentence on the predictor's calibration, from `calibration` in the settings or in a card; "" if unknown.

    The value is a sentence, or numbers: n, ece (0..1), pairwise_accuracy, pairwise_accuracy_significant, data (name of the data
    set).
    """
    found = [source["calibration"] for source in (settings, *cards) if source.get("calibration")]
    if not found:
        return ""
    if not isinstance(found[0], Mapping):
        return str(found[0])
    numbers = {key: value for key, value in found[0].items() if not (isinstance(value, float) and math.isnan(value))}
    said = []
    if numbers.get("ece") is not None:
        said.append(f"its rates were {100 * numbers['ece']:.2f} percentage points off on average")
    if numbers.get("pairwise_accuracy") is not None:
        said.append(f"of two versions of one ad it named the better {percent(numbers['pairwise_accuracy'], 0)} of the time")
    if numbers.get("pairwise_accuracy_significant") is not None:
        said.append(f"{percent(numbers['pairwise_accuracy_significant'], 0)} where the two really differed")
    number = f"{numbers['n']:,} " if numbers.get("n") else ""
    where = f"Measured on {number}ads it had not learnt from"
    where += f" ({numbers['data']})" if numbers.get("data") else ""
    return f"{where}: {', '.join(said)}." if said else ""


def summarise(results: Iterable[Mapping[str, Any]], *, num_failures: int, calibration: str) -> Summary:
    """Count and average a run. num_failures: all unusable creatives, including failed rows.

    The evidence is the clauses common to all rows. Rows are read in one pass; for an edited row about ten numbers are kept.
    """
    status, missing = Counter[str](), dict[str, None]()
    evidence: list[str] | None = None
    columns: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))
    num_without_rates = num_ranked = num_versions = 0
    for row in results:
        status[str(row.get("status"))] += 1
        num_without_rates += is_without_rates(row)
        num_ranked += row.get("strength_original") is not None
        num_versions += len(row.get("alternatives") or ()) if row.get("status") == "kept" else 0
        if said := row.get("evidence_clauses"):
            evidence = said if evidence is None else [one for one in evidence if one in said]
        if row.get("status") == "edited":
            lift = measure_lift(row, is_calibrated=bool(calibration))
            missing |= dict.fromkeys(lift.missing)
            if not lift.missing:
                for name, value in _shown_numbers(row, lift).items():
                    columns[name].append(value)
    num_failed = max(num_failures, status["failed"])
    return Summary(
        num_creatives=status["edited"] + status["kept"] + num_failed,
        num_edited=status["edited"],
        num_kept=status["kept"],
        num_failed=num_failed,
        num_shown=len(columns["ctr_before"]),
        num_audited=len(columns["mean_lift_by_auditor"]),
        missing=tuple(missing),
        num_without_rates=num_without_rates,
        num_ranked=num_ranked,
        num_versions=num_versions,
        evidence="; ".join(evidence or ()),
        calibration=calibration,
        **{name: fmean(values) for name, values in columns.items() if values},  # type: ignore[arg-type]
    )


def _shown_numbers(row: Mapping[str, Any], lift: Lift) -> dict[str, float]:
    """Return the contribution of an edited row with a valid uplift to the means, by the names in Summary."""
    numbers = {"ctr_before": row["ctr_original"], "ctr_after": row["ctr_edited"], "mean_lift": lift.over_original or 0.0}
    if is_rate(row.get("ctr_original_auditor")) and is_rate(row.get("ctr_edited_auditor")):
        before, after = float(row["ctr_original_auditor"]), float(row["ctr_edited_auditor"])
        numbers |= {"ctr_auditor_before": before, "ctr_auditor_after": after, "mean_lift_by_auditor": after / before - 1}
    if row.get("ctr_true_original") and row.get("ctr_true_edited") is not None:
        numbers["mean_true_lift"] = row["ctr_true_edited"] / row["ctr_true_original"] - 1
    return numbers
