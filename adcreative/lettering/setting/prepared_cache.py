"""Keeps what was worked out of the words in the latest pictures (`preparation.py`) for the next search of the same ad."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adcreative.lettering.setting.preparation import PreparedPicture


@dataclass(frozen=True)
class Fitted:
    """Numbers of this file, chosen by hand, checked by `pytest tests/lettering/setting/test_preparation.py`."""

    num_kept: int = 2  # ads
    max_kept_pixels: int = 4_000_000  # of each: larger ones are not kept


FITTED = Fitted()


class PreparedCache:
    """What was prepared for the latest FITTED.num_kept ads of at most FITTED.max_kept_pixels; safe to share between threads.

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
        """Keep nothing for this user any more."""
        with self._lock:
            for key, (_, users) in list(self._kept.items()):
                users.discard(self)
                if not users:
                    del self._kept[key]
