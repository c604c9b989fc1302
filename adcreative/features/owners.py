"""Whose pictures a feature cache has seen: from a consent id to the entries to remove when that consent ends.

One folder a consent id, one empty file in it a picture, named as the cache names it. The folder is called by a hash of the id:
any id is a good name then, and none is shown; who has the folder can still test a guess, so it stays as local as the codes.
A picture is noted before its entry is written, and noting it twice changes nothing: a killed run leaves no entry that cannot
be found, and several processes may share the folder.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from adcreative.artifacts import make_private_dir


class FeatureOwners:
    """A folder that says which pictures were seen with which consent id; nothing is made before the first `note`."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def note(self, consent_ids: Iterable[str], names: Iterable[str]) -> None:
        """Note that each of the pictures `names` (hexadecimal) was seen with each of the consent ids."""
        pictures = list(names)
        for consent_id in consent_ids:
            place = self._place(consent_id)
            make_private_dir(place)
            for name in pictures:
                (place / name).touch(mode=0o600)

    def names(self, consent_id: str) -> list[str]:
        """Return the pictures that were seen with this consent id."""
        place = self._place(consent_id)
        return sorted(path.name for path in place.iterdir()) if place.is_dir() else []

    def forget(self, consent_id: str | None = None) -> None:
        """Forget what was seen with this consent id; None: with any."""
        folder = self.folder if consent_id is None else self._place(consent_id)
        if folder.is_dir():
            shutil.rmtree(folder)

    def _place(self, consent_id: str) -> Path:
        return self.folder / hashlib.sha256(consent_id.encode("utf-8", "replace")).hexdigest()[:32]
