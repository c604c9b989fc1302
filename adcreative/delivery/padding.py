"""Pad a finished picture to another aspect ratio with the ad's own background colour. Nothing is cropped or blurred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from adcreative.delivery.placements import read_placements
from adcreative.errors import ConfigError

RATIOS = {"1:1": 1.0, "4:5": 0.8, "9:16": 0.5625, "1.91:1": 1.91}  # aspect ratios of feeds and stories, width over height
RIM = 0.02  # of the shorter side: the border whose most frequent colour is the background
STEP = 16  # levels of 0..255 that count as one colour


@dataclass(frozen=True, kw_only=True)
class Padded:
    """A picture in a new aspect ratio. origin: x, y of the old picture's upper left corner, px. added: share (0..1) of new
    background. is_clear: the boxes to keep clear are outside of the areas that platforms cover."""

    image_u8: np.ndarray = field(repr=False)
    origin: tuple[int, int]
    added: float
    is_clear: bool


def parse_ratios(text: str) -> tuple[str, ...]:
    """Return the aspect ratios in a list such as "1:1,4:5" or "1:1 4:5", without duplicates; "all" means every one.

    Raises:
        ConfigError: an unknown ratio, not in RATIOS.
    """
    names = tuple(dict.fromkeys(text.replace(",", " ").split()))
    if names == ("all",):
        return tuple(RATIOS)
    if unknown := [name for name in names if name not in RATIOS]:
        raise ConfigError(f'no size is named "{unknown[0]}"; name some of {", ".join(RATIOS)}, separated by commas, or "all"')
    return names


def has_shape(image_u8: np.ndarray, ratio: str) -> bool:
    """Return whether a picture [H, W, 3] has an aspect ratio of RATIOS, within the platforms' tolerance."""
    return abs(image_u8.shape[1] / image_u8.shape[0] / RATIOS[ratio] - 1.0) <= read_placements()[1]


def pad(image_u8: np.ndarray, ratio: str, clear_xyxy_px: Sequence[Sequence[float]] = ()) -> Padded:
    """Return a picture [H, W, 3] uint8 padded on two sides to an aspect ratio of RATIOS; its pixels are unchanged.

    Args:
        clear_xyxy_px: words and faces, moved out of the areas that platforms cover as far as the padding allows.
    """
    height, width = image_u8.shape[:2]
    new_width, new_height = max(width, round(height * RATIOS[ratio])), max(height, round(width / RATIOS[ratio]))
    if has_shape(image_u8, ratio):
        new_width, new_height = width, height
    first, last = (round(share * new_height) for share in _free_rows(ratio))
    top = min((box[1] for box in clear_xyxy_px), default=0.0)
    low = max((box[3] for box in clear_xyxy_px), default=float(height))
    added = new_height - height
    above = int(np.clip(added / 2 if last - low < first - top else np.clip(added / 2, first - top, last - low), 0, added))
    left = (new_width - width) // 2
    laid = np.empty((new_height, new_width, 3), np.uint8)
    laid[:] = find_ground_colour(image_u8, is_beside=new_width > width)
    laid[above : above + height, left : left + width] = image_u8
    return Padded(
        image_u8=laid,
        origin=(left, above),
        added=round(1.0 - width * height / (new_width * new_height), 4),
        is_clear=above + top >= first - 1 and above + low <= last + 1,
    )


def find_ground_colour(image_u8: np.ndarray, *, is_beside: bool) -> tuple[int, ...]:
    """Return the most frequent colour of the padded borders: left and right, else upper and lower."""
    turned = image_u8.swapaxes(0, 1) if is_beside else image_u8
    depth = max(1, round(RIM * min(image_u8.shape[:2])))
    rim = np.concatenate([turned[:depth], turned[-depth:]]).reshape(-1, 3)
    _, place, count = np.unique(rim // STEP @ np.array([1, STEP, STEP**2]), return_inverse=True, return_counts=True)
    return tuple(int(level) for level in np.median(rim[place.ravel() == count.argmax()], axis=0).round())


def _free_rows(ratio: str) -> tuple[float, float]:
    """Return the start and end (shares of the height) of the area that no platform covers with controls."""
    covers = [rule.keep_free for rule in read_placements()[0] if abs(rule.width_per_height - RATIOS[ratio]) < 1e-9]
    top, bottom = (max((one.get(side, 0.0) for one in covers), default=0.0) for side in ("top", "bottom"))
    return top, 1.0 - bottom
