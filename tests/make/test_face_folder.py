from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from data.make.face_folder import split_faces


def test_split_depends_on_bytes_alone(tmp_path: Path) -> None:
    for i in range(60):
        Image.fromarray(np.full((8, 8, 3), i, dtype=np.uint8)).save(tmp_path / f"{i:03d}.png")
    train, held_out = split_faces(list(tmp_path.glob("*.png")))
    assert len(train) + len(held_out) == 60
    assert 1 <= len(held_out) <= 15
    kept = {path.read_bytes() for path in held_out}
    for path in tmp_path.glob("*.png"):
        path.rename(path.with_name("renamed-" + path.name))
    assert {path.read_bytes() for path in split_faces(list(tmp_path.glob("*.png")))[1]} == kept
