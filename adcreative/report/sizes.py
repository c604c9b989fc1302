"""The sizes of a delivered ad: small pictures with their formats and weaknesses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adcreative.report import pictures

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
