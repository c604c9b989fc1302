"""Draws the pictures of the sample briefs for the app's first page: four ads made by `compose` for each, side by side.

    python -m data.make.sample_ads

The photos are of `skimage.data`: coffee (Rachel Michetti, CC0), chelsea (Stefan van der Walt, CC0), rocket (SpaceX, public
domain).
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from adcreative.pipeline import compose

SAMPLES = Path(__file__).parents[2] / "apps" / "studio" / "samples"
NUM, SIDE_PX, GAP_PX = 4, 200, 8


def main() -> None:
    """Write ads.jpg into the folder of each sample."""
    for folder in sorted(path.parent for path in SAMPLES.glob("*/brief.toml")):
        strip = Image.new("RGB", (NUM * SIDE_PX + (NUM - 1) * GAP_PX, SIDE_PX), "white")
        drawn: list[np.ndarray] = []
        with TemporaryDirectory() as out:
            compose(folder, Path(out) / "ads", num=NUM, shapes="1:1", show=drawn.append)
        for number, image_u8 in enumerate(drawn):
            ad = Image.fromarray(image_u8).resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)
            strip.paste(ad, (number * (SIDE_PX + GAP_PX), 0))
        strip.save(folder / "ads.jpg", quality=86, optimize=True)


if __name__ == "__main__":
    main()
