"""The networks and baselines of the comparison on MicroLens_1M_x1, each as published, and their inputs.

    qin             QIN                                                 second place of the challenge
    din             DIN                                                 the challenge's own baseline
    autoint         AutoInt+                                            as in AdSEE; no history
    target_only     everything but the history                          the baseline of a sequence module
    levels, item_id, tags, embedding, history                           one modality alone

The last six are `PartsMLP`, one small network on the fields given by its name. MicroLens is a schema of `ctr.inputs.fields`: an
item is its id, the mean of its tags and its projected embedding; a row has the levels of its likes and views besides.
Source:
    FuxiCTR's feature embedding, as used in the code of the WWW 2025 MMCTR challenge, whose projection has no bias.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from adcreative.ctr.inputs.fields import FieldInputs, InputSpec
from adcreative.ctr.inputs.network_inputs import InputShape, Network, NetworkInputs
from adcreative.ctr.log_network import LogNetwork
from adcreative.ctr.networks.autoint import ADSEE_STD, AutoInt, AutoIntConfig
from adcreative.ctr.networks.din import DIN, DINConfig
from adcreative.ctr.networks.qin import QIN, QINConfig
from adcreative.ctr.nn.layers import build_linear
from adcreative.ctr.nn.mlp import MLP
from adcreative.ctr.training.streamed import TrainConfig
from adcreative.errors import ConfigError

LEVELS, ITEM = ("likes_level", "views_level"), ("item_id", "item_tags", "item_emb_d128")
PARTS: Mapping[str, tuple[str, ...]] = {
    "levels": LEVELS,
    "item_id": ITEM[:1],
    "tags": ITEM[1:2],
    "embedding": ITEM[2:],
    "history": ITEM,
}
PARTS_HIDDEN_DIMS = (256, 128)
NetworkConfig = QINConfig | DINConfig | AutoIntConfig | None


@dataclass(frozen=True, kw_only=True)
class MicroLensConfig:
    """Vocabularies of MicroLens_1M_x1 and widths of its fields.

    projected_dim: width of the projected item embedding; embedding_dim when None.
    """

    num_items: int = 91_718
    num_tags: int = 11_740
    num_levels: int = 11
    item_embedding_dim: int = 128
    embedding_dim: int = 128
    projected_dim: int | None = None

    def spec(self, fields: tuple[str, ...] = (*LEVELS, *ITEM), targets: tuple[str, ...] = ITEM) -> InputSpec:
        """Return the schema: the fields that a network reads, and those that it compares with the items of a history."""
        return InputSpec(
            categorical={ITEM[0]: self.num_items, **dict.fromkeys(LEVELS, self.num_levels)},
            multi_valued={ITEM[1]: self.num_tags},
            linear={ITEM[2]: self.item_embedding_dim},
            widths={ITEM[2]: self.projected_dim} if self.projected_dim else {},
            order=fields,
            targets=targets,
        )


class AutoIntBesideLinear(Network):
    """AutoInt+ and a linear function of all fields; the last field, the embedding, enters the first hidden layer alone."""

    def __init__(self, shape: InputShape, config: AutoIntConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        hidden_dim = config.hidden_dims[0]
        self.linear = build_linear(shape.flat_dim, 1, generator=generator)
        self.to_hidden = build_linear(shape.field_dim, hidden_dim, generator=generator, bias=False)
        shape = replace(shape, num_fields=shape.num_fields - 1, hidden_dim=hidden_dim)
        self.network = AutoInt(shape, config, generator=generator)

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """Return logits [B]; ignores the history."""
        fields, embedding = inputs.fields[:, :-1], inputs.fields[:, -1]
        linear: Tensor = self.linear(inputs.fields.flatten(1))[:, 0]
        return linear + self.network(NetworkInputs(fields=fields, dense=self.to_hidden(embedding)))


class PartsMLP(Network):
    """A small network on the target, or on the mean of a history's items, which is zero for an empty one."""

    def __init__(self, shape: InputShape, config: None, *, reads_history: bool, generator: torch.Generator) -> None:
        super().__init__()
        self.reads_history = reads_history
        width = shape.sequence_dim if reads_history else shape.target_dim
        self.tower = MLP(width, PARTS_HIDDEN_DIMS, generator=generator)
        self.head = build_linear(self.tower.out_dim, 1, generator=generator)

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """Return logits [B]."""
        values = inputs.find_target()
        if self.reads_history and inputs.mask is not None:
            mask = inputs.mask[..., None]
            values = (inputs.spread_sequence() * mask).sum(dim=1) / mask.sum(dim=1).clamp_min(1.0)
        return self.head(self.tower(values))[:, 0]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A network by name: its sizes and settings, training, build function (shape, network, generator), and its fields.

    targets: see `InputSpec`; () for a network that compares nothing.
    """

    inputs: MicroLensConfig
    network: NetworkConfig
    training: TrainConfig
    build: Callable[..., Network]
    fields: tuple[str, ...] = (*LEVELS, *ITEM)
    targets: tuple[str, ...] = ITEM

    def build_network(self, generator: torch.Generator) -> LogNetwork:
        """Build the network on its fields."""
        spec, dim = self.inputs.spec(self.fields, self.targets), self.inputs.embedding_dim
        inputs = FieldInputs(spec, dim, reads_history=bool(self.targets), generator=generator)
        return LogNetwork(inputs, self.build(inputs.shape, self.network, generator=generator))

    def settings(self) -> dict[str, Any]:
        """Return the sizes, saved with a training so that another one is not continued."""
        return {"inputs": asdict(self.inputs), "network": None if self.network is None else asdict(self.network)}


def _parts_entry(*parts: str) -> Entry:
    fields = tuple(name for part in parts for name in PARTS[part])
    return Entry(
        inputs=MicroLensConfig(embedding_dim=64, projected_dim=128),
        network=None,
        training=TrainConfig(learning_rate=1e-3, embedding_regularizer=1e-6, patience=3),
        build=partial(PartsMLP, reads_history="history" in parts),
        fields=fields,
        targets=fields,
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
    "qin": Entry(inputs=MicroLensConfig(), network=QINConfig(), training=TrainConfig(), build=QIN),
    "din": Entry(
        inputs=MicroLensConfig(embedding_dim=64, projected_dim=128),
        network=BASELINE_DIN,
        training=TrainConfig(learning_rate=1e-3, embedding_regularizer=1e-6, factor=0.1, patience=3),
        build=DIN,
    ),
    "autoint": Entry(
        inputs=MicroLensConfig(embedding_dim=4),
        network=ADSEE_AUTOINT,
        training=TrainConfig(
            learning_rate=1e-4, batch_size=256, embedding_regularizer=2e-5, factor=1.0, patience=30, max_epochs=18
        ),
        build=AutoIntBesideLinear,
        targets=(),
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
