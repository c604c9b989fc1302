"""New layouts of an existing ad, composed from its parts where these are certain: in other shapes, and as versions to test.

Uncertain parts are not guessed: `NewLayouts.missing` names them. A composed ad stores its parts next to it (`ad.json`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from adcreative.compose.brief import Prepared, prepare, read_brief
from adcreative.compose.checks import faults
from adcreative.compose.cutouts import load_segmenter
from adcreative.compose.from_ad import take_parts, write_taken
from adcreative.compose.parts import Parts
from adcreative.compose.recipe import Recipe
from adcreative.compose.render import compose_ad
from adcreative.compose.search import Candidate
from adcreative.compose.shapes import Shape, shape_named
from adcreative.compose.stored import read_parts
from adcreative.creative import Creative
from adcreative.delivery.padding import RATIOS
from adcreative.editor.models import FoundLayouts
from adcreative.errors import CreativeError
from adcreative.features.picture_fields import words_of
from adcreative.lettering import LineFinder, TextBlock, TextReading, Words, has_reader, is_same_text
from adcreative.verbs.compose import AD, find_faces, search_ads, with_words
from adcreative.verbs.edit_composed import read_ad
from adcreative.verbs.settings import ComposeSettings

MOST_TOLD = 2  # number of parts named in a sentence
# parts without which a new layout would say less than the original ad; other uncertain words are left out
NEEDED = ("messages.headline", "messages.offer", "messages.price", "messages.legal")
FIELDS = {"headline": "headline", "description": "subline", "cta": "button"}  # ad field -> role of its words when composed


@dataclass(frozen=True, eq=False)
class NewLayouts:
    """The parts of an ad, prepared for composing. prepared: None where a part is uncertain; missing: part -> reason."""

    prepared: Prepared | None
    missing: Mapping[str, str]

    def search(self, shapes: Sequence[Shape], num: int, seed: int = 0) -> list[Candidate]:
        """Return up to `num` ads of these parts, each without faults in every shape, the best first."""
        if self.prepared is None:
            return []
        return search_ads(self.prepared, shapes, ComposeSettings(num=num, seed=seed))


def take_ad(image_u8: np.ndarray, words: Words, ad: Creative) -> NewLayouts:
    """Decompose an ad [H, W, 3] uint8 into parts for new layouts; none where the picture of what is sold would be lost.

    Args:
        words: words read in the picture, or taken from a words file. ad: its brand and words, where the advertiser states them.
    """
    find_lines = LineFinder().find_lines if has_reader() else None
    taken = take_parts(image_u8, confirm_words(words, ad), load_segmenter(), find_lines)
    if ad.brand and not taken.brand:
        missing = {part: why for part, why in taken.missing.items() if part != "brand.name"}
        taken = replace(taken, brand=ad.brand, missing=missing)
    missing = {part: why for part, why in taken.missing.items() if part.startswith(NEEDED)}
    if not missing and (taken.lost_its_picture or not taken.is_enough):
        missing = dict(taken.missing)
    if missing:
        return NewLayouts(None, missing)
    with TemporaryDirectory() as folder:
        brief = read_brief(write_taken(taken, Path(folder)))
        return NewLayouts(prepare(brief, segment=load_segmenter(), find_faces=find_faces), {})


def confirm_words(words: Words, ad: Creative) -> Words:
    """Return the words with the role of each block that the ad's own headline, button or description states made certain."""
    stated = {"headline": ad.headline, "button": ad.cta}

    def confirm(block: TextBlock) -> TextBlock:
        role = next((role for role, text in stated.items() if is_same_text(block.text, text)), "")
        role = role or (block.role if is_same_text(block.text, ad.description) else "")
        return replace(block, role=role, chance=1.0) if role else block

    return replace(words, blocks=tuple(map(confirm, words.blocks)))


def render(recipe: Recipe, parts: Parts, shape: Shape) -> np.ndarray | None:
    """Return the pixels [H, W, 3] uint8 of a composed ad; None where it has faults in this shape."""
    composed = compose_ad(recipe, parts, shape)
    return None if composed.problems or faults(composed, shape) else composed.pixels


@dataclass(frozen=True, eq=False)
class _Layout:
    """A new layout composed from the parts of an ad, in one shape."""

    candidate: Candidate
    parts: Parts
    shape: Shape
    ad: Creative

    @property
    def is_message(self) -> bool:
        """Whether another line than the headline leads the layout."""
        return self.candidate.recipe.emphasis != "headline"

    @property
    def creative(self) -> Creative:
        """The ad with its own words, the leading line first."""
        recipe = self.candidate.recipe
        if not self.is_message:
            return self.ad
        below = " ".join(filter(None, [self.ad.headline, self.ad.description]))
        return replace(self.ad, headline=recipe.texts[recipe.emphasis].replace("\n", " "), description=below)

    def draw(self, creative: Creative) -> np.ndarray:
        """Return the picture of the layout with the words of a creative. Raises CreativeError where the words do not fit."""
        own, recipe = self.creative.picture_texts, self.candidate.recipe
        lead = {"headline": recipe.emphasis} if self.is_message else {}
        roles = {**FIELDS, **lead}
        new = {roles[field]: text for field, text in creative.picture_texts.items() if text != own[field]}
        new = {role: text for role, text in new.items() if recipe.texts.get(role)}
        image_u8 = render(with_words(recipe, new), self.parts, self.shape)
        if image_u8 is None:
            raise CreativeError("the words do not fit this layout.", "Shorten them, or take another version.")
        return image_u8


def compose_layouts(reader: TextReading | None, ad: Creative, image_u8: np.ndarray, num: int) -> FoundLayouts:
    """Compose up to `num` new layouts of an ad with this picture [H, W, 3] uint8, in the shape nearest to the ad's own.

    Args:
        reader: reads the words of the picture; None: nothing is composed.
    """
    if reader is None:
        return FoundLayouts()
    found = take_ad(image_u8, words_of(ad, image_u8, reader), ad)
    wide = math.log(image_u8.shape[1] / image_u8.shape[0])
    shape = min(map(shape_named, RATIOS), key=lambda one: abs(math.log(one.width / one.height) - wide))
    candidates = found.search([shape], num)
    why = "; ".join(f"{part}: {told}" for part, told in list(found.missing.items())[:MOST_TOLD])
    if found.prepared is None or not candidates:
        return FoundLayouts(why=why or "its words do not fit a new layout")
    return FoundLayouts(tuple(_Layout(one, found.prepared.parts, shape, ad) for one in candidates))


def read_composed(ad: Creative, edited: Mapping[str, str]) -> tuple[Recipe, Parts] | None:
    """Return recipe and parts of a composed ad, stored next to its picture; None where there are none.

    Args:
        edited: "headline", "description" or "cta" -> new words.
    Raises:
        ConfigError: the stored recipe or parts cannot be read.
    """
    folder = None if ad.image_path is None else ad.image_path.parent
    if folder is None or not (folder / AD).is_file():
        return None
    content = read_ad(folder)
    recipe = Recipe.from_json(content["recipe"])
    words = {FIELDS[field]: text for field, text in edited.items() if recipe.texts.get(FIELDS[field])}
    return with_words(recipe, words), read_parts(folder / content["parts"])[0]
