"""What a result says of its search: the front, the edit delivered from it, the curve, and who ended it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from adcreative.editor.session import EditorConfig, EditOutcome, Session
from adcreative.features.batch import CreativeFeatures
from tests.editor.fakes import edit_creative, fake_ad, fake_tools, open_ad

QUICK = EditorConfig(edit_look=False, population_size=12, generations=5, identity_floor=0.5, seed=3)


@pytest.fixture(scope="module")
def session() -> Session:
    return open_ad(fake_ad(), fake_tools(), QUICK)


@pytest.fixture(scope="module")
def outcome(session: Session) -> EditOutcome:
    return session.search()


def test_a_result_carries_the_front_the_delivered_edit_and_the_curve(outcome: EditOutcome) -> None:
    record = outcome.result.search
    assert set(record.front) == {(round(size, 4), round(low, 4)) for size, low in outcome.front}
    assert list(record.front) == sorted(record.front)
    assert record.delivered in record.front
    assert len(record.curve) == QUICK.generations + 1
    assert record.curve[-1][0] == pytest.approx(outcome.search.best_so_far[-1].score.uplift_mean, abs=1e-4)
    assert [second for _, second in record.curve] == pytest.approx(outcome.search.logbook.select("second"), abs=1e-4)
    assert record.stopped_itself is False
    written = json.loads(json.dumps(outcome.result.as_dict()))["search"]
    assert tuple(map(tuple, written["front"])) == record.front


def test_a_large_front_is_thinned_evenly_over_its_sizes(outcome: EditOutcome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adcreative.editor.decision.result.MAX_FRONT", 3)
    few = edit_creative(fake_ad(), tools=fake_tools(), config=QUICK).result.search.front
    whole = outcome.result.search.front
    assert len(whole) > 3
    assert few == (whole[0], whole[round((len(whole) - 1) / 2)], whole[-1])


def test_the_edit_chosen_by_hand_is_the_one_marked(session: Session, outcome: EditOutcome) -> None:
    last = outcome.alternatives[-1]
    other = session.choose(len(outcome.alternatives) - 1, is_forced=True).result
    assert other.search.front == outcome.result.search.front
    assert other.status == "edited"
    assert other.search.delivered[0] == round(last.size, 4) != outcome.result.search.delivered[0]


def test_a_search_that_ended_itself_says_so_and_a_kept_ad_marks_nothing() -> None:
    def hacked(f: CreativeFeatures) -> float:
        return -3.0 + float(f.face_attributes[:, :5].sum())

    def sober(f: CreativeFeatures) -> float:
        return -3.0 - 0.1 * float(np.square(f.face_attributes).sum())

    config = replace(
        EditorConfig(edit_look=False, risk_aversion=0.8), population_size=6, generations=25, num_headlines=0, num_descriptions=0
    )
    result = edit_creative(fake_ad(), tools=fake_tools(hacked, judge=sober), config=config).result
    assert result.search.stopped_itself is True
    assert len(result.search.curve) < 26
    assert result.status == "kept"
    assert result.search.delivered is None


def test_a_kept_ad_lists_the_best_distinct_edits_with_their_expected_change() -> None:
    def harm(f: CreativeFeatures) -> float:  # every edit costs something, some headlines less than others
        return -3.0 - float(np.abs(f.face_attributes).sum()) - 0.5 * abs((f.appeal or 0.0) - 0.01)

    ad = fake_ad(cta="Shop now")
    session = open_ad(ad, fake_tools(harm), QUICK)
    kept = session.search()
    found = kept.result.alternatives
    assert kept.result.status == "kept"
    assert len(found) == QUICK.num_finalists
    assert len({(one.headline, one.description, one.edits) for one in found}) == len(found)
    lows = [one.uplift_low for one in found if one.uplift_low is not None]
    assert len(lows) == len(found)
    assert lows == sorted(lows, reverse=True)
    assert any(one.headline != ad.headline for one in found)
    for one in found:
        assert one.edits
        assert one.uplift_low <= 0.0
        assert one.change_low <= one.change <= one.change_high
        moved = kept.result.ctr_original * (1 + one.change)  # type: ignore[operator]
        change = np.log(moved / (1 - moved)) - np.log(kept.result.ctr_original / (1 - kept.result.ctr_original))  # type: ignore[operator]
        assert change == pytest.approx(one.uplift)
    written = json.loads(json.dumps(kept.result.as_dict()))["alternatives"]
    assert [one["headline"] for one in written] == [one.headline for one in found]
    chosen = session.choose(0)
    assert (chosen.result.status, chosen.result.alternatives) == ("kept", found)
    assert "is not certain" in chosen.result.reason
    forced = session.choose(len(found) - 1, is_forced=True).result
    assert (forced.status, forced.headline_edited) == ("edited", found[-1].headline)
    assert forced.ctr_edited <= forced.ctr_original
    assert "is not certain" in forced.reason
    assert session.picture(0) is not None


def test_an_edited_ad_lists_what_was_delivered_among_its_alternatives(outcome: EditOutcome) -> None:
    listed = [(one.headline, one.edits) for one in outcome.result.alternatives]
    assert (outcome.result.headline_edited, outcome.result.edits) in listed
    assert len(listed) == QUICK.num_finalists
