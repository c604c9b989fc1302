"""Fragments of the page "Make" as HTML; the templates escape every text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adcreative.pipeline import Standing
from adcreative.report.pictures import Preview, preview, read_picture

from ..sessions.jobs import JobState
from .plain import plain, read_macros

SAMPLE_PX, STRIP_PX = 220, 824
STAGES = {
    "preparing the parts": ("Looking at your photos and logo", 0.0, 0.1),
    "composing": ("Trying layouts, words and colours", 0.1, 0.5),
    "choosing": ("Choosing ads that are worth a test each", 0.5, 0.95),
}  # stage -> its text, share of the whole job done before and after the stage
ROLE_NAMES = {"old_price": "old price", "legal": "small print", "proof": "fact"}


_render = read_macros("make")


def samples(found: Mapping[str, Path], brands: Mapping[str, str]) -> str:
    """Show sample results of the page: the photo of each sample and some of its ads. found: name -> folder."""
    shown = [
        {
            "name": name,
            "brand": brands[name],
            "photo": preview(read_picture(folder / "photo.jpg"), SAMPLE_PX),
            "ads": preview(read_picture(folder / "ads.jpg"), STRIP_PX),
        }
        for name, folder in found.items()
    ]
    return _render("samples", samples=shown)


def lines(rows: Sequence[tuple[str, str]], roles: Sequence[str]) -> str:
    """Show typed lines with their roles, which the user can change."""
    return _render("lines", rows=rows, roles=[(role, ROLE_NAMES.get(role, role)) for role in roles])


def brought(pictures: Sequence[Preview | None], logo: str) -> str:
    """Show uploaded photos, and the name of the logo."""
    return _render("brought", pictures=[one for one in pictures if one is not None], logo=logo)


def making(state: JobState, stage: str, pictures: Sequence[Preview | None], *, total: int, num_ahead: int) -> str:
    """Show the progress of a set, the ads chosen so far, and a placeholder for each missing ad."""
    said, low, high = STAGES.get(stage, ("Getting ready", 0.0, 0.0))
    share = low + (high - low) * (state.done / state.total if state.total else 0.0)
    if stage == "choosing" and state.done >= total:
        said = "Writing the files of all shapes"
    return _render(
        "making",
        said=said,
        percent=round(100 * share),
        seconds=round(state.seconds),
        pictures=[*pictures],
        total=total,
        num_ahead=num_ahead,
    )


def wall(
    cards: Sequence[tuple[Mapping[str, Any], Preview | None, str]], *, num_wanted: int, is_tested: bool, notes: Sequence[str]
) -> str:
    """Show a set. cards: for each ad, the content of ad.json with its folder, its picture, and its predicted rate."""
    return _render("wall", cards=cards, num_wanted=num_wanted, is_tested=is_tested, notes=[plain(text) for text in notes])


def panel(
    ad: Mapping[str, Any],
    rate: str,
    pictures: Sequence[tuple[str, Preview | None]],
    *,
    palettes: Sequence[Mapping[str, str]],
    photos: Sequence[Preview | None],
    cutouts: Sequence[bool],
) -> str:
    """Show an opened ad: all its shapes, and its changeable properties.

    Args:
        pictures: shape and picture of each, the first one largest. cutouts: whether each photo's object could be cut out.
    """
    recipe = ad["recipe"]
    shown = [(place, one) for place, one in enumerate(palettes)]
    has_cutout = recipe["photo"] is not None and recipe["photo"] < len(cutouts) and cutouts[recipe["photo"]]
    accent = recipe["accent"] or (palettes[recipe["palette"]]["accent"] if recipe["palette"] < len(palettes) else "#000000")
    return _render(
        "panel",
        ad=ad,
        recipe=recipe,
        rate=rate,
        pictures=pictures,
        palettes=shown,
        photos=photos,
        has_cutout=has_cutout,
        accent=accent,
    )


def say_standing(standing: Standing) -> str:
    """Return the account model's prediction for an ad, in the words of its score."""
    return _render("standing", standing=standing).strip()
