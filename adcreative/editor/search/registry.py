"""Search algorithms by name, and the loop that runs them.

    algorithm = NSGA2Search(space, config, rng=rng)          # ask for candidates, tell their scores, repeat
    outcome = search_edits(score, space, config, rng=rng)    # the same loop with budget, cache, archives and a log

Every algorithm spends population_size x (generations + 1) candidate evaluations and has the unedited creative as its first
candidate, so that algorithms compare at equal cost and no result is below the start. A second, more expensive scorer scores
the contenders for the best (`archive.py`), and only these can be the best. Knows genomes and scores; no pictures, models or
torch. Source: DEAP's archives and logbook; sources of the algorithms are given in their own files.

A search stops early when the prediction still rises and a second opinion no longer does. Optimising against a model first
raises the true objective and then only the prediction (Goodhart's law; Gao, Schulman & Hilton 2023 draw the curve for reward
models). The truth is unknown during a search. Predictor and judge guide it together, so when their prediction rises and the
judge's own does not, the search follows the predictor alone. The auditor is not asked here: it could not report on a choice in
which it took part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from deap import tools
from deap.benchmarks.tools import hypervolume

from adcreative.editor.search.archive import MIN_PAIRS, Archive
from adcreative.editor.search.baselines import AdSEESearch, RandomSearch
from adcreative.editor.search.config import Scorer, SearchAlgorithm, SearchConfig
from adcreative.editor.search.nsga2 import NSGA2Search
from adcreative.editor.space.genome import GeneSpace, Individual
from adcreative.metrics.ranking import spearman_correlation
from adcreative.progress import Rounds, ShouldStop

NUM_SPREAD = 6  # most candidates of the first generation that are rendered regardless of rank
SPREAD_SHARE = 0.25  # and largest share of a generation, so that a short search is not slowed down


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """The result of a search.

    front: the final Pareto front of all scored candidates, the largest lower bound first. edits: all distinct edits that
    violate no limit, the largest lower bound first. best_so_far: the best allowed candidate after each generation, the unedited
    creative if none is better. evaluations: number of candidates; distinct: number of distinct ones. is_complete: False when
    the search was cancelled; is_stopped: True when the stopping rule ended the search. The logbook's column "second" is the
    second opinion on the best so far. pairs: (lower bound by the surrogate, lower bound from final pixels) of each rendered
    candidate; best_changes: generations after which rendering made another candidate the best.
    """

    front: tuple[Individual, ...]
    edits: tuple[Individual, ...] = field(repr=False)
    best_so_far: tuple[Individual, ...]
    logbook: tools.Logbook = field(repr=False)
    evaluations: int
    distinct: int
    is_complete: bool
    is_stopped: bool = False
    pairs: tuple[tuple[float, float], ...] = ()
    best_changes: int = 0

    @property
    def rank_correlation(self) -> float | None:
        """Spearman's correlation of the two bounds of rendered candidates; None with fewer than three."""
        return spearman_correlation(*np.array(self.pairs).T) if len(self.pairs) >= MIN_PAIRS else None

    @property
    def hypervolume(self) -> tuple[float, ...]:
        """The front's hypervolume after each generation."""
        return tuple(self.logbook.select("hypervolume"))


def search_edits(
    score: Scorer,
    space: GeneSpace,
    config: SearchConfig,
    *,
    rng: np.random.Generator,
    render: Scorer | None = None,
    second_opinion: Scorer | None = None,
    progress: Rounds | None = None,
    should_stop: ShouldStop | None = None,
) -> SearchResult:
    """Search the space with the configured algorithm and budget.

    Args:
        score: returns one score per candidate of a batch, in order; called once a generation with unseen candidates only.
        render: scores the contenders for the best from final pixels; None when `score` is exact.
        second_opinion: scores the best candidate so far by a model that does not guide the search; the search ends when the
            prediction rises and the second opinion does not.
        progress: progress(generation, generations, best lower bound so far, which never falls), after each generation.
        should_stop: polled between generations; True ends the search with the results so far. The first population is always
            scored, so that a result exists.
    """
    algorithm: SearchAlgorithm = ALGORITHMS[config.algorithm](space, config, rng=rng)
    num_spread = min(NUM_SPREAD, int(SPREAD_SHARE * config.population_size))
    archive = Archive(space, render, num_rendered=config.num_rendered, num_spread=num_spread)
    logbook, best_so_far = tools.Logbook(), []
    evaluations, is_complete, is_stopped, rule = 0, True, False, StoppingRule(config.patience)
    for generation in range(config.generations + 1):
        if generation and should_stop is not None and should_stop():
            is_complete = False
            break
        candidates = algorithm.ask()
        archive.score(candidates, score)
        evaluations += len(candidates)
        algorithm.tell(candidates)
        best_so_far.append(archive.best)
        figures = _statistics(archive.front, archive.best)
        if second_opinion is not None:
            (opinion,), score_of_best = second_opinion([archive.best]), archive.best.score
            figures["second"] = opinion.uplift_mean
            is_stopped = rule.update(score_of_best.uplift_mean if score_of_best else 0.0, opinion.uplift_mean)
        logbook.record(
            generation=generation, evaluations=evaluations, distinct=archive.num_scored, rendered=len(archive.pairs), **figures
        )
        if progress is not None:
            progress(generation, config.generations, archive.best.fitness.values[0])
        if is_stopped:
            break
    members = tuple(individual for individual in archive.final_front() if individual.fitness.violation == 0.0)
    return SearchResult(
        front=members,
        edits=tuple(archive.allowed_edits()),
        best_so_far=tuple(best_so_far),
        logbook=logbook,
        evaluations=evaluations,
        distinct=archive.num_scored,
        is_complete=is_complete,
        is_stopped=is_stopped,
        pairs=tuple(archive.pairs),
        best_changes=archive.num_changes,
    )


def _statistics(front: Iterable[Individual], best: Individual) -> dict[str, float]:
    """Return the figures of one generation for the logbook.

    The reference point of the hypervolume of all four objectives: no uplift, identity -1, the largest size on the front,
    realism 0.
    """
    allowed = [individual for individual in front if individual.fitness.violation == 0.0]
    useful = [individual for individual in allowed if individual.fitness.values[0] > 0.0]
    largest = max((individual.fitness.values[2] for individual in allowed), default=0.0)
    volume = hypervolume(useful, np.array([0.0, 1.0, largest + 1e-9, 0.0])) if useful else 0.0
    return {"best": best.fitness.values[0], "front_size": len(allowed), "hypervolume": float(volume)}


ALGORITHMS: Mapping[str, Callable[..., SearchAlgorithm]] = {"nsga2": NSGA2Search, "adsee": AdSEESearch, "random": RandomSearch}


MIN_RISE = 1e-3  # log-odds; smaller changes are no rise


@dataclass
class StoppingRule:
    """Stop when the second opinion was best at least `patience` generations ago and the prediction has risen since.

    curve: (prediction, second opinion) of the best candidate so far after each generation, log-odds.
    """

    patience: int
    curve: list[tuple[float, float]] = field(default_factory=list)

    def update(self, predicted: float, second_opinion: float) -> bool:
        """Add both opinions of the best candidate after one more generation; return whether the search should stop."""
        self.curve.append((predicted, second_opinion))
        peak = max(range(len(self.curve)), key=lambda number: (self.curve[number][1], -number))
        has_risen = predicted > self.curve[peak][0] + MIN_RISE
        return has_risen and len(self.curve) - 1 - peak >= self.patience
