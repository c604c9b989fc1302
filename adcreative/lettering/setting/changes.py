"""What setting an ad's words does to its picture, and how that is told. Knows no fonts, no pixels of letters."""

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
    """A text that was set. old: what stood there; block: the new lines, where they stand, in their ink.

    font: family of its letters; is_own_font: they are the ad's own. is_new_ink: the old ink has less contrast where the text
    stands now than it had. faint: contrast with the ground and the one that is advised, where the ad's own ink has less.
    """

    old: str
    block: TextBlock
    font: str
    is_own_font: bool
    is_new_ink: bool = False
    faint: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """What setting words does to a picture.

    mask [H, W]: pixels that differ; pixels [H, W, 3]: what stands there. placed: field -> its text, where it was set. moved:
    roles of blocks that moved with a text that grew or shrank. left: fields whose text stands in the picture and could not be
    set, with what is wrong.
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
        """Return the picture [H, W, 3] with the words set; the picture itself when nothing changes."""
        return np.where(self.mask[:, :, None], self.pixels, image_u8) if self.placed else image_u8

    @property
    def note(self) -> str:
        """What became of the words in the picture, in a sentence; "" when there is nothing to say."""
        return "; ".join(self.problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What became of the words in the picture; nothing when there is nothing to say."""
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
    """Return a figure rounded down to a tenth, so that what is too little is not told as enough."""
    return float(np.floor(10.0 * value) / 10.0)
