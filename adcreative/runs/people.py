"""The person to purge: the names that may occur in files, and the hashes of the person's pictures."""

from __future__ import annotations

import codecs
import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any
from xml.sax.saxutils import escape

from adcreative.artifacts import hash_file
from adcreative.catalog.sources import open_source
from adcreative.catalog.zips import Allowance, PackedError, ZipReader
from adcreative.creative import Creative, split_consent_ids
from adcreative.delivery.experiment.variants import CONTROL, EDITED, build_name, find_variant_id
from adcreative.errors import AdCreativeError
from adcreative.progress import track
from adcreative.provenance.sidecar import FORMAT, sidecar_path
from adcreative.runs.exports import Exported, ExportedAd, hash_name
from adcreative.runs.originals import Names
from adcreative.runs.purge_summary import PICTURES, is_plain_file

LOOKING = "looking at pictures of the run"
KINDS = ("original", "control", "edited")
MAX_SEARCHED_BYTES = 200_000_000
# scripts without spaces between words: a name may have letters on both sides
_UNPARTED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)
_BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_ZIP, _PARQUET = b"PK\x03\x04", b"PAR1"
# First bytes of files whose text is compressed in a way that is not searched here: gzip, bzip2, xz, 7z, zstd, rar, PDF, and old
# Office documents.
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"\x28\xb5\x2f\xfd", b"Rar!", b"%PDF", b"\xd0\xcf\x11\xe0")
_BINARY_SHEET = ".xlsb"  # a zip of binary records


@dataclass
class Person:
    """Everybody with a consent id, or one creative: the names that identify rows, and the hashes of the pictures.

    creative: file_name or ad_name. names: spellings of the names in files. pairs: (file_name, ad_name) of the matching rows.
    hashes: sha256 of the pictures. ids: variant ids of the ads. stems: prefixes of exported picture names of these ads only;
    shared_stems: prefixes that other ads share.
    """

    consent_id: str
    creative: str
    names: set[str] = field(default_factory=set)
    hashes: set[str] = field(default_factory=set)
    pairs: set[Names] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    stems: set[str] = field(default_factory=set)
    shared_stems: set[str] = field(default_factory=set)

    @classmethod
    def of_run(cls, rows: Iterable[Mapping[str, Any]], run_dir: Path) -> Person:
        """Return a person that stands for everybody in a run."""
        person = cls("", "")
        for row in track(rows, LOOKING):
            person.learn(row, run_dir)
        return person

    def is_named_by(self, row: Mapping[str, Any], fields: tuple[str, str] = ("file_name", "ad_name")) -> bool:
        """Return whether a row, or a sidecar, belongs to the person."""
        first, second = (str(row.get(name) or "") for name in fields)
        if self.consent_id:
            return self.consent_id in split_consent_ids(str(row.get("consent_id") or ""))
        if self.creative:
            return fold_name(self.creative) in (fold_name(first), fold_name(second))
        return False

    def learn(self, row: Mapping[str, Any], run_dir: Path) -> None:
        """Add the names and pictures of a row that is about to be emptied."""
        names = str(row.get("file_name") or ""), str(row.get("ad_name") or "")
        self.learn_names(*names)
        self.pairs |= {names} - {("", "")}
        self.hashes |= hash_pictures(row, run_dir)

    def learn_names(self, *names: str) -> None:
        """Add names, their stems, and their spellings in files of a run; one letter, or two Latin letters, are dropped."""
        for name in map(fold_name, names):
            stem = PurePosixPath(name).stem
            self.names |= {name, PurePosixPath(name).name, stem, re.sub(r"[\W_]+", "-", stem).strip("-")}
        self.names = {name for name in self.names if len(name) > (2 if name.isascii() else 1)}

    def with_exported(self, export: Exported) -> Person:
        """Return a copy with the variant ids of the person's exported ads, and the hashes of the exported pictures."""
        ids = {ad.variant_id for ad in export.ads if self._has(ad)}
        ids |= {name for name, made in export.pictures.items() if not self.hashes.isdisjoint(made.values())}
        hashes = {sha256 for name in ids for sha256 in export.pictures.get(name, ())}
        return replace(self, ids=self.ids | ids, hashes=self.hashes | hashes)

    def _has(self, ad: ExportedAd) -> bool:
        if self.consent_id and self.consent_id in ad.consent_ids:
            return True
        if self.creative and hash_name(ad.key, self.creative) in ad.names:
            return True
        return any(tuple(hash_name(ad.key, name) for name in pair) == ad.names for pair in self.pairs)

    def is_spelled(self, text: str) -> bool:
        """Return whether a text contains one of the names as a whole word: "ad1" does not match "ad10"."""
        text = unicodedata.normalize("NFC", text)
        return any(re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", text) for name in self.names)

    def is_called(self, path: Path, digest: str) -> bool | None:
        """Return whether a picture's name is an export name of one of the person's ads; None if another ad shares the name.

        A picture with its own sidecar belongs to the ad that the sidecar names.
        """
        name = find_variant_id(path.name)
        if name in self.ids or read_json(sidecar_path(path)).get("picture_sha256") == digest:
            return name in self.ids
        stem = fold_name(path.name).rpartition(f"_{name}")[0] if name else ""
        return None if stem in self.shared_stems else stem in self.stems

    def learn_stems(self, others: Iterable[Mapping[str, Any]]) -> None:
        """Set the prefixes of export names of the person's ads, apart from truncated names shared with other ads."""
        taken = {stem for row in others for stem in _name_exports(row.get("file_name"), row.get("ad_name"))}
        stems = {stem for pair in self.pairs for stem in _name_exports(*pair)}
        self.stems, self.shared_stems = stems - taken, stems & taken

    def is_shown(self, path: Path, digest: str) -> bool:
        """Return whether a picture shows the person: by its own hash, or by the source hash in its sidecar."""
        if digest in self.hashes:
            return True
        content = read_json(sidecar_path(path))
        return content.get("picture_sha256") == digest and self.is_told_by(content)

    def is_told_by(self, sidecar: Mapping[str, Any]) -> bool:
        """Return whether a sidecar's content names the person."""
        encoded = sidecar.get("encoded")
        made_from = encoded.get("from_sha256") if isinstance(encoded, dict) else None
        is_theirs = made_from in self.hashes or self.is_named_by(sidecar, ("original", "ad_name"))
        return sidecar.get("format") == FORMAT and is_theirs

    def is_in(self, path: Path) -> bool:
        """Return whether a file is known to hold the person; `look_into` returns None for files that cannot be searched."""
        return bool(self.look_into(path))

    def look_into(self, path: Path) -> bool | None:
        """Return whether a file is one of the pictures, has one of the names as its file name, or contains a name.

        Zip archives, such as workbooks, and parquet tables are searched unpacked. None: undecided, for a file of more than
        MAX_SEARCHED_BYTES, an archive that is damaged, encrypted or unpacks to more, and a file compressed in another way.
        """
        if self.is_spelled(path.name) or find_variant_id(path.name) in self.ids:
            return True
        if os.lstat(path).st_size > MAX_SEARCHED_BYTES:
            return None
        content = path.read_bytes()
        if self._is_content(content, path.name):
            return True
        if content.startswith(_ZIP):
            is_there = self._is_packed_in(path)
            return None if is_there is False and path.suffix.casefold() == _BINARY_SHEET else is_there
        if content.startswith(_PARQUET):
            return self._is_in_rows(path)
        return None if content.startswith(_PACKED) else False

    def _is_in_rows(self, path: Path) -> bool | None:
        """Return whether a cell of a parquet table contains a name; None if the table cannot be read."""
        try:
            rows = open_source(path).read_rows()
            return any(self._is_content("\n".join(map(str, row.cells)).encode("utf-8", "replace"), "") for row in rows)
        except AdCreativeError:
            return None

    def _is_packed_in(self, path: Path) -> bool | None:
        """Return whether an archive contains a picture or a name; None if the archive cannot be read completely."""
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
        encoding = "utf-16-le" if content[1:4:2] == b"\0\0" and content[:1] != b"\0" else "utf-8"  # no byte order mark
        text = unicodedata.normalize("NFC", content.decode(_BOMS.get(content[:2], encoding), "replace"))
        if any(one in text for one in self.ids) or (name.endswith(".json") and any(one in text for one in self.hashes)):
            return True
        spelled = {form for name in self.names for form in (name, json.dumps(name)[1:-1], escape(name))}
        return any(_find_word(form).search(text) for form in spelled)


def _find_word(name: str) -> re.Pattern[str]:
    """Return a pattern that matches a name as a whole word; in scripts without spaces, letters may be adjacent to the name."""
    before, after = ("" if _UNPARTED.match(letter) else r"[^\W_]" for letter in (name[0], name[-1]))
    return re.compile(rf"(?<!{before or '[0-9A-Za-z]'}){re.escape(name)}(?!{after or '[0-9A-Za-z]'})")


def _name_exports(file_name: object, ad_name: object) -> set[str]:
    """Return the prefixes of an ad's exported picture names, before the variant id."""
    named, no_id = Creative(file_name=str(file_name or ""), ad_name=str(ad_name or "")), "acv" + 12 * "0"
    if not named.file_name and not named.ad_name:
        return set()
    return {fold_name(build_name(named, arm, no_id)).removesuffix(f"_{no_id}") for arm in (CONTROL, EDITED)}


def fold_name(name: str) -> str:
    """Return a name in the Unicode form NFC, for comparison: accented letters have one spelling."""
    return unicodedata.normalize("NFC", name)


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; empty for a path that is no regular file, for damaged files and other JSON types."""
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if is_plain_file(path) else {}
        json.dumps(content, ensure_ascii=False).encode()  # a lone surrogate is not valid text
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def hash_pictures(row: Mapping[str, Any], run_dir: Path) -> set[str]:
    """Return the hashes of a row's pictures in images/."""
    return {hash_file(path) for path in picture_paths(row, run_dir) if is_plain_file(path) and not path.parent.is_symlink()}


def picture_paths(row: Mapping[str, Any], run_dir: Path) -> list[Path]:
    """Return the paths of a row's pictures, restricted to images/."""
    names = [PurePosixPath(name) for name in named_pictures(row)]
    return [
        run_dir / name for name in names if name.parts[:1] == ("images",) and len(name.parts) > 1 and ".." not in name.parts
    ]


def named_pictures(row: Mapping[str, Any]) -> set[str]:
    """Return all picture paths in a row: original and edited, further sizes, alternatives."""
    listed = [row.get(name) for name in ("sizes", "alternatives")]
    beside = [one.get("image") for rows in listed if isinstance(rows, list) for one in rows if isinstance(one, dict)]
    return {str(name) for name in (*(row.get(f"{kind}_image") for kind in KINDS), *beside) if name}
