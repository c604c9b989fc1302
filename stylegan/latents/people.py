"""Synthetic people fitted into one generator: rendered as sharply as fitted, with other expressions on demand.

Such a folder is a face model without an encoder (`networks/checkpoints.py`) whose weights were tuned to the faces
(`training/joint_tuning.py`), and `people.safetensors`, their W+ latents. A direction learnt in code space moves a latent
through the encoder's last layer, which is linear: w_plus + strength * to_rows(direction).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from stylegan.errors import CheckpointError, ShapeError
from stylegan.images import decode_image
from stylegan.latents.codec import RENDER_BATCH
from stylegan.latents.directions.labelled import DirectionSet
from stylegan.networks.checkpoints import FaceModel, drafts, file_sha256, load_face_model, save_face_model
from stylegan.networks.encoder import FaceEncoder
from stylegan.networks.generator import Generator
from stylegan.runtime.inference_synthesis import InferenceSynthesis

PEOPLE_FILE = "people.safetensors"


@dataclass(frozen=True)
class FittedPeople:
    """N people: w_plus [N, R, w_dim] float32 and the face model tuned to them. A code is a flattened latent."""

    face_model: FaceModel
    w_plus: Tensor

    @property
    def codes(self) -> np.ndarray:
        """The people as codes, [N, R * w_dim] float32."""
        return self.w_plus.flatten(1).numpy()

    def render(self, codes: np.ndarray) -> list[np.ndarray]:
        """Render codes [B, R * w_dim] as pictures [S, S, 3] uint8.

        Raises:
            ShapeError: the codes have another width.
        """
        config = self.face_model.generator.config
        if codes.ndim != 2 or codes.shape[1] != config.num_rows * config.w_dim:
            raise ShapeError(f"expected codes [B, {config.num_rows * config.w_dim}], got {list(codes.shape)}")
        latents = torch.as_tensor(codes, dtype=torch.float32).reshape(-1, config.num_rows, config.w_dim)
        return [image for batch in latents.split(RENDER_BATCH) for image in decode_image(self._synthesize(batch))]

    @cached_property
    def _synthesize(self) -> InferenceSynthesis:
        return InferenceSynthesis(self.face_model.generator.synthesis, torch.bfloat16)

    def save(self, folder: Path, **notes: object) -> None:
        """Write the tuned generator and the people; `notes` go into the manifest."""
        with drafts(folder, PEOPLE_FILE) as (path,):
            save_file({"w_plus": self.w_plus.half().contiguous()}, path)
            digest = file_sha256(path)
            said: dict[str, Any] = {"people": len(self.w_plus), "people_sha256": digest, **notes}
            save_face_model(folder, self.face_model.generator, None, **said)

    @classmethod
    def load(cls, folder: Path) -> FittedPeople:
        """Read the files written by `save`.

        Raises:
            CheckpointError: a file is missing, damaged or changed, or does not match the generator.
        """
        face_model, path = load_face_model(folder), folder / PEOPLE_FILE
        if not path.is_file():
            raise CheckpointError(f"no {PEOPLE_FILE} in {str(folder)!r}; restore it from the release")
        if file_sha256(path) != face_model.manifest.get("people_sha256"):
            raise CheckpointError(f"{str(path)!r} differs from the hash in its manifest; restore it from the release")
        try:
            w_plus = load_file(path)["w_plus"].float()
        except (SafetensorError, KeyError) as error:
            raise CheckpointError(f"{str(path)!r} holds no people: {error}") from error
        config = face_model.generator.config
        if list(w_plus.shape[1:]) != [config.num_rows, config.w_dim] or not bool(torch.isfinite(w_plus).all()):
            expected = f"finite w_plus [N, {config.num_rows}, {config.w_dim}]"
            raise CheckpointError(f"{str(path)!r} must hold {expected}, got {list(w_plus.shape)}")
        return cls(face_model, w_plus)


def with_weights(face_model: FaceModel, synthesis_state: dict[str, Tensor]) -> FaceModel:
    """Return a model without encoder and with other synthesis weights of the same sizes."""
    generator = Generator(face_model.generator.config)
    generator.mapping.load_state_dict(face_model.generator.mapping.state_dict())
    generator.synthesis.load_state_dict(synthesis_state)
    return FaceModel(generator.eval().requires_grad_(False), None, face_model.manifest)


def directions_of_latents(directions: DirectionSet, encoder: FaceEncoder, num_rows: int) -> DirectionSet:
    """Convert directions of codes to directions of flattened latents: vectors [K, num_rows * w_dim]; limits are omitted.

    Rows that the encoder does not write are moved like its last one.
    """
    config = encoder.config
    with torch.no_grad():
        steps = torch.as_tensor(directions.vectors) @ encoder.to_rows.weight.t()  # [K, R * w_dim]
    rows = steps.reshape(len(steps), config.num_rows, config.w_dim)
    rows = torch.cat([rows, *[rows[:, -1:]] * max(0, num_rows - config.num_rows)], dim=1)[:, :num_rows]
    return replace(directions, vectors=rows.flatten(1).numpy(), limits=None, regressors=None)
