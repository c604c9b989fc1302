"""The networks and baselines that are compared on MicroLens_1M_x1, each as published: one literal dict.

    qin             QIN                                                 the network that came second in the challenge
    din             DIN                                                 the challenge's own baseline
    autoint         AutoInt+                                            as AdSEE used it; no history
    target_only     everything but the history                          what a sequence module has to beat
    levels, item_id, tags, embedding, history                           one modality alone

The last six are `PartsMLP`, one small network on the parts that its name says. A mean rate and popularity need no training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from adcreative.ctr.networks.autoint import ADSEE_STD, AutoInt, AutoIntConfig
from adcreative.ctr.networks.din import DIN, DINConfig
from adcreative.ctr.networks.qin import QIN, QINConfig
from adcreative.ctr.nn.layers import build_linear
from adcreative.ctr.training.streamed import TrainConfig
from adcreative.errors import ConfigError
from adcreative.papers.microlens.inputs import FieldNetwork, MicroLensConfig, MicroLensEmbedding, MicroLensItems, TargetNetwork

PARTS = ("levels", "item_id", "tags", "embedding", "history")
PARTS_HIDDEN_DIMS = (256, 128)


NetworkConfig = QINConfig | DINConfig | AutoIntConfig | None


@dataclass(frozen=True)
class Entry:
    """A network by name: sizes of its inputs and its own, how it is trained, and how to build it from both and a generator."""

    inputs: MicroLensConfig
    network: NetworkConfig
    training: TrainConfig
    build: Callable[..., MicroLensEmbedding]


class PartsMLP(MicroLensEmbedding):
    """A small network on some parts of a row: 256-128 with ReLU on what it may see.

    A history is the mean of its items' vectors, zero when it is empty.

    Args:
        parts: names of PARTS; only the tables that they need are built.
    """

    def __init__(self, config: MicroLensConfig, parts: tuple[str, ...], *, generator: torch.Generator) -> None:
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

    def forward(self, levels: Tensor, target: MicroLensItems, history: MicroLensItems) -> Tensor:
        """Return logits [B]; see `TargetNetwork.inputs`."""
        return self.head(self.hidden(torch.cat([self._encode(p, levels, target, history) for p in self.parts], dim=1)))[:, 0]

    def _encode(self, part: str, levels: Tensor, target: MicroLensItems, history: MicroLensItems) -> Tensor:
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


def build_qin(inputs: MicroLensConfig, network: QINConfig, *, generator: torch.Generator) -> TargetNetwork:
    """Build QIN on the data's embedding layer."""
    return TargetNetwork(inputs, partial(QIN, config=network), generator=generator)


def build_din(inputs: MicroLensConfig, network: DINConfig, *, generator: torch.Generator) -> TargetNetwork:
    """Build DIN on the data's embedding layer."""
    return TargetNetwork(inputs, partial(DIN, config=network), generator=generator)


def build_autoint(inputs: MicroLensConfig, network: AutoIntConfig, *, generator: torch.Generator) -> FieldNetwork:
    """Build AutoInt+ on the data's embedding layer."""
    return FieldNetwork(inputs, partial(AutoInt, config=network), hidden_dim=network.hidden_dims[0], generator=generator)


def _parts_entry(*parts: str) -> Entry:
    return Entry(
        MicroLensConfig(embedding_dim=64, projected_dim=128),
        None,
        TrainConfig(learning_rate=1e-3, embedding_regularizer=1e-6, patience=3),
        lambda inputs, network, generator: PartsMLP(inputs, parts, generator=generator),
    )


# reczoo/WWW2025_MMCTR_Challenge: no softmax, ReLU in place of Dice, embeddings 64 (item 256), batch norm in the last MLP only.
BASELINE_DIN = DINConfig(
    attention_dims=(512, 256), hidden_dims=(1024, 512, 256), activation="relu", batch_norm=True, attention_dropout_prob=0.1,
    dropout_prob=0.1,
)  # fmt: skip
# AdSEE (deepctr-torch): width 4, three layers of two heads, DNN 256-128, unscaled scores.
ADSEE_AUTOINT = AutoIntConfig(attention_dim=4, hidden_dims=(256, 128), weight_std=ADSEE_STD)

# DIN: batch 8192, rate 1e-3, patience 3, embedding L2 1e-6, rate times 0.1 (FuxiCTR). AutoInt: AdSEE's batch 256, rate 1e-4
# (its code's default), 18 epochs; deepctr-torch adds 1e-5 times the squares without the half, so 2e-5 here.
MODELS: Mapping[str, Entry] = {
    "qin": Entry(MicroLensConfig(), QINConfig(), TrainConfig(), build_qin),
    "din": Entry(
        MicroLensConfig(embedding_dim=64, projected_dim=128), BASELINE_DIN,
        TrainConfig(learning_rate=1e-3, embedding_regularizer=1e-6, factor=0.1, patience=3), build_din,
    ),
    "autoint": Entry(
        MicroLensConfig(embedding_dim=4), ADSEE_AUTOINT,
        TrainConfig(learning_rate=1e-4, batch_size=256, embedding_regularizer=2e-5, factor=1.0, patience=30, max_epochs=18),
        build_autoint,
    ),
    "target_only": _parts_entry("levels", "item_id", "tags", "embedding"),
    **{part: _parts_entry(part) for part in PARTS},
}  # fmt: skip


def find_entry(name: str, *, num_items: int, num_tags: int, item_embedding_dim: int) -> Entry:
    """Return the entry `name` with the vocabularies of the data at hand.

    Raises:
        ConfigError: no such name.
    """
    if name not in MODELS:
        raise ConfigError(f'no network named "{name}"; known: {", ".join(MODELS)}.')
    entry = MODELS[name]
    inputs = replace(entry.inputs, num_items=num_items, num_tags=num_tags, item_embedding_dim=item_embedding_dim)
    return replace(entry, inputs=inputs)
