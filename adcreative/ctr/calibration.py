"""Calibrate logits to rates: intercept, slope and extra variance, fitted on held-out groups. No torch.

    log-odds of the true rate of creative i  ~  N( a_d + b_d * logit_i,  tau_d^2 + (b_d * spread_i)^2 )
    clicks_i | true rate  ~  Binomial(impressions_i, true rate)

`epistemic_std` is the disagreement of the ensemble, tau the variation of creatives beyond their features, d the domain (words
only, or with a picture): the two kinds of creative come from different data and differ in predictability. `data/make/` fits
them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import special

from adcreative.features.outcomes import Counts

LEVEL = 0.9
DOMAINS = ("words", "picture")
GRID = np.linspace(-5.0, 5.0, 161)
DENSITY = np.exp(-(GRID**2) / 2) / np.exp(-(GRID**2) / 2).sum()
_Z = float(special.ndtri(0.5 + LEVEL / 2))


@dataclass(frozen=True, eq=False)
class ScoredCounts:
    """Predictions of an ensemble for N creatives, and their results.

    logit, epistemic_std [N] float64: mean and standard deviation of the members' logits. domain [N] int: position in DOMAINS.
    """

    logit: np.ndarray
    epistemic_std: np.ndarray
    domain: np.ndarray
    counts: Counts

    def index_select(self, idx: np.ndarray) -> ScoredCounts:
        """Return the rows `idx`."""
        return ScoredCounts(self.logit[idx], self.epistemic_std[idx], self.domain[idx], self.counts.index_select(idx))


@dataclass(frozen=True)
class DomainCalibration:
    """intercept a, slope b (0..3) around the logit `centre`, overdispersion tau, from num_rows held-out creatives.

    typical_epistemic_std: mean epistemic standard deviation of those creatives. overdispersion: standard deviation of true
    log-odds beyond the features. skill: log-likelihood gained per creative over the mean rate; 0 or less means
    that no gain over the mean rate was shown.
    """

    intercept: float
    slope: float
    overdispersion: float
    centre: float
    typical_epistemic_std: float
    skill: float
    num_rows: int


@dataclass(frozen=True)
class Calibrator:
    """One DomainCalibration per domain; a domain with too little held-out data uses all of it."""

    domains: tuple[DomainCalibration, ...]

    def log_odds(self, logit: np.ndarray, domain: np.ndarray) -> np.ndarray:
        """Return calibrated median log-odds [N]; strictly increasing in `logit` unless the slope is 0."""
        a, b, centre = self._of(domain, "intercept"), self._of(domain, "slope"), self._of(domain, "centre")
        return a + b * (logit - centre)

    def epistemic_std(self, epistemic_std: np.ndarray, domain: np.ndarray) -> np.ndarray:
        """Return the ensemble's disagreement [N] in calibrated log-odds."""
        return self._of(domain, "slope") * epistemic_std

    def rate(self, log_odds: np.ndarray, domain: np.ndarray) -> np.ndarray:
        """Return the expected rate [N] for calibrated log-odds: the mean over the variation of creatives, not the median."""
        tau, typical = self._of(domain, "overdispersion"), self._of(domain, "typical_epistemic_std")
        sigma = np.sqrt(tau**2 + (self._of(domain, "slope") * typical) ** 2)
        return special.expit(log_odds[:, None] + sigma[:, None] * GRID) @ DENSITY

    def interval(self, log_odds: np.ndarray, epistemic_std: np.ndarray, domain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the 90 % interval of the true rate, two arrays [N]; `epistemic_std` is the calibrated one."""
        sigma = np.sqrt(self._of(domain, "overdispersion") ** 2 + epistemic_std**2)
        return special.expit(log_odds - _Z * sigma), special.expit(log_odds + _Z * sigma)

    def coverage(self, scored: ScoredCounts) -> float:
        """Return the share of creatives whose clicks are inside the 90 % interval, binomial noise included."""
        return float(np.mean(self.covered(scored)))

    def covered(self, scored: ScoredCounts) -> np.ndarray:
        """Return [N] how well 90 % intervals cover each creative's clicks, 0..1; the mean is the coverage.

        For each row the predictive distribution of its clicks is computed (true rate uncertain, clicks binomial); the coverage
        of a count is the share of its probability within the central 90 %. 0.9 is right, more is too wide.
        """
        from scipy import stats  # half a second, not needed for predictions

        log_odds = self.log_odds(scored.logit, scored.domain)
        epistemic_std = self.epistemic_std(scored.epistemic_std, scored.domain)
        sigma = np.sqrt(self._of(scored.domain, "overdispersion") ** 2 + epistemic_std**2)
        rates = special.expit(log_odds[:, None] + sigma[:, None] * GRID)  # [N, grid]
        clicks, impressions = scored.counts.clicks[:, None], scored.counts.impressions[:, None]
        below = stats.binom.cdf(clicks - 1, impressions, rates) @ DENSITY
        upto = stats.binom.cdf(clicks, impressions, rates) @ DENSITY
        tail = (1 - LEVEL) / 2
        inside = np.clip(np.minimum(upto, 1 - tail) - np.maximum(below, tail), 0, None)
        covered: np.ndarray = inside / np.maximum(upto - below, 1e-12)
        return covered

    def as_dict(self) -> dict[str, Any]:
        return {"domains": [asdict(domain) for domain in self.domains]}

    @classmethod
    def from_dict(cls, notes: dict[str, Any]) -> Calibrator:
        """Rebuild a calibrator from its `as_dict`."""
        return cls(tuple(DomainCalibration(**domain) for domain in notes["domains"]))

    def _of(self, domain: np.ndarray, name: str) -> np.ndarray:
        return np.array([getattr(one, name) for one in self.domains])[domain]
