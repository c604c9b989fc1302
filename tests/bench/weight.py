"""How like itself a picture stays within a limit of bytes, by format, what finding that costs, and delta rates over JPEG.

python -m tests.bench.weight RUN          a folder that optimize or demo wrote: its edited pictures
python -m tests.bench.weight --tiny       one drawn picture, no figure means anything
"""

from __future__ import annotations

import argparse
import io
import json
import time
from pathlib import Path

import numpy as np
from PIL import Image

from adcreative.catalog.images import read_image
from adcreative.provenance.errors import ProvenanceError
from adcreative.provenance.marks import encode_picture
from adcreative.provenance.weight import FORMATS, fit_bytes
from tests.bench.codec import bd_rate

LIMITS, NUM_PICTURES = (50_000, 150_000), 6
CURVE = (35, 50, 65, 80, 90)  # qualities of the curves whose delta rate is taken


def measure(pictures: list[np.ndarray]) -> dict[str, float]:
    """Return mean similarity, and mean processor seconds, by format and limit; a picture that cannot be so light counts 0."""
    found = {}
    for limit in LIMITS:
        for file_format in FORMATS[1:]:
            likeness, started = [], time.process_time()
            for image_u8 in pictures:

                def encode(name: str, quality: int, image_u8: np.ndarray = image_u8) -> bytes:
                    return encode_picture(image_u8, name, is_edited=False, quality=quality or None)

                try:
                    likeness.append(fit_bytes(image_u8, limit, encode, [file_format]).similarity)
                except ProvenanceError:
                    likeness.append(0.0)
            found[f"{file_format} {limit}"] = round(float(np.mean(likeness)), 4)
            found[f"{file_format} {limit} s"] = round((time.process_time() - started) / len(pictures), 2)
    return found


def delta_rates(pictures: list[np.ndarray]) -> dict[str, float]:
    """Return how many more bits WebP and AVIF need than JPEG for the same PSNR, over all pictures, -1..."""
    curves = {}
    for name in FORMATS[1:]:
        points = []
        for quality in CURVE:
            files = [encode_picture(image_u8, name, is_edited=False, quality=quality) for image_u8 in pictures]
            errors = [
                np.mean((np.asarray(Image.open(io.BytesIO(file)).convert("RGB"), np.float64) - image_u8) ** 2)
                for file, image_u8 in zip(files, pictures, strict=True)
            ]
            points.append((sum(map(len, files)), 10 * np.log10(255**2 / np.mean(errors))))
        curves[name] = np.array(points).T
    return {f"{name} over JPEG": round(bd_rate(*curves["JPEG"], *curves[name]), 4) for name in FORMATS[2:]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", help="folder that optimize or demo wrote")
    parser.add_argument("--tiny", action="store_true", help="one drawn picture")
    options = parser.parse_args()
    if options.tiny == (options.run is not None):
        parser.error("name a run folder, or say --tiny")
    if options.tiny:
        pictures = [np.random.default_rng(0).integers(0, 255, (8, 8, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)]
    else:
        pictures = [read_image(path) for path in sorted(options.run.glob("images/*.edited.png"))[:NUM_PICTURES]]
        if not pictures:
            parser.error(f"{options.run} holds no edited picture")
    print(json.dumps(delta_rates(pictures) | measure(pictures), indent=1))


if __name__ == "__main__":
    main()
