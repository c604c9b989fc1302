"""A folder of aligned faces: its split into training and held-out faces, and their pixels."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from stylegan.images import encode_image


def split_faces(image_paths: list[Path]) -> tuple[list[Path], list[Path]]:
    """Split face files into training and held-out ones by the hash of their bytes, about 9 to 1.

    The part of a face depends on its content alone, so it does not change when files are added or renamed.
    """
    train_paths: list[Path] = []
    held_out_paths: list[Path] = []
    for path in sorted(image_paths):
        digest = int(hashlib.sha256(path.read_bytes()).hexdigest()[:8], 16)
        (held_out_paths if digest % 10 == 0 else train_paths).append(path)
    return train_paths, held_out_paths


def read_faces(image_paths: list[Path], *, size: int) -> Tensor:
    """Read aligned faces as [N, 3, size, size] float32 in -1..1."""
    faces = []
    for path in image_paths:
        with Image.open(path) as image:
            faces.append(np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.LANCZOS)))
    return encode_image(faces)
