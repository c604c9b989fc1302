"""Effects under a mixture of normals: the closed form where there is one, nearer to the truth where most are worth nothing."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.ctr.account.sparse_effects import DENSE, SPARSE, draw_effects


def see(effects: np.ndarray, *, num: int = 90, noise: float = 0.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return score and information of effects seen in `num` ads whose log-odds vary by `noise`."""
    rng = np.random.default_rng(seed)
    features = (rng.random((num, len(effects))) < 0.3).astype(float)
    features -= features.mean(axis=0)
    seen = features @ effects + rng.normal(0, noise, num)
    return features.T @ seen / noise**2, features.T @ features / noise**2


def test_one_component_is_ridge_regression() -> None:
    score, information = see(np.array([0.4, 0.0, -0.2, 0.1]))
    covariance = np.linalg.inv(information + np.eye(4) / 0.15**2)
    draws = draw_effects(score, information, seed=3, prior={0.15: 1.0})
    np.testing.assert_allclose(draws.mean(axis=0), covariance @ score, atol=0.01)
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.0015)


def test_what_stands_out_stays_and_what_chance_shows_goes() -> None:
    effects = np.zeros(25)
    effects[4] = 0.6
    errors, kept = [], []
    for seed in range(12):
        score, information = see(effects, num=200, seed=seed)
        draws = draw_effects(score, information, seed=0)
        common = [np.linalg.solve(information + np.eye(25) / v, score) for v in (0.003, 0.01, 0.03, 0.1)]
        least = min(float(np.square(one - effects).sum()) for one in common)  # of one variance for all, the best in hindsight
        errors.append(float(np.square(draws.mean(axis=0) - effects).sum()) / least)
        kept.append(float(draws[:, 4].mean()))
    assert np.mean(errors) < 0.6
    assert 0.45 < np.mean(kept) < 0.65


@pytest.mark.parametrize("prior", [SPARSE, DENSE])
def test_ranges_hold_what_was_drawn_as_often_as_they_say(prior: dict[float, float]) -> None:
    rng, held = np.random.default_rng(5), []
    for seed in range(40):
        effects = rng.normal(0, rng.choice(list(prior), 12, p=rng.dirichlet(list(prior.values()))))
        score, information = see(effects, seed=seed)
        low, high = np.quantile(draw_effects(score, information, seed=0, prior=prior), (0.05, 0.95), axis=0)
        held.append((low <= effects) & (effects <= high))
    assert 0.86 < np.mean(held) < 0.94


def test_where_nothing_is_known_nothing_is_said_and_a_seed_says_the_same_again() -> None:
    draws = draw_effects(np.zeros(3), np.zeros((3, 3)), seed=1)
    assert np.abs(draws.mean(axis=0)).max() < 0.02
    low, high = np.quantile(draws, (0.05, 0.95), axis=0)
    assert (low < 0).all()
    assert (high > 0).all()
    np.testing.assert_array_equal(draws, draw_effects(np.zeros(3), np.zeros((3, 3)), seed=1))
