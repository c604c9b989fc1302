"""The variational posterior of the readers' model: item vectors by family, the reader's state, and no click.

    v_i ~ N(mu_g, s_g^2)      mu_g ~ N(0, 5^2),  s_g ~ N(0, 5^2), used as max(|s_g|, 0.001), all in D dimensions
    h_0 ~ N(0, 0.5^2)         h' = GRU(v of the clicked creative, h), without biases; a state changes with clicks alone
    z_t = W_z h_t             score of i at time t: -|z_t - v_i| + place effect; no click: a bias by the length of the slate

The state "linear" is h' = g h + (1 - g) v with g ~ N(0.5, 0.3^2) and z = h. The guide is a normal distribution for each number;
that of h_0 has the mean of the reader's clicked vectors with weights 1 / (running count)^4 and a learnt scale.
Fitted by stochastic variational inference, E_q[log-likelihood] - KL(q || prior), in two phases, as published: first the items
under the state "linear", then everything. A GRU with random initial weights would otherwise draw the items to arbitrary
positions. Shapes: K draws, B slates, S places, U readers, C clicks, N creatives, G families, D dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from adcreative.config import did_you_mean
from adcreative.errors import ConfigError
from adcreative.papers.slate_readers.histories import NOTHING, ReaderHistories
from adcreative.progress import Count, ShouldStop, never, uncounted

STATES = ("gru", "linear")
GROUP_SPREAD, START_SPREAD, WEIGHT_SPREAD, LENGTH_SPREAD, PLACE_SPREAD = 5.0, 0.5, 5.0, 5.0, 1.0
MEMORY_MEAN, MEMORY_SPREAD = 0.5, 0.3
MIN_SPREAD, LEAST_START, LEAST_SCORE, MOST_SCORE = 1e-3, 0.1, -100.0, 20.0
GATES = 7  # input and state of reset, update and new state; the output W_z
FIRST_SPREAD = 0.05
MAX_GRADIENT, LEAST_RATE = 100.0, 0.1  # factor on the learning rate at the end of a phase
NUM_DRAWS, NUM_INTERVAL_DRAWS = 64, 40  # of the posterior, for means and for intervals of click rates
MAX_BLOCK, BLOCK_NUMBERS = 256, 1_000_000  # draws made at once, and numbers in them


@dataclass(frozen=True, kw_only=True)
class Draw:
    """K joint draws: items [K, N, D], gates [K, 7, D, D] (gru) or memory [K, D] (linear), no_click [K, S + 1], place [K, S]."""

    items: Tensor
    gates: Tensor
    memory: Tensor
    no_click: Tensor
    place: Tensor


class ReaderNetwork(nn.Module):
    """The guide: a mean and a log-spread of every number, and the factor of h_0's scale."""

    def __init__(
        self, groups: Tensor, num_places: int, dim: int, state: str, *, start_no_click: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.state = state
        self.groups = groups
        num_items, num_groups = len(groups), int(groups.max()) + 1

        def near(centre: Tensor, spread: float = FIRST_SPREAD) -> nn.ParameterDict:
            return nn.ParameterDict({"mean": centre, "log_spread": torch.full_like(centre, spread).log()})

        family = torch.randn(num_groups, dim, generator=generator)
        self.family = near(family)
        self.family_spread = near(torch.full((num_groups, dim), 0.7))
        self.items = near(family[groups] + 0.3 * torch.randn(num_items, dim, generator=generator))
        gates = torch.randn(GATES, dim, dim, generator=generator) / dim**0.5
        gates[-1] = torch.eye(dim) + 0.1 * gates[-1]
        self.gates = near(gates)
        self.memory = near(torch.full((dim,), MEMORY_MEAN))
        self.no_click = near(torch.full((num_places + 1,), start_no_click))
        self.place = near(torch.zeros(num_places))
        self.start_factor = nn.Parameter(torch.tensor(0.0))
        self.start_spread = nn.Parameter(torch.tensor(START_SPREAD).log())

    def guide(self, name: str) -> Normal:
        """Return the current distribution of one part."""
        part = getattr(self, name)
        return Normal(part["mean"], part["log_spread"].exp())

    def draw(self, num: int) -> tuple[Draw, Tensor]:
        """Return `num` joint draws and the KL divergence of everything but h_0 from its prior, a scalar."""
        family, spread = self.guide("family").rsample((num,)), self.guide("family_spread").rsample((num,))  # [K, G, D]
        items = self.guide("items")
        prior = Normal(family[:, self.groups], spread[:, self.groups].abs().clamp_min(MIN_SPREAD))  # [K, N, D]
        divergence = kl_divergence(items.expand(prior.batch_shape), prior).sum() / num
        priors = {
            "family": Normal(0.0, GROUP_SPREAD),
            "family_spread": Normal(0.0, GROUP_SPREAD),
            "no_click": Normal(self.no_click["mean"].detach().mean(), LENGTH_SPREAD),
            "place": Normal(0.0, PLACE_SPREAD),
            **(
                {"gates": Normal(0.0, WEIGHT_SPREAD)} if self.state == "gru" else {"memory": Normal(MEMORY_MEAN, MEMORY_SPREAD)}
            ),
        }
        for name, wide in priors.items():
            divergence = divergence + kl_divergence(self.guide(name), wide).sum()
        place = self.guide("place").rsample((num,))
        return Draw(
            items=items.rsample((num,)),
            gates=self.guide("gates").rsample((num,)),
            memory=self.guide("memory").rsample((num,)),
            no_click=self.guide("no_click").rsample((num,)),
            place=place * (torch.arange(place.shape[1]) > 0),
        ), divergence

    def start(self, clicks: Tensor) -> tuple[Normal, Tensor]:
        """Return the guide of h_0 for readers with clicks [U, C], [U, D], and its KL divergence from the prior [U].

        A reader without clicks has the prior.
        """
        is_click = (clicks != NOTHING).float()
        weight = is_click / torch.arange(1, clicks.shape[1] + 1).float() ** 4  # [U, C]
        share = (weight / weight.sum(1, keepdim=True).clamp_min(1e-9))[..., None]
        vectors = self.items["mean"][clicks.clamp_min(0)]  # [U, C, D]
        mean = (share * vectors).sum(1)
        variance = (share * (vectors - mean[:, None]) ** 2).sum(1)
        spread = self.start_factor.exp() * (variance + LEAST_START**2).sqrt()
        known, prior = is_click.sum(1, keepdim=True) > 0, self.start_spread.exp()
        guide = Normal(torch.where(known, mean, 0.0), torch.where(known, spread, prior))
        return guide, kl_divergence(guide, Normal(torch.zeros_like(mean), prior)).sum(1)

    def states(self, clicks: Tensor, draw: Draw, start: Tensor) -> Tensor:
        """Return [K, U, C + 1, D] z after 0, 1 ... C clicks of each reader.

        Args:
            clicks: [U, C], -1 after the last. start: [K, U, D] of h_0.
        """
        hidden, found = start, [start]
        for at in range(clicks.shape[1]):
            clicked = draw.items[:, clicks[:, at].clamp_min(0)]  # [K, U, D]
            moved = (
                _step_gru(clicked, hidden, draw.gates)
                if self.state == "gru"
                else (draw.memory[:, None] * hidden + (1 - draw.memory[:, None]) * clicked)
            )
            hidden = torch.where((clicks[:, at] != NOTHING)[:, None], moved, hidden)
            found.append(hidden)
        states = torch.stack(found, 2)
        return torch.einsum("kde,kuce->kucd", draw.gates[:, -1], states) if self.state == "gru" else states


def _step_gru(entering: Tensor, hidden: Tensor, gates: Tensor) -> Tensor:
    """Return [K, U, D] the next state of a GRU without biases; gates [K, 7, D, D]: input and state of r, u, n; the output."""

    def pass_(number: int, values: Tensor) -> Tensor:
        return torch.einsum("kde,kue->kud", gates[:, number], values)

    reset = torch.sigmoid(pass_(0, entering) + pass_(1, hidden))
    keep = torch.sigmoid(pass_(2, entering) + pass_(3, hidden))
    new = torch.tanh(pass_(4, entering) + reset * pass_(5, hidden))
    return (1 - keep) * new + keep * hidden


def score_slates(states: Tensor, slates: Tensor, draw: Draw) -> Tensor:
    """Return [K, B, S + 1] log-probabilities of no click (first) and of each place; -inf where a slate has no such place.

    Args:
        states: [K, B, D] of the reader when the slate was shown. slates: [B, S], -1 after the last place.
    """
    shown = draw.items[:, slates.clamp_min(0)]  # [K, B, S, D]
    away = ((states[:, :, None] - shown) ** 2).sum(-1).clamp_min(1e-12).sqrt()
    score = (draw.place[:, None, : slates.shape[1]] - away).clamp(LEAST_SCORE, MOST_SCORE)
    score = score.masked_fill(slates == NOTHING, -torch.inf)
    nothing = draw.no_click[:, (slates != NOTHING).sum(1)]  # [K, B]
    return torch.log_softmax(torch.cat([nothing[..., None], score], 2), 2)


@dataclass(frozen=True, kw_only=True)
class ReaderConfig:
    """Training settings: dim D of items and states, steps of both phases (the second by state: a GRU needs more), draws and
    readers per step, learning rate."""

    state: str = "gru"
    dim: int = 3
    num_item_steps: int = 150
    num_steps: int = 1000
    num_linear_steps: int = 400
    num_draws: int = 1
    num_readers: int = 512
    learning_rate: float = 0.03

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ConfigError(
                f'no state of readers is named "{self.state}"; known: {", ".join(STATES)}. {did_you_mean(self.state, STATES)}'
            )
        if min(self.dim, self.num_steps, self.num_draws, self.num_readers) < 1:
            raise ConfigError("dimensions, steps, draws and readers a step must be at least 1")


def fit_readers(
    histories: ReaderHistories,
    groups: np.ndarray,
    config: ReaderConfig,
    *,
    seed: int,
    progress: Count = uncounted,
    should_stop: ShouldStop = never,
) -> ReaderNetwork:
    """Fit the guide to slates.

    Args:
        groups: [N] int, the family of each creative.
    """
    generator = torch.Generator().manual_seed(seed)
    hit = float(np.clip((histories.chosen != NOTHING).mean(), 0.001, 0.999))
    lengths = (histories.slates != NOTHING).sum(axis=1)
    no_click = float(np.log(lengths.mean() * (1 - hit) / hit)) - config.dim**0.5  # distance of a creative: about sqrt(D)
    network = ReaderNetwork(
        torch.from_numpy(groups), histories.slates.shape[1], config.dim, "linear", start_no_click=no_click, generator=generator
    )
    num_last = config.num_steps if config.state == "gru" else config.num_linear_steps
    done, total = 0, config.num_item_steps + num_last
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # torch.distributions draws from the global generator
        for state, num_steps in (("linear", config.num_item_steps), (config.state, num_last)):
            network.state = state
            optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
                optimiser, max(1, num_steps), eta_min=LEAST_RATE * config.learning_rate
            )
            for _ in range(num_steps):
                progress(done, total)
                done += 1
                optimiser.zero_grad()
                (-_bound(network, histories, config, rng)).backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), MAX_GRADIENT)
                optimiser.step()
                schedule.step()
                if should_stop():
                    return network
    progress(total, total)
    return network


def _bound(network: ReaderNetwork, histories: ReaderHistories, config: ReaderConfig, rng: np.random.Generator) -> Tensor:
    """Return the evidence lower bound per slate, from drawn readers with all their slates, scaled up to all readers."""
    num_readers = len(histories.names)
    picked = np.sort(rng.choice(num_readers, min(config.num_readers, num_readers), replace=False))
    number = np.full(num_readers, NOTHING)
    number[picked] = np.arange(len(picked))
    rows = np.flatnonzero(number[histories.reader] != NOTHING)
    slates, before, chosen = (torch.from_numpy(one[rows]) for one in (histories.slates, histories.before, histories.chosen))
    reader, clicks = torch.from_numpy(number[histories.reader[rows]]), torch.from_numpy(histories.clicks[picked])
    draw, divergence = network.draw(config.num_draws)
    guide, away = network.start(clicks)
    states = network.states(clicks, draw, guide.rsample((config.num_draws,)))
    won = score_slates(states[:, reader, before], slates, draw)
    likelihood = won.gather(2, (chosen + 1).expand(config.num_draws, -1)[..., None]).sum() / config.num_draws
    return (num_readers / len(picked) * (likelihood - away.sum()) - divergence) / len(histories.slates)


class ReaderView:
    """One reader after some clicks, none for a new reader; fills slates as `SlateModel` does."""

    def __init__(self, network: ReaderNetwork, clicks: Sequence[int], survival: np.ndarray) -> None:
        """Create a view.

        Args:
            clicks: creatives from 0, in order. survival: [N] is added to scores: the logs of a forecast's remaining share of
                each.
        """
        self._network, self._survival = network, survival
        self._clicks = torch.tensor([list(clicks)], dtype=torch.long).reshape(1, len(clicks))
        self._block, self._used = np.zeros((0, len(survival))), 0

    @cached_property
    def attraction(self) -> np.ndarray:
        """[N] means of scores over draws; scores at the posterior means would be too high for every creative."""
        mean: np.ndarray = self._scores(NUM_DRAWS, seed=0).mean(axis=0)
        return mean

    def draw(self, num: int, *, rng: np.random.Generator) -> np.ndarray:
        """Return [num, N] scores of distinct joint draws of the reader's state, the weights and the creatives."""
        if self._used + num > len(self._block):
            size = max(num, min(MAX_BLOCK, BLOCK_NUMBERS // len(self._survival)))
            self._block, self._used = self._scores(size, seed=int(rng.integers(2**62))), 0
        self._used += num
        return self._block[self._used - num : self._used]

    def _scores(self, num: int, *, seed: int) -> np.ndarray:
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(seed)  # torch.distributions draws from the global generator
            draw, _ = self._network.draw(num)
            state = self._network.states(self._clicks, draw, self._network.start(self._clicks)[0].sample((num,)))[:, 0, -1]
            return np.asarray(self._survival - torch.linalg.vector_norm(state[:, None] - draw.items, dim=2).numpy())


def iter_click_chances(network: ReaderNetwork, clicks: np.ndarray, slates: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Yield, draw by draw of the posterior, the chance [U, n, S] that each place of a reader's slates is clicked.

    Places and lengths missing in the log have the effect of the nearest.

    Args:
        clicks: [U, C], -1 after the last. slates: [U, n, S].
    """
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(seed)
        draws, _ = network.draw(NUM_INTERVAL_DRAWS)
        seen = torch.from_numpy(clicks)
        start = network.start(seen)[0].mean.expand(NUM_INTERVAL_DRAWS, -1, -1)
        states = network.states(seen, draws, start)[:, :, -1]  # [K, U, D]
        away = torch.cdist(states, draws.items)  # [K, U, N]
        slots = slates.shape[2]
        places = torch.arange(slots).clamp_max(draws.place.shape[1] - 1)
        rows = torch.from_numpy(slates.reshape(len(slates), -1))
        for one, place, nothing in zip(away, draws.place[:, places], draws.no_click, strict=True):
            appeal = (place - one.gather(1, rows).reshape(slates.shape)).exp()
            yield (appeal / (appeal.sum(2, keepdim=True) + nothing[min(slots, len(nothing) - 1)].exp())).numpy()
