"""Discrete choice model of whole slates: which of the shown creatives readers click, or none.

    chance of clicking i in a slate = exp(a_i + p_position) / (exp(b_length) + sum over the slate of exp(a_j + p_position))
    a_i ~ N(mu_group, s^2),   mu_group ~ N(0, 5^2)

The sum runs over the SHOWN creatives, with "no click" as one more choice whose utility b depends on the slate's length. A
softmax over the whole catalogue would learn the frequency of impressions instead. A creative without impressions has its
family's mean and spread. Fitted by maximum a posteriori with a Laplace posterior (curvature of each a_i), mu and s by
expectation maximisation. All readers have the same attractions. Does not import torch.

Source: Eide, Leslie & Frigessi, Dynamic slate recommendation with gated recurrent units and Thompson sampling, Data Mining and
Knowledge Discovery 2022, sections 3 and 4. Differs: attraction instead of distance to a reader's state, no GRU, position
effects, Laplace instead of ELBO.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from adcreative.errors import TrainingError

GROUP_SPREAD, NO_CLICK_SPREAD, POSITION_SPREAD = 5.0, 5.0, 1.0
FIRST_SPREAD, MIN_SPREAD = 1.0, 0.02
ROUNDS = 6
MIN_CLICKS = 20


@dataclass(frozen=True, kw_only=True)
class Slates:
    """Rows of slates, sorted by slate: item [M] (0..N-1), slate [M] (0.. without gaps), position [M] from 0, clicked [M] bool.

    Only the first of several clicks in one slate counts: the model has one choice. weight: [M], weight of the slate, equal in
    all its rows; 1 when None.
    """

    item: np.ndarray
    slate: np.ndarray
    position: np.ndarray
    clicked: np.ndarray
    num_items: int
    weight: np.ndarray | None = None

    @property
    def starts(self) -> np.ndarray:
        """[B] the first row of each slate."""
        return np.flatnonzero(np.diff(self.slate, prepend=-1))

    @property
    def lengths(self) -> np.ndarray:
        """[B] the number of creatives in each slate."""
        return np.diff(np.append(self.starts, len(self.slate)))


@dataclass(frozen=True, kw_only=True)
class SlateModel:
    """Attractions of N creatives with their posterior, the utility of no click by slate length, and position effects.

    attraction, spread: [N]. no_click: [S + 1] by length, NaN for unseen lengths. position: [S], 0 for the first position.
    group_mean: [G]; item_spread: s.
    """

    attraction: np.ndarray
    spread: np.ndarray
    no_click: np.ndarray
    position: np.ndarray
    group_mean: np.ndarray
    item_spread: float

    def draw(self, num: int, *, rng: np.random.Generator) -> np.ndarray:
        """Return [num, N] attractions drawn from the posterior."""
        return rng.normal(self.attraction, self.spread, (num, len(self.attraction)))

    def no_click_at(self, length: int) -> float:
        """Return the utility of no click for a slate of this length, or of the nearest length seen."""
        seen = np.flatnonzero(~np.isnan(self.no_click))
        return float(self.no_click[seen[np.abs(seen - length).argmin()]])

    def click_chances(self, slate: np.ndarray) -> np.ndarray:
        """Return [S] the probability that each position of a slate of creatives [S] is clicked."""
        position = np.append(self.position, np.full(max(0, len(slate) - len(self.position)), self.position[-1]))
        appeal = np.exp(self.attraction[slate] + position[: len(slate)])
        chances: np.ndarray = appeal / (appeal.sum() + np.exp(self.no_click_at(len(slate))))
        return chances


def fit_slate_model(slates: Slates, groups: np.ndarray | None = None, *, prior: SlateModel | None = None) -> SlateModel:
    """Fit attractions to slates.

    Args:
        groups: [N] int, the family of each creative; one family when None.
        prior: fit to the slates of other contexts: attractions are then centred on its attractions instead of the family's,
            with a fitted spread.
    Raises:
        TrainingError: fewer than 20 clicks.
    """
    groups = np.zeros(slates.num_items, int) if groups is None else np.asarray(groups, int)
    num_clicks = int(slates.clicked.sum())
    if num_clicks < MIN_CLICKS:
        raise TrainingError(f"the slates hold {num_clicks} clicks; at least {MIN_CLICKS} are needed to learn from")
    fit = _Fit(slates)
    num_groups = int(groups.max()) + 1
    mean, spread, values = np.zeros(num_groups), FIRST_SPREAD, fit.start()
    known = np.zeros(slates.num_items) if prior is None else prior.spread**2
    for _ in range(ROUNDS):
        centre = mean[groups] if prior is None else prior.attraction
        values = fit.optimise(values, centre, np.sqrt(spread**2 + known))
        attraction = values[: slates.num_items]
        variance = 1 / (fit.curvature(values) + 1 / (spread**2 + known))
        seen = np.bincount(slates.item, minlength=slates.num_items) > 0
        weight = np.bincount(groups[seen], minlength=num_groups)
        total = np.bincount(groups[seen], attraction[seen], num_groups)
        mean = total / (weight + spread**2 / GROUP_SPREAD**2)
        centre = mean[groups] if prior is None else prior.attraction
        away = (attraction - centre)[seen] ** 2 + variance[seen] - known[seen]
        spread = float(max(np.sqrt(max(away.mean(), 0.0)), MIN_SPREAD))
    mean_variance = spread**2 / (weight + spread**2 / GROUP_SPREAD**2)
    attraction = np.where(seen, attraction, centre)
    doubt = np.where(seen, variance, spread**2 + (mean_variance[groups] if prior is None else known))
    no_click, position = fit.unpack(values)[1:]
    by_length = np.full(len(no_click), np.nan)
    by_length[np.unique(slates.lengths)] = no_click[np.unique(slates.lengths)]
    return SlateModel(
        attraction=attraction, spread=np.sqrt(doubt), no_click=by_length, position=position, group_mean=mean, item_spread=spread
    )


class _Fit:
    """Penalised likelihood of slates, its gradient, and its curvature in the attractions."""

    def __init__(self, slates: Slates) -> None:
        starts, lengths = slates.starts, slates.lengths
        self.which = np.repeat(np.arange(len(starts)), lengths)
        places = np.where(slates.clicked, np.arange(len(self.which)), len(self.which))
        first = np.minimum.reduceat(places, starts)  # the first click of each slate, or M
        self.chosen = np.zeros(len(self.which), bool)
        self.chosen[first[first < len(self.which)]] = True
        self.item, self.position, self.length = slates.item, slates.position, lengths
        self.clicked = np.bincount(self.which, self.chosen) > 0
        self.weight = np.ones(len(self.which)) if slates.weight is None else slates.weight  # of rows
        self.slate_weight = self.weight[starts]
        self.num_items, self.width = slates.num_items, int(max(slates.position.max() + 1, lengths.max()))

    def start(self) -> np.ndarray:
        share = np.clip(np.average(self.clicked, weights=self.slate_weight), 0.001, 0.999)
        no_click = np.log(np.average(self.length, weights=self.slate_weight) * (1 - share) / share)
        return np.concatenate([np.zeros(self.num_items), np.full(self.width + 1, no_click), np.zeros(self.width)])

    def unpack(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        position = values[self.num_items + self.width + 1 :].copy()
        position[0] = 0.0
        return values[: self.num_items], values[self.num_items : self.num_items + self.width + 1], position

    def chances(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the probability of each row [M] and of no click [B], and the log of the sum [B]."""
        attraction, no_click, position = self.unpack(values)
        appeal = np.exp(np.clip(attraction[self.item] + position[self.position], -30, 30))
        nothing = np.exp(np.clip(no_click[self.length], -30, 30))
        total = np.bincount(self.which, appeal) + nothing
        return appeal / total[self.which], nothing / total, np.log(total)

    def optimise(self, values: np.ndarray, prior_mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
        middle = self.start()[self.num_items]

        def loss(now: np.ndarray) -> tuple[float, np.ndarray]:
            attraction, no_click, position = self.unpack(now)
            rows, nothing, log_total = self.chances(now)
            won = float((self.weight * (attraction[self.item] + position[self.position]))[self.chosen].sum())
            won += float((self.slate_weight * no_click[self.length])[~self.clicked].sum())
            away = (attraction - prior_mean, no_click - middle, position)
            widths = (spread, np.array(NO_CLICK_SPREAD), np.array(POSITION_SPREAD))
            penalty = sum(float(((one / width) ** 2).sum()) / 2 for one, width in zip(away, widths, strict=True))
            missed = self.weight * (self.chosen - rows)
            pulls = [one / width**2 for one, width in zip(away, widths, strict=True)]
            pulls[0] = pulls[0] - np.bincount(self.item, missed, self.num_items)
            pulls[1] = pulls[1] - np.bincount(self.length, self.slate_weight * (~self.clicked - nothing), self.width + 1)
            pulls[2] = pulls[2] - np.bincount(self.position, missed, self.width)
            pulls[2][0] = 0.0
            return penalty + float(self.slate_weight @ log_total) - won, np.concatenate(pulls)

        return minimize(loss, values, jac=True, method="L-BFGS-B", options={"maxiter": 300, "maxfun": 400}).x

    def curvature(self, values: np.ndarray) -> np.ndarray:
        """Return [N] the second derivative of the negative log-likelihood in each attraction."""
        rows = self.chances(values)[0]
        return np.bincount(self.item, self.weight * rows * (1 - rows), self.num_items)
