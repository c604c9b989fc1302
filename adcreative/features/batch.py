"""From creatives to network inputs: the list of fields, and the batch that holds them.

A field is one input of the click-rate networks; a modality is a set of fields that are present or missing together. Missing
fields are masked (`FeatureBatch.present`), never imputed. `feature_builder.py` fills a batch, `feature_extraction.py` reads
pixels and words. Shapes: B creatives, F fields, M creatives of the history, T history length.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adcreative.errors import FeatureError

LOOK_STATS = ("brightness", "contrast", "saturation", "warmth", "face_share", "aspect")
FACE_ATTRIBUTES = ("smile", "mouth_open", "eyes_open", "gaze_x", "gaze_y", "head_yaw", "head_pitch", "head_roll")
DENSE_FIELDS = (
    "image",
    "look",
    "text",
    "body",
    "wording",
    "body_wording",
    "appeal",
    "face_mean",
    "face_max",
    "face_attributes",
    "face_count",
)
CATEGORICAL_FIELDS = ("category", "brand", "placement", "platform", "audience", "cta")
FIELDS = DENSE_FIELDS + CATEGORICAL_FIELDS
LABELS = "labels"  # an optional field, for specs with a width for it; see `benchmarks/adsee_inputs.py`
FACE_NAMES = ("face_codes", "face_attributes", "face_shares")
SQUARED_FIELDS = ("look", "face_attributes")  # used together with their squares
WORD_FIELDS: Mapping[str, tuple[str, ...]] = {"headline": ("text", "wording", "appeal"), "body": ("body", "body_wording")}
MODALITIES: Mapping[str, tuple[str, ...]] = {
    "picture": ("image",),
    "look": ("look",),
    "faces": ("face_mean", "face_max", "face_attributes", "face_count"),
    "words": ("text", "body", "wording", "body_wording", "appeal"),
    "context": CATEGORICAL_FIELDS,
}
# parts of an ad to measure: the embedding of its picture, its look with the attributes of its faces, their codes
GENERAL_PARTS = frozenset({"words", "image", "look", "codes"})  # inputs of every general predictor


@dataclass(frozen=True, kw_only=True, eq=False)
class CreativeFeatures:
    """Encoder outputs for one creative; None for missing parts.

    image [Di] and text, body [Dt]: embeddings of meaning. wording, body_wording [Dw]: style, from an early layer and
    the surface of the line (see `encoders.headline`). look [6]: LOOK_STATS. appeal: headline model's score, natural-log units.
    Faces, F of them, largest first: face_codes [F, 512], face_attributes [F, 8] in the order of FACE_ATTRIBUTES, face_shares
    [F] of the picture's area. labels [L] int64, ascending: ids of the visible classes (`encoders.labels`), computed for
    benchmarks only. lettering [6]: LETTERING_STATS of the words in the picture, None without a line finder. complexity
    [1]: COMPLEXITY_STATS, None unless requested. A refused face (too small, turned away, cut off) still counts and keeps its
    share and measured attributes, but its code row is NaN: it is masked, since inverting such a face gives a meaningless code.
    """

    image: np.ndarray | None = None
    look: np.ndarray | None = None
    text: np.ndarray | None = None
    body: np.ndarray | None = None
    wording: np.ndarray | None = None
    body_wording: np.ndarray | None = None
    appeal: float | None = None
    face_codes: np.ndarray = field(default_factory=lambda: np.zeros((0, 512), np.float32))
    face_attributes: np.ndarray = field(default_factory=lambda: np.zeros((0, len(FACE_ATTRIBUTES)), np.float32))
    face_shares: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    labels: np.ndarray | None = None
    lettering: np.ndarray | None = None
    complexity: np.ndarray | None = None

    def with_words_of(self, other: CreativeFeatures, parts: Iterable[str] = ("headline", "body")) -> CreativeFeatures:
        """Return the same picture with another creative's words, for the given parts of an ad."""
        return replace(self, **{name: getattr(other, name) for part in parts for name in WORD_FIELDS[part]})

    def with_faces_of(self, other: CreativeFeatures) -> CreativeFeatures:
        """Return the same picture and words with another creative's faces."""
        return replace(self, **{name: getattr(other, name) for name in FACE_NAMES})


@dataclass(frozen=True, kw_only=True)
class FeatureSpec:
    """The input layout of a network, fixed when the builder was fitted.

    widths: dense field -> number of inputs, 0 for a field missing in training (it stays masked).
    vocab_sizes: categorical field -> number of ids, 0 being "unknown". base_log_odds: of the pooled training rate.
    appeal_scale: natural-log units per standardised unit of `appeal`. history_length: most earlier creatives used.
    """

    widths: dict[str, int]
    vocab_sizes: dict[str, int]
    base_log_odds: float
    appeal_scale: float
    history_length: int = 6

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class HistoryBatch:
    """The account's earlier creatives with their results, and the history of each row.

    items: their own features, M rows, without a history. log_rate [M, 1]: shrunk log-odds above the base, standardised.
    idx [B, T] int64 rows of `items`; mask [B, T] float32, 1 = real, 0 = padding; all 0 for a row without history.
    """

    items: FeatureBatch
    log_rate: Tensor
    idx: Tensor
    mask: Tensor

    def index_select(self, idx: Tensor, keep: Tensor | None = None) -> HistoryBatch | None:
        """Return the history of some rows, with only the items they use; None when they use none."""
        mask = self.mask[idx] if keep is None else self.mask[idx] * keep
        if not bool(mask.any()):
            return None
        used, places = torch.unique(torch.where(mask > 0, self.idx[idx], 0), return_inverse=True)
        return HistoryBatch(
            items=self.items.index_select(used), log_rate=self.log_rate[used], idx=places.reshape(mask.shape), mask=mask
        )


@dataclass(frozen=True, kw_only=True)
class FeatureBatch:
    """Standardised inputs of B creatives.

    dense: field -> [B, width] float32, zero where the field is absent. categories [B, 6] int64 in the order of
    CATEGORICAL_FIELDS, 0 = unknown. present [B, F] float32 in the order of FIELDS, 1 = present, 0 = masked: networks must
    multiply by it. history: None when no row has one.
    """

    dense: dict[str, Tensor]
    categories: Tensor
    present: Tensor
    history: HistoryBatch | None = None

    def __len__(self) -> int:
        return self.present.shape[0]

    def index_select(self, idx: Tensor, keep_history: Tensor | None = None) -> FeatureBatch:
        """Return the rows `idx` [N] int64, in that order; keep_history [N, 1] of 0 and 1 masks the histories of some."""
        return FeatureBatch(
            dense={name: values[idx] for name, values in self.dense.items()},
            categories=self.categories[idx],
            present=self.present[idx],
            history=self.history.index_select(idx, keep_history) if self.history is not None else None,
        )

    def masked(self, keep: Tensor) -> FeatureBatch:
        """Return the batch with `present` multiplied by keep [B, F] or [F]; the history is unchanged."""
        return replace(self, present=self.present * keep)

    def without(self, modality: str) -> FeatureBatch:
        """Return the batch with the modality, or "history", masked."""
        return replace(self, history=None) if modality == "history" else self.masked(1.0 - modality_mask(modality))

    def without_each(self, modalities: Sequence[str]) -> FeatureBatch:
        """Return V concatenated copies of the batch, each with one of V modalities masked: V * B rows."""
        num = len(modalities)
        keep = torch.stack([1.0 - modality_mask(modality) for modality in modalities])  # [V, F]
        history = self.history
        if history is not None:
            history = replace(history, idx=history.idx.repeat(num, 1), mask=history.mask.repeat(num, 1))
        return FeatureBatch(
            dense={name: values.repeat(num, 1) for name, values in self.dense.items()},
            categories=self.categories.repeat(num, 1),
            present=(self.present * keep[:, None]).flatten(0, 1),
            history=history,
        )


def modality_mask(modality: str) -> Tensor:
    """Return [F] float32: 1 at the fields of the modality.

    Raises:
        FeatureError: no such modality.
    """
    if modality not in MODALITIES:
        raise FeatureError(f"no modality named {modality!r}; known: {', '.join(MODALITIES)}")
    return torch.tensor([float(name in MODALITIES[modality]) for name in FIELDS])
