"""Small catalogues made on the spot: pictures of noise and tables of any kind."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

# Property tests share the machine with training runs: no stopwatch.
RELAXED = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
Rows = Sequence[Mapping[str, Any]]


def save_picture(path: Path, size_px: tuple[int, int] = (80, 64), **save_options: Any) -> Path:
    """Save a picture of noise; width and height in `size_px`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.random.default_rng(0).integers(0, 256, (size_px[1], size_px[0], 3), dtype=np.uint8)
    Image.fromarray(levels).save(path, **save_options)
    return path


def write_csv(path: Path, rows: Rows, **writer_options: Any) -> Path:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, **writer_options)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_jsonl(path: Path, rows: Rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Return a function (rows, pictures=("ad.png",)) -> folder with metadata.csv and those pictures."""

    def build(rows: Rows, pictures: Sequence[str] = ("ad.png",)) -> Path:
        folder = tmp_path / "ads"
        folder.mkdir(exist_ok=True)
        for name in pictures:
            save_picture(folder / name)
        write_csv(folder / "metadata.csv", rows)
        return folder

    return build
