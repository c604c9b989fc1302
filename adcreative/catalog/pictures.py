"""Join pictures to the rows of an export: by the name of the ad, its id, or the hash of the picture.

An export names no files. A picture belongs to an ad when its file name, with or without suffix, is the ad's name, id or
headline, when the file name contains the id ("238500001_beach.png"), or when the export's image hash is the hash of the
picture.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from adcreative.catalog.paths import PictureFolder
from adcreative.catalog.platforms.columns import fold_column
from adcreative.errors import CreativeError

_ID = re.compile(r"\d{5,}")
_HASHES = {32: "md5", 40: "sha1", 64: "sha256"}
_MAX_HASHED_BYTES = 100_000_000


class PictureJoin:
    """The pictures of a folder, indexed by ad identifiers; `found_by` counts matches by kind of identifier."""

    def __init__(self, folder: PictureFolder) -> None:
        self._folder = folder
        self._by_name: dict[str, str] | None = None
        self._by_id: dict[str, str] = {}
        self._by_hash: dict[str, dict[str, str]] = {}
        self.found_by: Counter[str] = Counter()
        self.num_missing = 0

    def find(self, values: Mapping[str, Any]) -> str:
        """Return the picture of a converted row, or "": its file_name if that file exists, else a join as described above."""
        given = str(values.get("file_name") or "").strip()
        if given and self._is_there(given):
            return given
        if self._by_name is None:
            self._index()
        assert self._by_name is not None
        keys = {
            "file name": PurePosixPath(given.replace("\\", "/")).name,
            "name": values.get("ad_name"),
            "id": values.get("ad_id"),
            "headline": values.get("headline"),
        }
        for way, key in keys.items():
            spelling = fold_column(str(key)) if key else ""
            picture = self._by_name.get(spelling, "") if spelling else ""
            picture = picture or (self._by_id.get(str(key), "") if way == "id" else "")
            if picture:
                self.found_by[way] += 1
                return picture
        if picture := self._find_hash(str(values.get("image_hash") or "").strip().casefold()):
            self.found_by["hash"] += 1
            return picture
        self.num_missing += bool(given)
        return ""

    def _is_there(self, file_name: str) -> bool:
        try:
            self._folder.locate(self._folder.normalise(file_name))
        except CreativeError:
            return False
        return True

    def _index(self) -> None:
        self._by_name = {}
        owners: Counter[str] = Counter()
        pictures = list(self._folder.list_pictures())
        for name in pictures:
            for spelling in (PurePosixPath(name).stem, PurePosixPath(name).name):
                self._by_name.setdefault(fold_column(spelling), name)
            for number in set(_ID.findall(PurePosixPath(name).stem)):
                owners[number] += 1
                self._by_id[number] = name
        self._by_id = {number: name for number, name in self._by_id.items() if owners[number] == 1}

    def _find_hash(self, digest: str) -> str:
        algorithm = _HASHES.get(len(digest)) if re.fullmatch(r"[0-9a-f]+", digest) else None
        if algorithm is None:
            return ""
        if algorithm not in self._by_hash:
            self._by_hash[algorithm] = {}
            for name in self._folder.list_pictures():
                path = self._folder.root / name
                if path.stat().st_size <= _MAX_HASHED_BYTES:
                    content = path.read_bytes()
                    self._by_hash[algorithm][hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()] = name
        return self._by_hash[algorithm].get(digest, "")
