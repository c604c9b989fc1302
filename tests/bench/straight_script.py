"""The script that anyone would write: open_clip vectors of picture and words, in batches, then a linear model of scikit-learn.

python tests/bench/straight_script.py ADS CHECKPOINT OUT    a folder with metadata.csv, weights of ViT-B-32, a table
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image
from sklearn.linear_model import Ridge

BATCH_ROWS = 16
ARCHITECTURE = "ViT-B-32"


def read_rows(data: Path) -> list[dict[str, str]]:
    """Return the rows of the folder's table."""
    with (data / "metadata.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def encode(data: Path, rows: Sequence[dict[str, str]], model: Any, preprocess: Any, tokenizer: Any) -> np.ndarray:
    """Return a vector of picture and words for each row."""
    parts = []
    with torch.no_grad():
        for start in range(0, len(rows), BATCH_ROWS):
            batch = rows[start : start + BATCH_ROWS]
            files = [data / row["file_name"] if row["file_name"] else None for row in batch]
            images = [Image.open(file).convert("RGB") if file else Image.new("RGB", (224, 224)) for file in files]
            words = [" ".join((row["headline"], row["primary_text"], row["description"])) for row in batch]
            seen = model.encode_image(torch.stack([preprocess(image) for image in images]), normalize=True)
            parts.append(torch.cat([seen, model.encode_text(tokenizer(words), normalize=True)], dim=1).numpy())
    return np.concatenate(parts)


def fit(vectors: np.ndarray, rows: Sequence[dict[str, str]]) -> Ridge:
    """Return a linear model of the rows' click rates."""
    return Ridge().fit(vectors, [float(row["clicks"]) / max(float(row["impressions"]), 1.0) for row in rows])


def main() -> None:
    data, checkpoint, out = map(Path, sys.argv[1:])
    model, _, preprocess = open_clip.create_model_and_transforms(ARCHITECTURE, pretrained=str(checkpoint))
    rows = read_rows(data)
    vectors = encode(data, rows, model.eval(), preprocess, open_clip.get_tokenizer(ARCHITECTURE))
    rates = fit(vectors, rows).predict(vectors)
    with out.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["file_name", "ctr"], *zip([row["file_name"] for row in rows], rates, strict=True)])


if __name__ == "__main__":
    main()
