"""Pooling, splitting and judging headline tests, on small planted data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adcreative.errors import TrainingError
from data.make.headline_tests import (
    PARTS,
    HeadlineTests,
    build_pairs,
    evaluate_scores,
    part_of_test,
    read_headline_tests,
)


def write_packages(path: Path, rows: list[tuple[str, str, int, int, int]]) -> Path:
    columns = ["clickability_test_id", "headline", "impressions", "clicks", "test_week"]
    pd.DataFrame(rows, columns=columns).to_parquet(path)
    return path


def planted_tests(num_tests: int, seed: int = 0) -> tuple[HeadlineTests, np.ndarray]:
    """Tests of four arms whose click rates follow a planted appeal; returns them and the appeal."""
    rng = np.random.default_rng(seed)
    appeal = rng.normal(0, 0.3, num_tests * 4)
    impressions = rng.integers(2000, 4000, num_tests * 4).astype(float)
    clicks = rng.binomial(impressions.astype(int), 0.015 * np.exp(appeal)).astype(float)
    names = tuple(f"h{i}" for i in range(num_tests * 4))
    ids = tuple(f"t{i}" for i in range(num_tests))
    weeks = np.repeat(np.where(np.arange(num_tests) % 2 == 0, 201330, 201420), 4)
    return HeadlineTests(ids, np.repeat(np.arange(num_tests), 4), names, impressions, clicks, weeks), appeal


def test_packages_sharing_a_headline_are_pooled_and_lone_headlines_left_out(tmp_path: Path) -> None:
    path = write_packages(
        tmp_path / "p.parquet",
        [
            ("a", "One", 100, 3, 201401),
            ("a", "Two", 200, 4, 201401),
            ("a", "One", 50, 2, 201401),
            ("b", "Same", 100, 1, 201402),
            ("b", "Same", 100, 5, 201402),
            ("c", " ", 100, 1, 201402),
            ("c", "X", 100, 1, 201402),
            ("c", "Never shown", 0, 0, 201402),
        ],
    )
    tests = read_headline_tests(path)
    assert tests.test_ids == ("a",)
    assert tests.headlines == ("One", "Two")
    assert tests.impressions.tolist() == [150, 200]
    assert tests.clicks.tolist() == [5, 4]
    assert tests.is_imbalanced().tolist() == [True]


def test_missing_column_is_named(tmp_path: Path) -> None:
    pd.DataFrame({"headline": ["a"], "clicks": [1]}).to_parquet(tmp_path / "p.parquet")
    with pytest.raises(TrainingError, match="has no column clickability_test_id, impressions; headline tests need"):
        read_headline_tests(tmp_path / "p.parquet")


def test_nothing_to_compare_is_an_error(tmp_path: Path) -> None:
    path = write_packages(tmp_path / "p.parquet", [("a", "One", 100, 3, 0)])
    with pytest.raises(TrainingError, match="no test with two different headlines"):
        read_headline_tests(path)


def test_split_is_fixed_and_about_eight_to_one_to_one() -> None:
    parts = [part_of_test(f"test-{i}") for i in range(5000)]
    shares = [parts.count(name) / len(parts) for name in PARTS]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.02)
    # ours, regression only: whoever fits on one part relies on the split never moving
    assert [part_of_test(name) for name in ("test-0", "test-12", "test-3")] == list(PARTS)


def test_parts_do_not_overlap_and_lose_nothing() -> None:
    tests, _ = planted_tests(300)
    parts = [tests.part(name) for name in PARTS]
    assert sum(len(part.headlines) for part in parts) == len(tests.headlines)
    assert set().union(*(part.test_ids for part in parts)) == set(tests.test_ids)
    assert all(part.test_idx.max() == len(part.test_ids) - 1 for part in parts)


def test_pairs_match_a_naive_loop() -> None:
    tests, _ = planted_tests(20, seed=1)
    expected = set()
    for i in range(len(tests.headlines)):
        for j in range(len(tests.headlines)):
            p, q = tests.clicks[i] / tests.impressions[i], tests.clicks[j] / tests.impressions[j]
            if tests.test_idx[i] == tests.test_idx[j] and p > q:
                n, m = tests.impressions[i], tests.impressions[j]
                pooled = (tests.clicks[i] + tests.clicks[j]) / (n + m)
                z = (p - q) / (pooled * (1 - pooled) * (1 / n + 1 / m)) ** 0.5
                expected.add((i, j, bool(z > 1.96)))
    pairs = build_pairs(tests)
    assert set(zip(pairs.first.tolist(), pairs.second.tolist(), pairs.significant.tolist(), strict=True)) == expected


def test_true_appeal_wins_and_its_opposite_loses() -> None:
    tests, appeal = planted_tests(200)
    right, wrong = evaluate_scores(tests, appeal), evaluate_scores(tests, -appeal)
    assert right["pairwise_accuracy_significant"] > 0.95
    assert right["pairwise_accuracy"] + wrong["pairwise_accuracy"] == pytest.approx(1.0)
    assert right["pairwise_accuracy_low"] < right["pairwise_accuracy"] < right["pairwise_accuracy_high"]


def test_equal_scores_count_half() -> None:
    tests, _ = planted_tests(50)
    assert evaluate_scores(tests, np.zeros(200), num_resamples=5)["pairwise_accuracy"] == 0.5


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Coin-flip scores are right in half the pairs; a 95 % interval over tests must hold 0.5 nearly always."""
    covered = 0
    for seed in range(60):
        tests, _ = planted_tests(60, seed)
        found = evaluate_scores(tests, np.random.default_rng(seed + 999).normal(size=240), num_resamples=200)
        covered += found["pairwise_accuracy_low"] <= 0.5 <= found["pairwise_accuracy_high"]
    assert covered >= 51  # below 51 of 60 has probability < 0.1 % at 95 %


def test_imbalanced_weeks_can_be_left_out() -> None:
    tests, _ = planted_tests(10)
    assert tests.select(~tests.is_imbalanced()).test_ids == ("t1", "t3", "t5", "t7", "t9")
