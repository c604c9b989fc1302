"""How like itself a picture stays within a limit of bytes, by format, and what finding that costs.

python -m tests.bench.weight RUN          a folder that optimize or demo wrote: its edited pictures
python -m tests.bench.weight --tiny       one drawn picture, no figure means anything
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from adcreative.catalog.images import read_image
from adcreative.provenance.errors import ProvenanceError
from adcreative.provenance.marks import encode_picture
from adcreative.provenance.weight import FORMATS, fit_bytes

LIMITS, NUM_PICTURES = (50_000, 150_000), 6


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", help="folder that optimize or demo wrote")
    parser.add_argument("--tiny", action="store_true", help="one drawn picture")
    options = parser.parse_args()
    if options.tiny == (options.run is not None):
        parser.error("name a run folder, or say --tiny")
    if options.tiny:
        pictures = [np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)]
    else:
        pictures = [read_image(path) for path in sorted(options.run.glob("images/*.edited.png"))[:NUM_PICTURES]]
        if not pictures:
            parser.error(f"{options.run} holds no edited picture")
    print(json.dumps(measure(pictures), indent=1))


if __name__ == "__main__":
    main()
