"""Draws ads with known lines, blocks and roles: many layouts, scripts and fonts, over photographs or drawn grounds.

Words come from `phrases.json`, our own; fonts are those of this machine and of the extra "picture". The caller provides the
photographs, with open licences for shipped models. Drawn ads are for training alone: models are evaluated on real ones
(`tests/real`).
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from adcreative.lettering.reading.reader import TextLine
from adcreative.lettering.setting.fonts import typefaces
from data.make.scripts.drawn_lines import fonts_with

Item = TypeVar("Item")
PHRASES = Path(__file__).with_name("phrases.json")
SHAPES = (
    (1.0, 0.3),
    (1.91, 0.2),
    (0.8, 0.1),
    (0.5625, 0.08),
    (1.5, 0.1),
    (2.6, 0.1),
    (4.0, 0.06),
    (0.7, 0.06),
)  # width / height
UNSPACED = ("Han", "kana", "Thai")
RIGHT_TO_LEFT = ("Arabic", "Hebrew")
# role -> share of ads with such blocks outside the column, and their maximum number
ASIDE = (("badge", 0.18, 1), ("offer", 0.12, 1), ("tag", 0.1, 1), ("brand", 0.12, 3), ("subline", 0.2, 3))
LEAST_ROUND_PX = 24
INVENTED = 0.4  # share of ads whose brand is an invented word, of these syllables
BEGINNINGS = (*"bcdfghklmnprstvwz", "br", "cl", "dr", "fl", "gr", "pl", "st", "tr", "sh")
VOWELS = ("a", "e", "i", "o", "u", "ei", "io", "ou")
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class DrawnAd:
    """image_u8 [H, W, 3]; lines in the reader's form, with its usual errors; block: of each line; roles: of each block."""

    image_u8: np.ndarray
    lines: list[TextLine]
    block: list[int]
    roles: list[str]


@dataclass
class Row:
    """A row of letters: runs of text with their colours, its height relative to the block's, and the font file."""

    runs: list[tuple[str, Colour]]
    scale: float
    font: Path

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.runs)


@dataclass
class Element:
    """A block before placement: rows, height of its letters in px, and the plate behind it."""

    role: str
    rows: list[Row]
    size: float
    plate: Colour | None = None
    round_plate: bool = False
    align: str = ""
    outline: bool = False
    leading: float = 1.2


@dataclass
class _Sheet:
    rng: np.random.Generator
    image: Image.Image
    language: Mapping[str, Any]
    brand: str
    lines: list[TextLine] = field(default_factory=list)
    block: list[int] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    taken: list[tuple[float, float, float, float]] = field(default_factory=list)

    @property
    def unit(self) -> int:
        return min(self.image.size)

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def pick(self, options: Sequence[Item]) -> Item:
        return options[int(self.rng.integers(len(options)))]


@cache
def read_phrases() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(PHRASES.read_text(encoding="utf-8"))
    return found


@cache
def _fonts(script: str) -> tuple[Path, ...]:
    """Return font files for a script, or Latin fonts if the machine has none, whose boxes have a similar width."""
    latin = [one.path for one in typefaces() if one.path is not None]
    try:
        own = [Path(one) for one in fonts_with(script)]
    except FileNotFoundError:
        own = [Path(one) for one in fonts_with("Latin")][:6]
    return tuple([*latin, *own[:: max(1, len(own) // 30)]] if script == "Latin" else own[:: max(1, len(own) // 30)])


def font_files() -> list[Path]:
    """Return the font files used on this machine: the drawn ads depend on them."""
    scripts = {"Latin", *(language["script"] for language in read_phrases()["languages"].values())}
    return sorted({path for script in scripts for path in _fonts(script)})


@cache
def _face(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size)


def draw_ad(rng: np.random.Generator, photos: Sequence[np.ndarray]) -> DrawnAd:
    """Return an ad; deterministic for a state of the generator, photographs [H, W, 3] uint8 and fonts."""
    shares = np.array([share for _, share in SHAPES])
    ratio = SHAPES[int(rng.choice(len(SHAPES), p=shares / shares.sum()))][0] * float(rng.uniform(0.9, 1.1))
    unit = int(rng.integers(320, 600)) if 0.5 < ratio < 2 else int(rng.integers(200, 360))
    size = (round(unit * max(ratio, 1.0)), round(unit / min(ratio, 1.0)))
    names = sorted(read_phrases()["languages"])
    language = read_phrases()["languages"]["en" if rng.random() < 0.25 else names[int(rng.integers(len(names)))]]
    brand = _invent(rng) if rng.random() < INVENTED else str(rng.choice(read_phrases()["brands"]))
    sheet = _Sheet(rng, Image.new("RGB", size), language, brand)
    region, ground = _paint_ground(sheet, photos)
    _lay_out(sheet, region, ground)
    image = sheet.image
    if sheet.chance(0.5):
        image = image.filter(ImageFilter.GaussianBlur(sheet.between(0.2, 0.8)))
    if sheet.chance(0.7):
        packed = io.BytesIO()
        image.save(packed, "JPEG", quality=int(rng.integers(45, 96)))
        image = Image.open(packed).convert("RGB")
    return DrawnAd(np.asarray(image), *_misread(sheet), sheet.roles)


def _invent(rng: np.random.Generator) -> str:
    """Return a name that is no word: two or three syllables, and at times a final consonant."""
    parts = [str(rng.choice(BEGINNINGS)) + str(rng.choice(VOWELS)) for _ in range(int(rng.integers(2, 4)))]
    name = "".join(parts) + (str(rng.choice(list("nrsxlk"))) if rng.random() < 0.5 else "")
    return [name, name.capitalize(), name.capitalize(), name.upper()][int(rng.integers(4))]


# grounds


def _colour(sheet: _Sheet, *, calm: bool = False) -> Colour:
    import colorsys

    hue, saturation = sheet.between(0, 1), sheet.between(0, 0.4) if calm else sheet.between(0.4, 1)
    value = sheet.pick([sheet.between(0.05, 0.35), sheet.between(0.8, 1.0)]) if calm else sheet.between(0.35, 1.0)
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def _light(colour: Sequence[float]) -> float:
    return float(np.dot(colour, (0.3, 0.59, 0.11)))


def _ink_on(sheet: _Sheet, ground: Colour) -> Colour:
    """Return a colour that is readable on another."""
    for _ in range(12):
        ink: Colour = sheet.pick([(255, 255, 255), (20, 20, 25), _colour(sheet), _colour(sheet, calm=True)])
        if abs(_light(ink) - _light(ground)) > 85:
            return ink
    return (255, 255, 255) if _light(ground) < 128 else (15, 15, 15)


def _paint_ground(sheet: _Sheet, photos: Sequence[np.ndarray]) -> tuple[tuple[float, float, float, float], Colour]:
    """Paint the ground; return the region for words, in px, and its colour."""
    width, height = sheet.image.size
    ground = _colour(sheet, calm=sheet.chance(0.6))
    kind = sheet.rng.random()
    sheet.image.paste(ground, (0, 0, width, height))
    if kind < 0.2 or not photos:
        _paint_gradient(sheet, ground)
        _scatter(sheet, ground)
        return (0, 0, width, height), ground
    photo = Image.fromarray(sheet.pick(photos))
    if kind < 0.5:  # a full-size photograph
        sheet.image.paste(_cover(sheet, photo, (width, height)))
        if sheet.chance(0.6):
            dim = sheet.between(0.3, 0.75)
            tint = Image.new("RGB", (width, height), sheet.pick([(0, 0, 0), ground, (255, 255, 255)]))
            sheet.image.paste(Image.blend(sheet.image, tint, dim))
        mean = np.asarray(sheet.image.resize((8, 8))).reshape(-1, 3).mean(axis=0)
        return (0, 0, width, height), (int(mean[0]), int(mean[1]), int(mean[2]))
    share = sheet.between(0.4, 0.62)
    is_beside = width > height if sheet.chance(0.8) else sheet.chance(0.5)
    if is_beside:
        left = sheet.chance(0.5)
        cut = round(width * share)
        words = (0, 0, cut, height) if left else (width - cut, 0, width, height)
        shown = (cut, 0, width, height) if left else (0, 0, width - cut, height)
    else:
        top = sheet.chance(0.5)
        cut = round(height * share)
        words = (0, 0, width, cut) if top else (0, height - cut, width, height)
        shown = (0, cut, width, height) if top else (0, 0, width, height - cut)
    if sheet.chance(0.3):
        _paint_gradient(sheet, ground)
    inset = round(sheet.unit * sheet.between(0.02, 0.08)) if sheet.chance(0.4) else 0
    place = (shown[0] + inset, shown[1] + inset, shown[2] - inset, shown[3] - inset)
    piece = _cover(sheet, photo, (place[2] - place[0], place[3] - place[1]))
    sheet.image.paste(piece, place[:2])
    sheet.taken.append(tuple(float(one) for one in place))  # type: ignore[arg-type]
    _print_on(sheet, place)
    return words, ground


def _cover(sheet: _Sheet, photo: Image.Image, size: tuple[int, int]) -> Image.Image:
    scale = max(size[0] / photo.width, size[1] / photo.height) * sheet.between(1.0, 1.5)
    large = photo.resize((max(size[0], round(photo.width * scale)), max(size[1], round(photo.height * scale))))
    x, y = (int(sheet.rng.integers(0, spare + 1)) for spare in (large.width - size[0], large.height - size[1]))
    return ImageEnhance.Color(large.crop((x, y, x + size[0], y + size[1]))).enhance(sheet.between(0.6, 1.4))


def _paint_gradient(sheet: _Sheet, ground: Colour) -> None:
    if sheet.chance(0.5):
        return
    width, height = sheet.image.size
    other = np.clip(np.array(ground) + sheet.rng.uniform(-60, 60, 3), 0, 255)
    ramp = np.linspace(0, 1, width)[None, :, None] if sheet.chance(0.5) else np.linspace(0, 1, height)[:, None, None]
    mixed = np.array(ground) * (1 - ramp) + other * ramp
    sheet.image.paste(Image.fromarray(np.broadcast_to(mixed, (height, width, 3)).astype(np.uint8)))


def _scatter(sheet: _Sheet, ground: Colour) -> None:
    """Draw a few decorative shapes."""
    draw = ImageDraw.Draw(sheet.image)
    for _ in range(int(sheet.rng.integers(0, 6))):
        x, y = sheet.between(0, sheet.image.width), sheet.between(0, sheet.image.height)
        reach = sheet.unit * sheet.between(0.02, 0.35)
        tone = tuple(int(np.clip(one + sheet.between(-50, 50), 0, 255)) for one in ground)
        box = (x - reach, y - reach, x + reach, y + reach)
        (draw.ellipse if sheet.chance(0.6) else draw.rectangle)(box, fill=tone)


def _print_on(sheet: _Sheet, place: tuple[int, int, int, int]) -> None:
    """Print letters on objects in a photograph, like labels of products and signs."""
    for _ in range(int(sheet.rng.choice([0, 0, 1, 1, 2, 3]))):
        tone = tuple(np.asarray(sheet.image.crop(place).resize((1, 1)))[0, 0])
        size = sheet.unit * float(np.exp(sheet.between(np.log(0.015), np.log(0.16))))
        texts = [str(sheet.pick(read_phrases()["prints"])) for _ in range(int(sheet.rng.choice([1, 1, 2, 3])))]
        if sheet.chance(0.2):
            texts = [sheet.brand]
        ink = _ink_on(sheet, (int(tone[0]), int(tone[1]), int(tone[2])))
        font = sheet.pick(_fonts("Latin"))
        rows = [Row([(text, ink)], sheet.between(0.6, 1.4), font) for text in texts]
        element = Element("product_print", rows, size, align="centre")
        width, height = _extent(element)
        x0, y0 = sheet.between(0.15, 0.7), sheet.between(0.15, 0.75)
        x, y = place[0] + x0 * (place[2] - place[0]), place[1] + y0 * (place[3] - place[1])
        is_free = _is_free(sheet, (x - size, y - size, x + width + size, y + height + size)) or not sheet.roles
        if place[2] > x + width and place[3] > y + height and is_free:
            if sheet.chance(0.25):  # on the object's own label
                rim = 0.5 * size
                ImageDraw.Draw(sheet.image).rectangle(
                    (x - rim, y - rim, x + width + rim, y + height + rim), fill=_ground_for(ink)
                )
            _put(sheet, element, x, y, angle=sheet.between(-12, 12) if sheet.chance(0.4) else 0.0)


def _ground_for(ink: Colour) -> Colour:
    return (235, 232, 225) if _light(ink) < 120 else (45, 50, 60)


# words


def _say(sheet: _Sheet, role: str, script_of: str = "") -> str:
    language = sheet.language
    if role in ("button", "tag", "badge", "subline") and language["script"] != "Latin" and sheet.chance(0.12):
        language = read_phrases()["languages"]["en"]
    text = str(sheet.pick(language[role]))
    number = str(sheet.pick([5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 75, 80, 99, 100, 120, 199, 250, 299, 590, 999, 1290]))
    if role in ("offer", "headline") or "%" in text:
        number = str(sheet.pick([5, 10, 15, 20, 25, 30, 40, 50, 70]))
    text = (
        text.replace("{n}", number)
        .replace("{name}", sheet.brand)
        .replace("{brand}", "".join(c for c in sheet.brand.casefold() if c.isascii() and c.isalnum()))
    )
    case = sheet.rng.random()
    if role in ("headline", "subline", "offer", "button", "tag", "badge", "brand"):
        if case < 0.35:
            return text.upper()
        if case < 0.45:
            return text.title()
    return text


def _wrap(text: str, num: int, script: str) -> list[str]:
    """Return a text in at most `num` lines of similar length."""
    if script in UNSPACED and " " not in text:
        step = max(2, -(-len(text) // num))
        return [text[start : start + step] for start in range(0, len(text), step)]
    words = text.split()
    num = min(num, len(words))
    aim, lines = sum(map(len, words)) / num, [""]
    for word in words:
        if lines[-1] and len(lines) < num and len(lines[-1]) + len(word) / 2 > aim:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _script_of(text: str, own: str) -> str:
    return own if any(ord(char) > 0x2FF and char.isalpha() for char in text) else "Latin"


def _font(sheet: _Sheet, text: str) -> Path:
    path: Path = sheet.pick(_fonts(_script_of(text, sheet.language["script"])))
    return path


def _make(sheet: _Sheet, role: str, size: float, ground: Colour, width: float) -> Element:
    """Return a block of a role whose rows fit a width in px."""
    text = sheet.brand if role == "brand" else _say(sheet, role)
    ink, accent = _ink_on(sheet, ground), _ink_on(sheet, ground)
    font = _font(sheet, text)
    if role == "subline" and sheet.chance(0.12):  # a list
        texts = [f"{sheet.pick(['• ', '- ', '✓ ', ''])}{_say(sheet, 'subline')}" for _ in range(int(sheet.rng.integers(2, 6)))]
        rows = [Row([(one, ink)], 1.0, font) for one in texts]
    elif role == "address" and sheet.chance(0.4):
        rows = [Row([(_say(sheet, "address"), ink)], 1.0, font) for _ in range(int(sheet.rng.integers(2, 5)))]
    elif role == "brand":
        rows = [Row([(text.upper() if sheet.chance(0.4) else text, ink)], 1.0, font)]
        if sheet.chance(0.35):
            rows.append(Row([(str(sheet.pick(read_phrases()["slogans"])), ink)], sheet.between(0.3, 0.65), font))
    elif role in ("offer", "price") and sheet.chance(0.45) and len(text.split()) > 1:
        parts = _wrap(text, int(sheet.rng.integers(2, 4)), sheet.language["script"])
        rows = [
            Row([(one, ink)], sheet.between(1.1, 1.9) if any(map(str.isdigit, one)) else sheet.between(0.6, 1.0), font)
            for one in parts
        ]
    else:
        if role in ("headline", "subline") and sheet.chance(0.3):
            text = f"{text} {_say(sheet, role)}" if role == "subline" or sheet.chance(0.4) else text
        if role == "headline" and sheet.chance(0.18):
            text = _say(sheet, "offer") if sheet.chance(0.3) else f"{text} {_say(sheet, 'offer')}"
        most = {"headline": 4, "subline": 3, "badge": 3, "legal": 2, "button": 1, "tag": 1, "proof": 2}.get(role, 2)
        room = max(1, int(len(text) * size * 0.75 / max(width, 1)))
        rows = [
            Row([(one, ink)], 1.0, font)
            for one in _wrap(text, int(np.clip(room + int(sheet.chance(0.4)), 1, most + room)), sheet.language["script"])
        ]
    if role == "headline":
        _emphasise(sheet, rows, accent)
    leading = sheet.between(0.98, 1.2) if sheet.chance(0.75) else sheet.between(1.2, 1.7)
    return Element(role, rows, size, leading=leading)


def _emphasise(sheet: _Sheet, rows: list[Row], accent: Colour) -> None:
    """Give a row or a word of a headline another colour, size or font, as in real ads."""
    if sheet.chance(0.35):
        row = sheet.pick(rows)
        words = row.text.split(" ")
        if sheet.chance(0.5) and len(words) > 1:
            chosen = int(sheet.rng.integers(len(words)))
            row.runs = [(f"{word} ", accent if place == chosen else row.runs[0][1]) for place, word in enumerate(words)]
        else:
            row.runs = [(text, accent) for text, _ in row.runs]
    if len(rows) > 1 and sheet.chance(0.12):  # capitals in some rows only
        first = int(sheet.rng.integers(1, len(rows)))
        for row in rows[first:]:
            row.runs = [(text.upper(), ink) for text, ink in row.runs]
    if len(rows) > 1 and sheet.chance(0.22):
        row = sheet.pick(rows)
        row.scale = sheet.pick([sheet.between(0.35, 0.85), sheet.between(1.2, 2.2)])
        if sheet.chance(0.4):
            row.font = _font(sheet, row.text)


# placing


def _measure(row: Row, size: float) -> tuple[float, float, float]:
    """Return width, top and bottom of a row's letters relative to the top of its font, px."""
    face = _face(row.font, max(6, round(size * row.scale)))
    box = face.getbbox(row.text.strip() or "x")
    return float(face.getlength(row.text.strip())), float(box[1]), float(box[3])


def _extent(element: Element) -> tuple[float, float]:
    widths = [_measure(row, element.size)[0] for row in element.rows]
    heights = [element.size * row.scale * element.leading for row in element.rows]
    return max(widths), sum(heights)


def _shrink(element: Element, width: float) -> None:
    wide = _extent(element)[0]
    if wide > width:
        element.size = max(7.0, element.size * width / wide)


def _put(sheet: _Sheet, element: Element, x: float, y: float, *, angle: float = 0.0) -> None:
    """Draw an element with its letters starting at a corner, and record its lines."""
    width, height = _extent(element)
    draw = ImageDraw.Draw(sheet.image)
    if element.plate is not None:
        _draw_plate(sheet, draw, element, (x, y, x + width, y + height))
    number = len(sheet.roles)
    sheet.roles.append(element.role)
    layer = Image.new("L", sheet.image.size) if angle else None
    top = y
    for row in element.rows:
        row_width, above, below = _measure(row, element.size)
        left = x + {"left": 0.0, "centre": (width - row_width) / 2, "right": width - row_width}[element.align or "left"]
        face = _face(row.font, max(6, round(element.size * row.scale)))
        at, spare = left, element.size * row.scale * element.leading - (below - above)
        base = top + spare / 2 - above
        for text, ink in row.runs:
            if layer is None:
                draw.text((at, base), text, font=face, fill=ink)
            else:
                ImageDraw.Draw(layer).text((at, base), text, font=face, fill=255)
            at += face.getlength(text)
        corners = np.array(
            [[left, base + above], [left + row_width, base + above], [left + row_width, base + below], [left, base + below]]
        )
        rim = sheet.between(0.02, 0.14) * (below - above)
        corners += np.array([[-rim, -rim], [rim, -rim], [rim, rim], [-rim, rim]])
        if angle:
            corners = _turn(corners, (x + width / 2, y + height / 2), angle)
        sheet.lines.append(TextLine(text=row.text.strip(), quad_xy_px=corners.astype(np.float32), confidence=0.9))
        sheet.block.append(number)
        top += element.size * row.scale * element.leading
    if layer is not None:
        turned = layer.rotate(-angle, Image.Resampling.BILINEAR, center=(x + width / 2, y + height / 2))
        sheet.image.paste(element.rows[0].runs[0][1], mask=turned)
    sheet.taken.append((x - 4, y - 4, x + width + 4, y + height + 4))


def _turn(corners: np.ndarray, middle: tuple[float, float], angle_deg: float) -> np.ndarray:
    turn = np.deg2rad(angle_deg)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    turned: np.ndarray = (corners - middle) @ matrix + middle
    return turned


def _draw_plate(sheet: _Sheet, draw: ImageDraw.ImageDraw, element: Element, box: tuple[float, float, float, float]) -> None:
    x0, y0, x1, y1 = box
    pad_x, pad_y = element.size * sheet.between(0.5, 1.3), element.size * sheet.between(0.25, 0.6)
    if element.round_plate:
        reach = 0.5 * max(x1 - x0, y1 - y0) * sheet.between(1.15, 1.4)
        middle = ((x0 + x1) / 2, (y0 + y1) / 2)
        draw.ellipse((middle[0] - reach, middle[1] - reach, middle[0] + reach, middle[1] + reach), fill=element.plate)
        sheet.taken.append((middle[0] - reach, middle[1] - reach, middle[0] + reach, middle[1] + reach))
        return
    grown = (x0 - pad_x, y0 - pad_y, x1 + pad_x, y1 + pad_y)
    radius = sheet.pick([0, 0.15, 0.45]) * (grown[3] - grown[1])
    radius = radius if grown[3] - grown[1] > LEAST_ROUND_PX else 0.0  # Pillow draws no outline around smaller round plates
    if element.outline:
        draw.rounded_rectangle(grown, radius, outline=element.plate, width=max(2, sheet.unit // 250))
    else:
        draw.rounded_rectangle(grown, radius, fill=element.plate)
    sheet.taken.append(grown)


def _lay_out(sheet: _Sheet, region: tuple[float, float, float, float], ground: Colour) -> None:
    x0, y0, x1, y1 = region
    is_whole = (x1 - x0, y1 - y0) == sheet.image.size
    if is_whole and sheet.chance(0.4 if x1 - x0 < 1.5 * (y1 - y0) else 0.75):  # words in one part of a picture
        cut = (x1 - x0) * sheet.between(0.45, 0.7)
        x0, x1 = (x0, x0 + cut) if sheet.chance(0.6) else (x1 - cut, x1)
    margin = sheet.unit * sheet.between(0.03, 0.09)
    room = (x0 + margin, y0 + margin, x1 - margin, y1 - margin)
    width = room[2] - room[0]
    head = sheet.unit * float(np.exp(sheet.between(np.log(0.045), np.log(0.22))))
    column = _choose_column(sheet, head, ground, width)
    align = sheet.pick(["left", "centre", "centre", "right" if sheet.language["script"] in RIGHT_TO_LEFT else "left"])
    tight = sheet.between(0.08, 0.5)
    is_close = sheet.chance(0.5)  # to the smaller neighbour's letters, like designers place text below a large line
    below = [*column[1:], column[-1]]
    gaps = [
        min(one.size, after.size) * sheet.between(0.2, 1.0) if is_close else head * sheet.between(tight, 0.7)
        for one, after in zip(column, below, strict=True)
    ]
    edges = (
        (["brand"] if sheet.chance(0.75) else [])
        + (["legal"] if sheet.chance(0.3) else [])
        + (["address"] if sheet.chance(0.35) else [])
    )
    edges += ["address"] * int(sheet.rng.integers(1, 3)) if sheet.chance(0.12) else []
    reserve = sheet.unit * 0.14 if edges else 0.0
    for _ in range(12):
        height = sum(_padded(one) for one in column) + sum(gaps[:-1])
        if height <= room[3] - room[1] - reserve or (len(column) < 2 and height <= room[3] - room[1]):
            break
        if len(column) > 3 and column[-2].role != "headline" and sheet.chance(0.5):
            del column[-2], gaps[-1]
        for one in column:
            one.size *= 0.88
        gaps = [gap * 0.85 for gap in gaps]
    spare = max(0.0, room[3] - room[1] - sum(_padded(one) for one in column) - sum(gaps[:-1]))
    top = room[1] + spare * float(sheet.rng.choice([0.15, 0.5, 0.85, sheet.rng.random()]))
    for one, gap in zip(column, gaps, strict=True):
        one.align = align
        wide, high = _extent(one)
        pad = (_padded(one) - high) / 2
        left = room[0] + {"left": 0.0, "centre": (width - wide) / 2, "right": width - wide}[align]
        inset = one.size if one.plate is not None and align != "centre" else 0.0
        inset += sheet.unit * sheet.between(-0.03, 0.03) if sheet.chance(0.35) else 0.0
        _put(sheet, one, left + (inset if align == "left" else -inset), top + pad)
        top += high + 2 * pad + gap
    for role, share, most in ASIDE:
        edges += [role] * (int(sheet.rng.integers(1, most + 1)) if sheet.chance(share) else 0)
    if sheet.chance(0.1):
        _put_partners(sheet, ground, margin)
    for role in edges:
        _put_aside(sheet, role, head, ground)
    if is_whole and sheet.chance(0.5):
        _print_on(sheet, (0, 0, *sheet.image.size))


def _padded(element: Element) -> float:
    return _extent(element)[1] + (element.size * 1.2 if element.plate is not None else 0.0)


def _choose_column(sheet: _Sheet, head: float, ground: Colour, width: float) -> list[Element]:
    """Return the content of the headline's column, from top to bottom."""
    order: list[tuple[str, float]] = []
    if sheet.chance(0.25):
        order.append((sheet.pick(["tag", "tag", "subline", "badge", "brand"]), sheet.between(0.25, 0.5)))
    kind = sheet.rng.random()
    if kind > 0.74:
        order.append(("brand", float(np.exp(sheet.between(-0.4, 1.3)))))
    if kind < 0.94:
        order.append(("headline", 1.0))
    for _ in range(int(sheet.rng.choice([0, 1, 1, 1, 2, 2, 3]))):
        order.append(("subline", sheet.between(0.25, 0.62) if sheet.chance(0.75) else sheet.between(0.6, 1.05)))
    if sheet.chance(0.35):
        amount = (sheet.pick(["offer", "offer", "price"]), float(np.exp(sheet.between(-0.9, 0.8))))
        order.insert(int(sheet.rng.integers(0, len(order) + 1)) if sheet.chance(0.4) else len(order), amount)
        if sheet.chance(0.25):
            order.append((sheet.pick(["offer", "price"]), amount[1]))
    if sheet.chance(0.12):
        order.append(("proof", sheet.between(0.22, 0.4)))
    if sheet.chance(0.5):
        order.append(("button", sheet.between(0.24, 0.45)))
    if sheet.chance(0.14):
        order.append((sheet.pick(["legal", "legal", "address"]), sheet.between(0.16, 0.35)))
    column = []
    for role, share in order:
        shown = max(9.0, head * share)
        ground_of = ground
        plate: Colour | None = None
        if (
            (role == "button" and sheet.chance(0.9))
            or (role in ("offer", "badge", "price") and sheet.chance(0.4))
            or sheet.chance(0.03)
        ):
            plate = ground_of = _plate_on(sheet, ground)
        one = _make(sheet, role, shown, ground_of, width * (0.8 if plate else 1.0))
        one.plate = plate
        one.outline = role == "button" and plate is not None and sheet.chance(0.12)
        if one.outline:
            one.plate = one.rows[0].runs[0][1]
        _shrink(one, width * (0.75 if plate else 1.0))
        column.append(one)
    return column


def _plate_on(sheet: _Sheet, ground: Colour) -> Colour:
    for _ in range(20):
        plate = sheet.pick([_colour(sheet), _colour(sheet, calm=True), (255, 255, 255)])
        if np.linalg.norm(np.subtract(plate, ground)) > 70:
            return plate  # type: ignore[no-any-return]
    return (200, 30, 40)


def _is_free(sheet: _Sheet, box: tuple[float, float, float, float]) -> bool:
    return not any(min(box[2], b[2]) > max(box[0], b[0]) and min(box[3], b[3]) > max(box[1], b[1]) for b in sheet.taken)


def _put_partners(sheet: _Sheet, ground: Colour, margin: float) -> None:
    """Draw a row of brands at the bottom, like the sponsors of an event."""
    width, height = sheet.image.size
    size = sheet.unit * sheet.between(0.025, 0.06)
    x, y = margin, height - margin - size * 1.6
    brands = sheet.rng.permutation(read_phrases()["brands"])[: int(sheet.rng.integers(2, 6))]
    for name in brands:
        one = _make(sheet, "brand", size, ground, width * 0.3)
        one.rows[0].runs = [(str(name), one.rows[0].runs[0][1])]
        wide, high = _extent(one)
        if x + wide > width - margin or not _is_free(sheet, (x, y, x + wide, y + high)) or y + high > height:
            return
        _put(sheet, one, x, y)
        x += wide + size * sheet.between(1.0, 3.0)


def _put_aside(sheet: _Sheet, role: str, head: float, ground: Colour) -> None:
    """Place a block outside the column at its usual position: logos in corners, small print at the bottom."""
    width, height = sheet.image.size
    share = {
        "brand": (0.3, 0.9),
        "legal": (0.12, 0.24),
        "address": (0.15, 0.35),
        "badge": (0.25, 0.5),
        "offer": (0.35, 1.0),
        "tag": (0.15, 0.35),
        "subline": (0.2, 0.4),
    }[role]
    size = max(8.0, head * sheet.between(*share))
    plate = _plate_on(sheet, ground) if role in ("badge", "offer") and sheet.chance(0.85) else None
    if plate is None and role in ("brand", "address", "tag") and sheet.chance(0.12):
        plate = _plate_on(sheet, ground)
    one = _make(sheet, role, size, plate or ground, width * 0.5)
    one.plate, one.round_plate, one.align = (
        plate,
        role in ("badge", "offer") and sheet.chance(0.6),
        sheet.pick(["centre", "left"]),
    )
    _shrink(one, width * (0.9 if role in ("legal", "address") else 0.45))
    wide, high = _extent(one)
    rim = sheet.unit * sheet.between(0.02, 0.06) + (one.size * 1.2 if plate else 0)
    for _ in range(14):
        x = sheet.pick([rim, (width - wide) / 2, width - wide - rim, sheet.between(0, max(1.0, width - wide))])
        if role in ("legal", "address"):
            y = height - high - rim * sheet.between(0.5, 2.5)
        elif role in ("brand", "tag"):
            y = sheet.pick([rim, rim, height - high - rim])
        else:
            y = sheet.between(rim, max(rim + 1, height - high - rim))
        grown = (x - rim / 2, y - rim / 2, x + wide + rim / 2, y + high + rim / 2)
        is_free = _is_free(sheet, grown)
        if is_free and x >= 0 and y >= 0 and x + wide <= width and y + high <= height:
            if plate is None:
                spot = np.asarray(
                    sheet.image.crop((round(x), round(y), round(x + wide) + 1, round(y + high) + 1)).resize((1, 1))
                )[0, 0]
                ink = _ink_on(sheet, (int(spot[0]), int(spot[1]), int(spot[2])))
                for row in one.rows:
                    row.runs = [(text, ink) for text, _ in row.runs]
            is_tilted = role in ("badge", "offer") and sheet.chance(0.35)  # on a burst or a ribbon
            angle = sheet.between(-40, 40) if is_tilted else 0.0
            if role == "brand" and sheet.chance(0.4) and x > high * 1.4:
                mark = (x - high * 1.3, y, x - high * 0.3, y + high)
                ImageDraw.Draw(sheet.image).ellipse(mark, fill=_plate_on(sheet, ground))
            one.round_plate |= bool(angle)
            _put(sheet, one, x, y, angle=angle)
            return


def _misread(sheet: _Sheet) -> tuple[list[TextLine], list[int]]:
    """Return lines and their blocks with a reader's usual errors: missed or split lines, lost spaces, misread letters."""
    lines, blocks = [], []
    for line, number in zip(sheet.lines, sheet.block, strict=True):
        if sheet.chance(0.03):
            continue
        text = line.text
        if sheet.chance(0.12):
            text = text.replace(" ", "", int(sheet.rng.integers(1, 3)))
        if sheet.chance(0.12) and len(text) > 3:
            place = int(sheet.rng.integers(len(text)))
            text = text[:place] + str(sheet.pick(list("lIoe1.,"))) + text[place + 1 :]
        if sheet.chance(0.06) and " " in text:
            words = text.split()
            cut = int(sheet.rng.integers(1, len(words)))
            share = len(" ".join(words[:cut])) / len(text)
            a, b, c, d = line.quad_xy_px
            gap = 0.15 / max(len(text), 1)
            left = np.array([a, a + (b - a) * (share - gap), d + (c - d) * (share - gap), d], np.float32)
            right = np.array([a + (b - a) * (share + gap), b, c, d + (c - d) * (share + gap)], np.float32)
            halves = (left, right) if sheet.language["script"] not in RIGHT_TO_LEFT else (right, left)
            for part, quad in zip((words[:cut], words[cut:]), halves, strict=True):
                lines.append(TextLine(text=" ".join(part), quad_xy_px=quad, confidence=line.confidence))
                blocks.append(number)
            continue
        lines.append(TextLine(text=text, quad_xy_px=line.quad_xy_px, confidence=line.confidence))
        blocks.append(number)
    return lines, blocks
