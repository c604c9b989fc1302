"""Fits the readers' model by stochastic variational inference: E_q[log-likelihood] - KL(q || prior), by Adam.

In two phases, as published: first the items under a state that only averages what was clicked ("linear"), then everything. A
GRU that starts from random weights would otherwise teach the items to lie where it happens to point.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from adcreative.config import did_you_mean
from adcreative.delivery.rotation.readers.histories import NOTHING, ReaderHistories
from adcreative.delivery.rotation.readers.network import STATES, ReaderNetwork, score_slates
from adcreative.errors import ConfigError
from adcreative.progress import Count, ShouldStop, never, uncounted

MAX_GRADIENT = 100.0
LEAST_RATE = 0.1  # of the learning rate, at the end of a phase


@dataclass(frozen=True, kw_only=True)
class ReaderConfig:
    """How the model learns: dim D of items and states, steps of both phases, draws and readers a step, learning rate."""

    state: str = "gru"
    dim: int = 3
    num_item_steps: int = 150
    num_steps: int = 400
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
    histories: ReaderHistories, groups: np.ndarray, config: ReaderConfig, *, seed: int, progress: Count = uncounted,
    should_stop: ShouldStop = never,
) -> ReaderNetwork:  # fmt: skip
    """Fit the guide to slates.

    Args:
        groups: [N] int, the family of each creative.
    """
    generator = torch.Generator().manual_seed(seed)
    hit = float(np.clip((histories.chosen != NOTHING).mean(), 0.001, 0.999))
    away = -(config.dim**0.5)  # score of a creative at a usual distance
    no_click = away + float(np.log(histories.lengths.mean() * (1 - hit) / hit))
    network = ReaderNetwork(
        torch.from_numpy(groups), histories.slates.shape[1], config.dim, "linear", start_no_click=no_click, generator=generator
    )
    done, total = 0, config.num_item_steps + config.num_steps
    batches = _Batches(histories, config.num_readers, np.random.default_rng(seed))
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # torch.distributions draws from the global generator
        for state, num_steps in (("linear", config.num_item_steps), (config.state, config.num_steps)):
            network.state = state
            for _ in _steps(network, batches, config, num_steps):
                progress(done, total)
                done += 1
                if should_stop():
                    return network
    progress(total, total)
    return network


def _steps(network: ReaderNetwork, batches: _Batches, config: ReaderConfig, num_steps: int) -> Iterator[float]:
    """Take steps of one phase; yield the bound per slate of each."""
    optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimiser, max(1, num_steps), eta_min=LEAST_RATE * config.learning_rate
    )
    for _ in range(num_steps):
        loss = -_bound(network, batches, config.num_draws)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), MAX_GRADIENT)
        optimiser.step()
        schedule.step()
        yield -loss.item()


def _bound(network: ReaderNetwork, batches: _Batches, num_draws: int) -> torch.Tensor:
    """Return the evidence lower bound per slate, from readers that are drawn and weighed up to all."""
    clicks, slates, reader, before, chosen = batches.draw()
    draw, divergence = network.draw(num_draws)
    guide, away = network.start(clicks)
    states = network.states(clicks, draw, guide.rsample((num_draws,)))
    won = score_slates(states[:, reader, before], slates, draw)
    likelihood = won.gather(2, (chosen + 1).expand(num_draws, -1)[..., None]).sum() / num_draws
    return (batches.weight * (likelihood - away.sum()) - divergence) / batches.num_slates


class _Batches:
    """Readers that are drawn for each step, with all their slates."""

    def __init__(self, histories: ReaderHistories, num_readers: int, rng: np.random.Generator) -> None:
        self._rng, self._clicks = rng, torch.from_numpy(histories.clicks)
        self._parts = [torch.from_numpy(part) for part in (histories.slates, histories.before, histories.chosen)]
        self._reader = histories.reader
        self._num, self._all = min(num_readers, len(histories.names)), len(histories.names)
        self.num_slates, self.weight = len(histories.slates), self._all / self._num

    def draw(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return clicks [u, C], slates [b, S], reader [b] among the drawn, clicks before [b], chosen [b]."""
        picked = np.sort(self._rng.choice(self._all, self._num, replace=False))
        number = np.full(self._all, NOTHING)
        number[picked] = np.arange(self._num)
        rows = torch.from_numpy(np.flatnonzero(number[self._reader] != NOTHING))
        slates, before, chosen = (part[rows] for part in self._parts)
        reader = torch.from_numpy(number[self._reader])[rows]
        return self._clicks[torch.from_numpy(picked)], slates, reader, before, chosen
