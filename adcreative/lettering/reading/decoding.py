"""Text of a line from the recognition's probabilities, with the blanks that it half saw. Knows probabilities; no pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

_BLANK = " "


@dataclass(frozen=True)
class Fitted:
    """Numbers of this file, fitted on real ads of the working half (`tests/real`)."""

    half_seen: float = 0.3  # probability of a blank between two letters from which one is set there
    guessed: float = 0.1  # probability of a blank in a line whose letters the model does not know
    letter_steps: int = 3  # that a letter is wide


FITTED = Fitted()


@dataclass(frozen=True)
class DecodedLine:
    """A line as it was recognised.

    confidence: mean probability of its letters, 0..1; 0 where there is none. reach: share of the line, 0..1, from its first to
    its last letter; the rest may be in another script. blanks: where between words a blank may be, shares of the line, 0..1.
    """

    text: str = ""
    confidence: float = 0.0
    reach: float = 0.0
    blanks: tuple[float, ...] = ()


def decode_line(chances: np.ndarray, letters: Sequence[str], *, half_seen: float = FITTED.half_seen) -> DecodedLine:
    """Return the text of a line from the probability of each class at each step [T, C]; class 0 stands for no letter.

    The likeliest class of each step is taken, runs of it once (CTC, Graves et al. 2006). Where words stand close, the blank
    between them is seldom the likeliest of any step; it is set where its probability between two letters reaches `half_seen`.
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
    """Return the places of blanks in a line, shares of it, from the probability of one at each step [T]."""
    padded = np.concatenate([[0.0], chances, [0.0]])
    is_peak = (chances >= FITTED.guessed) & (chances >= padded[:-2]) & (chances > padded[2:])
    return tuple(float(step + 0.5) / len(chances) for step in np.flatnonzero(is_peak))
