"""Merge a LoRA adapter, the result of post-training in peft's folder layout, into a language model's weights.

    W <- W + (lora_alpha / r) B A        (Hu et al. 2021, eq. 3), with lora_alpha / sqrt(r) when use_rslora is set

The merged model gives the same logits as peft, adds no cost to generation, and needs no peft on the user's machine: importing
peft takes longer than loading the model. Only plain LoRA on linear layers is supported; anything else is refused.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from adcreative.errors import CopywriterError

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
_PREFIX = "base_model.model."
# peft settings that change the formula; each must be off
_MUST_BE_OFF = (
    "use_dora",
    "modules_to_save",
    "rank_pattern",
    "alpha_pattern",
    "fan_in_fan_out",
    "lora_bias",
    "layer_replication",
)


def is_adapter_folder(folder: Path) -> bool:
    """Return whether `folder` holds an adapter and not a whole model."""
    return (folder / CONFIG_FILE).is_file() and not (folder / "config.json").is_file()


@torch.no_grad()
def merge_adapter(model: nn.Module, folder: Path) -> None:
    """Add the adapter in `folder` to the weights of `model`, in place; sums are made in float32.

    Raises:
        CopywriterError: a file is missing or damaged, the adapter is not plain LoRA, or it was made for another model.
    """
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        tensors = load_file(folder / WEIGHTS_FILE)
    except (OSError, ValueError, SafetensorError) as error:
        raise CopywriterError(f"the adapter in {folder} cannot be read ({error}); train it again or give another.") from error
    odd = [name for name in _MUST_BE_OFF if config.get(name)]
    if config.get("peft_type") != "LORA" or odd or config.get("bias", "none") != "none":
        raise CopywriterError(
            f"the adapter in {folder} is not plain LoRA ({', '.join(odd) or 'type or bias'}); merge it with peft."
        )
    scale = _scale_of(config)
    modules = dict(model.named_modules())
    places = sorted(name.removesuffix(".lora_A.weight") for name in tensors if name.endswith(".lora_A.weight"))
    for place in places:
        module = modules.get(place.removeprefix(_PREFIX))
        up, down = tensors.pop(f"{place}.lora_B.weight", None), tensors.pop(f"{place}.lora_A.weight")
        if not isinstance(module, nn.Linear) or up is None or module.weight.shape != (up.shape[0], down.shape[1]):
            raise CopywriterError(f"the adapter in {folder} was made for another model: {place} has no place in this one.")
        module.weight += (scale * (up.float() @ down.float())).to(module.weight.dtype)
    if tensors or not places:
        raise CopywriterError(f"the adapter in {folder} holds what is not LoRA: {', '.join(sorted(tensors)[:3]) or 'nothing'}.")


def _scale_of(config: dict[str, Any]) -> float:
    rank = int(config["r"])
    return float(config["lora_alpha"]) / (math.sqrt(rank) if config.get("use_rslora") else rank)
