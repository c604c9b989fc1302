"""Weights of the published challenge network, as its authors' code saves them, into `ChallengeQIN`.

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

import torch
from torch import Tensor, nn

from adcreative.ctr.networks.qin import ChallengeConfig, ChallengeQIN
from adcreative.errors import ArtifactError

_EMBEDDING = "embedding_layer.embedding_layer."
_NAMES = {
    f"{_EMBEDDING}embedding_layers.item_id.weight": "item_table.weight",
    f"{_EMBEDDING}embedding_layers.item_tags.weight": "tag_table.weight",
    f"{_EMBEDDING}embedding_layers.likes_level.weight": "likes_table.weight",
    f"{_EMBEDDING}embedding_layers.views_level.weight": "views_table.weight",
    f"{_EMBEDDING}feature_encoders.item_emb_d128.weight": "projection.weight",
    "attention_layers.W_q.weight": "attention.to_query.weight",
    "attention_layers.W_k.weight": "attention.to_key.weight",
    "attention_layers.W_v.weight": "attention.to_value.weight",
    "attention_layers.W_o.weight": "attention.to_output.weight",
    "attention_layers.W_o.bias": "attention.to_output.bias",
    "qnn.fc.weight": "head.weight",
    "qnn.fc.bias": "head.bias",
}
_LAYER_PARTS = {"layer": "to_rows", "norm": "norm", "activation": "activation"}
_LAYER_NAME = re.compile(r"qnn\.(layer|norm|activation)\.(\d+)\.(?:linear\.0\.)?(\w+)")


def map_reference_name(name: str) -> str | None:
    """Return our name of a tensor of the authors' state dict, or None when it has no place here."""
    if name in _NAMES:
        return _NAMES[name]
    if found := _LAYER_NAME.fullmatch(name):
        part, number, kind = found.groups()
        return f"quadratic.layers.{number}.{_LAYER_PARTS[part]}.{kind}"
    return None


def load_reference_state(state: Mapping[str, Tensor]) -> ChallengeQIN:
    """Build a `ChallengeQIN` with the sizes and weights of a state dict of the authors' network.

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
    network = ChallengeQIN(_read_config(mapped), generator=torch.Generator().manual_seed(0))
    if "attention.to_output.bias" in mapped:
        network.attention.to_output.bias = nn.Parameter(torch.zeros_like(mapped["attention.to_output.bias"]))
    try:
        network.load_state_dict(mapped, strict=True)
    except RuntimeError as error:
        raise ArtifactError(f"the tensors of the state dict do not fit together ({' '.join(str(error).split())})") from error
    return network.eval()


def _read_config(mapped: Mapping[str, Tensor]) -> ChallengeConfig:
    """Return the sizes that the shapes imply."""
    rows, width = mapped["quadratic.layers.0.to_rows.weight"].shape
    return ChallengeConfig(
        num_items=mapped["item_table.weight"].shape[0],
        num_tags=mapped["tag_table.weight"].shape[0],
        num_levels=mapped["likes_table.weight"].shape[0],
        item_embedding_dim=mapped["projection.weight"].shape[1],
        embedding_dim=mapped["item_table.weight"].shape[1],
        num_layers=sum(re.fullmatch(r"quadratic\.layers\.\d+\.to_rows\.weight", name) is not None for name in mapped),
        num_rows=rows // width,
    )
