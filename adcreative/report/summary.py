"""The first screen of the report: counts, means and what is not known, in sentences.

Knows rows of results.jsonl and the calibration; knows neither pictures nor HTML.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from adcreative.report.rates import Lift, control_rate, is_rate, measure_lift
from adcreative.report.words import percent


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Counts and means over a run. The means are over the `num_shown` edited creatives whose lift may be shown; the third
    model's, over the `num_audited` of them of which it was asked."""

    num_creatives: int
    num_edited: int
    num_kept: int
    num_failed: int
    num_shown: int = 0
    ctr_before: float | None = None
    ctr_control: float | None = None
    ctr_after: float | None = None
    ctr_judge_before: float | None = None
    ctr_judge_after: float | None = None
    num_audited: int = 0
    ctr_auditor_before: float | None = None
    ctr_auditor_after: float | None = None
    mean_lift: float | None = None
    mean_lift_by_judge: float | None = None
    mean_lift_by_auditor: float | None = None
    mean_true_lift: float | None = None
    missing: tuple[str, ...] = ()
    evidence: str = ""
    calibration: str = ""


def calibration_sentence(settings: Mapping[str, Any], cards: Sequence[Mapping[str, Any]]) -> str:
    """Say how well the predictor's rates match real ones, from `calibration` in the settings or in a card; "" if unknown.

    The value is a sentence, or numbers: n, ece (0..1), pairwise_accuracy, pairwise_accuracy_significant, data (what it was
    measured on).
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


def summarise(results: Sequence[Mapping[str, Any]], *, num_failures: int, calibration: str) -> Summary:
    """Count and average a run; creatives that could not be read (num_failures) count as failed."""
    status = Counter(str(row.get("status")) for row in results)
    edited = [row for row in results if row.get("status") == "edited"]
    lifts: list[Lift] = [measure_lift(row, is_calibrated=bool(calibration)) for row in edited]
    shown = [(row, lift) for row, lift in zip(edited, lifts, strict=True) if not lift.missing]
    evidence = Counter(str(row["evidence"]) for row in results if row.get("evidence")).most_common(1)
    counts = Summary(
        num_creatives=len(results) + num_failures,
        num_edited=status["edited"],
        num_kept=status["kept"],
        num_failed=status["failed"] + num_failures,
        missing=tuple(dict.fromkeys(what for lift in lifts for what in lift.missing)),
        evidence=evidence[0][0] if evidence else "",
        calibration=calibration,
    )
    if not shown:
        return counts
    rows = [row for row, _ in shown]
    means = {
        "ctr_before": fmean(row["ctr_original"] for row in rows),
        "ctr_control": fmean(control_rate(row) or 0.0 for row in rows),
        "ctr_after": fmean(row["ctr_edited"] for row in rows),
        "ctr_judge_before": fmean(row["ctr_original_judge"] for row in rows),
        "ctr_judge_after": fmean(row["ctr_edited_judge"] for row in rows),
        "mean_lift": fmean(lift.over_original or 0.0 for _, lift in shown),
        "mean_lift_by_judge": fmean(lift.by_judge or 0.0 for _, lift in shown),
    }
    audited = [
        (float(row["ctr_original_auditor"]), float(row["ctr_edited_auditor"]))
        for row in rows
        if is_rate(row.get("ctr_original_auditor")) and is_rate(row.get("ctr_edited_auditor"))
    ]
    if audited:
        means["ctr_auditor_before"] = fmean(before for before, _ in audited)
        means["ctr_auditor_after"] = fmean(after for _, after in audited)
        means["mean_lift_by_auditor"] = fmean(after / before - 1 for before, after in audited)
    known = [row for row in rows if row.get("ctr_true_original") and row.get("ctr_true_edited") is not None]
    if known:
        means["mean_true_lift"] = fmean(row["ctr_true_edited"] / row["ctr_true_original"] - 1 for row in known)
    return Summary(**{**vars(counts), **means, "num_shown": len(shown), "num_audited": len(audited)})
