"""A trained codec as it codes: half-precision weights, entropy model on the grid, integer tables, the hash that streams name.

Saved as an artefact (manifest.json beside one safetensors file) with its tables, so that no machine computes them anew.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from adcreative.artifacts import load_artifact, save_artifact
from adcreative.codec.config import NUM_SCALES, CodecConfig
from adcreative.codec.entropy import MAX_Z, PRECISION, gaussian_table, max_symbol
from adcreative.codec.network import ImageCodec
from adcreative.errors import ArtifactError

__all__ = ["KIND", "CodecModel", "freeze", "load_codec", "save_codec"]

KIND, FORMAT_VERSION = "image-codec", 1
NUM_BYTES_OF_HASH = 8


@dataclass(frozen=True)
class CodecModel:
    """What encoding and decoding need.

    network: exact (`ImageCodec.exact`). smooth: the same weights in float32, for gradients. z_tables: frequencies [rates,
    channels, 2 MAX_Z + 1]. y_tables: frequencies of each entry of the table of scales. model_id: the first bytes of the sha256
    over all of it.
    """

    network: ImageCodec
    smooth: ImageCodec
    z_tables: np.ndarray
    y_tables: tuple[np.ndarray, ...]
    model_id: bytes

    @property
    def config(self) -> CodecConfig:
        return self.network.config


def freeze(network: ImageCodec) -> CodecModel:
    """Return the model that a trained network codes as; weights are rounded to half precision first."""
    state = {name: value.detach().half().cpu().numpy() for name, value in network.state_dict().items()}
    rounded = _build(network.config, state)
    tables = tuple(gaussian_table(i) for i in range(NUM_SCALES))
    return _assemble(network.config, state, rounded.prior.tables(), tables)


def save_codec(model: CodecModel, state: ImageCodec, folder: Path, notes: dict[str, object]) -> None:
    """Write a model folder; `state` is the network that was frozen."""
    tensors = {f"network.{name}": value.detach().half().cpu().numpy() for name, value in state.state_dict().items()}
    tensors |= {"z_tables": model.z_tables, "y_tables": np.concatenate(model.y_tables)}
    save_artifact(
        folder, kind=KIND, format_version=FORMAT_VERSION, tensors=tensors, notes={"config": asdict(model.config), **notes}
    )


def load_codec(folder: Path) -> CodecModel:
    """Read a model folder.

    Raises:
        ArtifactError: it is no codec, incomplete, or its tables do not fit.
    """
    artifact = load_artifact(folder, kind=KIND, formats=(FORMAT_VERSION,))
    try:
        said: dict[str, Any] = artifact.manifest["config"]
        values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}
        config = CodecConfig(**values)
        state = {
            name.removeprefix("network."): value for name, value in artifact.tensors.items() if name.startswith("network.")
        }
        z_tables, flat = artifact.tensors["z_tables"], artifact.tensors["y_tables"]
        tables = tuple(np.split(flat, np.cumsum([2 * max_symbol(i) + 1 for i in range(NUM_SCALES)])[:-1]))
        return _assemble(config, state, z_tables, tables)
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        if isinstance(error, ArtifactError):
            raise
        raise ArtifactError(f"{folder} is no codec that this version can use ({error}); train it again") from error


def _build(config: CodecConfig, state: dict[str, np.ndarray]) -> ImageCodec:
    network = ImageCodec(config)
    network.load_state_dict({name: torch.from_numpy(value.astype(np.float32)) for name, value in state.items()})
    return network


def _assemble(
    config: CodecConfig, state: dict[str, np.ndarray], z_tables: np.ndarray, y_tables: tuple[np.ndarray, ...]
) -> CodecModel:
    shape = (len(config.lambdas), config.hyper_channels, 2 * MAX_Z + 1)
    if z_tables.shape != shape or len(y_tables) != NUM_SCALES:
        raise ArtifactError(f"the tables of z have the shape {z_tables.shape}, expected {shape}; train the codec again")
    for table in (*y_tables, *z_tables.reshape(-1, shape[-1])):
        if int(table.sum(dtype=np.int64)) != 2**PRECISION or not (table > 0).all():
            raise ArtifactError("a table of frequencies does not add up; train the codec again")
    digest = hashlib.sha256(repr(asdict(config)).encode())
    for name in sorted(state):
        digest.update(name.encode() + state[name].tobytes())
    for table in (z_tables, *y_tables):
        digest.update(np.ascontiguousarray(table.astype("<u4")).tobytes())
    network = _build(config, state)
    return CodecModel(
        network.exact(), network.eval().requires_grad_(False), z_tables, y_tables, digest.digest()[:NUM_BYTES_OF_HASH]
    )
