"""Product categories with their vocabulary, and invented brands in each, from categories.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from adcreative.config import build_config, read_packaged_yaml

RGB = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Category:
    """Brand name parts, products (`products.PRODUCTS`), motifs (`backdrops.MOTIFS`) and audiences of a category."""

    name_starts: tuple[str, ...]
    name_ends: tuple[str, ...]
    products: tuple[str, ...]
    motifs: tuple[str, ...]
    audiences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours of one brand: a deep and a pale tone for backgrounds, a strong main tone, an accent for the button."""

    deep: RGB
    main: RGB
    pale: RGB
    accent: RGB


@dataclass(frozen=True, kw_only=True)
class Brand:
    """An advertiser: the properties shared by all its creatives."""

    name: str
    category: str
    palette: Palette
    mark: int

    @property
    def slug(self) -> str:
        return self.name.lower().replace(" ", "-").replace("&", "and")


@dataclass(frozen=True, kw_only=True)
class Voice:
    """Word lists of one category; categories.yaml explains their use."""

    benefits: tuple[str, ...]
    things: tuple[str, ...]
    topics: tuple[str, ...]
    people: tuple[str, ...]
    pains: tuple[str, ...]
    gains: tuple[str, ...]
    offers: tuple[str, ...]
    bodies: tuple[str, ...]
    buttons: tuple[str, ...]


@cache
def read_market(name: str) -> Any:
    """Return the content of one of the market's data files: "categories", "words", "planting", "shapes", "showcase"."""
    return read_packaged_yaml(files("adcreative.market") / f"{name}.yaml")


_KINDS: Mapping[str, Any] = read_market("categories")["categories"]
CATEGORIES = {name: build_config(Category, kind["category"], where=f"categories.yaml, {name}") for name, kind in _KINDS.items()}
VOICES = {name: build_config(Voice, kind["voice"], where=f"categories.yaml, {name}") for name, kind in _KINDS.items()}
PALETTES = tuple(build_config(Palette, one, where="categories.yaml, palettes") for one in read_market("categories")["palettes"])
NUM_MARKS = 6


@cache
def brand_names(category: str) -> tuple[str, ...]:
    """Return every brand name of a category, without duplicates."""
    kind = CATEGORIES[category]
    return tuple(dict.fromkeys(start + end for start in kind.name_starts for end in kind.name_ends))


def draw_brands(num_brands: int, *, rng: np.random.Generator) -> list[Brand]:
    """Draw different brands, cycling through the categories; when a category runs out, names repeat with a number."""
    categories = [str(name) for name in rng.permutation(list(CATEGORIES))]
    queues = {category: [str(name) for name in rng.permutation(brand_names(category))] for category in categories}
    brands = []
    for brand_idx in range(num_brands):
        category = categories[brand_idx % len(categories)]
        turn, place = divmod(brand_idx // len(categories), len(queues[category]))
        name = queues[category][place] + (f" {turn + 1}" if turn else "")
        palette = PALETTES[rng.integers(len(PALETTES))]
        brands.append(Brand(name=name, category=category, palette=palette, mark=int(rng.integers(NUM_MARKS))))
    return brands
