"""Which edits of a front become finalists, and whether the picked one is delivered: knee, shrinkage, verdict.

The largest of many predictions is too large on average (the optimiser's curse, Smith & Winkler 2006), so the model that
picked an edit does not report its gain alone. Three models of different seeds, splits and data score the same final pixels and
words: predictor and judge choose together (`scoring/uplift.py`), the auditor, which had no part in the choice, reports. It
has to be sure of a gain, too, by half as many deviations (`decision/opinions.py`): the bound of those who chose was searched
for and is too high, the auditor's was not. The two answers, c of those that chose and a of the auditor, are shrunk by how far
they disagree:

    expected = m * max(0, 1 - v / m^2),   m = (c + a) / 2,   v = (c - a)^2 / 4   (estimated variance of that mean)
             = 2 c a / (c + a)            the harmonic mean, when both are positive; 0 when one is not

which is the positive-part shrinkage of James & Stein 1961 towards no effect, for the mean of two measurements. How far the true
change may be from it is said by a 90 % interval: expected +- 1.645 std, std that of the two answers pooled as above. Knows
scores; no pictures, models or torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from adcreative.editor.space.genome import NUM_COARSE, GeneSpace, Individual

KNEE_SHARE = 0.8  # the knee is looked for among edits that keep this share of the largest lower bound
INTERVAL_Z = 1.6449  # two-sided 90 %, as every interval of a prediction
MOST_ALIKE = 3  # finalists with the same words, so that what is offered for a test differs in more than the picture
MOST_OF_A_HEADLINE = 2  # edits of different kinds with one headline, where there are others to list
MIN_DISTANCE = 0.25  # finalists with the same lines differ by this much (standard deviations); less cannot be told apart
VISIBLE = 0.8  # part of the range of light and colour from which on a change of these alone is seen in a card
APART = 1.3  # part of that range by which two such changes differ that are told apart side by side


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether an edit is delivered. All uplifts are changes of log-odds, measured on final pixels and words.

    chosen, low: mean and lower bound of the two models that chose; judged: the second of them alone; audited, audited_low: mean
    and lower bound of the third; expected: those who chose and the third, shrunk as above: the figure to report; std: deviation
    of the true change around it. reason: one sentence, for the user.
    """

    chosen: float
    low: float
    judged: float
    audited: float
    audited_low: float
    expected: float
    std: float
    is_delivered: bool
    reason: str

    @property
    def interval(self) -> tuple[float, float]:
        """The 90 % interval of the true change."""
        return self.expected - INTERVAL_Z * self.std, self.expected + INTERVAL_Z * self.std


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
    """Return up to num_finalists useful edits of a front that differ visibly: its knee first, then by lower bound.

    Sizes count for more the less real the faces look, as in the choice among the finalists.

    At most MOST_ALIKE have the same words. Empty when no edit on the front promises a positive lower bound.
    """
    useful = [individual for individual in front if individual.fitness.values[0] > 0.0 and not individual.fitness.violation]
    if not useful:
        return []
    lows, _, sizes, realism = zip(*(individual.fitness.values for individual in useful), strict=True)
    costs = [size / max(real, 1e-6) for size, real in zip(sizes, realism, strict=True)]
    order = [pick_knee(lows, costs), *np.argsort(-np.array(lows), kind="stable")]
    chosen: list[Individual] = []
    for idx in order:
        is_new = all(space.distance(useful[idx], other) > MIN_DISTANCE for other in chosen)
        if len(chosen) < num_finalists and is_new and _num_alike(useful[idx], chosen, space) < MOST_ALIKE:
            chosen.append(useful[idx])
    return chosen


def _num_alike(edit: Individual, others: Sequence[Individual], space: GeneSpace) -> int:
    return sum(space.words(edit) == space.words(other) for other in others)


def choose_alternatives(
    edits: Sequence[Individual], finalists: Sequence[Individual], space: GeneSpace, *, num_alternatives: int
) -> list[Individual]:
    """Return the edits to score beside the finalists, so that num_alternatives of both can be listed that differ in kind.

    Args:
        edits: what the search found, the largest lower bound first, whatever its sign.
    """
    num_kinds = len({space.kind(one)[:NUM_COARSE] for one in finalists})
    return choose_distinct(edits, finalists, space, num=num_alternatives - num_kinds)


def choose_distinct(
    edits: Sequence[Individual], listed: Sequence[Individual], space: GeneSpace, *, num: int
) -> list[Individual]:
    """Return up to `num` edits that a person sees and says to be something else than those listed, and than each other.

    The kind of a change counts before its gain: the best edit of each kind comes first, MOST_OF_A_HEADLINE with one headline;
    then kinds of a headline that is listed more often; then other changes of a face or of the look with the same words; then
    the best of the rest. No two are nearer than MIN_DISTANCE; a button alone is no difference, light or colour alone is
    one from VISIBLE on, and two of these are APART where there are others to list.

    Args:
        edits: the best first.
    """
    kinds, chosen = [space.kind(one) for one in listed], list[Individual]()
    candidates = [(edit, space.kind(edit)) for edit in edits if not _is_faint(edit, space)]
    passes = ((MOST_OF_A_HEADLINE, NUM_COARSE), (None, NUM_COARSE), (None, None), (None, None), (None, 0))
    for number, (most, depth) in enumerate(passes):
        for edit, kind in candidates:
            if number < len(passes) - 2 and _looks_like(edit, (*listed, *chosen), space):
                continue
            is_known = depth != 0 and kind[:depth] in [one[:depth] for one in kinds]
            is_frequent = most is not None and sum(one[0] == kind[0] for one in kinds) >= most
            if len(chosen) >= num or is_known or is_frequent:
                continue
            if all(space.distance(edit, one, ignore=("button",)) > MIN_DISTANCE for one in (*listed, *chosen)):
                chosen.append(edit)
                kinds.append(kind)
    return chosen


def _is_look_alone(edit: Individual, space: GeneSpace) -> bool:
    """Return whether an edit changes light, colour and crop, and neither words nor faces nor background."""
    headline, description, _, scene = space.choices([edit])[0]
    return not (headline or description or scene) and not space.strengths([edit]).any()


def _reach(space: GeneSpace) -> float:
    """Return how strong the strongest change of light, colour or crop can be; 0 where these stay."""
    return float(np.max([-space.adjustment_low, space.adjustment_high], initial=0.0))


def _is_faint(edit: Individual, space: GeneSpace) -> bool:
    """Return whether an edit changes light, colour and crop alone, and by less than is seen."""
    strongest = np.abs(space.adjustments([edit])[0]).max(initial=0.0)
    return bool(_is_look_alone(edit, space) and 0.0 < strongest < VISIBLE * _reach(space) - 1e-9)


def _looks_like(edit: Individual, others: Sequence[Individual], space: GeneSpace) -> bool:
    """Return whether an edit of light, colour and crop alone is nearer to another such one than is told apart."""
    if not _is_look_alone(edit, space):
        return False
    alike = [one for one in others if _is_look_alone(one, space)]
    return any(space.distance(edit, one, ignore=("button",)) < APART * _reach(space) for one in alike)


def shrink_uplift(chosen: float, audited: float) -> float:
    """Return the uplift to expect when two models predict `chosen` and the third `audited`; 0 unless both are gains."""
    if chosen <= 0.0 or audited <= 0.0:
        return 0.0
    return 2.0 * chosen * audited / (chosen + audited)


def give_verdict(
    *, chosen: float, low: float, judged: float, audited: float, audited_low: float, std: float, min_uplift: float = 0.0
) -> Verdict:
    """Decide whether an edit is delivered.

    It is when the lower bound of the two models that chose and the auditor's own are positive, and the uplift expected from all
    three is above min_uplift.
    """
    expected = shrink_uplift(chosen, audited)
    if low <= 0.0:
        reason = (
            f"the best version is expected to bring {as_percent(chosen)}, which is not certain, its lower bound is "
            f"{as_percent(low)}"
        )
    elif audited <= 0.0:
        reason = (
            f"the two models that chose expect {as_percent(chosen)} from the best edit, the third {as_percent(audited)}, "
            "so the gain does not survive another opinion"
        )
    elif audited_low <= 0.0:
        reason = (
            f"the two models that chose expect {as_percent(chosen)} from the best edit, the third {as_percent(audited)}, "
            f"but is not certain of a gain, its lower bound is {as_percent(audited_low)}"
        )
    elif expected <= min_uplift:
        reason = (
            f"the best version is expected to bring {as_percent(expected)}, not more than the {as_percent(min_uplift)} asked "
            f"for (the two models that chose {as_percent(chosen)}, the third {as_percent(audited)})"
        )
    else:
        reason = (
            f"two models chose it and expect {as_percent(chosen)} (cautiously {as_percent(low)}), a third that had no part in "
            f"the choice {as_percent(audited)}; together {as_percent(expected)} odds of a click"
        )
    return Verdict(
        chosen=chosen, low=low, judged=judged, audited=audited, audited_low=audited_low, expected=expected, std=std,
        is_delivered=min(low, audited, audited_low) > 0.0 and expected > min_uplift, reason=reason,
    )  # fmt: skip


def accept(verdict: Verdict) -> Verdict:
    """Return the verdict of an edit that the user takes whatever it says: delivered, with what the models expect of it.

    A gain is claimed as of any other edit. Where one model sees none, the mean of both opinions is stated, at most 0: a loss is
    said to be one.
    """
    expected = verdict.expected or min((verdict.chosen + verdict.audited) / 2, 0.0)
    return replace(verdict, is_delivered=True, expected=expected)


def as_percent(log_odds: float) -> str:
    """Return a change of log-odds as a percentage change of the odds, such as "+12.3 %"."""
    return f"{100 * np.expm1(log_odds):+.1f} %"
