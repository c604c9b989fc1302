"""A cheap model of the scores so far, which proposes candidates: a cubic in each strength, one effect per choice.

    bound(genome) ~ w . phi(genome),   phi = (t, t^2, t^3 per strength, one 0/1 per other choice),   t = strength / reach
    w_i ~ N(0, scale^2 / alpha_g(i)),  noise ~ N(0, v scale^2)

Weights of one kind (all headlines; all squares of strengths) share a precision alpha_g, which is estimated from the scores, as
is v (automatic relevance determination): where headlines differ and descriptions hardly do, one score of a headline is
enough to rank it. A proposal draws w from the posterior (Thompson sampling) and returns the best genome under w for a
random price of size: each strength and choice separately, since phi has no products. So proposals spread along the front, and
are boldest where uncertainty is largest. Products are left to crossover and selection.

Sources: Bishop 2006, eq. 3.50-3.54 (posterior), 7.87-7.90 (MacKay 1992: precisions, here per group and with a weak Gamma
prior); Thompson 1933; Jin 2011, "Surrogate-assisted evolutionary computation".
Knows genomes and scores; no pictures, models or torch. Shapes: N candidates seen, D features.
"""

from __future__ import annotations

import numpy as np

from adcreative.editor.space.genome import CHOICE_SIZES, GeneSpace, Individual

GRID = 40  # strengths tried between low and high when a proposal is made
MAX_PRICE = 0.5  # largest price of one standard deviation of size, in typical uplifts
ROUNDS = 12  # of re-estimating precisions and noise
PRIOR_COUNT, PRIOR_SQUARE = 0.5, 0.05  # the Gamma prior of a precision: equivalent to half a weight of about 0.3
MIN_PRECISION, MAX_PRECISION = 0.05, 1e4
FIRST_NOISE, MIN_NOISE = 0.3, 1e-3


class ScoreSurrogate:
    """Bayesian linear regression on lower bounds of uplift: `add` scored candidates, `propose` new candidates."""

    def __init__(self, space: GeneSpace) -> None:
        self.space = space
        self._features: list[np.ndarray] = []
        self._bounds: list[float] = []
        self._groups = self._grouped()
        low, high = space.bounds()
        self._reach = np.maximum(np.maximum(high, -low), 1e-9)
        steps = np.linspace(0.0, 1.0, GRID + 1)
        self._grid = np.hstack([np.zeros((len(low), 1)), low[:, None] + steps * (high - low)[:, None]])  # [S, GRID+2]

    def add(self, candidates: list[Individual]) -> None:
        """Learn from scored candidates; candidates with a lost face or without a usable score are skipped."""
        usable = [one for one in candidates if one.score is not None and one.score.violation < 1.0]
        if usable:
            self._features.append(self._encode(usable))
            self._bounds += [one.fitness.values[0] for one in usable]

    def propose(self, num_proposals: int, *, rng: np.random.Generator) -> list[Individual]:
        """Return promising genomes, each the best under its own draw of the posterior and price of size."""
        if not num_proposals or not self._bounds:
            return []
        mean, factor = self._posterior()
        draws = mean + rng.standard_normal((num_proposals, len(mean))) @ factor.T
        prices = MAX_PRICE * rng.random(num_proposals) ** 2
        return [self._best(weights, price) for weights, price in zip(draws, prices, strict=True)]

    def _encode(self, genomes: list[Individual]) -> np.ndarray:
        """Return phi [N, D]."""
        t = self.space.decode(genomes) / self._reach
        choices = self.space.choices(genomes)
        chosen = [np.eye(num)[choices[:, i]][:, 1:] for i, num in enumerate(self.space.num_choices)]
        return np.hstack([t, t**2, t**3, *chosen])

    def _posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean [D] and factor [D, D] of the weights, in units of the typical uplift so far."""
        phi, bounds = np.vstack(self._features), np.array(self._bounds)
        y = bounds / max(float(np.sqrt(np.mean(bounds**2))), 1e-12)
        gram, moment = phi.T @ phi, phi.T @ y
        precision, noise = np.ones(phi.shape[1]), FIRST_NOISE
        for _ in range(ROUNDS):
            covariance = np.linalg.inv(np.diag(precision) + gram / noise)  # eq. 3.54
            mean = covariance @ moment / noise  # eq. 3.53
            known = 1.0 - precision * np.diag(covariance)  # eq. 7.89: how far the scores determine each weight, 0..1
            for group in self._groups:
                estimate = (known[group].sum() + PRIOR_COUNT) / (np.square(mean[group]).sum() + PRIOR_COUNT * PRIOR_SQUARE)
                precision[group] = np.clip(estimate, MIN_PRECISION, MAX_PRECISION)  # eq. 7.87
            freedom = max(len(y) - float(known.sum()), 1.0)
            noise = max(float(np.square(y - phi @ mean).sum()) / freedom, MIN_NOISE)  # eq. 7.88
        covariance = np.linalg.inv(np.diag(precision) + gram / noise)
        return covariance @ moment / noise, np.linalg.cholesky((covariance + covariance.T) / 2)

    def _grouped(self) -> list[np.ndarray]:
        """Return the features of each kind: the strengths' first, second and third powers, then each choice's options."""
        sizes = [self.space.num_strengths] * 3 + [num - 1 for num in self.space.num_choices]
        return [group for group in np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1]) if len(group)]

    def _best(self, weights: np.ndarray, price: float) -> Individual:
        """Return argmax of w . phi - price * size, strength by strength and choice by choice."""
        num = self.space.num_strengths
        t = self._grid / self._reach[:, None]
        first, second, third = weights[: 3 * num].reshape(3, num, 1)
        worth = first * t + second * t**2 + third * t**3 - price * np.abs(self._grid)  # [S, GRID+2]
        strengths = self._grid[np.arange(num), worth.argmax(axis=1)] if num else np.zeros(0)
        start, chosen = 3 * num, []
        for num_choices, size in zip(self.space.num_choices, CHOICE_SIZES, strict=True):
            effects = weights[start : start + num_choices - 1] - price * size
            chosen.append(float(np.concatenate([[0.0], effects]).argmax()))
            start += num_choices - 1
        return Individual([*strengths, *(strengths != 0.0), *chosen])
