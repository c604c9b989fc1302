"""Draws lines of random words in each classified script, over drawn grounds, cropped like a detector's output.

Words are random, roughly pronounceable sequences of a script's letters: only shapes are learnt, so no real text is needed.
Fonts are those of the machine with all letters of a line (Debian: fonts-noto-core, fonts-noto-cjk and
others under open licences).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont, TTLibError
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from adcreative.encoders.language import english_words
from adcreative.lettering.reading.scripts import HEIGHT_PX, SCRIPTS

FONT_FOLDER = Path("/usr/share/fonts")
MODERN_SHARE = 0.5
_DIGITS = "0123456789"


def _letters(first: int, last: int) -> str:
    return "".join(map(chr, range(first, last + 1)))


# script -> (initials of a syllable, possible continuations, optional signs); random words are runs of syllables
SYLLABLES: Mapping[str, tuple[str, str, str]] = {
    "Cyrillic": ("бвгджзклмнпрстфхцчшщй", "аеиоуыэюяіїєёьъ", "нлмрстй"),
    "Greek": ("βγδζθκλμνξπρστφχψ", "αεηιουωάέήίόύώ", "νςσ"),
    "Arabic": ("ابتثجحخدذرزسشصضطظعغفقكلمنهويپچگک", "اويةىهیءأإ", "نلمرت"),
    "Hebrew": ("אבגדהוזחטיכלמנסעפצקרשת", "ויאה", "םןךףץתרל"),
    "Devanagari": (_letters(0x0915, 0x0939), "ािीुूेैोौं", "्"),
    "Bengali": ("কখগঘচছজঝটঠডঢতথদধনপফবভমযরলশষসহ", "ািীুূেোং", "্"),
    "Thai": (_letters(0x0E01, 0x0E2E), "ะัาิีึืุูเแโไใำ", "่้๊็"),
    "Hangul": (_letters(0xAC00, 0xD7A3), "", ""),
    "Han": (_letters(0x4E00, 0x9FA5), "", ""),
    "kana": (_letters(0x3042, 0x3093) + _letters(0x30A2, 0x30F3), "", "ー"),
}
_OWN_DIGITS = {"Arabic": "٠١٢٣٤٥٦٧٨٩", "Devanagari": "०१२३४५६७८९", "Bengali": "০১২৩৪৫৬৭৮৯", "Thai": "๐๑๒๓๔๕๖๗๘๙"}
_ACCENTS = str.maketrans({"a": "á", "e": "é", "o": "ö", "u": "ü", "c": "ç", "n": "ñ", "s": "š", "z": "ž", "i": "í"})
_SIGNS = ("%", "€", "$", "-", "+", "/", ",", ".", ":", "!", "₹", "£", "*")


@dataclass(frozen=True)
class DrawnLine:
    """A line of text cropped from a picture: grey levels [HEIGHT_PX, W] uint8, and the index of its script."""

    grey_u8: np.ndarray
    script: int


def draw_lines(num: int, *, seed: int) -> Iterator[DrawnLine]:
    """Yield `num` lines, each script equally often; deterministic for a seed and fonts."""
    rng = np.random.default_rng(seed)
    for number in range(num):
        script = SCRIPTS[number % len(SCRIPTS)]
        text = make_text(script, rng)
        fonts = [Path(one) for one in rng.permutation(fonts_with(script))]
        if rng.random() < MODERN_SHARE:  # as in ads: Noto's come first, which have no loops and no serifs in most scripts
            fonts.sort(key=lambda one: not one.name.startswith("Noto"))
        font = next((one for one in fonts if all(ord(char) in _letters_of(one) for char in text)), fonts[0])
        yield DrawnLine(_draw(text, font, rng), number % len(SCRIPTS))


def make_text(script: str, rng: np.random.Generator) -> str:
    """Return one to five random words of a script; digits and signs for "none"."""
    if script == "none":
        parts = [_number(_DIGITS, rng) for _ in range(rng.integers(1, 3))]
        return " ".join(f"{rng.choice(_SIGNS) if rng.random() < 0.5 else ''}{one}" for one in parts) + str(rng.choice(_SIGNS))
    words = [_latin(rng) if script == "Latin" else _word(script, rng) for _ in range(rng.integers(1, 6))]
    if rng.random() < 0.25:
        words.insert(int(rng.integers(len(words) + 1)), _number(_OWN_DIGITS.get(script, _DIGITS), rng))
    case = rng.choice(["lower", "title", "upper", "first"])
    joiner = "" if script in ("Han", "kana", "Thai") else " "
    text = joiner.join(words)
    turned = {"lower": text, "title": text.title(), "upper": text.upper(), "first": text[:1].upper() + text[1:]}[case]
    return turned + str(rng.choice(["", "", "", "!", "?", ".", ":"]))


def _number(digits: str, rng: np.random.Generator) -> str:
    return "".join(rng.choice(list(digits), rng.integers(1, 5)))


@cache
def _english() -> tuple[str, ...]:
    return tuple(sorted(word for word in english_words() if 2 <= len(word) <= 11))


def _latin(rng: np.random.Generator) -> str:
    word = _english()[rng.integers(len(_english()))]
    return word.translate(_ACCENTS) if rng.random() < 0.2 else word


def _word(script: str, rng: np.random.Generator) -> str:
    first, second, signs = SYLLABLES[script]
    word = ""
    for _ in range(rng.integers(1, 5)):
        word += first[rng.integers(len(first))]
        if second and rng.random() < 0.75:
            word += second[rng.integers(len(second))]
        if signs and rng.random() < 0.2 and not (script in ("Devanagari", "Bengali") and word[-1] in second):
            word += signs[rng.integers(len(signs))]
    return word.rstrip("्্")


@cache
def fonts_with(script: str, folder: Path = FONT_FOLDER) -> tuple[str, ...]:
    """Return the font files of this machine with the letters of a script.

    Raises:
        FileNotFoundError: no font has them.
    """
    sample = (
        "Aé" if script == "Latin" else _DIGITS if script == "none" else "".join("".join(part[:6] for part in SYLLABLES[script]))
    )
    found = [str(path) for path in sorted(folder.rglob("*.[to]t[fc]")) if all(ord(one) in _letters_of(path) for one in sample)]
    if not found:
        raise FileNotFoundError(f"no font below {folder} has the letters of {script}; on Debian install fonts-noto-core")
    return tuple(found)


@cache
def _letters_of(path: Path) -> frozenset[int]:
    try:
        with TTFont(path, fontNumber=0, lazy=True) as font:
            return frozenset(font.getBestCmap() or ())
    except (TTLibError, OSError):
        return frozenset()


def _draw(text: str, font: Path, rng: np.random.Generator) -> np.ndarray:
    """Return a line in a random size, ink, ground and blur, cropped as loosely as by a detector, [HEIGHT_PX, W]."""
    size = int(rng.integers(18, 64))
    face = ImageFont.truetype(str(font), size, layout_engine=ImageFont.Layout.RAQM)
    left, top, right, bottom = face.getbbox(text, stroke_width=0)
    pad_x, pad_y = (int(size * rng.uniform(0.0, 0.35)) for _ in range(2))
    width, height = max(int(right - left), 4) + 2 * pad_x, max(int(bottom - top), 4) + 2 * pad_y
    ground, ink = _tones(rng)
    canvas = Image.fromarray(_ground(height, width, ground, rng))
    at = (pad_x - left + int(rng.integers(-2, 3)), pad_y - top + int(rng.integers(-2, 3)))
    stroke = int(size * rng.uniform(0.02, 0.06)) if rng.random() < 0.1 else 0
    ImageDraw.Draw(canvas).text(at, text, fill=ink, font=face, stroke_width=stroke, stroke_fill=ink)
    if rng.random() < 0.3:
        canvas = canvas.rotate(float(rng.uniform(-4, 4)), Image.Resampling.BICUBIC, fillcolor=ground)
    if rng.random() < 0.4:
        canvas = canvas.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.4) * size / 40)))
    stretch = float(rng.uniform(0.8, 1.25))
    resized = canvas.resize((max(4, round(HEIGHT_PX * width / height * stretch)), HEIGHT_PX), Image.Resampling.BILINEAR)
    noisy = np.asarray(resized, np.float32) + rng.normal(0.0, rng.uniform(0.0, 8.0), (HEIGHT_PX, resized.width))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _tones(rng: np.random.Generator) -> tuple[int, int]:
    """Return grey levels of ground and ink that differ by at least 60."""
    while True:
        ground, ink = (int(one) for one in rng.integers(0, 256, 2))
        if abs(ground - ink) >= 60:
            return ground, ink


def _ground(height: int, width: int, tone: int, rng: np.random.Generator) -> np.ndarray:
    """Return a uniform ground, a gradient, or soft blobs like an unfocused photograph, [height, width] uint8."""
    kind, plain = rng.random(), np.full((height, width), float(tone))
    if kind < 0.35:
        plain += np.linspace(-1, 1, width)[None, :] * rng.uniform(-40, 40)
    elif kind < 0.6:
        coarse = Image.fromarray(rng.normal(128, 40, (4, 8)).clip(0, 255).astype(np.uint8))
        plain += (np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float32) - 128.0) * rng.uniform(
            0.2, 0.7
        )
    return plain.clip(0, 255).astype(np.uint8)


def stack_windows(lines: Sequence[DrawnLine], width: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a window of each line [N, HEIGHT_PX, width] uint8, padded by its last column, and scripts [N]."""
    windows = np.empty((len(lines), HEIGHT_PX, width), np.uint8)
    for place, line in enumerate(lines):
        spare = line.grey_u8.shape[1] - width
        first = int(rng.integers(spare + 1)) if spare > 0 else 0
        part = line.grey_u8[:, first : first + width]
        windows[place] = np.pad(part, ((0, 0), (0, width - part.shape[1])), mode="edge")
    return windows, np.array([line.script for line in lines])
