"""The model that post-training starts from, and the adapter files that it leaves, in peft's layout with a manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from adcreative.copywriter.engines.adapter import CONFIG_FILE, WEIGHTS_FILE
from adcreative.copywriter.engines.local_llm import default_cache_dir
from adcreative.encoders.gguf_cache import load_language_model
from adcreative.encoders.weights import find_weight, hash_file

BASE_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"
Model = tuple[PreTrainedModel, PreTrainedTokenizerBase]


def load_base() -> Model:
    """Return the embedded SmolLM2 and its tokenizer, float32, weights frozen."""
    return load_language_model(find_weight("smollm2-135m"), default_cache_dir())


def save_adapter(peft_model: Any, folder: Path) -> None:
    """Write the adapter that was trained; see `write_adapter`."""
    import peft

    state = peft.get_peft_model_state_dict(peft_model, adapter_name="default")
    write_adapter(state, peft_model.peft_config["default"].to_dict(), folder)


def write_adapter(tensors: Mapping[str, Tensor], config: Mapping[str, Any], folder: Path) -> None:
    """Write an adapter as peft's two files, weights as float16, and a manifest with their hash; no path of this machine."""
    folder.mkdir(parents=True, exist_ok=True)
    halves = {name: tensor.detach().cpu().half().contiguous() for name, tensor in tensors.items()}
    (folder / WEIGHTS_FILE).write_bytes(save({name: halves[name] for name in sorted(halves)}, metadata={"format": "pt"}))
    plain = {**config, "base_model_name_or_path": BASE_NAME, "inference_mode": True}
    plain["target_modules"] = sorted(plain["target_modules"])  # a set in peft, in another order every time
    (folder / CONFIG_FILE).write_text(json.dumps(plain, indent=2, default=str) + "\n")
    manifest = {"kind": "copywriter-adapter", "format": 1, "file": WEIGHTS_FILE, "sha256": hash_file(folder / WEIGHTS_FILE)}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
