"""Operators keep their bounds and do what their equations say."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcreative.editor.search.operators import (
    mate,
    mutate,
    polynomial_step,
    reset_index,
    simulated_binary_crossover,
    tournament_dcd,
    uniform_crossover,
)
from adcreative.editor.space.genome import CandidateScore, GeneSpace, Individual

LOW, HIGH = np.array([-1.5, -2.0, 0.0]), np.array([2.0, 0.5, 1.0])
SPACE = GeneSpace(
    num_faces=2,
    low=LOW,
    high=HIGH,
    num_headlines=4,
    num_descriptions=2,
    num_buttons=3,
    num_scenes=2,
    adjustment_low=np.array([-1.0, 0.0]),
    adjustment_high=np.array([1.0, 0.5]),
)
SEEDS = st.integers(0, 2**32 - 1)


def is_inside(genome: Individual) -> bool:
    num, (low, high) = SPACE.num_strengths, SPACE.bounds()
    values, bits = np.array(genome[:num]), np.array(genome[num : 2 * num])
    lines_fit = all(line in range(n) for line, n in zip(genome[-4:], SPACE.num_choices, strict=True))
    return bool(((values >= low) & (values <= high)).all() and np.isin(bits, (0.0, 1.0)).all() and lines_fit)


@given(SEEDS, st.floats(0.5, 30))
@settings(max_examples=60, deadline=None)
def test_children_and_mutants_stay_in_the_space(seed: int, eta: float) -> None:
    rng = np.random.default_rng(seed)
    first, second = SPACE.sample(rng=rng), SPACE.sample(rng=rng)
    before = list(first), list(second)
    for child in mate(SPACE, first, second, eta=eta, rng=rng):
        assert is_inside(child)
        assert is_inside(mutate(SPACE, child, eta=eta, rng=rng))
    assert (list(first), list(second)) == before  # parents are left alone


@given(SEEDS, st.floats(0.5, 30))
@settings(max_examples=60, deadline=None)
def test_sbx_keeps_the_mean_of_the_parents(seed: int, eta: float) -> None:
    rng = np.random.default_rng(seed)
    low, high = np.full(20, -1.0), np.full(20, 3.0)
    first, second = rng.uniform(low, high), rng.uniform(low, high)
    one, two = simulated_binary_crossover(first, second, low, high, eta=eta, rng=rng)
    np.testing.assert_allclose(one + two, first + second, atol=1e-12)
    assert ((one >= low) & (one <= high) & (two >= low) & (two <= high)).all()


@pytest.mark.parametrize("eta", [1.0, 5.0, 20.0])
def test_sbx_spread_follows_its_density_far_from_bounds(eta: float) -> None:
    # Deb & Agrawal 1995: P(beta <= 1) = 1/2 and P(beta <= b) = 1 - b^-(eta+1) / 2 for b > 1.
    rng, num = np.random.default_rng(0), 200_000
    far = np.full(num, 1e6)
    one, two = simulated_binary_crossover(np.zeros(num), np.ones(num), -far, far, eta=eta, rng=rng)
    beta = np.abs(one - two)
    beta = beta[np.abs(beta - 1.0) > 1e-12]  # genes that were not crossed keep beta = 1
    assert len(beta) / num == pytest.approx(0.5, abs=0.01)
    assert np.mean(beta < 1.0) == pytest.approx(0.5, abs=0.01)
    assert np.mean(beta < 1.2) == pytest.approx(1 - 0.5 * 1.2 ** -(eta + 1), abs=0.01)


def test_polynomial_step_closed_form() -> None:
    low, high = np.array([-2.0]), np.array([3.0])
    at = lambda x, u, eta=4.0: float(polynomial_step(np.array([x]), low, high, np.array([u]), eta=eta)[0])  # noqa: E731
    assert at(0.5, 0.0) == pytest.approx(-2.0)
    assert at(0.5, 0.5) == pytest.approx(0.5)
    assert at(0.5, 1.0) == pytest.approx(3.0)
    # u = 0.25, middle of the range: d = (0.5 + 0.5 * 0.5^5)^(1/5) - 1
    assert at(0.5, 0.25) == pytest.approx(0.5 + 5 * ((0.5 + 0.5 * 0.5**5) ** 0.2 - 1))
    assert at(0.5, 0.75) == pytest.approx(0.5 - 5 * ((0.5 + 0.5 * 0.5**5) ** 0.2 - 1))
    assert at(-2.0, 0.2) == pytest.approx(-2.0)  # nothing is below the lower bound
    assert abs(at(0.5, 0.25, eta=50.0) - 0.5) < abs(at(0.5, 0.25) - 0.5)  # a larger eta stays nearer


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_uniform_crossover_only_exchanges(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=12), rng.normal(size=12)
    one, two = uniform_crossover(first, second, rng=rng)
    np.testing.assert_array_equal(np.sort([one, two], axis=0), np.sort([first, second], axis=0))


def test_mate_keeps_a_strength_with_its_bit() -> None:
    # Each parent is active where the other is not: whatever is active in a child has its own parent's strength.
    space = GeneSpace(num_faces=1, low=np.full(4, -1.0), high=np.full(4, 1.0))
    first = Individual([0.5, 0.5, -0.9, -0.9, 1, 1, 0, 0, 0, 0, 0, 0])
    second = Individual([-0.9, -0.9, 0.5, 0.5, 0, 0, 1, 1, 0, 0, 0, 0])
    rng = np.random.default_rng(1)
    for _ in range(20):
        for child in mate(space, first, second, eta=2.0, rng=rng):
            assert set(space.strengths([child]).ravel()) <= {0.0, 0.5}


def test_reset_index_draws_another_line() -> None:
    rng = np.random.default_rng(0)
    drawn = [reset_index(2, 4, probability=1.0, rng=rng) for _ in range(300)]
    assert set(drawn) == {0, 1, 3}
    assert reset_index(0, 1, probability=1.0, rng=rng) == 0
    assert {reset_index(2, 4, probability=0.0, rng=rng) for _ in range(20)} == {2}


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_tournament_prefers_the_dominating_and_the_lonely(size: int) -> None:
    individuals = []
    for i in range(size):
        one = Individual([float(i), 0.0])
        one.set_fitness(CandidateScore(uplift_mean=i, uplift_std=0, uplift_low=float(i), identity=1.0, size=0.0))
        individuals.append(one)
    selected = tournament_dcd(individuals, 2 * size, rng=np.random.default_rng(0))
    assert len(selected) == 2 * size
    assert np.mean([one[0] for one in selected]) >= np.mean(range(size))
    if size > 1:
        assert all(one[0] > 0 for one in selected)  # the worst never wins


def test_tournament_breaks_ties_by_crowding() -> None:
    lonely, crowded = Individual([0.0, 0.0]), Individual([1.0, 0.0])
    for one, low, size in ((lonely, 1.0, 1.0), (crowded, 2.0, 2.0)):  # neither dominates
        one.set_fitness(CandidateScore(uplift_mean=low, uplift_std=0, uplift_low=low, identity=1.0, size=size))
    lonely.fitness.crowding_dist, crowded.fitness.crowding_dist = 2.0, 0.5
    assert all(one is lonely for one in tournament_dcd([lonely, crowded], 6, rng=np.random.default_rng(0)))


def test_operators_leave_the_global_generators_alone() -> None:
    random.seed(3)
    expected = random.random()
    random.seed(3)
    rng = np.random.default_rng(0)
    child, _ = mate(SPACE, SPACE.sample(rng=rng), SPACE.sample(rng=rng), eta=2.0, rng=rng)
    mutate(SPACE, child, eta=2.0, rng=rng)
    assert random.random() == expected
