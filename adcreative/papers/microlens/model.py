"""The networks and baselines of the comparison on MicroLens_1M_x1, each as published, and their inputs.

    qin             QIN                                                 second place of the challenge
    din             DIN                                                 the challenge's own baseline
    autoint         AutoInt+                                            as in AdSEE; no history
    target_only     everything but the history                          the baseline of a sequence module
    levels, item_id, tags, embedding, history                           one modality alone

The last six are `PartsMLP`, one small network on the parts given by its name. An item occurs in many histories of a batch: its
vector is computed once, and the histories hold indices.

Shapes: B rows, T history length, D embedding width, E item width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.catalog.datasets.microlens import MmctrItems, MmctrRows
from adcreative.ctr.inputs.network_inputs import InputShape, Network, NetworkInputs
from adcreative.ctr.networks.autoint import ADSEE_STD, AutoInt, AutoIntConfig
from adcreative.ctr.networks.din import DIN, DINConfig
from adcreative.ctr.networks.qin import QIN, QINConfig
from adcreative.ctr.nn.layers import build_linear, build_table
from adcreative.ctr.training.streamed import TrainConfig
from adcreative.errors import ConfigError

TABLE_STD = 1e-4
PARTS = ("levels", "item_id", "tags", "embedding", "history")
PARTS_HIDDEN_DIMS = (256, 128)
NetworkConfig = QINConfig | DINConfig | AutoIntConfig | None


@dataclass(frozen=True, kw_only=True)
class MicroLensConfig:
    """Vocabularies of MicroLens_1M_x1 and widths of its embedding layer.

    projected_dim: width of the projected item embedding; embedding_dim when None.
    """

    num_items: int = 91_718
    num_tags: int = 11_740
    num_levels: int = 11
    item_embedding_dim: int = 128
    embedding_dim: int = 128
    projected_dim: int | None = None

    @property
    def item_dim(self) -> int:
        """Width E of an item: id, tags and projected embedding."""
        return 2 * self.embedding_dim + (self.projected_dim or self.embedding_dim)

    @property
    def row_dim(self) -> int:
        """Width of a row's likes and views."""
        return 2 * self.embedding_dim


@dataclass(frozen=True)
class MicroLensItems:
    """Items [..., ] of the data: ids [...] int64, tags [..., 5] int64 (0 = pad), embeddings [..., 128].

    For repeated items, ids [U], tags and embeddings may hold each item once; place [...] then holds indices of the U
    items, and the items have the shape of `place`.
    """

    ids: Tensor
    tags: Tensor
    embeddings: Tensor
    place: Tensor | None = None

    @property
    def mask(self) -> Tensor:
        """1 for a real item, 0 for padding, [...] float32."""
        mask = (self.ids > 0).float()
        return mask if self.place is None else mask[self.place]


class MicroLensEmbedding(nn.Module):
    """The embedding layer: item e = [id ; mean of tags ; projected embedding], row u = [likes ; views].

    Source:
        FuxiCTR's feature embedding, as used in the code of the WWW 2025 MMCTR challenge: tables N(0, 1e-4), row 0 is
        padding and stays zero.
    """

    def __init__(self, config: MicroLensConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        width = config.embedding_dim
        self.item_table = build_table(config.num_items, width, std=TABLE_STD, generator=generator)
        self.tag_table = build_table(config.num_tags, width, std=TABLE_STD, generator=generator)
        self.likes_table = build_table(config.num_levels, width, std=TABLE_STD, generator=generator)
        self.views_table = build_table(config.num_levels, width, std=TABLE_STD, generator=generator)
        self.projection = build_linear(
            config.item_embedding_dim, config.projected_dim or width, generator=generator, bias=False
        )

    def encode_items(self, items: MicroLensItems) -> Tensor:
        """Return item vectors [..., E]; tags are averaged without padding."""
        vectors = self.encode_once(items)
        return vectors if items.place is None else F.embedding(items.place, vectors)

    def encode_once(self, items: MicroLensItems) -> Tensor:
        """Return the vectors of the stored ids, [U, E] where `place` holds indices."""
        return torch.cat([self.item_table(items.ids), self.encode_tags(items.tags), self.projection(items.embeddings)], dim=-1)

    def encode_tags(self, tags: Tensor) -> Tensor:
        """Return the mean vector [..., D] of tags [..., 5]; zero where all are padding."""
        num_tags = (tags != 0).sum(dim=-1, keepdim=True).float()
        return self.tag_table(tags).sum(dim=-2) / (num_tags + 1e-12)

    def encode_levels(self, levels: Tensor) -> Tensor:
        """Return [B, 2D] for levels [B, 2] (likes, views)."""
        return torch.cat([self.likes_table(levels[:, 0]), self.views_table(levels[:, 1])], dim=1)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the sum over rows of binary cross-entropy."""
        return F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")

    def embedding_weights(self) -> list[Tensor]:
        """Return the parameters of the published embedding regulariser: every table, and the projection."""
        names = ("item_table", "tag_table", "likes_table", "views_table", "projection")
        return [getattr(self, name).weight for name in names if hasattr(self, name)]


Build = Callable[..., Network]  # (shape, generator=...) -> network


class TargetNetwork(MicroLensEmbedding):
    """A network that compares the target item with the history; its fields are the levels of likes and views.

    Args:
        build: creates the network from an `InputShape` and a generator.
    """

    def __init__(self, config: MicroLensConfig, build: Build, *, generator: torch.Generator) -> None:
        super().__init__(config, generator=generator)
        shape = InputShape(
            num_fields=2, field_dim=config.embedding_dim, target_dim=config.item_dim, sequence_dim=config.item_dim
        )
        self.network = build(shape, generator=generator)

    def inputs(self, levels: Tensor, target: MicroLensItems, history: MicroLensItems) -> NetworkInputs:
        """Return levels [B, 2] (likes, views), target items [B] and history items [B, T] (id 0 = pad) as inputs."""
        return NetworkInputs(
            fields=self.encode_levels(levels).unflatten(1, (2, -1)),
            target=self.encode_items(target),
            sequence=self.encode_once(history),
            mask=history.mask,
            place=history.place,
        )

    def forward(self, levels: Tensor, target: MicroLensItems, history: MicroLensItems) -> Tensor:
        """Return logits [B]; see `inputs`."""
        return self.network(self.inputs(levels, target, history))


class FieldNetwork(MicroLensEmbedding):
    """A network without a history, added to a linear path: its fields are id, tags, likes and views, the embedding is dense.

    Args:
        hidden_dim: width of the network's first hidden layer, to which the embedding is added.
    """

    def __init__(self, config: MicroLensConfig, build: Build, *, hidden_dim: int, generator: torch.Generator) -> None:
        super().__init__(config, generator=generator)
        shape = InputShape(num_fields=4, field_dim=config.embedding_dim, hidden_dim=hidden_dim)
        dense_dim = self.projection.out_features
        self.linear = build_linear(shape.flat_dim + dense_dim, 1, generator=generator)
        self.to_hidden = build_linear(dense_dim, hidden_dim, generator=generator, bias=False)
        self.network = build(shape, generator=generator)

    def forward(self, levels: Tensor, target: MicroLensItems, history: MicroLensItems) -> Tensor:
        """Return logits [B]; ignores the history."""
        likes, views = self.encode_levels(levels).chunk(2, dim=1)
        fields = torch.stack([self.item_table(target.ids), self.encode_tags(target.tags), likes, views], dim=1)
        dense = self.projection(target.embeddings)
        linear: Tensor = self.linear(torch.cat([fields.flatten(1), dense], dim=1))[:, 0]
        return linear + self.network(NetworkInputs(fields=fields, dense=self.to_hidden(dense)))


class BatchBuilder:
    """Rows as (levels [B, 2], target items [B], history items [B, T]), ready for `TargetNetwork.forward` and its peers.

    Args:
        items: of the files; kept on `device` for the lifetime of the builder.
    """

    def __init__(self, items: MmctrItems, device: torch.device) -> None:
        self.device = device
        self.tags = torch.from_numpy(items.tags).to(device)
        self.embeddings = torch.from_numpy(items.embeddings).to(device, torch.get_default_dtype())

    def build(self, rows: MmctrRows) -> tuple[Tensor, MicroLensItems, MicroLensItems]:
        """Return the inputs; columns in which every history of the batch is padding are left out, so T may be smaller."""
        targets, levels = (torch.from_numpy(part).to(self.device) for part in (rows.items, rows.levels))
        is_used: np.ndarray = np.asarray(np.count_nonzero(rows.history, axis=0) > 0)
        is_used[-1] = True
        history = rows.history[:, is_used]
        is_met = np.zeros(len(self.tags), np.uint8)
        is_met[history] = 1
        ids = np.flatnonzero(is_met)
        number = np.empty(len(self.tags), np.int64)
        number[ids] = np.arange(len(ids))
        once = torch.from_numpy(ids).to(self.device)
        return (
            levels,
            MicroLensItems(targets, self.tags[targets], self.embeddings[targets]),
            MicroLensItems(once, self.tags[once], self.embeddings[once], torch.from_numpy(number[history]).to(self.device)),
        )

    def labels(self, rows: MmctrRows) -> Tensor:
        """Return labels [B] in the dtype of the embeddings."""
        return torch.from_numpy(rows.labels).to(self.embeddings)


@dataclass(frozen=True)
class Entry:
    """A network by name: sizes of inputs and network, training settings, and the build function of both and a generator."""

    inputs: MicroLensConfig
    network: NetworkConfig
    training: TrainConfig
    build: Callable[..., MicroLensEmbedding]


class PartsMLP(MicroLensEmbedding):
    """A small network on some parts of a row: 256-128 with ReLU on its inputs.

    A history is the mean of its items' vectors, zero when it is empty.

    Args:
        parts: names of PARTS; only the tables that they need are built.
    """

    def __init__(self, config: MicroLensConfig, parts: tuple[str, ...], *, generator: torch.Generator) -> None:
        super().__init__(config, generator=generator)
        self.parts = parts
        widths = {
            "levels": config.row_dim,
            "item_id": config.embedding_dim,
            "tags": config.embedding_dim,
            "embedding": self.projection.out_features,
            "history": config.item_dim,
        }
        first, second = PARTS_HIDDEN_DIMS
        self.hidden = nn.Sequential(
            build_linear(sum(widths[part] for part in parts), first, generator=generator),
            nn.ReLU(),
            build_linear(first, second, generator=generator),
            nn.ReLU(),
        )
        self.head = build_linear(second, 1, generator=generator)
        if "history" not in parts:
            needed = {
                "levels": ("likes_table", "views_table"),
                "item_id": ("item_table",),
                "tags": ("tag_table",),
                "embedding": ("projection",),
            }
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
    attention_dims=(512, 256),
    hidden_dims=(1024, 512, 256),
    activation="relu",
    batch_norm=True,
    attention_dropout_prob=0.1,
    dropout_prob=0.1,
)
# AdSEE (deepctr-torch): width 4, three layers of two heads, DNN 256-128, unscaled scores.
ADSEE_AUTOINT = AutoIntConfig(attention_dim=4, hidden_dims=(256, 128), weight_std=ADSEE_STD)

# DIN: batch 8192, rate 1e-3, patience 3, embedding L2 1e-6, rate times 0.1 (FuxiCTR). AutoInt: AdSEE's batch 256, rate 1e-4
# (its code's default), 18 epochs; deepctr-torch adds 1e-5 times the squares without the half, so 2e-5 here.
MODELS: Mapping[str, Entry] = {
    "qin": Entry(MicroLensConfig(), QINConfig(), TrainConfig(), build_qin),
    "din": Entry(
        MicroLensConfig(embedding_dim=64, projected_dim=128),
        BASELINE_DIN,
        TrainConfig(learning_rate=1e-3, embedding_regularizer=1e-6, factor=0.1, patience=3),
        build_din,
    ),
    "autoint": Entry(
        MicroLensConfig(embedding_dim=4),
        ADSEE_AUTOINT,
        TrainConfig(learning_rate=1e-4, batch_size=256, embedding_regularizer=2e-5, factor=1.0, patience=30, max_epochs=18),
        build_autoint,
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
        raise ConfigError(f'no network named "{name}"; known: {", ".join(MODELS)}.')
    entry = MODELS[name]
    inputs = replace(entry.inputs, num_items=num_items, num_tags=num_tags, item_embedding_dim=item_embedding_dim)
    return replace(entry, inputs=inputs)
