"""Gradient-boosted trees over the condensed encoding, fitted by scikit-learn and stored as plain arrays.

Poisson loss on the rate with an ad's weight capped. A test compares the traversal of the arrays with scikit-learn's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import special
from sklearn.ensemble import HistGradientBoostingRegressor

from adcreative.ctr.account.encoder import Encoded
from adcreative.ctr.account.table import EVERYTHING
from adcreative.encoders.networks.trees import leaf_values

CAP_IMPRESSIONS = 1_000.0
NUM_TREES, LEARNING_RATE, MIN_LEAF_ADS = 200, 0.03, 10
MIN_RATE, MAX_RATE = 1e-7, 0.999


@dataclass(frozen=True, eq=False)
class BoostedTrees:
    """T trees as rows of nodes.

    first: [T] int32, root of each tree. feature, left, right [K] int32; threshold, value [K] float64; leaves have left = -1.
    baseline: log of the mean rate. depth: of the deepest tree.
    """

    blocks: ClassVar[Sequence[str]] = EVERYTHING
    baseline: float
    depth: int
    first: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray

    def log_odds(self, encoded: Encoded) -> np.ndarray:
        """Return log-odds [N] of the predicted rate."""
        inputs = encoded.condensed.astype(np.float64)
        values = leaf_values(inputs, self.first, self.feature, self.threshold, self.left, self.right, self.value)
        log_rate = self.baseline + values.sum(axis=1)
        return special.logit(np.clip(np.exp(log_rate), MIN_RATE, MAX_RATE))

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return plain notes and arrays."""
        names = ("first", "feature", "threshold", "left", "right", "value")
        return {"baseline": self.baseline, "depth": self.depth}, {name: getattr(self, name) for name in names}

    @classmethod
    def from_state(cls, notes: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> BoostedTrees:
        """Rebuild trees from their `state`."""
        return cls(notes["baseline"], notes["depth"], **tensors)


def fit_trees(encoded: Encoded, clicks: np.ndarray, impressions: np.ndarray, *, seed: int) -> BoostedTrees:
    """Fit the trees; the condensed encoding must have at least one column and some ad must have been clicked."""
    counted = np.minimum(impressions, CAP_IMPRESSIONS)
    fitted = HistGradientBoostingRegressor(
        loss="poisson",
        learning_rate=LEARNING_RATE,
        max_iter=NUM_TREES,
        min_samples_leaf=MIN_LEAF_ADS,
        random_state=seed,
    ).fit(encoded.condensed.astype(np.float64), clicks / impressions, sample_weight=counted)
    return _pack(fitted)


def _pack(fitted: HistGradientBoostingRegressor) -> BoostedTrees:
    nodes = [of_round[0].nodes for of_round in fitted._predictors]
    starts = np.cumsum([0, *(len(tree) for tree in nodes)])[:-1]
    packed = np.concatenate(nodes)
    offset = np.repeat(starts, [len(tree) for tree in nodes])
    is_leaf = packed["is_leaf"].astype(bool)
    return BoostedTrees(
        float(np.ravel(fitted._baseline_prediction)[0]),
        int(packed["depth"].max()),
        starts.astype(np.int32),
        packed["feature_idx"].astype(np.int32),
        packed["num_threshold"].astype(np.float64),
        np.where(is_leaf, -1, packed["left"].astype(np.int64) + offset).astype(np.int32),
        np.where(is_leaf, -1, packed["right"].astype(np.int64) + offset).astype(np.int32),
        np.where(is_leaf, packed["value"], 0.0).astype(np.float64),
    )
