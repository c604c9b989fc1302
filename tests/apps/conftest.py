from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def image_path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A picture of 300 x 200 px whose EXIF says it lies on its side: upright it is 200 x 300.

    Each test has its own: the server names uploads by content, and an app that closes late deletes what it was sent.
    """
    rng = np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))
    image = Image.fromarray(np.kron(rng.integers(60, 200, (10, 15, 3)), np.ones((20, 20, 1))).astype(np.uint8))
    exif = Image.Exif()
    exif[274] = 6
    path = tmp_path / "my ad (1).jpg"
    image.save(path, exif=exif, quality=95)
    return path
