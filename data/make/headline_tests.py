"""Real headline tests: arms, counts, splits, and ranking accuracy of a score within tests. No torch.

A test shows several packages (headline + picture) at random to the same audience, so only packages of one test are
comparable. Packages of a test that share the headline are pooled, since they differ only in the picture.

Split: the first 8 hex digits of sha256("headline-test:" + test id), modulo 10, give 0-7 tune, 8 calibrate, 9 held-out. The
The headline model is fitted on `tune` (and its one scale on `calibrate`); models that use its scores are fitted on
`calibrate` only, and figures are reported on `held-out` only.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from adcreative.errors import TrainingError

PARTS = ("tune", "calibrate", "held-out")
COLUMNS = ("clickability_test_id", "headline", "impressions", "clicks")
SIGNIFICANT_Z = 1.96
ATTRIBUTION = (
    "Upworthy Research Archive, exploratory part: J. Nathan Matias, Kevin Munger, Marianne Aubin Le Quere, "
    "Charles Ebersole, 'The Upworthy Research Archive, a time series of 32,487 experiments in U.S. media', "
    "Scientific Data 8, 195 (2021), CC BY 4.0"
)
# The archive's maintainers report imbalanced randomisation from 25 June 2013 to 10 January 2014; weeks as YYYYWW.
IMBALANCED_WEEKS = (201325, 201401)


def part_of_test(test_id: str) -> str:
    """Return the part of the split of a test: "tune" (80 %), "calibrate" (10 %) or "held-out" (10 %)."""
    bucket = int(hashlib.sha256(f"headline-test:{test_id}".encode()).hexdigest()[:8], 16) % 10
    return PARTS[0] if bucket < 8 else PARTS[bucket - 7]


def normalise_headline(headline: str) -> str:
    """Return the words alone, in lower case: headlines with equal words are the same headline to a reader."""
    return " ".join(re.findall(r"\w+", headline.lower()))


@dataclass(frozen=True)
class HeadlineTests:
    """Arms of tests that compare at least two headlines; one entry per distinct headline of a test, sorted by test.

    test_idx [N] int64 counts tests from 0; test_ids [T] names them; impressions and clicks [N] float64; weeks [N] YYYYWW
    (0 when unknown).
    """

    test_ids: tuple[str, ...]
    test_idx: np.ndarray
    headlines: tuple[str, ...]
    impressions: np.ndarray
    clicks: np.ndarray
    weeks: np.ndarray

    def select(self, keep_tests: np.ndarray) -> HeadlineTests:
        """Return the tests where keep_tests [T] bool is true, renumbered."""
        rows = np.flatnonzero(keep_tests[self.test_idx])
        renumbered = np.cumsum(keep_tests) - 1
        return HeadlineTests(
            tuple(name for name, keep in zip(self.test_ids, keep_tests, strict=True) if keep),
            renumbered[self.test_idx[rows]],
            tuple(self.headlines[i] for i in rows),
            self.impressions[rows],
            self.clicks[rows],
            self.weeks[rows],
        )

    def part(self, name: str) -> HeadlineTests:
        """Return the tests of one part of the split."""
        return self.select(np.array([part_of_test(test_id) == name for test_id in self.test_ids], bool))

    def is_imbalanced(self) -> np.ndarray:
        """Return [T] bool: tests of the weeks whose randomisation the archive's maintainers distrust."""
        first_week, last_week = IMBALANCED_WEEKS
        doubtful = (self.weeks >= first_week) & (self.weeks <= last_week)
        return np.bincount(self.test_idx, doubtful, len(self.test_ids)) > 0


def read_headline_tests(parquet_path: Path) -> HeadlineTests:
    """Read the archive's packages and pool those of a test with the same headline; tests with one headline are left out.

    Raises:
        TrainingError: a required column is missing, or no test compares two headlines.
    """
    packages = pd.read_parquet(parquet_path)
    missing = [name for name in COLUMNS if name not in packages.columns]
    if missing:
        raise TrainingError(f"{parquet_path} has no column {', '.join(missing)}; headline tests need {', '.join(COLUMNS)}.")
    if "test_week" not in packages.columns:
        packages["test_week"] = 0
    packages = packages[(packages.impressions > 0) & packages.headline.str.strip().astype(bool)]
    grouped = packages.groupby(["clickability_test_id", "headline"], sort=True)
    arms = grouped.agg(impressions=("impressions", "sum"), clicks=("clicks", "sum"), week=("test_week", "first")).reset_index()
    arms = arms[arms.groupby("clickability_test_id").headline.transform("size") > 1]
    if arms.empty:
        raise TrainingError(f"{parquet_path} has no test with two different headlines; nothing can be compared.")
    test_idx, test_ids = pd.factorize(arms.clickability_test_id)
    return HeadlineTests(
        tuple(map(str, test_ids)),
        np.asarray(test_idx, np.int64),
        tuple(map(str, arms.headline)),
        arms.impressions.to_numpy(np.float64),
        arms.clicks.to_numpy(np.float64),
        arms.week.to_numpy(np.int64),
    )


@dataclass(frozen=True)
class Pairs:
    """Pairs of arms of one test with different click rates: arms first/second [K], test_idx [K], significant [K] bool."""

    first: np.ndarray
    second: np.ndarray
    test_idx: np.ndarray
    significant: np.ndarray


def build_pairs(tests: HeadlineTests) -> Pairs:
    """Return every pair of arms within a test, with the higher click rate first; ties are left out.

    significant: two-proportion |z| > 1.96,  z = (p1 - p2) / sqrt(p (1 - p) (1/n1 + 1/n2)) with the pooled rate p.
    """
    firsts, seconds = [], []
    starts = np.flatnonzero(np.r_[True, np.diff(tests.test_idx) != 0, True])
    for begin, end in itertools.pairwise(starts):
        left, right = np.triu_indices(int(end - begin), 1)
        firsts.append(begin + left)
        seconds.append(begin + right)
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    rate = tests.clicks / tests.impressions
    swap = rate[first] < rate[second]
    first, second = np.where(swap, second, first), np.where(swap, first, second)
    pooled = (tests.clicks[first] + tests.clicks[second]) / (tests.impressions[first] + tests.impressions[second])
    variance = pooled * (1 - pooled) * (1 / tests.impressions[first] + 1 / tests.impressions[second])
    z = (rate[first] - rate[second]) / np.sqrt(np.maximum(variance, 1e-18))
    keep = rate[first] > rate[second]
    return Pairs(first[keep], second[keep], tests.test_idx[first[keep]], z[keep] > SIGNIFICANT_Z)


def evaluate_scores(tests: HeadlineTests, scores: np.ndarray, *, num_resamples: int = 1000) -> dict[str, float]:
    """Return the share of pairs whose better arm has the higher score (an equal score counts half), with 95 % intervals.

    Keys: tests, pairs, pairs_significant, pairwise_accuracy, pairwise_accuracy_significant and both with _low and _high from
    a bootstrap over whole tests, since pairs of one test are not independent.
    """
    pairs = build_pairs(tests)
    right = (scores[pairs.first] > scores[pairs.second]) + 0.5 * (scores[pairs.first] == scores[pairs.second])
    result: dict[str, float] = {"tests": len(tests.test_ids)}
    draws = np.random.default_rng(0).multinomial(
        len(tests.test_ids), np.full(len(tests.test_ids), 1 / len(tests.test_ids)), size=num_resamples
    )  # [resamples, T]
    for suffix, mask in (("", np.ones(len(right), bool)), ("_significant", pairs.significant)):
        hits = np.bincount(pairs.test_idx[mask], right[mask], len(tests.test_ids))
        counts = np.bincount(pairs.test_idx[mask], minlength=len(tests.test_ids))
        result[f"pairs{suffix}"] = int(counts.sum())
        resampled = (draws @ hits) / np.maximum(draws @ counts, 1)
        result[f"pairwise_accuracy{suffix}"] = float(hits.sum() / max(counts.sum(), 1))
        result[f"pairwise_accuracy{suffix}_low"], result[f"pairwise_accuracy{suffix}_high"] = (
            float(value) for value in np.quantile(resampled, (0.025, 0.975))
        )
    return result
