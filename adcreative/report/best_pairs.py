"""The pairs that a report opens with: the best edits that a stranger sees at once, before and after beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adcreative.report import pictures
from adcreative.report.words import signed_percent

NUM_PAIRS, NUM_LOOKED_AT = 3, 24
PAIR_PX = 420
MIN_CHANGED_SHARE = 0.004  # of the pixels: less than this is not seen at a glance
VISIBLE_LUMA = 20  # of 255


@dataclass(frozen=True, kw_only=True)
class BestPair:
    """A pair of pictures. change: expected change in click rate, in words; "" where none may be stated."""

    number: int
    name: str
    before: pictures.Preview
    after: pictures.Preview
    headline: str
    change: str


def pick_pairs(rows: Sequence[Mapping[str, Any]], changes: Sequence[float | None], image_dir: Path) -> tuple[BestPair, ...]:
    """Return the first edits of `rows`, best first, whose pictures differ so that anybody sees it; at most NUM_PAIRS.

    Args:
        changes: expected relative change of each row, None where it may not be stated.
    """
    pairs: list[BestPair] = []
    for number, (row, change) in enumerate(zip(rows[:NUM_LOOKED_AT], changes, strict=False), 1):
        if row.get("status") != "edited" or len(pairs) == NUM_PAIRS:
            continue
        before, after = (pictures.read_picture(pictures.picture_path(row, kind, image_dir)) for kind in ("original", "edited"))
        if before is None or after is None or changed_share(before, after) < MIN_CHANGED_SHARE:
            continue
        small = pictures.preview(before, PAIR_PX), pictures.preview(after, PAIR_PX)
        if small[0] is not None and small[1] is not None:
            name = str(row.get("ad_name") or row.get("file_name") or f"Creative {number}")
            told = "" if change is None else f"{signed_percent(change)} clicks expected"
            headline = str(row.get("headline_edited") or "")
            pairs.append(BestPair(number=number, name=name, before=small[0], after=small[1], headline=headline, change=told))
    return tuple(pairs)


def changed_share(before: Image.Image, after: Image.Image) -> float:
    """Return the share of pixels whose luma differs visibly, 0..1; 1 for pictures of two sizes."""
    if before.size != after.size:
        return 1.0
    first, second = (np.asarray(image.convert("L"), np.int16) for image in (before, after))
    return float((np.abs(first - second) >= VISIBLE_LUMA).mean())
