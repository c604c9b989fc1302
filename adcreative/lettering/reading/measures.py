"""Measures of the words in a picture without a model: share of text, contrast with the ground, size on a phone."""

from __future__ import annotations

from dataclasses import dataclass

from adcreative.lettering.reading.words import PictureWords

PHONE_WIDTH_PT = 375.0  # logical width at which feeds show an ad on a common phone


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, from WCAG 2.2 and from platforms' advice; pt: points on a common phone."""

    min_letters_pt: float = 7.0  # minimum readable height of capitals and ascenders; body text of feeds has 10 to 12
    min_contrast: float = 4.5  # WCAG 2.2, success criterion 1.4.3, level AA
    min_large_contrast: float = 3.0  # the same for large print
    large_pt: float = 13.0  # minimum height of letters in large print (18 pt type, whose capitals are 0.7 of it)
    large_bold_pt: float = 9.8  # the same for bold letters (14 pt type)
    max_text_share: float = 0.2  # of the picture; Meta's limit until 2020, and Meta still says that less text works better


FITTED = Fitted()


@dataclass(frozen=True, kw_only=True)
class TextMeasures:
    """share: text boxes' share of the picture's area, 0..1. contrast: minimum over the blocks (1..21), None without text.

    smallest_pt: height of the smallest letters, in points of a phone 375 points wide; None without text.
    """

    share: float
    contrast: float | None
    smallest_pt: float | None


def measure_text(words: PictureWords) -> TextMeasures:
    """Measure the words of a picture; logos are excluded from contrast and size."""
    height, width = words.size
    boxes = [line.box for block in words.blocks for line in block.lines]
    share = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes) / (height * width)
    read = [block for block in words.blocks if block.role != "brand"]
    return TextMeasures(
        share=round(share, 4),
        contrast=round(min((block.contrast for block in read), default=0.0), 2) if read else None,
        smallest_pt=round(min(block.size_px for block in read) * PHONE_WIDTH_PT / width, 1) if read else None,
    )


def text_notes(words: PictureWords) -> list[str]:
    """Return obstacles to reading the words in a picture, one phrase each; empty without any."""
    (_, width), notes = words.size, [words.unread_note] if words.unread else []
    share = measure_text(words).share
    if share > FITTED.max_text_share:
        notes.append(f"text covers {share:.0%} of the picture; {FITTED.max_text_share:.0%} or less is advised")
    for block in words.blocks:
        if block.role == "brand":
            continue
        name, size_pt = f'{block.role} "{_shorten(block.text)}"', block.size_px * PHONE_WIDTH_PT / width
        least = FITTED.min_large_contrast if size_pt >= FITTED.large_pt else FITTED.min_contrast
        if block.contrast < least:
            notes.append(f"the {name} has a contrast of {block.contrast:.1f} with its ground; {least:g} is needed")
        if size_pt < FITTED.min_letters_pt:
            notes.append(f"the {name} is {size_pt:.0f} points high on a phone; at least {FITTED.min_letters_pt:g} can be read")
    return notes


def _shorten(text: str) -> str:
    return text if len(text) <= 30 else f"{text[:29].rstrip()}…"
