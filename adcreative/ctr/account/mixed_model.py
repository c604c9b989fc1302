"""A logistic mixed-effects model of an account's ads: each block of their encoding is an effect with a variance of its own.

    log-odds of ad i  =  mean + sum over blocks k of u_k(i) + e_i,     cov(u_k(i), u_k(j)) = v_k K_k(i, j),   e_i ~ N(0, v_e)
    clicks_i          ~  Binomial(impressions_i, rate_i)

The same as a Gaussian process with the kernel sum_k v_k K_k. Categories are pooled partially: a value with few ads stays near
the mean. e_i is the variation of ads beyond everything known, so an ad with millions of impressions counts for at most 1 / v_e;
no cap is needed, and binomial noise is not mistaken for variation. The mode is found by Newton steps (Laplace), variances by
the fixed point of restricted maximum likelihood, v <- v sqrt(a'Ka / tr(RK)), with a weak prior that stabilises small accounts.

Source: Rasmussen & Williams 2006, algorithms 3.1 and 3.2; Breslow & Clayton 1993 for the variances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special
from scipy.linalg import cho_factor, cho_solve

from adcreative.ctr.account.encoder import Encoded
from adcreative.ctr.account.kernels import Kernel, compute_kernels

INTERCEPT_VARIANCE = 4.0
START_VARIANCE = 0.05
PRIOR_SHAPE, PRIOR_VARIANCE = 0.5, 0.01
MIN_VARIANCE, MAX_VARIANCE = 1e-5, 8.0
MIN_NUGGET = 1e-3
NUM_ROUNDS, NUM_REFITS = 16, 3
TOLERANCE = 0.05
MAX_NEWTON = 40
MAX_ROWS = 1_500
NUM_QUADRATURE = 31
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(NUM_QUADRATURE)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True, eq=False)
class MixedModel:
    """Fitted effects; predictions need the ads of the fit (`support`).

    variances: block -> v_k. nugget: v_e. weights [S]: of the supporting ads. precision [S, S] float32: R, for variances.
    ignored: columns left out of the fit.
    """

    mean: float
    variances: Mapping[str, float]
    nugget: float
    support: Encoded
    weights: np.ndarray
    precision: np.ndarray
    ignored: Sequence[str] = ()

    @property
    def blocks(self) -> Sequence[str]:
        """Names of the blocks, one per effect."""
        return tuple(self.variances)

    def predict(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """Return mean [N] and variance [N] of the log-odds before the nugget."""
        shared, mass = self._combine(encoded)
        reach = shared @ self.precision
        return self.mean + shared @ self.weights, np.maximum(mass - (reach * shared).sum(axis=1), 0.0)

    def log_odds(self, encoded: Encoded) -> np.ndarray:
        """Return the log-odds [N] of the expected rate."""
        mean, variance = self.predict(encoded)
        return special.logit(expected_rate(mean, variance + self.nugget))

    def change(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance [N-1] of the difference of log-odds to the first ad; shared effects cancel."""
        shared, mass = self._combine(encoded)
        own, _ = self._combine(encoded.rows(np.array([0])), encoded)
        step = shared[1:] - shared[:1]
        prior = mass[1:] + mass[0] - 2 * own[0, 1:]
        variance = prior - ((step @ self.precision) * step).sum(axis=1)
        return step @ self.weights, np.maximum(variance, 0.0)

    def _combine(self, encoded: Encoded, other: Encoded | None = None) -> tuple[np.ndarray, np.ndarray]:
        other = self.support if other is None else other
        for name in self.ignored:
            encoded, other = encoded.without(name), other.without(name)
        kernels = compute_kernels(encoded, other, list(self.variances))
        return combine(kernels, self.variances)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return plain notes and arrays."""
        notes = {
            "mean": self.mean,
            "nugget": self.nugget,
            "blocks": list(self.variances),
            "ignored": list(self.ignored),
            "variances": list(self.variances.values()),
            "sparse": list(self.support.sparse),
            "dense": list(self.support.dense),
        }
        tensors: dict[str, np.ndarray] = {"weights": self.weights, "precision": self.precision}
        for name, block in self.support.sparse.items():
            tensors |= {f"sparse.{name}.{part}": getattr(block, part) for part in ("data", "indices", "indptr")}
            tensors[f"sparse.{name}.shape"] = np.array(block.shape, np.int64)
        tensors |= {f"dense.{name}": block for name, block in self.support.dense.items()}
        tensors |= {f"mass.{name}": mass for name, mass in self.support.mass.items()}
        return notes, tensors

    @classmethod
    def from_state(cls, notes: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> MixedModel:
        """Rebuild a model from its `state`."""
        from scipy import sparse

        blocks = {}
        for name in notes["sparse"]:
            data, indices, indptr, shape = (tensors[f"sparse.{name}.{part}"] for part in ("data", "indices", "indptr", "shape"))
            blocks[name] = sparse.csr_matrix((data, indices, indptr), shape=tuple(int(size) for size in shape))
        dense = {name: tensors[f"dense.{name}"] for name in notes["dense"]}
        mass = {name: tensors[f"mass.{name}"] for name in (*notes["sparse"], *notes["dense"])}
        weights = tensors["weights"]
        support = Encoded(blocks, dense, mass, np.zeros((len(weights), 0), np.float32))
        variances = dict(zip(notes["blocks"], notes["variances"], strict=True))
        ignored = notes.get("ignored", ())
        return cls(notes["mean"], variances, notes["nugget"], support, weights, tensors["precision"], ignored)


def combine(kernels: Mapping[str, Kernel], variances: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the covariance [A, B] of two sets of ads and the variance [A] of the first, over all blocks and the mean."""
    parts = [(variances[name], kernel) for name, kernel in kernels.items()]
    first = next(iter(kernels.values()))
    shared, mass = np.full_like(first.shared, INTERCEPT_VARIANCE), np.full_like(first.mass, INTERCEPT_VARIANCE)
    for variance, kernel in parts:
        shared += variance * kernel.shared
        mass = mass + variance * kernel.mass
    return shared, mass


def expected_rate(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return the mean [N] of the rate whose log-odds are normal."""
    return special.expit(mean[:, None] + np.sqrt(variance)[:, None] * _NODES) @ _WEIGHTS


def fit_mixed_model(
    encoded: Encoded,
    clicks: np.ndarray,
    impressions: np.ndarray,
    blocks: Sequence[str],
    *,
    start: MixedModel | None = None,
    seed: int = 0,
    ignored: Sequence[str] = (),
    max_rows: int | None = None,
) -> MixedModel:
    """Fit variances and effects; at most max_rows (MAX_ROWS) supporting ads, drawn by the information in their counts.

    Args:
        blocks: names of `kernels.list_blocks`, at least one.
        ignored: columns that the encoding lacks, to be left out of predictions too.
        start: a fit to nearly the same ads whose variances are refined: in NUM_REFITS rounds where its effects are the same,
            else in NUM_ROUNDS.
    """
    max_rows = max_rows or MAX_ROWS
    if len(encoded) > max_rows:
        rate = (clicks.sum() + 0.5) / (impressions.sum() + 1)
        told = impressions * rate / (1 + 0.05 * impressions * rate)
        idx = np.sort(np.random.default_rng(seed).choice(len(encoded), max_rows, replace=False, p=told / told.sum()))
        encoded, clicks, impressions = encoded.rows(idx), clicks[idx], impressions[idx]
    kernels = compute_kernels(encoded, encoded, blocks)
    variances, nugget = dict.fromkeys(blocks, START_VARIANCE), START_VARIANCE
    if start is not None:
        variances |= {name: value for name, value in start.variances.items() if name in variances}
        nugget = start.nugget
    mean = float(special.logit(_bounded_mean(clicks, impressions)))
    weights = np.zeros(len(clicks))
    is_refit = start is not None and set(start.variances) == set(blocks)
    for _ in range(NUM_REFITS if is_refit else NUM_ROUNDS):
        weights, precision = _find_mode(kernels, variances, nugget, clicks, impressions, mean, weights)
        moved = {
            name: _update(variances[name], float(weights @ kernel.shared @ weights), float((precision * kernel.shared).sum()))
            for name, kernel in kernels.items()
        }
        new_nugget = max(_update(nugget, float(weights @ weights), float(np.trace(precision))), MIN_NUGGET)
        steps = [abs(np.log(moved[name] / variances[name])) for name in moved] + [abs(np.log(new_nugget / nugget))]
        variances, nugget = moved, new_nugget
        if max(steps) < TOLERANCE:
            break
    weights, precision = _find_mode(kernels, variances, nugget, clicks, impressions, mean, weights)
    return MixedModel(mean, variances, nugget, encoded, weights, precision.astype(np.float32), ignored)


def _bounded_mean(clicks: np.ndarray, impressions: np.ndarray) -> float:
    """Return the mean rate with the weight of an ad limited to 50 clicks, so that no single ad determines it."""
    share = np.minimum(1.0, 50.0 / np.maximum(clicks, 1.0))
    return float(((clicks * share).sum() + 0.5) / ((impressions * share).sum() + 1.0))


def _update(variance: float, explained: float, expected: float) -> float:
    up = explained / 2 + PRIOR_SHAPE * PRIOR_VARIANCE / variance**2
    down = expected / 2 + PRIOR_SHAPE / variance
    return float(np.clip(variance * np.sqrt(up / down), MIN_VARIANCE, MAX_VARIANCE))


def _find_mode(
    kernels: Mapping[str, Kernel],
    variances: Mapping[str, float],
    nugget: float,
    clicks: np.ndarray,
    impressions: np.ndarray,
    mean: float,
    weights: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights a [S] with log-odds = mean + K a at the mode, and R = (K + W^-1)^-1 there [S, S]."""
    shared, _ = combine(kernels, variances)
    shared[np.diag_indices_from(shared)] += nugget

    def value(a: np.ndarray, f: np.ndarray) -> float:
        return float(-0.5 * a @ (f - mean) + clicks @ f - impressions @ np.logaddexp(0.0, f))

    f = mean + shared @ weights
    best = value(weights, f)
    for _ in range(MAX_NEWTON):
        root, factor = _factor(shared, f, impressions)
        rate = special.expit(f)
        target = root**2 * (f - mean) + clicks - impressions * rate
        full = target - root * cho_solve(factor, root * (shared @ target))
        step = 1.0
        while True:
            a = weights + step * (full - weights)
            moved = mean + shared @ a
            found = value(a, moved)
            if found >= best - 1e-9 or step < 1e-4:
                break
            step /= 2
        gain, weights, f, best = found - best, a, moved, found
        if gain < 1e-6:
            break
    root, factor = _factor(shared, f, impressions)
    precision = root[:, None] * cho_solve(factor, np.diag(root))
    return weights, precision


def _factor(shared: np.ndarray, f: np.ndarray, impressions: np.ndarray) -> tuple[np.ndarray, Any]:
    rate = special.expit(f)
    root = np.sqrt(np.maximum(impressions * rate * (1 - rate), 1e-9))
    scaled = root[:, None] * shared * root
    scaled[np.diag_indices_from(scaled)] += 1.0
    return root, cho_factor(scaled, lower=True, overwrite_a=True, check_finite=False)
