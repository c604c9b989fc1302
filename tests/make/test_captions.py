from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.make.captions import CaptionLabel, label_faces, read_caption_words


@pytest.fixture
def faces_dir(tmp_path: Path) -> Path:
    rows = ["a.jpg,old man|man smiling", "b.jpg,Woman red-lipstick", "c.jpg,young man irish", "d.jpg,", "e.jpg,man|woman"]
    (tmp_path / "metadata.csv").write_text("file_name,captions\n" + "\n".join(rows) + "\n")
    return tmp_path


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
