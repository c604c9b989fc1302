"""Reads lines in scripts unknown to the model in the wheel with the program `tesseract`, if installed.

One Debian package contains the program, and one each language (tesseract-ocr, tesseract-ocr-ara, ...). The program gets
single-line pictures as files and is stopped after a minute. Knows pixels and texts; no blocks, no roles.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

# script, or language with letters unknown to the model in the wheel -> languages in tesseract's names; the installed ones
# are used together
LANGUAGES: Mapping[str, tuple[str, ...]] = {
    "Arabic": ("ara", "fas", "urd"),
    "Cyrillic": ("rus", "ukr", "bul", "srp"),
    "Greek": ("ell",),
    "Hebrew": ("heb",),
    "Devanagari": ("hin", "mar", "nep"),
    "Bengali": ("ben",),
    "Thai": ("tha",),
    "Hangul": ("kor",),
    "Vietnamese": ("vie",),
}
_SIGNS = re.compile(r"[\u0610-\u061a\u0640\u064b-\u0652\u0670]")  # Arabic vowel signs, which ads leave out and dirt resembles
_EDGES = " |[]{}_~"  # misreadings of the edges of plates


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, fitted on real ads of the working half (`tests/real`)."""

    line_px: int = 48  # usual height of a line, for which tesseract's models were made
    rim_px: int = 12  # of uniform ground around the line
    blank: float = 0.25  # of a line's height: minimum gap between two words of Thai or Korean
    narrow: float = 0.6  # width of a digit or a mark relative to a syllable
    same_letters: float = 0.7  # minimum similarity of two readings of a line, without accents, for the accents of the second
    timeout_s: float = 60.0  # for the lines of one picture in one script
    # chosen by hand from here on; the method was not recorded
    dark: int = 100  # 0..255: a darker ground is inverted
    least_width_px: int = 8  # of a line


FITTED = Fitted()


@cache
def installed_languages() -> frozenset[str]:
    """Return the languages of the program on the PATH; empty without it, or if the program fails."""
    program = shutil.which("tesseract")
    if program is None:
        return frozenset()
    try:
        told = subprocess.run([program, "--list-langs"], capture_output=True, text=True, check=False, timeout=FITTED.timeout_s)
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    return frozenset(told.stdout.split("\n")[1:]) - {""}


def languages_for(script: str) -> tuple[str, ...]:
    """Return the installed languages of a script; empty for an unreadable script."""
    return tuple(one for one in LANGUAGES.get(script, ()) if one in installed_languages())


def name_package(script: str) -> str:
    """Return the Debian package for a script; "" for an unsupported script."""
    return f"tesseract-ocr-{LANGUAGES[script][0]}" if script in LANGUAGES else ""


def read_crops(
    crops_u8: Sequence[np.ndarray], script: str, blanks: Sequence[Sequence[float]] = (), line_px: int = FITTED.line_px
) -> list[tuple[str, float]]:
    """Return text and confidence (0..1) of pictures [H, W, 3] uint8 with one line each; ("", 0.0) for an unreadable one.

    A line that is light on dark is inverted. A run of the program over a minute reads nothing.

    Args:
        blanks: positions of the spaces in each line, shares of its width; they replace tesseract's own in Korean, whose
            syllables are often split or joined.
        line_px: height to which a line is scaled.
    """
    languages, program = languages_for(script), shutil.which("tesseract")
    if not crops_u8 or not languages or program is None:
        return [("", 0.0)] * len(crops_u8)
    with tempfile.TemporaryDirectory(prefix="adcreative-lines-") as folder:
        names = []
        for number, crop in enumerate(crops_u8):
            names.append(str(Path(folder) / f"{number}.png"))
            _prepare(crop, line_px).save(names[-1])
        listed = Path(folder) / "lines.txt"
        listed.write_text("\n".join(names) + "\n", encoding="utf-8")
        one_thread = {**os.environ, "OMP_THREAD_LIMIT": "1"}
        command = [program, str(listed), "stdout", "-l", "+".join(languages), "--psm", "7", "tsv"]
        try:
            told = subprocess.run(command, capture_output=True, check=False, timeout=FITTED.timeout_s, env=one_thread)
        except (OSError, subprocess.TimeoutExpired):
            return [("", 0.0)] * len(crops_u8)
    read = _parse(_SIGNS.sub("", told.stdout.decode("utf-8", "replace")), len(crops_u8), line_px)
    if script != "Hangul" or not blanks:
        return [(one.text, one.confidence) for one in read]
    widths = [line_px * crop.shape[1] / max(crop.shape[0], 1) for crop in crops_u8]
    parted = zip(read, widths, blanks, strict=True)
    return [
        (part_words(one, [FITTED.rim_px + share * width for share in shares]), one.confidence) for one, width, shares in parted
    ]


@dataclass(frozen=True)
class ReadWords:
    """A line read by tesseract; words: each with its left and right end, px of the prepared line."""

    text: str
    confidence: float
    words: tuple[tuple[str, int, int], ...] = ()


def part_words(read: ReadWords, blanks_px: Sequence[float]) -> str:
    """Return a line's syllables with spaces at the given positions, instead of tesseract's words."""
    letters = [one for word, left, right in read.words for one in _places(word, left, right)]
    text, last = "", 0.0
    for middle, letter in letters:
        text += (" " if text and any(last < blank < middle for blank in blanks_px) else "") + letter
        last = middle
    return text


def with_accents(text: str, accented: str) -> str:
    """Return a line's text with the accents of a second reading of it, in its own case; unchanged if the letters differ.

    Letters without an accent and marks remain those of the first reading; accented letters that it lacks are added.
    """
    first, second = _without_accents(text), _without_accents(accented)
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    if matcher.ratio() < FITTED.same_letters:
        return text
    found = ""
    for change, start, end, since, to in matcher.get_opcodes():
        if change == "equal":
            pairs = zip(text[start:end], accented[since:to], strict=True)
            found += "".join(other.upper() if own.isupper() else other.lower() for own, other in pairs)
        elif change == "insert":
            found += "".join(
                char.upper() if text.isupper() else char for char in accented[since:to] if char.casefold() not in second
            )
        else:
            found += text[start:end]
    return found


def _without_accents(text: str) -> str:
    """Return a text's letters without accents, case folded, one for each."""
    plain = str.maketrans("đĐ", "dd")
    return "".join(unicodedata.normalize("NFD", char.translate(plain).casefold())[0] for char in text)


def _prepare(crop_u8: np.ndarray, line_px: int) -> Image.Image:
    """Return a line dark on light, `line_px` high, with a rim of its ground."""
    grey = Image.fromarray(crop_u8).convert("L")
    values = np.asarray(grey, np.float32)
    edge = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    ground = float(np.median(edge))
    if ground < float(values.mean()) or ground < FITTED.dark:
        grey, ground = ImageOps.invert(grey), 255.0 - ground
    size = (max(FITTED.least_width_px, round(grey.width * line_px / max(grey.height, 1))), line_px)
    return ImageOps.expand(grey.resize(size, Image.Resampling.BICUBIC), FITTED.rim_px, fill=round(ground))


def _parse(table: str, num: int, line_px: int = FITTED.line_px) -> list[ReadWords]:
    """Return the text of each page in tesseract's table of words.

    Words closer than `FITTED.blank` are joined, since letters of Thai and Korean are often split.
    """
    texts, sure, ends = [""] * num, [list[float]() for _ in range(num)], [0] * num
    words = [list[tuple[str, int, int]]() for _ in range(num)]
    for row in table.split("\n")[1:]:
        cells = row.split("\t")
        if len(cells) < 12 or not cells[11].strip() or not 1 <= int(cells[1]) <= num:
            continue
        page, left, width, word = int(cells[1]) - 1, int(cells[6]), int(cells[8]), cells[11].strip()
        gap = max(left - ends[page], ends[page] - left - width)  # the next word is right or, in Arabic, left of the last
        blank = " " if texts[page] and (gap >= FITTED.blank * line_px or not _comes_apart(word)) else ""
        texts[page] += blank + word
        sure[page].append(float(cells[10]) / 100)
        ends[page] = left if _is_leftward(word) else left + width
        words[page].append((word, left, left + width))
    pages = zip(texts, sure, words, strict=True)
    return [ReadWords(text.strip(_EDGES), float(np.mean(page)) if page else 0.0, tuple(parts)) for text, page, parts in pages]


def _places(word: str, left: float, right: float) -> list[tuple[float, str]]:
    """Return the middle of each letter of a word; a syllable is wider than a digit or a mark."""
    ends = np.cumsum([1.0 if _comes_apart(letter) else FITTED.narrow for letter in word])
    middles = left + (right - left) * (ends + np.concatenate([[0.0], ends[:-1]])) / (2 * ends[-1])
    return list(zip(middles.tolist(), word, strict=True))


def _comes_apart(word: str) -> bool:
    return any("\u0e00" <= char <= "\u0e7f" or "\uac00" <= char <= "\ud7a3" for char in word)


def _is_leftward(word: str) -> bool:
    return any("\u0590" <= char <= "\u06ff" for char in word)
