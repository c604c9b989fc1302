"""NSGA-II over edits, with proposals from a surrogate model of the scores so far.

Source: Deb, Pratap, Agarwal & Meyarivan 2002; survivors are selected by DEAP.
"""

from __future__ import annotations

import numpy as np
from deap import base, tools

from adcreative.editor.search import operators
from adcreative.editor.search.config import SearchConfig
from adcreative.editor.search.surrogate import ScoreSurrogate
from adcreative.editor.space.genome import GeneSpace, Individual

MAX_RETRIES = 8  # most mutations of a duplicate child


class NSGA2Search:
    """Elitist multi-objective genetic search with constrained domination.

    parents = binary tournaments by dominance and crowding; children = crossover, then mutation; survivors = the best P of
    parents and children by front, then by crowding distance. Differs: the first generations are single lines and an even sample
    of the space (`sample_evenly`), until every line was tried once; then three children in four are proposed by a surrogate of
    the scores so far (`surrogate.py`); lines that may not be combined in one ad are replaced (`GeneSpace.fit`); and a duplicate
    child is mutated again, so that the budget goes to new candidates.
    """

    def __init__(self, space: GeneSpace, config: SearchConfig, *, rng: np.random.Generator) -> None:
        self.space, self.config, self._rng = space, config, rng
        self._population: list[Individual] = []
        self._seen: set[tuple[float, ...]] = set()
        self._surrogate = ScoreSurrogate(space)
        toolbox = base.Toolbox()
        toolbox.register("select_parents", operators.tournament_dcd, rng=rng)
        toolbox.register("mate", operators.mate, space, eta=config.crossover_eta, rng=rng)
        toolbox.register("mutate", operators.mutate, space, eta=config.mutation_eta, rng=rng)
        toolbox.register("select_survivors", tools.selNSGA2)
        self._toolbox = toolbox
        self._screening = self._even_generations()

    def ask(self) -> list[Individual]:
        """Return the next generation of the even sample, the unedited creative first; then children of the population."""
        return self._screening.pop(0) if self._screening else self._offspring()

    def tell(self, candidates: list[Individual]) -> None:
        """Keep the best of parents and children, at most population_size."""
        self._surrogate.add(candidates)
        merged = _distinct([*self._population, *candidates], self.space)
        self._population = self._toolbox.select_survivors(merged, self.config.population_size)

    def _even_generations(self) -> list[list[Individual]]:
        """Return generations of single lines, in order, then of an even sample that shows every option of each choice.

        All take at most half of the budget, single lines at most half of that."""
        size, most = self.config.population_size, max(1, (self.config.generations + 1) // 2)
        singles, num_options = self.space.single_lines(), max(self.space.num_choices)
        num = size * min(most, -(-(1 + len(singles) + num_options) // size))
        singles = singles[: max(0, min(num // 2, num - 1 - num_options))]
        samples = self.space.sample_evenly(num - 1 - len(singles), rng=self._rng)
        fresh = [self._fresh(candidate) for candidate in [self.space.original(), *singles, *samples]]
        return [fresh[k : k + size] for k in range(0, num, size)]

    def _offspring(self) -> list[Individual]:
        size, rate = self.config.population_size, self.config.crossover_rate
        proposals = self._surrogate.propose(round(self.config.proposal_share * size), rng=self._rng)
        children = [self._fresh(proposal) for proposal in proposals]
        num_parents = size - len(children)
        parents = self._toolbox.select_parents(self._population, num_parents + num_parents % 2)
        for first, second in zip(parents[::2], parents[1::2], strict=True):
            pair = self._toolbox.mate(first, second) if self._rng.random() < rate else (first, second)
            children += [self._fresh(self._toolbox.mutate(child)) for child in pair]
        return children[:size]

    def _fresh(self, candidate: Individual) -> Individual:
        candidate = self.space.fit(candidate)
        for _ in range(MAX_RETRIES):
            if self._is_new(candidate):
                break
            candidate = self.space.fit(self._toolbox.mutate(candidate))
        return candidate

    def _is_new(self, candidate: Individual) -> bool:
        key = self.space.key(candidate)
        is_new = key not in self._seen
        self._seen.add(key)
        return is_new


def _distinct(candidates: list[Individual], space: GeneSpace) -> list[Individual]:
    """Return the candidates without duplicates (same decoded edit); the first of each is kept."""
    return list({space.key(candidate): candidate for candidate in reversed(candidates)}.values())[::-1]
