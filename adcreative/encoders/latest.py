"""The latest answers of a function of pictures, remembered by the pixels that it was asked about."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

import numpy as np

Answer = TypeVar("Answer")


class LatestAnswers(Generic[Answer]):
    """A function of arrays that is not called again for one of its latest inputs; safe to share between threads.

    Who asks gets the remembered object itself, and so must not change it.
    """

    def __init__(self, ask: Callable[..., Answer], num_latest: int) -> None:
        """Remember the answers of `ask` to its latest `num_latest` inputs."""
        self._ask, self._num_latest = ask, num_latest
        self._latest: OrderedDict[bytes, Answer] = OrderedDict()
        self._lock = Lock()

    def __call__(self, *arrays: np.ndarray) -> Answer:
        """Return the answer to some arrays, known by their shapes, types and bytes."""
        key = _key(arrays)
        with self._lock:
            if key in self._latest:
                self._latest.move_to_end(key)
                return self._latest[key]
        answer = self._ask(*arrays)
        with self._lock:
            self._latest[key] = answer
            if len(self._latest) > self._num_latest:
                self._latest.popitem(last=False)
        return answer

    def forget(self) -> None:
        """Remember nothing any more."""
        with self._lock:
            self._latest.clear()


def _key(arrays: tuple[np.ndarray, ...]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.digest()
