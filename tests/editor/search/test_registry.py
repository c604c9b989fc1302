"""The driver's promises, for every algorithm in the registry, and NSGA-II against a known front."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adcreative.editor.search.config import SearchConfig
from adcreative.editor.search.registry import ALGORITHMS, SearchResult, _statistics, search_edits
from adcreative.editor.space.genome import CandidateScore, GeneSpace, Individual
from adcreative.errors import ConfigError

SPACE = GeneSpace(num_faces=2, low=np.full(3, -2.0), high=np.full(3, 2.0), num_headlines=3, num_descriptions=2)


def hill(genomes: list[Individual], space: GeneSpace = SPACE) -> list[CandidateScore]:
    """A smooth hill with a ridge between directions; identity falls with size."""
    scores = []
    for s, (headline, *_) in zip(space.strengths(genomes), space.choices(genomes), strict=True):
        low = float((0.5 * s[:, 0] - 0.3 * s[:, 0] ** 2 - 0.2 * (s[:, 1] - s[:, 0]) ** 2 + 0.1 * s[:, 2]).sum())
        low += 0.2 * (headline == 2) + 0.1 * float(np.sin(3 * s).sum())
        size = float(np.linalg.norm(s, axis=1).sum()) + 0.5 * (headline > 0)
        identity = 1 - 0.1 * size
        scores.append(
            CandidateScore(
                uplift_mean=low, uplift_std=0, uplift_low=low, identity=identity, size=size, violation=max(0.0, 0.5 - identity)
            )
        )
    return scores


def run(algorithm: str = "nsga2", seed: int = 0, **changes: object) -> SearchResult:
    config = SearchConfig(**{"algorithm": algorithm, "population_size": 12, "generations": 6, **changes})
    return search_edits(hill, SPACE, config, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
class TestEveryAlgorithm:
    def test_best_so_far_never_falls_and_starts_at_no_edit(self, algorithm: str) -> None:
        result = run(algorithm, seed=1)
        best = [one.fitness.values[0] for one in result.best_so_far]
        assert best == sorted(best) == result.logbook.select("best")
        assert best[0] >= 0.0
        assert best[-1] > best[0]
        assert result.best_so_far[-1].fitness.violation == 0.0

    def test_spends_its_budget_exactly(self, algorithm: str) -> None:
        asked = []
        config = SearchConfig(algorithm=algorithm, population_size=7, generations=3)

        def score(genomes: list[Individual]) -> list[CandidateScore]:
            asked.append(len(genomes))
            return hill(genomes)

        result = search_edits(score, SPACE, config, rng=np.random.default_rng(1))
        assert result.evaluations == 28
        assert sum(asked) == result.distinct <= 28

    def test_first_candidate_is_the_unedited_creative(self, algorithm: str) -> None:
        first = ALGORITHMS[algorithm](SPACE, SearchConfig(population_size=5), rng=np.random.default_rng(0)).ask()
        assert len(first) == 5
        assert first[0] == SPACE.original()

    @pytest.mark.parametrize(("population_size", "generations"), [(1, 0), (1, 4), (2, 1), (3, 0)])
    def test_tiny_budgets_work(self, algorithm: str, population_size: int, generations: int) -> None:
        result = run(algorithm, population_size=population_size, generations=generations)
        assert result.evaluations == population_size * (generations + 1)
        assert result.best_so_far[-1].fitness.values[0] >= 0.0

    def test_same_seed_same_result(self, algorithm: str) -> None:
        one, two, other = run(algorithm, 3), run(algorithm, 3), run(algorithm, 4)
        assert one.front == two.front
        assert one.best_so_far == two.best_so_far
        assert one.front != other.front

    def test_front_is_allowed_and_not_dominated(self, algorithm: str) -> None:
        front = run(algorithm).front
        assert front
        assert not any(one.fitness.dominates(other.fitness) for one in front for other in front)
        assert all(one.fitness.violation == 0.0 for one in front)

    def test_nothing_to_change_is_no_trouble(self, algorithm: str) -> None:
        space = GeneSpace(num_faces=0, low=np.zeros(0), high=np.zeros(0))
        config = SearchConfig(algorithm=algorithm, population_size=4, generations=2)
        result = search_edits(lambda genomes: hill_of_nothing(genomes), space, config, rng=np.random.default_rng(0))
        assert (result.evaluations, result.distinct, len(result.front)) == (12, 1, 1)

    def test_cancel_keeps_what_was_found(self, algorithm: str) -> None:
        seen: list[int] = []
        config = SearchConfig(algorithm=algorithm, population_size=6, generations=9)
        result = search_edits(
            hill,
            SPACE,
            config,
            rng=np.random.default_rng(0),
            progress=lambda generation, generations, best: seen.append(generation),
            should_stop=lambda: len(seen) >= 3,
        )
        assert seen == [0, 1, 2]
        assert not result.is_complete
        assert result.evaluations == 18
        assert result.front


def hill_of_nothing(genomes: list[Individual]) -> list[CandidateScore]:
    return [CandidateScore(uplift_mean=0, uplift_std=0, uplift_low=0, identity=1, size=0) for _ in genomes]


@pytest.mark.parametrize(("proposal_share", "tolerance"), [(0.0, 0.2), (0.5, 0.05)])
def test_nsga2_finds_a_known_front(proposal_share: float, tolerance: float) -> None:
    # bound = 2 s0 - s0^2 - s1^2, size = |s|: the front is s1 = 0, s0 in 0..1, that is bound = 1 - (1 - size)^2.
    space = GeneSpace(num_faces=1, low=np.full(2, -2.0), high=np.full(2, 2.0))

    def score(genomes: list[Individual]) -> list[CandidateScore]:
        low = [float(2 * s[0] - s[0] ** 2 - s[1] ** 2) for (s,) in space.strengths(genomes)]
        size = [float(np.linalg.norm(s)) for s in space.strengths(genomes)]
        return [
            CandidateScore(uplift_mean=a, uplift_std=0, uplift_low=a, identity=1, size=b)
            for a, b in zip(low, size, strict=True)
        ]

    config = SearchConfig(population_size=24, generations=20, proposal_share=proposal_share)
    front = search_edits(score, space, config, rng=np.random.default_rng(0)).front
    points = np.array([one.fitness.values for one in front])
    assert np.abs(points[:, 0] - (1 - (1 - points[:, 2]) ** 2)).max() < tolerance
    assert points[:, 0].max() > 0.99
    assert points[:, 2].min() == 0.0
    assert len(front) > 10


def test_hypervolume_of_nsga2_grows_to_more_than_random_finds() -> None:
    grown = run("nsga2", generations=10).logbook.select("hypervolume")
    assert grown[-1] > grown[0]
    assert grown[-1] > run("random", generations=10).logbook.select("hypervolume")[-1]


def test_nsga2_beats_every_baseline_on_average_at_equal_evaluations() -> None:
    reached = {
        name: np.array(
            [run(name, seed, population_size=24, generations=10).best_so_far[-1].fitness.values[0] for seed in range(8)]
        )
        for name in ALGORITHMS
    }
    assert reached["nsga2"].mean() > 1.3 * reached["random"].mean()
    assert (reached["nsga2"] > reached["random"]).all()
    assert reached["nsga2"].mean() >= reached["adsee"].mean()


def test_nsga2_sees_every_line_before_it_breeds_unless_the_budget_is_too_small() -> None:
    space = GeneSpace(num_faces=1, low=np.full(2, -2.0), high=np.full(2, 2.0), num_headlines=30, num_descriptions=9)
    for generations, num_seen in ((5, 30), (1, 11)):
        config, asked = SearchConfig(population_size=12, generations=generations), []
        algorithm = ALGORITHMS["nsga2"](space, config, rng=np.random.default_rng(0))
        for _ in range(3 if generations > 1 else 1):
            asked += algorithm.ask()
        assert len({headline for headline, *_ in space.choices(asked)}) == num_seen


def test_nsga2_tries_each_line_by_itself_and_no_two_that_may_not_stand_in_one_ad() -> None:
    fits = np.ones((5, 3), bool)
    fits[2, :2] = fits[3, 1:] = False
    space, asked = replace(SPACE, num_headlines=5, num_descriptions=3, num_buttons=4, fits=fits), []
    algorithm = ALGORITHMS["nsga2"](space, SearchConfig(population_size=24, generations=3), rng=np.random.default_rng(0))
    for generation in range(4):
        candidates = algorithm.ask()
        for one, score in zip(candidates, hill(candidates, space), strict=True):
            one.set_fitness(score)
        algorithm.tell(candidates)
        asked += candidates
        if not generation:
            assert [space.words(single) for single in asked[1:7]] == [
                (1, 0),
                (2, 2),
                (3, 0),
                (4, 0),
                (0, 1),
                (0, 2),
            ]
            assert not space.decode(asked[1:7]).any()
            assert {single[-2] for single in asked[1:7]} == {0.0}
    assert all(fits[int(one[-4]), int(one[-3])] for one in asked)


def test_identity_is_a_bound_and_not_a_price() -> None:
    for one in run("adsee").best_so_far:
        assert one.fitness.values[1] >= 0.5


def test_nsga2_asks_for_each_candidate_once() -> None:
    assert run("nsga2").distinct == run("nsga2").evaluations


SCRIPT = """
from tests.editor.search.test_registry import summarise
print(summarise())
import sys, adcreative.editor.session
print("torch" in sys.modules)
"""


def summarise() -> str:
    results = {algorithm: run(algorithm, seed=11) for algorithm in ALGORITHMS}
    return str(
        {name: ([list(one) for one in result.front], result.logbook.select("hypervolume")) for name, result in results.items()}
    )


def test_same_seed_same_front_in_another_process_and_without_torch() -> None:
    environment, root = {**os.environ, "PYTHONHASHSEED": "7"}, Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, cwd=root, env=environment)
    assert done.stdout.splitlines() == [summarise(), "False"]


def test_wrong_settings_are_named_together() -> None:
    with pytest.raises(ConfigError, match=r"population_size must be.*generations must not be negative.*known: nsga2"):
        SearchConfig(population_size=0, generations=-1, algorithm="nsga")


def test_of_two_edits_that_are_alike_otherwise_the_more_real_one_wins() -> None:
    real, odd = Individual([0.0]), Individual([0.0])
    for one, realism in ((real, 0.95), (odd, 0.9)):
        one.set_fitness(CandidateScore(uplift_mean=1, uplift_std=0, uplift_low=1, identity=1, size=1, realism=realism))
    assert real.fitness.dominates(odd.fitness)
    assert not odd.fitness.dominates(real.fitness)


def test_hypervolume_counts_realism_down_to_zero() -> None:
    one = Individual([0.0])
    one.set_fitness(CandidateScore(uplift_mean=2, uplift_std=0, uplift_low=2, identity=0.5, size=0, realism=0.75))
    assert _statistics([one], one)["hypervolume"] == pytest.approx(2 * 1.5 * 1e-9 * 0.75)
