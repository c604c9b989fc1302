"""The verbs about faces and law, disclosures, purge, and how pictures are signed. Loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from adcreative.errors import ConfigError
from adcreative.features.cache import cache_dir
from adcreative.provenance.disclosure import Disclosure, disclosures_of_run
from adcreative.provenance.disclosure import disclosures as list_disclosures
from adcreative.provenance.run_records import read_rows
from adcreative.provenance.signing import SigningConfig
from adcreative.runs.archives import is_archive, list_archives, purge_archive
from adcreative.runs.purging import PurgeSummary, find_runs, purge_cache, purge_person, purge_run

__all__ = ["disclosures", "purge", "signing_config"]


def signing_config(certificate: Path | None, key: Path | None) -> SigningConfig | None:
    """Return how pictures are signed, or None when neither file is given. Raises ConfigError when only one is."""
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
    """List what may have to be disclosed in these markets; not legal advice. Loads no torch.

    Args:
        run: a folder that `optimize` wrote: what its edits bring. None: what edits of faces and words bring.
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


def purge(
    run: Path | None = None,
    *,
    consent_id: str = "",
    creative: str = "",
    originals: bool = False,
    keep_cache: bool = False,
) -> PurgeSummary:
    """Remove faces, face codes and caches: of a person or a creative in a run folder, of a whole run, or the cache alone.

    `run` may be a folder of runs too, such as that of the app, or an archive of a run. Exports and archives of a run that its
    audit trail names go with it; of one person, archives are written anew without the person.

    `originals` removes the user's own pictures too: those that the rows were made from, and those behind links in the run.
    Without it they are listed.

    Of the cache, a consent id removes what was found in pictures that named it; in all other cases it is emptied, since it does
    not know creatives by name.

    Raises:
        ConfigError: the folder was not written by a run, is a link, or is being written.
        ArtifactError: an archive is damaged.
    """
    summary = PurgeSummary(removes_originals=originals)
    if run is None and (consent_id or creative):
        raise ConfigError("name the run folder in which the person or the creative is to be removed")
    if run is not None and is_archive(Path(run)):
        purge_archive(Path(run), summary, consent_id=consent_id, creative=creative)
        run = None
    for folder in find_runs(Path(run)) if run is not None else ():
        archives = list_archives(folder)
        if consent_id or creative:
            purge_person(folder, summary, consent_id=consent_id, creative=creative)
        else:
            purge_run(folder, summary)
        for path in archives:
            purge_archive(path, summary, consent_id=consent_id, creative=creative)
    if not keep_cache:
        purge_cache(cache_dir() / "features", summary, consent_id=consent_id)
    return summary
