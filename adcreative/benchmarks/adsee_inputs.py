"""Further inputs of AdSEE's network, for the benchmark alone: class labels of pictures, and face codes pooled by learnt
attention in place of their mean.

    labels    field = 1 / |S| sum over c in S of v_c = V s,   s_c = 1 / |S| for c in S, else 0;  no known label: the zero vector
    faces     w_f = softmax over the faces f of a creative of (q . c_f),   pooled = sum_f w_f c_f

s, the label shares, is stored in a batch; V is a projection of the network (`ctr.inputs.creative.input_spec`). The field
follows FIELDS and exists only where a spec has a width for it: specs of the shipped predictors have none. c_f are codes
standardised like their mean in the builder, so that the initial q = 0 gives exactly the mean. Shapes: B creatives, K known
labels, F faces, C code width.
Source:
    Jiang et al., AdSEE, KDD 2023 (released code: lists of ids padded with 0, mean-pooled). Differs: K is the number of classes
    in the training rows; rare classes are unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from adcreative.features.batch import LABELS, CreativeFeatures, FeatureBatch, FeatureSpec
from adcreative.features.builder import CLIP, MIN_CATEGORY_ROWS, FeatureBuilder

Model = TypeVar("Model", bound=nn.Module)
CODES, MASK = "face_codes", "face_codes_mask"


def fit_labels(features: Sequence[CreativeFeatures], train_idx: np.ndarray) -> tuple[int, ...]:
    """Return the ids, ascending, of labels in at least MIN_CATEGORY_ROWS of the rows `train_idx`."""
    counts = Counter(int(label) for row in train_idx for label in _labels_of(features[int(row)]))
    return tuple(sorted(label for label, count in counts.items() if count >= MIN_CATEGORY_ROWS))


def attach_labels(batch: FeatureBatch, features: Sequence[CreativeFeatures], known: Sequence[int]) -> FeatureBatch:
    """Return a batch of `FeatureBuilder.encode_table` with the label shares [B, K] of its rows and its history."""
    shares = label_shares(features, known)
    history = batch.history
    if history is not None:
        history = replace(history, items=replace(history.items, dense={**history.items.dense, LABELS: shares}))
    return replace(batch, dense={**batch.dense, LABELS: shares}, history=history)


def label_shares(features: Sequence[CreativeFeatures], known: Sequence[int]) -> Tensor:
    """Return [B, K] float32: 1 / (number of known labels of the row) at each known label; all zero without one."""
    place = {label: column for column, label in enumerate(known)}
    shares = np.zeros((len(features), len(known)), np.float32)
    for row, one in enumerate(features):
        columns = [place[int(label)] for label in _labels_of(one) if int(label) in place]
        shares[row, columns] = 1.0 / max(len(columns), 1)
    return torch.from_numpy(shares)


def widen_spec(spec: FeatureSpec, known: Sequence[int]) -> FeatureSpec:
    """Return the spec of networks with label shares of width len(known) as a further input."""
    return replace(spec, widths={**spec.widths, LABELS: len(known)})


def _labels_of(one: CreativeFeatures) -> Sequence[int] | np.ndarray:
    return () if one.labels is None else np.unique(one.labels)


class FaceAttention(nn.Module):
    """Replaces the field face_mean of a batch made by `attach_codes` by attention pooling."""

    def __init__(self, code_dim: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(code_dim))

    def weights(self, codes: Tensor, mask: Tensor) -> Tensor:
        """Return [B, F] for codes [B, F, C] under mask [B, F]; rows sum to 1, or are 0 without a face."""
        scores = (codes @ self.query).masked_fill(mask == 0, -torch.inf)
        return scores.softmax(dim=1).nan_to_num(0.0)

    def forward(self, batch: FeatureBatch) -> FeatureBatch:
        codes = batch.dense[CODES]
        pooled = torch.einsum("bf,bfc->bc", self.weights(codes, batch.dense[MASK]), codes).clamp(-CLIP, CLIP)
        return replace(batch, dense={**batch.dense, "face_mean": pooled})


def attach_codes(batch: FeatureBatch, features: Sequence[CreativeFeatures], builder: FeatureBuilder) -> FeatureBatch:
    """Return the batch with the standardised codes of all encoded faces, padded to the most faces of a creative."""
    codes = [one.face_codes[np.isfinite(one.face_codes).all(axis=1)] for one in features]
    most = max((len(found) for found in codes), default=0)
    padded = np.zeros((len(codes), max(most, 1), builder.spec.widths["face_mean"]), np.float32)
    mask = np.zeros(padded.shape[:2], np.float32)
    for row, found in enumerate(codes):
        if len(found):
            padded[row, : len(found)] = (found - builder.means["face_mean"]) / builder.stds["face_mean"]
            mask[row, : len(found)] = 1.0
    return replace(batch, dense={**batch.dense, CODES: torch.from_numpy(padded), MASK: torch.from_numpy(mask)})


def pool_by_attention(model: Model, code_dim: int) -> Model:
    """Add attention pooling of faces to the inputs of `model`, a network on FeatureBatch. Returns the model."""
    model.face_attention = FaceAttention(code_dim)

    def pool(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (model.face_attention(inputs[0]), *inputs[1:])  # type: ignore[operator]

    model.register_forward_pre_hook(pool)
    return model
