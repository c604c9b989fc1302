"""The available fonts: open fonts in packages of the extra "picture", the usual fonts of ads if installed on the machine, and
the files of a brand kit. Nothing is downloaded.

Each packaged family is listed with its package and its licence. Files are looked up at first use; a package or a font
that is not installed is skipped. Knows font files; no pictures of ads.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

from adcreative.errors import ConfigError


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `python -m tests.bench.set_text`."""

    bold_stroke: float = 0.024  # of the size: outline that designers use for bold where a family has only one weight


FITTED = Fitted()

BUILT_IN = "Aileron"  # the font that Pillow carries


@dataclass(frozen=True)
class FontSource:
    """A family in an installed package: the package's module, the licence, and its files (style name and path)."""

    family: str
    module: str
    licence: str
    files: tuple[tuple[str, str], ...]


FONT_SOURCES = (
    FontSource(
        "Lato",
        "font_lato",
        "OFL-1.1",
        (
            ("Regular", "files/Lato-Regular.ttf"),
            ("Bold", "files/Lato-Bold.ttf"),
            ("Black", "files/Lato-Black.ttf"),
            ("Light", "files/Lato-Light.ttf"),
            ("Italic", "files/Lato-Italic.ttf"),
            ("Bold Italic", "files/Lato-BoldItalic.ttf"),
        ),
    ),
    FontSource(
        "Source Sans Pro",
        "font_source_sans_pro",
        "OFL-1.1",
        (
            ("Regular", "files/SourceSansPro-Regular.ttf"),
            ("Semibold", "files/SourceSansPro-Semibold.ttf"),
            ("Bold", "files/SourceSansPro-Bold.ttf"),
            ("Black", "files/SourceSansPro-Black.ttf"),
            ("Light", "files/SourceSansPro-Light.ttf"),
            ("Italic", "files/SourceSansPro-It.ttf"),
            ("Bold Italic", "files/SourceSansPro-BoldIt.ttf"),
        ),
    ),
    FontSource(
        "Source Serif Pro",
        "font_source_serif_pro",
        "OFL-1.1",
        (
            ("Regular", "files/SourceSerifPro-Regular.ttf"),
            ("Semibold", "files/SourceSerifPro-Semibold.ttf"),
            ("Bold", "files/SourceSerifPro-Bold.ttf"),
            ("Black", "files/SourceSerifPro-Black.ttf"),
            ("Italic", "files/SourceSerifPro-It.ttf"),
        ),
    ),
    FontSource(
        "Manrope",
        "font_manrope",
        "OFL-1.1",
        (
            ("Regular", "files/Manrope-Regular.ttf"),
            ("Semibold", "files/Manrope-SemiBold.ttf"),
            ("Bold", "files/Manrope-Bold.ttf"),
            ("ExtraBold", "files/Manrope-ExtraBold.ttf"),
            ("Light", "files/Manrope-Light.ttf"),
        ),
    ),
    FontSource(
        "Hanken Grotesk",
        "font_hanken_grotesk",
        "OFL-1.1",
        (
            ("Regular", "files/HankenGrotesk-Regular.otf"),
            ("Medium", "files/HankenGrotesk-Medium.otf"),
            ("Semibold", "files/HankenGrotesk-SemiBold.otf"),
            ("Bold", "files/HankenGrotesk-Bold.otf"),
        ),
    ),
    FontSource("Fredoka One", "font_fredoka_one", "OFL-1.1", (("Regular", "files/FredokaOne-Regular.ttf"),)),
    FontSource("Fjalla One", "font_fjallaone", "OFL-1.1", (("Regular", "files/FjallaOne-Regular.ttf"),)),
    FontSource(
        "Caladea",
        "font_caladea",
        "Apache-2.0",
        (
            ("Regular", "files/Caladea-Regular.ttf"),
            ("Bold", "files/Caladea-Bold.ttf"),
            ("Italic", "files/Caladea-Italic.ttf"),
        ),
    ),
    FontSource(
        "DejaVu Sans",
        "matplotlib",
        "Bitstream Vera",
        (
            ("Regular", "mpl-data/fonts/ttf/DejaVuSans.ttf"),
            ("Bold", "mpl-data/fonts/ttf/DejaVuSans-Bold.ttf"),
            ("Oblique", "mpl-data/fonts/ttf/DejaVuSans-Oblique.ttf"),
        ),
    ),
    FontSource(
        "DejaVu Serif",
        "matplotlib",
        "Bitstream Vera",
        (
            ("Regular", "mpl-data/fonts/ttf/DejaVuSerif.ttf"),
            ("Bold", "mpl-data/fonts/ttf/DejaVuSerif-Bold.ttf"),
        ),
    ),
    FontSource(
        "DejaVu Sans Mono",
        "matplotlib",
        "Bitstream Vera",
        (
            ("Regular", "mpl-data/fonts/ttf/DejaVuSansMono.ttf"),
            ("Bold", "mpl-data/fonts/ttf/DejaVuSansMono-Bold.ttf"),
        ),
    ),
)

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

# family -> style -> file names, of which the first existing one is used: the font itself, and open metric-compatible
# replacements. They are the machine's own, under their own licences; none is copied.
SYSTEM_FONTS: tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...] = (
    (
        "Arial",
        (
            ("Regular", ("arial.ttf", "LiberationSans-Regular.ttf", "Arimo-Regular.ttf")),
            ("Bold", ("arialbd.ttf", "Arial Bold.ttf", "LiberationSans-Bold.ttf", "Arimo-Bold.ttf")),
            ("Italic", ("ariali.ttf", "Arial Italic.ttf", "LiberationSans-Italic.ttf", "Arimo-Italic.ttf")),
            ("Bold Italic", ("arialbi.ttf", "Arial Bold Italic.ttf", "LiberationSans-BoldItalic.ttf", "Arimo-BoldItalic.ttf")),
        ),
    ),
    (
        "Arial Narrow",
        (
            ("Regular", ("arialn.ttf", "Arial Narrow.ttf", "LiberationSansNarrow-Regular.ttf")),
            ("Bold", ("arialnb.ttf", "Arial Narrow Bold.ttf", "LiberationSansNarrow-Bold.ttf")),
        ),
    ),
    ("Helvetica", (("Regular", ("NimbusSans-Regular.otf",)), ("Bold", ("NimbusSans-Bold.otf",)))),
    (
        "Times New Roman",
        (
            ("Regular", ("times.ttf", "Times New Roman.ttf", "LiberationSerif-Regular.ttf", "Tinos-Regular.ttf")),
            ("Bold", ("timesbd.ttf", "Times New Roman Bold.ttf", "LiberationSerif-Bold.ttf", "Tinos-Bold.ttf")),
            ("Italic", ("timesi.ttf", "Times New Roman Italic.ttf", "LiberationSerif-Italic.ttf", "Tinos-Italic.ttf")),
        ),
    ),
    (
        "Georgia",
        (
            ("Regular", ("georgia.ttf", "Gelasio-Regular.ttf")),
            ("Bold", ("georgiab.ttf", "Georgia Bold.ttf", "Gelasio-Bold.ttf")),
        ),
    ),
    (
        "Palatino",
        (
            ("Regular", ("pala.ttf", "P052-Roman.otf")),
            ("Bold", ("palab.ttf", "P052-Bold.otf")),
            ("Italic", ("palai.ttf", "P052-Italic.otf")),
        ),
    ),
    (
        "Century Gothic",
        (
            ("Regular", ("gothic.ttf", "Century Gothic.ttf", "URWGothic-Book.otf")),
            ("Bold", ("gothicb.ttf", "Century Gothic Bold.ttf", "URWGothic-Demi.otf")),
        ),
    ),
    ("Verdana", (("Regular", ("verdana.ttf",)), ("Bold", ("verdanab.ttf", "Verdana Bold.ttf")))),
    *(
        (name, tuple((style, (f"{name.replace(' ', '')}-{file}.ttf",)) for style, file in styles))
        for name in ("Roboto", "Open Sans", "Montserrat", "Poppins")
        for styles in ((("Regular", "Regular"), ("Semibold", "SemiBold"), ("Bold", "Bold"), ("Black", "Black")),)
    ),
)


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
    for source in FONT_SOURCES:
        spec = find_spec(source.module)
        if spec is None or not spec.submodule_search_locations:
            continue
        folder = Path(spec.submodule_search_locations[0])
        for style, name in source.files:
            if (folder / name).is_file():
                yield Typeface(source.family, style, folder / name)
    yield from filter(_is_font, system_typefaces())


def system_typefaces(folders: Iterable[Path] = SYSTEM_FOLDERS) -> Iterator[Typeface]:
    """Yield the fonts of SYSTEM_FONTS found in folders or their subfolders, in the order of that list."""
    found: dict[str, Path] = {}
    for folder in folders:
        for inner, _, names in os.walk(folder.expanduser()):
            found = {name.lower(): Path(inner) / name for name in names} | found
    for family, styles in SYSTEM_FONTS:
        for style, files in styles:
            path = next((found[name.lower()] for name in files if name.lower() in found), None)
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
