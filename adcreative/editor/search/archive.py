"""Who leads, and whether it is believed: candidates that may come first are scored again from final pixels.

Most candidates are scored from measured answers (response.py), which adds up what single edits did. After each generation
those whose rank could change the outcome are rendered: the best not yet rendered whose bound, corrected by how far earlier
ones came out, could still pass the leader's. A rendered score replaces the other one wherever that candidate is kept, and
only rendered candidates lead. How the two scores rank alike (Spearman), and how often rendering changed who is first, is kept
for the log; so that this speaks of all candidates and not of the best alone, which differ little, a few of the first
generation are rendered whatever their rank, evenly from the best to the worst. Knows genomes and scores; no pictures, models
or torch.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

import numpy as np
from deap import tools
from scipy import stats

from adcreative.editor.space.genome import CandidateScore, GeneSpace, Individual

MIN_GAIN = 1e-3  # log-odds; who leads by less does not change the outcome
MIN_PAIRS = 3  # fewer rendered candidates say nothing about how far others will come out

Scorer = Callable[[list[Individual]], list[CandidateScore]]


class Elite:
    """Scores of all candidates so far, their front, and the leader among those whose score is exact."""

    def __init__(self, space: GeneSpace, render: Scorer | None, *, num_rendered: int, num_spread: int = 0) -> None:
        """num_rendered: most that are rendered a generation; num_spread: how many of the first one are, whatever their rank."""
        self.space, self._render, self._num_rendered = space, render, num_rendered if render is not None else 0
        self._num_spread = num_spread if self._num_rendered else 0
        self.pairs: list[tuple[float, float]] = []
        self.num_changes = 0
        self._scores: dict[tuple[float, ...], CandidateScore] = {}
        self._members: dict[tuple[float, ...], list[Individual]] = {}
        self._exact: set[tuple[float, ...]] = set()
        self._front: set[tuple[float, ...]] = set()
        self.front: tools.ParetoFront = tools.ParetoFront()

    @property
    def num_scored(self) -> int:
        """How many candidates that differ were scored."""
        return len(self._scores)

    @property
    def leader(self) -> Individual:
        """The best candidate whose score is exact: rendered, or without changed pixels; the earlier of two equals."""
        return self._best(self._exact)

    def score(self, candidates: list[Individual], score: Scorer) -> None:
        """Give each candidate its score, asking `score` only about genomes whose meaning is new, and render those that may
        lead."""
        keys = [self.space.key(candidate) for candidate in candidates]
        unseen = {key: one for key, one in zip(keys, candidates, strict=True) if key not in self._scores}
        if unseen:
            self._scores.update(zip(unseen, score(list(unseen.values())), strict=True))
        for key, candidate in zip(keys, candidates, strict=True):
            candidate.receive(self._scores[key])
            self._members.setdefault(key, []).append(candidate)
        for key, one in unseen.items():
            if not self._num_rendered or not self.space.changes_picture(one):
                self._exact.add(key)
        self._render_contenders()
        self._update_front(keys)

    def settled_front(self) -> tools.ParetoFront:
        """Return the front of all candidates under the scores they have in the end."""
        front = tools.ParetoFront()
        front.update([members[0] for members in self._members.values()])
        return front

    def _render_contenders(self) -> None:
        contenders = list(dict.fromkeys([*self._contenders(), *self._spread()]))
        if self._render is None or not contenders:
            return
        expected_first = self.space.key(self._best(self._scores))
        for key, rendered in zip(contenders, self._render([self._members[key][0] for key in contenders]), strict=True):
            if rendered.violation == 0.0:
                self.pairs.append((self._scores[key].uplift_low, rendered.uplift_low))
            self._scores[key] = rendered
            self._exact.add(key)
            for member in self._members[key]:
                member.receive(rendered)
        self.num_changes += self.space.key(self.leader) != expected_first

    def _spread(self) -> list[tuple[float, ...]]:
        """Return keys of the first generation from the best to the worst, evenly; nothing later."""
        num, self._num_spread = self._num_spread, 0
        able = [key for key, score in self._scores.items() if key not in self._exact and score.violation == 0.0]
        ranked = sorted(able, key=lambda key: -self._scores[key].uplift_low)
        return [ranked[idx] for idx in np.unique(np.linspace(0, len(ranked) - 1, num).round().astype(int))] if ranked else []

    def _contenders(self) -> list[tuple[float, ...]]:
        """Return the keys to render, the best bound first: those that could still pass the leader, as earlier ones came out.

        One that passes it uncorrected is always among them, so that a bad start cannot end the rendering.
        """
        if not self._num_rendered:
            return []
        slack = 0.0
        if len(self.pairs) >= MIN_PAIRS:
            gain = np.array([rendered - measured for measured, rendered in self.pairs])
            slack = float(gain.mean() + gain.std())
        allowed = [self._scores[key].uplift_low for key in self._exact if not self._scores[key].violation]
        best = max(allowed, default=0.0) + MIN_GAIN
        able = [
            key
            for key, score in self._scores.items()
            if key not in self._exact and score.violation == 0.0 and score.uplift_low + max(slack, 0.0) > best
        ]
        ranked = sorted(able, key=lambda key: -self._scores[key].uplift_low)[: self._num_rendered]
        return [key for idx, key in enumerate(ranked) if idx == 0 or self._scores[key].uplift_low + slack > best]

    def _best(self, keys: Container[tuple[float, ...]]) -> Individual:
        among = [members[0] for key, members in self._members.items() if key in keys]
        return max(among, key=lambda one: one.fitness)

    def _update_front(self, new_keys: list[tuple[float, ...]]) -> None:
        """Bring the front up to date; a member whose score fell makes room, what it had pushed out returns in the end."""
        self.front = tools.ParetoFront()
        self.front.update([self._members[key][0] for key in dict.fromkeys([*self._front, *new_keys])])
        self._front = {self.space.key(one) for one in self.front}


def rank_correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Return Spearman's correlation of pairs, -1..1; None with fewer than three, or when one side is constant."""
    if len(pairs) < MIN_PAIRS:
        return None
    first, second = np.array(pairs).T
    if np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return None
    return float(stats.spearmanr(first, second).statistic)
