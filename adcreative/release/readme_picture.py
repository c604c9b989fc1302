"""Draw the picture of the README from the shipped face model and a run of the demo.

    python -m adcreative.release.readme_picture demo/ --row 1 --out data/readme.png

Above: a public-domain portrait before and after one face edit at the end of the offered range, and where pixels changed. Below:
the words of one edited ad, before and after, and the rates that the three models expect of both.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

OLD, NEW, QUIET = "#b3423f", "#0b6e5f", "#6b6f76"


def open_mouth() -> tuple[np.ndarray, np.ndarray]:
    """Return a public-domain portrait [H, W, 3] uint8 and the same with the mouth opened by two deviations."""
    from skimage import data

    from adcreative.encoders.weights import embedded_dir
    from stylegan import DirectionSet, FaceAnalyzer, FaceCodec, FaceEditSession, load_face_model

    photo_u8, analyzer = np.ascontiguousarray(data.astronaut()[:280, 90:370]), FaceAnalyzer()
    codec, directions = FaceCodec(load_face_model(embedded_dir("faces"))), DirectionSet.load(embedded_dir("directions"))
    session = FaceEditSession(photo_u8, analyzer.analyze(photo_u8), codec, directions, analyzer)
    return photo_u8, session.compose(session.strengths(mouth_open=2.0))


def draw(before_u8: np.ndarray, after_u8: np.ndarray, row: dict[str, Any], out: Path) -> None:
    """Write the picture.

    Args:
        before_u8, after_u8: [H, W, 3], the same photo before and after.
        row: a row of results.jsonl with status "edited".
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    changed = np.abs(before_u8.astype(int) - after_u8).sum(axis=2)
    figure = plt.figure(figsize=(9.6, 5.6), dpi=110)
    grid = figure.add_gridspec(
        2, 3, height_ratios=(1.75, 1), hspace=0.12, wspace=0.06, left=0.03, right=0.97, top=0.93, bottom=0.08
    )
    pictures = (
        ("Photo", before_u8), ("Mouth opened", after_u8), ("What changed, pixel by pixel", changed)
    )  # fmt: skip
    for place, (title, picture) in enumerate(pictures):
        axes = figure.add_subplot(grid[0, place])
        axes.imshow(picture, cmap="magma" if picture.ndim == 2 else None)
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    words = figure.add_subplot(grid[1, :2])
    words.set_axis_off()
    for height, text, colour in ((0.78, row["headline_original"], OLD), (0.48, row["headline_edited"], NEW)):
        words.text(0.0, height, text, fontsize=13, color=colour, weight="bold" if colour == NEW else "normal")
    words.text(0.0, 0.2, "Words of an ad of the demo, before and after; rates by three models,", fontsize=9, color=QUIET)
    words.text(0.0, 0.05, "the third of which had no part in the choice", fontsize=9, color=QUIET)
    rates = figure.add_subplot(grid[1, 2])
    models = ("predictor", "judge", "auditor")
    for place, suffix in enumerate(("", "_judge", "_auditor")):
        low, high = 100 * row[f"ctr_original{suffix}"], 100 * row[f"ctr_edited{suffix}"]
        rates.plot((low, high), (-place, -place), color=NEW, linewidth=2, alpha=0.5)
        rates.plot(low, -place, "o", color=OLD)
        rates.plot(high, -place, "o", color=NEW)
        rates.annotate(f"{high / low - 1:+.0%}", (high, -place), xytext=(8, -3), textcoords="offset points", fontsize=9)
    rates.set_yticks([0, -1, -2], models, fontsize=9)
    rates.set_ylim(-2.6, 0.6)
    rates.margins(x=0.35)
    rates.set_xlabel("expected clicks, % of impressions", fontsize=8, color=QUIET)
    rates.tick_params(axis="x", labelsize=8)
    for side in ("top", "right", "left"):
        rates.spines[side].set_visible(False)
    figure.savefig(out)
    plt.close(figure)


def main() -> None:
    """Draw from a run folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder that demo or optimize wrote")
    parser.add_argument("--row", type=int, default=1, help="row of an edited ad")
    parser.add_argument("--out", type=Path, default=Path("data/readme.png"))
    arguments = parser.parse_args()
    lines = (arguments.run / "results.jsonl").read_text(encoding="utf-8").splitlines()
    (row,) = (row for row in map(json.loads, lines) if row["row"] == arguments.row)
    draw(*open_mouth(), row, arguments.out)


if __name__ == "__main__":
    main()
