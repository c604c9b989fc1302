"""Inference of boosted trees in numpy, from arrays in safetensors; `data/make/roles` trains them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from adcreative.encoders.networks.trees import leaf_values


@dataclass(frozen=True, kw_only=True)
class BoostedTrees:
    """Trees of R rounds and K outputs in one table of N nodes.

    feature [N]: column tested by a node, -1 at a leaf. threshold [N]: values up to it go left. left, right [N]: the next
    node. value [N]: a leaf's addend to its output. roots [R, K]: first node of each tree.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    roots: np.ndarray

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray], name: str) -> BoostedTrees:
        """Return the trees with arrays named `name.feature`, `name.threshold` and so on."""
        return cls(**{field: tensors[f"{name}.{field}"] for field in cls.__dataclass_fields__})

    def score(self, rows: np.ndarray) -> np.ndarray:
        """Return the sums over all rounds [B, K] for rows of features [B, F]."""
        rows = np.asarray(rows, np.float32)
        left = np.where(self.feature >= 0, self.left, -1)
        values = leaf_values(rows, self.roots.ravel(), self.feature, self.threshold, left, self.right, self.value)
        sums: np.ndarray = values.reshape(len(rows), *self.roots.shape).sum(axis=1, dtype=np.float64)
        return sums
