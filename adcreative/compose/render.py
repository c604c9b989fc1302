"""Renders one ad from a recipe, its parts and a shape: shown and dropped roles, colours, crops, and the scene to draw."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import cv2
import numpy as np
from PIL import Image

from adcreative.compose.colour import MIN_CONTRAST, as_hex, contrast, to_oklab, to_rgb
from adcreative.compose.crops import (
    FOCUS_KEPT,
    MAX_ENLARGED,
    MOST_ENLARGED,
    SMALLEST_PX,
    cells_under,
    crop,
    plain_edge,
    resize,
    whole_aspects,
    within,
)
from adcreative.compose.fonts import bold_cut, faces_for, missing_letters
from adcreative.compose.inks import BLACK, LARGE_CONTRAST, WHITE, ground_colour, mix, palette_ink, readable, sound
from adcreative.compose.layout import (
    BULLET,
    DISPLAY,
    PHOTOS,
    PILL,
    PROOF_GAP,
    SCALE,
    Arranger,
    Content,
    Layout,
    Node,
    Placement,
    Text,
    largest_headline,
    layout_names,
    load_layout,
)
from adcreative.compose.parts import MOST_CHARACTERS, ROLES, Box, Palette, Parts, Photo, once_a_photo
from adcreative.compose.recipe import Recipe
from adcreative.compose.scene import Fill, Item, Line, Picture, Scene, Scrim, Words
from adcreative.compose.shapes import Shape
from adcreative.compose.typesetting import (
    Type,
    balanced_lines,
    is_right_to_left,
    leading_of,
    line_width,
    overhang,
    rise_and_fall,
)
from adcreative.errors import ConfigError
from adcreative.lettering import luminance
from adcreative.problem import Problem

__all__ = ["Composed", "Placed", "compose_ad", "layout_names", "load_layout"]

Part = TypeVar("Part")
SPACING = {"airy": 1.2, "normal": 1.0, "full": 0.82}
WISH = {"airy": 9.5, "normal": 8.0, "full": 6.5}  # steps of the grid: headline size below which optional roles are dropped
STAND_INS = ("split", "inset_side", "minimal")  # substitutes for a layout that cuts the photo in a shape
SMALL = ("box", "banner", "skyscraper")  # kinds of shapes read at a glance: only the leading line, brand and button
BOLD = ("button", "badge", "brand", "old_price")
MOST_VEILED = 0.55  # maximum opacity between words and photo: more looks like a slab
BUSY_SHARE, MOST_BUSY = 10, 0.45  # per cent of the cells under a line that may exceed the limit (0..1), such as a chair's legs
LEAST_OFF = 0.15  # OKLab: minimum distance of a cut-out's outline from its ground
LEAST_FRAMED = 0.62  # minimum share of an inset box filled by a photo shown completely
INSET_RADIUS = 2.0  # steps of the grid
FOCUS_COVERED = 0.12  # maximum share of the focus covered by all words together
MUTED_FROM = 11.0  # minimum contrast of ink and ground for using a paler ink
STEP = re.compile(r"\d+[.)]\s+")  # beginning of a numbered step
RAGGED, NARROWER = 0.42, (0.92, 0.84, 0.76, 0.68, 0.62)  # minimum ratio of a headline's shortest to longest line; sizes tried
WHITE_READS_ON, DARK_READS_ON = 108.0, 172.0  # greys (0..255) on which white and dark words have 4.5:1, with a margin


@dataclass(frozen=True)
class Placed:
    """A role in the ad: its words by lines, box and type size in px, colour; dropped: without room."""

    role: str
    text: str
    box: Box
    size: float
    ink: str
    dropped: bool = False


@dataclass(frozen=True, eq=False)
class Composed:
    """A composed ad. focus: areas of the photos that must stay complete and free of words, px. problems: obstacles to delivery.

    photos: indices of the parts' photos in the ad. layout: the layout used, a substitute if the recipe's cuts the photo in
    this shape.
    """

    scene: Scene
    placed: tuple[Placed, ...]
    focus: tuple[Box, ...]
    problems: tuple[Problem, ...]
    photos: tuple[int, ...] = ()
    layout: str = ""

    @property
    def dropped(self) -> tuple[str, ...]:
        """The roles without room or place in this layout."""
        return tuple(each.role for each in self.placed if each.dropped)

    @cached_property
    def pixels(self) -> np.ndarray:
        """The ad's pixels [H, W, 3] uint8."""
        return self.scene.draw()

    @property
    def image(self) -> Image.Image:
        """The ad as a picture, RGB."""
        return Image.fromarray(self.pixels)

    @cached_property
    def svg(self) -> str:
        """The ad as SVG: text as text, pictures embedded."""
        return self.scene.svg()


def compose_ad(recipe: Recipe, parts: Parts, shape: Shape, *, strict: bool = False) -> Composed:
    """Return the ad of a recipe in a shape, with obstacles in `problems`; deterministic.

    strict: only the recipe's layout; else a layout that cuts or covers the photo in this shape is substituted.

    Raises:
        ConfigError: the layout does not exist, a part's index is out of range, a colour or a font cannot be read.
    """
    layout = load_layout(recipe.layout)
    palette = sound(_nth(parts.palettes, recipe.palette, "palette"), recipe.accent)
    texts = {
        role: " ".join(words.split()) if role != "proof" else words for role, words in recipe.texts.items() if words.strip()
    }
    if parts.brand.strip():
        texts.setdefault("brand", parts.brand)
    photos = _photos(recipe, parts)
    found = [*_too_long(texts), *_missing_parts(layout, texts, photos, parts, recipe)]
    content, glyphs = _content(layout, texts, photos, parts, recipe, shape)
    if found or glyphs:
        return _blank(shape, palette, texts, (*found, *glyphs))
    spacing = SPACING[recipe.density]
    content, headline = _fitted(layout, content, shape, recipe)
    if not headline:
        least = SCALE["headline"][1] * shape.min_type
        lead = recipe.emphasis if recipe.emphasis in texts else "headline"
        room = int(0.8 * len(texts.get(lead, "")))
        return _blank(
            shape, palette, texts, (Problem("ad_no_room", role=lead, shape=shape.name, least=least, characters=room),)
        )
    arranger = Arranger(content, shape, headline, spacing)
    placements = arranger.arrange(layout.trees[shape.kind])[1]
    for share in NARROWER if _is_ragged(content, placements) else ():
        smaller = Arranger(content, shape, share * headline, spacing)
        excess, others = smaller.arrange(layout.trees[shape.kind])
        if excess < 1.0 and not _is_ragged(content, others):
            arranger, placements = smaller, others
            break
    painter = _Painter(arranger, placements, palette, photos, parts, recipe)
    items, focus, problems = painter.paint()
    problems += [Problem("ad_photo_blurred")] if strict and painter.is_blurred else []
    if problems and photos and not strict and (other := _instead(recipe, parts, shape)) is not None:
        return other
    shown = {item.role for item in items if isinstance(item, Words)}
    dropped = [
        Placed(role, texts[role], Box(0, 0, 0, 0), 0.0, "", True) for role in ROLES if role in texts and role not in shown
    ]
    if "logo" in {item.role for item in items}:
        dropped = [each for each in dropped if each.role != "brand"]
    placed = (*painter.placed, *dropped)
    places = {PHOTOS.index(item.role) for item in items if isinstance(item, Picture) and item.role in PHOTOS}
    numbers = tuple(sorted({((recipe.photo or 0) + place) % len(parts.photos) for place in places}))
    return Composed(Scene(shape.width, shape.height, tuple(items)), placed, tuple(focus), tuple(problems), numbers, layout.name)


def _instead(recipe: Recipe, parts: Parts, shape: Shape) -> Composed | None:
    """Return the ad in the first layout that shows the photo completely in a shape; None without one."""
    others = [replace(recipe, layout=name) for name in STAND_INS if name != recipe.layout]
    return next((ad for other in others if not (ad := compose_ad(other, parts, shape, strict=True)).problems), None)


def _is_ragged(content: Content, placements: Sequence[Placement]) -> bool:
    """Return whether the leading line is broken into lines of very different lengths."""
    for placement in placements:
        if placement.node.name == content.lead and placement.size:
            text = content.texts[content.lead][0]
            lines = balanced_lines(text.words, text.kind, placement.box.width / placement.size)
            widths = [line_width(line, text.kind) for line in lines]
            return min(widths) < RAGGED * max(widths)
    return False


def _nth(values: Sequence[Part], number: int, name: str) -> Part:
    if not 0 <= number < len(values):
        raise ConfigError(f"the recipe names {name} {number}; the parts have {len(values)}.")
    return values[number]


def _photos(recipe: Recipe, parts: Parts) -> tuple[Photo, ...]:
    """Return the recipe's photo and the following ones."""
    if recipe.photo is None:
        return ()
    _nth(parts.photos, recipe.photo, "photo")
    order = [(recipe.photo + number) % len(parts.photos) for number in range(len(parts.photos))]
    return tuple(parts.photos[number] for number in order[: len(PHOTOS)])


def _proofs(words: str) -> list[str]:
    return [" ".join(line.split()) for line in words.splitlines() if line.strip()]


def _too_long(texts: Mapping[str, str]) -> list[Problem]:
    found = []
    for role, words in texts.items():
        length = max(map(len, _proofs(words)), default=0) if role == "proof" else len(words)
        if length > MOST_CHARACTERS[role]:
            found.append(Problem("ad_too_long", role=_name(role), characters=length, limit=MOST_CHARACTERS[role]))
    return found


def _missing_parts(
    layout: Layout, texts: Mapping[str, str], photos: tuple[Photo, ...], parts: Parts, recipe: Recipe
) -> list[Problem]:
    proofs = _proofs(texts.get("proof", ""))
    there = {
        **{role: role in texts for role in ROLES},
        **{name: number < len(photos) for number, name in enumerate(PHOTOS)},
        "cutout": bool(photos and photos[0].cutout is not None and recipe.cutout),
        "face": bool(photos and photos[0].focus),
        "words_on_photo": bool(photos and photos[0].words_may_lie),
        "pairs": len(proofs) >= 2 and all(line.count("|") == 1 for line in proofs),
        "steps": len(proofs) >= 2 and all(STEP.match(line) for line in proofs),
        "question": texts.get("headline", "").rstrip().endswith(("?", "？", "؟", ";")),
    }
    names = {
        "words_on_photo": "photo that words may lie on",
        "pairs": 'pair of facts ("ours | theirs", two lines or more)',
        "steps": 'list of steps ("1. Pour", "2. Stir" as proofs)',
    }
    if layout.words_on_photo and photos and not there["words_on_photo"]:
        return [Problem("ad_missing_part", layout=layout.name, part=names["words_on_photo"])]
    return [
        Problem("ad_missing_part", layout=layout.name, part=names.get(need, _name(need)))
        for need in layout.needs
        if not there[need]
    ]


def _name(role: str) -> str:
    return role.replace("_", " ")


def _upper(words: str, language: str) -> str:
    if language.lower().startswith(("tr", "az")):
        words = words.replace("i", "İ")
    return words if language.lower().startswith("el") else words.upper()


def _content(
    layout: Layout, texts: Mapping[str, str], photos: tuple[Photo, ...], parts: Parts, recipe: Recipe, shape: Shape
) -> tuple[Content, list[Problem]]:
    pair = _nth(parts.typefaces, recipe.typefaces, "pair of typefaces")
    upper = {node.name for node in layout.trees[shape.kind].walk() if node.case == "upper"}
    problems, built = [], {}
    for role, words in texts.items():
        display = role in DISPLAY
        path = pair.display if display else bold_cut(pair.text) if role in BOLD else pair.text
        words = _upper(words, parts.language) if role in upper else words
        faces = faces_for(path, words, parts.language, display or role in BOLD)
        letters, package = missing_letters(faces, words)
        if letters:
            problems.append(Problem("ad_no_letters", role=_name(role), font=path.name, letters=letters[:12], package=package))
            continue
        lines = _proofs(words) if role == "proof" else [words]
        if role == "proof" and "steps" in layout.needs:
            lines = [STEP.sub("", line) for line in lines]  # the layout draws the number
        spaced = 0.06 if role in upper and words.isascii() else -0.012 if display and words.isascii() else 0.0
        kind = Type(faces, parts.language, spaced)
        built[role] = tuple(Text(line, replace(kind, leading=leading_of(line, kind, display))) for line in lines)
    logo = parts.logo.width / parts.logo.height if parts.logo is not None else 0.0
    aspects = tuple(whole_aspects(photo) for photo in photos)
    return Content(built, len(photos), logo, recipe.emphasis, aspects), problems


def _blank(shape: Shape, palette: Palette, texts: Mapping[str, str], problems: tuple[Problem, ...]) -> Composed:
    """Return an impossible ad: only its ground, with the problems."""
    placed = tuple(Placed(role, words, Box(0, 0, 0, 0), 0.0, "", True) for role, words in texts.items())
    return Composed(
        Scene(shape.width, shape.height, (Fill(Box(0, 0, shape.width, shape.height), palette.ground),)), placed, (), problems
    )


def _fitted(layout: Layout, content: Content, shape: Shape, recipe: Recipe) -> tuple[Content, float]:
    """Return the shown content and the headline's size in px (0: no room): the fullest ad with a good headline."""
    spacing, floor = SPACING[recipe.density], SCALE["headline"][1] * shape.min_type
    wish = max(1.25 * floor, WISH[recipe.density] * shape.unit)
    kept = {*layout.needs, recipe.emphasis, "headline", "brand", "legal"}
    queue = [role for role in layout.drop if role not in kept and role in content.texts]
    tries: list[tuple[Content, float]] = []
    room = layout.room + {"airy": -1, "normal": 0, "full": 2}[recipe.density] - (shape.kind == "wide")
    room = 0 if shape.kind in SMALL else max(1, room)
    proofs = content.texts.get("proof", ())[: 2 if shape.kind in ("box", "banner") else 4]
    if proofs:
        content = replace(content, texts={**content.texts, "proof": proofs})
    while True:
        extra = [role for role in content.texts if role in queue and role not in ("button", "legal", "old_price")]
        shown = [role for role in content.texts if role not in ("headline", "button", "brand", "legal", "old_price")]
        if len(shown) > room and extra:
            role = next(role for role in queue if role in extra)
        else:
            size = largest_headline(layout, content, shape, spacing)
            tries.append((content, size))
            if size >= wish or not queue:
                break
            role = queue[0]
        proofs = content.texts.get("proof", ())
        if role == "proof" and len(proofs) > 2 and len(shown) <= room:
            content = replace(content, texts={**content.texts, "proof": proofs[:-1]})
            continue
        queue.remove(role)
        out = {role, "old_price"} if role == "price" else {role}  # an old price makes no sense alone
        content = replace(content, texts={name: text for name, text in content.texts.items() if name not in out})
        queue = [name for name in queue if name in content.texts]
    best = max(size for _, size in tries)
    return next(each for each in tries if each[1] >= min(wish, 0.88 * best))


@dataclass
class _Painter:
    """Converts placements to items to draw; mirrors everything for right-to-left languages."""

    arranger: Arranger
    placements: tuple[Placement, ...]
    palette: Palette
    photos: tuple[Photo, ...]
    parts: Parts
    recipe: Recipe

    def __post_init__(self) -> None:
        self.shape, self.content = self.arranger.shape, self.arranger.content
        self.to_left = is_right_to_left(self.parts.language)
        self.placed: list[Placed] = []
        self.photo_ground = (plain_edge(self.photos[0]) if self.photos else None) or self.palette.soft
        if self.photos and self._stands_free(self.photos[0]):
            self.photo_ground = self.palette.soft
        self.on_photo: dict[int, str] = {}
        self.plate: tuple[Photo, Box, Box] | None = None  # photo under words, its window and its drawn box
        self.is_veiled, self.is_blurred, self.disturbed = False, False, 0.0

    def paint(self) -> tuple[list[Item], list[Box], list[Problem]]:
        items: list[Item] = [Fill(Box(0, 0, self.shape.width, self.shape.height), self.palette.ground)]
        focus: list[Box] = []
        problems: list[Problem] = []
        for placement in self.placements:
            node, box = placement.node, self._mirrored(placement.box)
            if node.is_photo:
                found, seen, kept = self._photo(node, box)
                items += found
                focus += seen
                if kept < FOCUS_KEPT:
                    problems.append(Problem("ad_subject_cut"))
                photo = self.photos[PHOTOS.index(node.name)]
                stands = node.fit == "contain" and self.recipe.cutout and photo.cutout is not None
                ground = self._colour(self._disc_behind(box) or placement.ground)
                if stands and stands_off(photo, ground) < LEAST_OFF:
                    problems.append(Problem("ad_subject_drowns"))
            elif node.scrim:
                items += self._scrim(items, placement)
            elif node.children:
                items += self._ground(node, box)
            elif node.name == "logo" and self.content.logo:
                items += self._logo(box, placement)
            elif node.name == "proof":
                items += self._proof(placement, box)
            elif node.name in ROLES or node.name == "logo":
                items += self._words(placement, box)
                if self.on_photo and placement.ground == "photo" and not node.is_pill:
                    self.disturbed = max(self.disturbed, self._busyness(self.placed[-1].box))
            else:
                items += self._ornament(placement, box)
        problems += self._on_focus(focus)
        if (self.is_veiled or self.disturbed > MOST_BUSY) and not problems:
            problems.append(Problem("ad_words_on_subject", role="headline"))
        return items, focus, problems

    def _disc_behind(self, box: Box) -> str:
        """Return the colour role of the disc behind a box, "" without one."""
        x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
        return next(
            (
                one.node.fill or "accent"
                for one in self.placements
                if one.node.name == "disc" and (b := self._mirrored(one.box)).x0 <= x <= b.x1 and b.y0 <= y <= b.y1
            ),
            "",
        )

    def _mirrored(self, box: Box) -> Box:
        return Box(self.shape.width - box.x1, box.y0, self.shape.width - box.x0, box.y1) if self.to_left else box

    def _colour(self, ground: str) -> str:
        return (
            self.on_photo.get(0, BLACK)
            if ground == "photo" and self.on_photo
            else ground_colour(ground, self.palette, self.photo_ground)
        )

    def _ground(self, node: Node, box: Box) -> list[Item]:
        if not node.fill:
            return []
        colour, unit = ground_colour(node.fill, self.palette, self.photo_ground), self.shape.unit
        return [Fill(box, colour, node.radius * unit, shadow=node.shadow * unit, outline=node.outline * unit)]

    # ---- photos

    def _stands_free(self, photo: Photo) -> bool:
        """Return whether an object photographed on plain ground is set without the ground."""
        return self.recipe.cutout and photo.cutout is not None and not photo.words_may_lie

    def _photo(self, node: Node, box: Box) -> tuple[list[Item], list[Box], float]:
        photo = self.photos[PHOTOS.index(node.name)]
        whole = Box(round(box.x0), round(box.y0), round(box.x1), round(box.y1))
        if whole.width < 8 or whole.height < 8:
            return [], [], 0.0
        if node.fit == "contain" and self.recipe.cutout and photo.cutout is not None:
            return self._cutout(photo, whole, node.name)
        drowns = photo.cutout is not None and stands_off(photo, self.photo_ground) < LEAST_OFF
        if self._stands_free(photo) and photo.cutout is not None and not self._over(whole) and not drowns:
            air = 0.06 * min(whole.width, whole.height)
            inner = Box(whole.x0 + air, whole.y0 + air, whole.x1 - air, whole.y1 - air)
            drawn, focus, kept = self._cutout(photo, inner, node.name)
            return [Fill(whole, self.photo_ground, node.radius * self.shape.unit), *drawn], focus, kept
        words = tuple(within(each, whole) for each in self._over(whole))
        cut = crop(photo, int(whole.width), int(whole.height), words)
        is_blurred = min(photo.pixels.size) >= SMALLEST_PX and whole.width > MOST_ENLARGED * cut.window.width
        if (is_blurred or cut.kept < FOCUS_KEPT) and not words and (framed := self._framed(photo, node, whole)):
            return framed
        self.is_blurred |= is_blurred
        self.plate = (photo, cut.window, whole)
        seen = [
            Box(*np.clip(f, 0, (whole.width, whole.height) * 2) + (whole.x0, whole.y0) * 2)  # the part inside the crop
            for f in cut.focus
        ]
        return [Picture(whole, cut.pixels, self._radius(node, whole), node.name)], seen, cut.kept

    def _busyness(self, box: Box) -> float:
        """Return the busyness of the photo under a box of words, 0..1."""
        if self.plate is None:
            return 0.0
        photo, window, whole = self.plate
        cells = cells_under(photo, window, within(box, whole))
        return float(np.percentile(cells, 100 - BUSY_SHARE)) if cells.size else 0.0

    def _radius(self, node: Node, box: Box) -> float:
        """Return the radius in px of a photo's corners, which is positive for an inset photo."""
        return max(node.radius, INSET_RADIUS if self._is_inset(box) or node.fit == "contain" else 0.0) * self.shape.unit

    def _framed(self, photo: Photo, node: Node, box: Box) -> tuple[list[Item], list[Box], float] | None:
        """Return the whole photo in an inset box, for an object that no crop keeps; None for a box at the ad's edge, or if the
        photo would fill too little of a box to be filled."""
        if not self._is_inset(box):
            return None
        scale = min(box.width / photo.pixels.width, box.height / photo.pixels.height)
        scale = scale if min(photo.pixels.size) < SMALLEST_PX else min(scale, MOST_ENLARGED)
        width, height = (max(1, int(side * scale)) for side in photo.pixels.size)
        if node.fit != "contain" and width * height < LEAST_FRAMED * box.width * box.height:
            return None
        x0, y0 = round((box.x0 + box.x1 - width) / 2), round((box.y0 + box.y1 - height) / 2)
        where = Box(x0, y0, x0 + width, y0 + height)
        pixels = resize(photo.pixels_u8, Box(0, 0, *photo.pixels.size), width, height)
        return [Picture(where, pixels, INSET_RADIUS * self.shape.unit, node.name)], [where], 1.0

    def _is_inset(self, box: Box) -> bool:
        return box.x0 > 0 and box.y0 > 0 and box.x1 < self.shape.width and box.y1 < self.shape.height

    def _over(self, box: Box) -> list[Box]:
        """Return the boxes of filled cards and words over a photo's box."""
        found = []
        for placement in self.placements:
            node, each = placement.node, self._mirrored(placement.box)
            words = node.name in ROLES or node.name == "logo" or (node.children and node.fill and not node.holds_photo)
            if words and each.x0 < box.x1 and each.x1 > box.x0 and each.y0 < box.y1 and each.y1 > box.y0:
                found.append(each)
        return found

    def _cutout(self, photo: Photo, box: Box, role: str) -> tuple[list[Item], list[Box], float]:
        part = _solid_box(photo)
        if part is None:
            return [], [], 0.0
        scale = min(box.width / part.width, box.height / part.height, MAX_ENLARGED)
        size = (max(1, round(part.width * scale)), max(1, round(part.height * scale)))
        pixels = resize(photo.cutout_u8, part, *size)
        x0, y0 = round((box.x0 + box.x1 - size[0]) / 2), round((box.y0 + box.y1 - size[1]) / 2)
        where = Box(x0, y0, x0 + size[0], y0 + size[1])
        return [Picture(where, pixels, role=role)], [where], 1.0

    def _scrim(self, items: list[Item], placement: Placement) -> list[Item]:
        """Return the lightest gradients, dark or light, that make words on a photo readable: one for each group of words."""
        groups = []
        for child in placement.node.children:
            inside = {node.name for node in child.walk()} & {*ROLES, "logo"}
            boxes = [self._mirrored(p.box) for p in self.placements if p.ground == "photo" and p.node.name in inside]
            if boxes:
                groups.append(_around(boxes))
        greys = [self._greys(items, box) for box in groups]
        if not groups:
            return []
        dark = min((self.palette.ink, self.palette.ground, BLACK), key=lambda c: float(luminance(np.array(to_rgb(c)))))
        dark = dark if contrast(dark, WHITE) > 15 else mix(dark, BLACK, 0.75)
        shade = float(np.mean(to_rgb(dark)))
        down = [max(0.0, (bright - WHITE_READS_ON) / max(1.0, bright - shade)) for _, bright in greys]
        up = [max(0.0, (DARK_READS_ON - dim) / max(1.0, 255 - dim)) for dim, _ in greys]
        is_dark = max(down) <= max(up) + 0.1
        self.on_photo[0] = dark if is_dark else WHITE
        strengths = [min(0.94, 1.06 * value) for value in (down if is_dark else up)]
        self.is_veiled = max(strengths, default=0.0) > MOST_VEILED
        return [self._gradient(box, each) for box, each in zip(groups, strengths, strict=True) if each > 0.02]

    def _greys(self, items: list[Item], box: Box) -> tuple[float, float]:
        """Return the darkest and the lightest grey (0..255) behind a box, without half a per cent of outliers."""
        unit = self.shape.unit
        over = [item for item in items if isinstance(item, Picture)]
        plate, x, y = over[-1].pixels, over[-1].box.x0, over[-1].box.y0
        x0, y0, x1, y1 = (
            max(0, round(v)) for v in (box.x0 - x - unit, box.y0 - y - unit, box.x1 - x + unit, box.y1 - y + unit)
        )
        levels = luminance(np.asarray(plate.crop((x0, y0, min(x1, plate.width), min(y1, plate.height))))[::3, ::3, :3])
        grey = 255 * np.where(levels <= 0.0031308, 12.92 * levels, 1.055 * levels ** (1 / 2.4) - 0.055)
        low, high = np.percentile(grey, (0.5, 99.5)) if grey.size else (0.0, 255.0)
        return float(low), float(high)

    def _gradient(self, box: Box, strength: float) -> Scrim:
        """Return a gradient that is constant behind a box and fades out beyond it, along the longer way to the edge."""
        width, height, unit = self.shape.width, self.shape.height, self.shape.unit
        vertical = box.width > 0.62 * width or box.height < 0.6 * height
        near, far, size = (box.y0, box.y1, height) if vertical else (box.x0, box.x1, width)
        first, last, fade = (near - 1.5 * unit) / size, (far + 1.5 * unit) / size, 0.18
        steps = [
            (first - fade, 0.0),
            (first - fade / 2, 0.62),
            (first, 1.0),
            (last, 1.0),
            (last + fade / 2, 0.62),
            (last + fade, 0.0),
        ]
        if first < 0.16:
            steps = [(0.0, 1.0), *steps[3:]]
        if last > 0.84:
            steps = [*steps[:-2], (1.0, 1.0)]
        inside = [(min(1.0, max(0.0, at)), strength * share) for at, share in steps]
        stops = [each for number, each in enumerate(inside) if number == 0 or each[0] > inside[number - 1][0]]
        low, high = stops[0][0], stops[-1][0]  # no drawing outside the stops
        reach = Box(0, low * height, width, high * height) if vertical else Box(low * width, 0, high * width, height)
        return Scrim(reach, self.on_photo[0], tuple(((at - low) / (high - low), share) for at, share in stops), vertical)

    def _on_focus(self, focus: list[Box]) -> list[Problem]:
        if not focus:
            return []
        first, covered = focus[0], dict[str, float]()
        plates = [
            (placement.node.name, self._mirrored(placement.box))
            for placement in self.placements
            if placement.node.children and placement.node.fill and not placement.node.holds_photo
        ]
        for role, box in (*((each.role, each.box) for each in self.placed), *plates):
            wide, high = min(box.x1, first.x1) - max(box.x0, first.x0), min(box.y1, first.y1) - max(box.y0, first.y0)
            covered[role] = covered.get(role, 0.0) + max(0.0, wide) * max(0.0, high)
        if sum(covered.values()) <= FOCUS_COVERED * max(1.0, first.width * first.height):
            return []
        return [Problem("ad_words_on_subject", role=_name(max(covered, key=lambda role: covered[role])))]

    # ---- words and the logo

    def _ink(self, placement: Placement, ground: str, size: float) -> str:
        least = LARGE_CONTRAST if size >= 2 * self.shape.min_type else MIN_CONTRAST
        plain = readable((WHITE,) if placement.ground == "photo" else (palette_ink(ground, self.palette),), ground)
        if placement.node.ink == "accent" and placement.ground != "photo":
            return readable((self.palette.accent, plain), ground, least)
        if placement.node.ink == "muted" and placement.ground != "photo":
            muted = (mix(plain, ground, 0.3), mix(plain, ground, 0.15)) if contrast(plain, ground) >= MUTED_FROM else ()
            return readable((*muted, plain), ground, 5.2)
        return plain

    def _pill(self, placement: Placement) -> tuple[str, str]:
        """Return ground and ink of a button or badge: the requested colour or the next visible one."""
        behind = self._colour(self._behind(placement))
        wished = ground_colour(placement.node.fill, self.palette, self.photo_ground)
        fill = next(
            (c for c in (wished, self.palette.accent, self.palette.ink, self.palette.ground) if contrast(c, behind) >= 1.35),
            WHITE,
        )
        if placement.node.name == "button":
            fill = next(
                (
                    c
                    for c in (wished, self.palette.accent, self.palette.ink, self.palette.ground, WHITE)
                    if contrast(c, behind) >= 2.2
                ),
                fill,
            )
        return fill, palette_ink(fill, self.palette)

    def _behind(self, placement: Placement) -> str:
        """Return the colour role of the box around a pill."""
        ground = "ground"
        for each in self.placements:
            if placement.node in each.node.walk() and each.node is not placement.node and (each.node.fill or each.node.scrim):
                ground = each.ground
        return ground

    def _words(self, placement: Placement, box: Box) -> list[Item]:
        node, size = placement.node, placement.size
        role = "brand" if node.name == "logo" else node.name
        text = self.content.texts[role][0]
        items: list[Item] = []
        if node.is_pill:
            fill, ink = self._pill(placement)
            radius = box.height / 2 if node.radius <= 0 else node.radius * self.shape.unit
            items.append(Fill(box, fill, min(radius, box.height / 2), role=f"{role}-ground"))
            box = Box(box.x0 + PILL[1] * size, box.y0 + PILL[0] * size, box.x1 - PILL[1] * size, box.y1 - PILL[0] * size)
        else:
            ink = self._ink(placement, self._colour(placement.ground), size)
        align = "center" if node.is_pill else node.align
        items += self._set(text, role, box, size, ink, align)
        return items

    def _set(self, text: Text, role: str, box: Box, size: float, ink: str, align: str) -> list[Item]:
        lines = balanced_lines(text.words, text.kind, box.width / size)
        rise, fall = rise_and_fall(text.words, text.kind)
        set_lines, y = [], box.y0 + rise * size
        for line in lines:
            wide = line_width(line, text.kind) * size
            start = {"start": 0.0, "center": 0.5, "end": 1.0}[align]
            start = 1 - start if self.to_left else start
            least = (
                self.shape.safe_px.x0 + overhang(line, text.kind) * size
            )  # a letter may hang over the box, not over the edge
            set_lines.append((line, max(least, box.x0 + start * (box.width - wide)), y))
            y += text.kind.leading * size
        x0 = min(x for _, x, _ in set_lines)
        x1 = max(x + line_width(line, text.kind) * size for line, x, _ in set_lines)
        taken = Box(x0, box.y0, x1, set_lines[-1][2] + fall * size)
        self.placed.append(Placed(role, "\n".join(lines), taken, size, ink))
        return [Words(tuple(set_lines), size, text.kind, ink, role, taken, struck=role == "old_price")]

    def _proof(self, placement: Placement, box: Box) -> list[Item]:
        node, size = placement.node, placement.size
        ground = self._colour(placement.ground)
        ink = self._ink(placement, ground, size)
        mark = readable((self.palette.accent, ink), ground, LARGE_CONTRAST) if placement.ground != "photo" else ink
        if node.bullet == "pairs":
            return self._pairs(placement, box, ink, mark)
        items: list[Item] = []
        y, indent = box.y0, BULLET * size if node.bullet != "none" else 0.0
        for number, text in enumerate(self.content.texts["proof"], 1):
            rise, fall = rise_and_fall(text.words, text.kind)
            room = Box(box.x0, y, box.x1 - indent, box.y1) if self.to_left else Box(box.x0 + indent, y, box.x1, box.y1)
            if node.align == "center" and node.bullet != "none":
                room = Box(box.x0 + indent, y, box.x1 - 0.0, box.y1)
            at = (
                Box(box.x1 - 0.95 * size, y, box.x1, y + rise * size)
                if self.to_left
                else Box(box.x0, y, box.x0 + 0.95 * size, y + rise * size)
            )
            items += self._bullet(node.bullet, number, text, at, size, mark)
            items += self._set(text, "proof", room, size, ink, "start" if node.bullet != "none" else node.align)
            y = self.placed[-1].box.y1 - fall * size + (fall + PROOF_GAP) * size
        return items

    def _bullet(self, kind: str, number: int, text: Text, at: Box, size: float, colour: str) -> list[Item]:
        middle = (at.y0 + at.y1) / 2
        if kind == "check":
            points = (
                (at.x0 + 0.1 * size, middle + 0.02 * size),
                (at.x0 + 0.36 * size, middle + 0.26 * size),
                (at.x0 + 0.84 * size, middle - 0.28 * size),
            )
            return [Line(points, max(1.5, 0.14 * size), colour, "bullet")]
        if kind == "dot":
            x, radius = at.x0 + 0.3 * size, 0.17 * size
            return [Fill(Box(x - radius, middle - radius, x + radius, middle + radius), colour, radius, role="bullet")]
        if kind == "number":
            path = bold_cut(self.parts.typefaces[self.recipe.typefaces].text)
            bold = replace(text.kind, faces=faces_for(path, str(number), self.parts.language, True))
            x = at.x1 - line_width(str(number), bold) * size if self.to_left else at.x0
            return [Words(((str(number), x, at.y1),), size, bold, colour, "bullet", at)]
        return []

    def _pairs(self, placement: Placement, box: Box, ink: str, mark: str) -> list[Item]:
        """Return two contrasting columns of facts, with a thin rule between the rows."""
        size, y = placement.size, box.y0
        items: list[Item] = []
        half = (box.width - size) / 2
        columns = [Box(box.x0, y, box.x0 + half, box.y1), Box(box.x1 - half, y, box.x1, box.y1)]
        columns = columns[::-1] if self.to_left else columns
        ground = self._colour(placement.ground)
        muted = readable((mix(ink, ground, 0.35), mix(ink, ground, 0.2), ink), ground, MIN_CONTRAST)
        for number, text in enumerate(self.content.texts["proof"]):
            if number:
                items.append(
                    Line(
                        ((box.x0, y - 0.75 * size), (box.x1, y - 0.75 * size)),
                        max(1.0, 0.05 * size),
                        mix(ink, ground, 0.75),
                        "bullet",
                    )
                )
            low = y
            for side, (words, column) in enumerate(zip(text.words.split("|"), columns, strict=True)):
                room = Box(column.x0, y, column.x1, box.y1)
                items += self._set(Text(words.strip(), text.kind), "proof", room, size, (ink, muted)[side], "start")
                low = max(low, self.placed[-1].box.y1)
            y = low + 1.5 * size
        return items

    def _logo(self, box: Box, placement: Placement) -> list[Item]:
        """Return the logo; if hardly visible on its ground, in one colour for a single-coloured logo, else on a plate."""
        logo = self.parts.logo
        assert logo is not None
        ground = self._colour(placement.ground)
        width, height = self.arranger.logo_size(placement.node, box.width)
        start = {"start": 0.0, "center": 0.5, "end": 1.0}[placement.node.align]
        x0 = box.x0 + (1 - start if self.to_left else start) * (box.width - width)
        y0 = (box.y0 + box.y1 - height) / 2
        where = Box(x0, y0, x0 + width, y0 + height)
        pixels = logo.resize((max(1, round(width)), max(1, round(height))), Image.Resampling.LANCZOS, reducing_gap=2.0)
        solid = np.asarray(pixels, np.float32)
        drawn = solid[..., :3][solid[..., 3] > 160]
        plate: list[Item] = []
        if drawn.size and contrast(as_hex(np.median(drawn, 0)), ground) < LARGE_CONTRAST:
            if float(drawn.std(0).max()) < 28:
                tint = np.asarray(to_rgb(readable((palette_ink(ground, self.palette),), ground)), np.float32)
                pixels = Image.fromarray(
                    np.dstack([np.broadcast_to(tint, (*solid.shape[:2], 3)), solid[..., 3]]).astype(np.uint8), "RGBA"
                )
            else:
                air = 0.3 * height
                plate = [
                    Fill(
                        Box(x0 - air, y0 - air, x0 + width + air, y0 + height + air),
                        readable((WHITE, BLACK), as_hex(np.median(drawn, 0)), 1.5),
                        air,
                        role="logo-ground",
                    )
                ]
        self.placed.append(Placed("logo", self.parts.brand, where, 0.0, ""))
        return [*plate, Picture(where, pixels, 0.0, "logo")]

    def _ornament(self, placement: Placement, box: Box) -> list[Item]:
        node, ground = placement.node, self._colour(placement.ground)
        colour = readable((self.palette.accent, palette_ink(ground, self.palette)), ground, 1.4)
        if node.name == "rule":
            return [Fill(box, colour, box.height / 2)]
        if node.name == "disc":
            side = min(box.width, box.height)
            x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
            fill = ground_colour(node.fill or "accent", self.palette, self.photo_ground)
            return [Fill(Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2), fill, side / 2)]
        return _quotation_mark(box, colour, self.to_left)


@once_a_photo
def _solid_box(photo: Photo) -> Box | None:
    """Return the box of the visible part of a photo's cut-out, px; None without one."""
    alpha = photo.cutout_u8[..., 3] > 24
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1) if rows.size else None


@once_a_photo
def _outline_colours(photo: Photo) -> np.ndarray:
    """Return OKLab [N, 3] of the pixels inside the outline of a photo's cut-out, at 128 px."""
    assert photo.cutout is not None
    small = np.asarray(photo.cutout.resize((128, 128), Image.Resampling.BILINEAR))
    solid = (small[..., 3] > 200).astype(np.uint8)
    band = (solid > 0) & (cv2.erode(solid, np.ones((3, 3), np.uint8), iterations=4, borderValue=0) == 0)
    return to_oklab(small[..., :3][band])


def stands_off(photo: Photo, ground: str) -> float:
    """Return the distance of a cut-out's outline from a ground's colour: the median in OKLab, 0..1."""
    colours = _outline_colours(photo)
    ground_lab = to_oklab(np.array(to_rgb(ground), np.float32))
    return float(np.median(np.linalg.norm(colours - ground_lab, axis=-1))) if len(colours) else 0.0


def _around(boxes: list[Box]) -> Box:
    return Box(min(b.x0 for b in boxes), min(b.y0 for b in boxes), max(b.x1 for b in boxes), max(b.y1 for b in boxes))


def _quotation_mark(box: Box, colour: str, mirrored: bool) -> list[Item]:
    """Return two drawn commas, since fonts of different scripts have different ones."""
    high = box.height
    items: list[Item] = []
    for number in range(2):
        x = box.x1 - (0.55 + 0.62 * number) * high if mirrored else box.x0 + (0.05 + 0.62 * number) * high
        items.append(Fill(Box(x, box.y0 + 0.5 * high, x + 0.5 * high, box.y0 + high), colour, 0.25 * high))
        items.append(
            Line(
                (
                    (x + 0.08 * high, box.y0 + 0.72 * high),
                    (x + 0.12 * high, box.y0 + 0.36 * high),
                    (x + 0.38 * high, box.y0 + 0.1 * high),
                ),
                0.16 * high,
                colour,
            )
        )
    return items
