"""The README's Python runs as it is written."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

ROOT = Path(__file__).parents[1]


def snippets() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)


def test_load_invert_edit_paste_is_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = (text for text in snippets() if "FaceEditSession" in text)
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 10
    os.symlink(ROOT / "data", tmp_path / "data")
    photo = np.ascontiguousarray(data.astronaut()[:300, 60:380])
    Image.fromarray(photo).save(tmp_path / "photo.jpg", quality=95)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    before, after = (np.asarray(Image.open(tmp_path / name).convert("RGB")).astype(int) for name in ("photo.jpg", "smile.png"))
    assert after.shape == before.shape
    changed = (before != after).any(axis=2)
    assert 0.02 < changed.mean() < 0.5
