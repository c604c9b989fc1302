"""Text in pictures, with three entry points; other packages import nothing deeper. Independent of ads and rates.

    read(image) -> Words                 blocks of text with role, box, ink, ground, plate and confidence
    erase(image, words) -> image         the picture without the letters of these words
    set(image, words, texts) -> Change   new texts in place of the old ones, with refusals and their reasons

To set many texts into one picture, keep a `TextSetter`, which computes fonts and grounds once. Importing this package loads
only names (PEP 562): a module is loaded at the first use of one of its names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from adcreative.lettering.erasing.hole_filling import FillHoles, fill_with_painter, load_lama
    from adcreative.lettering.reading.blocks import BlockLine, Box, TextBlock
    from adcreative.lettering.reading.ink import contrast_ratio, luminance, measure_ink
    from adcreative.lettering.reading.line_breaks import wrap_evenly
    from adcreative.lettering.reading.measures import PHONE_WIDTH_PT, text_notes
    from adcreative.lettering.reading.reader import (
        NEEDS_PACKAGES,
        LineFinder,
        TextLine,
        TextReading,
        has_reader,
        load_reader,
        name_installed_reader,
        pack_lines,
        unpack_lines,
    )
    from adcreative.lettering.reading.roles import ROLES, is_same_text, says_words
    from adcreative.lettering.reading.rows import UNREAD, WORD_COLUMNS, find_fault, is_measured, rows_of_words, words_of_rows
    from adcreative.lettering.reading.tesseract import LANGUAGES, languages_for, name_package
    from adcreative.lettering.reading.words import PictureWords as Words
    from adcreative.lettering.reading.words import forget_words, refuse_letters
    from adcreative.lettering.setting.changes import Change, Placed
    from adcreative.lettering.setting.fonts import SYSTEM_FOLDERS, Typeface, typefaces
    from adcreative.lettering.setting.prepared_cache import PreparedCache
    from adcreative.lettering.setting.setting import TextSetter

# module -> its names, as imported above for type checkers
_HOMES = {
    "erasing.hole_filling": "FillHoles fill_with_painter load_lama",
    "reading.blocks": "BlockLine Box TextBlock",
    "reading.ink": "contrast_ratio luminance measure_ink",
    "reading.line_breaks": "wrap_evenly",
    "reading.measures": "PHONE_WIDTH_PT text_notes",
    "reading.reader": "NEEDS_PACKAGES LineFinder TextLine TextReading has_reader load_reader name_installed_reader pack_lines"
    " unpack_lines",
    "reading.roles": "ROLES is_same_text says_words",
    "reading.rows": "UNREAD WORD_COLUMNS find_fault is_measured rows_of_words words_of_rows",
    "reading.tesseract": "LANGUAGES languages_for name_package",
    "reading.words": "PictureWords forget_words refuse_letters",
    "setting.changes": "Change Placed",
    "setting.fonts": "SYSTEM_FOLDERS Typeface typefaces",
    "setting.prepared_cache": "PreparedCache",
    "setting.setting": "TextSetter",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}
__all__ = ["erase", "read", "set", "Words", *sorted(_HOME_OF.keys() - {"PictureWords"})]


def read(image_u8: np.ndarray, reader: TextReading | None = None, *, brand: str = "") -> Words:
    """Return the words of a picture [H, W, 3] uint8 as blocks with roles.

    Args:
        reader: None: the installed one. brand: the advertiser, if known: its name is read as a logo.
    Raises:
        WeightsError: the packages of the reader are not installed.
    """
    from adcreative.lettering.reading.reader import load_reader
    from adcreative.lettering.reading.words import read_words

    return read_words(image_u8, reader or load_reader(), brand=brand)


def erase(
    image_u8: np.ndarray, words: Words, *, faces_xyxy_px: Sequence[Sequence[float]] = (), inpainter: FillHoles | None = None
) -> np.ndarray:
    """Return the picture [H, W, 3] without the letters of these words; plates and pixels outside the strokes stay unchanged.

    Args:
        faces_xyxy_px: boxes that are not ground. inpainter: fills grounds that are neither flat nor drawn; None: patches of
            the surroundings.
    """
    from adcreative.lettering.erasing.erasing import erase_block, inpaint_strokes
    from adcreative.lettering.setting.reflow import mask_things

    for block in words.blocks:
        others = [other for other in words.blocks if other.box != block.box]
        beside = mask_things(image_u8.shape[:2], others, faces_xyxy_px)
        image_u8 = erase_block(image_u8, block, inpainter or inpaint_strokes, beside)[0]
    return image_u8


def set(
    image_u8: np.ndarray,
    words: Words,
    texts: Mapping[str, str],
    *,
    old: Mapping[str, str],
    reader: TextReading | None = None,
    faces_xyxy_px: Sequence[Sequence[float]] = (),
    inpainter: FillHoles | None = None,
) -> Change:
    """Return the change of a picture [H, W, 3] that replaces texts in it.

    Args:
        texts: "headline", "description" or "cta" -> the new text; other texts stay. old: the same names -> the text in the
            picture, which identifies the block. reader: reads the result back; None: the installed one.
    """
    from adcreative.lettering.reading.reader import load_reader
    from adcreative.lettering.setting.fonts import typefaces
    from adcreative.lettering.setting.setting import TextSetter

    setter = TextSetter(
        image_u8,
        words,
        old,
        reader=reader or load_reader(),
        typefaces=typefaces(),
        faces_xyxy_px=faces_xyxy_px,
        inpainter=inpainter,
    )
    return setter.change({**old, **texts})


def __getattr__(name: str) -> object:
    """Load the module of a name at its first use (PEP 562)."""
    known = {"Words": "PictureWords"}.get(name, name)
    if known not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOME_OF[known]}"), known)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
