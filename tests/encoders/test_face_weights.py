"""What decides which directions ship and which people are cast, on planted values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adcreative.encoders.direction_training import EFFECTS, MIN_MOVED_SHARE, caption_labels, passes, row_cosine
from adcreative.encoders.face_captions import read_caption_words
from adcreative.encoders.face_pool import adult_paths, is_usable, mix_codes
from stylegan.face_attributes import ATTRIBUTES


@pytest.fixture
def faces_dir(tmp_path: Path) -> Path:
    rows = ["a.jpg,old man|man smiling", "b.jpg,Woman red-lipstick", "c.jpg,young man irish", "d.jpg,", "e.jpg,man|woman"]
    (tmp_path / "metadata.csv").write_text("file_name,captions\n" + "\n".join(rows) + "\n")
    return tmp_path


def test_captions_become_whole_lower_case_words(faces_dir: Path) -> None:
    words = read_caption_words(faces_dir)
    assert words["b.jpg"] == {"woman", "red", "lipstick"}
    assert words["d.jpg"] == frozenset()


def test_labels_take_a_side_only_when_captions_do(faces_dir: Path) -> None:
    paths = [faces_dir / f"{name}.jpg" for name in "abcdef"]
    labels = caption_labels(paths, read_caption_words(faces_dir), (("woman", "female"), ("man", "male")))
    np.testing.assert_array_equal(labels, [-1, 1, -1, np.nan, np.nan, np.nan])


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


def test_a_direction_ships_only_under_a_name_it_deserves() -> None:
    row = {"moved_share": MIN_MOVED_SHARE, EFFECTS: {"smile": 1.0}, "largest_other": 0.5, "low": -2.0, "high": 2.0}
    assert passes(row, "smile")
    assert not passes({**row, "moved_share": MIN_MOVED_SHARE - 0.01}, "smile")
    assert not passes({**row, "largest_other": 1.1}, "smile")
    assert not passes({**row, "high": 0.0}, "smile")
    assert not passes({**row, EFFECTS: {"smile": -1.0}}, "smile")


def test_row_cosine_in_closed_form() -> None:
    np.testing.assert_allclose(row_cosine(np.array([[1.0, 0], [1, 1]]), np.array([[0.0, 2], [3, 3]])), [0, 1], atol=1e-12)
