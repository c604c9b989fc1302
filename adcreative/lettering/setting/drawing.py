"""Draws lines of text on a picture, with their shadow. Knows settings and pixels; no other blocks."""

from __future__ import annotations

import numpy as np

from adcreative.lettering.erasing.compression import FITTED as COMPRESSION
from adcreative.lettering.erasing.shadows import Shadow
from adcreative.lettering.reading.blocks import Box, TextBlock
from adcreative.lettering.setting.glyphs import paste_coverage
from adcreative.lettering.setting.matching import FontMatch
from adcreative.lettering.setting.typesetting import SetLine, Setting


def grown(block: TextBlock, setting: Setting) -> list[Box]:
    """Return the boxes of old and new lines with a margin for compression noise."""
    return [
        (x0 - COMPRESSION.ringing_px, y0 - COMPRESSION.ringing_px, x1 + COMPRESSION.ringing_px, y1 + COMPRESSION.ringing_px)
        for x0, y0, x1, y1 in (*(line.box for line in block.lines), *(line.box for line in setting.lines))
    ]


def as_it_was(block: TextBlock, match: FontMatch) -> Setting:
    """Return a block's old lines as a setting in the matched font."""
    lines = tuple(
        SetLine(text=line.text, x=x, y=y, box=line.box) for line, (x, y) in zip(block.lines, match.places, strict=True)
    )
    return Setting(lines=lines, lettering=match.lettering, cost=0.0)


def _cover(setting: Setting, shape: tuple[int, ...]) -> np.ndarray:
    """Return the coverage of a picture [H, W] by lines, 0..1."""
    coverage = np.zeros(shape[:2], np.float32)
    for line in setting.lines:
        paste_coverage(coverage, *setting.lettering.draw(line.text, line.x, line.y))
    return coverage


def shaded(picture: np.ndarray, setting: Setting, shadow: Shadow | None) -> np.ndarray:
    """Return the picture with the shadow of lines, in the style of the old shadow."""
    return picture if shadow is None else shadow.cast(picture, _cover(setting, picture.shape))


def draw(picture: np.ndarray, setting: Setting, colour: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture with the lines drawn in a colour, and the mask [H, W] of the changed pixels."""
    coverage = _cover(setting, picture.shape)
    touched = coverage > 0
    mixed = picture.astype(np.float32) * (1.0 - coverage[:, :, None]) + np.array(colour, np.float32) * coverage[:, :, None]
    return np.where(touched[:, :, None], mixed.round().astype(np.uint8), picture), touched
