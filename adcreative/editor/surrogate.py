"""A cheap model of the scores so far, which proposes candidates: a cubic in each strength, one effect per choice.

    bound(genome) ~ w . phi(genome),   phi = (t, t^2, t^3 per strength, one 0/1 per other choice),   t = strength / reach
    w ~ N(0, scale^2 I),  noise ~ N(0, v scale^2),  v re-estimated from the residuals

A proposal draws w from the posterior (Thompson sampling) and returns the genome that is best under it for a random price of
size: each strength and choice separately, since phi has no products. So proposals spread along the front, and are boldest
where least is known. What products do is left to crossover and selection.

Sources: Bishop 2006, eq. 3.50-3.54 (posterior); Thompson 1933; Jin 2011, "Surrogate-assisted evolutionary computation".
Knows genomes and scores; no pictures, models or torch. Shapes: N candidates seen, D features.
"""

from __future__ import annotations

import numpy as np

from adcreative.editor.genome import CHOICE_SIZES, GeneSpace, Individual

GRID = 40  # strengths tried between low and high when a proposal is made
MAX_PRICE = 0.5  # largest price of one standard deviation of size, in typical uplifts
ROUNDS = 3  # of re-estimating the noise


class ScoreSurrogate:
    """Bayesian linear regression on lower bounds of uplift: `add` what was scored, `propose` what to score next."""

    def __init__(self, space: GeneSpace) -> None:
        self.space = space
        self._features: list[np.ndarray] = []
        self._bounds: list[float] = []
        low, high = space.bounds()
        self._reach = np.maximum(np.maximum(high, -low), 1e-9)
        steps = np.linspace(0.0, 1.0, GRID + 1)
        self._grid = np.hstack([np.zeros((len(low), 1)), low[:, None] + steps * (high - low)[:, None]])  # [S, GRID+2]

    def add(self, candidates: list[Individual]) -> None:
        """Learn from scored candidates; those that are not allowed at all (no face seen) tell nothing."""
        usable = [one for one in candidates if one.score is not None and one.score.violation < 1.0]
        if usable:
            self._features.append(self._encode(usable))
            self._bounds += [one.fitness.values[0] for one in usable]

    def propose(self, num_proposals: int, *, rng: np.random.Generator) -> list[Individual]:
        """Return genomes that may be best, each under its own draw of the posterior and price of size."""
        if not num_proposals or not self._bounds:
            return []
        mean, factor = self._posterior()
        draws = mean + rng.standard_normal((num_proposals, len(mean))) @ factor.T
        prices = MAX_PRICE * rng.random(num_proposals) ** 2
        return [self._best(weights, price) for weights, price in zip(draws, prices, strict=True)]

    def _encode(self, genomes: list[Individual]) -> np.ndarray:
        """Return phi [N, D]."""
        t = self.space.amounts(genomes) / self._reach
        choices = self.space.choices(genomes)
        chosen = [np.eye(num)[choices[:, i]][:, 1:] for i, num in enumerate(self.space.num_choices)]
        return np.hstack([t, t**2, t**3, *chosen])

    def _posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean [D] and factor [D, D] of the weights, in units of the typical uplift so far."""
        phi, bounds = np.vstack(self._features), np.array(self._bounds)
        y, noise = bounds / max(float(np.sqrt(np.mean(bounds**2))), 1e-12), 0.3
        for _ in range(ROUNDS):
            precision = np.eye(phi.shape[1]) + phi.T @ phi / noise  # eq. 3.54
            mean = np.linalg.solve(precision, phi.T @ y / noise)  # eq. 3.53
            noise = max(float(np.mean((y - phi @ mean) ** 2)), 1e-3)
        return mean, np.linalg.cholesky(np.linalg.inv(precision))

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
