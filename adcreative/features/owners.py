"""Owners of the pictures in a feature cache: from a consent id to the entries to remove when the consent ends.

One folder per consent id with one empty file per picture, named by its cache key. The folder's name is a hash of the id, so
that any id is valid and none is visible; with access to the folder an id can still be guessed and tested, so it stays as local
as the codes. A picture is recorded before its entry is written, and repetition changes nothing: a killed run leaves no entry
without an owner, and several processes may share the folder.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from adcreative.artifacts import make_private_dir


class FeatureOwners:
    """A folder that records the pictures seen with each consent id; created by the first `note`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.is_closed = Path(folder), False

    def note(self, consent_ids: Iterable[str], names: Iterable[str]) -> None:
        """Record that each of the pictures `names` (hexadecimal) was seen with each of the consent ids; nothing when closed."""
        pictures = list(names)
        for consent_id in () if self.is_closed else consent_ids:
            place = self._place(consent_id)
            make_private_dir(place)
            for name in pictures:
                (place / name).touch(mode=0o600)
        if self.is_closed:  # in the meantime
            self.forget()

    def names(self, consent_id: str) -> list[str]:
        """Return the pictures seen with this consent id."""
        place = self._place(consent_id)
        return sorted(path.name for path in place.iterdir()) if place.is_dir() else []

    def forget(self, consent_id: str | None = None) -> None:
        """Remove the records of this consent id; None: of all."""
        folder = self.folder if consent_id is None else self._place(consent_id)
        if folder.is_dir():
            shutil.rmtree(folder)

    def _place(self, consent_id: str) -> Path:
        return self.folder / hashlib.sha256(consent_id.encode("utf-8", "replace")).hexdigest()[:32]
