"""The verbs about faces, law and approval: disclosures, purge, signing, `approve` and `check_approved`. Imports no torch."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from adcreative.creative import fold_consent_id
from adcreative.delivery.experiment.variants import Variant, read_variants
from adcreative.errors import AdCreativeError, ConfigError
from adcreative.features.cache import cache_dir
from adcreative.provenance.approval import AUDIT, Approved
from adcreative.provenance.approval import approve as approve_run
from adcreative.provenance.approval import check_approved as check_run
from adcreative.provenance.disclosure import Disclosure, disclosures_of_run
from adcreative.provenance.disclosure import disclosures as list_disclosures
from adcreative.provenance.run_records import read_rows
from adcreative.provenance.signing import SigningConfig
from adcreative.runs.archives import is_archive, list_archives, purge_archive
from adcreative.runs.composed import find_failure_tables, find_sets, purge_failure_table, purge_person_of_set, purge_set
from adcreative.runs.exports import note_archive
from adcreative.runs.purging import PurgeSummary, find_runs, purge_cache, purge_person, purge_run
from adcreative.workspace.store import Workspace, is_workspace


def signing_config(certificate: Path | None, key: Path | None) -> SigningConfig | None:
    """Return the signing settings, or None when neither file is given. Raises ConfigError when only one is given."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ConfigError("signing needs both files: --c2pa-certificate and --c2pa-key")
    return SigningConfig(certificate=certificate, key=key)


def disclosures(
    markets: Sequence[str],
    *,
    run: Path | None = None,
    on: date | None = None,
    is_synthetic: bool = False,
    rules_dir: Path | None = None,
) -> list[Disclosure]:
    """List the disclosures that markets may require; not legal advice. Imports no torch.

    Args:
        run: a folder that `optimize` wrote: disclosures of its edits. None: disclosures of edits of faces and words.
        on: the day the ad runs; today when None.
    Raises:
        ProvenanceError: an unknown market, or a wrong rule file.
        ConfigError: `run` holds no results.
    """
    on = on or date.today()
    if run is not None:
        path = Path(run) / "results.jsonl"
        if not path.is_file():
            raise ConfigError(f"there is no results.jsonl in {run}; name a folder that optimize wrote")
        return disclosures_of_run(read_rows(Path(run)), on, markets, rules_dir=rules_dir)
    edits = [{"face": 0}, {"face": -1}]
    return list_disclosures(markets, edits, on, is_synthetic=is_synthetic, rules_dir=rules_dir)


def _runs_beside(folder: Path, sets: Sequence[Path]) -> list[Path]:
    """Return the runs of a folder; empty where the folder holds, or held, composed ads only."""
    try:
        return find_runs(folder)
    except ConfigError:
        if sets:
            return []
        raise


def _purge_workspace(folder: Path, summary: PurgeSummary, *, consent_id: str, creative: str) -> None:
    """Delete the app's records of a person, or of a picture by name; without either, all records."""
    workspace = Workspace(folder)
    if consent_id:
        summary.num_rows += workspace.delete_person(consent_id)
    for record in workspace.find_all("ad") if creative or not consent_id else ():
        if not creative or record.data.get("file_name") == creative:
            summary.num_rows += workspace.delete("ad", record.name)
    if not consent_id and not creative:
        summary.num_rows += workspace.delete_all()
    workspace.close()


def purge(
    run: Path | None = None,
    *,
    consent_id: str = "",
    creative: str = "",
    originals: bool = False,
    keep_cache: bool = False,
    also: Sequence[Path] = (),
) -> PurgeSummary:
    """Remove faces, face codes and caches: of a person or a creative in a run folder, of a whole run, or the cache alone.

    For composed ads a creative is a photo of the brief, by file name; every ad that shows the photo is removed with the report.

    `run` may also be a folder of runs, such as the app's, or an archive of a run. Exports and archives of the run are removed
    where this user recorded them and the files are unchanged; to remove one person, archives are rewritten without the person.
    From a workspace of the app, the records of a person or a creative are removed with pictures and versions, or all records.
    Paths named only in the run's folder are listed, not removed: the folder may have come from another user.

    `also` lists files and folders outside of the run to search: exports, archives, folders of pictures. Files that show or
    name the person there are removed; in a folder, files that we did not write are listed.

    `originals` removes the user's own pictures too: the pictures of the rows, and the targets of links in the run, the
    latter where `also` names their folder. Without it they are listed.

    From the cache, a consent id removes the features of pictures that named the id; in all other cases the cache is emptied,
    since the cache does not know creatives by name.

    Raises:
        ConfigError: the folder was not written by a run, is a link, or is being written; a path of `also` does not exist.
        ArtifactError: an archive is damaged.
    """
    places = [Path(os.path.abspath(path)) for path in also]
    if missing := [path for path in places if not os.path.lexists(path)]:
        raise ConfigError(f"there is no {missing[0]} to look through (--also)")
    if run is None and (consent_id or creative or places):
        raise ConfigError("name the run folder in which the person or the creative is to be removed")
    named = [path for path in places if is_archive(path)]
    summary = PurgeSummary(removes_originals=originals, also=tuple(path for path in places if path not in named))
    if run is not None and is_archive(Path(run)):
        named, run = [Path(run), *named], None
    sets, tables = ([], []) if run is None else (find_sets(Path(run)), find_failure_tables(Path(run)))
    is_kept = run is not None and is_workspace(Path(run))
    if is_kept:
        _purge_workspace(Path(str(run)), summary, consent_id=consent_id, creative=creative)
    for folder in sets:
        if consent_id or creative:
            purge_person_of_set(folder, summary, consent_id=consent_id, creative=creative)
        else:
            purge_set(folder, summary)
    for table in tables:
        purge_failure_table(table, summary, consent_id=consent_id, creative=creative)
    for folder in _runs_beside(Path(run), [*sets, *tables, *([Path(run)] if is_kept else [])]) if run is not None else ():
        archives = list_archives(folder, summary)
        if consent_id or creative:
            purge_person(folder, summary, consent_id=consent_id, creative=creative)
        else:
            purge_run(folder, summary)
        for path in archives:
            purge_archive(path, summary, consent_id=consent_id, creative=creative)
            if is_archive(path) and (folder / AUDIT).is_file():
                note_archive(folder, path)  # was rewritten
    for path in named:
        purge_archive(path, summary, consent_id=consent_id, creative=creative)
    if not keep_cache:
        purge_cache(cache_dir() / "features", summary, consent_id=fold_consent_id(consent_id))
    summary.list_linked()
    return summary


WORDS = ("headline", "description", "primary_text", "cta", "brand")


def approve(run: Path, *, by: str, markets: Sequence[str] = (), at: datetime | None = None) -> dict[str, Any]:
    """Record in a run's audit trail that a person approved the edits in their current state; return the event.

    The approval covers the words of both ads of a test, including the words of the run's table (primary text, button, brand),
    the bytes of every exported picture, and the content of the sidecars.

    Args:
        markets: where the ads will run, as `disclosures` knows the markets; the duties listed for them are recorded too.
    Raises:
        ConfigError: no name, or `run` holds no edited ad. ProvenanceError: a picture was changed after it was made, or has no
            sidecar, or a market is unknown.
    """
    return approve_run(Path(run), by=by, markets=markets, at=at, words_sha256=_hash_words(Path(run)))


def check_approved(run: Path) -> dict[str, Any]:
    """Return the event of the latest approval of a run's edits.

    Raises:
        ConfigError: nobody approved the edits in their current state.
    """
    return dict(_check(Path(run)).event)


def approved_pictures(run: Path) -> dict[Path, str]:
    """Return path -> sha256 of each picture that may be exported under the run's approval; raises as `check_approved`."""
    return dict(_check(Path(run)).pictures)


def _check(run: Path) -> Approved:
    return check_run(run, words_sha256=_hash_words(run))


def _hash_words(run: Path) -> str:
    try:
        variants = read_variants(run, "")
    except AdCreativeError:  # no edits, or a damaged run: reported where the edits are read
        return ""
    return hash_words(variants)


def hash_words(variants: Sequence[Variant]) -> str:
    """Return the hash of all words of the ads of a run, independent of the campaign."""
    words = [[one.test, one.arm, *(getattr(one.creative, name) for name in WORDS)] for one in variants]
    return hashlib.sha256(json.dumps(sorted(words)).encode()).hexdigest()
