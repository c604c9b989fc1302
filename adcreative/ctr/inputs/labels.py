"""Class labels of pictures as one more field: a set of ids becomes the mean of their vectors, as AdSEE pools them.

    field = 1 / |S| sum over c in S of v_c = V s,      s_c = 1 / |S| for c in S, else 0;  no known label: the zero vector

s, the label shares, is what a batch carries; V is a table of the network (`embedding.build_label_table`). The field stands
behind FIELDS and only where a spec has a width for it: those of the shipped predictors have none, so their tensors and their
scores stay as they are, and pictures are labelled for benchmarks alone. Shapes: B creatives, K known labels.
Source:
    Jiang et al., AdSEE, KDD 2023 (released code: lists of ids padded with 0, mean-pooled). Differs: K is the number of classes
    that training rows have, a class that they hardly have is not known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from adcreative.features.batch import LABELS, CreativeFeatures, FeatureBatch, FeatureSpec
from adcreative.features.builder import MIN_CATEGORY_ROWS


def fit_labels(features: Sequence[CreativeFeatures], train_idx: np.ndarray) -> tuple[int, ...]:
    """Return the ids, ascending, of labels that at least MIN_CATEGORY_ROWS of the rows `train_idx` have."""
    counts = Counter(int(label) for row in train_idx for label in _labels_of(features[int(row)]))
    return tuple(sorted(label for label, count in counts.items() if count >= MIN_CATEGORY_ROWS))


def attach_labels(batch: FeatureBatch, features: Sequence[CreativeFeatures], known: Sequence[int]) -> FeatureBatch:
    """Return a batch of `FeatureBuilder.encode_table` with the label shares [B, K] of its rows, which are its history's too."""
    shares = label_shares(features, known)
    history = batch.history
    if history is not None:
        history = replace(history, items=replace(history.items, dense={**history.items.dense, LABELS: shares}))
    return replace(batch, dense={**batch.dense, LABELS: shares}, history=history)


def label_shares(features: Sequence[CreativeFeatures], known: Sequence[int]) -> Tensor:
    """Return [B, K] float32: 1 / (number of known labels of the row) at each of them; a row without one is zero."""
    place = {label: column for column, label in enumerate(known)}
    shares = np.zeros((len(features), len(known)), np.float32)
    for row, one in enumerate(features):
        columns = [place[int(label)] for label in _labels_of(one) if int(label) in place]
        shares[row, columns] = 1.0 / max(len(columns), 1)
    return torch.from_numpy(shares)


def widen_spec(spec: FeatureSpec, known: Sequence[int]) -> FeatureSpec:
    """Return the spec of networks that also read label shares of width len(known)."""
    return replace(spec, widths={**spec.widths, LABELS: len(known)})


def _labels_of(one: CreativeFeatures) -> Sequence[int] | np.ndarray:
    return () if one.labels is None else np.unique(one.labels)
