"""Caches the preparation of the latest pictures (`preparation.py`) for the next search of the same ad."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adcreative.lettering.setting.preparation import PreparedPicture


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `pytest tests/lettering/setting/test_preparation.py`."""

    num_kept: int = 2  # ads
    max_kept_pixels: int = 4_000_000  # of each ad: larger ones are not cached


FITTED = Fitted()


class PreparedCache:
    """The latest FITTED.num_kept prepared ads of at most FITTED.max_kept_pixels; safe to share between threads.

    They take too much memory for a cache per user, so several users share one (`for_other`): an ad is dropped after all its
    users have called `forget`.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[PreparedPicture, set[PreparedCache]]] = OrderedDict()  # with its users
        self._lock = Lock()

    def for_other(self) -> PreparedCache:
        """Return a view of the same cache for another user."""
        other = PreparedCache()
        other._kept, other._lock = self._kept, self._lock
        return other

    def share(self, prepared: PreparedPicture) -> PreparedPicture:
        """Return the cached preparation of the same picture and texts, or else cache and return `prepared`."""
        if prepared.num_pixels > FITTED.max_kept_pixels:
            return prepared
        with self._lock:
            found, users = self._kept.setdefault(prepared.key, (prepared, set()))
            users.add(self)
            self._kept.move_to_end(prepared.key)
            if len(self._kept) > FITTED.num_kept:
                self._kept.popitem(last=False)
        return found

    def forget(self) -> None:
        """Drop this user's entries."""
        with self._lock:
            for key, (_, users) in list(self._kept.items()):
                users.discard(self)
                if not users:
                    del self._kept[key]
