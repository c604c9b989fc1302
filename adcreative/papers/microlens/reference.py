"""Weights of QIN on MicroLens_1M_x1, as its authors' code saves them, into our network.

    embedding_layer.embedding_layer.embedding_layers.{likes_level, views_level, item_id, item_tags}.weight     tables
    embedding_layer.embedding_layer.feature_encoders.item_emb_d128.weight                                      projection
    attention_layers.{W_q, W_k, W_v, W_o}.weight, and W_o.bias in the last commits                              attention
    qnn.layer.I.linear.0.{weight, bias}, qnn.norm.I.*, qnn.activation.I.weight, qnn.fc.{weight, bias}           network

Source:
    Names read in salmon1802/QIN (src/QIN_variety_v9.py) and FuxiCTR's feature embedding, both Apache-2.0. The R parts of
    `linear.0` stand one under the other in both codes, so no tensor has to be reordered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from adcreative.ctr.networks.qin import QIN, QINConfig
from adcreative.errors import ArtifactError
from adcreative.papers.microlens.inputs import MicroLensConfig, TargetNetwork

_EMBEDDING = "embedding_layer.embedding_layer."
_NAMES = {
    f"{_EMBEDDING}embedding_layers.item_id.weight": "item_table.weight",
    f"{_EMBEDDING}embedding_layers.item_tags.weight": "tag_table.weight",
    f"{_EMBEDDING}embedding_layers.likes_level.weight": "likes_table.weight",
    f"{_EMBEDDING}embedding_layers.views_level.weight": "views_table.weight",
    f"{_EMBEDDING}feature_encoders.item_emb_d128.weight": "projection.weight",
    "attention_layers.W_q.weight": "network.attention.to_query.weight",
    "attention_layers.W_k.weight": "network.attention.to_key.weight",
    "attention_layers.W_v.weight": "network.attention.to_value.weight",
    "attention_layers.W_o.weight": "network.attention.to_output.weight",
    "attention_layers.W_o.bias": "network.attention.to_output.bias",
    "qnn.fc.weight": "network.head.weight",
    "qnn.fc.bias": "network.head.bias",
}
_LAYER_PARTS = {"layer": "to_rows", "norm": "norm", "activation": "activation"}
_LAYER_NAME = re.compile(r"qnn\.(layer|norm|activation)\.(\d+)\.(?:linear\.0\.)?(\w+)")


def map_reference_name(name: str) -> str | None:
    """Return our name of a tensor of the authors' state dict, or None when it has no place here."""
    if name in _NAMES:
        return _NAMES[name]
    if found := _LAYER_NAME.fullmatch(name):
        part, number, kind = found.groups()
        return f"network.quadratic.layers.{number}.{_LAYER_PARTS[part]}.{kind}"
    return None


def load_reference_state(state: Mapping[str, Tensor]) -> TargetNetwork:
    """Build QIN on MicroLens inputs with the sizes and weights of a state dict of the authors' network.

    Args:
        state: name -> tensor, as `torch.load(path, weights_only=True)` returns it. Not modified.
    Returns:
        The network in eval mode; its logits are those of the authors' network.
    Raises:
        ArtifactError: tensors without a place, missing tensors, or shapes that do not fit together.
    """
    unknown = sorted(name for name in state if map_reference_name(name) is None)
    if unknown:
        raise ArtifactError(
            f"state dict has {len(unknown)} tensors with no place ({', '.join(unknown[:3])}); "
            "expected one of QIN_variety_v9 trained on MicroLens_1M_x1"
        )
    missing = sorted(set(_NAMES) - set(state) - {"attention_layers.W_o.bias"})
    if missing or "qnn.layer.0.linear.0.weight" not in state:
        first = (missing or ["qnn.layer.0.linear.0.weight"])[0]
        raise ArtifactError(f"state dict lacks {first}; expected one of QIN_variety_v9 trained on MicroLens_1M_x1")
    mapped = {str(map_reference_name(name)): tensor for name, tensor in state.items()}
    inputs, sizes = _read_sizes(mapped)
    network = TargetNetwork(inputs, partial(QIN, config=sizes), generator=torch.Generator().manual_seed(0))
    if "network.attention.to_output.bias" in mapped:
        attention = network.network.get_submodule("attention.to_output")
        attention.bias = nn.Parameter(torch.zeros_like(mapped["network.attention.to_output.bias"]))
    try:
        network.load_state_dict(mapped, strict=True)
    except RuntimeError as error:
        raise ArtifactError(f"the tensors of the state dict do not fit together ({' '.join(str(error).split())})") from error
    return network.eval()


def _read_sizes(mapped: Mapping[str, Tensor]) -> tuple[MicroLensConfig, QINConfig]:
    """Return the sizes of inputs and network that the shapes imply."""
    rows, width = mapped["network.quadratic.layers.0.to_rows.weight"].shape
    inputs = MicroLensConfig(
        num_items=mapped["item_table.weight"].shape[0],
        num_tags=mapped["tag_table.weight"].shape[0],
        num_levels=mapped["likes_table.weight"].shape[0],
        item_embedding_dim=mapped["projection.weight"].shape[1],
        embedding_dim=mapped["item_table.weight"].shape[1],
    )
    layer = re.compile(r"network\.quadratic\.layers\.\d+\.to_rows\.weight")
    return inputs, QINConfig(num_layers=sum(layer.fullmatch(name) is not None for name in mapped), num_rows=rows // width)
