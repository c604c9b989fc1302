"""What is known of one reader after some clicks: scores of all creatives, and joint draws of reader and creatives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch

from adcreative.delivery.rotation.readers.histories import NOTHING, ReaderHistories
from adcreative.delivery.rotation.readers.network import Draw, ReaderNetwork, score_slates

NUM_DRAWS = 64  # of the posterior, for means
MAX_BLOCK, BLOCK_NUMBERS = 256, 1_000_000  # draws that are made at once, and numbers in them


class ReaderView:
    """One reader after some clicks, none for somebody new; fills slates as `SlateModel` does."""

    def __init__(self, network: ReaderNetwork, clicks: Sequence[int], lasting: np.ndarray) -> None:
        """Take what is known.

        Args:
            clicks: creatives from 0, in order. lasting: [N] is added to scores: the logs of what a forecast leaves of each.
        """
        self._network, self._lasting = network, lasting
        self._clicks = torch.tensor([list(clicks)], dtype=torch.long).reshape(1, len(clicks))
        self._block, self._used = np.zeros((0, len(lasting))), 0

    @cached_property
    def attraction(self) -> np.ndarray:
        """[N] means of scores over draws; scores at the means of the posterior would take every creative for nearer."""
        mean: np.ndarray = self._scores(NUM_DRAWS, seed=0).mean(axis=0)
        return mean

    def draw(self, num: int, *, rng: np.random.Generator) -> np.ndarray:
        """Return [num, N] scores of joint draws of the reader's state, the weights and the creatives, none twice."""
        if self._used + num > len(self._block):
            size = max(num, min(MAX_BLOCK, BLOCK_NUMBERS // len(self._lasting)))
            self._block, self._used = self._scores(size, seed=int(rng.integers(2**62))), 0
        self._used += num
        return self._block[self._used - num : self._used]

    def _scores(self, num: int, *, seed: int) -> np.ndarray:
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(seed)  # torch.distributions draws from the global generator
            draw, _ = self._network.draw(num)
            state = self._network.states(self._clicks, draw, self._network.start(self._clicks)[0].sample((num,)))[:, 0, -1]
            return np.asarray(self._lasting - torch.linalg.vector_norm(state[:, None] - draw.items, dim=2).numpy())


def score_readers(network: ReaderNetwork, clicks: torch.Tensor, draw: Draw) -> np.ndarray:
    """Return [U, N] the scores of all creatives for readers with clicks [U, C] (-1 after the last), by one draw."""
    with torch.no_grad():
        state = network.states(clicks, draw, network.start(clicks)[0].mean[None])[0, :, -1]  # [U, D]
        return np.asarray(-torch.cdist(state[None], draw.items)[0].numpy())


def score_histories(network: ReaderNetwork, histories: ReaderHistories) -> np.ndarray:
    """Return [B, S + 1] log-chances of no click and of each place of every slate, over draws of the posterior.

    A reader's state is that after the clicks before the slate; h_0 is guided by these alone.
    """
    found = np.zeros((len(histories.slates), histories.slates.shape[1] + 1))
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        draw, _ = network.draw(NUM_DRAWS)
        for before in np.unique(histories.before):
            rows = np.flatnonzero(histories.before == before)
            for part in np.array_split(rows, -(-len(rows) // MAX_BLOCK)):
                clicks = torch.from_numpy(histories.clicks[histories.reader[part], :before])
                state = network.states(clicks, draw, network.start(clicks)[0].sample((NUM_DRAWS,)))[:, :, -1]
                scores = score_slates(state, torch.from_numpy(histories.slates[part]), draw)
                found[part] = (scores.logsumexp(0) - np.log(NUM_DRAWS)).numpy()
    return found


def chosen_log_chance(scores: np.ndarray, histories: ReaderHistories) -> np.ndarray:
    """Return [B] the log-chance of what happened, from `score_histories`."""
    return np.asarray(np.take_along_axis(scores, (histories.chosen - NOTHING)[:, None], axis=1)[:, 0])
