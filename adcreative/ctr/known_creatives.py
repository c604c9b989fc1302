"""Names and counts of the training creatives that a predictor keeps, so that an explanation can name the nearest of them.

The out-of-distribution score keeps unit embeddings of up to 1,024 training creatives per modality (`evidence.py`); this note of
the manifest holds, in the same order, what those creatives were called and how often they were shown and clicked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adcreative.creative import Creative

NOTE = "known_creatives"  # the note's name in the manifest of a predictor
MAX_NAME = 60


def describe_known(creatives: Sequence[Creative], chosen: Sequence[int]) -> dict[str, list[Any]]:
    """Return names, impressions and clicks of the rows `chosen`, as plain values.

    Args:
        creatives: those whose embeddings the score was fitted to, in that order; all have results.
        chosen: which of them it kept.
    """
    rows = [creatives[row] for row in chosen]
    return {
        "names": [creative.name[:MAX_NAME] for creative in rows],
        "impressions": [creative.impressions for creative in rows],
        "clicks": [creative.clicks for creative in rows],
    }
