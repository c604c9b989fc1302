"""Who is cast, on planted values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.make.captions import read_caption_words
from data.make.face_pool import adult_paths, is_usable, mix_codes
from stylegan.faces.attributes import ATTRIBUTES


@pytest.fixture
def faces_dir(tmp_path: Path) -> Path:
    rows = ["a.jpg,old man|man smiling", "b.jpg,Woman red-lipstick", "c.jpg,young man irish", "d.jpg,", "e.jpg,man|woman"]
    (tmp_path / "metadata.csv").write_text("file_name,captions\n" + "\n".join(rows) + "\n")
    return tmp_path


def test_only_adults_are_cast(faces_dir: Path) -> None:
    paths = [faces_dir / f"{name}.jpg" for name in "abcde"]
    assert [path.stem for path in adult_paths(paths, read_caption_words(faces_dir))] == ["a", "b", "e"]


def test_mixes_are_nobodys_code_and_seeded() -> None:
    codes = np.random.default_rng(0).normal(size=(6, 4))
    mixes = mix_codes(codes, 50, rng=np.random.default_rng(1))
    assert np.abs(mixes[:, None] - codes[None]).max(axis=2).min() > 0.05
    np.testing.assert_array_equal(mixes, mix_codes(codes, 50, rng=np.random.default_rng(1)))


@pytest.mark.parametrize(("name", "value"), [("head_yaw", 20.0), ("eyes_open", 0.1), ("smile", np.nan)])
def test_turned_sleeping_and_unseen_faces_are_left_out(name: str, value: float) -> None:
    good = np.zeros((2, len(ATTRIBUTES)))
    good[:, ATTRIBUTES.index("eyes_open")] = 0.3
    good[1, ATTRIBUTES.index(name)] = value
    assert is_usable(good).tolist() == [True, False]
