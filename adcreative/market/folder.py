"""Write a simulated folder in a user's format: pictures and metadata.csv, and the truth outside the folder."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adcreative.artifacts import open_atomically
from adcreative.catalog.images import read_image
from adcreative.catalog.tables import write_rows
from adcreative.creative import COLUMNS, Creative
from adcreative.errors import ConfigError

JPEG_QUALITY = 92


def check_truth_path(data_dir: Path, truth_path: Path | None) -> Path:
    """Return the path of the truth: by default next to the folder.

    Raises:
        ConfigError: the path is inside the data folder, where a model could read it.
    """
    if truth_path is None:
        return data_dir.with_name(f"{data_dir.name}-truth.json")
    if truth_path.resolve().is_relative_to(data_dir.resolve()):
        raise ConfigError(f"truth_path {truth_path} lies inside the data folder {data_dir}; keep the truth outside it.")
    return truth_path


def save_picture(creative: Creative, data_dir: Path) -> Creative:
    """Write a creative's picture as JPEG (q92, full colour resolution) and return the creative with the file's pixels."""
    if creative.image_u8 is None:
        return creative
    buffer = io.BytesIO()
    Image.fromarray(creative.image_u8).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    path = data_dir / creative.file_name
    with open_atomically(path) as file:
        file.write(buffer.getvalue())
    pixels: np.ndarray = read_image(path)
    return replace(creative, image_u8=pixels, image_path=path)


def write_metadata(data_dir: Path, creatives: list[Creative]) -> Path:
    """Write metadata.csv, observable columns only; written last, so that its presence marks a complete folder."""
    path = data_dir / "metadata.csv"
    write_rows(path, [{column: getattr(creative, column) for column in COLUMNS} for creative in creatives], COLUMNS)
    return path


def write_truth(path: Path, market_seed: int, seed: int, creatives: dict[str, dict[str, Any]]) -> None:
    """Write the truth: market_seed, seed, and ad_name -> file_name, true_ctr and the terms of the log-odds."""
    with open_atomically(path, is_text=True) as file:
        json.dump({"market_seed": market_seed, "seed": seed, "creatives": creatives}, file, indent=1)
        file.write("\n")
