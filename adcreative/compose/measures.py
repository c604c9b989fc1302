"""Measures of a composed ad's appearance, from its pixels and the positions of its words. Independent of rates.

`design_score` ranks ads without click data; `likeness` is the similarity of two ads at a glance.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import cv2
import numpy as np

from adcreative.compose.colour import contrast, to_oklab
from adcreative.compose.layout import PHOTOS, load_layout
from adcreative.compose.recipe import Recipe
from adcreative.compose.render import Composed
from adcreative.compose.scene import Picture

GRID = 12  # cells per side for comparing two pictures
LEADS = ("headline", "offer", "price")  # roles that may have the largest type
# measure -> minimum, good from, good to, maximum: 0 outside, 1 between the middle two
GOOD = {
    "lead_size": (0.03, 0.065, 0.15, 0.26),
    "text_share": (0.02, 0.08, 0.34, 0.6),
    "empty_share": (-0.1, 0.0, 0.42, 0.8),
    "off_middle": (-0.1, 0.0, 0.07, 0.3),
    "button_contrast": (1.0, 2.2, 22.0, 23.0),
    "num_messages": (0.5, 2.0, 5.0, 9.0),
    "thing_share": (0.0, 0.14, 0.6, 1.2),
}
WEIGHTS = {
    "lead_size": 2.0,
    "text_share": 1.0,
    "empty_share": 1.5,
    "off_middle": 0.7,
    "button_contrast": 0.8,
    "num_messages": 0.8,
    "thing_share": 1.6,
}
DROPPED = 0.12  # deduction from the score for each message without room


@dataclass(frozen=True, eq=False)
class Measures:
    """Measures of a composed ad.

    family: of its layout. lead_size: largest type, relative to the geometric mean of the sides. text_share: area of the words'
    boxes. empty_share: area of uniform ground. off_middle: distance of the drawing's centre from the ad's, relative to its
    diagonal. button_contrast: 1..21 of the button with its surroundings, 1 without one. num_facts: proofs, offer, price, badge.
    num_messages: roles shown. num_dropped: messages without room. thing_share: area of the photo's face or product; 0 without a
    photo. grid: [GRID, GRID, 3] OKLab, for `likeness`.
    """

    family: str
    lead_size: float
    text_share: float
    empty_share: float
    off_middle: float
    button_contrast: float
    num_facts: int
    num_messages: int
    num_dropped: int
    thing_share: float
    lead: str
    grid: np.ndarray

    def as_dict(self) -> dict[str, Any]:
        """Return the measures for ad.json."""
        return {
            name: round(value, 4) if isinstance(value, float) else value for name, value in vars(self).items() if name != "grid"
        }


def measure(recipe: Recipe, composed: Composed) -> Measures:
    """Measure a composed ad."""
    image_u8 = composed.pixels
    height, width = image_u8.shape[:2]
    shown = [one for one in composed.placed if not one.dropped and one.role != "legal"]
    words = np.zeros((height, width), bool)
    for one in shown:
        x0, y0, x1, y1 = (round(edge) for edge in one.box)
        words[max(0, y0) : y1, max(0, x0) : x1] = True
    small = cv2.resize(image_u8, (96, 96), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    energy = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    busy = cv2.dilate((energy > 14).astype(np.uint8), np.ones((5, 5), np.uint8))
    rows, columns = np.mgrid[0:96, 0:96] / 95.0
    total = float(energy.sum()) or 1.0
    away = np.hypot(float((columns * energy).sum()) / total - 0.5, float((rows * energy).sum()) / total - 0.5)
    lead = max(shown, key=lambda one: one.size, default=None)
    return Measures(
        family=load_layout(recipe.layout).family,
        lead_size=0.0 if lead is None else lead.size / (width * height) ** 0.5,
        text_share=float(words.mean()),
        empty_share=float(1.0 - busy.mean()),
        off_middle=float(away / 2**0.5),
        button_contrast=_button_contrast(composed, image_u8),
        num_facts=sum(len(one.text.split("\n")) for one in shown if one.role in ("proof", "offer", "price", "badge")),
        num_messages=len({one.role for one in shown}),
        num_dropped=len(set(composed.dropped) - {"brand", "legal"}),
        thing_share=_thing_share(composed),
        lead=recipe.texts.get(recipe.emphasis) or recipe.texts.get("headline", ""),
        grid=grid_of(small),
    )


def _thing_share(composed: Composed) -> float:
    photos = [item.box for item in composed.scene.items if isinstance(item, Picture) and item.role in PHOTOS]
    things = composed.focus if photos else ()
    largest = max((box.width * box.height for box in things or photos), default=0.0)
    return min(1.0, largest / (composed.scene.width * composed.scene.height))


def _button_contrast(composed: Composed, image_u8: np.ndarray) -> float:
    """Return the contrast of the button's plate with its surroundings; 1 without a button."""
    button = next((one for one in composed.placed if one.role == "button" and not one.dropped), None)
    if button is None:
        return 1.0
    x0, y0, x1, y1 = (round(edge) for edge in button.box)
    reach = max(3, round(button.size * 2))
    height = len(image_u8)
    within = image_u8[max(0, y0) : y1, max(0, x0) : x1].reshape(-1, 3)
    above, below = image_u8[max(0, y0 - reach), max(0, x0) : x1], image_u8[min(height - 1, y1 + reach), max(0, x0) : x1]
    if not within.size:
        return 1.0
    values, counts = np.unique(within // 8, axis=0, return_counts=True)
    plate, around = values[counts.argmax()] * 8.0 + 4.0, np.median(np.concatenate([above, below]), axis=0)
    return contrast(_hex(plate), _hex(around))


def _hex(colour: np.ndarray) -> str:
    red, green, blue = (int(np.clip(value, 0, 255)) for value in colour)
    return f"#{red:02x}{green:02x}{blue:02x}"


def design_score(measures: Measures) -> float:
    """Return the compliance of an ad with rules for layouts read at a glance, 0..1; not a prediction of clicks."""
    total = sum(weight * _in_range(float(getattr(measures, name)), *GOOD[name]) for name, weight in WEIGHTS.items())
    return max(0.0, total / sum(WEIGHTS.values()) - DROPPED * measures.num_dropped)


def _in_range(value: float, lowest: float, low: float, high: float, highest: float) -> float:
    if value < low:
        return max(0.0, (value - lowest) / (low - lowest))
    return 1.0 if value <= high else max(0.0, (highest - value) / (highest - high))


def grid_of(image_u8: np.ndarray) -> np.ndarray:
    """Return [GRID, GRID, 3] OKLab of a picture [H, W, 3] uint8, for `picture_likeness`."""
    return to_oklab(cv2.resize(image_u8, (GRID, GRID), interpolation=cv2.INTER_AREA))


def picture_likeness(first: np.ndarray, second: np.ndarray) -> float:
    """Return the similarity of two grids [GRID, GRID, 3], 0..1: 1 for equal colours, 0 from a mean distance of 0.25 OKLab."""
    apart = float(np.linalg.norm(first - second, axis=2).mean())
    return max(0.0, 1.0 - apart / 0.25)


def likeness(first: Measures, second: Measures) -> float:
    """Return the similarity of two ads, 0..1: the mean for their pictures and their leading lines."""
    words = SequenceMatcher(None, first.lead.casefold(), second.lead.casefold(), autojunk=False).ratio()
    return 0.5 * picture_likeness(first.grid, second.grid) + 0.5 * words
