"""Lines of text: possible line breaks (Unicode and ICU by Skia), balanced lines, and their size.

Widths and heights are in em of the type's size, so that one measurement serves all sizes. Independent of ads.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np
import regex
import skia

from adcreative.compose.fonts import Face, typeface
from adcreative.compose.phrases import split_phrases

MEASURED_AT = 100.0  # px, size for measuring widths
SLACK = 1.012  # factor for kerning across segments and rounding
RIGHT_TO_LEFT = ("ar", "fa", "he", "iw", "ur", "ps", "yi", "dv", "ckb")
TALL = r"[\p{Arabic}\p{Thai}\p{Devanagari}\p{Bengali}\p{Tamil}\p{Lao}\p{Khmer}\p{Myanmar}]"  # marks above and below
SPACELESS = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"  # scripts written without spaces
OTHER_SCRIPTS = r"[^\p{Latin}\p{Greek}\p{Cyrillic}\p{Common}\p{Inherited}]|\p{Extended_Pictographic}"
IDEOGRAPHS = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]"
KATAKANA = r"(?<![ァ-ヺー])[ァ-ヺー]{2,5}(?![ァ-ヺー])"  # a loan word, which is not broken; a longer run is a compound
NEVER_FIRST = r"[ーっゃゅょぁぃぅぇぉッャュョァィゥェォ々〜]"  # JIS X 4051: characters that may not begin a line
INSIDE = 0.25  # cost of a break inside a phrase: equal to a line half as long as the others
LINE_GAP = 0.02  # em, minimum space between the ink of two lines, with the 0.02 of air that each of them has
SHORT_WORD = 3  # letters; a line should not end with an article or preposition


@dataclass(frozen=True)
class Type:
    """The type of a text. faces: fonts, first choice first. tracking: em between letters. leading: em between lines."""

    faces: tuple[Face, ...]
    language: str = "en"
    tracking: float = 0.0
    leading: float = 1.1


@dataclass(frozen=True)
class Segment:
    """An unbreakable segment, its width in em, whether a space follows, and the cost of a break after it (0: good)."""

    text: str
    width: float
    space: bool
    cost: float


def is_right_to_left(language: str) -> bool:
    """Return whether a language is written from right to left."""
    return language.lower().split("-")[0] in RIGHT_TO_LEFT


@lru_cache(maxsize=128)
def _collection(faces: tuple[Face, ...]) -> skia.textlayout.FontCollection:
    provider = skia.textlayout.TypefaceFontProvider()
    for number, face in enumerate(faces):
        provider.registerTypeface(typeface(face), f"face{number}")
    collection = skia.textlayout.FontCollection()
    collection.setDefaultFontManager(provider)
    return collection


@lru_cache(maxsize=1)
def _icu() -> skia.Unicode:
    return skia.Unicodes.ICU.Make()


def paragraph(kind: Type, runs: tuple[tuple[str, float], ...], colour: int = 0xFF000000) -> skia.textlayout.Paragraph:
    """Return one line of text from runs of (text, size in px), laid out without a width limit."""
    builder = skia.textlayout.ParagraphBuilder.make(skia.textlayout.ParagraphStyle(), _collection(kind.faces), _icu())
    for text, size in runs:
        style = skia.textlayout.TextStyle()
        style.setFontSize(size)
        style.setFontFamilies([f"face{number}" for number in range(len(kind.faces))])
        style.setColor(colour)
        style.setLocale(kind.language)
        if kind.tracking:
            style.setLetterSpacing(kind.tracking * size)
        builder.pushStyle(style)
        builder.addText(text)
        builder.pop()
    built = builder.Build()
    built.layout(1e6)
    return built


def directed(text: str, kind: Type) -> str:
    """Return a line with explicit direction marks, so that numbers and Latin names are placed according to the language."""
    return f"\u202b{text}\u202c" if is_right_to_left(kind.language) else text


@lru_cache(maxsize=8192)
def line_width(text: str, kind: Type) -> float:
    """Return the width of a line in em."""
    if not text:
        return 0.0
    return paragraph(kind, ((directed(text, kind), MEASURED_AT),)).MaxIntrinsicWidth / MEASURED_AT


def unbroken_width(text: str, kind: Type) -> float:
    """Return the width in em of a box that fits a text in one line; at least `line_width`, which kerns across words."""
    parts, space = segments(text, kind), line_width(" ", kind)
    return SLACK * max(
        line_width(text, kind), sum(part.width for part in parts) + space * sum(part.space for part in parts[:-1])
    )


@lru_cache(maxsize=2048)
def segments(text: str, kind: Type) -> tuple[Segment, ...]:
    """Return a text's unbreakable segments: words, and in scripts without spaces the units of ICU's dictionary."""
    found: list[Segment] = []
    for word in regex.split(r"[ \t\r\n\u200b]+", text.strip()):
        is_spaceless = bool(regex.search(SPACELESS, word))
        pieces = _pieces(word, kind) if is_spaceless else [word]
        ends = set(accumulate(map(len, split_phrases(word, kind.language)))) if is_spaceless else set[int]()
        for piece, end in zip(pieces, accumulate(map(len, pieces)), strict=True):
            last = end == len(word)
            found.append(Segment(piece, line_width(piece, kind), last, _cost(piece, last, last or end in ends)))
    return tuple(found)


def _pieces(word: str, kind: Type) -> list[str]:
    """Return ICU's units: a break is allowed if two adjacent letters at a very large size are separable."""
    cuts = [0]
    whole = {at for run in regex.finditer(KATAKANA, word) for at in range(run.start() + 1, run.end())}
    for at in range(1, len(word)):
        pair = word[at - 1 : at + 1]
        if at in whole or regex.match(r"\X", pair).end() > 1 or regex.match(NEVER_FIRST, pair[1]):
            continue
        laid = paragraph(kind, ((word[: at - 1], 1.0), (pair, 200.0), (word[at + 1 :], 1.0)))
        if laid.MinIntrinsicWidth < 0.9 * paragraph(kind, ((pair, 200.0),)).MaxIntrinsicWidth:
            cuts.append(at)
    return [word[a:b] for a, b in zip(cuts, [*cuts[1:], len(word)], strict=True)]


def _cost(piece: str, space: bool, is_phrase: bool) -> float:
    """Return the cost of a line end after a piece, with a space or within a word; is_phrase: a phrase ends there."""
    if regex.search(r"[.!?。！？،,;:、—–]$", piece):
        return -0.04
    if space:
        return 0.05 if len(piece) <= SHORT_WORD else 0.0
    return 0.0 if is_phrase else INSIDE


@lru_cache(maxsize=65536)
def num_lines(text: str, kind: Type, width: float) -> int:
    """Return the minimum number of lines of at most `width` em; 0 if a word is wider."""
    if text.strip() == "":
        return 0
    space, count, used = line_width(" ", kind), 1, 0.0
    before = False
    for segment in segments(text, kind):
        if segment.width * SLACK > width:
            return 0
        wider = used + (space if before else 0.0) + segment.width
        if used and wider * SLACK > width:
            count, used = count + 1, segment.width
        else:
            used = wider
        before = segment.space
    return count


@lru_cache(maxsize=8192)
def balanced_lines(text: str, kind: Type, width: float) -> tuple[str, ...]:
    """Return the lines of a text, as few as fit in `width` em and as even as possible, without a last line of one short word.

    Minimizes the sum of squared differences from the mean line, plus the cost of each break, by dynamic programming.
    """
    count = num_lines(text, kind, width)
    if count <= 1:
        return (" ".join(text.split()),)
    parts, space = segments(text, kind), line_width(" ", kind)
    ends = np.cumsum([segment.width + space * segment.space for segment in parts])
    starts = np.concatenate([[0.0], ends[:-1]])
    target = ends[-1] / count

    def cost(first: int, last: int) -> float:
        run = ends[last] - space * parts[last].space - starts[first]
        if run * SLACK > width:
            return float("inf")
        alone = 0.15 if last == len(parts) - 1 and first == last and run < 0.45 * target else 0.0
        return ((run - target) / target) ** 2 + alone + (parts[last].cost if last < len(parts) - 1 else 0.0)

    best: list[dict[int, tuple[float, int]]] = [{0: (0.0, 0)}]
    for _ in range(count):
        row: dict[int, tuple[float, int]] = {}
        for first, (so_far, _) in best[-1].items():
            for last in range(first, len(parts)):
                added = cost(first, last)
                if added == float("inf"):
                    break
                if last + 1 not in row or so_far + added < row[last + 1][0]:
                    row[last + 1] = (so_far + added, first)
        best.append(row)
    if len(parts) not in best[-1]:  # rounding left one segment over
        return balanced_lines(text, kind, width * 0.98)
    lines, end = [], len(parts)
    for row in reversed(best[1:]):
        first = row[end][1]
        lines.append("".join(part.text + " " * part.space for part in parts[first:end]).strip())
        end = first
    return tuple(reversed(lines))


def _bounds(font: skia.Font, letters: str) -> list[skia.Rect]:
    """Return the box of each letter that a font has."""
    return list(font.getBounds([glyph for glyph in font.textToGlyphs(letters) if glyph]))


@lru_cache(maxsize=4096)
def rise_and_fall(text: str, kind: Type) -> tuple[float, float]:
    """Return the extent of a line above and below its baseline in em.

    The font's capitals and descenders for Latin, Greek and Cyrillic, so that lines of one size align whatever their letters;
    the ink itself for scripts with marks.
    """
    if not regex.search(OTHER_SCRIPTS, text):
        font = skia.Font(typeface(kind.faces[0]), MEASURED_AT)
        font.setHinting(skia.FontHinting.kNone)  # which rounds to whole pixels
        font.setSubpixel(True)
        marks = "".join(letter for letter in text if not letter.isalnum() or len(unicodedata.normalize("NFD", letter)) > 1)
        falls = 0.22 if regex.search(r"[gjpqyçşţąęQ,;(/@рудцщфζημξρφχψςβ]", text) else 0.02
        low = max([0.0, *(one.bottom() for one in _bounds(font, marks + "J" * ("J" in text)))])  # hangs in some faces
        high = max([font.getMetrics().fCapHeight, *(-one.top() for one in _bounds(font, "dlifOQ" + marks))])
        return max(0.5, high / MEASURED_AT + 0.02), max(falls, low / MEASURED_AT + 0.02)
    line = paragraph(kind, ((text, MEASURED_AT),))
    width, height = int(line.MaxIntrinsicWidth) + 200, int(MEASURED_AT * 4)
    pixels = np.zeros((height, width, 4), np.uint8)
    surface = skia.Surface(pixels)
    line.paint(surface.getCanvas(), 100, MEASURED_AT)
    rows = np.flatnonzero(pixels[..., 3].max(1) > 40)
    baseline = MEASURED_AT + line.AlphabeticBaseline
    if not rows.size:
        return 0.7, 0.0
    return (baseline - rows[0]) / MEASURED_AT + 0.02, max(0.0, (rows[-1] + 1 - baseline) / MEASURED_AT) + 0.02


@lru_cache(maxsize=4096)
def overhang(text: str, kind: Type) -> float:
    """Return how far the first letter of a line reaches beyond the line's start, such as a J with a hook, in em."""
    font = skia.Font(typeface(kind.faces[0]), MEASURED_AT)
    font.setHinting(skia.FontHinting.kNone)
    return max([0.0, *(-one.left() for one in _bounds(font, text[:1]))]) / MEASURED_AT


def leading_of(text: str, kind: Type, display: bool) -> float:
    """Return the distance between baselines in em required by a text's script, and at least by its letters' ink and marks."""
    if regex.search(TALL, text):
        return 1.42 if display else 1.5
    if regex.search(IDEOGRAPHS, text):
        return 1.25 if display else 1.5
    return max(1.06 if display else 1.34, sum(rise_and_fall(text, kind)) + LINE_GAP)
