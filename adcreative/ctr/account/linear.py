"""Capped logistic regression: the floor for a model of an account, on words, columns, or both.

Each ad counts as its clicks and non-clicks, scaled down to at most CAP_IMPRESSIONS impressions:

    minimise  |w|^2 / (2 C)  +  sum_i s_i (clicks_i l(1, x_i) + (impressions_i - clicks_i) l(0, x_i))
    with      s_i = min(1, CAP_IMPRESSIONS / impressions_i)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from adcreative.ctr.account.encoder import Encoded

CAP_IMPRESSIONS = 1_000.0
INVERSE_PENALTY = 0.03
MAX_ITERATIONS = 400


@dataclass(frozen=True, eq=False)
class CappedLogistic:
    """Weights of the concatenated columns of some blocks, in the order of `blocks`."""

    blocks: Sequence[str]
    intercept: float
    weights: np.ndarray

    def log_odds(self, encoded: Encoded) -> np.ndarray:
        """Return log-odds [N]."""
        found: np.ndarray = _design(encoded, self.blocks) @ self.weights + self.intercept
        return found

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return plain notes and arrays."""
        return {"blocks": list(self.blocks), "intercept": self.intercept}, {"weights": self.weights}

    @classmethod
    def from_state(cls, notes: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> CappedLogistic:
        """Rebuild a model from its `state`."""
        return cls(notes["blocks"], notes["intercept"], tensors["weights"])


def fit_capped_logistic(
    encoded: Encoded,
    clicks: np.ndarray,
    impressions: np.ndarray,
    blocks: Sequence[str],
    *,
    inverse_penalty: float = INVERSE_PENALTY,
) -> CappedLogistic:
    """Fit on the named blocks, with C = inverse_penalty; both outcomes must occur."""
    design = _design(encoded, blocks)
    share = np.minimum(1.0, CAP_IMPRESSIONS / np.maximum(impressions, 1.0))
    num = len(clicks)
    outcome = np.r_[np.ones(num), np.zeros(num)]
    fitted = LogisticRegression(C=inverse_penalty, max_iter=MAX_ITERATIONS).fit(
        sparse.vstack([design, design]).tocsr(), outcome, sample_weight=np.r_[clicks * share, (impressions - clicks) * share]
    )
    return CappedLogistic(list(blocks), float(fitted.intercept_[0]), fitted.coef_[0].astype(np.float64))


def _design(encoded: Encoded, blocks: Sequence[str]) -> sparse.csr_matrix:
    found = [encoded.sparse[name] if name in encoded.sparse else sparse.csr_matrix(encoded.dense[name]) for name in blocks]
    return sparse.hstack(found).tocsr().astype(np.float64)
