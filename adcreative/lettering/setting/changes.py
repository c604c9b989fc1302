"""The changes of a picture from new words, and their description. Independent of fonts and of letters' pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from adcreative.lettering.reading.blocks import TextBlock
from adcreative.problem import Problem

FIELDS = ("headline", "description", "cta")
NAMES = {"headline": "headline", "description": "description", "cta": "button"}


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A new text. old: the replaced text; block: the new lines with their position and ink.

    font: family of its letters; is_own_font: the ad's own font. is_new_ink: the ink differs, since the old one has less
    contrast at the new position. faint: contrast with the ground and the advised contrast, if the ad's own ink has less.
    """

    old: str
    block: TextBlock
    font: str
    is_own_font: bool
    is_new_ink: bool = False
    faint: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """The change of a picture from new words.

    mask [H, W]: changed pixels; pixels [H, W, 3]: their new values. placed: field -> its new text. moved: roles of blocks
    that moved with a growing or shrinking text. left: fields whose text is in the picture and could not be replaced, with the
    reasons.
    """

    mask: np.ndarray = field(repr=False)
    pixels: np.ndarray = field(repr=False)
    placed: Mapping[str, Placed] = field(default_factory=dict)
    moved: tuple[str, ...] = ()
    left: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)

    @property
    def done(self) -> tuple[str, ...]:
        """Fields whose text was set."""
        return tuple(self.placed)

    def apply(self, image_u8: np.ndarray) -> np.ndarray:
        """Return the picture [H, W, 3] with the new words; the same picture without any."""
        return np.where(self.mask[:, :, None], self.pixels, image_u8) if self.placed else image_u8

    @property
    def note(self) -> str:
        """A sentence about the words in the picture; "" without a change."""
        return "; ".join(self.problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Messages about the words in the picture; empty without a change."""
        told = []
        if self.placed:
            has_new_ink = any(one.is_new_ink for one in self.placed.values())
            ink = " (in another ink, as the old one had too little contrast)" if has_new_ink else ""
            told.append(Problem("words_set", words=list_words([NAMES[name] for name in self.placed]), ink=ink))
        if self.moved:
            told.append(Problem("words_moved", words=list_words(self.moved)))
        told += [Problem("words_stay", word=NAMES[name], why="; ".join(why)) for name, why in self.left.items()]
        told += [
            Problem("similar_font", word=NAMES[name], family=one.font)
            for name, one in self.placed.items()
            if not one.is_own_font
        ]
        told += [
            Problem("faint_ink", word=NAMES[name], contrast=floor_tenth(one.faint[0]), advised=one.faint[1])
            for name, one in self.placed.items()
            if one.faint is not None
        ]
        return tuple(told)


def list_words(names: Sequence[str]) -> str:
    """Return words as a list: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def floor_tenth(value: float) -> float:
    """Return a figure rounded down to a tenth, so that an insufficient value is not shown as sufficient."""
    return float(np.floor(10.0 * value) / 10.0)
