"""Choice of the reader state: each model is fitted without the last slates of every reader and scored by its likelihood of the
outcomes there.

Shapes: B slates, S places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from adcreative.delivery.rotation.slate_model import Slates, fit_slate_model
from adcreative.papers.slate_readers.histories import NOTHING, ReaderHistories
from adcreative.papers.slate_readers.model import STATES, ReaderConfig, ReaderNetwork, fit_readers, score_slates
from adcreative.papers.slate_readers.settings import ALIKE
from adcreative.progress import Count, ShouldStop, never, uncounted

HELD_SHARE = 0.25  # share of each reader's slates held out, the last ones
NUM_JUDGING_DRAWS, JUDGED_TOGETHER = 64, 256
MAX_JUDGED = 20_000  # slates, of evenly spaced readers; enough to detect differences of 0.01
PARTS = ("slates", "chosen", "reader", "before")  # of histories, by slate
SURE = 2.0  # standard errors of the gain needed to prefer a more complex state


@dataclass(frozen=True, kw_only=True)
class StateChoice:
    """state: "alike", "linear" or "gru". figures: mean log-likelihood per held-out slate of each, over num_held slates."""

    state: str
    figures: Mapping[str, float]
    num_held: int

    def __str__(self) -> str:
        said = ", ".join(f"{name} {value:.3f}" for name, value in self.figures.items())
        return f"log-chance of a slate left out, of {self.num_held:,}: {said}; {self.state} is used"


def choose_state(
    histories: ReaderHistories,
    groups: np.ndarray,
    config: ReaderConfig,
    *,
    seed: int,
    progress: Count = uncounted,
    should_stop: ShouldStop = never,
) -> StateChoice:
    """Return the simplest state that is not surely worse: all readers alike, a running mean of clicks, a GRU.

    Args:
        groups: [N] int, the family of each creative. config: training settings; its state is not used.
    """
    learnt, held = hold_out(histories)
    is_judged = held.reader % -(-len(held.slates) // MAX_JUDGED) == 0
    held = replace(held, **{name: getattr(held, name)[is_judged] for name in PARTS})
    chances = {ALIKE: score_alike(learnt, held, groups)}
    for number, state in enumerate(reversed(STATES)):  # the simplest first
        progress(number, len(STATES))
        network = fit_readers(learnt, groups, replace(config, state=state), seed=seed, should_stop=should_stop)
        chances[state] = score_followed(network, held)
    chosen = ALIKE
    for state, found in chances.items():
        gain = np.bincount(held.reader, found - chances[chosen], len(held.names))  # per reader, whose slates are correlated
        if gain.sum() > SURE * np.sqrt((gain**2).sum()):
            chosen = state
    progress(len(STATES), len(STATES))
    return StateChoice(
        state=chosen, figures={name: float(one.mean()) for name, one in chances.items()}, num_held=len(held.slates)
    )


def hold_out(histories: ReaderHistories) -> tuple[ReaderHistories, ReaderHistories]:
    """Return the histories without the last slates of each reader and their clicks, and these last slates."""
    size = np.bincount(histories.reader, minlength=len(histories.names))
    place = np.arange(len(histories.reader)) - (np.cumsum(size) - size)[histories.reader]
    is_held = place >= np.ceil((1 - HELD_SHARE) * size)[histories.reader]
    learnt, held = (
        replace(histories, **{name: getattr(histories, name)[rows] for name in PARTS}) for rows in (~is_held, is_held)
    )
    known = np.bincount(learnt.reader, learnt.chosen != NOTHING, len(histories.names))
    known = np.where(np.arange(histories.clicks.shape[1]) < known[:, None], histories.clicks, NOTHING)
    return replace(learnt, clicks=known), held


def score_alike(learnt: ReaderHistories, held: ReaderHistories, groups: np.ndarray) -> np.ndarray:
    """Return [B] log-likelihoods of the held-out slates' outcomes, by the model of `rotate`."""
    row, place = np.nonzero(learnt.slates != NOTHING)
    model = fit_slate_model(
        Slates(
            item=learnt.slates[row, place],
            slate=row,
            position=place,
            clicked=learnt.chosen[row] == place,
            num_items=learnt.num_items,
        ),
        groups,
    )
    is_shown = held.slates != NOTHING
    places = model.position[np.minimum(np.arange(held.slates.shape[1]), len(model.position) - 1)]
    scores = np.where(is_shown, model.attraction[np.maximum(held.slates, 0)] + places, -np.inf)
    scores = np.c_[[model.no_click_at(int(length)) for length in is_shown.sum(axis=1)], scores]
    return _chosen(scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)), held)


def score_followed(network: ReaderNetwork, held: ReaderHistories) -> np.ndarray:
    """Return [B] log-likelihoods of the outcomes, over draws; a reader's state follows the clicks before the slate."""
    found = np.zeros((len(held.slates), held.slates.shape[1] + 1))
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)  # torch.distributions draws from the global generator
        draw, _ = network.draw(NUM_JUDGING_DRAWS)
        for before in np.unique(held.before):
            rows = np.flatnonzero(held.before == before)
            for part in np.array_split(rows, -(-len(rows) // JUDGED_TOGETHER)):
                clicks = torch.from_numpy(held.clicks[held.reader[part], :before])
                state = network.states(clicks, draw, network.start(clicks)[0].sample((NUM_JUDGING_DRAWS,)))[:, :, -1]
                scores = score_slates(state, torch.from_numpy(held.slates[part]), draw)
                found[part] = (scores.logsumexp(0) - np.log(NUM_JUDGING_DRAWS)).numpy()
    return _chosen(found, held)


def _chosen(scores: np.ndarray, held: ReaderHistories) -> np.ndarray:
    """Return [B] the log-likelihood of the outcome, from those of no click (first) and of each place [B, S + 1]."""
    return np.asarray(np.take_along_axis(scores, (held.chosen + 1)[:, None], axis=1)[:, 0])
