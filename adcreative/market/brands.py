"""Categories of advertised things and the invented brands in them; plain data, no pictures and no response.

The names are put together from two lists; a likeness with a real firm is chance. A brand belongs to one category.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

RGB = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Category:
    """What a category's brands are called, sell and look like.

    products are drawn shapes (see `products.PRODUCTS`); motifs are drawn backgrounds (see `backdrops.MOTIFS`).
    """

    name_starts: tuple[str, ...]
    name_ends: tuple[str, ...]
    products: tuple[str, ...]
    motifs: tuple[str, ...]
    audiences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours of one brand: a deep and a pale tone for grounds, a strong main tone, an accent for the button."""

    deep: RGB
    main: RGB
    pale: RGB
    accent: RGB


@dataclass(frozen=True, kw_only=True)
class Brand:
    """An advertiser: everything its creatives share."""

    name: str
    category: str
    palette: Palette
    mark: int

    @property
    def slug(self) -> str:
        return self.name.lower().replace(" ", "-").replace("&", "and")


CATEGORIES: dict[str, Category] = {
    "travel": Category(
        name_starts=("Sol", "Via", "Wander", "Tern", "Palm", "Nordic", "Azur", "Drift", "Alto", "Coast"),
        name_ends=("ora", "line", "trips", "way", "vista", "stays", "air", "mar"),
        products=("suitcase", "phone", "passport"),
        motifs=("hills", "waves", "sun"),
        audiences=("city breakers 25-44", "families", "long-haul planners"),
    ),
    "fashion": Category(
        name_starts=("Maison", "Atelier", "Loom", "Vell", "Ode", "Rue", "Kinfold", "Sable", "Mira", "Nett"),
        name_ends=(" Nove", " & Thread", "ette", " Arden", " Studio", "ara", " Vale", " Co"),
        products=("shoe_box", "bag", "bag"),
        motifs=("blocks", "arches", "blobs"),
        audiences=("women 25-44", "men 25-44", "style followers"),
    ),
    "finance": Category(
        name_starts=("Ledger", "Tally", "North", "Pine", "Clear", "Penny", "Keel", "Vault", "Stead", "Sum"),
        name_ends=("well", " Bank", "fold", "mark", "wise", " & Bow", "stone", "ly"),
        products=("card", "phone", "card"),
        motifs=("bars", "grid", "rings"),
        audiences=("first-time savers", "households 35-54", "small business owners"),
    ),
    "food": Category(
        name_starts=("Basil", "Oat", "Sunny", "Mill", "Fig", "Harvest", "Crumb", "Pepper", "Plum", "Ladle"),
        name_ends=(" & Rye", "box", " Kitchen", "ery", " Pantry", "wick", "ful", " Table"),
        products=("cup", "bowl", "bottle"),
        motifs=("rings", "blobs", "sun"),
        audiences=("busy parents", "home cooks", "students"),
    ),
    "fitness": Category(
        name_starts=("Pulse", "Stride", "Core", "Lift", "Tempo", "Vigor", "Peak", "Brisk", "Rove", "Flex"),
        name_ends=("lab", "fit", " Club", "yard", "ora", "works", " Method", "en"),
        products=("dumbbell", "shoe_box", "bottle"),
        motifs=("stripes", "rings", "sun"),
        audiences=("beginners", "runners", "gym members 18-34"),
    ),
    "software": Category(
        name_starts=("Stack", "Flow", "Note", "Orbit", "Quill", "Relay", "Pixel", "Loop", "Signal", "Tab"),
        name_ends=("desk", "ly", "base", "hive", "grid", "path", "kit", "sync"),
        products=("laptop", "phone", "laptop"),
        motifs=("grid", "blobs", "bars"),
        audiences=("team leads", "freelancers", "operations managers"),
    ),
    "home": Category(
        name_starts=("Hearth", "Oak", "Linen", "Nest", "Birch", "Casa", "Wren", "Hollow", "Dwell", "Ember"),
        name_ends=("ly", " & Loft", "stead", "wood", " House", "craft", "field", " Living"),
        products=("lamp", "cushion", "lamp"),
        motifs=("arches", "blocks", "hills"),
        audiences=("new home owners", "renters 25-34", "families"),
    ),
    "beauty": Category(
        name_starts=("Dew", "Lumi", "Rosa", "Velvet", "Sera", "Petal", "Glow", "Alma", "Honey", "Iris"),
        name_ends=("skin", "ra", " Botanics", "ette", " & Bloom", "leaf", "ine", " Lab"),
        products=("tube", "bottle", "tube"),
        motifs=("blobs", "arches", "waves"),
        audiences=("women 25-44", "skin care starters", "men 25-44"),
    ),
}

PALETTES: tuple[Palette, ...] = (
    Palette(deep=(16, 42, 67), main=(33, 110, 169), pale=(227, 239, 247), accent=(255, 122, 69)),
    Palette(deep=(27, 67, 50), main=(64, 145, 108), pale=(226, 241, 232), accent=(255, 183, 3)),
    Palette(deep=(74, 21, 75), main=(155, 70, 160), pale=(245, 232, 246), accent=(255, 99, 132)),
    Palette(deep=(95, 15, 64), main=(200, 40, 90), pale=(252, 231, 238), accent=(15, 160, 150)),
    Palette(deep=(31, 29, 54), main=(92, 85, 190), pale=(234, 233, 250), accent=(255, 176, 59)),
    Palette(deep=(60, 42, 33), main=(176, 112, 70), pale=(248, 238, 226), accent=(46, 125, 107)),
    Palette(deep=(20, 60, 65), main=(23, 140, 148), pale=(222, 243, 243), accent=(240, 84, 84)),
    Palette(deep=(36, 36, 40), main=(110, 110, 122), pale=(240, 239, 236), accent=(216, 67, 21)),
    Palette(deep=(120, 40, 20), main=(230, 96, 52), pale=(254, 237, 224), accent=(25, 92, 120)),
    Palette(deep=(84, 58, 10), main=(232, 170, 40), pale=(255, 246, 219), accent=(196, 52, 60)),
    Palette(deep=(18, 52, 86), main=(70, 140, 210), pale=(236, 242, 250), accent=(30, 160, 90)),
    Palette(deep=(70, 32, 50), main=(218, 130, 150), pale=(253, 238, 240), accent=(112, 60, 110)),
)

NUM_MARKS = 6


@cache
def brand_names(category: str) -> tuple[str, ...]:
    """Return every brand name of a category, no name twice."""
    kind = CATEGORIES[category]
    return tuple(dict.fromkeys(start + end for start in kind.name_starts for end in kind.name_ends))


def draw_brands(num_brands: int, *, rng: np.random.Generator) -> list[Brand]:
    """Draw different brands, the categories in turn; names come again, numbered, only when a category runs out."""
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
