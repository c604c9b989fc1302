"""A picture of a run that is broken is left out of the report."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adcreative.report.pictures import read_picture


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_broken_picture_is_none(kind: str, tmp_path: Path) -> None:
    buffer, rng = io.BytesIO(), np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (40, 40, 3)).astype(np.uint8)).save(buffer, kind)
    assert read_picture(tmp_path / "none.png") is None
    path = tmp_path / "a"
    for _ in range(300):
        content = bytearray(buffer.getvalue())
        for at in rng.integers(8, len(content), 3):
            content[at] = rng.integers(256)
        path.write_bytes(content[: rng.integers(8, len(content))])
        found = read_picture(path)
        assert found is None or found.mode == "RGB"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    assert read_picture(path) is None
