"""Captions of a folder of aligned faces: the words said of each face. Used when face weights are trained."""

from __future__ import annotations

import csv
from pathlib import Path


def read_caption_words(faces_dir: Path) -> dict[str, frozenset[str]]:
    """Return file_name -> lower-case words of its captions, from metadata.csv; whole words, so that "woman" is not "man"."""
    with (faces_dir / "metadata.csv").open(encoding="utf-8") as file:
        return {
            row["file_name"]: frozenset(row["captions"].replace("|", " ").replace("-", " ").lower().split())
            for row in csv.DictReader(file)
        }
