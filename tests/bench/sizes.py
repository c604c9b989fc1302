"""Ads laid out in every shape: whether each block of text is read back, faces stay whole, and nothing lies on anything.

    python -m tests.bench.sizes                     24 simulated ads and twelve made of photographs, each in four shapes
    python -m tests.bench.sizes --ads demo/creatives     the ads of a folder
    python -m tests.bench.sizes --folder out/       also writes a sheet for each ad: as it is, and its shapes

A block counts as read when a reading of the whole new picture, text detection included, finds its letters in order, as they
were read in the ad itself: what OCR misreads there is not held against a layout. A face is whole when all of it is there
as it was, at the picture's scale. Overlap: a box of text that shares more than a tenth of it with a face or with another text's
box.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adcreative.catalog import read_catalog
from adcreative.catalog.images import picture
from adcreative.creative import Creative
from adcreative.lettering.arranging.protection import protect
from adcreative.lettering.arranging.sizes import RATIOS, SizedPicture, lay_out_sizes
from adcreative.lettering.reading.blocks import TextBlock
from adcreative.lettering.reading.reader import load_reader
from adcreative.lettering.reading.roles import is_same_text
from adcreative.lettering.reading.words import read_words
from adcreative.lettering.setting.field_blocks import find_field_blocks
from tests.bench.set_text import photograph_ads, simulated_ads

SAME_FACE = 6.0  # mean difference of values 0..255 up to which a face that was enlarged with its picture is that face
SIDE_PX = 420  # of a picture on a sheet


def sizes_figures(
    num: int = 24, num_photographs: int = 12, folder: Path | None = None, ads_dir: Path | None = None
) -> dict[str, Any]:
    """Return counts of layouts by kind and of what is wrong with them; photographs, or the ads of a folder, apart."""
    from adcreative.verbs.loading import load_tools

    analyzer = load_tools().extractor.analyzer
    found: dict[str, Any] = {}
    drawn = {"simulated": _spread(num), "photographs": [ad for ad, _ in photograph_ads()][:num_photographs]}
    for kind, ads in (drawn if ads_dir is None else {"folder": _read(ads_dir)}).items():
        counts: Counter[str] = Counter()
        for number, ad in enumerate(ads):
            counts.update(_measure(ad, analyzer, folder / f"{kind}-{number}.png" if folder else None))
        found |= {
            f"{kind}_{name}": counts[name] for name in ("layouts", "arranged", "blocks", "read", "faces", "whole", "overlaps")
        }
    return found


def _read(ads_dir: Path) -> list[Creative]:
    """Return the ads of a folder that have a picture, opened."""
    return [replace(ad, image_u8=picture(ad)) for ad in read_catalog(ads_dir).creatives if ad.has_image]


def _spread(num: int) -> list[Creative]:
    """Return simulated ads, of each brand and format some."""
    ads = [ad for ad, _ in simulated_ads(4 * num)] if num else []
    return ads[:: max(1, len(ads) // max(1, num))][:num]


def _measure(ad: Creative, analyzer: Any, path: Path | None) -> Iterator[str]:
    """Yield a name for each thing that is counted."""
    image_u8, reader = ad.image_u8, load_reader()
    assert image_u8 is not None
    words = read_words(image_u8, reader, brand=ad.brand)
    known = {block.box: block for block in find_field_blocks(words, ad.picture_texts).values()}
    blocks = [known.get(block.box, block) for block in words.blocks]
    faces = [face.box_xyxy_px for face in analyzer.analyze(image_u8)]
    sized = lay_out_sizes(image_u8, tuple(RATIOS), protect(image_u8, faces).frame(), blocks, faces, reader)
    if path is not None:
        _draw_sheet(image_u8, sized, path)
    for one in sized:
        yield "layouts"
        if one.arranged:
            yield "arranged"
        new = read_words(one.image_u8, reader, brand=ad.brand).blocks
        for block in words.blocks:
            yield "blocks"
            if any(is_same_text(other.text, block.text, 0.95) for other in new) or _is_in(block, new):
                yield "read"
        for face in faces:
            yield "faces"
            if _is_whole(face, image_u8, one):
                yield "whole"
        boxes = [block.plate or block.box for block in new]
        moved = [_moved(face, one) for face in faces]
        lying = [(a, b) for k, a in enumerate(boxes) for b in (*boxes[k + 1 :], *moved) if _shared(a, b) > 0.1]
        yield from ["overlaps"] * len(lying)


def _is_in(block: TextBlock, blocks: Sequence[TextBlock]) -> bool:
    """Return whether the block's letters stand in the reading as a whole: lines may have been grouped otherwise."""
    letters = "".join(char for char in block.text.casefold() if char.isalnum())
    return letters in "".join(char for other in blocks for char in other.text.casefold() if char.isalnum())


def _moved(face: Sequence[float], one: SizedPicture) -> tuple[float, ...]:
    return tuple(one.scale * edge + shift for edge, shift in zip(face, one.origin * 2, strict=True))


def _is_whole(face: Sequence[float], image_u8: np.ndarray, one: SizedPicture) -> bool:
    height, width = image_u8.shape[:2]
    x0, y0, x1, y1 = max(0, int(face[0])), max(0, int(face[1])), min(width, int(face[2])), min(height, int(face[3]))
    left, top = one.origin
    a0, b0, a1, b1 = (round(one.scale * edge) + shift for edge, shift in zip((x0, y0, x1, y1), (left, top) * 2, strict=True))
    new = one.image_u8[max(0, b0) : b1, max(0, a0) : a1].astype(int)
    if new.shape[:2] != (b1 - b0, a1 - a0):
        return False
    old = np.asarray(Image.fromarray(image_u8[y0:y1, x0:x1]).resize((a1 - a0, b1 - b0), Image.Resampling.BICUBIC))
    return bool(np.abs(new - old).mean() <= SAME_FACE)


def _shared(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the area that two boxes share, as a share of the first."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height) / max(1.0, (a[2] - a[0]) * (a[3] - a[1]))


def _draw_sheet(image_u8: np.ndarray, sized: Sequence[SizedPicture], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = [Image.fromarray(one) for one in (image_u8, *(other.image_u8 for other in sized))]
    sheet = Image.new("RGB", (len(pictures) * (SIDE_PX + 5), SIDE_PX), (60, 60, 60))
    for k, shown in enumerate(pictures):
        scale = SIDE_PX / max(shown.size)
        sheet.paste(shown.resize((round(shown.width * scale), round(shown.height * scale))), (k * (SIDE_PX + 5), 0))
    sheet.save(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num", type=int, default=24, help="simulated ads")
    parser.add_argument("--photographs", type=int, default=12, help="ads made of photographs, twelve at most")
    parser.add_argument("--ads", type=Path, help="a folder of ads to lay out in place of those")
    parser.add_argument("--folder", type=Path, help="where to write a sheet for each ad")
    given = parser.parse_args(arguments)
    print(json.dumps(sizes_figures(given.num, given.photographs, given.folder, given.ads), indent=1))


if __name__ == "__main__":
    main()
