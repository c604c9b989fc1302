"""Simulation after launch: page views, slates, position bias, wear-out, people with traits; the truth is stored separately.

    appeal of creative i at position j for a view in context c, by person u, after s_i impressions:
        log-odds = base_i + context_c + place_j + traits_u . tastes_i - wear_i * log(1 + s_i / 2000)
    probability of a click on one of a slate = exp(appeal) / (1 + sum of exp(appeal) over the slate)

A slate of one is clicked with the probability of its log-odds. Each creative has its own rate of wear-out; tastes are small, so
that they matter for single people and cancel over many. Numbers are drawn from the seed. Does not import torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adcreative.errors import ConfigError

CONTEXTS, CONTEXT_LIFT, CONTEXT_SHARE = ("feed", "story", "search"), (0.0, -0.4, 0.5), (0.5, 0.3, 0.2)
PLACE_EFFECT = -0.35  # log-odds per position further down
WEAR_MEAN, WEAR_SPREAD = 0.25, 0.2
WEAR_SCALE = 2000.0  # impressions
TRAITS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
TASTE_SPREAD = 0.12
NUM_PEOPLE = 2000


@dataclass(frozen=True, kw_only=True)
class Views:
    """Outcomes: contexts [V], people [V], slates [V, S] of creatives, clicked [V] position from 0, -1: no click."""

    contexts: np.ndarray
    people: np.ndarray
    slates: np.ndarray
    clicked: np.ndarray


class LaunchWorld:
    """Simulated creatives that are shown, clicked and worn out.

    Args:
        base_log_odds: [N] of a click on each creative when new, alone, in the feed; more creatives can be added.
        seed: plants wear-out, tastes and people; the rng of `show` draws the outcomes.
    """

    def __init__(self, base_log_odds: np.ndarray, *, seed: int) -> None:
        if not np.isfinite(base_log_odds).all():
            raise ConfigError("base log-odds must be finite numbers")
        self._planting = np.random.default_rng([seed, 77])
        self.traits = self._planting.normal(0, 1, (NUM_PEOPLE, len(TRAITS)))
        self.base = np.zeros(0)
        self.wear = np.zeros(0)
        self.tastes = np.zeros((0, len(TRAITS)))
        self.shown = np.zeros(0)
        self.add(base_log_odds)

    def add(self, base_log_odds: np.ndarray) -> np.ndarray:
        """Add creatives; return their numbers."""
        num, start = len(base_log_odds), len(self.base)
        self.base = np.append(self.base, base_log_odds)
        self.wear = np.append(self.wear, np.maximum(0, self._planting.normal(WEAR_MEAN, WEAR_SPREAD, num)))
        self.tastes = np.vstack([self.tastes, self._planting.normal(0, TASTE_SPREAD, (num, len(TRAITS)))])
        self.shown = np.append(self.shown, np.zeros(num))
        return np.arange(start, start + num)

    def log_odds(self) -> np.ndarray:
        """Return [N] the current log-odds of each creative, alone in the feed, averaged over people."""
        worn: np.ndarray = self.base - self.wear * np.log1p(self.shown / WEAR_SCALE)
        return worn

    def true_rates(self) -> np.ndarray:
        """Return [N, C] the current true click rates, alone, by context, for the average person."""
        return 1 / (1 + np.exp(-(self.log_odds()[:, None] + np.array(CONTEXT_LIFT))))

    def show(self, slates: np.ndarray, *, rng: np.random.Generator) -> Views:
        """Show slates [V, S] to randomly drawn people and contexts, and wear the creatives out.

        Returns:
            the drawn views and their clicks.
        """
        num, size = slates.shape
        contexts = np.asarray(rng.choice(len(CONTEXTS), num, p=CONTEXT_SHARE))
        people = np.asarray(rng.integers(0, NUM_PEOPLE, num))
        appeal = self.log_odds()[slates] + np.array(CONTEXT_LIFT)[contexts, None] + PLACE_EFFECT * np.arange(size)
        appeal = appeal + np.einsum("vt,vst->vs", self.traits[people], self.tastes[slates])
        weights = np.exp(np.concatenate([np.zeros((num, 1)), appeal], axis=1))
        reached = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
        clicked = (rng.random((num, 1)) > reached).sum(axis=1) - 1
        self.shown += np.bincount(slates.ravel(), minlength=len(self.base))
        return Views(contexts=contexts, people=people, slates=slates, clicked=np.minimum(clicked, size - 1))


def rotate_cyclically(
    active: np.ndarray, weights: np.ndarray, size: int, num: int, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return slates [num, size] and the exact probability [num, size] of each creative at its position.

    The active creatives are arranged in a random circle; a slate is `size` neighbours from a start drawn by weights, so that
    the probability of a creative at position j is the weight of the creative j positions earlier.
    """
    if len(active) < size:
        raise ConfigError(f"{len(active)} active creatives cannot fill slates of {size}")
    order = rng.permutation(len(active))
    circle, chance = active[order], weights[order] / weights.sum()
    starts = rng.choice(len(circle), num, p=chance)
    places = (starts[:, None] + np.arange(size)) % len(circle)
    return circle[places], np.repeat(chance[starts][:, None], size, axis=1)
