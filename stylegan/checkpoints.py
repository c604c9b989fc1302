"""Read and write face models: one folder, `model.safetensors` + `manifest.json`; strict, hashed, no pickles."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from stylegan.encoder import EncoderConfig, FaceEncoder
from stylegan.errors import CheckpointError
from stylegan.generator import Generator, GeneratorConfig

FORMAT = 1


@dataclass(frozen=True)
class FaceModel:
    """A generator and the encoder trained with it, in eval mode, plus what the manifest says about them."""

    generator: Generator
    encoder: FaceEncoder
    manifest: dict[str, Any]


def save_face_model(model_dir: Path, generator: Generator, encoder: FaceEncoder, **notes: Any) -> None:
    """Write a generator and its encoder as fp16 safetensors plus a manifest with sizes, hash and `notes`."""
    model_dir.mkdir(parents=True, exist_ok=True)
    tensors = {f"generator.{name}": tensor for name, tensor in generator.state_dict().items()}
    tensors |= {f"encoder.{name}": tensor for name, tensor in encoder.state_dict().items()}
    tensors = {k: (t.half() if t.is_floating_point() else t).contiguous() for k, t in tensors.items()}
    save_file(tensors, model_dir / "model.safetensors")
    (model_dir / "model.safetensors").chmod(0o644)  # safetensors writes files that only the owner can read
    manifest = {
        "format": FORMAT,
        "kind": "face-model",
        "sha256": hashlib.sha256((model_dir / "model.safetensors").read_bytes()).hexdigest(),
        "generator": generator.config.as_dict(),
        "encoder": encoder.config.as_dict(),
        **notes,
    }
    (model_dir / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def load_face_model(model_dir: Path) -> FaceModel:
    """Load a face model written by `save_face_model`.

    Raises:
        CheckpointError: a file is missing or truncated, the hash differs, the format is unknown, or tensors do not fit.
    """
    manifest_path, weights_path = model_dir / "manifest.json", model_dir / "model.safetensors"
    if not manifest_path.is_file() or not weights_path.is_file():
        raise CheckpointError(f"no face model in {model_dir}: expected manifest.json and model.safetensors")
    manifest = json.loads(manifest_path.read_text())
    if manifest.get("format") != FORMAT or manifest.get("kind") != "face-model":
        raise CheckpointError(
            f"{manifest_path} is a {manifest.get('kind')} of format {manifest.get('format')}; "
            f"this version reads face-model format {FORMAT}"
        )
    digest = hashlib.sha256(weights_path.read_bytes()).hexdigest()
    if digest != manifest["sha256"]:
        raise CheckpointError(f"{weights_path} has sha256 {digest[:12]}, its manifest says {manifest['sha256'][:12]}")
    generator = Generator(GeneratorConfig(**manifest["generator"]))
    encoder = FaceEncoder(EncoderConfig(**manifest["encoder"]))
    try:
        tensors = load_file(weights_path)
        for prefix, module in (("generator.", generator), ("encoder.", encoder)):
            state = {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
            module.load_state_dict({k: t.float() if t.is_floating_point() else t for k, t in state.items()}, strict=True)
    except (SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"{weights_path} does not fit its manifest: {error}") from error
    unknown = [k for k in tensors if not k.startswith(("generator.", "encoder."))]
    if unknown:
        raise CheckpointError(f"{weights_path} has {len(unknown)} tensors with no place, first {unknown[0]}")
    if not all(bool(torch.isfinite(t).all()) for t in tensors.values() if t.is_floating_point()):
        raise CheckpointError(f"{weights_path} holds NaN or infinite weights")
    return FaceModel(generator.eval().requires_grad_(False), encoder.eval().requires_grad_(False), manifest)
