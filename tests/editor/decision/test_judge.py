"""Knee, finalists, shrinkage and verdict."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.creative import Creative
from adcreative.editor.decision.finalists import Finalist, pick_finalist
from adcreative.editor.decision.judge import (
    MOST_ALIKE,
    accept,
    choose_alternatives,
    choose_distinct,
    choose_finalists,
    give_verdict,
    pick_knee,
    shrink_uplift,
)
from adcreative.editor.settings import EditorConfig
from adcreative.editor.space.adjustments import ADJUSTMENTS
from adcreative.editor.space.genome import CandidateScore, EditPlan, GeneSpace, Individual
from adcreative.editor.space.looks import LOOKS, sweep_looks

SPACE = GeneSpace(num_faces=1, low=np.full(2, -2.0), high=np.full(2, 2.0), num_headlines=3)
POSITIVE = st.floats(1e-3, 3.0)


def edit(
    strength: float, low: float, size: float, *, headline: int = 0, violation: float = 0.0, realism: float = 1.0
) -> EditPlan:
    one = Individual([strength, 0.0, 1, 0, headline, 0, 0, 0])
    one.set_fitness(
        CandidateScore(
            uplift_mean=low, uplift_std=0, uplift_low=low, identity=1, size=size, violation=violation, realism=realism
        )
    )  # fmt: skip
    return SPACE.plans([one])[0]


def test_knee_of_a_saturating_front() -> None:
    low, size = [0.05, 0.45, 0.48, 0.5], [0.1, 1.0, 2.0, 3.0]
    assert pick_knee(low, size) == 1
    assert pick_knee(low, size, share=1.0) == 3


def test_knee_keeps_its_share_of_the_best() -> None:
    low, size = [0.3, 0.42, 0.5], [0.2, 1.5, 3.0]  # the first has the best return but only 60 %
    assert pick_knee(low, size, share=0.5) == 0
    assert pick_knee(low, size, share=0.8) == 1


def test_knee_of_one_and_of_equals() -> None:
    assert pick_knee([0.2], [0.0]) == 0
    assert pick_knee([0.2, 0.2, 0.2], [2.0, 1.0, 3.0], share=1.0) == 1


def test_finalists_are_useful_allowed_and_distinct() -> None:
    front = [edit(1.5, 0.5, 1.5), edit(1.45, 0.49, 1.45), edit(1.5, 0.48, 2.0, headline=1), edit(0.8, 0.45, 0.8),
             edit(0.1, -0.1, 0.1), edit(2.0, 0.9, 2.0, violation=0.1)]  # fmt: skip
    chosen = choose_finalists(front, num_finalists=5)
    assert chosen == [front[3], front[0], front[2]]  # the knee first, then by lower bound; [1] looks like [0]
    assert choose_finalists(front, num_finalists=1) == [front[3]]
    assert choose_finalists([edit(0.1, 0.0, 0.1)], num_finalists=5) == []


def test_of_two_equal_edits_the_one_that_looks_more_real_is_chosen() -> None:
    """Equal bounds and sizes; a slightly smaller edit that looks edited loses, and as a finalist it costs more."""
    edits = [edit(1.5, 0.5, 1.5, realism=0.86), edit(0.8, 0.5, 1.55)]
    assert choose_finalists(edits, num_finalists=1) == [edits[1]]
    parts = {"creative": Creative(file_name="a.png"), "features": None, "identity": 1.0}
    finalists = [
        Finalist(plan=one, realism=one.score.realism, predicted=0.6, low=0.5, judged=0.6, **parts)  # type: ignore[arg-type]
        for one in edits
    ]
    assert pick_finalist(finalists, EditorConfig()) is finalists[1]
    assert pick_finalist(finalists, EditorConfig(pick="best")) is finalists[1]
    words = Finalist(plan=edits[0], realism=None, **parts)  # type: ignore[arg-type]
    assert words.cost == edits[0].size, "no face, no reason to weigh it"


@given(POSITIVE, POSITIVE)
def test_shrinkage_equals_the_positive_part_formula(predicted: float, judged: float) -> None:
    mean, variance = (predicted + judged) / 2, (predicted - judged) ** 2 / 4
    assert shrink_uplift(predicted, judged) == pytest.approx(mean * max(0.0, 1 - variance / mean**2))
    assert shrink_uplift(predicted, judged) <= mean + 1e-12
    assert shrink_uplift(predicted, judged) == pytest.approx(shrink_uplift(judged, predicted))


def test_agreement_is_believed_and_contradiction_is_not() -> None:
    assert shrink_uplift(0.3, 0.3) == pytest.approx(0.3)
    assert shrink_uplift(0.4, 0.1) == pytest.approx(0.16)
    assert shrink_uplift(0.4, 0.0) == shrink_uplift(0.4, -0.5) == shrink_uplift(-0.1, 0.5) == 0.0


def test_verdicts_say_why() -> None:
    ok = give_verdict(chosen=0.3, low=0.2, judged=0.28, audited=0.25, audited_low=0.01, std=0.1)
    assert ok.is_delivered
    assert ok.expected == shrink_uplift(0.3, 0.25)
    assert "together +31.4 % odds" in ok.reason
    unsure = give_verdict(chosen=0.3, low=-0.1, judged=0.28, audited=0.25, audited_low=0.01, std=0.1)
    assert not unsure.is_delivered
    assert "is not certain, its lower bound is -9.5 %" in unsure.reason
    alone = give_verdict(chosen=0.3, low=0.2, judged=0.28, audited=-0.05, audited_low=-0.2, std=0.1)
    assert not alone.is_delivered
    assert "does not survive another opinion" in alone.reason
    doubtful = give_verdict(chosen=0.3, low=0.2, judged=0.28, audited=0.25, audited_low=-0.1, std=0.1)
    assert not doubtful.is_delivered
    assert "but is not certain of a gain, its lower bound is -9.5 %" in doubtful.reason
    small = give_verdict(chosen=0.3, low=0.2, judged=0.28, audited=0.02, audited_low=0.01, std=0.1, min_uplift=0.05)
    assert not small.is_delivered
    assert "not more than the +5.1 % asked for" in small.reason


def look_space(reach: float = 0.5) -> GeneSpace:
    """One other headline, no face, and the five adjustments of a picture, which cannot be cropped."""
    high = np.array([reach] * 4 + [0.0])
    return GeneSpace(
        num_faces=0, low=np.zeros(0), high=np.zeros(0), num_headlines=2, adjustment_low=-high, adjustment_high=high
    )


def look(headline: int = 0, **strengths: float) -> EditPlan:
    return look_space().plans([genome_of_look(headline, **strengths)])[0]


def genome_of_look(headline: int = 0, **strengths: float) -> Individual:
    found = [strengths.get(name, 0.0) for name in ADJUSTMENTS]
    return Individual([*found, *(float(one != 0) for one in found), headline, 0, 0, 0])


def test_light_alone_is_listed_only_where_it_is_seen_and_told_from_what_is_listed() -> None:
    """A search of an ad whose lines stay ends beside the ad as it was: five cards that nobody could tell apart."""
    reach = look_space().look_reach
    faint = [look(exposure=0.2), look(warmth=-0.3), look(contrast=0.39)]
    assert choose_distinct(faint, [], reach=reach, num=5) == []
    line = look(headline=1, exposure=0.2)
    assert choose_distinct([*faint, line], [], reach=reach, num=5) == [line]  # its words are seen
    bright, brighter = look(exposure=0.5), look(exposure=0.45, saturation=0.5)
    cool, warm = look(warmth=-0.5, saturation=-0.3), look(warmth=0.5, exposure=-0.2)
    assert choose_distinct([bright, brighter, cool, warm], [], reach=reach, num=3) == [bright, cool, warm]
    assert choose_distinct([bright, brighter], [], reach=reach, num=3) == [bright, brighter]  # where there is nothing else
    weak = [look(exposure=0.2), look(exposure=0.3)]
    assert choose_distinct(weak, [], reach=0.3, num=5) == weak[1:]


def test_every_look_is_another_one_and_five_can_be_listed() -> None:
    space = look_space()
    looks = sweep_looks(space)
    assert len(looks) == len(LOOKS) - 1  # the picture cannot be cropped
    assert looks[0] == genome_of_look(warmth=0.5, exposure=0.3)
    assert len({one.kind for one in space.plans(looks)}) == len(looks)
    assert len(choose_distinct(space.plans(looks), [], reach=space.look_reach, num=5)) == 5
    assert sweep_looks(GeneSpace(num_faces=0, low=np.zeros(0), high=np.zeros(0))) == []
    assert sweep_looks(look_space(0.1)) == []  # nobody would see it


def test_the_interval_of_a_change_is_ninety_percent_around_what_is_expected() -> None:
    verdict = give_verdict(chosen=0.3, low=0.2, judged=0.28, audited=0.25, audited_low=0.01, std=0.1)
    low, high = verdict.interval
    assert (low + high) / 2 == pytest.approx(verdict.expected)
    drawn = np.random.default_rng(0).normal(verdict.expected, 0.1, 200_000)
    assert ((low <= drawn) & (drawn <= high)).mean() == pytest.approx(0.9, abs=3e-3)


def test_alternatives_fill_up_the_finalists_and_differ_in_more_than_a_button() -> None:
    space = GeneSpace(num_faces=1, low=np.array([-2.0]), high=np.array([2.0]), num_headlines=3, num_buttons=2)

    def edit(strength: float, headline: float, button: float = 0.0) -> EditPlan:
        return space.plans([Individual([strength, float(strength != 0.0), headline, 0.0, button, 0.0])])[0]

    finalists = [edit(0.0, 1.0)]
    other_button, close, other_line, face = edit(0.0, 1.0, 1.0), edit(0.2, 1.0), edit(0.0, 2.0), edit(1.5, 1.0)
    found = choose_alternatives([other_button, close, other_line, face], finalists, reach=0.0, num_alternatives=5)
    assert found == [other_line, face]
    assert choose_alternatives([other_line, face], finalists, reach=0.0, num_alternatives=2) == [other_line]
    assert choose_alternatives([other_line], finalists, reach=0.0, num_alternatives=1) == []


def test_what_is_offered_differs_in_words_where_it_can() -> None:
    looks = [edit(0.5 * k, 0.9 - 0.1 * k, 1.0, headline=0) for k in range(5)]
    line = edit(0.0, 0.1, 1.0, headline=1)
    finalists = choose_finalists([*looks, line], num_finalists=5)
    assert [one.lines[0] for one in finalists].count(0) == MOST_ALIKE
    assert line in finalists
    found = choose_alternatives([*looks, line], finalists, reach=0.0, num_alternatives=5)
    assert found  # where no other line is left, the same words are shown again
    assert all(one in looks for one in found)
    assert len(choose_distinct([*finalists, *found], [], reach=0.0, num=5)) == 5


def test_a_new_line_is_listed_before_a_fourth_picture_of_the_same_words() -> None:
    looks = [edit(0.5 * k, 0.9 - 0.1 * k, 1.0, headline=0) for k in range(5)]
    line = edit(0.0, -0.3, 1.0, headline=1)
    assert choose_alternatives([*looks, line], looks[:3], reach=0.0, num_alternatives=4)[0] == line


def test_cards_are_of_different_kinds_before_they_are_of_the_largest_gain() -> None:
    space = GeneSpace(
        num_faces=1, low=np.array([-2.0]), high=np.array([2.0]), num_headlines=3, num_descriptions=2,
        adjustment_low=np.full(2, -0.6), adjustment_high=np.full(2, 0.6),
    )  # fmt: skip

    def change(face: float = 0.0, warm: float = 0.0, bright: float = 0.0, headline: int = 0, description: int = 0) -> EditPlan:
        strengths = [face, warm, bright]
        genome = Individual([*strengths, *(float(one != 0) for one in strengths), headline, description, 0, 0])
        return space.plans([genome])[0]

    warmer, warmest, brighter = change(warm=0.5), change(warm=0.6, bright=0.3), change(bright=0.6, warm=0.2)
    smiling, line, told, both = (
        change(face=1.0),
        change(headline=1),
        change(headline=1, description=1),
        change(1.0, 0.9, 0.0, 2),
    )
    reach = space.look_reach
    best_first = [warmer, warmest, brighter, smiling, line, told, both]
    assert choose_distinct(best_first, [], reach=reach, num=5) == [warmer, smiling, line, told, both]
    assert choose_distinct(best_first, [warmest], reach=reach, num=2) == [smiling, line]
    third = change(headline=1, warm=0.9)
    assert choose_distinct([line, told, third, both], [], reach=reach, num=3) == [line, told, both]  # no third of one headline
    assert choose_distinct([warmer, warmest, brighter], [], reach=reach, num=2) == [
        warmer,
        brighter,
    ]  # another look
    assert choose_distinct([warmer, warmest, brighter], [], reach=reach, num=3) == [warmer, brighter, warmest]
    assert choose_distinct([warmer, change(warm=0.51)], [], reach=reach, num=2) == [warmer]  # nobody tells these apart


def test_a_choice_of_the_users_is_delivered_and_a_loss_is_said_to_be_one() -> None:
    loss = accept(give_verdict(chosen=-0.1, low=-0.2, judged=-0.1, audited=-0.3, audited_low=-0.4, std=0.1))
    assert loss.is_delivered
    assert loss.expected == pytest.approx(-0.2)
    doubt = accept(give_verdict(chosen=0.3, low=0.1, judged=0.3, audited=-0.1, audited_low=-0.2, std=0.1))
    assert doubt.expected == 0.0  # one of the opinions is a loss: no gain is claimed
    gain = give_verdict(chosen=0.2, low=0.1, judged=0.2, audited=0.2, audited_low=0.01, std=0.1)
    assert accept(gain) == gain
