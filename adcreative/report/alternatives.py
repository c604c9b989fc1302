"""Pictures of versions in a report: before/after pairs at the top, other edits of a search, and sizes of a delivered ad.

The pairs are the best edits with a clearly visible change; if there are fewer than three, kept ads are shown next to their best
visibly different version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adcreative.report import pictures, words
from adcreative.report.words import signed_percent

MAX_LISTED = 8
VERSION_PX = 300
NO_WORDS = "the words as they are"


@dataclass(frozen=True, kw_only=True)
class OtherEdit:
    """One edit of a list: its new words, its changes of the picture, its expected change ("" if it may not be stated).

    shown: preview of the picture; None if no picture was written.
    """

    words: tuple[str, ...]
    picture: tuple[str, ...]
    change: str
    shown: pictures.Preview | None = None


def list_alternatives(row: Mapping[str, Any], image_dir: Path, *, may_state_gains: bool) -> tuple[OtherEdit, ...]:
    """List the alternatives of a result except the delivered one, best first; empty for results of earlier versions.

    Args:
        image_dir: pictures outside of this folder are not shown. may_state_gains: False lists alternatives without figures.
    """
    delivered = _described(row, "_edited") if row.get("status") == "edited" else None
    found = [one for one in row.get("alternatives") or () if _described(one) != delivered]
    return tuple(_describe(row, one, image_dir, may_state_gains=may_state_gains) for one in found[:MAX_LISTED])


def _described(values: Mapping[str, Any], suffix: str = "") -> tuple[Any, ...]:
    """Return a key that distinguishes edits of one creative."""
    edits = sorted((int(one["face"]), str(one["direction"]), float(one["strength"])) for one in values.get("edits") or ())
    return (*(values.get(f"{kind}{suffix}") or "" for kind in words.WORD_LABELS), tuple(edits))


def _describe(row: Mapping[str, Any], one: Mapping[str, Any], image_dir: Path, *, may_state_gains: bool) -> OtherEdit:
    new = [
        f"{label}: {words.clip(str(one[kind]))}"
        for kind, label in words.WORD_LABELS.items()
        if one.get(kind) and one[kind] != (row.get(f"{kind}_original") or "")
    ]
    low, high = one.get("change_low"), one.get("change_high")
    change = ""
    if may_state_gains and None not in (one.get("change"), low, high):
        ends = f"{words.signed_percent(low)} to {words.signed_percent(high)}"
        change = f"{words.signed_percent(one['change'])} ({ends})"
    elif row.get("is_untested"):
        change = words.ask_of_face(one.get("edits") or ())
    return OtherEdit(
        words=tuple(new) or (NO_WORDS,),
        picture=words.describe_face_edits(one.get("edits") or ()),
        change=change,
        shown=pictures.preview(pictures.read_named(str(one.get("image") or ""), image_dir), VERSION_PX),
    )


SIZE_PX = 220


@dataclass(frozen=True, kw_only=True)
class SizeCard:
    """One size: its name, picture, formats, and weaknesses."""

    ratio: str
    picture: pictures.Preview
    fits: tuple[str, ...]
    notes: tuple[str, ...]


def list_sizes(row: Mapping[str, Any], image_dir: Path) -> tuple[SizeCard, ...]:
    """Return the sizes of a result whose pictures exist; empty if no sizes were requested."""
    cards = []
    for one in row.get("sizes") or ():
        shown = pictures.preview(pictures.read_named(str(one.get("image") or ""), image_dir), SIZE_PX)
        if shown is not None:
            fits, notes = tuple(map(str, one.get("fits") or ())), tuple(map(str, one.get("notes") or ()))
            cards.append(SizeCard(ratio=str(one.get("ratio")), picture=shown, fits=fits, notes=notes))
    return tuple(cards)


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
            change_text = "" if change is None else f"{signed_percent(change)} clicks expected"
            change_text = change_text if row.get("status") == "edited" else "a version to test"
            pairs.append(BestPair(number=number, name=name, before=small[0], after=small[1], change=change_text))
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
