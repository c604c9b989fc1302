"""Our own safetensors, with or without a manifest; also other projects' tensors stored as safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from stylegan.errors import CheckpointError
from stylegan.foreign.converted import ConvertedWeights, generator_config
from stylegan.foreign.tensor_table import TensorTable
from stylegan.networks.checkpoints import FaceModel, file_sha256, load_face_model
from stylegan.networks.generator import GeneratorConfig

WHAT = "safetensors file"


def read_beside_manifest(path: Path) -> FaceModel | None:
    """Load the face model with weights at `path`; return None without a face-model manifest in the same folder.

    Raises:
        CheckpointError: the manifest describes another file, or the tensors do not match it.
    """
    manifest_path = path.with_name("manifest.json")
    if not manifest_path.is_file():
        return None
    try:
        manifest = json.loads(manifest_path.read_text())
    except ValueError as error:
        raise CheckpointError(f"{str(manifest_path)!r} is not JSON: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("kind") != "face-model":
        return None
    if path.name != "model.safetensors" or manifest.get("sha256") != file_sha256(path):
        raise CheckpointError(f"{path.name} is not the file that the manifest.json beside it describes; move it elsewhere")
    return load_face_model(path.parent)


def read_generator(tensors: Mapping[str, Tensor]) -> ConvertedWeights:
    """Read a generator in our names, its sizes inferred from the shapes.

    Raises:
        CheckpointError: a manifest is required (an encoder, or a mapping fitted to W+), or tensors are missing or left over.
    """
    if any(name.startswith("encoder.") for name in tensors):
        raise CheckpointError("this face model has an encoder, so its manifest.json is needed beside it; pass the folder")
    table = TensorTable({name.removeprefix("generator."): tensor for name, tensor in tensors.items()}, what=WHAT)
    config = read_config(table)
    state = {name: table.take(name) for name in table.names()}
    note = "no manifest beside the file: unclamped activations and a learning-rate multiplier of 0.01 were assumed"
    return ConvertedWeights(source_format="safetensors", config=config, generator_state=state, notes=(note,))


def read_config(table: TensorTable) -> GeneratorConfig:
    """Infer all sizes from the shapes."""
    if table.size("mapping.w_avg", 0) != 1:
        raise CheckpointError("this generator's mapping writes all W+ rows, so its manifest.json is needed; pass the folder")
    num_to_rgbs = sum(
        name.startswith("synthesis.to_rgbs.") and name.count(".") == 3 and name.endswith("weight") for name in table.names()
    )
    num_layers = sum(name.startswith("mapping.layers.") and name.endswith("weight") for name in table.names())
    channels = {2 ** (j + 2): table.size(f"synthesis.to_rgbs.{j}.weight", 1) for j in range(num_to_rgbs)}
    if not channels or not num_layers:
        raise CheckpointError(f"{WHAT} has no generator: expected synthesis.to_rgbs and mapping.layers")
    return generator_config(
        WHAT,
        channels,
        z_dim=table.size("mapping.layers.0.weight", 1),
        w_dim=table.size("mapping.w_avg", 1),
        num_mapping_layers=num_layers,
    )
