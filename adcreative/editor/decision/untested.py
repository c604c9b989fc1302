"""What may be claimed of an edit by models without results of the account: a ranking, no rates and no promise.

`withhold_rates` removes all click rates of an edit: it is worth a test, not more. `claim_transferred` keeps rates for an
account that states its mean rate, and shrinks a change to the share of such changes that came true on accounts unknown to a
model (`ctr.transfer`). Imports no torch.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from adcreative.creative import Alternative, EditResult, SearchRecord
from adcreative.ctr.transfer import ChangeTransfer, read_transfer
from adcreative.editor.decision.judge import INTERVAL_Z, Verdict
from adcreative.editor.decision.result import WORDS, move_rate, relative_change
from adcreative.editor.settings import Level
from adcreative.problem import Problem

_RATES = (
    "ctr_original",
    "ctr_original_judge",
    "ctr_original_auditor",
    "ctr_control",
    "ctr_edited",
    "ctr_edited_low",
    "ctr_edited_high",
    "ctr_edited_judge",
    "ctr_edited_auditor",
    "uplift_low",
    "uplift_high",
)


def state_level(result: EditResult, verdict: Verdict | None, level: Level) -> EditResult:
    """Return a result with the claims allowed by what is known of the level of the rates.

    With a usual rate of this ad, rates are moved to its level and changes are shrunk to the share that came true elsewhere;
    without a usual rate both are withheld.
    """
    if level.is_known:
        return result
    if level.usual_rate is None:
        return withhold_rates(result, verdict)
    claimed = claim_transferred(result, verdict, read_transfer())
    if level.is_of_run:
        return claimed
    before, usual = _bounded_score(result.ctr_original), _bounded_score(level.usual_rate)
    shift = 0.0 if not result.ctr_original else usual - before
    moved = shift_level(claimed.as_dict(), shift)
    return replace(claimed, **{name: moved[name] for name in moved if name.startswith("ctr_")}, level_shift=shift)


def withhold_rates(result: EditResult, verdict: Verdict | None) -> EditResult:
    """Return the result without rates, changes and predictions of the search; rank_score alone orders the ads of one run.

    Args:
        verdict: of the edit, which states changes; None when there is none.
    """
    problem = Problem("untested_choice") if result.is_own_choice else Problem("untested_edit")
    result = _in_place_of(verdict, problem if result.status == "edited" else Problem("untested_ad"), result)
    nothing: dict[str, Any] = dict.fromkeys(_RATES)
    return replace(
        result,
        **nothing,
        is_untested=True,
        change_by_words=None,
        rank_score=_score(result.ctr_original),
        search=SearchRecord(rendered=result.search.rendered, stopped_itself=result.search.stopped_itself),
        alternatives=tuple(
            replace(one, uplift=None, uplift_low=None, change=None, change_low=None, change_high=None)
            for one in result.alternatives
        ),
    )


def claim_transferred(result: EditResult, verdict: Verdict | None, transfer: ChangeTransfer) -> EditResult:
    """Return the result with its change, and the changes of the alternatives, shrunk to what transfers between accounts.

    The interval has the verdict's width plus the variation between accounts.
    """
    found = replace(
        result,
        is_untested=True,
        rank_score=_score(result.ctr_original),
        search=replace(result.search, curve=(), front=(), delivered=None),
        alternatives=tuple(_claim_alternative(one, transfer) for one in result.alternatives),
    )
    if result.status != "edited" or verdict is None or not result.ctr_original:
        return found
    share = _share_by_words(result)
    change, deviation = transfer.claim(verdict.expected, share * verdict.expected)
    judged, audited = (transfer.claim(one, share * one)[0] for one in (verdict.judged, verdict.audited))
    width = INTERVAL_Z * float(np.hypot(verdict.std, deviation))
    low, high = (relative_change(result.ctr_original, change + side * width) for side in (-1, 1))
    back = -verdict.expected
    rate = move_rate(result.ctr_original, change)
    problem = Problem("untested_edit")
    if result.is_own_choice:
        problem = Problem("untested_change", change=relative_change(result.ctr_original, change), low=low, high=high)
    return replace(
        _in_place_of(verdict, problem, found),
        ctr_edited=rate,
        ctr_edited_low=_moved(result.ctr_edited_low, back + change),
        ctr_edited_high=_moved(result.ctr_edited_high, back + change),
        ctr_edited_judge=_moved(result.ctr_original_judge, judged),
        ctr_edited_auditor=_moved(result.ctr_original_auditor, audited),
        ctr_control=_claim_control(result, transfer),
        uplift_low=low,
        uplift_high=high,
    )


def _in_place_of(verdict: Verdict | None, problem: Problem, result: EditResult) -> EditResult:
    """Return the result with `problem` in place of the verdict's reason."""
    said = tuple(problem if verdict is not None and one == verdict.reason else one for one in result.problems)
    return replace(result, problems=said, reason="; ".join(said))


def shift_level(row: dict[str, Any], shift: float) -> dict[str, Any]:
    """Return a row of results.jsonl with rates moved by `shift` log-odds in total, replacing any earlier shift."""
    by = shift - float(row.get("level_shift") or 0.0)
    moved = {
        name: float(f"{move_rate(row[name], by):.6g}")
        for name in _RATES
        if name.startswith("ctr_") and row.get(name) is not None
    }
    return {**row, **moved, "level_shift": shift}


def _claim_alternative(one: Alternative, transfer: ChangeTransfer) -> Alternative:
    if one.uplift is None or one.uplift_low is None or one.change is None or one.change_low is None or one.change_high is None:
        return one
    has_picture = any(edit.direction not in WORDS for edit in one.edits)  # then the share of the words is unknown
    change, deviation = transfer.claim(one.uplift, 0.0 if has_picture else one.uplift)
    logs = np.log1p([one.change, one.change_low, one.change_high])
    widths = np.hypot(logs - logs[0], INTERVAL_Z * deviation)
    return replace(
        one,
        uplift=change,
        uplift_low=change - (one.uplift - one.uplift_low),
        change=float(np.expm1(change)),
        change_low=float(np.expm1(change - widths[1])),
        change_high=float(np.expm1(change + widths[2])),
    )


def _share_by_words(result: EditResult) -> float:
    """Return the share (0..1) of the predicted change that comes from the new words."""
    before, after = _score(result.ctr_original), _score(result.ctr_edited)
    if result.change_by_words is None or before is None or after is None or after <= before:
        return 0.0
    return float(np.clip(result.change_by_words / (after - before), 0.0, 1.0))


def _claim_control(result: EditResult, transfer: ChangeTransfer) -> float | None:
    before, control = _score(result.ctr_original), _score(result.ctr_control)
    if result.ctr_original is None or before is None or control is None:
        return result.ctr_control
    return move_rate(result.ctr_original, transfer.claim(control - before, 0.0)[0])


def _score(rate: float | None) -> float | None:
    """Return the log-odds of a rate, to six digits."""
    return None if rate is None or not 0 < rate < 1 else round(float(np.log(rate / (1 - rate))), 6)


def _bounded_score(rate: float | None) -> float:
    """Return the log-odds of a rate; for 0 and 1 the log-odds of an adjacent rate."""
    rate = min(max(rate or 0.0, 1e-9), 1 - 1e-9)
    return math.log(rate / (1 - rate))


def _moved(rate: float | None, change: float) -> float | None:
    return None if rate is None else move_rate(rate, change)
