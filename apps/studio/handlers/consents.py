"""Consent records added in the page: made from a form or a file, and checked at once. Without Gradio."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adcreative.config import config_as_dict
from adcreative.errors import AdCreativeError
from adcreative.provenance.consent import ALL_EDITS, ConsentRecord, read_consents

from ..html import fragments
from ..html import steps as step_fragments
from ..sessions.search_requests import FACES_ALLOWED, SearchRequest, build_creative, with_consent
from .one_ad import Handlers

FILE = "consents.json"
Answer = tuple[str, list[str], str]


@dataclass(frozen=True, kw_only=True)
class Consents:
    """The buttons of consent records. A record is private to its owner, and is deleted with the owner's other data."""

    handlers: Handlers

    def names(self, owner: str) -> list[str]:
        return list(self.handlers.choices.studio_of(owner).consent_ids)

    def listed(self, owner: str) -> str:
        """Return a fragment of the owner's records: name, permitted edits, expiry date; never the person."""
        return step_fragments.consents(self.handlers.choices.studio_of(owner).consents)

    def add(self, owner: str, person: str | None, expires: str | None, edits: Sequence[str] | None, form: Mapping) -> Answer:
        """Create a record from a form; return a fragment, all names of records, and the new name ("" if refused)."""
        person = (person or "").strip()[:200]
        try:
            if not person:
                raise AdCreativeError("Say who gave the consent.")
            if not (expires or "").strip():
                raise AdCreativeError("Say until when the consent holds, such as 2027-06-30.")
            record = ConsentRecord(
                consent_id=name_record(person),
                person=person,
                edits=tuple(edits or (ALL_EDITS,)),
                expires=_read_day(str(expires)),
            )
            record = self._distinguish(owner, record)
            self._take(owner, {record.consent_id: config_as_dict(record)})
        except AdCreativeError as error:
            text = str(error).replace("expires must", "“Until when” must")
            return fragments.problem(AdCreativeError(text)), self.names(owner), ""
        return self.check(owner, record.consent_id, form), self.names(owner), record.consent_id

    def upload(self, owner: str, path: str | None, form: Mapping) -> Answer:
        """Add the records of a file (TOML or JSON); return the same values as `add`."""
        if not path:
            return "", self.names(owner), ""
        self.handlers.belongings.note(owner, path)
        try:
            found = read_consents(Path(path)).records
            if not found:
                raise AdCreativeError("This file holds no consent record.")
            renewed = self._find_renewed(owner, found)
            self._take(owner, {name: config_as_dict(record) for name, record in found.items()})
        except AdCreativeError as error:
            text = str(error).replace(f"{path}: ", "").replace(path, Path(path).name)
            return fragments.problem(AdCreativeError(text)), self.names(owner), ""
        first = next(iter(found))
        said = fragments.note(f"Renewed, in the place of the record of that name: {', '.join(renewed)}.") if renewed else ""
        return self.check(owner, first, form) + said, self.names(owner), first

    def check(self, owner: str, consent_id: str | None, form: Mapping[str, Any]) -> str:
        """Return a fragment that tells whether a record covers the ad on the page today."""
        if not consent_id:
            return ""
        try:
            creative = with_consent(build_creative(form), SearchRequest(faces=FACES_ALLOWED, consent_id=consent_id))
        except AdCreativeError as error:
            return fragments.problem(error)
        refusal = self.handlers.choices.studio_of(owner).check_consent(creative)
        if refusal:
            return fragments.problem(AdCreativeError(f"The faces may not be edited: {refusal}."))
        return fragments.good(f"The record “{consent_id}” covers this ad today.")

    def _distinguish(self, owner: str, record: ConsentRecord) -> ConsentRecord:
        """Return the record under a unique name: two people may share a name, and one person may consent twice."""
        known, number, own = self._known(owner), 1, record
        while own.consent_id in {*known, *self.names(owner)} and known.get(own.consent_id) != own:
            number += 1
            own = replace(record, consent_id=f"{record.consent_id}-{number}")
        return own

    def _find_renewed(self, owner: str, found: Mapping[str, ConsentRecord]) -> list[str]:
        """Return the names of the owner's earlier records that a file replaces, for the same person.

        Raises:
            AdCreativeError: a record of the same name belongs to another person, or was given at the start of the app.
        """
        lent = {one.consent_id: one for one in self.handlers.studio.consents}
        known = self._known(owner)
        renewed = []
        for name, record in found.items():
            if record == known.get(name) or name not in known:
                continue
            if name in lent or _fold(known[name].person) != _fold(record.person):
                whose = "this app was started with" if name in lent else "there is already, of another person"
                raise AdCreativeError(f"“{name}” is the name of a record that {whose}. Give yours another consent_id.")
            renewed.append(name)
        return renewed

    def _known(self, owner: str) -> dict[str, ConsentRecord]:
        """Return the records available to the owner, by name."""
        path = self.handlers.owner_dir(owner) / FILE
        own = read_consents(path).records if path.is_file() else {}
        return {one.consent_id: one for one in self.handlers.studio.consents} | dict(own)

    def _take(self, owner: str, records: Mapping[str, Any]) -> None:
        """Add records to the owner's records; nothing is stored when a record is invalid."""
        folder = self.handlers.owner_dir(owner)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path, tried = folder / FILE, folder / f"new-{FILE}"
        known = json.loads(path.read_text(encoding="utf-8"))["consent"] if path.is_file() else []
        entries = {one["consent_id"]: one for one in known} | dict(records)
        tried.write_text(json.dumps({"consent": list(entries.values())}, ensure_ascii=False), encoding="utf-8")
        try:
            self.handlers.studio.with_consents(tried)
        except AdCreativeError:
            tried.unlink()
            raise
        tried.replace(path)
        self.handlers.choices.consent_files[owner] = path


def _read_day(text: str) -> str:
    """Convert a date such as 30.6.2027 to 2027-06-30; return any other text unchanged, for the record to validate."""
    found = re.fullmatch(r"(\d{1,2})\.\s*(\d{1,2})\.\s*(\d{4})", text.strip())
    return f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}" if found else text.strip()[:10]


def name_record(person: str) -> str:
    """Return the name of a person's record: letters and digits of any script, such as "ada-example" or "山田-太郎".

    Accents of Latin letters are removed; a name without any letter is replaced by its hash.
    """
    letters = unicodedata.normalize("NFC", "".join(map(_plain, unicodedata.normalize("NFKC", person).casefold())))
    kept = "".join(letter if unicodedata.category(letter)[0] in "LNM" else " " for letter in letters)
    digest = hashlib.sha256(person.encode("utf-8", "replace")).hexdigest()
    return "-".join(kept.split())[:60].strip("-") or f"consent-{digest[:8]}"


def _plain(letter: str) -> str:
    """Return a Latin letter without its accents; any other letter unchanged."""
    base = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return base if base.isalnum() else letter


def _fold(person: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", person).casefold().split())
