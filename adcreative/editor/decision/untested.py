"""What may be said of an edit by models that have seen no results of the account: an order, no rates and no promise.

`withhold_rates` leaves an edit without any number of clicks: worth a test, not more. `claim_transferred` keeps rates for an
account that states its mean rate, and states a change as far as such changes were found to come true on accounts that a model
had not learnt from (`ctr.transfer`). Loads no torch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from adcreative.creative import Alternative, EditResult, SearchRecord
from adcreative.ctr.transfer import ChangeTransfer
from adcreative.editor.decision.judge import INTERVAL_Z, Verdict
from adcreative.editor.decision.result import WORDS, move_rate

UNTESTED_EDIT = (
    "untested, worth a test: the models prefer this version, but they have seen no results of this account, so how much it "
    "changes the click rate is not known"
)
UNTESTED_CHOICE = (
    "untested, worth a test: the models have seen no results of this account, so how much it changes the click rate is not "
    "known"
)
UNTESTED_CHANGE = (
    "untested, worth a test: models that have seen no results of this account expect a change of {:+.1%} ({:+.1%} to {:+.1%})"
)
UNTESTED_AD = "the models, which have seen no results of this account, agree on no better version"
_RATES = (
    "ctr_original", "ctr_original_judge", "ctr_original_auditor", "ctr_control", "ctr_edited", "ctr_edited_low",
    "ctr_edited_high", "ctr_edited_judge", "ctr_edited_auditor", "uplift_low", "uplift_high",
)  # fmt: skip


def withhold_rates(result: EditResult, verdict: Verdict | None) -> EditResult:
    """Return the result without rates, changes and what the search predicted; rank_score alone orders the ads of one run.

    Args:
        verdict: of the edit, whose sentence states changes; None when there is none.
    """
    said = result.reason
    if verdict is not None:
        edited = UNTESTED_CHOICE if result.is_own_choice else UNTESTED_EDIT
        said = said.replace(verdict.reason, edited if result.status == "edited" else UNTESTED_AD)
    nothing: dict[str, Any] = dict.fromkeys(_RATES)
    return replace(
        result, **nothing, reason=said, is_untested=True, change_by_words=None, rank_score=_score(result.ctr_original),
        search=SearchRecord(rendered=result.search.rendered, stopped_itself=result.search.stopped_itself),
        alternatives=tuple(
            replace(one, uplift=None, uplift_low=None, change=None, change_low=None, change_high=None)
            for one in result.alternatives
        ),
    )  # fmt: skip


def claim_transferred(result: EditResult, verdict: Verdict | None, transfer: ChangeTransfer) -> EditResult:
    """Return the result with its change, and those of the alternatives, shrunk to what transfers between accounts.

    The interval keeps the verdict's width and has the variation between accounts added.
    """
    found = replace(
        result, is_untested=True, rank_score=_score(result.ctr_original),
        search=replace(result.search, curve=(), front=(), delivered=None),
        alternatives=tuple(_claim_alternative(one, transfer) for one in result.alternatives),
    )  # fmt: skip
    if result.status != "edited" or verdict is None or not result.ctr_original:
        return found
    share = _share_by_words(result)
    change, deviation = transfer.claim(verdict.expected, share * verdict.expected)
    judged, audited = (transfer.claim(one, share * one)[0] for one in (verdict.judged, verdict.audited))
    width = INTERVAL_Z * float(np.hypot(verdict.std, deviation))
    low, high = (move_rate(result.ctr_original, change + side * width) / result.ctr_original - 1 for side in (-1, 1))
    back = -verdict.expected
    rate = move_rate(result.ctr_original, change)
    told = UNTESTED_CHANGE.format(rate / result.ctr_original - 1, low, high) if result.is_own_choice else UNTESTED_EDIT
    return replace(
        found,
        reason=result.reason.replace(verdict.reason, told),
        ctr_edited=rate,
        ctr_edited_low=_moved(result.ctr_edited_low, back + change),
        ctr_edited_high=_moved(result.ctr_edited_high, back + change),
        ctr_edited_judge=_moved(result.ctr_original_judge, judged),
        ctr_edited_auditor=_moved(result.ctr_original_auditor, audited),
        ctr_control=_claim_control(result, transfer),
        uplift_low=low,
        uplift_high=high,
    )


def shift_level(row: dict[str, Any], shift: float) -> dict[str, Any]:
    """Return a row of results.jsonl whose rates are moved by `shift` log-odds in all, whatever they were moved by before."""
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
    has_picture = any(edit.direction not in WORDS for edit in one.edits)  # then how much the words bring is not known
    change, deviation = transfer.claim(one.uplift, 0.0 if has_picture else one.uplift)
    logs = np.log1p([one.change, one.change_low, one.change_high])
    widths = np.hypot(logs - logs[0], INTERVAL_Z * deviation)
    return replace(
        one, uplift=change, uplift_low=change - (one.uplift - one.uplift_low), change=float(np.expm1(change)),
        change_low=float(np.expm1(change - widths[1])), change_high=float(np.expm1(change + widths[2])),
    )  # fmt: skip


def _share_by_words(result: EditResult) -> float:
    """Return which part (0..1) of the predicted change the new words bring."""
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


def _moved(rate: float | None, change: float) -> float | None:
    return None if rate is None else move_rate(rate, change)
