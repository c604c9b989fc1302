"""Which words came with a picture: read in it, of a winner's pack, of a ranked ad, or the demo's. They go with that picture;
what a person typed stays. Kept here as well as on the page, so that a page that is opened anew knows it still.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from .ads import MAX_ADS, MAX_STATES


@dataclass(frozen=True, kw_only=True)
class CameWith:
    """Of each of the latest MAX_STATES owners: name of a picture -> the fields that came with it, of the latest MAX_ADS."""

    _kept: OrderedDict[str, OrderedDict[str, dict[str, str]]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, owner: str, picture: str, fields: Mapping[str, str | None]) -> dict[str, str]:
        """Note what came with a picture beside what was noted of it before; return all of it."""
        with self._lock:
            pictures = self._kept.setdefault(owner, OrderedDict())
            found = pictures.setdefault(picture, {})
            found.update({name: text for name, text in fields.items() if text})
            pictures.move_to_end(picture)
            self._kept.move_to_end(owner)
            for kept, most in ((pictures, MAX_ADS), (self._kept, MAX_STATES)):
                if len(kept) > most:
                    kept.popitem(last=False)
            return dict(found)

    def forget(self, owner: str) -> None:
        with self._lock:
            self._kept.pop(owner, None)
