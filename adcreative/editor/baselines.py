"""What NSGA-II has to beat with the same gene space and budget: AdSEE's genetic editor, random search, hill climbing.

Each is an algorithm to ask and tell, like search.NSGA2Search, and starts from the unedited creative. An edit that is not
allowed (identity lost) ranks behind every edit that is, as everywhere in the editor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adcreative.editor import operators
from adcreative.editor.genome import GeneSpace, Individual

if TYPE_CHECKING:
    from adcreative.editor.search import SearchConfig


class AdSEESearch:
    """The single-objective genetic editor of AdSEE: raises the predicted uplift, with no bound, sparsity or size in mind.

    parents = the best third of the population; child k = uniform crossover of parents k and k+1 (mod their number), then a
    fifth of its genes drawn anew from the whole space; the best of the last population survives.

    Source: AdSEE (KDD 2023) and its released GA_optimize.py with pygad 2.18.1, read as facts in the literature notes:
    population 30, 10 parents, 20 % of genes, elitism 1, every direction active. Differs: P children a generation beside the
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
        """Replace the population by the candidates and the best of the last one."""
        survivors = sorted(self._population, key=_predicted_uplift, reverse=True)[:1]
        self._population = survivors + candidates

    def _child(self, first: Individual, second: Individual) -> Individual:
        crossed, _ = operators.uniform_crossover(np.array(first), np.array(second), rng=self._rng)
        redrawn = np.array(self.space.sample(rng=self._rng, active_share=1.0))
        return Individual(np.where(self._rng.random(crossed.shape) < 0.2, redrawn, crossed))


class RandomSearch:
    """Samples of the space, from sparse to dense: the distribution of NSGA-II's first population, all the way."""

    def __init__(self, space: GeneSpace, config: SearchConfig, *, rng: np.random.Generator) -> None:
        self.space, self.config, self._rng = space, config, rng
        self._is_first = True

    def ask(self) -> list[Individual]:
        """Return population_size samples; the unedited creative is the first of all."""
        samples = [self.space.sample(rng=self._rng) for _ in range(self.config.population_size)]
        if self._is_first:
            samples[0] = self.space.original()
        return samples

    def tell(self, candidates: list[Individual]) -> None:
        """Go on as before: random search learns nothing."""
        self._is_first = False


class HillClimbing:
    """Steepest ascent: a generation of mutants of the best candidate so far, which a better one replaces.

    Source: Russell & Norvig, "Artificial Intelligence", steepest-ascent hill climbing; neighbours by polynomial mutation,
    bit flips and new lines, as in NSGA-II.
    """

    def __init__(self, space: GeneSpace, config: SearchConfig, *, rng: np.random.Generator) -> None:
        self.space, self.config, self._rng = space, config, rng
        self._best: Individual | None = None

    def ask(self) -> list[Individual]:
        """Return mutants of the best candidate; at first the unedited creative and its mutants."""
        size, eta = self.config.population_size, self.config.mutation_eta
        if self._best is None:
            start = self.space.original()
            mutants = [operators.mutate(self.space, start, eta=eta, rng=self._rng) for _ in range(size - 1)]
            return [start, *mutants]
        return [operators.mutate(self.space, self._best, eta=eta, rng=self._rng) for _ in range(size)]

    def tell(self, candidates: list[Individual]) -> None:
        """Move to the best candidate if it is better."""
        challenger = max(candidates, key=_lower_bound)
        if self._best is None or _lower_bound(challenger) > _lower_bound(self._best):
            self._best = challenger


def _predicted_uplift(candidate: Individual) -> tuple[float, float]:
    score = candidate.score
    assert score is not None  # the driver scores before it tells
    return -score.violation, score.uplift_mean


def _lower_bound(candidate: Individual) -> tuple[float, float]:
    score = candidate.score
    assert score is not None
    return -score.violation, score.uplift_low
