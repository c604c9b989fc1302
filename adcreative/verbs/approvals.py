"""The verbs `approve` and `check_approved`: pictures of a run, and the exported words of the run's table. Imports no torch."""

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
    told = [[one.test, one.arm, *(getattr(one.creative, name) for name in WORDS)] for one in variants]
    return hashlib.sha256(json.dumps(sorted(told)).encode()).hexdigest()
