"""Keeps what was worked out of the words in the latest pictures (`preparation.py`) for the next search of the same ad."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adcreative.lettering.setting.preparation import PreparedPicture

NUM_KEPT, MAX_KEPT_PIXELS = 2, 4_000_000  # ads, each of which takes up to about 25 times the bytes of its picture


class PreparedCache:
    """What was prepared for the latest NUM_KEPT ads of at most MAX_KEPT_PIXELS; safe to share between threads.

    They take too much memory to be kept for each user, so several users share them (`for_other`): an ad's goes when all
    who had that ad have forgotten it.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[PreparedPicture, set[PreparedCache]]] = OrderedDict()  # with who had that ad
        self._lock = Lock()

    def for_other(self) -> PreparedCache:
        """Return the same cache for another user."""
        other = PreparedCache()
        other._kept, other._lock = self._kept, self._lock
        return other

    def share(self, prepared: PreparedPicture) -> PreparedPicture:
        """Return those of the same picture and texts that are kept, else `prepared`, which are kept from now on."""
        if prepared.num_pixels > MAX_KEPT_PIXELS:
            return prepared
        with self._lock:
            found, users = self._kept.setdefault(prepared.key, (prepared, set()))
            users.add(self)
            self._kept.move_to_end(prepared.key)
            if len(self._kept) > NUM_KEPT:
                self._kept.popitem(last=False)
        return found

    def forget(self) -> None:
        """Keep nothing for this user any more."""
        with self._lock:
            for key, (_, users) in list(self._kept.items()):
                users.discard(self)
                if not users:
                    del self._kept[key]
