"""Content-addressed store on disk for what encoders found, so that the same picture is never encoded twice.

A key is the sha256 of the content and of everything that shaped the answer (encoder hashes, format version): a changed
picture, word or weight is another key, so an entry is never wrong, only unused. A picture is known by its pixels, and a
picture file also by its bytes, so that a known file need not be decoded. An entry is its sha256, then safetensors; it is
written to a temporary file and renamed, so two processes may share a folder, and one that a power cut damaged is not read.
Entries hold face codes: they stay local, and `purge` removes them all.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as read_tensors
from safetensors.numpy import save as pack_tensors

from adcreative.artifacts import hash_bytes, write_atomically

FORMAT = 4
SUFFIX = ".features"
_OLDER_SUFFIX = ".features.npz"  # format 1; no longer read, still purged
_DIGEST_BYTES = 32


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
        digest, packed = payload[:_DIGEST_BYTES], payload[_DIGEST_BYTES:]
        if hashlib.sha256(packed).digest() != digest:
            return None
        try:
            return read_tensors(packed)
        except SafetensorError:
            return None

    def save(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Save `arrays` under `key`; the last of two writers wins, and both wrote the same."""
        packed = pack_tensors({name: np.asarray(array, order="C") for name, array in arrays.items()})
        write_atomically(self._path(key), hashlib.sha256(packed).digest() + packed, is_durable=False)

    def purge(self) -> int:
        """Remove every entry, and nothing else in the folder; return how many there were."""
        removed = 0
        for suffix in (SUFFIX, _OLDER_SUFFIX):
            for path in sorted(self.cache_dir.glob(f"??/*{suffix}")):
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def _path(self, key: str) -> Path:
        return self.cache_dir / key[:2] / f"{key}{SUFFIX}"


def picture_key(image_u8: np.ndarray, *encoder_hashes: str) -> str:
    """Return the key of a picture [H, W, 3] uint8: its size, its pixels, and what will look at it."""
    shape = repr(image_u8.shape).encode()
    pixels = np.ascontiguousarray(image_u8).reshape(-1).data
    return hash_bytes(b"picture", str(FORMAT).encode(), shape, pixels, *(h.encode() for h in encoder_hashes))


def file_key(content: bytes, *reader_hashes: str) -> str:
    """Return the key of a picture file by its bytes, and of what will decode it and look at it."""
    return hash_bytes(b"file", str(FORMAT).encode(), content, *(h.encode() for h in reader_hashes))


def words_key(text: str, *encoder_hashes: str) -> str:
    """Return the key of a text and of what will read it."""
    return hash_bytes(b"words", str(FORMAT).encode(), text.encode(), *(h.encode() for h in encoder_hashes))
