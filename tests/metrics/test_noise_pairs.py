"""Pairs of columns that say no more than by chance are told from planted ones, whatever the columns say by themselves."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from adcreative.metrics.information import find_noise_pairs

SIZES = (8, 8, 12, 12, 5, 30, 300)


def planted(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A x B and C x D act together, A, C and E by themselves; the last two columns are noise."""
    rng = np.random.default_rng(seed)
    ids = np.stack([rng.integers(0, size, 12_000) for size in SIZES], axis=1)
    alone = sum(rng.normal(0, 0.8, SIZES[column])[ids[:, column]] for column in (0, 2, 4))
    together = sum(rng.normal(0, 0.8, (SIZES[a], SIZES[b]))[ids[:, a], ids[:, b]] for a, b in ((0, 1), (2, 3)))
    return ids, (rng.random(len(ids)) < 1 / (1 + np.exp(1 - alone - together))).astype(np.float32)


def test_planted_pairs_stand_out_and_pairs_without_effect_are_noise() -> None:
    pairs = list(combinations(range(7), 2))
    for seed in range(5):
        is_noise = find_noise_pairs(*planted(seed), rng=np.random.default_rng(0))
        assert [pair for pair, noise in zip(pairs, is_noise, strict=True) if not noise] == [(0, 1), (2, 3)]


@pytest.mark.parametrize("label", [0, 1])
def test_rows_of_one_kind_tell_of_no_pair(label: int) -> None:
    ids = np.random.default_rng(0).integers(0, 4, (100, 3))
    assert find_noise_pairs(ids, np.full(100, label), rng=np.random.default_rng(0)) == [True] * 3
