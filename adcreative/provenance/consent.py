"""Consent records: whether the faces of a creative may be edited, and in which directions.

A creative names its record in `consent_id`; several people are several ids joined by ";", and all of them must permit. The
reserved id "synthetic-person" states that no real person is shown. Everything else is refused with one sentence: no id, unknown
record, not yet valid, expired, out of scope, no edit left. A record covers everybody shown in the pictures of its scope: faces
are not matched to people, since that would take face recognition.

Sentences name the record, never the person, since the sentences end up in reports and logs.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from adcreative.config import build_config, config_as_dict, did_you_mean
from adcreative.creative import SYNTHETIC_PERSON, Creative, fold_consent_id, split_consent_ids
from adcreative.errors import ConfigError
from adcreative.provenance.errors import ProvenanceError

ALL_EDITS = "all"
COLOUR_EDITS = ("exposure", "warmth", "contrast", "saturation", "crop")  # edits of the whole picture, which need no consent
_ALWAYS = "0001-01-01"
_MAX_FILE_BYTES = 20_000_000


@dataclass(frozen=True, kw_only=True)
class ConsentRecord:
    """The consent of one person (or of a group shown together).

    edits: directions that may be changed, or ("all",). valid_from, expires: dates (YYYY-MM-DD); the last day counts. files,
    brands, platforms: the scope; patterns such as "images/ada-*.jpg", compared without regard to case; empty covers all. In
    files * and ? stay inside a folder, and ** crosses folders: "ada/**" covers all below ada.
    """

    consent_id: str
    person: str
    edits: tuple[str, ...]
    expires: str
    valid_from: str = _ALWAYS
    files: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        faults = []
        if not self.consent_id.strip() or ";" in self.consent_id:
            faults.append(f'consent_id must be a name without ";", got "{self.consent_id}"')
        if self.consent_id == SYNTHETIC_PERSON:
            faults.append(f'consent_id "{SYNTHETIC_PERSON}" is reserved for pictures in which nobody real is shown')
        if not self.person.strip():
            faults.append("person must say who agreed")
        if not self.edits:
            faults.append(f'edits must name what may be changed, or be ["{ALL_EDITS}"]')
        dates = [_read_date(name, getattr(self, name), faults) for name in ("valid_from", "expires")]
        if None not in dates and dates[0] > dates[1]:  # type: ignore[operator]
            faults.append(f"valid_from {self.valid_from} is after expires {self.expires}")
        if faults:
            raise ProvenanceError("; ".join(faults))

    def refusal(self, creative: Creative, today: date) -> str:
        """Return the reason why this record does not permit edits of `creative` on `today`, or "" if it does."""
        name = f'consent record "{self.consent_id}"'
        if today < date.fromisoformat(self.valid_from):
            return f"{name} is valid only from {self.valid_from}, and today is {today}"
        if today > date.fromisoformat(self.expires):
            return f"{name} expired on {self.expires}, and today is {today}"
        dates = f"(valid {self.valid_from} to {self.expires})".replace(f"{_ALWAYS} ", "")
        for what, patterns, value, covers in (
            ("files", self.files, creative.file_name, _covers_file),
            ("brands", self.brands, creative.brand, fnmatch.fnmatchcase),
            ("platforms", self.platforms, creative.platform, fnmatch.fnmatchcase),
        ):
            if patterns and not any(covers(_fold(value), _fold(pattern)) for pattern in patterns):
                return f'{name} covers the {what} {", ".join(patterns)}, not "{value[:100]}" {dates}'
        return ""


def _fold(text: str) -> str:
    """Return a text in the form used to compare scopes: casefolded, with one spelling of accented letters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _covers_file(name: str, pattern: str) -> bool:
    """Return whether a pattern covers a file's name; no pattern covers a name with ".."."""
    name, pattern = name.replace("\\", "/"), pattern.replace("\\", "/")
    if ".." in name.split("/"):
        return False
    parts = re.findall(r"\*\*/|\*\*|\*|\?|\[[^/]+?\]|[^*?\[]+|\[", pattern)
    return re.fullmatch("".join(map(_translate, parts)), name, re.DOTALL) is not None


def _translate(part: str) -> str:
    """Return a part of a file pattern as a regular expression."""
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if part in known:
        return known[part]
    if part.startswith("[") and part.endswith("]"):
        return f"(?!/){fnmatch.translate(part)[4:-3]}"  # without the marks of a whole pattern
    return re.escape(part)


@dataclass(frozen=True, kw_only=True)
class Permission:
    """Answer to a request. is_granted; directions: allowed directions (None: all); refusal: one sentence, empty if granted."""

    is_granted: bool
    directions: tuple[str, ...] | None = None
    refusal: str = ""

    def allowed(self, names: Sequence[str]) -> list[str]:
        """Return the names that may be edited, in the given order."""
        if not self.is_granted:
            return []
        return [name for name in names if self.directions is None or name in self.directions]


@dataclass(frozen=True, kw_only=True)
class ConsentBook:
    """All consent records. An empty book permits only synthetic persons."""

    records: Mapping[str, ConsentRecord] = field(default_factory=dict)
    source: str = ""

    @property
    def content_hash(self) -> str:
        """sha256 of the records ("" if empty): a run is not continued under other consents."""
        if not self.records:
            return ""
        plain = [config_as_dict(self.records[key]) for key in sorted(self.records)]
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()

    def permit(self, creative: Creative, today: date) -> Permission:
        """Return whether the faces of `creative` may be edited on `today`, and in which directions."""
        ids = split_consent_ids(creative.consent_id)
        if not ids:
            return Permission(
                is_granted=False,
                refusal="the creative has no consent_id, and faces are edited only with the consent of who is shown",
            )
        allowed: set[str] | None = None
        for consent_id in ids:
            if consent_id == SYNTHETIC_PERSON:
                continue
            record = self.records.get(consent_id)
            refusal = self._missing(consent_id) if record is None else record.refusal(creative, today)
            if record is None or refusal:
                return Permission(is_granted=False, refusal=refusal)
            if record.edits != (ALL_EDITS,):
                allowed = set(record.edits) if allowed is None else allowed & set(record.edits)
        if allowed is not None and not allowed:
            sentence = f"the consent records {', '.join(ids)} permit no edit in common"
            return Permission(is_granted=False, refusal=sentence)
        return Permission(is_granted=True, directions=None if allowed is None else tuple(sorted(allowed)))

    def check_directions(self, known: Iterable[str]) -> None:
        """Raise ConfigError when a record names an unknown edit: a typo must not pass as "not allowed".

        A known edit passes, even if it is not offered or needs no consent.

        Args:
            known: the directions of the face model.
        """
        names = sorted({*known, *COLOUR_EDITS})
        for record in self.records.values():
            for edit in record.edits:
                if edit not in names and record.edits != (ALL_EDITS,):
                    raise ConfigError(
                        f'{self.source}: consent record "{record.consent_id}" allows "{edit}", which is no edit. '
                        f"{did_you_mean(edit, names)}"
                    )

    def _missing(self, consent_id: str) -> str:
        if not self.source:
            return f'the creative names consent record "{consent_id}", but no consent file was given (--consent FILE)'
        return f'consent record "{consent_id}" is not in {Path(self.source).name}'


def read_consents(path: Path | None) -> ConsentBook:
    """Read a consent file: TOML with [[consent]] tables, or JSON {"consent": [...]}; None gives the empty book.

        [[consent]]
        consent_id = "c-17"
        person = "Ada Example"
        edits = ["smile", "eyes_open"]
        valid_from = 2026-01-01
        expires = 2027-06-30
        files = ["images/ada-*.jpg"]

    Raises:
        ProvenanceError: the file cannot be read, or a record is invalid; one message lists all faults.
    """
    if path is None:
        return ConsentBook()
    path = Path(path)
    entries = _read_entries(path)
    records: dict[str, ConsentRecord] = {}
    faults = []
    for number, entry in enumerate(entries, start=1):
        try:
            record = build_config(ConsentRecord, _plain_dates(entry), where=f"record {number}")
        except ConfigError as error:
            faults.append(str(error))
            continue
        name = fold_consent_id(record.consent_id)
        if name in records:
            faults.append(f'record {number}: consent_id "{record.consent_id}" occurs twice.')
        records[name] = record
    if faults:
        raise ProvenanceError(f"{path}: " + " ".join(faults))
    return ConsentBook(records=records, source=str(path))


def _read_entries(path: Path) -> list[Mapping[str, Any]]:
    """Return the unvalidated tables of a consent file."""
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ProvenanceError(f"{path} is larger than {_MAX_FILE_BYTES // 1_000_000} MB; split the consent file.")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ProvenanceError(f"{path} cannot be read ({error.strerror or error}). Check the path of --consent.") from error
    except UnicodeDecodeError as error:
        raise ProvenanceError(f"{path} is not UTF-8 text. Save it as UTF-8.") from error
    try:
        content: Any = json.loads(text) if path.suffix.casefold() == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # both decoders raise ValueErrors
        kind = "JSON" if path.suffix.casefold() == ".json" else "TOML"
        raise ProvenanceError(f"{path} is not valid {kind}: {error}. Correct that place.") from error
    entries = content.get("consent") if isinstance(content, dict) and set(content) == {"consent"} else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ProvenanceError(f"{path} must hold a list of records named consent ([[consent]] in TOML) and nothing else.")
    return entries


def _plain_dates(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry with TOML dates as text, as in JSON."""
    plain = {key: value.date() if isinstance(value, datetime) else value for key, value in entry.items()}
    return {key: value.isoformat() if isinstance(value, date) else value for key, value in plain.items()}


def _read_date(name: str, text: str, faults: list[str]) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        faults.append(f'{name} must be a date such as 2027-06-30, got "{text}"')
        return None
