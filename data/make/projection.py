"""Directions from regressors: ridge regression, and the conditional projection that keeps all other measurements constant.

    v = S B (B^T S B)^-1 e_a        S: covariance of codes, B: regressors of all attributes and nuisances, one per column

(Shen et al. 2020, InterFaceGAN, section 3.3), carried out in the whitened space; see `stylegan.latents.directions.labelled`.
"""

from __future__ import annotations

import numpy as np

from stylegan.errors import DirectionError


def fit_regressor(codes: np.ndarray, values: np.ndarray, *, ridge: float) -> np.ndarray:
    """Fit values ~ codes @ b + constant by ridge regression; return b [C].

    Args:
        codes: [N, C]. values: [N], standardised here, so that regressors of different attributes compare.
        ridge: penalty per sample; 0.1 suits N near C.
    Raises:
        DirectionError: the values are constant or fewer than ten.
    """
    if len(values) < 10 or not np.isfinite(values).all() or np.std(values) < 1e-9:
        raise DirectionError(f"a direction needs at least ten finite, varying values, got {len(values)}")
    centred = codes - codes.mean(axis=0)
    standard = (values - values.mean()) / values.std()
    gram = centred.T @ centred / len(values) + ridge * np.eye(codes.shape[1])
    return np.linalg.solve(gram, centred.T @ standard / len(values))


def separate_directions(codes: np.ndarray, regressors: np.ndarray, num_wanted: int) -> np.ndarray:
    """Return one direction per wanted attribute that leaves all other regressors' predictions unchanged.

    Args:
        codes: [N, C] training codes; their covariance is the metric, their spread the unit.
        regressors: [A, C], wanted attributes first, then attributes to be kept constant.
        num_wanted: number of first rows that become directions.
    Returns:
        [num_wanted, C]; row k raises attribute k; regressors[j] @ row k is 0 for j != k (up to rounding).
    """
    covariance = np.cov(codes, rowvar=False)
    spread = covariance @ regressors.T  # [C, A]
    steps = spread @ np.linalg.solve(regressors @ spread, np.eye(len(regressors))[:, :num_wanted])  # [C, num_wanted]
    return _in_deviations(steps.T, covariance)


def raw_directions(codes: np.ndarray, regressors: np.ndarray) -> np.ndarray:
    """Return one direction per regressor without any constraint: S b, in deviations. For comparison.

    Args:
        codes: [N, C]. regressors: [A, C].
    Returns:
        [A, C].
    """
    covariance = np.cov(codes, rowvar=False)
    return _in_deviations(regressors @ covariance, covariance)


def _in_deviations(steps: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Scale rows [K, C] to one standard deviation of the codes along each."""
    units = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    deviations = np.sqrt(np.einsum("kc,cd,kd->k", units, covariance, units))
    return (units * deviations[:, None]).astype(np.float32)
