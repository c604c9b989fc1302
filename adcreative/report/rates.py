"""Which uplift may be shown, the marks of a rate chart, and the traffic that would prove an uplift.

An uplift is only shown next to the unedited control, the re-scored winner, the second model's prediction and the calibration of
the predictor; missing items are named instead. Rates are probabilities 0..1 throughout.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

UNTESTED = "results of this account (train on them, or state the usual click rate with --base-rate)"
NOT_BETTER = "enough data (on held-out creatives of this kind the predictor did no better than the mean rate)"


@dataclass(frozen=True, kw_only=True)
class Lift:
    """Relative gains of an edited creative (0.12 is 12 % more clicks per impression), or the reasons for not stating a gain.

    low, high: 90 % interval of over_original; None in results of versions without an interval.
    """

    over_original: float | None = None
    over_control: float | None = None
    by_judge: float | None = None
    low: float | None = None
    high: float | None = None
    missing: tuple[str, ...] = ()

    @property
    def cautious(self) -> float | None:
        """The smallest of the three gains: a conservative value for planning."""
        gains = [gain for gain in (self.over_original, self.over_control, self.by_judge) if gain is not None]
        return min(gains) if gains and not self.missing else None


@dataclass(frozen=True, kw_only=True)
class RateRow:
    """One line of a rate chart: a mark at `rate`, a bar from low to high, and a hollow mark at `start`, each optional."""

    label: str
    kind: str
    rate: float
    low: float | None = None
    high: float | None = None
    start: float | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class RateChart:
    """Rows on a common axis; `place` maps a rate to a position 0..100 on the axis."""

    rows: tuple[RateRow, ...]
    axis_low: float
    axis_high: float

    def place(self, rate: float) -> float:
        return round(100 * (rate - self.axis_low) / (self.axis_high - self.axis_low), 2)


def has_enough_data(result: Mapping[str, Any]) -> bool:
    """Return False if the predictor was no better than the mean rate on held-out creatives of the kind."""
    return result.get("enough_data") is not False


def is_without_rates(result: Mapping[str, Any]) -> bool:
    """Return whether the models know no results of the account and no base rate is given, so that there is no rate."""
    return bool(result.get("is_untested")) and result.get("ctr_original") is None


def is_rate(value: float | None) -> bool:
    """Return whether a rate is known and above 0; NaN counts as unknown."""
    return bool(value) and not math.isnan(value or 0.0)


def control_rate(result: Mapping[str, Any]) -> float | None:
    """Return the control's rate; without an edited face there is no inversion, so the original is its own control."""
    control = result.get("ctr_control")
    if control is not None:
        return float(control)
    has_face_edit = any(int(edit["face"]) >= 0 for edit in result.get("edits", ()))
    return None if has_face_edit else result.get("ctr_original")


def measure_lift(result: Mapping[str, Any], *, is_calibrated: bool) -> Lift:
    """Return the gains of an edited creative, or the items missing to state them."""
    needed = {
        "the original's rate": result.get("ctr_original"),
        "the control (inverted, not edited)": control_rate(result),
        "the edited creative re-scored from its final pixels": result.get("ctr_edited"),
        "the second model's rate before": result.get("ctr_original_judge"),
        "the second model's rate after": result.get("ctr_edited_judge"),
        "the calibration of the predictor": is_calibrated or None,
    }
    if not has_enough_data(result):
        return Lift(missing=(NOT_BETTER,))
    if is_without_rates(result):
        return Lift(missing=(UNTESTED,))
    missing = tuple(what for what, value in needed.items() if not is_rate(value))
    if missing:
        return Lift(missing=missing)
    edited = float(result["ctr_edited"])
    return Lift(
        over_original=edited / float(result["ctr_original"]) - 1,
        over_control=edited / float(control_rate(result) or 1) - 1,
        by_judge=float(result["ctr_edited_judge"]) / float(result["ctr_original_judge"]) - 1,
        low=result.get("uplift_low"),
        high=result.get("uplift_high"),
    )


def rate_rows(result: Mapping[str, Any]) -> tuple[RateRow, ...]:
    """Return the marks of one result: original, control, edited with its interval, and the other models' before and after.

    Empty without enough data for a rate. In a simulated market, rows with ctr_true_original and ctr_true_edited get one more
    line with the true rates.
    """
    rows: list[RateRow] = []
    if not has_enough_data(result):
        return ()
    if result.get("ctr_original") is not None:
        rows.append(RateRow(label="Original", kind="original", rate=result["ctr_original"], note="as uploaded"))
    if result.get("status") == "failed":
        return tuple(rows)
    if control_rate(result) is not None:
        note = "face rebuilt, not edited" if result.get("ctr_control") is not None else "no face edited: the original"
        rows.append(RateRow(label="Control", kind="control", rate=float(control_rate(result) or 0), note=note))
    if result.get("ctr_edited") is not None:
        label = "Edited" if result.get("status") == "edited" else "Best found"
        low, high = result.get("ctr_edited_low"), result.get("ctr_edited_high")
        note = "re-scored, 90% interval" if low is not None else "re-scored"
        rows.append(RateRow(label=label, kind="edited", rate=result["ctr_edited"], low=low, high=high, note=note))
    if result.get("ctr_edited_judge") is not None:
        start = result.get("ctr_original_judge")
        note = "before → after" if start is not None else "after"
        rows.append(RateRow(label="Second model", kind="judge", rate=result["ctr_edited_judge"], start=start, note=note))
    if result.get("ctr_edited_auditor") is not None:
        start, note = result.get("ctr_original_auditor"), "had no part in choosing"
        rows.append(RateRow(label="Third model", kind="judge", rate=result["ctr_edited_auditor"], start=start, note=note))
    if result.get("ctr_true_edited") is not None:
        start, note = result.get("ctr_true_original"), "simulated market only"
        rows.append(RateRow(label="Planted truth", kind="truth", rate=result["ctr_true_edited"], start=start, note=note))
    return tuple(rows)


def build_chart(rows: Sequence[RateRow]) -> RateChart | None:
    """Return rows on one axis with a margin at both ends; None if there is nothing to draw."""
    marks = [mark for row in rows for mark in (row.rate, row.low, row.high, row.start) if mark is not None]
    if not marks:
        return None
    low, high = min(marks), max(marks)
    room = max(0.12 * (high - low), 0.02 * high, 1e-5)
    return RateChart(rows=tuple(rows), axis_low=max(0.0, low - room), axis_high=high + room)


def impressions_per_arm(rate: float, lift: float, *, power_z: float = 0.8416, level_z: float = 1.96) -> int | None:
    """Return the impressions per arm for an A/B test to detect `lift` over `rate` (5 % level, 80 % power).

        n = (level_z + power_z)^2 * (p q + p' q') / (p - p')^2     with p' = p (1 + lift), q = 1 - p

    None without a gain. Source: two-proportion z test, normal approximation, unpooled variance.
    """
    improved = rate * (1 + lift)
    if not 0 < rate < improved < 1:
        return None
    variance = rate * (1 - rate) + improved * (1 - improved)
    return math.ceil((level_z + power_z) ** 2 * variance / (improved - rate) ** 2)
