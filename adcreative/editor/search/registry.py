"""Search algorithms by name, and the loop that each of them runs in.

    algorithm = NSGA2Search(space, config, rng=rng)          # ask for candidates, tell what they are worth, repeat
    outcome = search_edits(score, space, config, rng=rng)    # the same loop with budget, cache, archives and a log

Every algorithm spends population_size x (generations + 1) candidate evaluations and has the unedited creative as its first
candidate, so that algorithms compare at equal cost and none can end below the start. With a second, dearer scorer the
candidates that may lead are scored by it too (elite.py), and only those can lead. Knows genomes and scores; knows no pictures,
models or torch. Sources: Deb, Pratap, Agarwal & Meyarivan 2002 (NSGA-II); DEAP's selection, archives and logbook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from deap import tools
from deap.benchmarks.tools import hypervolume

from adcreative.editor.search.archive import Elite, rank_correlation
from adcreative.editor.search.baselines import AdSEESearch, CMAESSearch, HillClimbing, RandomSearch
from adcreative.editor.search.config import Progress, Scorer, SearchAlgorithm, SearchConfig
from adcreative.editor.search.nsga2 import NSGA2Search
from adcreative.editor.search.stopping import StoppingRule
from adcreative.editor.space.genome import GeneSpace, Individual

NUM_SPREAD = 6  # candidates of the first generation that are rendered whatever their rank


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
