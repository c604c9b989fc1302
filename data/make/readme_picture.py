"""Draw the picture of the README: one brief, and the wall of ads that `compose` makes of it.

python -m data.make.readme_picture --out data/readme.jpg        the photo is scikit-image's coffee (CC0, R. Michetti)
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

INK, QUIET = "#1c1b22", "#6b6f76"
COLUMNS, ROWS, SIDE_PX, GAP_PX = 4, 2, 300, 14
QUALITY = 88
BRIEF = """\
[brand]
name = "Kaldi & Daughter"
colours = ["#7a3b12"]

[[photos]]
file = "coffee.jpg"
shows = "a cup of espresso"

[messages]
headline = ["Coffee that was roasted this week",
            "Wake up to better beans"]
subline = "Small lots from eleven farms."
offer = "20% off your first bag"
price = "$14"
old_price = "$18"
proof = ["Roasted within 48 hours",
         "Rated 4.8 by 2,310 drinkers",
         "Pause or stop any time"]
button = "Try a bag"
"""


def draw(brief: str, photo: np.ndarray, ads: list[np.ndarray], out: Path) -> None:
    """Write the picture: the brief and its photo on the left, ads [S, S, 3] in rows on the right."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    blank = np.full((ROWS * (SIDE_PX + GAP_PX) - GAP_PX, COLUMNS * (SIDE_PX + GAP_PX) - GAP_PX, 3), 255, np.uint8)
    for place, ad in enumerate(ads[: ROWS * COLUMNS]):
        y, x = (SIDE_PX + GAP_PX) * (place // COLUMNS), (SIDE_PX + GAP_PX) * (place % COLUMNS)
        small = Image.fromarray(ad).resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)
        blank[y : y + SIDE_PX, x : x + SIDE_PX] = np.asarray(small)
    figure, (left, right) = plt.subplots(1, 2, figsize=(16.2, 6.3), dpi=100, width_ratios=[1, 2.9])
    left.imshow(photo, extent=(0.0, 1.0, 0.62, 1.0), aspect="auto")
    left.set(xlim=(0, 1), ylim=(0, 1))
    left.text(0.0, 0.585, brief, family="monospace", fontsize=8.2, color=INK, va="top", linespacing=1.22)
    right.imshow(blank, interpolation="lanczos")
    for axes in (left, right):
        axes.set_axis_off()
    figure.subplots_adjust(left=0.01, right=0.99, top=0.99, bottom=0.01, wspace=0.03)
    figure.savefig(out, pil_kwargs={"quality": QUALITY})
    plt.close(figure)


def main() -> None:
    """Compose from the brief and draw."""
    from adcreative.pipeline import Studio

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("data/readme.jpg"))
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        at, photo = Path(folder), skimage.data.coffee()
        Image.fromarray(photo).save(at / "coffee.jpg", quality=95)
        (at / "brief.toml").write_text(BRIEF, encoding="utf-8")
        Studio().compose(at / "brief.toml", at / "ads", num=ROWS * COLUMNS, shapes="1:1", seed=arguments.seed)
        ads = [np.asarray(Image.open(path).convert("RGB")) for path in sorted((at / "ads").glob("*/1x1.[pj]*g"))]
        draw(BRIEF, photo, ads, arguments.out)


if __name__ == "__main__":
    main()
