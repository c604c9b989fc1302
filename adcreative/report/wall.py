"""Offline page of composed ads: a wall by concept, and the derived settings. Knows plain values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adcreative.report.pictures import preview, read_picture
from adcreative.report.rendering import read_part, render_part

AD_PX, SHAPE_PX = 460, 150


def render_wall(
    ads: Sequence[Mapping[str, Any]],
    folder: Path,
    *,
    title: str,
    notes: Sequence[str],
    standing: str,
    disclosures: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the page of composed ads; loads nothing from the network.

    Args:
        ads: content of each ad.json, with `folder`, the name of its folder in `folder`. notes: settings derived from the brief.
            standing: a sentence on the models' knowledge. disclosures: duties that may apply.
    """
    shown = with_pictures(ads, folder)
    families = list(dict.fromkeys(ad["family"] for ad in shown))
    groups = [(family, [ad for ad in shown if ad["family"] == family]) for family in families]
    return render_part(
        "wall.html.j2",
        title=title,
        groups=groups,
        num_ads=len(shown),
        notes=notes,
        standing=standing,
        disclosures=disclosures,
        style=read_part("parts.css") + read_part("wall.css"),
    )


def with_pictures(ads: Sequence[Mapping[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Return the ad.json of each ad in a folder, with its pictures for embedding, the first size the largest."""
    shown = []
    for ad in ads:
        named = [(shape, folder / ad["folder"] / told["picture"]) for shape, told in ad["shapes"].items()]
        pictures = [
            {"shape": shape, "preview": preview(read_picture(path), SHAPE_PX if place else AD_PX)}
            for place, (shape, path) in enumerate(named)
        ]
        shown.append({**ad, "pictures": [one for one in pictures if one["preview"] is not None]})
    return shown
