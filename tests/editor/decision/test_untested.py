"""What is said of an edit by models that have seen no results of the account."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adcreative.creative import Alternative, Edit, EditResult, SearchRecord
from adcreative.ctr.transfer import ChangeTransfer
from adcreative.editor.decision.judge import Verdict, give_verdict
from adcreative.editor.decision.result import move_rate
from adcreative.editor.decision.untested import claim_transferred, shift_level
from adcreative.problem import Problem

VERDICT: Verdict = give_verdict(chosen=0.3, low=0.1, judged=0.28, audited=0.25, audited_low=0.1, std=0.1)
LINE = Alternative(
    uplift=0.2,
    uplift_low=0.05,
    change=0.22,
    change_low=-0.05,
    change_high=0.5,
    identity=None,
    realism=None,
    size=1.0,
    headline="new",
    description="",
    cta="",
    edits=(Edit(face=-1, direction="headline", strength=0.0),),
)
RESULT = EditResult(
    file_name="a.jpg",
    status="edited",
    headline_original="old",
    headline_edited="new",
    ctr_original=0.02,
    ctr_original_judge=0.021,
    ctr_original_auditor=0.019,
    ctr_control=0.0201,
    ctr_edited=move_rate(0.02, VERDICT.expected),
    ctr_edited_low=0.01,
    ctr_edited_high=0.05,
    ctr_edited_judge=0.028,
    ctr_edited_auditor=0.025,
    uplift_low=0.05,
    uplift_high=0.6,
    change_by_words=VERDICT.expected,
    problems=(VERDICT.reason, Problem("no_other_line")),
    search=SearchRecord(curve=((0.1, 0.1),), rendered=2),
    alternatives=(LINE, replace(LINE, edits=(Edit(face=0, direction="smile", strength=1.0),))),
)
HALF = ChangeTransfer(words=0.5, words_between=0.0, picture=0.0, picture_between=0.0)


def test_a_stated_change_is_shrunk_by_what_transfers_and_its_interval_keeps_its_width() -> None:
    found = claim_transferred(RESULT, VERDICT, HALF)
    assert found.ctr_original == RESULT.ctr_original
    assert found.ctr_edited == pytest.approx(move_rate(0.02, 0.5 * VERDICT.expected))
    assert found.ctr_edited_judge == pytest.approx(move_rate(0.021, 0.14))
    assert found.ctr_control == pytest.approx(0.02)  # what a picture does is not known to come true
    low, high = (np.log1p(x) for x in (found.uplift_low, found.uplift_high))
    assert (low + high) / 2 == pytest.approx(0.5 * VERDICT.expected, abs=0.01)
    assert high - low == pytest.approx(2 * 1.645 * 0.1, rel=0.05)
    words, picture = found.alternatives
    assert words.uplift == pytest.approx(0.1)
    assert picture.uplift == 0.0
    assert "%" not in found.reason


def test_of_a_change_by_the_picture_nothing_is_claimed_and_variation_between_accounts_widens_it() -> None:
    by_picture = replace(RESULT, change_by_words=0.0)
    assert claim_transferred(by_picture, VERDICT, HALF).ctr_edited == pytest.approx(0.02)
    wide = claim_transferred(RESULT, VERDICT, replace(HALF, words_between=1.0))
    narrow = claim_transferred(RESULT, VERDICT, HALF)
    assert wide.uplift_high > narrow.uplift_high  # type: ignore[operator]
    assert wide.uplift_low < narrow.uplift_low  # type: ignore[operator]


def test_moving_to_a_level_twice_is_moving_to_the_last() -> None:
    row = RESULT.as_dict()
    once, twice = shift_level(row, 0.7), shift_level(shift_level(row, -0.4), 0.7)
    assert once["ctr_original"] == pytest.approx(move_rate(0.02, 0.7), rel=1e-5)
    assert twice["ctr_edited"] == pytest.approx(once["ctr_edited"], rel=1e-5)
    assert shift_level(once, 0.7) == once
    assert once["uplift_low"] == row["uplift_low"]
