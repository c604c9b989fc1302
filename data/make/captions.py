"""Captions of a folder of aligned faces: the words about each face, and labels derived from them. Used in training only."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, kw_only=True)
class CaptionLabel:
    """A label from captions: +1 when a caption has one of the words `plus`, -1 for one of `minus`, else no label.

    A face with both is left out, unless `plus_wins` (a bearded man is a man, and no example of a beardless one). `never`:
    words that exclude a face in any case.
    """

    plus: tuple[str, ...]
    minus: tuple[str, ...]
    plus_wins: bool = False
    never: tuple[str, ...] = ()


def read_caption_words(faces_dir: Path) -> dict[str, frozenset[str]]:
    """Return file_name -> lower-case words of its captions, from metadata.csv; whole words, so that "woman" is not "man"."""
    with (faces_dir / "metadata.csv").open(encoding="utf-8") as file:
        return {
            row["file_name"]: frozenset(row["captions"].replace("|", " ").replace("-", " ").lower().split())
            for row in csv.DictReader(file)
        }


def label_faces(face_paths: list[Path], said: Mapping[str, frozenset[str]], label: CaptionLabel) -> np.ndarray:
    """Return per face +1, -1 or NaN (no label), float64 [N]."""
    labels = np.full(len(face_paths), np.nan)
    for i, path in enumerate(face_paths):
        words = said.get(path.name, frozenset())
        plus, minus = not words.isdisjoint(label.plus), not words.isdisjoint(label.minus)
        if words.isdisjoint(label.never) and (plus != minus or (plus and label.plus_wins)):
            labels[i] = 1.0 if plus else -1.0
    return labels
