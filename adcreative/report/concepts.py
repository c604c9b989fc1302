"""Offline page of an account's concepts: the concepts, the effect of each with its interval, and the next briefs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adcreative.report.pictures import preview, read_picture
from adcreative.report.rendering import read_part, render_part

PICTURE_PX, NUM_PICTURES, MAX_CONCEPTS, MAX_ATTRIBUTES, MAX_TWINS = 150, 4, 40, 40, 10
WIDTH, LEAST_REACH = 220, 0.1


def render_concepts(told: Mapping[str, Any], pictures: Sequence[str]) -> str:
    """Return the page. told: as in concepts.json. pictures: path of each ad's picture, "" for none."""

    def shown(one: Mapping[str, Any]) -> list[Any]:
        found = (preview(read_picture(Path(pictures[place])), PICTURE_PX) for place in one["places"] if pictures[place])
        return [picture for picture, _ in zip(filter(None, found), range(NUM_PICTURES), strict=False)]

    further = told["further"]

    def beside(one: Mapping[str, Any], kind: str) -> list[Any]:
        """Return what an attribute or a segment is worth by the other measures, by its label."""
        return [(name, other) for name, of in further.items() for other in of[kind] if other["label"] == one["label"]]

    concepts = [
        {
            **one,
            "pictures": shown(one),
            "beside": [(name, of["concepts"][at]) for name, of in further.items() if of["concepts"][at:]],
        }
        for at, one in enumerate(told["concepts"][:MAX_CONCEPTS])
    ]
    sure = {one["label"] for of in (told, *further.values()) for one in of["segments"] if one["is_sure"]}
    named = [{**one, "beside": beside(one, "attributes")} for one in told["attributes"]]
    named += [{**one, "beside": beside(one, "segments")} for one in told["segments"] if one["label"] in sure]
    weighed = [one for one in (*concepts, *named) if "effect" in one]
    reach = max([LEAST_REACH, *(abs(one[end]) for one in weighed for end in ("change_low", "change_high"))])
    reach = min(reach, 1.0)

    def x(value: float) -> float:
        return round(WIDTH / 2 * (1 + max(-1.0, min(1.0, value / reach))), 1)

    for one in weighed:
        one["x"] = {end: x(one[end]) for end in ("change", "change_low", "change_high")}
    attributes = sorted(named, key=lambda one: (not one["is_sure"], -abs(one["effect"])))
    return render_part(
        "concepts.html.j2",
        told=told,
        concepts=concepts,
        attributes=attributes[:MAX_ATTRIBUTES],
        twins=[{**one, "pictures": shown(one)} for one in told["twins"][:MAX_TWINS]],
        width=WIDTH,
        reach=reach,
        num_hidden=max(len(told["concepts"]) - MAX_CONCEPTS, 0),
        style=read_part("explanation.css"),
    )
