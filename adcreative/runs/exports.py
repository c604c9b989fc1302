"""Files that a run wrote outside of its folder, noted before each write, so that purge finds them even after a kill.

An export is a table with pictures next to it. The run's audit trail notes each picture by its own hash and the hash of its
source picture, each ad by its variant id, consent ids and hashed names, and each table by its hash. These entries are sealed
(`provenance.seals`): a trail written by somebody else vouches for no file outside of its folder.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adcreative.artifacts import hash_file
from adcreative.creative import split_consent_ids
from adcreative.delivery.experiment.variants import Variant
from adcreative.provenance.approval import Voucher, note_sealed, read_events
from adcreative.provenance.run_records import read_rows
from adcreative.runs.continuing import hash_names

EXPORTED, PICTURE, TABLES, ARCHIVED, SOURCES = "exported", "exported_picture", "exported_tables", "archived", "made_from"


@dataclass(frozen=True, kw_only=True)
class ExportTrail:
    """Writes the entries of one export to the audit trail of its run. key: identifier shared by the entries."""

    run: Path
    key: str

    @classmethod
    def begin(cls, run: Path, out: Path, format: str, variants: Sequence[Variant]) -> ExportTrail:
        """Note the destination of an export and its ads."""
        trail = cls(run=run, key=secrets.token_hex(8))
        wanted = {one.creative.row for one in variants}
        rows = {row["row"]: row for row in read_rows(run) if row["row"] in wanted}
        ads = {one.variant_id: trail._describe(rows[one.creative.row]) for one in variants}
        note_sealed(run, EXPORTED, path=str(out.resolve()), format=format, export=trail.key, ads=ads)
        return trail

    def _describe(self, row: Mapping[str, Any]) -> dict[str, Any]:
        names = [hash_name(self.key, row.get(name)) for name in ("file_name", "ad_name")]
        return {"consent_ids": list(split_consent_ids(str(row.get("consent_id") or ""))), "names": names}

    def note_picture(self, variant: Variant, from_sha256: str, sha256: str) -> None:
        """Note a picture before it is written."""
        made = {"variant": variant.variant_id, "from_sha256": from_sha256, "sha256": sha256}
        note_sealed(self.run, PICTURE, is_durable=False, export=self.key, **made)

    def note_tables(self, *paths: Path) -> None:
        """Note the tables that were written."""
        digests = [hash_file(path) for path in paths if path.is_file()]
        note_sealed(self.run, TABLES, export=self.key, sha256=digests)


def hash_name(key: str, name: object) -> str:
    """Return a salted hash of a name, which identifies the name without storing it; "" for an empty name."""
    return hash_names(key, unicodedata.normalize("NFC", str(name)), "")[:16] if name else ""


@dataclass(frozen=True, kw_only=True)
class ExportedAd:
    """An ad of an export: its variant id, its consent ids, and the hashes of its file_name and ad_name, made with `key`."""

    variant_id: str
    key: str
    consent_ids: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Exported:
    """Everything exported to one path, by one export or several. pictures: variant id -> sha256 of each picture -> sha256 of
    its source picture. tables: sha256 of each table. is_ours: this user noted the export, for this very run."""

    path: Path
    is_ours: bool
    ads: list[ExportedAd] = field(default_factory=list)
    pictures: dict[str, dict[str, str]] = field(default_factory=dict)
    tables: set[str] = field(default_factory=set)


def read_exports(run: Path) -> list[Exported]:
    """Return the exports in a run's audit trail, by path; exports sealed by this user are kept apart from others.

    Raises:
        CatalogError: the trail is damaged.
    """
    found: dict[tuple[Path, bool], Exported] = {}
    by_key: dict[tuple[str, bool], Exported] = {}
    is_vouched = Voucher(run)
    for event in read_events(run):
        if event["event"] not in (EXPORTED, PICTURE, TABLES):
            continue
        key = _read_text(event.get("export")), is_vouched(event)
        if event["event"] == EXPORTED and (name := _read_text(event.get("path"))):
            path = _find_moved(Path(name), event, run)
            by_key[key] = found.setdefault((path, key[1]), Exported(path=path, is_ours=key[1]))
            ads = event.get("ads")
            by_key[key].ads.extend(_read_ad(one, key[0], ad) for one, ad in (ads if isinstance(ads, dict) else {}).items())
        elif event["event"] != EXPORTED and key in by_key:
            _add(by_key[key], event)
    return list(found.values())


def _find_moved(path: Path, event: Mapping[str, Any], run: Path) -> Path:
    """Return the current path of a file: a path inside the run's folder moves with the folder."""
    noted_at = _read_text(event.get("run"))
    return run.resolve() / path.relative_to(noted_at) if noted_at and path.is_relative_to(noted_at) else path


def _add(export: Exported, event: Mapping[str, Any]) -> None:
    if event["event"] == TABLES:
        export.tables.update(_read_texts(event.get("sha256")))
    elif name := _read_text(event.get("variant")):
        made = {_read_text(event.get("sha256")): _read_text(event.get("from_sha256"))}
        export.pictures.setdefault(name, {}).update(made)


def _read_ad(name: str, key: str, value: object) -> ExportedAd:
    known = value if isinstance(value, dict) else {}
    consent_ids, names = (_read_texts(known.get(one)) for one in ("consent_ids", "names"))
    return ExportedAd(variant_id=name, key=key, consent_ids=consent_ids, names=names)


def _read_text(value: object) -> str:
    return value if isinstance(value, str) and "\0" not in value else ""


def _read_texts(value: object) -> tuple[str, ...]:
    return tuple(map(_read_text, value)) if isinstance(value, list) else ()


def note_sources(run: Path, paths: Iterable[Path | None]) -> None:
    """Note the input paths of a run, once: `purge --originals` looks there for the user's own pictures."""
    named = sorted({str(path.resolve()) for path in paths if path is not None})
    if {Path(name) for name in named} - read_sources(run):
        note_sealed(run, SOURCES, paths=named)


def read_sources(run: Path) -> set[Path]:
    """Return the input tables and folders of a run, as far as this user noted them.

    Raises:
        CatalogError: the trail is damaged.
    """
    is_vouched = Voucher(run)
    events = [event for event in read_events(run) if event["event"] == SOURCES and is_vouched(event)]
    return {Path(name) for event in events for name in _read_texts(event.get("paths")) if name}


def note_archive(run: Path, path: Path) -> None:
    """Note the path and the hash of a run's archive."""
    note_sealed(run, ARCHIVED, path=str(path.resolve()), sha256=hash_file(path))


def read_archives(run: Path) -> dict[Path, set[str]]:
    """Return the paths of a run's archives, with the hashes noted by this user; no hashes for entries without a valid seal.

    Raises:
        CatalogError: the trail is damaged.
    """
    found: dict[Path, set[str]] = {}
    is_vouched = Voucher(run)
    for event in read_events(run):
        if event["event"] == ARCHIVED and (path := _read_text(event.get("path"))):
            noted = {_read_text(event.get("sha256"))} if is_vouched(event) else set()
            found.setdefault(Path(path), set()).update(noted - {""})
    return found


def spells_draft(name: str) -> str:
    """Return the final file name of one of our drafts (.NAME.xxxxxxxx.part), "" for any other file."""
    found = re.fullmatch(r"\.(.+)\.[A-Za-z0-9_]{8}\.part", name)
    return found[1] if found else ""
