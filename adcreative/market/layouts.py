"""Layout templates of ads: one function per template, in pixels of the final picture; nothing is drawn here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Bounds = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True, kw_only=True)
class Placement:
    """An ad format: its size at scale 1 and the platforms that show it."""

    width: int
    height: int
    platforms: tuple[str, ...]
    templates: tuple[str, ...]
    share: float


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Positions of the parts of one ad.

    portraits: squares (left, top, side), one per face. product: a square or None. words: column of headline, line, button.
    card: a plain panel behind the words, or None. brand: baseline start of the brand's name.
    """

    portraits: tuple[tuple[float, float, float], ...]
    product: tuple[float, float, float] | None
    words: Bounds
    card: Bounds | None = None
    brand: tuple[float, float] = (0.0, 0.0)
    is_centred: bool = False
    largest_text: float = field(default=0.1)


PLACEMENTS: Mapping[str, Placement] = {
    "feed square": Placement(
        width=1080, height=1080, platforms=("meta", "pinterest"), templates=("side", "side_left", "row", "card"), share=0.35
    ),
    "feed portrait": Placement(width=1080, height=1350, platforms=("meta",), templates=("row", "card", "hero"), share=0.25),
    "link landscape": Placement(
        width=1200, height=628, platforms=("meta", "google display"), templates=("wide", "wide_left"), share=0.25
    ),
    "story": Placement(width=1080, height=1920, platforms=("meta", "tiktok"), templates=("hero", "card"), share=0.15),
}


def place_side(width: float, height: float, num_faces: int, *, with_product: bool) -> Layout:
    """Words on the left, person (or product) on the right, product below the person."""
    if num_faces > 1:
        return place_row(width, height, num_faces, with_product=with_product)
    side = 0.43 * width
    left, top = width - side - 0.055 * width, 0.15 * height
    product = (left + 0.22 * side, top + side + 0.03 * height, 0.34 * width) if with_product else None
    if num_faces == 0:
        product = (left - 0.02 * width, 0.24 * height, side)
    elif product is None:
        top = 0.27 * height
    return Layout(
        portraits=((left, top, side),) * num_faces,
        product=product,
        words=(0.06 * width, 0.16 * height, left - 0.05 * width, 0.94 * height),
        brand=(0.06 * width, 0.06 * height),
        largest_text=0.088,
    )


def place_row(width: float, height: float, num_faces: int, *, with_product: bool) -> Layout:
    """People and product side by side above centred words."""
    num_shown = num_faces + int((with_product and num_faces < 3) or num_faces == 0)
    side = min((0.50, 0.405, 0.275, 0.21)[min(num_shown, 4) - 1] * width, 0.42 * height)
    gap = 0.03 * width
    start = (width - num_shown * side - (num_shown - 1) * gap) / 2
    top = 0.135 * height + max(0.0, 0.44 * width - side) * 0.25
    places = tuple((start + k * (side + gap), top, side) for k in range(num_shown))
    return Layout(
        portraits=places[:num_faces],
        product=places[num_faces] if num_shown > num_faces else None,
        words=(0.08 * width, top + side + 0.035 * height, 0.92 * width, 0.95 * height),
        brand=(0.5 * width, 0.06 * height),
        is_centred=True,
        largest_text=0.092,
    )


def place_card(width: float, height: float, num_faces: int, *, with_product: bool) -> Layout:
    """People and product above a plain card with the words."""
    above = place_row(width, height, num_faces, with_product=with_product)
    lowest = max((top + side for _, top, side in (*above.portraits, *filter(None, [above.product]))), default=0.5 * height)
    card_top = lowest + 0.03 * height
    card = (0.05 * width, card_top, 0.95 * width, min(0.96 * height, card_top + 0.62 * width))
    words = (card[0] + 0.05 * width, card[1] + 0.035 * width, card[2] - 0.05 * width, card[3] - 0.035 * width)
    return Layout(
        portraits=above.portraits, product=above.product, words=words, card=card, brand=above.brand, largest_text=0.08
    )


def place_hero(width: float, height: float, num_faces: int, *, with_product: bool) -> Layout:
    """One large person in the middle of a tall ad, product at the shoulder, words below, clear of a story's controls."""
    if num_faces > 1:
        return place_row(width, height, num_faces, with_product=with_product)
    is_story = height / width > 1.5
    top = (0.16 if is_story else 0.12) * height
    side = 0.54 * width if num_faces else 0.50 * width
    left = (0.09 if with_product and num_faces else 0.23) * width
    product = (left + 0.92 * side, top + 0.42 * side, 0.36 * width) if with_product else None
    if num_faces == 0:
        product = (0.25 * width, top, side)
    bottom = (0.84 if is_story else 0.96) * height
    return Layout(
        portraits=((left, top, side),) * num_faces,
        product=product,
        words=(0.08 * width, top + side + 0.04 * height, 0.92 * width, bottom),
        brand=(0.5 * width, (0.09 if is_story else 0.05) * height),
        is_centred=True,
        largest_text=0.1,
    )


def place_wide(width: float, height: float, num_faces: int, *, with_product: bool) -> Layout:
    """Words on the left of a wide ad, people on the right."""
    side = (0.70, 0.70, 0.46, 0.34)[min(num_faces, 3)] * height
    gap = 0.02 * width
    total = max(num_faces, 1) * side + max(num_faces - 1, 0) * gap
    start, top = width - total - 0.05 * width, (height - side) / 2
    product = None
    if num_faces == 0:
        product = (start, top, side)
    elif with_product and num_faces == 1:
        product = (start - 0.40 * side, top + 0.50 * side, 0.52 * side)
    words_right = (product[0] if product else start) - 0.04 * width
    return Layout(
        portraits=tuple((start + k * (side + gap), top, side) for k in range(num_faces)),
        product=product,
        words=(0.045 * width, 0.20 * height, words_right, 0.94 * height),
        brand=(0.045 * width, 0.075 * height),
        largest_text=0.12,
    )


def mirrored(layout: Layout, width: float) -> Layout:
    """Return the layout with left and right swapped; the brand stays at the reading start of the words' column."""
    left, top, right, bottom = layout.words
    words = (width - right, top, width - left, bottom)
    return Layout(
        portraits=tuple((width - x - side, y, side) for x, y, side in layout.portraits),
        product=(width - layout.product[0] - layout.product[2], *layout.product[1:]) if layout.product else None,
        words=words,
        card=layout.card,
        brand=layout.brand if layout.is_centred else (words[0], layout.brand[1]),
        is_centred=layout.is_centred,
        largest_text=layout.largest_text,
    )


def _mirrored(place: Callable[..., Layout]) -> Callable[..., Layout]:
    return lambda width, *rest, **options: mirrored(place(width, *rest, **options), width)


TEMPLATES: Mapping[str, Callable[..., Layout]] = {
    "side": place_side,
    "side_left": _mirrored(place_side),
    "row": place_row,
    "card": place_card,
    "hero": place_hero,
    "wide": place_wide,
    "wide_left": _mirrored(place_wide),
}
