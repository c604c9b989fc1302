"""The search: NSGA-II over edits, and the driver that any search algorithm here runs in.

    algorithm = NSGA2Search(space, config, rng=rng)          # ask for candidates, tell what they are worth, repeat
    outcome = search_edits(score, space, config, rng=rng)    # the same loop with budget, cache, archives and a log

Every algorithm spends population_size x (generations + 1) candidate evaluations and has the unedited creative as its first
candidate, so that algorithms compare at equal cost and none can end below the start. With a second, dearer scorer the
candidates that may lead are scored by it too (elite.py), and only those can lead. Knows genomes and scores; knows no pictures,
models or torch. Sources: Deb, Pratap, Agarwal & Meyarivan 2002 (NSGA-II); DEAP's selection, archives and logbook.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from deap import base, tools
from deap.benchmarks.tools import hypervolume

from adcreative.editor.search import operators
from adcreative.editor.search.archive import Elite, rank_correlation
from adcreative.editor.search.baselines import NEEDS_CMAES, AdSEESearch, CMAESSearch, HillClimbing, RandomSearch, has_cmaes
from adcreative.editor.search.stopping import StoppingRule
from adcreative.editor.search.surrogate import ScoreSurrogate
from adcreative.editor.space.genome import CandidateScore, GeneSpace, Individual
from adcreative.errors import ConfigError

NUM_SPREAD = 6  # candidates of the first generation that are rendered whatever their rank
MAX_RETRIES = 8  # how often a child that was seen before is mutated again

Scorer = Callable[[list[Individual]], list[CandidateScore]]
Progress = Callable[[int, int, float], None]


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Budget and settings of a search.

    algorithm: a name in ALGORITHMS. proposal_share: part of NSGA-II's children that the surrogate proposes; 0 is the plain
    algorithm. crossover_eta, mutation_eta: distribution indices; larger stays nearer to the parents. num_rendered: most
    candidates that are scored from final pixels after each generation. patience: generations in which the prediction may rise
    without a second opinion following (`stopping.py`).
    """

    population_size: int = 24
    generations: int = 6
    algorithm: str = "nsga2"
    proposal_share: float = 0.75
    crossover_rate: float = 0.9
    crossover_eta: float = 5.0
    mutation_eta: float = 2.0
    num_rendered: int = 2
    patience: int = 4

    def __post_init__(self) -> None:
        faults = []
        if self.population_size < 1:
            faults.append(f"population_size must be at least 1, got {self.population_size}")
        if self.generations < 0:
            faults.append(f"generations must be at least 0, got {self.generations}")
        if self.algorithm not in ALGORITHMS:
            faults.append(_unknown(self.algorithm))
        if self.algorithm == "cma-es" and not has_cmaes():
            faults.append(NEEDS_CMAES)
        if faults:
            raise ConfigError("; ".join(faults))

    @property
    def budget(self) -> int:
        """How many candidates are evaluated, whatever the algorithm."""
        return self.population_size * (self.generations + 1)


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What a search found.

    front: non-dominated candidates of all that were scored, the largest lower bound first. leaders: the best candidate so
    far after each generation. evaluations counts candidates asked for, distinct those that differed. is_complete is False
    when the search was cancelled, is_stopped True when its own rule ended it; the logbook's "second" is what the second
    opinion said of each leader. pairs: (bound from measured answers, bound from final pixels) of each rendered candidate;
    elite_changes: generations after which rendering put another candidate first.
    """

    front: tuple[Individual, ...]
    leaders: tuple[Individual, ...]
    logbook: tools.Logbook = field(repr=False)
    evaluations: int
    distinct: int
    is_complete: bool
    is_stopped: bool = False
    pairs: tuple[tuple[float, float], ...] = ()
    elite_changes: int = 0

    @property
    def rank_correlation(self) -> float | None:
        """Spearman's correlation of the two bounds of rendered candidates, None with fewer than three."""
        return rank_correlation(self.pairs)

    @property
    def hypervolume(self) -> tuple[float, ...]:
        """The front's hypervolume after each generation."""
        return tuple(self.logbook.select("hypervolume"))

    @property
    def best(self) -> Individual:
        """The candidate with the largest lower bound among those allowed; the unedited creative if none is better."""
        return self.leaders[-1]


class SearchAlgorithm(Protocol):
    """Ask for candidates, tell them back with their scores; as many times as the budget allows."""

    def ask(self) -> list[Individual]:
        """Return population_size candidates to score."""

    def tell(self, candidates: list[Individual]) -> None:
        """Learn from the candidates of the last `ask`, now scored."""


class NSGA2Search:
    """Elitist multi-objective genetic search with constrained domination.

    parents = crowded tournament; children = crossover, then mutation; survivors = the best P of parents and children by
    front, then by crowding distance. Differs: the first generations are an even sample of the space (`sample_evenly`), as many
    as show every line once; then three children in four are proposed by a surrogate of the scores so far (surrogate.py); and a
    child that was asked for before is mutated again, so that the budget goes to new candidates.
    """

    def __init__(self, space: GeneSpace, config: SearchConfig, *, rng: np.random.Generator) -> None:
        self.space, self.config, self._rng = space, config, rng
        self._population: list[Individual] = []
        self._seen: set[tuple[float, ...]] = set()
        self._surrogate = ScoreSurrogate(space)
        toolbox = base.Toolbox()
        toolbox.register("select_parents", operators.crowded_tournament, rng=rng)
        toolbox.register("mate", operators.mate, space, eta=config.crossover_eta, rng=rng)
        toolbox.register("mutate", operators.mutate, space, eta=config.mutation_eta, rng=rng)
        toolbox.register("select_survivors", tools.selNSGA2)
        self._toolbox = toolbox
        self._screening = self._even_generations()

    def ask(self) -> list[Individual]:
        """Return the unedited creative and samples; when the space has been sampled evenly, children of the population."""
        return self._screening.pop(0) if self._screening else self._offspring()

    def tell(self, candidates: list[Individual]) -> None:
        """Keep the best of parents and children, at most population_size."""
        self._surrogate.add(candidates)
        merged = _distinct([*self._population, *candidates], self.space)
        self._population = self._toolbox.select_survivors(merged, self.config.population_size)

    def _even_generations(self) -> list[list[Individual]]:
        """Return generations of an even sample that shows every option of each choice, as far as half the budget allows."""
        size, most = self.config.population_size, max(1, (self.config.generations + 1) // 2)
        num = min(most, -(-max(self.space.num_choices) // size))
        samples = self.space.sample_evenly(num * size - 1, rng=self._rng)
        fresh = [self._fresh(candidate) for candidate in [self.space.original(), *samples]]
        return [fresh[k * size : (k + 1) * size] for k in range(num)]

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
        for _ in range(MAX_RETRIES):
            if self._is_new(candidate):
                break
            candidate = self._toolbox.mutate(candidate)
        return candidate

    def _is_new(self, candidate: Individual) -> bool:
        key = self.space.key(candidate)
        is_new = key not in self._seen
        self._seen.add(key)
        return is_new


def search_edits(
    score: Scorer,
    space: GeneSpace,
    config: SearchConfig,
    *,
    rng: np.random.Generator,
    render: Scorer | None = None,
    second_opinion: Scorer | None = None,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> SearchResult:
    """Search the space with the configured algorithm and budget.

    Args:
        score: returns one score per candidate of a batch, in order; called once a generation with unseen candidates only.
        render: the same from final pixels, asked about the few that may lead; None when `score` is exact.
        second_opinion: scores the leader of each generation by a model that does not guide the search; the search ends when
            its own prediction rises and that does not.
        progress: progress(generation, generations, best lower bound so far, which never falls), after each generation.
        should_stop: asked between generations; True ends the search with what was found. The first population is always
            scored, so that a result exists.
    """
    algorithm: SearchAlgorithm = ALGORITHMS[config.algorithm](space, config, rng=rng)
    elite = Elite(space, render, num_rendered=config.num_rendered, num_spread=NUM_SPREAD)
    logbook, leaders = tools.Logbook(), []
    evaluations, is_complete, is_stopped, rule = 0, True, False, StoppingRule(config.patience)
    for generation in range(config.generations + 1):
        if generation and should_stop is not None and should_stop():
            is_complete = False
            break
        candidates = algorithm.ask()
        elite.score(candidates, score)
        evaluations += len(candidates)
        algorithm.tell(candidates)
        leaders.append(elite.leader)
        figures = _statistics(elite.front, elite.leader)
        if second_opinion is not None:
            (told,), score_of_leader = second_opinion([elite.leader]), elite.leader.score
            figures["second"] = told.uplift_mean
            is_stopped = rule.update(score_of_leader.uplift_mean if score_of_leader else 0.0, told.uplift_mean)
        logbook.record(
            generation=generation, evaluations=evaluations, distinct=elite.num_scored, rendered=len(elite.pairs),
            rank_correlation=rank_correlation(elite.pairs), elite_changes=elite.num_changes, **figures,
        )  # fmt: skip
        if progress is not None:
            progress(generation, config.generations, elite.leader.fitness.values[0])
        if is_stopped:
            break
    members = tuple(individual for individual in elite.settled_front() if individual.fitness.violation == 0.0)
    return SearchResult(
        front=members, leaders=tuple(leaders), logbook=logbook, evaluations=evaluations, distinct=elite.num_scored,
        is_complete=is_complete, is_stopped=is_stopped, pairs=tuple(elite.pairs), elite_changes=elite.num_changes,
    )  # fmt: skip


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, ALGORITHMS, n=1)
    hint = f' Did you mean "{near[0]}"?' if near else ""
    return f'no search algorithm named "{name}"; known: {", ".join(ALGORITHMS)}.{hint}'


def _distinct(candidates: list[Individual], space: GeneSpace) -> list[Individual]:
    """Return the candidates without repeats of the same meaning, the first of each."""
    return list({space.key(candidate): candidate for candidate in reversed(candidates)}.values())[::-1]


def _statistics(front: Iterable[Individual], leader: Individual) -> dict[str, float]:
    """Return one generation's figures; hypervolume, of all four objectives, is against no uplift, identity -1, the largest size
    on the front and realism 0."""
    allowed = [individual for individual in front if individual.fitness.violation == 0.0]
    useful = [individual for individual in allowed if individual.fitness.values[0] > 0.0]
    largest = max((individual.fitness.values[2] for individual in allowed), default=0.0)
    volume = hypervolume(useful, np.array([0.0, 1.0, largest + 1e-9, 0.0])) if useful else 0.0
    return {"best": leader.fitness.values[0], "front_size": len(allowed), "hypervolume": float(volume)}


ALGORITHMS: Mapping[str, Callable[..., SearchAlgorithm]] = {
    "nsga2": NSGA2Search,
    "adsee": AdSEESearch,
    "random": RandomSearch,
    "hill-climbing": HillClimbing,
    "cma-es": CMAESSearch,
}
