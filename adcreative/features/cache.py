"""Content-addressed store of encoder outputs on disk, so that the same picture is never encoded twice.

A key is the sha256 of the content and of everything that affects the output (encoder hashes, format version): a changed
picture, word or weight has another key, so an entry is never wrong, only unused. A picture is identified by its pixels; the
entry of a picture file holds the hash of its pixels, so that a known file need not be decoded. An entry is its sha256, then
safetensors; it is written to a temporary file and renamed, so two processes may share a folder, and an entry damaged by a power
cut is not read.

Entries of pictures hold face codes: they stay local, `purge` removes them all, and `purge_person` the entries of pictures
seen with a consent id (`feature_owners`). The key of a picture starts with its own hash for every encoder: entries of earlier
encoders are removed too.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as read_tensors
from safetensors.numpy import save as pack_tensors

from adcreative.artifacts import hash_bytes, write_atomically
from adcreative.features.owners import FeatureOwners

FORMAT = 4
SUFFIX = ".entry"
OWNERS = "owners"
_DIGEST_BYTES = 32
MAX_VERSIONS = 2_000  # cached pictures and words of a search, of about 5 kB each


def cache_dir() -> Path:
    """Return the folder of the feature cache: $ADCREATIVE_CACHE, else the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "adcreative"
    return Path(os.environ.get("ADCREATIVE_CACHE", default))


class NotesOwners(Protocol):
    """Records the consent ids of pictures (`features.owners.FeatureOwners`)."""

    def note(self, consent_ids: Iterable[str], names: Iterable[str]) -> None: ...


class FeatureStore(Protocol):
    """Arrays by key (`FeatureCache`, `VersionCache`)."""

    @property
    def owners(self) -> NotesOwners: ...
    def load(self, key: str) -> dict[str, np.ndarray] | None:
        """Return the arrays saved under `key`, or None."""

    def save(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Save arrays under `key`."""

    def purge_entries(self) -> int:
        """Remove every entry; return the number of entries."""


class FeatureCache:
    """A folder of arrays by key: `load` returns None for a missing key, `save` is atomic, `purge` empties the folder.

    owners: the owners of the pictures; recorded before a picture is saved.
    """

    def __init__(self, cache_dir: Path) -> None:
        self.cache_dir = Path(cache_dir)
        self.owners = FeatureOwners(self.cache_dir / OWNERS)

    def load(self, key: str) -> dict[str, np.ndarray] | None:
        """Return the arrays saved under `key`, or None; a damaged entry counts as absent and is written again."""
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
        """Save `arrays` under `key`; the last of two writers wins, both with the same content. Nothing is saved when closed."""
        if self.owners.is_closed:
            return
        packed = pack_tensors({name: np.asarray(array, order="C") for name, array in arrays.items()})
        write_atomically(self._path(key), hashlib.sha256(packed).digest() + packed, is_durable=False, is_private=True)
        if self.owners.is_closed:  # in the meantime
            self._path(key).unlink(missing_ok=True)

    def close(self) -> None:
        """Remove every entry and owner record, and save nothing from now on: work that still runs leaves nothing behind."""
        self.owners.is_closed = True
        self.purge()

    def purge(self) -> int:
        """Remove every entry and owner record, and nothing else in the folder; return the number of entries."""
        removed = self.purge_entries()
        self.owners.forget()
        return removed

    def purge_entries(self) -> int:
        """Remove every entry, also while other processes use the folder; return the number of entries."""
        return self._remove(f"??/*{SUFFIX}")

    def purge_person(self, consent_id: str) -> int:
        """Remove the entries of every picture seen with a consent id, pictures of several people included; return the number of
        entries."""
        removed = sum(self._remove(f"{name[:2]}/{name}*{SUFFIX}") for name in self.owners.names(consent_id))
        self.owners.forget(consent_id)
        return removed

    def _remove(self, pattern: str) -> int:
        found = list(self.cache_dir.glob(pattern))
        for path in found:
            path.unlink(missing_ok=True)
        return len(found)

    def _path(self, key: str) -> Path:
        return self.cache_dir / key[:2] / f"{key}{SUFFIX}"


class VersionCache:
    """A cache in memory for versions of one picture, which are not needed later: it reads the persistent cache and never writes
    there, so that no owners need be recorded. The least recently used entry is evicted first. Thread-safe."""

    def __init__(self, kept: FeatureStore | None, max_entries: int = MAX_VERSIONS) -> None:
        """Create a cache that reads keys missing here from `kept`."""
        self._kept, self._max_entries = kept, max_entries
        self._entries: OrderedDict[str, dict[str, np.ndarray]] = OrderedDict()
        self._lock = Lock()

    @property
    def owners(self) -> VersionCache:
        return self

    def note(self, consent_ids: Iterable[str], names: Iterable[str]) -> None:
        """Do nothing: no entry outlives this object."""

    def load(self, key: str) -> dict[str, np.ndarray] | None:
        """Return the arrays saved under `key` here or in the persistent cache, or None."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key]
        return self._kept.load(key) if self._kept is not None else None

    def save(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Save arrays under `key` here."""
        with self._lock:
            self._entries[key] = dict(arrays)
            if len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)

    def purge_entries(self) -> int:
        """Remove the entries saved here; return their number."""
        with self._lock:
            num = len(self._entries)
            self._entries.clear()
            return num


def hash_picture(image_u8: np.ndarray) -> str:
    """Return the identifier of a picture [H, W, 3] uint8: the hash of its size and its pixels."""
    return hash_bytes(b"picture", repr(image_u8.shape).encode(), np.ascontiguousarray(image_u8).reshape(-1).data)


def picture_key(picture_hash: str, *encoder_hashes: str) -> str:
    """Return the key of these encoders' outputs for a picture; it starts with the picture's hash."""
    return f"{picture_hash}-{hash_bytes(str(FORMAT).encode(), *(h.encode() for h in encoder_hashes))[:16]}"


def file_key(content: bytes, decoder: str) -> str:
    """Return the key of a picture file by its bytes and its decoder."""
    return hash_bytes(b"file", str(FORMAT).encode(), content, decoder.encode())


def words_key(text: str, *encoder_hashes: str) -> str:
    """Return the key of a text and its encoders."""
    return hash_bytes(b"words", str(FORMAT).encode(), text.encode(), *(h.encode() for h in encoder_hashes))
