"""Vectors that measure the size of a change: embeddings of words and picture, and attributes of faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adcreative.features.batch import CreativeFeatures
from adcreative.features.builder import FeatureBuilder


def change_vectors(builder: FeatureBuilder, features: Sequence[CreativeFeatures]) -> tuple[np.ndarray, np.ndarray]:
    """Return the embeddings whose distance measures a change: words (headline and body) and picture, [N, D] each."""

    def rows(name: str) -> np.ndarray:
        blank = np.zeros(builder.spec.widths.get(name, 0))
        values = [getattr(one, name) for one in features]
        return np.stack([blank if value is None or not blank.size else np.asarray(value) for value in values])

    return np.concatenate([rows("text"), rows("body")], axis=1), rows("image")


def face_vectors(builder: FeatureBuilder, features: Sequence[CreativeFeatures]) -> np.ndarray:
    """Return the mean attributes of each creative's faces in the builder's deviations, [N, A]; zeros without a face."""
    mean, std = builder.means["face_attributes"], builder.stds["face_attributes"]
    rows = np.zeros((len(features), len(mean)))
    for row, one in enumerate(features):
        seen = one.face_attributes[np.isfinite(one.face_attributes).all(axis=1)]
        if len(seen) and len(mean):
            rows[row] = (seen.mean(axis=0) - mean) / std
    return rows


def has_equal(one: CreativeFeatures, other: CreativeFeatures, names: Sequence[str]) -> bool:
    """True when both creatives' features of these names are the same."""
    return all(
        a is b or (a is not None and b is not None and np.array_equal(a, b, equal_nan=True))
        for a, b in ((getattr(one, name), getattr(other, name)) for name in names)
    )
