"""The available fonts: open fonts in packages of the extra "picture", the usual fonts of ads if installed on the machine, and
the files of a brand kit. Nothing is downloaded.

Families are listed in fonts.yaml, packaged ones with their package and licence. Files are looked up at first use; a package
or a font that is not installed is skipped. Knows font files; no pictures of ads.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from PIL import ImageFont

from adcreative.config import read_packaged_yaml
from adcreative.errors import ConfigError


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `python -m tests.bench.set_text`."""

    bold_stroke: float = 0.024  # of the size: outline that designers use for bold where a family has only one weight


FITTED = Fitted()

BUILT_IN = "Aileron"  # the font that Pillow carries


SYSTEM_FOLDERS = (  # font folders of Linux, macOS and Windows
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path("~/.local/share/fonts"),
    Path("~/.fonts"),
    Path("/System/Library/Fonts"),
    Path("/Library/Fonts"),
    Path("~/Library/Fonts"),
    Path("C:/Windows/Fonts"),
)


@cache
def read_fonts() -> dict[str, dict[str, Any]]:
    """Return the content of fonts.yaml: "packaged" and "installed" families by name."""
    return cast(dict[str, dict[str, Any]], read_packaged_yaml(files(__package__) / "fonts.yaml"))


@dataclass(frozen=True)
class Typeface:
    """A font for setting text. path: its file, None for Pillow's built-in font. stroke: outline as a share of the size."""

    family: str
    style: str
    path: Path | None
    stroke: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.family} {self.style}"

    def at(self, size_px: float) -> ImageFont.FreeTypeFont:
        """Return the font at a size in px, which may be fractional."""
        return _load(self.path, round(float(size_px), 2))

    def has_letters(self, text: str) -> bool:
        """Return whether the font has a glyph for every letter of the text."""
        return all(char.isspace() or _has_glyph(self.path, char) for char in text)


def typefaces(brand_files: Sequence[Path] = ()) -> list[Typeface]:
    """Return the available fonts: only the brand's files if there are any, else those of the installed packages.

    Raises:
        ConfigError: a brand's file is no readable font.
    """
    if brand_files:
        return [_brand_typeface(Path(path)) for path in brand_files]
    return list(_installed())


@lru_cache(maxsize=1)
def _installed() -> tuple[Typeface, ...]:
    return tuple(_iter_installed())


def _iter_installed() -> Iterator[Typeface]:
    yield Typeface(BUILT_IN, "Regular", None)
    yield Typeface(BUILT_IN, "Bold", None, FITTED.bold_stroke)
    for family, source in read_fonts()["packaged"].items():
        spec = find_spec(source["module"])
        if spec is None or not spec.submodule_search_locations:
            continue
        folder = Path(spec.submodule_search_locations[0])
        for style, name in source["files"].items():
            if (folder / name).is_file():
                yield Typeface(family, style, folder / name)
    yield from filter(_is_font, system_typefaces())


def system_typefaces(folders: Iterable[Path] = SYSTEM_FOLDERS) -> Iterator[Typeface]:
    """Yield the fonts of fonts.yaml found in folders or their subfolders, in the order of that list."""
    found: dict[str, Path] = {}
    for folder in folders:
        for inner, _, names in os.walk(folder.expanduser()):
            found = {name.lower(): Path(inner) / name for name in names} | found
    for family, styles in read_fonts()["installed"].items():
        for style, known in styles.items():
            path = next((found[name.lower()] for name in known if name.lower() in found), None)
            if path is not None:
                yield Typeface(family, style, path)


def _is_font(typeface: Typeface) -> bool:
    """Return whether a typeface's file is readable: system fonts may be damaged."""
    try:
        typeface.at(16.0)
    except OSError:
        return False
    return True


def _brand_typeface(path: Path) -> Typeface:
    try:
        family, style = ImageFont.truetype(path, 16, layout_engine=ImageFont.Layout.BASIC).getname()
    except OSError as error:
        raise ConfigError(
            f"the font {path.name} of the brand kit cannot be read ({error}). Name a TrueType or OpenType file."
        ) from error
    return Typeface(family or path.stem, style or "Regular", path)


@lru_cache(maxsize=512)
def _load(path: Path | None, size_px: float) -> ImageFont.FreeTypeFont:
    if path is not None:
        return ImageFont.truetype(path, size_px, layout_engine=ImageFont.Layout.BASIC)
    built_in = ImageFont.load_default(size_px)
    if not isinstance(built_in, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType, so text cannot be set; install a Pillow wheel.")
    return built_in.font_variant(layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=8192)
def _has_glyph(path: Path | None, char: str) -> bool:
    """Return whether the font has a glyph: a missing one is drawn as the font's box for unknown letters."""
    font = _load(path, 32.0)
    return bytes(font.getmask(char)) != _unknown_glyph(path) and font.getlength(char) > 0


@lru_cache(maxsize=512)
def _unknown_glyph(path: Path | None) -> bytes:
    """Return the font's drawing of a missing letter, obtained from a private code point."""
    return bytes(_load(path, 32.0).getmask("\U0010fffd"))
