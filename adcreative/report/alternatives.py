"""List the other edits found by a search: a small picture, the changes, and the expected change of the click rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adcreative.report import pictures, words

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
