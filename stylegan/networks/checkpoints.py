"""Read and write face models: one folder, `model.safetensors` + `manifest.json`; strict, hashed, no pickles.

The manifest states the kind of encoder: the embedded one, an e4e one, or none. Checkpoints of other projects are converted to
such folders by `stylegan.foreign`."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from stylegan.errors import CheckpointError
from stylegan.networks.generator import Generator, GeneratorConfig
from stylegan.networks.ir_se50 import E4EConfig, E4EEncoder
from stylegan.networks.unset import unset_weights

if TYPE_CHECKING:
    from stylegan.networks.encoder import FaceEncoder


FORMAT = 1
EMBEDDED, E4E = "embedded", "e4e"


@dataclass(frozen=True)
class FaceModel:
    """A generator and its encoder, if any, in eval mode, plus the content of the manifest."""

    generator: Generator
    stored_encoder: FaceEncoder | E4EEncoder | None
    manifest: dict[str, Any]

    @property
    def codes_sha256(self) -> str:
        """Hash that identifies the codes: of the weights; for a grown model, of the model from which it was grown."""
        return str(self.manifest.get("codes_sha256", self.manifest["sha256"]))

    @property
    def has_encoder(self) -> bool:
        """Whether the model can encode faces, not only render them."""
        return self.stored_encoder is not None

    @property
    def encoder(self) -> FaceEncoder | E4EEncoder:
        """The encoder of the generator.

        Raises:
            CheckpointError: the model has no encoder.
        """
        if self.stored_encoder is None:
            raise CheckpointError(
                "this face model holds a generator only, so it cannot read faces; "
                "convert an e4e checkpoint, which brings its encoder"
            )
        return self.stored_encoder


def save_face_model(
    model_dir: Path,
    generator: Generator,
    encoder: FaceEncoder | E4EEncoder | None,
    *,
    dtype: torch.dtype = torch.float16,
    **notes: object,
) -> None:
    """Write a generator and its encoder (or none) as safetensors plus a manifest with sizes, hash and `notes`.

    Args:
        dtype: storage type of floating-point tensors; float16 halves the file, float32 is lossless.
    """
    tensors = {f"generator.{name}": tensor for name, tensor in generator.state_dict().items()}
    if encoder is not None:
        tensors |= {f"encoder.{name}": tensor for name, tensor in encoder.state_dict().items()}
    tensors = {k: (t.to(dtype) if t.is_floating_point() else t).contiguous() for k, t in tensors.items()}
    with drafts(model_dir, "model.safetensors", "manifest.json") as (path, manifest_path):
        save_file(tensors, path)
        manifest = {
            "format": FORMAT,
            "kind": "face-model",
            "sha256": file_sha256(path),
            "generator": generator.config.as_dict(),
            "encoder": None if encoder is None else encoder.config.as_dict(),
            "encoder_kind": None if encoder is None else E4E if isinstance(encoder, E4EEncoder) else EMBEDDED,
            **notes,
        }
        manifest_path.write_text(json.dumps(manifest, indent=1) + "\n")


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build_networks(manifest: Mapping[str, Any]) -> tuple[Generator, FaceEncoder | E4EEncoder | None]:
    """Build the networks described by a manifest, with uninitialised weights.

    Raises:
        CheckpointError: a size is missing, unknown or impossible.
    """
    kind = manifest.get("encoder_kind", EMBEDDED)
    try:
        generator = Generator(GeneratorConfig(**manifest["generator"]))
        if kind is None:
            return generator, None
        if kind == EMBEDDED:
            from stylegan.networks.encoder import EncoderConfig, FaceEncoder

            return generator, FaceEncoder(EncoderConfig(**manifest["encoder"]))
        if kind == E4E:
            with torch.device("meta"):  # otherwise 1 GB of random numbers would be drawn only to be replaced
                return generator, E4EEncoder(E4EConfig(**manifest["encoder"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"the manifest does not describe a face model: {error}") from error
    raise CheckpointError(f'unknown kind of encoder "{kind}"; this version reads {EMBEDDED}, {E4E} and null')


def read_manifest(path: Path, *, kind: str, format_: int) -> dict[str, Any]:
    """Read the manifest.json of a folder of weights.

    Raises:
        CheckpointError: the file is no JSON object, of another kind or format, or has no sha256.
    """
    what = repr(str(path))
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{what} is not JSON: {str(error)[:200]}; restore or re-create it") from error
    if not isinstance(manifest, dict):
        raise CheckpointError(f"{what} holds a {type(manifest).__name__}, expected an object of {kind}")
    if manifest.get("format") != format_ or manifest.get("kind") != kind:
        found = f"{manifest.get('kind')!r} of format {manifest.get('format')!r}"
        raise CheckpointError(f"{what} is a {found}; this version reads {kind} format {format_}")
    if not isinstance(manifest.get("sha256"), str):
        raise CheckpointError(f"{what} names no sha256 of its weights; restore or re-create it")
    return manifest


def check_sizes(manifest: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Compare the sizes in a manifest with the tensors, before networks of these sizes are built.

    Raises:
        CheckpointError: sizes differ, are missing or are no numbers.
    """

    def length(name: str, axis: int) -> int:
        return int(tensors[name].shape[axis]) if name in tensors and tensors[name].ndim > axis else 0

    def count(start: str, end: str) -> int:
        return sum(name.startswith(start) and name.endswith(end) for name in tensors)

    try:
        config = GeneratorConfig(**manifest["generator"])
        rows = {r: length(f"generator.synthesis.to_rgbs.{j}.weight", 1) for j, r in enumerate(config.resolutions)}
        pairs: dict[str, tuple[object, object]] = {
            "num_mapping_layers": (config.num_mapping_layers, count("generator.mapping.layers.", ".weight")),
            "channels": (config.channels, rows),
            "w_dim": (config.w_dim, length("generator.synthesis.convs.0.affine.weight", 1)),
            "z_dim": (config.z_dim, length("generator.mapping.layers.0.weight", 1)),
        }
        encoder = dict(manifest["encoder"] or {})
        if manifest.get("encoder_kind", EMBEDDED) == E4E:
            pairs["encoder's num_rows"] = encoder["num_rows"], count("encoder.network.styles.", ".linear.weight")
            pairs["encoder's w_dim"] = encoder.get("w_dim", 512), length("encoder.network.styles.0.linear.weight", 0)
        elif encoder:
            pairs["encoder's num_rows * w_dim"] = encoder["num_rows"] * encoder["w_dim"], length("encoder.to_rows.weight", 0)
            pairs["encoder's code_dim"] = encoder.get("code_dim", 512), length("encoder.to_code.weight", 0)
            pairs["encoder's level_width"] = encoder.get("level_width", 48), length("encoder.levels.0.weight", 0)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(f"the manifest does not describe a face model: {error}") from error
    for name, (said, found) in pairs.items():
        if said != found:
            differ = f"its {name} is {str(said)[:200]}, the tensors have {str(found)[:200]}"
            raise CheckpointError(f"the weights do not fit the manifest: {differ}")


def load_face_model(model_dir: Path) -> FaceModel:
    """Load a face model written by `save_face_model`.

    Raises:
        CheckpointError: a file is missing or truncated, the hash differs, the format is unknown, or tensors do not match.
    """
    weights_path = model_dir / "model.safetensors"
    if not (model_dir / "manifest.json").is_file() or not weights_path.is_file():
        raise CheckpointError(f"no face model in {str(model_dir)!r}: expected manifest.json and model.safetensors")
    manifest, what = read_manifest(model_dir / "manifest.json", kind="face-model", format_=FORMAT), repr(str(weights_path))
    digest = file_sha256(weights_path)
    if digest != manifest["sha256"]:
        raise CheckpointError(f"{what} has sha256 {digest[:12]}, its manifest says {manifest['sha256'][:12]!r}")
    try:
        tensors = load_file(weights_path)
        check_sizes(manifest, tensors)
        with unset_weights():
            generator, encoder = build_networks(manifest)
        _load_state(generator, tensors, "generator.")
        if encoder is not None:
            _load_state(encoder, tensors, "encoder.")
    except (SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"{what} does not fit its manifest: {error}") from error
    known = ("generator.",) if encoder is None else ("generator.", "encoder.")
    unknown = [k for k in tensors if not k.startswith(known)]
    if unknown:
        raise CheckpointError(f"{what} has {len(unknown)} tensors with no place, first {unknown[0]!r}")
    if not all(bool(torch.isfinite(t).all()) for t in tensors.values() if t.is_floating_point()):
        raise CheckpointError(f"{what} holds NaN or infinite weights")
    if encoder is not None:
        encoder.eval().requires_grad_(False)
    return FaceModel(generator.eval().requires_grad_(False), encoder, manifest)


def _load_state(module: nn.Module, tensors: Mapping[str, Tensor], prefix: str) -> None:
    state = {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
    is_meta = any(p.is_meta for p in module.parameters())
    state = {k: t.float() if t.is_floating_point() else t for k, t in state.items()}
    module.load_state_dict(state, strict=True, assign=is_meta)


@contextmanager
def drafts(folder: Path, *names: str) -> Iterator[list[Path]]:
    """Yield a temporary path for each file; after a successful block, the files are renamed in this order.

    Raises:
        CheckpointError: the disk is full, or the folder cannot be written.
    """
    paths = [folder / f".{name}.part" for name in names]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield paths
        for path in paths:
            with path.open("rb") as file:
                os.fsync(file.fileno())
            path.chmod(0o644)  # safetensors writes files that only the owner can read
        for path, name in zip(paths, names, strict=True):
            os.replace(path, folder / name)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(
            f"{str(folder)!r} cannot be written ({reason}); free some space, or choose another place"
        ) from error
    finally:
        for path in paths:
            path.unlink(missing_ok=True)
