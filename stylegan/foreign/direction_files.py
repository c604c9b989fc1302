"""Edit directions shipped with e4e: InterFaceGAN boundaries and GANSpace components, as directions over W+ codes.

A code is the flattened W+ latent, [R * w_dim], as from `stylegan.networks.ir_se50.E4EEncoder.encode`.
Sources: Shen et al. 2020 (InterFaceGAN), Haerkoenen et al. 2020 (GANSpace).
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stylegan.errors import CheckpointError
from stylegan.foreign.messages import printable
from stylegan.latents.directions.labelled import DirectionSet
from stylegan.networks.checkpoints import file_sha256

UNIT_LENGTH = "unit length per row: strength is a distance in W, as in InterFaceGAN"
UNIT_DEVIATION = "standard deviation of the component over W, as in GANSpace"


@dataclass(frozen=True, kw_only=True)
class ForeignDirections:
    """K directions over codes of R rows.

    names: from the file's name (age), or by rank (ffhq_pca_0). vectors [K, R * w_dim] float32: one unit of strength. unit:
    definition of the unit. provenance: format, file name and sha256.
    """

    names: tuple[str, ...]
    vectors: np.ndarray
    num_rows: int
    unit: str
    provenance: dict[str, str]

    def as_set(self, *, reach: float = 3.0) -> DirectionSet:
        """Return a set for `stylegan.photo.session`, with strengths of -reach..reach; no safer range was measured."""
        ends = np.full(len(self.names), reach, dtype=np.float32)
        table = {"unit": self.unit, "provenance": dict(self.provenance)}
        return DirectionSet(names=self.names, vectors=self.vectors, low=-ends, high=ends, table=table)


def read_direction_file(path: Path, *, num_rows: int = 18) -> ForeignDirections:
    """Read an InterFaceGAN boundary (.pt tensor) or GANSpace components (.pt dict with comp, mean, std).

    Args:
        path: age.pt, pose.pt, smile.pt [1, w_dim] or [1, R, w_dim], or ffhq_pca.pt.
        num_rows: R of the generator; a direction for one w is repeated on all rows, as e4e does.
    Raises:
        CheckpointError: the file is missing, damaged, of another kind, or holds NaN.
    """
    content = _read_tensors(Path(path))
    provenance = {"file": Path(path).name, "sha256": file_sha256(Path(path))}
    if isinstance(content, Tensor):
        rows = _finite(content, "the boundary", path)
        if rows.ndim not in (2, 3) or rows.shape[0] != 1 or (rows.ndim == 3 and rows.shape[1] not in (1, num_rows)):
            raise CheckpointError(
                f"{str(path)!r} has shape {list(rows.shape)}, expected a boundary [1, w_dim] or [1, {num_rows}, w_dim]"
            )
        rows = rows.reshape(1, -1, rows.shape[-1])
        vectors = np.broadcast_to(rows, (1, num_rows, rows.shape[2])).reshape(1, -1).copy()
        return ForeignDirections(
            names=(Path(path).stem,),
            vectors=vectors,
            num_rows=num_rows,
            unit=UNIT_LENGTH,
            provenance={"format": "interfacegan", **provenance},
        )
    if isinstance(content, dict) and {"comp", "mean", "std"} <= content.keys():
        comp, mean, std = (_finite(content[key], key, path) for key in ("comp", "mean", "std"))
        num, w_dim = comp.shape[0], comp.shape[-1]
        if comp.size != num * w_dim or std.size != num or mean.size != w_dim:
            raise CheckpointError(
                f"{str(path)!r}: comp {list(comp.shape)}, mean {list(mean.shape)}, std {list(std.shape)} do not fit"
            )
        units = comp.reshape(num, 1, w_dim) * std.reshape(num, 1, 1)
        return ForeignDirections(
            names=tuple(f"{Path(path).stem}_{i}" for i in range(num)),
            vectors=np.broadcast_to(units, (num, num_rows, w_dim)).reshape(num, -1).copy(),
            num_rows=num_rows,
            unit=UNIT_DEVIATION,
            provenance={"format": "ganspace", **provenance},
        )
    found = printable(", ".join(sorted(map(str, content)))) if isinstance(content, dict) else type(content).__name__
    raise CheckpointError(f"{str(path)!r} holds {found}, expected a boundary tensor or a dict with comp, mean and std")


def _read_tensors(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"no direction file {str(path)!r}") from error
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError, OSError) as error:
        if path.read_bytes()[:23] == b"version https://git-lfs":
            raise CheckpointError(
                f"{str(path)!r} is a Git LFS pointer, not the file itself; fetch it with: git lfs pull"
            ) from error
        raise CheckpointError(f"{str(path)!r} is damaged or asks to run code on loading; expected plain tensors") from error


def _finite(tensor: object, name: str, path: Path) -> np.ndarray:
    if not isinstance(tensor, Tensor) or not bool(torch.isfinite(tensor).all()):
        raise CheckpointError(f"{str(path)!r}: {name} is not a tensor of finite numbers")
    return tensor.detach().float().numpy()
