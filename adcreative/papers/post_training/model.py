"""The base model of post-training, and its adapter files, in peft's layout with a manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from adcreative.artifacts import MANIFEST, write_atomically
from adcreative.copywriter.engines.adapter import CONFIG_FILE, WEIGHTS_FILE
from adcreative.copywriter.engines.local_llm import default_cache_dir
from adcreative.encoders.gguf_cache import load_language_model
from adcreative.encoders.weights import find_weight

if TYPE_CHECKING:
    from peft import PeftModel

BASE_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"
Model = tuple[PreTrainedModel, PreTrainedTokenizerBase]


def load_base() -> Model:
    """Return the embedded SmolLM2 and its tokenizer, float32, weights frozen."""
    return load_language_model(find_weight("smollm2-135m"), default_cache_dir())


def save_adapter(peft_model: PeftModel, folder: Path) -> None:
    """Write the trained adapter; see `write_adapter`."""
    import peft

    state = peft.get_peft_model_state_dict(peft_model, adapter_name="default")
    write_adapter(state, peft_model.peft_config["default"].to_dict(), folder)


def write_adapter(tensors: Mapping[str, Tensor], config: Mapping[str, Any], folder: Path) -> None:
    """Write an adapter as peft's two files, weights as float16, and a manifest with their hash, without local paths."""
    halves = {name: tensor.detach().cpu().half().contiguous() for name, tensor in tensors.items()}
    packed = save({name: halves[name] for name in sorted(halves)}, metadata={"format": "pt"})
    write_atomically(folder / WEIGHTS_FILE, packed)
    plain = {**config, "base_model_name_or_path": BASE_NAME, "inference_mode": True}
    plain["target_modules"] = sorted(plain["target_modules"])  # a set in peft, in varying order
    write_atomically(folder / CONFIG_FILE, (json.dumps(plain, indent=2, default=str) + "\n").encode())
    digest = hashlib.sha256(packed).hexdigest()
    manifest = {"kind": "copywriter-adapter", "format": 1, "file": WEIGHTS_FILE, "sha256": digest}
    write_atomically(folder / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
