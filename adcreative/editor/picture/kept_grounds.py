"""Keeps what was worked out of the words in the latest pictures (`grounds.py`) for the next search of the same ad."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adcreative.editor.picture.grounds import PictureGrounds

__all__ = ["KeptGrounds"]

NUM_KEPT, MAX_KEPT_PIXELS = 2, 4_000_000  # ads, each of which takes up to about 25 times the bytes of its picture


class KeptGrounds:
    """The grounds of the latest NUM_KEPT ads of at most MAX_KEPT_PIXELS; safe to share between threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, PictureGrounds] = OrderedDict()
        self._lock = Lock()

    def share(self, grounds: PictureGrounds) -> PictureGrounds:
        """Return those of the same picture and texts that are kept, else `grounds`, which are kept from now on."""
        if grounds.num_pixels > MAX_KEPT_PIXELS:
            return grounds
        with self._lock:
            found = self._kept.setdefault(grounds.key, grounds)
            self._kept.move_to_end(grounds.key)
            if len(self._kept) > NUM_KEPT:
                self._kept.popitem(last=False)
        return found

    def forget(self) -> None:
        """Keep nothing any more."""
        with self._lock:
            self._kept.clear()
