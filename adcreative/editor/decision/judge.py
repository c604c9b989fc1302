"""Which edits of a front become finalists, and whether the picked edit is delivered: knee, shrinkage, verdict.

The largest of many predictions is too large on average (the optimiser's curse, Smith & Winkler 2006), so the model that
picked an edit does not report its gain alone. Three models of different seeds, splits and data score the same final pixels and
words: predictor and judge choose together (`models.py`); the auditor, which took no part in the choice, reports. The auditor's
lower bound must be positive, too, with half as many deviations (`decision/opinions.py`): the bound of predictor and judge is
biased upwards by the search, the auditor's is not. The two predictions, c of predictor and judge and a of the auditor, are
shrunk by their disagreement:

    expected = m * max(0, 1 - v / m^2),   m = (c + a) / 2,   v = (c - a)^2 / 4   (estimated variance of that mean)
             = 2 c a / (c + a)            the harmonic mean, when both are positive; 0 otherwise

which is the positive-part shrinkage of James & Stein 1961 towards no effect, for the mean of two measurements. The 90 %
interval of the true change is expected +- 1.645 std, with std of the two predictions pooled as above. This module knows
scores; no pictures, models or torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from adcreative.editor.space.genome import EditPlan
from adcreative.problem import Problem

KNEE_SHARE = 0.8  # the knee is searched among edits with at least this share of the largest lower bound
INTERVAL_Z = 1.6449  # two-sided 90 %, as every interval of a prediction
MOST_ALIKE = 3  # finalists with the same words, so that versions for a test differ in more than the picture
MOST_QUESTIONS = 2  # face versions without results of the account: each is a hypothesis for a test, not a promise
MIN_DISTANCE = 0.25  # least distance (standard deviations) between finalists with the same lines; closer ones look the same


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether an edit is delivered. All uplifts are changes of log-odds, measured on final pixels and words.

    chosen, low: mean and lower bound of predictor and judge; judged: mean of the judge alone; audited, audited_low: mean
    and lower bound of the auditor; expected: both shrunk as above: the figure to report; std: standard deviation of
    the true change around `expected`. reason: for the user.
    """

    chosen: float
    low: float
    judged: float
    audited: float
    audited_low: float
    expected: float
    std: float
    is_delivered: bool
    reason: Problem

    @property
    def interval(self) -> tuple[float, float]:
        """The 90 % interval of the true change."""
        return self.expected - INTERVAL_Z * self.std, self.expected + INTERVAL_Z * self.std


def pick_knee(low: Sequence[float], size: Sequence[float]) -> int:
    """Return the index of the edit with the best return: furthest above the line from no edit to the best edit.

        argmax of low/low_best - size/size_best   among edits with low >= KNEE_SHARE * low_best

    Args:
        low: lower bounds of uplift [N], the best of them positive. size: sizes of the edits [N].
    Source:
        Das 1999, distance to the line between the extremes of a front; the share is ours, since on a nearly straight front
        the position of the knee is arbitrary.
    """
    lows, sizes = np.asarray(low, dtype=np.float64), np.asarray(size, dtype=np.float64)
    order = np.lexsort((sizes, -lows))  # the largest bound first, then the smallest edit
    best = order[0]
    above = lows / lows[best] - sizes / max(sizes[best], 1e-12)
    allowed = lows >= KNEE_SHARE * lows[best] - 1e-12
    return int(order[np.argmax(np.where(allowed, above, -np.inf)[order])])


def choose_finalists(front: Sequence[EditPlan], *, num_finalists: int) -> list[EditPlan]:
    """Return up to num_finalists useful edits of a front that differ visibly: the knee first, then by lower bound.

    Sizes are weighted higher the less realistic the faces look, as in the choice among the finalists.

    At most MOST_ALIKE have the same words; light and colour alone are no edit. Empty when no lower bound is positive.
    """
    useful = [
        (one, one.score)
        for one in front
        if one.score is not None and one.low > 0.0 and not one.score.violation and one.kind != "look"
    ]
    if not useful:
        return []
    lows = [one.low for one, _ in useful]
    costs = [score.size / max(score.realism, 1e-6) for _, score in useful]
    chosen: list[EditPlan] = []
    for idx in (pick_knee(lows, costs), *np.argsort(-np.array(lows), kind="stable")):
        one = useful[idx][0]
        is_new = all(one.lines != other.lines or one.distance(other) > MIN_DISTANCE for other in chosen)
        num_alike = sum(one.lines[:2] == other.lines[:2] for other in chosen)
        if len(chosen) < num_finalists and is_new and num_alike < MOST_ALIKE:
            chosen.append(one)
    return chosen


def choose_versions(
    edits: Sequence[EditPlan], listed: Sequence[EditPlan], num: int, most_faces: int = MOST_QUESTIONS
) -> list[EditPlan]:
    """Return up to `num` edits to offer in addition to `listed`: the best of each kind, then other ideas, at last one look.

    Args:
        edits: the best first. listed: edits offered already. most_faces: limit of face edits among all of them.
    """
    tried = [one for one in edits if one.kind == "look" or any(one.lines[:2]) or one.kind != "line"]  # without buttons
    has_look = any(one.kind == "look" for one in listed)
    looks = [one for one in tried if one.kind == "look" and one.look.any()][: int(not has_look)]
    chosen: list[EditPlan] = []
    for most in (1, len(edits)):  # first unlisted kinds, then others
        for edit in tried:
            known = [*listed, *chosen]
            is_new = all(edit.idea != one.idea for one in known) and sum(one.kind == edit.kind for one in known) < most
            is_new &= not edit.faces.any() or sum(bool(one.faces.any()) for one in known) < most_faces
            if is_new and edit.kind != "look" and len(chosen) < num - len(looks):
                chosen.append(edit)
    return [*chosen, *looks][: max(0, num)]


def shrink_uplift(chosen: float, audited: float) -> float:
    """Return the uplift expected from `chosen` (predictor and judge) and `audited` (auditor); 0 unless both are gains."""
    if chosen <= 0.0 or audited <= 0.0:
        return 0.0
    return 2.0 * chosen * audited / (chosen + audited)


def give_verdict(
    *, chosen: float, low: float, judged: float, audited: float, audited_low: float, std: float, min_uplift: float = 0.0
) -> Verdict:
    """Decide whether an edit is delivered.

    An edit is delivered when the lower bounds of the two choosing models and of the auditor are positive, and the uplift
    expected from all three is above min_uplift.
    """
    expected = shrink_uplift(chosen, audited)
    said = {"chosen": as_percent(chosen), "low": as_percent(low), "audited": as_percent(audited)}
    if low <= 0.0:
        reason = Problem("gain_uncertain", chosen=said["chosen"], low=said["low"])
    elif audited <= 0.0:
        reason = Problem("third_sees_loss", chosen=said["chosen"], audited=said["audited"])
    elif audited_low <= 0.0:
        reason = Problem("third_uncertain", chosen=said["chosen"], audited=said["audited"], audited_low=as_percent(audited_low))
    elif expected <= min_uplift:
        reason = Problem(
            "gain_too_small",
            chosen=said["chosen"],
            audited=said["audited"],
            expected=as_percent(expected),
            least=as_percent(min_uplift),
        )
    else:
        reason = Problem("gain_agreed", **said, expected=as_percent(expected))
    return Verdict(
        chosen=chosen,
        low=low,
        judged=judged,
        audited=audited,
        audited_low=audited_low,
        expected=expected,
        std=std,
        is_delivered=min(low, audited, audited_low) > 0.0 and expected > min_uplift,
        reason=reason,
    )


def accept(verdict: Verdict) -> Verdict:
    """Return the verdict of an edit that the user takes regardless of the verdict: delivered, with the predicted change.

    A gain is claimed as for any other edit. Where one model predicts none, the mean of both predictions is stated, at most 0,
    so that a loss is reported as a loss.
    """
    expected = verdict.expected or min((verdict.chosen + verdict.audited) / 2, 0.0)
    return replace(verdict, is_delivered=True, expected=expected)


def as_percent(log_odds: float) -> float:
    """Return a change of log-odds as a change of the odds in percent."""
    return float(100 * np.expm1(log_odds))
