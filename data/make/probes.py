"""Probes learnt from captions: properties of a face picture that `data.make.appearance` does not measure.

A probe reads pixels alone, so that it can measure the effect of an edit on a render. It is a ridge regression of caption labels
on features of EfficientNet-Lite0 trained on ImageNet, fitted to the training faces and to their renders. Some probes exist only
to be kept constant: nothing here is offered to infer or to change a person's sex, ethnicity or skin tone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional as F

from data.make.captions import CaptionLabel
from stylegan.errors import DirectionError
from stylegan.images import encode_image
from stylegan.networks.efficientnet import EfficientNetLevels, load_backbone

_CHILDREN = ("baby", "toddler", "child")
PROBES = {
    "glasses": CaptionLabel(plus=("glasses",), minus=("adult", "hair", "smiling", "senior", "makeup", "beard", "background")),
    "beard": CaptionLabel(
        plus=("beard", "goatee", "stubble", "mustache"), minus=("man", "male"), plus_wins=True, never=(*_CHILDREN, "sideburns")
    ),
    "makeup": CaptionLabel(
        plus=("heavy", "traditional", "lipstick", "eyeliner"), minus=("woman", "female"), plus_wins=True, never=_CHILDREN
    ),
    "age": CaptionLabel(plus=("old", "senior", "wrinkly"), minus=(*_CHILDREN, "teenager", "young")),
    "sex": CaptionLabel(plus=("woman", "female"), minus=("man", "male"), never=_CHILDREN),
    "african": CaptionLabel(plus=("african",), minus=("asian", "irish", "persian", "american")),
    "asian": CaptionLabel(plus=("asian",), minus=("african", "irish", "persian", "american")),
    "irish": CaptionLabel(plus=("irish",), minus=("african", "asian", "persian", "american")),
}
CHILD = CaptionLabel(
    plus=_CHILDREN,
    minus=("adult", "senior", "old", "man", "woman", "beard", "goatee", "mustache", "makeup", "lipstick"),
    plus_wins=True,
    never=("teenager",),
)
RIDGE = 3e4


class PictureFeatures:
    """Aligned crops -> features of a frozen EfficientNet-Lite0, pooled to 4x4 at strides 16 and 32."""

    def __init__(self, backbone_state: dict[str, Tensor]) -> None:
        self._network = EfficientNetLevels((3, 4))
        load_backbone(self._network, backbone_state)
        self._network.eval().requires_grad_(False)

    @torch.inference_mode()
    def compute(self, crops_u8: Sequence[np.ndarray]) -> np.ndarray:
        """Return [B, 6912] float32 for crops [S, S, 3] uint8 of one size."""
        images_f32 = encode_image(list(crops_u8)).contiguous(memory_format=torch.channels_last)
        batches = []
        for batch in images_f32.split(32):
            levels = [F.adaptive_avg_pool2d(level, 4).flatten(1) for level in self._network(batch)]
            batches.append(torch.cat(levels, dim=1))
        return torch.cat(batches).numpy()


@dataclass(frozen=True)
class Probe:
    """One caption label predicted from picture features.

    auc: cross-validated over faces, 0.5 is chance. class_gap: cross-validated difference of mean scores of faces with and
    without the label. num_plus: faces with it.
    """

    regression: Pipeline
    auc: float
    class_gap: float
    num_plus: int

    def score(self, features: np.ndarray) -> np.ndarray:
        """Return [B] float64 for features [B, 6912]; larger means more of the property, about -1..1."""
        return self.regression.predict(features)


def fit_probe(features: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> Probe:
    """Fit a probe to labelled pictures.

    Args:
        features: [N, D]. labels: [N], +1, -1 or NaN (left out). groups: [N], equal for pictures of one face.
    Raises:
        DirectionError: fewer than ten faces with, or without, the label.
    """
    known = np.isfinite(labels)
    features, labels, groups = features[known], labels[known], groups[known]
    sides = [len(np.unique(groups[labels == side])) for side in (1.0, -1.0)]
    if min(sides) < 10:
        raise DirectionError(f"a probe needs ten faces on each side, got {sides[0]} and {sides[1]}")
    regression = make_pipeline(StandardScaler(), Ridge(alpha=RIDGE))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0).split(features, labels, groups)
    scores = cross_val_predict(regression, features, labels, cv=list(folds))
    class_gap = float(scores[labels > 0].mean() - scores[labels < 0].mean())
    return Probe(regression.fit(features, labels), float(roc_auc_score(labels > 0, scores)), class_gap, sides[0])
