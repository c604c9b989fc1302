"""What setting an ad's words does to its picture, and how that is told. Knows no fonts, no pixels of letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from adcreative.problem import Problem

FIELDS = ("headline", "description", "cta")
NAMES = {"headline": "headline", "description": "description", "cta": "button"}


@dataclass(frozen=True, kw_only=True)
class Change:
    """What setting an ad's words does to its picture.

    mask [H, W]: pixels that differ; pixels [H, W, 3]: what stands there. done: fields whose text was set; inked: those
    among them that took another ink, as the old one has less contrast where they stand now than it had; faint: those that kept
    an ink of less contrast than is advised, as the ad had it, with that contrast and what is advised; moved: roles of blocks
    that moved with a text that grew or shrank; similar: the font of fields whose own is not at hand; left: fields whose text
    stands in the picture and could not be set, with what is wrong.
    """

    mask: np.ndarray = field(repr=False)
    pixels: np.ndarray = field(repr=False)
    done: tuple[str, ...] = ()
    inked: tuple[str, ...] = ()
    faint: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    moved: tuple[str, ...] = ()
    similar: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)

    def apply(self, image_u8: np.ndarray) -> np.ndarray:
        """Return the picture [H, W, 3] with the words set; the picture itself when nothing changes."""
        return np.where(self.mask[:, :, None], self.pixels, image_u8) if self.done else image_u8

    @property
    def note(self) -> str:
        """What became of the words in the picture, in a sentence; "" when there is nothing to say."""
        told = [f"the {NAMES[name]} in the picture stays as it was: {'; '.join(why)}" for name, why in self.left.items()]
        if self.done:
            ink = " (in another ink, as the old one had too little contrast)" if self.inked else ""
            told.insert(0, f"{list_words([NAMES[name] for name in self.done])} set into the picture{ink}")
        if self.moved:
            told.insert(1, f"{list_words(self.moved)} moved with it")
        for name, family in self.similar.items():
            told.append(f"the {NAMES[name]} is in {family}, the most similar font at hand (a brand kit may name the ad's own)")
        for name, (contrast, advised) in self.faint.items():
            figures = f"{floor_tenth(contrast):.1f} ({advised:g} is advised)"
            told.append(f"the {NAMES[name]} keeps the ad's ink, whose contrast with the ground is {figures}")
        return "; ".join(told)


def list_words(names: Sequence[str]) -> str:
    """Return words as a list: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def floor_tenth(value: float) -> float:
    """Return a figure rounded down to a tenth, so that what is too little is not told as enough."""
    return float(np.floor(10.0 * value) / 10.0)
