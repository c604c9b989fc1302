"""Draw the picture of the README from a run of the demo: ads before and after, with what three models expect of each.

python -m data.make.readme_picture demo/ --rows 2 3 10 --out data/readme.png
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

INK, GAIN, QUIET = "#1c1b22", "#0b6e5f", "#6b6f76"
HEIGHT_PX = 520  # of each picture in the sheet


def read_pair(run: Path, row: dict[str, Any]) -> np.ndarray:
    """Return the pictures before and after an edit side by side [HEIGHT_PX, W, 3] uint8."""
    pictures = []
    for path in (run / "creatives" / row["file_name"], run / row["edited_image"]):
        with Image.open(path) as image:
            pictures.append(np.asarray(image.convert("RGB").resize((round(image.width * HEIGHT_PX / image.height), HEIGHT_PX))))
    gap = np.full((HEIGHT_PX, 14, 3), 255, np.uint8)
    return np.concatenate([pictures[0], gap, pictures[1]], axis=1)


def gains(row: dict[str, Any]) -> str:
    """Return the change of the click rate as each of the three models expects it."""
    changes = [row[f"ctr_edited{name}"] / row[f"ctr_original{name}"] - 1 for name in ("", "_judge", "_auditor")]
    return "three models expect " + ", ".join(f"{change:+.0%}" for change in changes)


def draw(run: Path, rows: Sequence[dict[str, Any]], out: Path) -> None:
    """Write the picture: each edited row of results.jsonl before (left) and after (right), with its expected gain."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    pairs = [read_pair(run, row) for row in rows]
    figure, places = plt.subplots(
        1, len(pairs), figsize=(11.6, 3.5), dpi=110, width_ratios=[pair.shape[1] for pair in pairs], squeeze=False
    )
    for axes, pair, row in zip(places[0], pairs, rows, strict=True):
        axes.imshow(pair, interpolation="lanczos")
        axes.set_axis_off()
        axes.set_title(f"{row['ad_name']}, before and after", fontsize=10, color=INK, loc="left")
        axes.text(0, -0.05, gains(row), fontsize=9, color=GAIN, transform=axes.transAxes, va="top")
    figure.subplots_adjust(left=0.01, right=0.99, top=0.92, bottom=0.07, wspace=0.05)
    figure.savefig(out, bbox_inches="tight", pad_inches=0.06)
    plt.close(figure)


def main() -> None:
    """Draw from a run folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder that demo wrote")
    parser.add_argument("--rows", type=int, nargs="+", default=[1], help="rows of edited ads")
    parser.add_argument("--out", type=Path, default=Path("data/readme.png"))
    arguments = parser.parse_args()
    lines = (arguments.run / "results.jsonl").read_text(encoding="utf-8").splitlines()
    found = {row["row"]: row for row in map(json.loads, lines) if row["status"] == "edited"}
    if missing := [row for row in arguments.rows if row not in found]:
        parser.error(f"row {missing[0]} is no edited ad; edited are {sorted(found)}")
    draw(arguments.run, [found[row] for row in arguments.rows], arguments.out)


if __name__ == "__main__":
    main()
