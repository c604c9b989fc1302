"""New layouts of an ad that exists, from its parts where these are sure: in other shapes, and as versions worth a test.

What is not sure is not guessed: `NewLayouts.missing` names it. A composed ad has its parts beside it (`ad.json`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from adcreative.compose.brief import Prepared, prepare, read_brief
from adcreative.compose.cutouts import load_segmenter
from adcreative.compose.from_ad import take_parts, write_taken
from adcreative.compose.parts import Parts
from adcreative.compose.recipe import Recipe
from adcreative.compose.render import compose_ad
from adcreative.compose.search import Candidate
from adcreative.compose.shapes import Shape
from adcreative.compose.stored import read_parts
from adcreative.creative import Creative
from adcreative.lettering import Words
from adcreative.verbs.compose import AD, find_faces, find_faults, search_ads, with_words
from adcreative.verbs.edit_composed import read_ad
from adcreative.verbs.settings import ComposeSettings

NEEDED = ("messages.", "photos", "brand.name")  # parts without which a new layout would say or show less than the ad does
FIELDS = {"headline": "headline", "description": "subline", "cta": "button"}  # of an ad -> role of its words when composed


@dataclass(frozen=True, eq=False)
class NewLayouts:
    """The parts of an ad, ready to be composed. prepared: None where a part is not sure; missing: part -> why."""

    prepared: Prepared | None
    missing: Mapping[str, str]

    def search(self, shapes: Sequence[Shape], num: int, seed: int = 0) -> list[Candidate]:
        """Return up to `num` ads of these parts, each without faults in every shape, the best first."""
        if self.prepared is None:
            return []
        return search_ads(self.prepared, shapes, ComposeSettings(num=num, seed=seed))


def take_ad(image_u8: np.ndarray, words: Words, brand: str = "") -> NewLayouts:
    """Take an ad [H, W, 3] uint8 apart for new layouts.

    Args:
        words: what was read in it, or what a words file says of it. brand: whose ad it is, where that is known.
    """
    taken = take_parts(image_u8, words, load_segmenter())
    if brand and not taken.brand:
        missing = {part: why for part, why in taken.missing.items() if part != "brand.name"}
        taken = replace(taken, brand=brand, missing=missing)
    missing = {part: why for part, why in taken.missing.items() if part.startswith(NEEDED)}
    if missing or "headline" not in taken.messages:
        return NewLayouts(None, missing or {"messages.headline": "no line leads the ad"})
    with TemporaryDirectory() as folder:
        brief = read_brief(write_taken(taken, Path(folder)))
        return NewLayouts(prepare(brief, segment=load_segmenter(), find_faces=find_faces), {})


def render(recipe: Recipe, parts: Parts, shape: Shape) -> np.ndarray | None:
    """Return the pixels [H, W, 3] uint8 of a composed ad; None where it has faults in this shape."""
    return None if find_faults(recipe, parts, shape) else np.asarray(compose_ad(recipe, parts, shape).image)


def read_composed(ad: Creative, edited: Mapping[str, str]) -> tuple[Recipe, Parts] | None:
    """Return recipe and parts of an ad that was composed, which lie beside its picture; None where none do.

    Args:
        edited: "headline", "description" or "cta" -> its new words.
    Raises:
        ConfigError: they lie there and cannot be read.
    """
    folder = None if ad.image_path is None else ad.image_path.parent
    if folder is None or not (folder / AD).is_file():
        return None
    content = read_ad(folder)
    recipe = Recipe.from_json(content["recipe"])
    words = {FIELDS[field]: text for field, text in edited.items() if recipe.texts.get(FIELDS[field])}
    return with_words(recipe, words), read_parts(folder / content["parts"])[0]
