"""How much is left of letters that were taken out of a picture, held against the same picture drawn without them.

    python -m tests.bench.erased_letters                       40 simulated ads, JPEG of quality 92
    python -m tests.bench.erased_letters --quality 80 --subsampling 2 --folder out/

Ads of the markets of `blind_pairs`, drawn twice, once without the headline's letters, and both saved as JPEG: the second is
what the erased picture would be if nothing had stood there. Around the old letters it is counted how many pixels are off by
more than a little (0..255, the farthest of three channels), and how far the worst place is off once fine noise is blurred
away: that is what a smear or a kink in an outline looks like.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image
from scipy import ndimage

from adcreative.creative import Creative
from adcreative.lettering.reading.reader import load_reader
from adcreative.lettering.reading.words import read_words
from adcreative.lettering.setting.fonts import typefaces
from adcreative.lettering.setting.setting import TextSetter
from adcreative.market import rendering
from tests.bench.blind_pairs import draw_ads

AROUND_PX, BESIDE_PX = 20, 12  # around the old lines that is looked at; around other words that is not
BLUR_PX = 1.5  # deviation of the blur under which a smear or a kink stays


def erasing_figures(
    num: int = 40, seed: int = 1, quality: int = 92, subsampling: int = 0, folder: Path | None = None
) -> dict[str, Any]:
    """Return per 1,000 pixels around old letters how many are off by more than 3 and 10; the worst places; time."""
    with mock.patch.object(rendering, "set_text", return_value=None):
        bare = [ad for ad, _ in draw_ads(seed, num)]
    found = []
    for k, (ad, _) in enumerate(draw_ads(seed, num)):
        assert ad.image_u8 is not None
        assert bare[k].image_u8 is not None
        one = measure(ad, bare[k].image_u8, quality, subsampling, folder, f"{k:02d}")
        if one is not None:
            found.append(one)
    worst = np.array([one["worst"] for one in found])
    return {
        "ads": len(found),
        "off_by_3_per_1000": round(1000 * float(np.mean([one["off_3"] for one in found])), 2),
        "off_by_10_per_1000": round(1000 * float(np.mean([one["off_10"] for one in found])), 2),
        "worst_place_median": round(float(np.median(worst)), 1),
        "worst_place_90th_percentile": round(float(np.percentile(worst, 90)), 1),
        "ads_with_a_place_off_by_5": int((worst > 5.0).sum()),
        "processor_s": round(float(np.median([one["processor_s"] for one in found])), 2),
    }


def measure(
    ad: Creative, bare_u8: np.ndarray, quality: int, subsampling: int, folder: Path | None = None, name: str = ""
) -> dict[str, float] | None:
    """Return what is left of an ad's headline; None when it is not found in the picture.

    Args:
        bare_u8: [H, W, 3] the ad without any words.
    """
    image_u8, reader = compressed(ad.image_u8, quality, subsampling), load_reader()
    setter = TextSetter(
        image_u8, read_words(image_u8, reader, brand=ad.brand), ad.picture_texts, reader=reader, typefaces=typefaces()
    )
    if "headline" not in setter.field_blocks:
        return None
    near = np.zeros(bare_u8.shape[:2], bool)
    for line in setter.field_blocks["headline"].lines:
        x0, y0, x1, y1 = line.box
        near[max(0, y0 - AROUND_PX) : y1 + AROUND_PX, max(0, x0 - AROUND_PX) : x1 + AROUND_PX] = True
    for other in setter.words.blocks:
        if other.box != setter.field_blocks["headline"].box:
            a0, b0, a1, b1 = other.plate or other.box
            near[max(0, b0 - BESIDE_PX) : b1 + BESIDE_PX, max(0, a0 - BESIDE_PX) : a1 + BESIDE_PX] = False
    truth_u8 = compressed(np.where(near[:, :, None], bare_u8, ad.image_u8), quality, subsampling)
    started_s = time.process_time()
    erased_u8 = setter.without("headline")
    spent_s = time.process_time() - started_s
    off = np.where(near[:, :, None], erased_u8.astype(np.float32) - truth_u8, 0.0)
    largest = np.abs(off).max(axis=2)
    blurred = np.abs(ndimage.gaussian_filter(off, (BLUR_PX, BLUR_PX, 0.0))).max(axis=2)
    if folder is not None:
        _write(folder, name, near, image_u8, truth_u8, erased_u8)
    return {
        "off_3": float((largest[near] > 3).mean()), "off_10": float((largest[near] > 10).mean()),
        "worst": float(blurred[near].max()), "processor_s": spent_s,
    }  # fmt: skip


def compressed(image_u8: np.ndarray | None, quality: int, subsampling: int) -> np.ndarray:
    """Return a picture [H, W, 3] as it comes out of a JPEG file."""
    assert image_u8 is not None
    buffer = io.BytesIO()
    Image.fromarray(image_u8).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(buffer).convert("RGB"))


def _write(folder: Path, name: str, near: np.ndarray, *pictures: np.ndarray) -> None:
    """Write old, true and erased crops, twice as large, the last two once more with eight times the contrast."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    crops = [one[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] for one in pictures]
    middle = np.median(crops[1].reshape(-1, 3), axis=0)
    crops += [np.clip((one.astype(np.float32) - middle) * 8 + 128, 0, 255).astype(np.uint8) for one in crops[1:]]
    stacked = Image.fromarray(np.concatenate(crops, axis=0))
    stacked.resize((2 * stacked.width, 2 * stacked.height), Image.Resampling.NEAREST).save(folder / f"{name}.png")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num", type=int, default=40, help="simulated ads")
    parser.add_argument("--seed", type=int, default=1, help="market")
    parser.add_argument("--quality", type=int, default=92, help="of JPEG")
    parser.add_argument("--subsampling", type=int, default=0, choices=(0, 2), help="of JPEG's colours: 0 none, 2 by half")
    parser.add_argument("--folder", type=Path, help="where to write crops")
    given = parser.parse_args(arguments)
    print(json.dumps(erasing_figures(given.num, given.seed, given.quality, given.subsampling, given.folder), indent=1))


if __name__ == "__main__":
    main()
