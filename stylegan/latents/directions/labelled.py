"""Named edit directions in face-code space: apply, save, load; `data/make/projection.py` learns them.

A direction that changes one attribute and no other: the shortest step, in the metric of the training faces, that
raises one attribute's linear predictor and keeps all others constant,

    v = S B (B^T S B)^-1 e_a        S: covariance of codes, B: regressors of all attributes and nuisances, one per column

which is conditional projection (Shen et al. 2020, InterFaceGAN, section 3.3) carried out in the whitened space. Strength 1 is
one standard deviation of the training codes along v. Protected attributes (sex, ethnicity, skin tone) enter B as
nuisances and are not offered as directions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from stylegan.errors import CheckpointError, DirectionError, ShapeError
from stylegan.networks.checkpoints import drafts, file_sha256, read_manifest

FORMAT = 1
PROTECTED = ("sex", "african", "asian", "irish", "age", "skin_red", "skin_green", "skin_blue")


@dataclass(frozen=True)
class EditLimits:
    """Faces outside the domain of the directions.

    covered_eyes [C + 1] float32: weights and, last, bias; codes @ weights + bias > 0 indicates covered eyes (sunglasses).
    max_error: maximum mean absolute difference, 0..2, of a face and its inversion for a face known to the model.
    children [C + 1]: the same as covered_eyes for a child's face, if known.
    """

    covered_eyes: np.ndarray
    max_error: float
    children: np.ndarray | None = None

    def refusals(self, codes: np.ndarray, errors: np.ndarray) -> list[str | None]:
        """Return for each face a sentence why it should not be edited, or None.

        Args:
            codes: [F, C]. errors: [F], of the inversions.
        """
        covered = codes @ self.covered_eyes[:-1] + self.covered_eyes[-1] > 0.0
        young = np.zeros(len(codes), bool) if self.children is None else codes @ self.children[:-1] + self.children[-1] > 0.0
        refusals: list[str | None] = []
        for is_covered, is_young, error in zip(covered, young, errors, strict=True):
            if error > self.max_error:
                refusals.append(
                    f"face is unlike the photographs that the face model knows: it draws it with an error of {error:.2f}, "
                    f"at most {self.max_error:.2f} can be edited"
                )
            elif is_young:
                refusals.append("face may be a child's: only adults are edited")
            else:
                refusals.append("eyes are covered: a face with sunglasses is not edited" if is_covered else None)
        return refusals


@dataclass(frozen=True, kw_only=True)
class DirectionSet:
    """K directions over latent codes of width C.

    names: of the attributes. vectors [K, C] float32: one unit is one standard deviation of the training codes along it. low,
    high [K]: the measured safe range. table: the measurements of each direction (see the model card). restricted: names that
    are used only on explicit request (age). limits: faces outside the domain, if known.
    regressors [A, C]: of all measured attributes (table["held_still"]), so that a direction learnt later can
    keep protected attributes constant too.
    """

    names: tuple[str, ...]
    vectors: np.ndarray
    low: np.ndarray
    high: np.ndarray
    table: Mapping[str, Any]
    restricted: tuple[str, ...] = ()
    limits: EditLimits | None = None
    regressors: np.ndarray | None = None

    def __post_init__(self) -> None:
        num = len(self.names)
        if self.vectors.ndim != 2 or not self.vectors.shape[0] == num == len(self.low) == len(self.high):
            raise ShapeError(f"{num} names need vectors [{num}, C], low [{num}], high [{num}]; got {self.vectors.shape}")

    def index(self, name: str) -> int:
        """Return the row of `name`.

        Raises:
            DirectionError: no such direction; the message lists the known ones.
        """
        if name not in self.names:
            raise DirectionError(f'no direction named "{name}"; known: {", ".join(self.names)}')
        return self.names.index(name)

    def select(self, names: tuple[str, ...] | list[str]) -> DirectionSet:
        """Return the directions with these names, in this order."""
        rows = [self.index(name) for name in names]
        return DirectionSet(
            names=tuple(names),
            vectors=self.vectors[rows],
            low=self.low[rows],
            high=self.high[rows],
            table={name: self.table.get(name, {}) for name in names},
            restricted=tuple(name for name in names if name in self.restricted),
            limits=self.limits,
            regressors=self.regressors,
        )

    @property
    def protected_regressors(self) -> np.ndarray:
        """Regressors of the protected attributes (PROTECTED), [at most 8, C]; empty if unknown."""
        if self.regressors is None:
            return np.zeros((0, self.vectors.shape[1]), dtype=np.float32)
        names = list(self.table["held_still"])
        return self.regressors[[row for row, name in enumerate(names) if name in PROTECTED]]

    def apply(self, codes: np.ndarray, strengths: np.ndarray) -> np.ndarray:
        """Move codes along the directions.

            edited = codes + strengths @ vectors

        Args:
            codes: [P, C] float32. Not modified.
            strengths: [P, K], in standard deviations; zeros return the codes unchanged.
        Raises:
            DirectionError: a strength is not finite or outside its direction's safe range.
        """
        strengths = np.asarray(strengths, dtype=np.float32)
        if codes.ndim != 2 or strengths.shape != (codes.shape[0], len(self.names)):
            raise ShapeError(f"expected strengths [{len(codes)}, {len(self.names)}], got {list(strengths.shape)}")
        outside = ~np.isfinite(strengths) | (strengths < self.low - 1e-5) | (strengths > self.high + 1e-5)
        if outside.any():
            row, k = np.argwhere(outside)[0]
            raise DirectionError(
                f'strength {strengths[row, k]:.2f} of "{self.names[k]}" is outside its safe range '
                f"{self.low[k]:.2f} to {self.high[k]:.2f}"
            )
        return codes + strengths @ self.vectors

    def save(self, directions_dir: Path) -> None:
        """Write `directions.safetensors` and `manifest.json` (names, ranges, table, hash)."""
        tensors = {"vectors": np.ascontiguousarray(self.vectors, dtype=np.float32)}
        if self.limits is not None:
            tensors["covered_eyes"] = np.ascontiguousarray(self.limits.covered_eyes, dtype=np.float32)
        if self.limits is not None and self.limits.children is not None:
            tensors["children"] = np.ascontiguousarray(self.limits.children, dtype=np.float32)
        if self.regressors is not None:
            tensors["regressors"] = np.ascontiguousarray(self.regressors, dtype=np.float32)
        with drafts(directions_dir, "directions.safetensors", "manifest.json") as (path, manifest_path):
            save_file(tensors, path)
            manifest = {
                "format": FORMAT,
                "kind": "face-directions",
                "sha256": file_sha256(path),
                "names": list(self.names),
                "low": [float(v) for v in self.low],
                "high": [float(v) for v in self.high],
                "table": dict(self.table),
                "restricted": list(self.restricted),
                "max_error": None if self.limits is None else self.limits.max_error,
            }
            manifest_path.write_text(json.dumps(manifest, indent=1) + "\n")

    @classmethod
    def load(cls, directions_dir: Path) -> DirectionSet:
        """Read the files written by `save`.

        Raises:
            CheckpointError: files are missing, of another kind or format, or changed.
        """
        manifest_path, path = directions_dir / "manifest.json", directions_dir / "directions.safetensors"
        if not manifest_path.is_file() or not path.is_file():
            raise CheckpointError(f"no directions in {str(directions_dir)!r}: expected manifest.json, directions.safetensors")
        manifest = read_manifest(manifest_path, kind="face-directions", format_=FORMAT)
        what = repr(str(path))
        if file_sha256(path) != manifest["sha256"]:
            raise CheckpointError(f"{what} differs from the hash in its manifest; restore or re-create it")
        try:
            tensors = load_file(path)
            limits = None
            if "covered_eyes" in tensors:
                limits = EditLimits(tensors["covered_eyes"], manifest["max_error"], tensors.get("children"))
            found = cls(
                names=tuple(manifest["names"]),
                vectors=tensors["vectors"],
                limits=limits,
                regressors=tensors.get("regressors"),
                low=np.array(manifest["low"], dtype=np.float32),
                high=np.array(manifest["high"], dtype=np.float32),
                table=manifest["table"],
                restricted=tuple(manifest.get("restricted", ())),
            )
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{what} does not fit its manifest: {error}") from error
        if not all(np.isfinite(values).all() for values in (*tensors.values(), found.low, found.high)):
            raise CheckpointError(f"{what} or its ranges hold NaN or infinite numbers; re-create it")
        return found
