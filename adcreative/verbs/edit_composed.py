"""The verb `edit`: change words, colours or layout of a composed ad; every shape is rendered anew from the same parts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adcreative.compose.recipe import Recipe
from adcreative.compose.shapes import shape_named
from adcreative.compose.stored import part_files, read_parts
from adcreative.errors import ConfigError
from adcreative.runs.batch import RunSummary
from adcreative.runs.outputs import own_outputs
from adcreative.verbs.compose import AD, FORMAT, ad_files, with_words, write_ad

__all__ = ["edit"]


def edit(ad: Path, changes: Sequence[str], *, restart: bool = False) -> RunSummary:
    """Change a composed ad in place and render all its shapes.

    What was predicted of it is dropped: it was of other pixels. Without changes the same bytes are written again.

    Args:
        ad: an ad's folder, such as ads/03. changes: "headline=Sleep better", "accent=#0a6", "layout=split", ...
    Raises:
        ConfigError: `ad` is no composed ad, a change names no field, or no shape is left in which the ad can run.
    """
    folder = Path(ad)
    content = read_ad(folder)
    recipe = Recipe.from_json(content["recipe"])
    wanted = dict(_split(change) for change in changes)
    changed = with_words(recipe, wanted)
    parts_file = folder / content["parts"]
    parts, told = read_parts(parts_file)
    shapes = [shape_named(name) for name in (*content["shapes"], *content["missing"])]
    facts = {
        name: value
        for name, value in content.items()
        if name not in ("format", "layout", "recipe", "parts", "alt", "shapes", "missing", "photos")
    }
    if changed != recipe:
        lead = changed.texts.get(changed.emphasis) or changed.texts.get("headline", "")
        facts |= {"lead": lead, "predicted_log_odds": None, "is_untested": True, "models": {}}
    with own_outputs(ad_files(folder, shapes), [*part_files(parts, parts_file.parent)], restart=restart):
        written = write_ad(changed, parts, told, folder, shapes, facts)
    if not written["shapes"]:
        raise ConfigError(f"{folder.name} does not fit any shape any more: {next(iter(written['missing'].values()))}")
    left_out = tuple(f"{name} is left out: {why}" for name, why in written["missing"].items())
    return RunSummary(path=folder / AD, done=1, warnings=left_out)


def read_ad(folder: Path) -> dict[str, Any]:
    """Return what ad.json of a folder says.

    Raises:
        ConfigError: there is none that this version wrote.
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
