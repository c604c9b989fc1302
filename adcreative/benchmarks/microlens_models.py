"""The networks and baselines that are compared on the challenge data, each with its published schedule: one literal dict.

    qin             ChallengeQIN                                        the network that came second
    din             ChallengeDIN                                        the challenge's own baseline
    autoint         ChallengeAutoInt                                    as AdSEE used it; no history
    target_only     everything but the history                          what a sequence module has to beat
    levels, item_id, tags, embedding, history                           one modality alone

The last six are `PartsMLP`, one small network on the parts that its name says. A mean rate and popularity need no training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from adcreative.ctr.inputs.microlens import ChallengeConfig, ChallengeEmbedding, ChallengeItems
from adcreative.ctr.networks.autoint import ADSEE, ChallengeAutoInt
from adcreative.ctr.networks.din import BASELINE, ChallengeDIN
from adcreative.ctr.networks.qin import ChallengeQIN
from adcreative.ctr.nn.layers import build_linear
from adcreative.errors import ConfigError

PARTS = ("levels", "item_id", "tags", "embedding", "history")
PARTS_HIDDEN_DIMS = (256, 128)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How a network is trained; defaults are QIN's.

    embedding_regularizer r adds r / 2 * (sum of squares of all embedding weights) to the loss of every step, whole tables.
    After an epoch whose validation AUC is not above the best by min_gain the rate is multiplied by factor (never below
    min_learning_rate); after `patience` such epochs in a row training ends. The best epoch's weights are kept.
    Source:
        QIN 2025, model_config.yaml and run log; FuxiCTR for the meaning of the regulariser.
    """

    learning_rate: float = 2e-3
    batch_size: int = 8192
    embedding_regularizer: float = 2e-4
    factor: float = 0.5
    min_learning_rate: float = 1e-6
    min_gain: float = 1e-6
    patience: int = 8
    max_epochs: int = 100
    max_gradient_norm: float = 10.0

    def __post_init__(self) -> None:
        if self.batch_size < 2 or self.max_epochs < 1 or self.patience < 1:
            raise ConfigError(
                "batch_size must be at least 2, max_epochs and patience at least 1, "
                f"got {self.batch_size}, {self.max_epochs} and {self.patience}."
            )


@dataclass(frozen=True)
class Entry:
    """A network by name: its sizes, its schedule, and how to build it from sizes and a generator."""

    config: ChallengeConfig
    schedule: Schedule
    build: Callable[..., ChallengeEmbedding]


class PartsMLP(ChallengeEmbedding):
    """A small network on some parts of a row: 256-128 with ReLU on what it may see.

    A history is the mean of its items' vectors, zero when it is empty.

    Args:
        parts: names of PARTS; only the tables that they need are built.
    """

    def __init__(self, config: ChallengeConfig, parts: tuple[str, ...], *, generator: torch.Generator) -> None:
        super().__init__(config, generator=generator)
        self.parts = parts
        widths = {
            "levels": config.row_dim, "item_id": config.embedding_dim, "tags": config.embedding_dim,
            "embedding": self.projection.out_features, "history": config.item_dim,
        }  # fmt: skip
        first, second = PARTS_HIDDEN_DIMS
        self.hidden = nn.Sequential(
            build_linear(sum(widths[part] for part in parts), first, generator=generator), nn.ReLU(),
            build_linear(first, second, generator=generator), nn.ReLU(),
        )  # fmt: skip
        self.head = build_linear(second, 1, generator=generator)
        if "history" not in parts:
            needed = {"levels": ("likes_table", "views_table"), "item_id": ("item_table",), "tags": ("tag_table",),
                      "embedding": ("projection",)}  # fmt: skip
            kept = {name for part in parts for name in needed[part]}
            for name in ("item_table", "tag_table", "likes_table", "views_table", "projection"):
                if name not in kept:
                    delattr(self, name)
        elif "levels" not in parts:
            del self.likes_table, self.views_table

    def forward(self, levels: Tensor, target: ChallengeItems, history: ChallengeItems) -> Tensor:
        """Return logits [B]; see `ChallengeQIN.forward`."""
        return self.head(self.hidden(torch.cat([self._encode(p, levels, target, history) for p in self.parts], dim=1)))[:, 0]

    def _encode(self, part: str, levels: Tensor, target: ChallengeItems, history: ChallengeItems) -> Tensor:
        if part == "levels":
            return self.encode_levels(levels)
        if part == "item_id":
            return self.item_table(target.ids)
        if part == "tags":
            return self.encode_tags(target.tags)
        if part == "embedding":
            return self.projection(target.embeddings)
        mask = history.mask[..., None]
        return (self.encode_items(history) * mask).sum(dim=1) / mask.sum(dim=1).clamp_min(1.0)


def _parts_entry(*parts: str) -> Entry:
    return Entry(
        ChallengeConfig(embedding_dim=64, projected_dim=128),
        Schedule(learning_rate=1e-3, embedding_regularizer=1e-6, patience=3),
        lambda config, generator: PartsMLP(config, parts, generator=generator),
    )


# DIN: batch 8192, rate 1e-3, patience 3, embedding L2 1e-6, rate times 0.1 (FuxiCTR). AutoInt: AdSEE's batch 256, rate 1e-4
# (its code's default), 18 epochs; deepctr-torch adds 1e-5 times the squares without the half, so 2e-5 here.
MODELS: Mapping[str, Entry] = {
    "qin": Entry(ChallengeConfig(), Schedule(), ChallengeQIN),
    "din": Entry(BASELINE, Schedule(learning_rate=1e-3, embedding_regularizer=1e-6, factor=0.1, patience=3), ChallengeDIN),
    "autoint": Entry(
        ADSEE,
        Schedule(learning_rate=1e-4, batch_size=256, embedding_regularizer=2e-5, factor=1.0, patience=30, max_epochs=18),
        ChallengeAutoInt,
    ),
    "target_only": _parts_entry("levels", "item_id", "tags", "embedding"),
    **{part: _parts_entry(part) for part in PARTS},
}


def find_entry(name: str, *, num_items: int, num_tags: int, item_embedding_dim: int) -> Entry:
    """Return the entry `name` with the vocabularies of the data at hand.

    Raises:
        ConfigError: no such name.
    """
    if name not in MODELS:
        raise ConfigError(f'no challenge model named "{name}"; known: {", ".join(MODELS)}.')
    entry = MODELS[name]
    config = replace(entry.config, num_items=num_items, num_tags=num_tags, item_embedding_dim=item_embedding_dim)
    return replace(entry, config=config)
