"""Whom a purge is about: the names that may stand in files, and the hashes of their pictures."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from adcreative.artifacts import hash_file
from adcreative.catalog.zips import Allowance, PackedError, ZipReader
from adcreative.creative import split_consent_ids
from adcreative.runs.originals import Names
from adcreative.runs.purge_summary import PICTURES, is_plain_file

KINDS = ("original", "control", "edited")
MAX_SEARCHED_BYTES = 200_000_000


@dataclass
class Person:
    """Everybody with a consent record, or one creative: what rows name them, their names, and the hashes of their pictures.

    creative: file_name or ad_name. catalogued: names of the creatives that name the consent record in the run's data.
    """

    consent_id: str
    creative: str
    catalogued: set[Names] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    hashes: set[str] = field(default_factory=set)

    def is_named_by(self, row: Mapping[str, Any], fields: tuple[str, str] = ("file_name", "ad_name")) -> bool:
        """Return whether a row, or a sidecar, is about them; a failed row of an earlier version says it by name alone."""
        first, second = (str(row.get(name) or "") for name in fields)
        if self.consent_id:
            named = split_consent_ids(str(row.get("consent_id") or ""))
            return self.consent_id in named or (not named and (first, second) in self.catalogued)
        return self.creative in (first, second)

    def learn(self, row: Mapping[str, Any], run_dir: Path) -> None:
        """Note the names and pictures of a row that is about to be emptied."""
        self.learn_names(str(row.get("file_name") or ""), str(row.get("ad_name") or ""))
        self.hashes |= hash_pictures(row, run_dir)

    def learn_names(self, *names: str) -> None:
        """Note names, their stems, and how files of a run spell them; those of one or two letters are in everything."""
        for name in names:
            stem = PurePosixPath(name).stem
            self.names |= {name, PurePosixPath(name).name, stem, re.sub(r"[\W_]+", "-", stem).strip("-")}
        self.names = {name for name in self.names if len(name) > 2}

    def is_spelled(self, text: str) -> bool:
        """Return whether a text has one of the names in it, not as a part of a longer word: "ad1" is not in "ad10"."""
        return any(re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", text) for name in self.names)

    def is_in(self, path: Path) -> bool:
        """Return whether a file is known to hold them; `look_into` says which files cannot be told."""
        return bool(self.look_into(path))

    def look_into(self, path: Path) -> bool | None:
        """Return whether a file is one of the pictures, is called by one of the names, or has one in it.

        None: it cannot be told, of a file of more than MAX_SEARCHED_BYTES and of an archive that is damaged, encrypted or
        grows beyond them.
        """
        if self.is_spelled(path.name):
            return True
        if os.lstat(path).st_size > MAX_SEARCHED_BYTES:
            return None
        if path.suffix.casefold() == ".zip":
            return self._is_packed_in(path)
        return self._is_content(path.read_bytes(), path.name)

    def _is_packed_in(self, path: Path) -> bool | None:
        """Return whether an archive holds a picture or a name; None: it cannot be read whole."""
        try:
            with ZipReader(path, Allowance(MAX_SEARCHED_BYTES)) as archive:
                if any(self.is_spelled(name) for name in archive.names):
                    return True
                return any(self._is_content(archive.read(one, MAX_SEARCHED_BYTES), one.filename) for one in archive.members)
        except PackedError:
            return None

    def _is_content(self, content: bytes, name: str) -> bool:
        if hashlib.sha256(content).hexdigest() in self.hashes:
            return True
        if PurePosixPath(name).suffix.casefold() in PICTURES:
            return False
        spelled = {form.encode() for name in self.names for form in (name, json.dumps(name)[1:-1])}
        return any(re.search(rb"(?<![0-9A-Za-z])" + re.escape(form) + rb"(?![0-9A-Za-z])", content) for form in spelled)


def hash_pictures(row: Mapping[str, Any], run_dir: Path) -> set[str]:
    """Return the hashes of a row's pictures in images/."""
    return {hash_file(path) for path in picture_paths(row, run_dir) if is_plain_file(path) and not path.parent.is_symlink()}


def picture_paths(row: Mapping[str, Any], run_dir: Path) -> list[Path]:
    """Return where a row's pictures are said to be, inside images/ only."""
    names = [PurePosixPath(name) for name in told_pictures(row)]
    return [
        run_dir / name for name in names if name.parts[:1] == ("images",) and len(name.parts) > 1 and ".." not in name.parts
    ]


def told_pictures(row: Mapping[str, Any]) -> set[str]:
    """Return where a row says that its pictures are: as it came and edited, in further shapes, other versions."""
    beside = [one.get("image") for name in ("sizes", "alternatives") for one in row.get(name) or ()]
    return {str(name) for name in (*(row.get(f"{kind}_image") for kind in KINDS), *beside) if name}
