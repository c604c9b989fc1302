"""Layouts as data: boxes in rows, columns and stacks with roles, read from `layouts/*.toml`, and computation of positions.

A layout has no colours and no pixels of photos: it assigns colour roles to boxes, and limits type sizes. Lengths are in
steps of the shape's grid (`Shape.unit`), shares in fractions of the parent box, type sizes as a ratio to the headline's. The
terms are those of CSS flex boxes.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import regex

from adcreative.compose.parts import ROLES, Box
from adcreative.compose.shapes import Shape
from adcreative.compose.typesetting import Type, num_lines, rise_and_fall, unbroken_width
from adcreative.errors import ConfigError

FOLDER = Path(__file__).parent / "layouts"
PHOTOS = ("photo", "photo2", "photo3", "photo4")
DECOR = ("rule", "mark", "disc")  # leaves without content of the brief: a short line, a quotation mark, a disc
NEEDS = (*ROLES, *PHOTOS, "cutout", "face", "words_on_photo", "pairs", "steps", "question")
KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {  # class of shapes -> its possible variants, the general one first
        "square": ("square",),
        "tall": ("tall",),
        "story": ("tall", "story"),
        "wide": ("wide",),
        "box": ("square", "box"),
        "skyscraper": ("tall", "skyscraper"),
        "banner": ("wide", "banner"),
    }
)
LEGAL_STANDS = ("square", "tall", "wide")  # kinds of shapes with room for small print; ad.json reports that others drop it
DISPLAY = ("headline", "offer", "price")  # set in the display face
# type size of a role: ratio to the headline's, least in units of the shape's least type, most in steps of the grid
SCALE: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "headline": (1.0, 1.35, 40),
        "offer": (0.6, 1.3, 40),
        "price": (0.66, 1.3, 40),
        "old_price": (0.36, 1.1, 8),
        "subline": (0.42, 1.25, 5),
        "proof": (0.4, 1.25, 4.6),
        "badge": (0.32, 1.05, 3.6),
        "button": (0.38, 1.2, 4.4),
        "legal": (0.2, 1.0, 2.6),
        "brand": (0.38, 1.15, 4.4),
    }
)
FIGURE = 0.9  # minimum ratio to the headline's size of an offer that is a figure, in shapes with room
FIGURE_LETTERS = 12  # maximum characters of such an offer
QUOTES = ("“", "„", "«", "»", "「", "『", "‹", '"')  # opening quotation marks
PILL = (0.62, 1.25)  # padding of a button or badge in em of its type: vertical, horizontal
BULLET = 1.55  # em for a bullet next to a proof
PROOF_GAP = 0.75  # em between proofs
LOGO = 6.5  # steps of the grid: side of a square logo
ROOMY = 1.6  # factor of type and gaps in ads without a photo
GIVES_WAY, GROWS = 0.18, 0.26  # of the parent's size: maximum change of a photo box's width, and height, from its layout
NO_ROOM = 1e5  # px of excess for a word wider than its box


@dataclass(frozen=True)
class Node:
    """A box: a row, column or stack of boxes, or a leaf with a role, a photo, the logo or an ornament.

    gap, pad (top, right, bottom, left), radius, outline: steps of the grid. grow: share of the remaining space; basis:
    fraction of the parent along its direction; least: minimum fraction for a photo. align: of lines and small items, start,
    center or end. cross: vertical alignment in a row. justify: distribution of remaining space in a column. fill, ink: colour
    roles. size: ratio to the headline (a logo: steps of the grid). lines: maximum lines. fit: cover or contain. aspect:
    width by height of a photo. bullet: check, number, dot, pairs or none. case: upper or none. scrim: words on a photo. bleed:
    may extend under an app's own buttons; safe: may not, even with its photos. most: maximum height as fraction of the parent.
    """

    name: str
    direction: str = ""
    children: tuple[Node, ...] = ()
    gap: float = 3.0
    pad: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    align: str = ""
    cross: str = "center"
    justify: str = "start"
    fill: str = ""
    ink: str = ""
    radius: float = 0.0
    outline: float = 0.0
    shadow: float = 0.0
    grow: float = 0.0
    basis: float = 0.0
    least: float = 0.0
    size: float = 0.0
    lines: int = 0
    fit: str = "cover"
    aspect: float = 0.0
    bullet: str = "check"
    case: str = ""
    scrim: bool = False
    bleed: bool = False
    safe: bool = False
    most: float = 0.0

    @property
    def is_photo(self) -> bool:
        return self.name in PHOTOS

    @property
    def is_pill(self) -> bool:
        """A button or badge with a ground of its own, never wider than its words."""
        return self.name in ROLES and bool(self.fill)

    @cached_property
    def holds_photo(self) -> bool:
        return any(each.is_photo for each in self.walk())

    @cached_property
    def may_bleed(self) -> bool:
        """Whether any part may extend under an app's own buttons."""
        return any(each.is_photo or each.bleed for each in self.walk())

    def walk(self) -> Iterator[Node]:
        """Yield the box and all its descendants, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


CHOICES = {
    "direction": ("row", "column", "stack", ""),
    "align": ("start", "center", "end", ""),
    "case": ("upper", ""),
    "cross": ("start", "center", "end", "stretch"),
    "justify": ("start", "center", "end", "between"),
    "fit": ("cover", "contain"),
    "bullet": ("check", "number", "dot", "pairs", "none"),
    "ink": ("", "accent", "muted"),
    "fill": ("", "ground", "accent", "soft", "ink", "photo", "white"),
}


@dataclass(frozen=True)
class Layout:
    """A layout. family: of the message, for "the best of each concept". needs: required parts (NEEDS). drop: roles
    in the order in which small shapes omit them. trees: a box for each kind of shape. most: the maximum headline, steps of
    the grid. room: maximum number of messages besides headline, button and brand."""

    name: str
    family: str
    needs: tuple[str, ...]
    drop: tuple[str, ...]
    trees: Mapping[str, Node]
    most: float
    room: int

    @property
    def takes(self) -> frozenset[str]:
        """The roles and parts with a place in at least one shape."""
        return frozenset(
            node.name for tree in self.trees.values() for node in tree.walk() if node.name in (*ROLES, *PHOTOS, "logo")
        )

    @property
    def words_on_photo(self) -> bool:
        return any(node.scrim for node in self.trees["square"].walk())


def layout_names(folder: Path = FOLDER) -> tuple[str, ...]:
    """Return the names of the layouts in a folder; names that begin with "_" are bases of others."""
    return tuple(sorted(path.stem for path in folder.glob("[!_]*.toml")))


@lru_cache(maxsize=256)
def load_layout(name: str, folder: Path = FOLDER) -> Layout:
    """Return a layout by name.

    Raises:
        ConfigError: the layout is missing, or its file is invalid.
    """
    if name not in layout_names(folder):
        raise ConfigError(f"there is no layout {name!r}; name one of {', '.join(layout_names(folder))}.")
    table = _table(name, folder)
    place = f"{folder / name}.toml"
    needs, drop = tuple(table.get("needs", ())), tuple(table.get("drop", ()))
    wrong = sorted(set(needs) - set(NEEDS)) + sorted(set(drop) - set(ROLES))
    if wrong:
        raise ConfigError(f"{place}: needs names parts of {', '.join(NEEDS)} and drop names roles; got {', '.join(wrong)}.")
    trees = {}
    for kind, variants in KINDS.items():
        boxes = {key: dict(value) for key, value in table.items() if isinstance(value, dict) and key not in KINDS}
        for variant in variants:
            for key, value in table.get(variant, {}).items():
                boxes[key] = {**boxes.get(key, {}), **value}
        tree = _node("root", boxes, place, "start", ())
        trees[kind] = _with_legal(tree, boxes, place) if kind in LEGAL_STANDS else tree
    return Layout(
        name,
        str(table.get("family", name)),
        needs,
        drop,
        MappingProxyType(trees),
        float(table.get("most", 15)),
        int(table.get("room", 3)),
    )


def _with_legal(tree: Node, boxes: Mapping[str, Mapping[str, Any]], place: str) -> Node:
    """Return the boxes of an ad with a strip for the small print at the bottom, on the ad's ground there."""
    legal = _node("legal", boxes, place, "start", ())
    lowest = tree.children[-1].fill if tree.direction == "column" else ""
    strip = Node("small", "column", (legal,), pad=(1.5, 7.0, 3.0, 7.0), fill=tree.fill or lowest or "ground")
    return Node("page", "column", (replace(tree, grow=1.0), strip), gap=0.0, fill=tree.fill, bleed=True)


def _table(name: str, folder: Path) -> dict[str, Any]:
    """Return a file's table merged over its base ("_base" by default)."""
    path = folder / f"{name}.toml"
    if not path.is_file():
        path = FOLDER / f"{name}.toml"
    try:
        own = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: a layout is a TOML file ({error}).") from error
    if name == "_base":
        return own
    return _merged(_table(str(own.get("extends", "_base")), folder), own)


def _merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(below)
    for key, value in above.items():
        both[key] = _merged(both[key], value) if isinstance(value, dict) and isinstance(both.get(key), dict) else value
    return both


def _node(name: str, boxes: Mapping[str, Mapping[str, Any]], place: str, align: str, above: tuple[str, ...]) -> Node:
    values = dict(boxes.get(name, {}))
    known = {field.name for field in fields(Node)} - {"name"}
    wrong = sorted(set(values) - known) + [key for key, names in CHOICES.items() if values.get(key, names[0]) not in names]
    if wrong:
        allowed = CHOICES.get(wrong[0], sorted(known))
        raise ConfigError(f"{place}, box {name}: {wrong[0]} is none of {', '.join(filter(None, allowed))}.")
    children = values.pop("children", ())
    if name in above or (not children and name not in (*ROLES, *PHOTOS, *DECOR, "logo")):
        raise ConfigError(
            f"{place}: the box {name} holds nothing; give it children or name a role, a photo, the logo or {', '.join(DECOR)}."
        )
    pad = values.pop("pad", 0.0)
    pad = [float(each) for each in (pad if isinstance(pad, list) else [pad])]
    if len(pad) not in (1, 2, 4):
        raise ConfigError(f"{place}, box {name}: pad is one number, two or four (top, right, bottom, left); got {len(pad)}.")
    top, right, bottom, left = pad * (4 // len(pad))
    align = values.pop("align", "") or align
    inside = tuple(_node(child, boxes, place, align, (*above, name)) for child in children)
    if values.get("basis"):
        values["grow"] = 0.0
    node = Node(name, children=inside, pad=(top, right, bottom, left), align=align, **values)
    if node.is_photo and not node.basis and not node.grow and not node.aspect:
        node = replace(node, grow=1.0)
    return node


@dataclass(frozen=True)
class Text:
    """The words of a role and their type."""

    words: str
    kind: Type


def is_figure(text: Text) -> bool:
    """Return whether a text is a short figure: a share, a multiple or an amount of money, such as 30% OFF, 2x1 or $5."""
    found = regex.search(r"\d\s?[%٪％x×]|[%٪％\p{Sc}]\s?\d|\d\s?\p{Sc}", text.words, regex.I)
    return found is not None and len(text.words) <= FIGURE_LETTERS


@dataclass(frozen=True)
class Content:
    """The content of a layout: texts by role (several proofs), available photos, the logo's width by height (0: none).

    aspects: for each photo the minimum and maximum width by height of a box that shows it completely; empty: any.
    """

    texts: Mapping[str, tuple[Text, ...]]
    photos: int
    logo: float
    lead: str = "headline"
    aspects: tuple[tuple[float, float], ...] = ()

    @property
    def is_quote(self) -> bool:
        """Whether the leading line is a quotation."""
        return any(text.words.startswith(QUOTES) for text in self.texts.get(self.lead, ()))

    def shows(self, node: Node) -> bool:
        """Return whether a box has content to show."""
        if node.name in PHOTOS:
            return PHOTOS.index(node.name) < self.photos
        if node.name == "logo":
            return self.logo > 0 or "brand" in self.texts
        if node.name in ROLES:
            return bool(self.texts.get(node.name))
        return any(self.shows(child) for child in node.children if child.name not in DECOR)


@dataclass(frozen=True)
class Placement:
    """A box of a layout and its position in px; ground: the colour role behind it; clear: no photo is behind it."""

    node: Node
    box: Box
    size: float
    ground: str


class Arranger:
    """Arranges the boxes of a layout in a shape at one headline size."""

    def __init__(self, content: Content, shape: Shape, headline: float, spacing: float = 1.0) -> None:
        """headline: px. spacing: factor of gaps and padding."""
        self.content, self.shape, self.headline, self.unit = content, shape, headline, shape.unit
        self.step = shape.unit * spacing * (1.0 if content.photos else ROOMY)
        self.placements: list[Placement] = []

    def arrange(self, tree: Node) -> tuple[float, tuple[Placement, ...]]:
        """Return the missing space in px (0: everything fits) and the position of each box."""
        self.placements = []
        excess = self._place(tree, Box(0, 0, self.shape.width, self.shape.height), "ground")
        return excess, tuple(self.placements)

    def size(self, node: Node) -> float:
        """Return the type size of a role's box in px."""
        name = "brand" if node.name == "logo" else node.name
        ratio, least, most = SCALE[name]
        most *= 1.0 if self.content.photos or name == "legal" else ROOMY
        if node.size and node.name != "logo":
            ratio, most = node.size, most * max(1.0, node.size / ratio)
        if name == "offer" and self.shape.kind in LEGAL_STANDS and all(map(is_figure, self.content.texts.get("offer", ()))):
            ratio = max(ratio, FIGURE)
        if self.content.lead != "headline" and name in ("headline", self.content.lead):
            ratio = max(ratio, 0.95) if name == self.content.lead else 0.72 * ratio
            most = max(most, 9.0) if name == self.content.lead else most
        return max(least * self.shape.min_type, min(ratio * self.headline, most * self.unit))

    # ---- requested sizes

    def _aspects(self, node: Node) -> tuple[float, float]:
        """Return the minimum and maximum width by height of a box that shows a photo completely."""
        place = PHOTOS.index(node.name) if node.is_photo and node.fit == "cover" else len(self.content.aspects)
        return self.content.aspects[place] if place < len(self.content.aspects) else (0.0, math.inf)

    def _basis(self, node: Node, around: float, other: float) -> float:
        """Return the width in px of a box in a row of that width and height (0: unknown): its share, adjusted within limits to
        show a photo without cropping."""
        wish = node.basis * around
        low, high = self._aspects(node)
        if not other or low <= wish / other <= high:
            return wish
        needed = min(max(wish, low * other), high * other)
        return needed if abs(needed - wish) <= GIVES_WAY * around else wish

    def _shown(self, node: Node) -> list[Node]:
        return [
            child
            for child in node.children
            if (child.name in DECOR and (child.name != "mark" or self.content.is_quote)) or self.content.shows(child)
        ]

    def _pads(self, node: Node) -> tuple[float, float, float, float]:
        top, right, bottom, left = node.pad
        step = min(max(self.step, self.unit), 1.2 * self.unit)  # margins stay, whatever the spacing
        return top * step, right * step, bottom * step, left * step

    def logo_size(self, node: Node, width: float) -> tuple[float, float]:
        """Return width and height of the logo in px: logos of equal area look equally large, whatever their form."""
        side = (node.size or LOGO) * self.unit * (1.0 if self.content.photos else ROOMY)
        height = min(1.6 * side, side * (3.0 / self.content.logo) ** 0.5)
        height = min(height, 0.9 * width / self.content.logo)
        return height * self.content.logo, height

    def _natural(self, node: Node) -> float:
        """Return the width in px of a box without line breaks."""
        if node.name == "logo" and self.content.logo:
            return self.logo_size(node, self.shape.width / 3)[0]
        if node.name in ROLES or node.name == "logo":
            texts = self.content.texts.get("brand" if node.name == "logo" else node.name, ())
            width = max((unbroken_width(text.words, text.kind) for text in texts), default=0.0) * self.size(node) + 1
            beside = 2 * PILL[1] if node.is_pill else BULLET if node.name == "proof" and node.bullet != "none" else 0.0
            return width + beside * self.size(node)
        if node.name in DECOR:
            return 6 * self.unit
        if node.is_photo:
            return 0.0
        _, right, _, left = self._pads(node)
        widths = [self._natural(child) for child in self._shown(node)]
        gaps = node.gap * self.step * (len(widths) - 1)
        return left + right + (sum(widths) + gaps if node.direction == "row" else max(widths, default=0.0))

    def text_height(self, node: Node, width: float) -> float:
        """Return the height in px of a role's lines in a box of that width; NO_ROOM for a wider word or too many lines."""
        size, height = self.size(node), 0.0
        texts = self.content.texts.get("brand" if node.name == "logo" else node.name, ())
        pairs = node.name == "proof" and node.bullet == "pairs"
        beside = (
            2 * PILL[1] if node.is_pill else BULLET if node.name == "proof" and node.bullet not in ("none", "pairs") else 0.0
        )
        for text in texts:
            columns = text.words.split("|") if pairs else [text.words]
            rows = 0
            for column in columns:
                room = (width / size - (1.0 if pairs else 0.0)) / len(columns) - beside
                count = num_lines(column, text.kind, room)
                if count == 0 or (node.lines and count > node.lines):
                    return NO_ROOM
                rows = max(rows, count)
            rise, fall = rise_and_fall(text.words, text.kind)
            height += rise + fall * (not node.is_pill) + (rows - 1) * text.kind.leading
        gap = 1.5 if pairs else PROOF_GAP
        return (height + gap * (len(texts) - 1) + (2 * PILL[0] if node.is_pill else 0.0)) * size

    def _height(self, node: Node, width: float, around: float) -> float:
        """Return the required height in px of a box at a width; around: the parent's height, for fractions."""
        if node.name == "logo" and self.content.logo:
            return self.logo_size(node, width)[1]
        if node.name in ROLES or node.name == "logo":
            return self.text_height(node, width)
        if node.is_photo:
            needed = width / self._aspects(node)[1]
            return width / node.aspect if node.aspect else max(node.least * around, min(needed, (node.least + GROWS) * around))
        if node.name in DECOR:
            return {"rule": 0.75, "mark": 5.0, "disc": 0.0}[node.name] * self.unit
        top, right, bottom, left = self._pads(node)
        inner, shown = width - left - right, self._shown(node)
        if node.safe or not node.may_bleed:
            inner = min(inner, self.shape.safe_px.width)
        if node.direction == "row":
            widths, excess = self._widths(node, inner)
            return (
                excess
                + top
                + bottom
                + max((self._height(c, w, around) for c, w in zip(shown, widths, strict=True)), default=0.0)
            )
        heights = [child.basis * around if child.basis else self._height(child, inner, around) for child in shown]
        if node.direction == "stack":
            return top + bottom + max(heights, default=0.0)
        return top + bottom + sum(heights) + node.gap * self.step * max(0, len(heights) - 1)

    def _widths(self, node: Node, width: float, height: float = 0.0) -> tuple[list[float], float]:
        """Return the widths in px of the boxes in a row of that height (0: unknown), and the missing px."""
        shown = self._shown(node)
        room = width - node.gap * self.step * max(0, len(shown) - 1)
        if len(shown) == 1 and shown[0].is_photo:  # a photo alone takes the row
            return [width], 0.0
        widths = [
            self._basis(child, width, height) if child.basis else 0.0 if child.grow else self._natural(child) for child in shown
        ]
        lacking = sum(widths) - room
        if lacking > 0:  # text that can be broken into lines is narrowed
            soft = [
                n
                for n, c in enumerate(shown)
                if not c.basis and not c.grow and c.direction != "row" and not c.is_pill and c.name != "logo"
            ]
            total = sum(widths[n] for n in soft)
            for n in soft:
                widths[n] -= min(lacking, 0.6 * total) * widths[n] / total
            return widths, max(0.0, sum(widths) - room)
        grown = sum(child.grow for child in shown)
        if grown:
            widths = [w - lacking * child.grow / grown if child.grow else w for w, child in zip(widths, shown, strict=True)]
        return widths, 0.0

    # ---- positions

    def _place(self, node: Node, box: Box, ground: str) -> float:
        ground = node.fill or ("photo" if node.scrim else ground)
        self.placements.append(Placement(node, box, self.size(node) if node.name in (*ROLES, "logo") else 0.0, ground))
        if not node.children:
            if node.name in ROLES or (node.name == "logo" and not self.content.logo):
                return max(0.0, self.text_height(node, box.width) - box.height - 0.5)
            return 0.0
        inner = self._inner(node, box)
        if inner.width <= 0 or inner.height <= 0:
            return NO_ROOM
        if node.direction == "stack":
            return sum(self._place(child, inner, ground) for child in self._shown(node))
        return (self._place_row if node.direction == "row" else self._place_column)(node, inner, ground)

    def _inner(self, node: Node, box: Box) -> Box:
        """Return the space inside the padding, for words without areas covered by an app."""
        top, right, bottom, left = self._pads(node)
        inner = Box(box.x0 + left, box.y0 + top, box.x1 - right, box.y1 - bottom)
        if not node.safe and node.may_bleed:
            return inner
        safe = self.shape.safe_px
        return Box(max(inner.x0, safe.x0), max(inner.y0, safe.y0), min(inner.x1, safe.x1), min(inner.y1, safe.y1))

    def _place_column(self, node: Node, inner: Box, ground: str) -> float:
        shown, gap = self._shown(node), node.gap * self.step
        heights = [c.basis * inner.height if c.basis else self._height(c, inner.width, inner.height) for c in shown]
        heights = self._clear_of_apps(shown, heights, inner)
        free = inner.height - sum(heights) - gap * max(0, len(shown) - 1)
        excess = max(0.0, -free - 0.5)
        excess += sum(max(0.0, h - c.most * inner.height) for c, h in zip(shown, heights, strict=True) if c.most)
        grows = [child.grow for child in shown]
        if not any(grows) and any(
            child.grow for child in node.children
        ):  # without a photo, another box takes its space, one with a ground first
            grows = [1.0 if child.children and child.fill else 0.0 for child in shown]
            grows = grows if any(grows) else [1.0 if child.direction == "column" else 0.0 for child in shown]
        grown = sum(grows)
        y = inner.y0
        if free > 0 and grown:
            heights = [h + free * grow / grown for h, grow in zip(heights, grows, strict=True)]
        elif free > 0 and node.justify == "between" and len(shown) > 1:
            gap += free / (len(shown) - 1)
        elif free > 0 and node.justify != "start":  # a single box between nothing stands in the middle
            y += free if node.justify == "end" else free / 2
        for child, height in zip(shown, heights, strict=True):
            x0, x1 = self._across(child, node, inner)
            excess += self._place(child, Box(x0, y, x1, y + height), ground)
            y += height + gap
        return excess

    def _clear_of_apps(self, shown: list[Node], heights: list[float], inner: Box) -> list[float]:
        """Return heights with the area covered by an app added to the first and the last box, if they contain words."""
        safe, heights = self.shape.safe_px, list(heights)
        for at, child in enumerate(shown):
            if not child.children or child.basis or child.may_bleed:
                continue
            top, _, bottom, _ = self._pads(child)
            heights[at] += max(0.0, safe.y0 - inner.y0 - top) if at == 0 else 0.0
            heights[at] += max(0.0, inner.y1 - safe.y1 - bottom) if at == len(shown) - 1 else 0.0
        return heights

    def _across(self, child: Node, node: Node, inner: Box) -> tuple[float, float]:
        """Return left and right of a box in a column: small items keep their width, others take the column's."""
        if not (
            child.is_pill or child.name == "logo" or child.name in DECOR or (child.direction == "row" and not _stretches(child))
        ):
            return inner.x0, inner.x1
        wide = min(inner.width, self._natural(child))
        start = {"start": 0.0, "center": 0.5, "end": 1.0}[child.align] * (inner.width - wide)
        return inner.x0 + start, inner.x0 + start + wide

    def _place_row(self, node: Node, inner: Box, ground: str) -> float:
        shown, gap = self._shown(node), node.gap * self.step
        widths, excess = self._widths(node, inner.width, inner.height)
        x = inner.x0
        free = inner.width - sum(widths) - gap * max(0, len(shown) - 1)
        if free > 0 and node.justify == "between" and len(shown) > 1:
            gap += free / (len(shown) - 1)
        elif free > 0 and node.justify in ("center", "end"):
            x += free / 2 if node.justify == "center" else free
        for child, width in zip(shown, widths, strict=True):
            height = self._height(child, width, inner.height)
            excess += max(0.0, height - inner.height - 0.5)
            holds_photo = child.holds_photo
            whole = (
                node.cross == "stretch"
                or holds_photo
                or (child.children and ((child.fill and child.direction == "column") or child.justify == "between"))
            )
            y = (
                inner.y0
                if whole
                else inner.y0 + {"start": 0.0, "center": 0.5, "end": 1.0}[node.cross] * (inner.height - height)
            )
            excess += self._place(child, Box(x, y, x + width, inner.y1 if whole else y + height), ground)
            x += width + gap
        return excess


def _stretches(node: Node) -> bool:
    return node.justify == "between" or any(child.grow or child.basis or child.is_photo for child in node.children)


def fits(layout: Layout, content: Content, shape: Shape, headline: float, spacing: float) -> bool:
    """Return whether everything fits at that headline size."""
    return Arranger(content, shape, headline, spacing).arrange(layout.trees[shape.kind])[0] < 1.0


def largest_headline(layout: Layout, content: Content, shape: Shape, spacing: float) -> float:
    """Return the largest headline size in px at which everything fits; 0 without one."""
    low, high = (
        SCALE["headline"][1] * shape.min_type,
        max(layout.most * (1.0 if content.photos else ROOMY) * shape.unit, 1.7 * SCALE["headline"][1] * shape.min_type),
    )
    if not fits(layout, content, shape, low, spacing):
        return 0.0
    steps = [high * (low / high) ** (step / 8) for step in range(9)]  # a larger size may fit where a smaller one breaks badly
    best = next((step for step, size in enumerate(steps) if fits(layout, content, shape, size, spacing)), 8)
    low, high = steps[best], steps[max(0, best - 1)]
    for _ in range(3):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(layout, content, shape, middle, spacing) else (low, middle)
    return low
