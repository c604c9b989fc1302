"""Composed ads of simulated brands: parts from their material, and randomly composed ads as an account would have run them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adcreative.catalog import read_catalog
from adcreative.catalog.images import read_image
from adcreative.compose.brief import Brand, Brief, Prepared
from adcreative.compose.fonts import open_pairs
from adcreative.compose.measures import Measures, measure
from adcreative.compose.palettes import derive_palettes
from adcreative.compose.parts import Box, Parts, Photo
from adcreative.compose.recipe import Recipe
from adcreative.compose.render import compose_ad
from adcreative.compose.search import Genes, as_creative
from adcreative.compose.shapes import SHAPES
from adcreative.creative import SYNTHETIC_PERSON, Creative
from adcreative.market import Concept, Market, Material
from adcreative.market.material import STAGE
from adcreative.progress import Count, uncounted
from adcreative.report.wall import with_pictures
from adcreative.verbs.compose import AD, REPORT, search_ads, write_set
from adcreative.verbs.settings import ComposeSettings

SHAPE = SHAPES["1:1"]
PLACEMENT = "feed square"
FACE = Box(0.2, 0.25, 0.8, 0.9)  # of an aligned portrait, brows to chin
RAN_PX = 360  # size of composed ads that ran, similar to the drawn ones
NUM_NEW = 4  # new ads per brand
TRIES = 8  # attempts to draw a recipe for an ad without faults


def prepare_material(material: Material) -> Prepared:
    """Return the parts and messages of a simulated brand; the content of its pictures is known, so nothing is detected."""
    left, top, side = STAGE
    rgba = Image.fromarray(np.dstack([material.product, material.outline]), "RGBA")
    photos = (
        Photo(Image.fromarray(material.product), (Box(left, top, left + side, top + side),), rgba, words_may_lie=False),
        Photo(Image.fromarray(material.portrait), (FACE,), None, words_may_lie=False),
    )
    parts = Parts(
        photos=photos,
        logo=None,
        brand=material.brand.name,
        typefaces=open_pairs(),
        palettes=derive_palettes(material.colours, are_given=True),
    )
    return Prepared(parts=parts, messages=material.lines, notes=(), num_faces=1)


def concept_of(recipe: Recipe, measures: Measures) -> Concept:
    """Return the concept of a composed ad, as a market knows it."""
    return Concept(family=measures.family, lead=recipe.emphasis, num_facts=measures.num_facts)


def ad_of(recipe: Recipe, prepared: Prepared, material: Material, longest_px: int | None = None) -> tuple[Creative, Concept]:
    """Return a composed ad as the market shows it, and its concept."""
    composed = compose_ad(recipe, prepared.parts, SHAPE)
    measures = measure(recipe, composed)
    return _shown(as_creative(recipe, composed, prepared.parts, longest_px), recipe, material), concept_of(recipe, measures)


def _shown(creative: Creative, recipe: Recipe, material: Material) -> Creative:
    consent = SYNTHETIC_PERSON if recipe.photo == 1 else ""
    return replace(creative, category=material.brand.category, placement=PLACEMENT, platform="meta", consent_id=consent)


def compose_by_chance(
    material: Material, num: int, rng: np.random.Generator, longest_px: int | None = None
) -> Iterator[tuple[Creative, Concept]]:
    """Yield `num` random ads of a brand without faults, with about equal counts of each layout and leading line."""
    prepared = prepare_material(material)
    genes = Genes(prepared.parts, prepared.messages, SHAPE, has_faces=True)
    drawn = (genes.decode(one) for one in genes.sample(num * TRIES, rng))
    sound = (recipe for recipe in drawn if not compose_ad(recipe, prepared.parts, SHAPE, strict=True).problems)
    for _, recipe in zip(range(num), sound, strict=False):
        yield ad_of(recipe, prepared, material, longest_px)


def ads_that_ran(materials: Sequence[Material], num: int, seed: int) -> list[tuple[Creative, Concept | None]]:
    """Return `num` randomly composed ads, shared among the brands, as files of an account."""
    found: list[tuple[Creative, Concept | None]] = []
    for place, material in enumerate(materials):
        own = num // len(materials) + (place < num % len(materials))
        made = compose_by_chance(material, own, np.random.default_rng([seed, place, 7]), RAN_PX)
        for number, (ad, concept) in enumerate(made, 1):
            name = f"{material.brand.slug}-composed-{number:02d}"
            named = replace(ad, file_name=f"images/{name}.jpg", ad_name=f"{material.brand.name} composed {number:02d}")
            found.append((named, concept))
    return found


@dataclass(frozen=True)
class Wall:
    """New ads of a brand, for a report. truth: planted rates of the new ads and of the brand's ads that ran."""

    title: str
    ads: Sequence[dict[str, Any]]
    truth: dict[str, Any]


def compose_new_ads(
    market: Market, materials: Sequence[Material], account: Path, out: Path, model: Path, seed: int, *, tell: Count = uncounted
) -> list[Wall]:
    """Compose ads for each brand with an account's model, each into a subfolder of `out`; existing subfolders are kept."""
    walls = []
    ran = read_catalog(account).creatives
    planted = json.loads(account.with_name(f"{account.name}-truth.json").read_text())["creatives"]
    for number, material in enumerate(materials):
        prepared, folder = prepare_material(material), out / material.brand.slug
        if not (folder / REPORT).exists():
            settings = ComposeSettings(model=model, num=NUM_NEW, shapes=SHAPE.name, seed=seed)
            chosen = search_ads(prepared, [SHAPE], settings)
            brief = Brief(brand=Brand(name=material.brand.name))
            write_set(chosen, prepared, brief, folder, [SHAPE], settings, inputs=())
        ads = [json.loads(path.read_text()) | {"folder": path.parent.name} for path in sorted(folder.glob(f"*/{AD}"))]
        rates = [_planted(market, ad, folder, prepared, material) for ad in ads]
        before = float(np.mean([planted[one.ad_name]["true_ctr"] for one in ran if one.brand == material.brand.name]))
        shown = [ad | {"rate": f"planted rate {rate:.2%}"} for ad, rate in zip(ads, rates, strict=True)]
        title = f"New for {material.brand.name}: {np.mean(rates):.2%} planted on average; its ads that ran {before:.2%}"
        truth = {"brand": material.brand.name, "mean_true_ran": before, "true_new": rates}
        walls.append(Wall(title, with_pictures(shown, folder), truth))
        tell(number + 1, len(materials))
    return walls


def _planted(market: Market, ad: dict[str, Any], folder: Path, prepared: Prepared, material: Material) -> float:
    """Return the planted rate of an ad as written to disk."""
    shown, concept = ad_of(Recipe.from_json(ad["recipe"]), prepared, material)
    return market.true_ctr(shown, read_image(folder / ad["folder"] / ad["shapes"][SHAPE.name]["picture"]), concept)
