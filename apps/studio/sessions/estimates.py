"""How long a search takes, said before it begins, from the searches that this computer has made. Knows no page, no model."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from statistics import median

KEPT = 20
# seconds to get ready, and a version: a guess, not a measurement; used until a search was timed on this machine
PRIOR_S = {"words": (1.5, 0.02), "picture": (3.0, 0.045), "faces": (5.0, 0.09)}


@dataclass
class Estimates:
    """What searches took, by what was searched ("words", "picture" or "faces"): seconds over those of PRIOR_S."""

    _ratios: dict[str, deque[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, num_versions: int, seconds: float) -> None:
        """Note what a finished search took."""
        if num_versions > 0 and seconds > 0:
            with self._lock:
                self._ratios.setdefault(kind, deque(maxlen=KEPT)).append(seconds / _prior(kind, num_versions))

    def guess(self, kind: str, num_versions: int) -> tuple[float, bool]:
        """Return the seconds that a search takes, and whether that rests on searches of this kind here.

        A kind that was not searched yet is as much slower or faster as the others were.
        """
        with self._lock:
            own, all_ratios = self._ratios.get(kind, ()), [one for ratios in self._ratios.values() for one in ratios]
            ratio = median(own) if own else median(all_ratios) if all_ratios else 1.0
        return _prior(kind, num_versions) * ratio, bool(own)


def _prior(kind: str, num_versions: int) -> float:
    ready_s, version_s = PRIOR_S[kind]
    return ready_s + version_s * num_versions
