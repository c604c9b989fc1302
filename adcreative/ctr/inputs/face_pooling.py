"""Face codes pooled by a learnt attention, beside the mean and the maximum that the feature builder offers.

    w_f = softmax over the faces f of a creative of (q . c_f),   pooled = sum_f w_f c_f

c_f are codes standardised as the builder standardises their mean, so that q = 0, the start, is exactly the mean. Shapes:
B creatives, F faces, C code width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from adcreative.features.batch import CreativeFeatures, FeatureBatch
from adcreative.features.builder import CLIP, FeatureBuilder

Model = TypeVar("Model", bound=nn.Module)
CODES, MASK = "face_codes", "face_codes_mask"


class FaceAttention(nn.Module):
    """Replaces the field face_mean of a batch made by `attach_codes` by its attention pooling."""

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
    """Return the batch with the standardised codes of every face that has one, padded to the most faces of a creative."""
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
    """Make `model`, a network on FeatureBatch, pool faces by attention before it reads a batch. Returns the model."""
    model.face_attention = FaceAttention(code_dim)

    def pool(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (model.face_attention(inputs[0]), *inputs[1:])  # type: ignore[operator]

    model.register_forward_pre_hook(pool)
    return model
