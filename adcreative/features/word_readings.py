"""Cache of the words read in pictures, next to the feature cache, so that no picture is read twice with the same OCR model.

An entry holds the lines of one picture under its pixels' hash and the reader's. Knows pictures and lines; no ads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from adcreative.features.cache import FeatureCache, FeatureStore, cache_dir, hash_picture, picture_key
from adcreative.lettering import TextLine, TextReading, has_reader, load_reader, name_installed_reader, pack_lines, unpack_lines

FORMAT = "words in pictures 2"

FindCache = Callable[[], FeatureStore | None]


class CachedReader:
    """A reader with a cache; it is loaded at the first picture missing there. A cache of None stores nothing."""

    def __init__(
        self, find_cache: FindCache, load: Callable[[], TextReading] = load_reader, content_hash: str | None = None
    ) -> None:
        self._find_cache, self._load = find_cache, load
        self._content_hash = name_installed_reader() if content_hash is None else content_hash

    @property
    def content_hash(self) -> str:
        return self._content_hash

    def read(self, image_u8: np.ndarray, whole: tuple[int, int] | None = None) -> list[TextLine]:
        """Return the lines of text in the picture [H, W, 3] uint8, from top to bottom; a part of a picture is not cached."""
        cache = None if whole else self._find_cache()
        if cache is None:
            return self._load().read(image_u8, whole)
        key = picture_key(hash_picture(image_u8), FORMAT, self.content_hash)
        known = cache.load(key)
        if known is None:
            lines = self._load().read(image_u8)
            cache.save(key, pack_lines(lines))
            return lines
        return unpack_lines(**known)

    def read_lines(self, crops_u8: Sequence[np.ndarray]) -> list[str]:
        """Return the text of pictures with one line each; not cached, since crops are read only once."""
        return self._load().read_lines(crops_u8)

    def unread_letters(self, text: str) -> str:
        """Return the letters of a text that are unknown to the model."""
        return self._load().unread_letters(text)


def find_reader(find_cache: FindCache | None = None) -> CachedReader | None:
    """Return the available reader, None when its packages are not installed.

    Args:
        find_cache: returns the cache to use; None: the user's.
    """
    if not has_reader():
        return None
    return CachedReader(find_cache or (lambda: FeatureCache(cache_dir() / "features")))
