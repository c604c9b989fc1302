"""Reads lines in scripts that the model in the wheel does not know with the program `tesseract`, where it is installed.

One Debian package holds the program and one each language (tesseract-ocr, tesseract-ocr-ara, ...). The program gets pictures
of single lines as files and is stopped after a minute. Knows pixels and texts; no blocks, no roles.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

# script -> its languages as tesseract names them; those that are installed read together
LANGUAGES: Mapping[str, tuple[str, ...]] = {
    "Arabic": ("ara", "fas", "urd"), "Cyrillic": ("rus", "ukr", "bul", "srp"), "Greek": ("ell",), "Hebrew": ("heb",),
    "Devanagari": ("hin", "mar", "nep"), "Bengali": ("ben",), "Thai": ("tha",), "Hangul": ("kor",),
}  # fmt: skip
_SIGNS = re.compile(r"[\u0610-\u061a\u0640\u064b-\u0652\u0670]")  # Arabic vowel signs, which ads leave out and dirt looks like
_EDGES = " |[]{}_~"  # what edges of plates are read as


@dataclass(frozen=True)
class Fitted:
    """Numbers of this file, fitted on real ads of the working half (`tests/real`)."""

    line_px: int = 48  # usual height that a line is brought to: what tesseract's models were made for
    rim_px: int = 12  # of plain ground around it
    blank: float = 0.25  # of a line's height, between two words of Thai or Korean
    narrow: float = 0.6  # as wide as a syllable is a digit or a mark among them
    timeout_s: float = 60.0  # for the lines of one picture in one script
    # chosen by hand from here on; how was not noted
    dark: int = 100  # 0..255: a ground that is darker is turned light
    least_width_px: int = 8  # of a line


FITTED = Fitted()


@cache
def installed_languages() -> frozenset[str]:
    """Return the languages that the program on the PATH can read; empty without it, or where it does not answer."""
    program = shutil.which("tesseract")
    if program is None:
        return frozenset()
    try:
        told = subprocess.run([program, "--list-langs"], capture_output=True, text=True, check=False, timeout=FITTED.timeout_s)
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    return frozenset(told.stdout.split("\n")[1:]) - {""}


def languages_for(script: str) -> tuple[str, ...]:
    """Return the installed languages of a script; empty where it cannot be read."""
    return tuple(one for one in LANGUAGES.get(script, ()) if one in installed_languages())


def name_package(script: str) -> str:
    """Return the Debian package that reads a script; "" where no language of it is known."""
    return f"tesseract-ocr-{LANGUAGES[script][0]}" if script in LANGUAGES else ""


def read_crops(
    crops_u8: Sequence[np.ndarray], script: str, blanks: Sequence[Sequence[float]] = (), line_px: int = FITTED.line_px
) -> list[tuple[str, float]]:
    """Return text and confidence (0..1) of pictures [H, W, 3] uint8 that hold one line each; ("", 0.0) where none is read.

    A line that is light on dark is inverted. A program that takes longer than a minute reads nothing.

    Args:
        blanks: where the words of each line part, shares of its width; known, they take the place of what tesseract sees in
            Korean, whose syllables come apart or stick together.
        line_px: height that a line is brought to.
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
    """A line as tesseract read it; words: each with its left and its right end, px of the prepared line."""

    text: str
    confidence: float
    words: tuple[tuple[str, int, int], ...] = ()


def part_words(read: ReadWords, blanks_px: Sequence[float]) -> str:
    """Return a line's syllables with blanks where these are, whatever words tesseract made of them."""
    letters = [one for word, left, right in read.words for one in _places(word, left, right)]
    text, last = "", 0.0
    for middle, letter in letters:
        text += (" " if text and any(last < blank < middle for blank in blanks_px) else "") + letter
        last = middle
    return text


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
    """Return what each page of tesseract's table of words says.

    Words that stand closer than `FITTED.blank` are one: in Thai and Korean letters come apart.
    """
    texts, sure, ends = [""] * num, [list[float]() for _ in range(num)], [0] * num
    words = [list[tuple[str, int, int]]() for _ in range(num)]
    for row in table.split("\n")[1:]:
        cells = row.split("\t")
        if len(cells) < 12 or not cells[11].strip() or not 1 <= int(cells[1]) <= num:
            continue
        page, left, width, word = int(cells[1]) - 1, int(cells[6]), int(cells[8]), cells[11].strip()
        gap = max(left - ends[page], ends[page] - left - width)  # the next word stands right or, in Arabic, left of the last
        blank = " " if texts[page] and (gap >= FITTED.blank * line_px or not _comes_apart(word)) else ""
        texts[page] += blank + word
        sure[page].append(float(cells[10]) / 100)
        ends[page] = left if _is_leftward(word) else left + width
        words[page].append((word, left, left + width))
    pages = zip(texts, sure, words, strict=True)
    return [ReadWords(text.strip(_EDGES), float(np.mean(page)) if page else 0.0, tuple(parts)) for text, page, parts in pages]


def _places(word: str, left: float, right: float) -> list[tuple[float, str]]:
    """Return the middle of each letter of a word: a syllable is wider than a digit or a mark."""
    ends = np.cumsum([1.0 if _comes_apart(letter) else FITTED.narrow for letter in word])
    middles = left + (right - left) * (ends + np.concatenate([[0.0], ends[:-1]])) / (2 * ends[-1])
    return list(zip(middles.tolist(), word, strict=True))


def _comes_apart(word: str) -> bool:
    return any("\u0e00" <= char <= "\u0e7f" or "\uac00" <= char <= "\ud7a3" for char in word)


def _is_leftward(word: str) -> bool:
    return any("\u0590" <= char <= "\u06ff" for char in word)
