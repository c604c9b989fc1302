"""The verb `edit`: change words, colours or layout of a composed ad; every shape is rendered again from the same parts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from adcreative.compose.layout import layout_names, load_layout
from adcreative.compose.measures import design_score, measure
from adcreative.compose.parts import Parts
from adcreative.compose.recipe import Recipe
from adcreative.compose.render import compose_ad
from adcreative.compose.search import MAX_PROOFS
from adcreative.compose.shapes import Shape, shape_named
from adcreative.compose.stored import FOLDER, PARTS, part_files, read_parts
from adcreative.errors import ConfigError
from adcreative.runs.batch import RunSummary
from adcreative.runs.outputs import own_outputs
from adcreative.verbs.compose import (
    AD,
    FORMAT,
    REPORT,
    TABLE,
    TESTED,
    UNTESTED,
    ad_files,
    find_faults,
    needed_of,
    with_words,
    write_ad,
    write_report,
)

ANOTHER = "another"


def edit(ad: Path, changes: Sequence[str], *, restart: bool = False) -> RunSummary:
    """Change a composed ad in place and render all its shapes; `report_ads` rewrites report and table of the folder.

    The prediction is dropped, since the pixels have changed. Without changes the same bytes are written again. An ad that
    would fit no shape is left unchanged.

    Args:
        ad: an ad's folder, such as ads/03. changes: "headline=Sleep better", "accent=#0a6", "layout=split", or "layout=another"
            for the next layout without a fault.
    Raises:
        ConfigError: `ad` is no composed ad, a change names no field, or the ad fits no shape.
    """
    folder = Path(ad)
    content = read_ad(folder)
    recipe = Recipe.from_json(content["recipe"])
    wanted = dict(_split(change) for change in changes)
    parts_file = folder / content["parts"]
    parts, told = read_parts(parts_file)
    shapes = [shape_named(name) for name in (*content["shapes"], *content["missing"])]
    is_free = wanted.get("layout") == ANOTHER and bool(wanted.pop("layout"))
    changed = with_words(recipe, wanted)
    if is_free:
        changed = _in_another_layout(changed, parts, told["messages"], shapes)
    problems = [find_faults(changed, parts, shape) for shape in shapes]
    if "layout" in wanted and (why := find_faults(changed, parts, shapes[0], strict=True)):
        raise ConfigError(f"{folder.name} cannot be laid out as {changed.layout} in {shapes[0].name}: {why[0]}")
    if all(problems):
        raise ConfigError(f"{folder.name} would not fit any shape any more: {problems[0][0]}")
    facts = {
        name: value
        for name, value in content.items()
        if name not in ("format", "layout", "recipe", "parts", "alt", "shapes", "missing", "photos")
    }
    if changed != recipe:
        measures = measure(changed, compose_ad(changed, parts, shapes[0]))
        facts |= {
            "family": measures.family,
            "lead": measures.lead,
            "measures": measures.as_dict(),
            "design": design_score(measures),
            "nearest": None,
            "predicted_log_odds": None,
            "is_untested": True,
            "models": {},
        }
    with own_outputs(ad_files(folder, shapes), [*part_files(parts, parts_file.parent)], restart=restart):
        whole = [shape for shape, found in zip(shapes, problems, strict=True) if not found]
        written = write_ad(changed, parts, folder, shapes, facts, checked=whole)
    told_of = [f"{name} is left out: {why}" for name, why in written["missing"].items()]
    told_of += [
        f"{name} is laid out as {one['layout']}: as {changed.layout} its photo would be cut or covered"
        for name, one in written["shapes"].items()
        if one["layout"] != changed.layout
    ]
    return RunSummary(path=folder / AD, done=1, warnings=tuple(told_of))


def _in_another_layout(recipe: Recipe, parts: Parts, messages: Mapping[str, Sequence[str]], shapes: Sequence[Shape]) -> Recipe:
    """Return the recipe in the next fault-free layout, by name, of another family; missing parts come from the brief.

    Raises:
        ConfigError: there is no such layout.
    """
    names = layout_names()
    place = names.index(recipe.layout) if recipe.layout in names else 0
    for name in (*names[place + 1 :], *names[:place]):
        layout = load_layout(name)
        lines = {role: "\n".join(found[:MAX_PROOFS]) if role == "proof" else found[0] for role, found in messages.items()}
        texts = {**{role: words for role, words in lines.items() if role in layout.needs}, **recipe.texts}
        photo = 0 if recipe.photo is None and parts.photos and "photo" in layout.takes else recipe.photo
        cutout = photo is not None and parts.photos[photo].cutout is not None and (recipe.cutout or "cutout" in layout.needs)
        changed = replace(recipe, layout=name, texts=texts, photo=photo, cutout=cutout)
        is_new = layout.family != load_layout(recipe.layout).family
        needed = needed_of(shapes)
        if is_new and not any(find_faults(changed, parts, shape, strict=shape is needed[0]) for shape in needed):
            return changed
    raise ConfigError("these words fit no other layout; shorten them, or add a photo or facts.")


def report_ads(out: Path) -> Path:
    """Write report.html and metadata.csv of a folder of composed ads anew from the current ads; return the report.

    Raises:
        ConfigError: the folder holds no composed ads.
    """
    out = Path(out)
    parts, told = read_parts(out / FOLDER / PARTS)
    ads = [{**read_ad(path.parent), "folder": path.parent.name, "rate": ""} for path in sorted(out.glob(f"*/{AD}"))]
    is_tested = any(ad["models"] for ad in ads)
    with own_outputs([out / REPORT, out / TABLE], []):
        write_report(out, ads, parts.brand, told["notes"], standing=TESTED if is_tested else UNTESTED)
    return out / REPORT


def read_ad(folder: Path) -> dict[str, Any]:
    """Return the content of a folder's ad.json.

    Raises:
        ConfigError: the folder has no ad.json of this version.
    """
    try:
        content = json.loads((folder / AD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{folder} holds no composed ad ({error}); name a folder that compose wrote, such as ads/03."
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ConfigError(f"{folder / AD} is not of format {FORMAT}; compose it again.")
    return content


def _split(change: str) -> tuple[str, str]:
    name, sign, value = change.partition("=")
    if not sign or not name.strip():
        raise ConfigError(f'--set takes a field and its value, such as headline="Sleep better"; got {change!r}.')
    return name.strip(), value.strip()
