"""Words that belong to a picture: read in it, of a winner's pack, of a ranked ad, or the demo's. They are cleared with that
picture; words typed by a person stay. Stored on the server too, so that a reopened page knows them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from .ads import MAX_ADS, MAX_STATES


@dataclass(frozen=True, kw_only=True)
class CameWith:
    """For each of the latest MAX_STATES owners: name of a picture -> the picture's fields, of the latest MAX_ADS pictures."""

    _kept: OrderedDict[str, OrderedDict[str, dict[str, str]]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, owner: str, picture: str, fields: Mapping[str, str | None]) -> dict[str, str]:
        """Add fields to the stored fields of a picture; return all of its fields."""
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
