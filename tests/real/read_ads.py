"""What the reader makes of the labelled real ads of one half, by picture; the half "held" is asked for once, at the end.

Run it as `python -m tests.real.read_ads --split work`; each ad takes the reader about a second.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from adcreative.lettering.reading.reader import load_reader
from adcreative.lettering.reading.words import read_words
from tests.real.labels import Block, Box, LabelledAd, character_error, fold, read_ads

AMOUNTS = {"offer", "price"}
UNSPACED = {"Han", "kana", "Thai"}  # scripts whose lines are joined without a blank
SAME_PLACE = 0.5  # of a read box that lies in a labelled one

Figures = dict[str, tuple[float, float]]  # what is counted -> hits, tries


@dataclass(frozen=True)
class ReadBlock:
    """A block as the reader sees it: box as a label's, lines as text and box."""

    text: str
    role: str
    box: Box
    lines: tuple[tuple[str, Box], ...] = ()


def read_picture(path: Path) -> list[ReadBlock]:
    """Return the blocks that the reader finds in a picture."""
    with Image.open(path) as image:
        rgba = image.convert("RGBA")
        pixels = np.asarray(Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB"))
    height, width = pixels.shape[:2]

    def shares(box: Sequence[float]) -> Box:
        return box[0] / width, box[1] / height, box[2] / width, box[3] / height

    return [
        ReadBlock(
            block.text,
            block.role,
            shares(block.box),
            tuple((line.text, shares(line.box)) for line in block.lines),
        )
        for block in read_words(pixels, load_reader()).blocks
    ]


def judge(ad: LabelledAd, read: Sequence[ReadBlock]) -> Figures:
    """Return what was counted in one ad; prints on products are no part of its words."""
    said = [(fold(block.text), block.role) for block in read]

    def is_read(block: Block) -> bool:
        roles = AMOUNTS if block.role in AMOUNTS else {block.role}
        return any(text == fold(block.text) and role in roles for text, role in said)

    def is_elsewhere(button: ReadBlock) -> bool:
        return all(_share_within(button.box, one.box) < SAME_PLACE for one in ad.with_role("button"))

    headlines, buttons, amounts = ad.with_role("headline"), ad.with_role("button"), ad.with_role(*AMOUNTS)
    words = [block for block in ad.blocks if block.text and block.role != "product_print"]
    wrong = any(block.role == "button" and is_elsewhere(block) for block in read)
    figures: Figures = {
        "headline exact": (sum(map(is_read, headlines)), len(headlines)),
        "words and roles all exact": (all(map(is_read, words)) and not wrong, 1),
        "blocks exact": (sum(map(is_read, words)), len(words)),
        "button right": (any(map(is_read, buttons)), bool(buttons)),
        "something else called the button": (wrong, 1),
        "offers and prices found": (sum(map(is_read, amounts)), len(amounts)),
    }
    for block in words:
        lines = [text for one in read for text, box in one.lines if _share_within(box, block.box) >= SAME_PLACE]
        errors = min(1.0, character_error(block.text, ("" if block.script in UNSPACED else " ").join(lines)))
        before, num = figures.get(f"characters wrong, {block.script}", (0, 0))
        size = len(fold(block.text))
        figures[f"characters wrong, {block.script}"] = (before + errors * size, num + size)
    return figures


def measure(ads: Sequence[LabelledAd], *, tell: bool = False) -> Figures:
    """Return the sums over the ads whose pictures are beside the checkout; `tell` prints what was taken for the headline."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0, 0])
    for ad in ads:
        if ad.picture is None:
            continue
        read = read_picture(ad.picture)
        figures = judge(ad, read)
        for name, (hits, tries) in figures.items():
            sums[name][0] += hits
            sums[name][1] += tries
        if tell:
            found = {role: [block.text for block in read if block.role == role] for role in ("headline", "button")}
            print(f"{ad.file}: {'exact' if figures['headline exact'][0] else 'other'} {found}", flush=True)
    return {name: (hits, tries) for name, (hits, tries) in sorted(sums.items())}


def _share_within(box: Box, other: Box) -> float:
    """Return the share of a box that lies in another."""
    width = max(0.0, min(box[2], other[2]) - max(box[0], other[0]))
    height = max(0.0, min(box[3], other[3]) - max(box[1], other[1]))
    return width * height / max((box[2] - box[0]) * (box[3] - box[1]), 1e-9)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures of one half."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=("work", "held"), required=True)
    parser.add_argument("--only", help="ads whose file names hold this")
    asked = parser.parse_args(arguments)
    ads = [ad for ad in read_ads(asked.split) if (asked.only or "") in ad.file]
    for name, (hits, tries) in measure(ads, tell=True).items():
        print(f"{name}: {hits:.0f} of {tries:.0f}" + (f" = {hits / tries:.0%}" if tries else ""))


if __name__ == "__main__":
    main()
