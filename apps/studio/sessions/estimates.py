"""How long a search takes, said before it begins, from the searches that this process has made. Knows no page, no model."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from adcreative.creative import Creative

KEPT, KEPT_PICTURES = 5, 500
WORDS, PICTURE, FACES = "words", "picture", "faces"
LETTERED_PICTURE, LETTERED_FACES = "lettered picture", "lettered faces"  # with words in the picture, which are set anew
# seconds to get ready, and a version: of one idle core; used until a search was timed on this machine
PRIOR_S = {
    WORDS: (1.5, 0.015), PICTURE: (2.5, 0.02), FACES: (6.5, 0.05), LETTERED_PICTURE: (5.0, 0.045), LETTERED_FACES: (9.0, 0.08),
}  # fmt: skip
FIRST_SPREAD = (1.0, 4.0)  # of a first guess: a busy or slow machine takes that much longer
OTHER_SPREAD = (0.7, 2.0)  # of a guess from searches of another kind


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Seconds that a search takes, from and to; is_measured: searches of the same kind took that long here."""

    low_s: float
    high_s: float
    is_measured: bool


@dataclass
class Estimates:
    """What searches took, by their kind (a key of PRIOR_S), over the seconds of PRIOR_S; and which pictures have words."""

    _ratios: dict[str, deque[float]] = field(default_factory=dict)
    _lettered: OrderedDict[str, bool] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, num_versions: int, seconds: float) -> None:
        """Note what a finished search took."""
        if num_versions > 0 and seconds > 0:
            with self._lock:
                self._ratios.setdefault(kind, deque(maxlen=KEPT)).append(seconds / _prior(kind, num_versions))

    def note_lettering(self, creative: Creative, has_words: bool) -> None:
        """Note whether words were read in the picture of an ad, known by its path."""
        with self._lock:
            self._lettered[str(creative.image_path)] = has_words
            if len(self._lettered) > KEPT_PICTURES:
                self._lettered.popitem(last=False)

    def find_lettering(self, creative: Creative) -> bool | None:
        """Return whether there are words in the picture of an ad; None when it was not read yet."""
        with self._lock:
            return self._lettered.get(str(creative.image_path))

    def guess(self, kinds: Sequence[str], num_versions: int) -> Estimate:
        """Return how long a search of one of some kinds takes.

        A kind that was not searched yet is about as much slower or faster as the others were.
        """
        with self._lock:
            ratios = {kind: list(self._ratios.get(kind, ())) for kind in kinds}
            others = [ratio for one in self._ratios.values() for ratio in one]
        spread, usual = (OTHER_SPREAD, median(others)) if others else (FIRST_SPREAD, 1.0)
        seconds = []
        for kind, own in ratios.items():
            between = (min(own), max(own)) if own else (spread[0] * usual, spread[1] * usual)
            seconds += [ratio * _prior(kind, num_versions) for ratio in between]
        return Estimate(low_s=min(seconds), high_s=max(seconds), is_measured=all(ratios.values()))


def _prior(kind: str, num_versions: int) -> float:
    ready_s, version_s = PRIOR_S[kind]
    return ready_s + version_s * num_versions
