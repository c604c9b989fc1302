"""The archive of a search: every score so far, the Pareto front, and the best candidate scored from final pixels.

Most candidates are scored by the first-order surrogate (`scoring/first_order.py`). After each generation the contenders are
rendered, that is scored again from final pixels: the best candidates not yet rendered whose lower bound, corrected by the
error of earlier renderings, could exceed the best. A rendered score replaces the surrogate's in every copy of the
candidate, and only rendered candidates can be the best.

For the log: rank agreement of the two scores (Spearman), and how often rendering changed the best candidate. The best
candidates differ too little to measure that, so a few of the first generation, evenly from the best to the worst, are rendered
too. Knows genomes and scores; no pictures, models or torch.
"""

from __future__ import annotations

from collections.abc import Container

import numpy as np
from deap import tools

from adcreative.editor.search.config import Scorer
from adcreative.editor.space.genome import CandidateScore, GeneSpace, Individual

MIN_GAIN = 1e-3  # log-odds; a smaller lead does not matter
MIN_PAIRS = 3  # fewer rendered candidates do not estimate the surrogate's error


class Archive:
    """Scores of all candidates so far, their Pareto front, and the best candidate with an exact score."""

    def __init__(self, space: GeneSpace, render: Scorer | None, *, num_rendered: int, num_spread: int = 0) -> None:
        """Start empty.

        Args:
            render: scores candidates from final pixels; None when the scores given to `score` are exact.
            num_rendered: most candidates rendered after a generation. num_spread: number of candidates of the first generation
                rendered regardless of rank.
        """
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
        """Number of distinct scored candidates."""
        return len(self._scores)

    @property
    def best(self) -> Individual:
        """The best candidate with an exact score: rendered, or without changed pixels; the earlier of two equals."""
        return self._best(self._exact)

    def score(self, candidates: list[Individual], score: Scorer) -> None:
        """Set the fitness of each candidate, calling `score` only for new ones, and render the contenders for the best."""
        keys = [self.space.key(candidate) for candidate in candidates]
        unseen = {key: one for key, one in zip(keys, candidates, strict=True) if key not in self._scores}
        if unseen:
            self._scores.update(zip(unseen, score(list(unseen.values())), strict=True))
        for key, candidate in zip(keys, candidates, strict=True):
            candidate.set_fitness(self._scores[key])
            self._members.setdefault(key, []).append(candidate)
        for key, one in unseen.items():
            if not self._num_rendered or not self.space.changes_picture(one):
                self._exact.add(key)
        self._render_contenders()
        self._update_front(keys)

    def allowed_edits(self) -> list[Individual]:
        """Return one candidate for each distinct edit that violates no limit, the largest lower bound first."""
        found = [members[0] for members in self._members.values()]
        allowed = [one for one in found if one.fitness.violation == 0.0 and one.fitness.values[2] > 0.0]  # not empty
        return sorted(allowed, key=lambda one: -one.fitness.values[0])

    def final_front(self) -> tools.ParetoFront:
        """Return the Pareto front of all candidates under their final scores."""
        front = tools.ParetoFront()
        front.update([members[0] for members in self._members.values()])
        return front

    def _render_contenders(self) -> None:
        contenders = list(dict.fromkeys([*self._contenders(), *self._spread()]))
        if self._render is None or not contenders:
            return
        expected_best = self.space.key(self._best(self._scores))
        for key, rendered in zip(contenders, self._render([self._members[key][0] for key in contenders]), strict=True):
            if rendered.violation == 0.0:
                self.pairs.append((self._scores[key].uplift_low, rendered.uplift_low))
            self._scores[key] = rendered
            self._exact.add(key)
            for member in self._members[key]:
                member.set_fitness(rendered)
        self.num_changes += self.space.key(self.best) != expected_best

    def _spread(self) -> list[tuple[float, ...]]:
        """Return keys of the first generation, evenly from the best to the worst; empty after the first call."""
        num, self._num_spread = self._num_spread, 0
        able = [key for key, score in self._scores.items() if key not in self._exact and score.violation == 0.0]
        ranked = sorted(able, key=lambda key: -self._scores[key].uplift_low)
        return [ranked[idx] for idx in np.unique(np.linspace(0, len(ranked) - 1, num).round().astype(int))] if ranked else []

    def _contenders(self) -> list[tuple[float, ...]]:
        """Return the keys to render, the largest lower bound first: candidates that could still exceed the best.

        Bounds are corrected by the error of earlier renderings. A candidate that exceeds the best uncorrected is always
        included, so that a bad start cannot end the rendering.
        """
        if not self._num_rendered:
            return []
        slack = 0.0
        if len(self.pairs) >= MIN_PAIRS:
            gain = np.array([rendered - by_surrogate for by_surrogate, rendered in self.pairs])
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
        """Update the front; a member whose score fell is removed, and candidates it had displaced return in `final_front`."""
        self.front = tools.ParetoFront()
        self.front.update([self._members[key][0] for key in dict.fromkeys([*self._front, *new_keys])])
        self._front = {self.space.key(one) for one in self.front}
