"""Content-addressed store on disk for what encoders found, so that the same picture is never encoded twice.

A key is the sha256 of the content and of everything that shaped the answer (encoder hashes, format version): a changed
picture, word or weight is another key, so an entry is never wrong, only unused. Entries are written to a temporary file
and renamed, so two processes may share a folder. Entries hold face codes: they stay local, and `purge` removes them all.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from adcreative.artifacts import hash_bytes, write_atomically

FORMAT = 2
SUFFIX = ".features.npz"


def cache_dir() -> Path:
    """Where features are cached: $ADCREATIVE_CACHE, else the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "adcreative"
    return Path(os.environ.get("ADCREATIVE_CACHE", default))


class FeatureCache:
    """A folder of arrays by key: `load` returns None for what is not there, `save` is atomic, `purge` empties it."""

    def __init__(self, cache_dir: Path) -> None:
        self.cache_dir = Path(cache_dir)

    def load(self, key: str) -> dict[str, np.ndarray] | None:
        """Return the arrays saved under `key`, or None; a damaged entry counts as absent and will be written anew."""
        try:
            payload = self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        try:
            with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except (ValueError, OSError, EOFError, zipfile.BadZipFile):
            return None

    def save(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Save `arrays` under `key`; the last of two writers wins, and both wrote the same."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        write_atomically(self._path(key), buffer.getvalue())

    def purge(self) -> int:
        """Remove every entry, and nothing else in the folder; return how many there were."""
        removed = 0
        for path in sorted(self.cache_dir.glob(f"??/*{SUFFIX}")):
            path.unlink(missing_ok=True)
            removed += 1
        return removed

    def _path(self, key: str) -> Path:
        return self.cache_dir / key[:2] / f"{key}{SUFFIX}"


def picture_key(image_u8: np.ndarray, *encoder_hashes: str) -> str:
    """Return the key of a picture [H, W, 3] uint8: its size, its pixels, and what will look at it."""
    shape = repr(image_u8.shape).encode()
    return hash_bytes(b"picture", str(FORMAT).encode(), shape, image_u8.tobytes(), *(h.encode() for h in encoder_hashes))


def words_key(text: str, *encoder_hashes: str) -> str:
    """Return the key of a text and of what will read it."""
    return hash_bytes(b"words", str(FORMAT).encode(), text.encode(), *(h.encode() for h in encoder_hashes))
