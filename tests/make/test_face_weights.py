"""Who is cast, on planted values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.make.captions import CaptionLabel, label_faces, read_caption_words
from data.make.face_folder import split_faces
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


def labels_of(faces_dir: Path, label: CaptionLabel) -> list[float]:
    return label_faces([faces_dir / f"{name}.jpg" for name in "abcdef"], read_caption_words(faces_dir), label).tolist()


def test_captions_become_whole_lower_case_words(faces_dir: Path) -> None:
    words = read_caption_words(faces_dir)
    assert words["b.jpg"] == {"woman", "red", "lipstick"}
    assert words["d.jpg"] == frozenset()


def test_a_face_of_both_sides_has_no_label_unless_plus_wins(faces_dir: Path) -> None:
    label = CaptionLabel(plus=("woman",), minus=("man",))
    np.testing.assert_array_equal(labels_of(faces_dir, label), [-1, 1, -1, np.nan, np.nan, np.nan])
    label = CaptionLabel(plus=("woman",), minus=("man",), plus_wins=True)
    np.testing.assert_array_equal(labels_of(faces_dir, label), [-1, 1, -1, np.nan, 1, np.nan])


def test_never_leaves_a_face_out(faces_dir: Path) -> None:
    label = CaptionLabel(plus=("woman",), minus=("man",), never=("young",))
    np.testing.assert_array_equal(labels_of(faces_dir, label), [-1, 1, np.nan, np.nan, np.nan, np.nan])


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
