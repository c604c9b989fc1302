"""Font files for composed ads: pairs of open fonts from installed packages, heavier and lighter weights of a family, and the
machine's Noto fonts for scripts missing in a brand's font. No downloads; an error names a missing font's Debian package.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import regex
import skia

from adcreative.compose.parts import Typefaces
from adcreative.errors import ConfigError
from adcreative.lettering import SYSTEM_FOLDERS, typefaces

# display, text: families and styles of packages of the extra "picture", all under the Open Font License
PAIRS = (
    ("Manrope ExtraBold", "Manrope Regular"),
    ("Hanken Grotesk Bold", "Hanken Grotesk Regular"),
    ("Source Serif Pro Bold", "Source Sans Pro Regular"),
    ("Fjalla One Regular", "Source Sans Pro Regular"),
    ("Lato Black", "Lato Regular"),
    ("Fredoka One Regular", "Hanken Grotesk Regular"),
)
BOLD_CUTS = ("SemiBold", "Semibold", "Bold")  # of a text face, for buttons and labels
# script (Unicode name) -> stems of its font files, the face in the collection, the Debian package
SCRIPTS: dict[str, tuple[tuple[str, ...], int, str]] = {
    "Arabic": (("NotoSansArabic",), 0, "fonts-noto-core"),
    "Hebrew": (("NotoSansHebrew",), 0, "fonts-noto-core"),
    "Thai": (("NotoSansThai",), 0, "fonts-noto-core"),
    "Devanagari": (("NotoSansDevanagari",), 0, "fonts-noto-core"),
    "Bengali": (("NotoSansBengali",), 0, "fonts-noto-core"),
    "Tamil": (("NotoSansTamil",), 0, "fonts-noto-core"),
    "Georgian": (("NotoSansGeorgian",), 0, "fonts-noto-core"),
    "Armenian": (("NotoSansArmenian",), 0, "fonts-noto-core"),
    "Hangul": (("NotoSansCJK",), 1, "fonts-noto-cjk"),
    "Hiragana": (("NotoSansCJK",), 0, "fonts-noto-cjk"),
    "Katakana": (("NotoSansCJK",), 0, "fonts-noto-cjk"),
    "Han": (("NotoSansCJK",), 0, "fonts-noto-cjk"),
    "Cyrillic": (("NotoSans",), 0, "fonts-noto-core"),
    "Greek": (("NotoSans",), 0, "fonts-noto-core"),
    "Latin": (("NotoSans",), 0, "fonts-noto-core"),
    "Common": (("NotoSans", "NotoSansSymbols", "NotoSansSymbols2", "NotoSansCJK", "NotoColorEmoji"), 0, "fonts-noto-core"),
}
HAN_FACES = {"ja": 0, "ko": 1, "zh": 2, "zh-hant": 3, "zh-tw": 3, "zh-hk": 4}  # faces of the collection NotoSansCJK
EMOJI_PACKAGE = "fonts-noto-color-emoji"
Face = tuple[Path, int]  # a font file and the index of a face in it


def open_pairs() -> tuple[Typefaces, ...]:
    """Return the available pairs of open fonts.

    Raises:
        ConfigError: the packages of the extra "picture" are not installed.
    """
    at_hand = {typeface.name: typeface.path for typeface in typefaces() if typeface.path is not None}
    pairs = tuple(Typefaces(at_hand[a], at_hand[b]) for a, b in PAIRS if a in at_hand and b in at_hand)
    if not pairs:
        raise ConfigError('no open fonts are installed to set ads in; run pip install "adcreative[picture]".')
    return pairs


def pairs_for(text: str) -> tuple[Typefaces, ...]:
    """Return the open pairs that have most of a text's letters, so that no word mixes two designs. Raises as `open_pairs`."""
    letters = set(filter(str.isalpha, text + text.upper()))
    has = [
        (sum(_has_letter((one.display, 0), each) + _has_letter((one.text, 0), each) for each in letters), one)
        for one in open_pairs()
    ]
    most = max(count for count, _ in has)
    return tuple(one for count, one in has if count == most)


def bold_cut(path: Path) -> Path:
    """Return the bold weight next to a regular one, or the file itself without one."""
    for style in BOLD_CUTS:
        beside = path.with_name(regex.sub(r"(Regular|Book|Roman|Medium|Light)(?=\.\w+$)", style, path.name))
        if beside != path and beside.is_file():
            return beside
    return path


@lru_cache(maxsize=1)
def _machine_fonts() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in SYSTEM_FOLDERS:
        for inner, _, names in os.walk(folder.expanduser()):
            found = {name: Path(inner) / name for name in names if name.startswith("Noto")} | found
    return found


@lru_cache(maxsize=128)
def typeface(face: Face) -> skia.Typeface:
    """Return a font file's face as Skia typeface.

    Raises:
        ConfigError: the file is no readable font.
    """
    path, index = face
    loaded = skia.Typeface.MakeFromFile(str(path), index) if path.is_file() else None
    if loaded is None:
        raise ConfigError(f"the font {path.name} cannot be read; name a TrueType or OpenType file.")
    return loaded


@lru_cache(maxsize=4096)
def _has_letter(face: Face, letter: str) -> bool:
    return typeface(face).unicharToGlyph(ord(letter)) != 0


def is_drawn(letter: str) -> bool:
    """Return whether a character leaves ink: no space, no control character for direction or joining."""
    return not regex.match(r"[\s\p{Cf}\p{Cc}\uFE0F\uFE0E]", letter)


def _script_of(letter: str) -> str:
    return next((name for name in SCRIPTS if regex.match(rf"\p{{Script={name}}}", letter)), "Common")


@lru_cache(maxsize=512)
def faces_for(path: Path, text: str, language: str, bold: bool) -> tuple[Face, ...]:
    """Return the faces for a text: the font itself, then the machine's Noto fonts for missing letters, or these first if most
    letters are missing."""
    faces: list[Face] = [(path, 0)]
    for letter in dict.fromkeys(filter(is_drawn, text)):
        if any(_has_letter(face, letter) for face in faces):
            continue
        stems, index, _ = SCRIPTS[_script_of(letter)]
        for stem in stems:
            cuts = ("-Bold", "-Regular", "") if bold else ("-Regular", "")
            names = [f"{stem}{cut}.{kind}" for cut in cuts for kind in ("ttf", "ttc", "otf")]
            file = next((_machine_fonts()[name] for name in names if name in _machine_fonts()), None)
            face = (file, _han_face(language, index) if "CJK" in stem else index) if file else None
            if face and _has_letter(face, letter):
                faces.append(face)
                break
    lacking = [letter for letter in filter(is_drawn, text) if not _has_letter(faces[0], letter)]
    if 2 * len(lacking) > sum(map(is_drawn, text)):  # digits and names in the face of the other letters
        faces = [*faces[1:], faces[0]]
    return tuple(faces)


def _han_face(language: str, index: int) -> int:
    tag = language.lower()
    return HAN_FACES.get(tag, HAN_FACES.get(tag.split("-")[0], index))


def missing_letters(faces: tuple[Face, ...], text: str) -> tuple[str, str]:
    """Return the letters of a text missing in all faces, and the Debian package that has them; "" if none is missing."""
    missing = [
        letter for letter in dict.fromkeys(filter(is_drawn, text)) if not any(_has_letter(face, letter) for face in faces)
    ]
    if not missing:
        return "", ""
    emoji = any(regex.match(r"\p{Extended_Pictographic}", letter) for letter in missing)
    return "".join(missing), EMOJI_PACKAGE if emoji else SCRIPTS[_script_of(missing[0])][2]
