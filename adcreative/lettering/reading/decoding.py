"""Decodes a line's text from the recognition's probabilities, with uncertain spaces. Knows probabilities; no pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

_BLANK = " "


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, fitted on real ads of the working half (`tests/real`)."""

    half_seen: float = 0.18  # minimum probability of an inserted space between two letters
    guessed: float = 0.1  # minimum probability of a space in a line with letters unknown to the model
    letter_steps: int = 3  # width of a letter in steps


FITTED = Fitted()


@dataclass(frozen=True)
class DecodedLine:
    """A recognised line.

    confidence: mean probability of its letters, 0..1; 0 without letters. reach: share of the line, 0..1, from its first to
    its last letter; the rest may be in another script. blanks: positions of possible spaces, shares of the line, 0..1.
    """

    text: str = ""
    confidence: float = 0.0
    reach: float = 0.0
    blanks: tuple[float, ...] = ()


def decode_line(chances: np.ndarray, letters: Sequence[str], *, half_seen: float = FITTED.half_seen) -> DecodedLine:
    """Return the text of a line from the probability of each class at each step [T, C]; class 0 is the CTC blank.

    The most probable class of each step is taken, and repetitions are collapsed (CTC, Graves et al. 2006). Between close words,
    the space is seldom the most probable class; it is inserted if its probability between two letters reaches `half_seen`.
    """
    best = chances.argmax(axis=1)
    blanks = chances[:, letters.index(_BLANK)]
    starts = np.flatnonzero((best > 0) & (best != np.concatenate([[0], best[:-1]])))
    guessed = find_blanks(blanks)
    if not len(starts):
        return DecodedLine(blanks=guessed)
    said = [letters[best[step]] for step in starts]
    text = said[0]
    for (last, step), (before, letter) in zip(pairwise(starts), pairwise(said), strict=True):
        is_half_seen = _BLANK not in (before, letter) and blanks[last : step + 1].max() >= half_seen
        text += (_BLANK if is_half_seen else "") + letter
    reach = min(1.0, (float(starts[-1] - starts[0]) + FITTED.letter_steps) / len(best))
    return DecodedLine(text.strip(), float(chances[starts, best[starts]].mean()), reach, guessed)


def find_blanks(chances: np.ndarray) -> tuple[float, ...]:
    """Return the positions of spaces in a line, as shares of it, from the probability of a space at each step [T]."""
    padded = np.concatenate([[0.0], chances, [0.0]])
    is_peak = (chances >= FITTED.guessed) & (chances >= padded[:-2]) & (chances > padded[2:])
    return tuple(float(step + 0.5) / len(chances) for step in np.flatnonzero(is_peak))
