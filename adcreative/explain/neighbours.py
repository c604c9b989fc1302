"""The training creatives most similar to a new one, with their observed rates.

The drift check stores unit embeddings of up to 1,024 training creatives per modality (`evidence.py`); a model also
stores their names and counts. Models fitted before that have none, and say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from adcreative.ctr.click_model import ClickModel
from adcreative.ctr.evidence import KNOWN
from adcreative.features.batch import CreativeFeatures

NUM_NEAREST = 5


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """A training creative: cosine similarity (-1..1) of its embedding, and its observed rate clicks / impressions."""

    name: str
    similarity: float
    impressions: int
    clicks: int

    @property
    def rate(self) -> float:
        return self.clicks / self.impressions


def nearest_known(predictor: ClickModel, features: CreativeFeatures, count: int = NUM_NEAREST) -> dict[str, list[Neighbour]]:
    """Return modality ("picture", "words") -> nearest training creatives, most similar first.

    A modality missing in the creative is left out, as is one without a stored list in the model.
    """
    known: Mapping[str, Any] = predictor.notes.get(KNOWN, {})
    found = {}
    for modality, embedding in (("picture", features.image), ("words", features.text)):
        rows, drift = known.get(modality), predictor.ood_scores.get(modality)
        if embedding is None or rows is None or drift is None or len(rows["names"]) != len(drift.reference):
            continue
        unit = embedding / max(float(np.linalg.norm(embedding)), 1e-12)
        similarity = drift.reference.astype(np.float32) @ unit.astype(np.float32)
        order = np.argsort(-similarity, kind="stable")[:count]
        found[modality] = [
            Neighbour(
                name=rows["names"][row],
                similarity=float(similarity[row]),
                impressions=rows["impressions"][row],
                clicks=rows["clicks"][row],
            )
            for row in order
        ]
    return found
