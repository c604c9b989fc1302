"""From a front to one edit, and whether it is delivered: knee, finalists, and a second model's say.

The largest of many predictions is too large on average (the optimiser's curse, Smith & Winkler 2006), so the winner of the
search is not believed by the model that picked it alone. A second predictor, of another seed and split, scores the same
final pixels and words; the two answers p and j are shrunk by how far they disagree:

    expected = m * max(0, 1 - v / m^2),   m = (p + j) / 2,   v = (p - j)^2 / 4   (estimated variance of that mean)
             = 2 p j / (p + j)            the harmonic mean, when both are positive; 0 when one is not

which is the positive-part shrinkage of James & Stein 1961 towards no effect, for the mean of two measurements. Knows scores;
no pictures, models or torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adcreative.editor.genome import GeneSpace, Individual

KNEE_SHARE = 0.8  # the knee is looked for among edits that keep this share of the largest lower bound
MIN_DISTANCE = 0.25  # finalists with the same lines differ by this much (standard deviations); less cannot be told apart


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether an edit is delivered. All uplifts are changes of log-odds, measured on final pixels and words.

    predicted, low: the predictor's mean and lower bound; judged: the judge's mean; expected: both, shrunk as above.
    reason: one sentence, for the user.
    """

    predicted: float
    low: float
    judged: float
    expected: float
    is_delivered: bool
    reason: str


def pick_knee(low: Sequence[float], size: Sequence[float], *, share: float = KNEE_SHARE) -> int:
    """Return the index of the edit with the best return: furthest above the line from no edit to the best edit.

        argmax of low/low_best - size/size_best   among edits with low >= share * low_best

    Args:
        low: lower bounds of uplift [N], the best of them positive. size: sizes of the edits [N].
        share: 1 picks the best itself (the smallest, when several are equally good).
    Source:
        Das 1999, distance to the line between the extremes of a front; the share is ours, since on a nearly straight front
        the knee is anywhere.
    """
    lows, sizes = np.asarray(low, dtype=np.float64), np.asarray(size, dtype=np.float64)
    order = np.lexsort((sizes, -lows))  # the largest bound, then the smallest edit
    best = order[0]
    above = lows / lows[best] - sizes / max(sizes[best], 1e-12)
    allowed = lows >= share * lows[best] - 1e-12
    return int(order[np.argmax(np.where(allowed, above, -np.inf)[order])])


def choose_finalists(front: Sequence[Individual], space: GeneSpace, *, num_finalists: int) -> list[Individual]:
    """Return up to num_finalists useful edits of a front, distinct to the eye: its knee, then by the lower bound.

    Empty when no edit on the front promises a positive lower bound.
    """
    useful = [individual for individual in front if individual.fitness.values[0] > 0.0 and not individual.fitness.violation]
    if not useful:
        return []
    lows, _, sizes = zip(*(individual.fitness.values for individual in useful), strict=True)
    order = [pick_knee(lows, sizes), *np.argsort(-np.array(lows), kind="stable")]
    chosen: list[Individual] = []
    for idx in order:
        if len(chosen) < num_finalists and all(space.distance(useful[idx], other) > MIN_DISTANCE for other in chosen):
            chosen.append(useful[idx])
    return chosen


def shrink_uplift(predicted: float, judged: float) -> float:
    """Return what to expect of an uplift that one model predicted, and a second judged; 0 unless both see a gain."""
    if predicted <= 0.0 or judged <= 0.0:
        return 0.0
    return 2.0 * predicted * judged / (predicted + judged)


def give_verdict(*, predicted: float, low: float, judged: float, min_uplift: float = 0.0) -> Verdict:
    """Decide whether an edit is delivered: its lower bound and the judge's uplift are positive, and what is expected of
    both is above min_uplift."""
    expected = shrink_uplift(predicted, judged)
    if low <= 0.0:
        reason = (
            f"on final pixels and words the best edit's predicted uplift ({as_percent(predicted)}) is not certain, its "
            f"lower bound is {as_percent(low)}"
        )
    elif judged <= 0.0:
        reason = (
            f"the predictor expects {as_percent(predicted)} from the best edit, the judge {as_percent(judged)}, "
            "so the gain does not survive a second opinion"
        )
    elif expected <= min_uplift:
        reason = (
            f"predictor ({as_percent(predicted)}) and judge ({as_percent(judged)}) together let expect "
            f"{as_percent(expected)}, not more than the {as_percent(min_uplift)} asked for"
        )
    else:
        reason = (
            f"the predictor expects {as_percent(predicted)} (at least {as_percent(low)}), the judge "
            f"{as_percent(judged)}; together {as_percent(expected)} odds of a click"
        )
    is_delivered = low > 0.0 and judged > 0.0 and expected > min_uplift
    return Verdict(predicted=predicted, low=low, judged=judged, expected=expected, is_delivered=is_delivered, reason=reason)


def as_percent(log_odds: float) -> str:
    """Return a change of log-odds as a percentage change of the odds, such as "+12.3 %"."""
    return f"{100 * np.expm1(log_odds):+.1f} %"
