"""The verbs `approve` and `check_approved`: what lies in a run, and the words of its table that leave beside it. No torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from adcreative.delivery.experiment.variants import Variant, read_variants
from adcreative.errors import AdCreativeError
from adcreative.provenance.approval import Approved
from adcreative.provenance.approval import approve as approve_run
from adcreative.provenance.approval import check_approved as check_run

WORDS = ("headline", "description", "primary_text", "cta", "brand")


def approve(run: Path, *, by: str, markets: Sequence[str] = (), at: datetime | None = None) -> dict[str, Any]:
    """Note in the audit trail of a run that a person approved its edits as they are now; return the event.

    It covers the words of both ads of a test, those of the run's table among them (primary text, button, brand), the bytes of
    every picture that leaves, and what the sidecars say.

    Args:
        markets: where they will run, as `disclosures` knows them; the duties that were on that list are noted with it.
    Raises:
        ConfigError: no name, or `run` holds no edited ad. ProvenanceError: a picture was changed since it was made, or has no
            sidecar, or a market is unknown.
    """
    return approve_run(Path(run), by=by, markets=markets, at=at, words_sha256=_hash_words(Path(run)))


def check_approved(run: Path) -> dict[str, Any]:
    """Return the event of the latest approval of a run's edits.

    Raises:
        ConfigError: nobody approved them as they are now.
    """
    return dict(_check(Path(run)).event)


def approved_pictures(run: Path) -> dict[Path, str]:
    """Return the sha256 of each picture that the approval of a run lets leave, by path; raises as `check_approved`."""
    return dict(_check(Path(run)).pictures)


def _check(run: Path) -> Approved:
    return check_run(run, words_sha256=_hash_words(run))


def _hash_words(run: Path) -> str:
    try:
        variants = read_variants(run, "")
    except AdCreativeError:  # nothing is edited, or the run is damaged: said where the edits are read
        return ""
    return hash_words(variants)


def hash_words(variants: Sequence[Variant]) -> str:
    """Return the hash of all words of the ads of a run, whatever campaign they are for."""
    told = [[one.test, one.arm, *(getattr(one.creative, name) for name in WORDS)] for one in variants]
    return hashlib.sha256(json.dumps(sorted(told)).encode()).hexdigest()
