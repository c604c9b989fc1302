"""Fonts at hand: open ones that packages of the extra "picture" carry, and the files a brand kit names. Nothing is fetched.

Each family is listed with the package that holds it and its licence. Files are looked up when they are needed; a package that
is not installed is left out. Knows font files; no pictures of ads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

from adcreative.errors import ConfigError

BOLD_STROKE = 0.024  # of the size: a bold that a designer makes with an outline where a family has one weight only
BUILT_IN = "Aileron"  # the font that Pillow carries


@dataclass(frozen=True)
class FontSource:
    """A family in an installed package: the package's module, the licence, and its files (name of the style to path)."""

    family: str
    module: str
    licence: str
    files: tuple[tuple[str, str], ...]


FONT_SOURCES = (
    FontSource("Lato", "font_lato", "OFL-1.1", (
        ("Regular", "files/Lato-Regular.ttf"), ("Bold", "files/Lato-Bold.ttf"), ("Black", "files/Lato-Black.ttf"),
        ("Light", "files/Lato-Light.ttf"), ("Italic", "files/Lato-Italic.ttf"), ("Bold Italic", "files/Lato-BoldItalic.ttf"),
    )),
    FontSource("Source Sans Pro", "font_source_sans_pro", "OFL-1.1", (
        ("Regular", "files/SourceSansPro-Regular.ttf"), ("Semibold", "files/SourceSansPro-Semibold.ttf"),
        ("Bold", "files/SourceSansPro-Bold.ttf"), ("Black", "files/SourceSansPro-Black.ttf"),
        ("Light", "files/SourceSansPro-Light.ttf"), ("Italic", "files/SourceSansPro-It.ttf"),
        ("Bold Italic", "files/SourceSansPro-BoldIt.ttf"),
    )),
    FontSource("Source Serif Pro", "font_source_serif_pro", "OFL-1.1", (
        ("Regular", "files/SourceSerifPro-Regular.ttf"), ("Semibold", "files/SourceSerifPro-Semibold.ttf"),
        ("Bold", "files/SourceSerifPro-Bold.ttf"), ("Black", "files/SourceSerifPro-Black.ttf"),
        ("Italic", "files/SourceSerifPro-It.ttf"),
    )),
    FontSource("Manrope", "font_manrope", "OFL-1.1", (
        ("Regular", "files/Manrope-Regular.ttf"), ("Semibold", "files/Manrope-SemiBold.ttf"),
        ("Bold", "files/Manrope-Bold.ttf"), ("ExtraBold", "files/Manrope-ExtraBold.ttf"), ("Light", "files/Manrope-Light.ttf"),
    )),
    FontSource("Hanken Grotesk", "font_hanken_grotesk", "OFL-1.1", (
        ("Regular", "files/HankenGrotesk-Regular.otf"), ("Medium", "files/HankenGrotesk-Medium.otf"),
        ("Semibold", "files/HankenGrotesk-SemiBold.otf"), ("Bold", "files/HankenGrotesk-Bold.otf"),
    )),
    FontSource("Fredoka One", "font_fredoka_one", "OFL-1.1", (("Regular", "files/FredokaOne-Regular.ttf"),)),
    FontSource("Fjalla One", "font_fjallaone", "OFL-1.1", (("Regular", "files/FjallaOne-Regular.ttf"),)),
    FontSource("Caladea", "font_caladea", "Apache-2.0", (
        ("Regular", "files/Caladea-Regular.ttf"), ("Bold", "files/Caladea-Bold.ttf"), ("Italic", "files/Caladea-Italic.ttf"),
    )),
    FontSource("DejaVu Sans", "matplotlib", "Bitstream Vera", (
        ("Regular", "mpl-data/fonts/ttf/DejaVuSans.ttf"), ("Bold", "mpl-data/fonts/ttf/DejaVuSans-Bold.ttf"),
        ("Oblique", "mpl-data/fonts/ttf/DejaVuSans-Oblique.ttf"),
    )),
    FontSource("DejaVu Serif", "matplotlib", "Bitstream Vera", (
        ("Regular", "mpl-data/fonts/ttf/DejaVuSerif.ttf"), ("Bold", "mpl-data/fonts/ttf/DejaVuSerif-Bold.ttf"),
    )),
    FontSource("DejaVu Sans Mono", "matplotlib", "Bitstream Vera", (
        ("Regular", "mpl-data/fonts/ttf/DejaVuSansMono.ttf"), ("Bold", "mpl-data/fonts/ttf/DejaVuSansMono-Bold.ttf"),
    )),
)  # fmt: skip


@dataclass(frozen=True)
class Typeface:
    """A font to set text in. path: its file, None for the one that Pillow carries. stroke: outline as a share of the size."""

    family: str
    style: str
    path: Path | None
    stroke: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.family} {self.style}"

    def at(self, size_px: float) -> ImageFont.FreeTypeFont:
        """Return the font at a size in px; sizes need not be whole."""
        return _load(self.path, round(float(size_px), 2))

    def has_letters(self, text: str) -> bool:
        """Return whether the font has a glyph for every letter of the text."""
        return all(char.isspace() or _has_glyph(self.path, char) for char in text)


def typefaces(brand_files: Sequence[Path] = ()) -> list[Typeface]:
    """Return the fonts at hand: the brand's files alone where there are any, else those of the installed packages.

    Raises:
        ConfigError: a brand's file is no font that can be read.
    """
    if brand_files:
        return [_brand_typeface(Path(path)) for path in brand_files]
    return list(_installed())


@lru_cache(maxsize=1)
def _installed() -> tuple[Typeface, ...]:
    return tuple(_iter_installed())


def _iter_installed() -> Iterator[Typeface]:
    yield Typeface(BUILT_IN, "Regular", None)
    yield Typeface(BUILT_IN, "Bold", None, BOLD_STROKE)
    for source in FONT_SOURCES:
        spec = find_spec(source.module)
        if spec is None or not spec.submodule_search_locations:
            continue
        folder = Path(spec.submodule_search_locations[0])
        for style, name in source.files:
            if (folder / name).is_file():
                yield Typeface(source.family, style, folder / name)


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
    """A missing letter is drawn as the font's box for unknown ones."""
    font = _load(path, 32.0)
    return bytes(font.getmask(char)) != _unknown_glyph(path) and font.getlength(char) > 0


@lru_cache(maxsize=512)
def _unknown_glyph(path: Path | None) -> bytes:
    """Return how a font draws a letter that it lacks, which a private code point shows."""
    return bytes(_load(path, 32.0).getmask("\U0010fffd"))
