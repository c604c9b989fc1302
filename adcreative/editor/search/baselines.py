"""The algorithms that NSGA-II is compared with at the same budget: AdSEE's genetic editor, CMA-ES, random, hill climbing.

Each is an algorithm to ask and tell, like nsga2.NSGA2Search, and starts from the unedited creative. An edit that is not
allowed (identity lost) ranks behind every edit that is, as everywhere in the editor.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from adcreative.editor.search import operators
from adcreative.editor.search.config import NEEDS_CMAES, SearchConfig, has_cmaes
from adcreative.editor.space.genome import GeneSpace, Individual
from adcreative.errors import ConfigError

NOT_ALLOWED = 1e6  # added to what CMA-ES minimises for an edit that is not allowed; uplifts are far smaller


class AdSEESearch:
    """The genetic editor of AdSEE: it maximises the predicted uplift alone, whatever its uncertainty, sparsity and size.

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
    """Independent random samples of the space, from sparse to dense, distributed like the first population of NSGA-II."""

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
        """Learn nothing; only note that the unedited creative was asked for."""
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


class CMAESSearch:
    """CMA-ES for mixed genes, on the lower bound of uplift alone: a Gaussian over strengths, a distribution over each choice.

    Strengths are continuous, bits and choices categorical, each with the margin that keeps every value reachable; a strength
    whose bit is 0 is told as it was drawn. The first mean is the unedited creative, which is also the first solution. An edit
    that is not allowed is worse than any that is. With fewer than four candidates a generation, the distribution moves when
    four have come together.

    Source: Hamano, Saito, Nomura & Shirakawa 2025, "CatCMA with margin" (arXiv 2504.07884), as CatCMAwM of the package cmaes.
    """

    MIN_POPULATION = 4

    def __init__(self, space: GeneSpace, config: SearchConfig, *, rng: np.random.Generator) -> None:
        """Build the strategy, seeded from `rng`.

        Raises:
            ConfigError: the package cmaes is not installed.
        """
        self.space, self.config = space, config
        low, high = space.bounds()
        self._free = np.flatnonzero(low < high)  # [N] strengths that can move
        self._options = np.array([2] * space.num_strengths + list(space.num_choices))  # [S + 4] of bits, then choices
        self._open = np.flatnonzero(self._options > 1)
        self._told: list[tuple[Any, float]] = []
        self._asked: list[Any] = []
        self._strategy: Any = None
        if not len(self._open) and not len(self._free):
            return
        if not has_cmaes():
            raise ConfigError(NEEDS_CMAES)
        from cmaes import CatCMAwM

        reach = (high - low)[self._free]
        self._strategy = CatCMAwM(
            x_space=[[float(low[i]), float(high[i])] for i in self._free] or None,
            c_space=[int(num) for num in self._options[self._open]] or None,
            population_size=max(self.MIN_POPULATION, config.population_size),
            mean=np.zeros(len(self._free)) if len(self._free) else None,
            cov=np.diag((reach / 6.0) ** 2) if len(self._free) else None,
            seed=int(rng.integers(2**31)),
        )

    def ask(self) -> list[Individual]:
        """Return population_size draws of the distribution; the unedited creative is the first of all."""
        size = self.config.population_size
        if self._strategy is None:
            return [self.space.original() for _ in range(size)]
        is_first = not self._asked
        self._asked = [self._strategy.ask() for _ in range(size)]
        if is_first:
            self._asked[0] = self._unedited(self._asked[0])
        return [self._genome(solution) for solution in self._asked]

    def tell(self, candidates: list[Individual]) -> None:
        """Move the distribution towards the better candidates."""
        if self._strategy is None:
            return
        for solution, candidate in zip(self._asked, candidates, strict=True):
            violation, bound = (-part for part in _lower_bound(candidate))
            self._told.append((solution, NOT_ALLOWED * (violation > 0.0) + violation + bound))  # it minimises
        size = self._strategy.population_size
        while len(self._told) >= size:
            generation, self._told = self._told[:size], self._told[size:]
            self._strategy.tell(generation)

    def _genome(self, solution: Any) -> Individual:
        strengths = np.zeros(self.space.num_strengths)
        if len(self._free):
            strengths[self._free] = solution.x
        chosen = np.zeros(len(self._options))
        if len(self._open):
            chosen[self._open] = np.asarray(solution.c).argmax(axis=1)
        return Individual([*strengths, *chosen])

    def _unedited(self, solution: Any) -> Any:
        """Return the solution that stands for the unedited creative: the mean, and the first of every choice."""
        parts: dict[str, Any] = {}
        if len(self._free):
            parts |= {"x": np.zeros(len(self._free)), "_v_raw": np.zeros(len(self._free))}
        if len(self._open):
            first = np.zeros_like(solution.c)
            first[:, 0] = True
            parts["c"] = first
        return replace(solution, **parts)


def _predicted_uplift(candidate: Individual) -> tuple[float, float]:
    score = candidate.score
    assert score is not None  # the driver scores before it tells
    return -score.violation, score.uplift_mean


def _lower_bound(candidate: Individual) -> tuple[float, float]:
    score = candidate.score
    assert score is not None
    return -score.violation, score.uplift_low
