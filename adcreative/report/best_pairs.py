"""The before/after pairs at the top of a report: the best edits with a clearly visible change.

If there are fewer than three, kept ads are shown next to their best visibly different version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adcreative.report import pictures
from adcreative.report.words import signed_percent

NUM_PAIRS, NUM_LOOKED_AT = 3, 24
PAIR_PX = 420
MIN_CHANGED_SHARE = 0.004  # share of the pixels; a smaller change is not visible at a glance
VISIBLE_LUMA = 20  # luma difference, of 255


@dataclass(frozen=True, kw_only=True)
class BestPair:
    """A pair of pictures. change: expected change in click rate, in words; "" if it may not be stated."""

    number: int
    name: str
    before: pictures.Preview
    after: pictures.Preview
    change: str


def pick_pairs(rows: Sequence[Mapping[str, Any]], changes: Sequence[float | None], image_dir: Path) -> tuple[BestPair, ...]:
    """Return the first rows, best first, whose pictures differ visibly; at most NUM_PAIRS.

    Args:
        changes: expected relative change of each row, None if it may not be stated.
    """
    pairs: list[BestPair] = []
    numbered = list(enumerate(zip(rows[:NUM_LOOKED_AT], changes, strict=False), 1))
    for number, (row, change) in sorted(numbered, key=lambda one: one[1][0].get("status") != "edited"):
        if len(pairs) == NUM_PAIRS:
            break
        before = pictures.read_picture(pictures.picture_path(row, "original", image_dir))
        if before is None:
            continue
        seen = next((one for one in _versions(row, image_dir) if changed_share(before, one) >= MIN_CHANGED_SHARE), None)
        small = pictures.preview(before, PAIR_PX), pictures.preview(seen, PAIR_PX)
        if small[0] is not None and small[1] is not None:
            name = str(row.get("ad_name") or row.get("file_name") or f"Creative {number}")
            told = "" if change is None else f"{signed_percent(change)} clicks expected"
            told = told if row.get("status") == "edited" else "a version to test"
            pairs.append(BestPair(number=number, name=name, before=small[0], after=small[1], change=told))
    return tuple(pairs)


def _versions(row: Mapping[str, Any], image_dir: Path) -> Iterator[Image.Image]:
    """Yield the delivered picture of a row, or the pictures of a kept ad's versions, best first."""
    if row.get("status") == "edited":
        found: Iterable[Image.Image | None] = (pictures.read_picture(pictures.picture_path(row, "edited", image_dir)),)
    else:
        found = (pictures.read_named(str(one.get("image") or ""), image_dir) for one in row.get("alternatives") or ())
    yield from (one for one in found if one is not None)


def changed_share(before: Image.Image, after: Image.Image) -> float:
    """Return the share of pixels with a visible luma difference, 0..1; 1 for pictures of different sizes."""
    if before.size != after.size:
        return 1.0
    first, second = (np.asarray(image.convert("L"), np.int16) for image in (before, after))
    return float((np.abs(first - second) >= VISIBLE_LUMA).mean())
