"""Knee, finalists, shrinkage and verdict; the third model's mean and its own lower bound."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.creative import Creative
from adcreative.editor.decision.finalists import Finalist, pick_finalist
from adcreative.editor.decision.judge import accept, choose_finalists, choose_versions, give_verdict, pick_knee, shrink_uplift
from adcreative.editor.decision.opinions import Opinion, audit
from adcreative.editor.settings import EditorConfig
from adcreative.editor.space.genome import ADJUSTMENTS, KINDS, CandidateScore, EditPlan, GeneSpace, Individual

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
    )
    return SPACE.plans([one])[0]


def test_knee_of_a_saturating_front() -> None:
    low, size = [0.05, 0.45, 0.48, 0.5], [0.1, 1.0, 2.0, 3.0]
    assert pick_knee(low, size) == 1


def test_knee_keeps_its_share_of_the_best() -> None:
    low, size = [0.3, 0.42, 0.5], [0.2, 1.5, 3.0]  # the first has the best return but only 60 %
    assert pick_knee(low, size) == 1


def test_knee_of_one_and_of_equals() -> None:
    assert pick_knee([0.2], [0.0]) == 0
    assert pick_knee([0.2, 0.2, 0.2], [2.0, 1.0, 3.0]) == 1


def test_finalists_are_useful_allowed_and_distinct() -> None:
    front = [
        edit(1.5, 0.5, 1.5),
        edit(1.45, 0.49, 1.45),
        edit(1.5, 0.48, 2.0, headline=1),
        edit(0.8, 0.45, 0.8),
        edit(0.1, -0.1, 0.1),
        edit(2.0, 0.9, 2.0, violation=0.1),
    ]
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
        Finalist(plan=one, realism=one.score.realism, opinion=Opinion(0.6, 0.5, 0.6, 0.0), **parts)  # type: ignore[arg-type]
        for one in edits
    ]
    assert pick_finalist(finalists) is finalists[1]
    assert pick_finalist([]) is None
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


def test_the_interval_of_a_change_is_ninety_percent_around_what_is_expected() -> None:
    verdict = give_verdict(chosen=0.3, low=0.2, judged=0.28, audited=0.25, audited_low=0.01, std=0.1)
    low, high = verdict.interval
    assert (low + high) / 2 == pytest.approx(verdict.expected)
    drawn = np.random.default_rng(0).normal(verdict.expected, 0.1, 200_000)
    assert ((low <= drawn) & (drawn <= high)).mean() == pytest.approx(0.9, abs=3e-3)


def plan(
    line: int = 0,
    below: int = 0,
    button: int = 0,
    smile: float = 0.0,
    *,
    is_message: bool = False,
    layout: int = 0,
    **look: float,
) -> EditPlan:
    strengths = np.array([look.get(name, 0.0) for name in ADJUSTMENTS])
    return EditPlan(
        lines=(line, below, button), scene=0, faces=np.array([[smile]]), look=strengths, is_message=is_message, layout=layout
    )


def test_what_an_edit_tries_is_its_words_before_its_picture_and_that_before_light() -> None:
    kinds = {
        "line": [plan(1), plan(0, 1, smile=1.0, warmth=0.5), plan(button=1)],
        "message": [plan(2, is_message=True), plan(layout=1, is_message=True)],
        "layout": [plan(layout=1)],
        "picture": [plan(smile=1.0, exposure=0.5), plan(crop=0.4)],
        "look": [plan(exposure=0.5), plan(button=1, warmth=0.3), plan(crop=0.4, warmth=0.3)],
    }
    assert tuple(sorted(kinds)) == tuple(sorted(KINDS))
    for kind, plans in kinds.items():
        assert [one.kind for one in plans] == [kind] * len(plans)
    assert not plan(1, warmth=0.5, crop=0.4).without_look().look.any()
    assert plan(warmth=0.5, crop=0.4).without_look().look.tolist() == [0, 0, 0, 0, 0.4]
    assert plan(warmth=0.5).without_look().look.any()
    assert not plan(1, smile=1.0).without_look().faces.any(), "words and a face are two questions"
    assert plan(smile=1.0, crop=0.4).without_look().faces.any()


def test_versions_are_of_five_kinds_and_a_look_comes_last() -> None:
    looks = [plan(exposure=0.5), plan(warmth=0.5), plan(contrast=-0.5)]
    line, second, message, layout = plan(1), plan(2), plan(3, is_message=True), plan(layout=1)
    face, button = plan(smile=1.0), plan(button=1)
    best_first = [*looks, button, line, second, face, message, layout]
    assert choose_versions(best_first, [], 5) == [line, face, message, layout, looks[0]]
    assert choose_versions(best_first, [line], 5) == [face, message, layout, second, looks[0]]
    assert choose_versions(best_first, [looks[1]], 2) == [line, face]
    assert choose_versions([*looks, button], [], 5) == looks[:1], "never five tints"
    assert choose_versions([plan(), button], [], 5) == []
    assert choose_versions([line, plan(1, warmth=0.5), plan(1, smile=1.0)], [], 5) == [line], "one line is one version"
    sad = plan(smile=-1.0)
    assert choose_versions([face, plan(smile=1.5), sad], [], 5) == [face, sad]
    assert choose_versions([face, sad], [], 5, most_faces=1) == [face]
    assert choose_versions([sad], [face], 5, most_faces=1) == []


def test_a_crop_or_a_look_that_is_hardly_seen_is_faint() -> None:
    high = np.full(len(ADJUSTMENTS), 0.5)
    space = GeneSpace(num_faces=0, low=np.zeros(0), high=np.zeros(0), adjustment_low=-high, adjustment_high=high)
    assert space.is_faint(plan(crop=0.21))
    assert space.is_faint(plan(exposure=0.39))
    assert space.is_faint(plan(button=1, warmth=-0.2))
    assert not any(map(space.is_faint, [plan(crop=0.4), plan(warmth=-0.5), plan(1, exposure=0.2), plan(smile=1.0), plan()]))


def test_light_alone_is_no_finalist() -> None:
    score = CandidateScore(uplift_mean=0.5, uplift_std=0, uplift_low=0.5, identity=1, size=1.0)
    bright, smiling = (replace(one, score=score) for one in (plan(exposure=0.5), plan(smile=1.0)))
    assert choose_finalists([bright, smiling], num_finalists=5) == [smiling]


def test_a_choice_of_the_users_is_delivered_and_a_loss_is_said_to_be_one() -> None:
    loss = accept(give_verdict(chosen=-0.1, low=-0.2, judged=-0.1, audited=-0.3, audited_low=-0.4, std=0.1))
    assert loss.is_delivered
    assert loss.expected == pytest.approx(-0.2)
    doubt = accept(give_verdict(chosen=0.3, low=0.1, judged=0.3, audited=-0.1, audited_low=-0.2, std=0.1))
    assert doubt.expected == 0.0  # one of the opinions is a loss: no gain is claimed
    gain = give_verdict(chosen=0.2, low=0.1, judged=0.2, audited=0.2, audited_low=0.01, std=0.1)
    assert accept(gain) == gain


PAIR = [Creative(headline="Sleep well"), Creative(headline="Sleep deeper")]
CHOSEN = Opinion(chosen=0.3, low=0.2, judged=0.3, std=0.1)


class Says:
    """Predicts a change of 0.2 with a deviation; half of such changes comes true once they were searched."""

    searched_share = 0.5

    def __init__(self, std: float) -> None:
        self.std = std

    def predict_change(self, creatives: Any, features: Any) -> tuple[np.ndarray, np.ndarray]:
        return np.array([0.2]), np.array([self.std])


def verdict(std: float, *, is_searched: bool = False) -> Any:
    tools: Any = Namespace(auditor=Says(std))
    return audit(PAIR, [None, None], CHOSEN, tools, EditorConfig(risk_aversion=0.8), is_searched=is_searched)


def test_a_third_model_that_is_not_sure_keeps_the_ad() -> None:
    sure, unsure = verdict(0.1), verdict(0.6)
    assert (sure.audited, sure.audited_low) == (pytest.approx(0.2), pytest.approx(0.2 - 0.4 * 0.1))
    assert sure.is_delivered
    assert unsure.audited_low == pytest.approx(-0.04)
    assert not unsure.is_delivered


def test_the_share_of_searched_changes_moves_no_sign() -> None:
    searched = verdict(0.1, is_searched=True)
    assert (searched.audited, searched.audited_low) == (pytest.approx(0.1), pytest.approx(0.08))
    assert verdict(0.6, is_searched=True).audited_low == pytest.approx(-0.02)
