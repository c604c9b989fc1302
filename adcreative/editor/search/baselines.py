"""Baselines of NSGA-II at the same budget: AdSEE's genetic editor and random search.

Each has ask and tell, like nsga2.NSGA2Search, and starts from the unedited creative. As everywhere in the editor, an edit
that is not allowed (identity lost) ranks behind every allowed edit.
"""

from __future__ import annotations

import numpy as np

from adcreative.editor.search import operators
from adcreative.editor.search.config import SearchConfig
from adcreative.editor.space.genome import GeneSpace, Individual


class AdSEESearch:
    """The genetic editor of AdSEE: maximises the predicted uplift alone, regardless of uncertainty, sparsity and size.

    parents = the best third of the population; child k = uniform crossover of parents k and k+1 (mod their number), then a
    fifth of its genes drawn anew from the whole space; the best of the last population survives.

    Source: AdSEE (KDD 2023) and its released GA_optimize.py with pygad 2.18.1, read as facts in the literature notes:
    population 30, 10 parents, 20 % of genes, elitism 1, every direction active. Differs: P children a generation besides the
    survivor instead of P-1, so that budgets are equal; the unedited creative is in the first population; line genes added;
    edits that lose identity rank last.
    """

    def __init__(self, space: GeneSpace, config: SearchConfig, *, rng: np.random.Generator) -> None:
        self.space, self.config, self._rng = space, config, rng
        self._population: list[Individual] = []

    def ask(self) -> list[Individual]:
        """Return the first population, drawn from the whole space, or children of the best third."""
        size = self.config.population_size
        if not self._population:
            return [self.space.original()] + [self.space.sample(rng=self._rng, active_share=1.0) for _ in range(size - 1)]
        ranked = sorted(self._population, key=_predicted_uplift, reverse=True)
        parents = ranked[: max(1, round(size / 3))]
        return [self._child(parents[k % len(parents)], parents[(k + 1) % len(parents)]) for k in range(size)]

    def tell(self, candidates: list[Individual]) -> None:
        """Replace the population by the candidates and the best member of the last population."""
        survivors = sorted(self._population, key=_predicted_uplift, reverse=True)[:1]
        self._population = survivors + candidates

    def _child(self, first: Individual, second: Individual) -> Individual:
        crossed, _ = operators.uniform_crossover(np.array(first), np.array(second), rng=self._rng)
        redrawn = np.array(self.space.sample(rng=self._rng, active_share=1.0))
        return Individual(np.where(self._rng.random(crossed.shape) < 0.2, redrawn, crossed))


class RandomSearch:
    """Independent random samples of the space, from sparse to dense, distributed like the first population of NSGA-II."""

    def __init__(self, space: GeneSpace, config: SearchConfig, *, rng: np.random.Generator) -> None:
        self.space, self.config, self._rng = space, config, rng
        self._is_first = True

    def ask(self) -> list[Individual]:
        """Return population_size samples; the unedited creative is the first sample of the first call."""
        samples = [self.space.sample(rng=self._rng) for _ in range(self.config.population_size)]
        if self._is_first:
            samples[0] = self.space.original()
        return samples

    def tell(self, candidates: list[Individual]) -> None:
        """Learn nothing; only record that the unedited creative was returned."""
        self._is_first = False


def _predicted_uplift(candidate: Individual) -> tuple[float, float]:
    score = candidate.score
    assert score is not None  # candidates are scored before `tell`
    return -score.violation, score.uplift_mean
