"""Fitted encoding of features into a FeatureBatch: scalers, vocabularies, base rate, and the account's history.

All state is fitted on the training rows only and saved with the model; encoding never uses the results of the
encoded creative. Knows no network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adcreative.creative import Creative
from adcreative.encoders.language import detect_language
from adcreative.errors import FeatureError
from adcreative.features.batch import (
    CATEGORICAL_FIELDS,
    DENSE_FIELDS,
    FIELDS,
    SQUARED_FIELDS,
    CreativeFeatures,
    FeatureBatch,
    FeatureSpec,
    HistoryBatch,
)
from adcreative.features.outcomes import fold

MIN_FIELD_ROWS = 8
MIN_CATEGORY_ROWS = 3
CLIP = 5.0
_MIN_STD_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class AccountHistory:
    """An account's earlier creatives with results. Reuse one object for many calls: its encoding is cached with the object."""

    creatives: Sequence[Creative]
    features: Sequence[CreativeFeatures]

    def __post_init__(self) -> None:
        if len(self.creatives) != len(self.features):
            raise FeatureError(f"the history has {len(self.creatives)} creatives but {len(self.features)} features")
        if any(not creative.has_results for creative in self.creatives):
            raise FeatureError("a creative of the history has no impressions and clicks; leave it out")


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureBuilder:
    """Converts creatives and their features to standardised tensors.

    means, stds: dense field -> [width] float32. vocabularies: categorical field -> values, id = position + 1.
    prior_impressions: impressions at the base rate that shrink a history rate; rate_scale: standard deviation of log rates.
    """

    spec: FeatureSpec
    means: Mapping[str, np.ndarray]
    stds: Mapping[str, np.ndarray]
    vocabularies: Mapping[str, tuple[str, ...]]
    prior_impressions: float
    rate_scale: float
    _ids: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for name, values in self.vocabularies.items():
            self._ids[name] = {value: number + 1 for number, value in enumerate(values)}

    @classmethod
    def fit(
        cls,
        creatives: Sequence[Creative],
        features: Sequence[CreativeFeatures],
        train_idx: np.ndarray,
        *,
        history_length: int = 6,
        ignored_categories: Sequence[str] = (),
    ) -> FeatureBuilder:
        """Fit scalers, vocabularies and the base rate on the rows `train_idx` only.

        Args:
            ignored_categories: categorical fields without a vocabulary, which stay masked.

        Raises:
            FeatureError: lengths differ, no training row has results, or a feature holds NaN or has an odd width.
        """
        _check_lengths(creatives, features)
        rows = [int(row) for row in train_idx]
        means, stds = _fit_scalers([creatives[row] for row in rows], [features[row] for row in rows])
        vocabularies = _fit_vocabularies([creatives[row] for row in rows])
        vocabularies |= dict.fromkeys(ignored_categories, ())
        base_log_odds, log_variance = _fit_rates([creatives[row] for row in rows])
        base_rate = 1.0 / (1.0 + np.exp(-base_log_odds))
        spec = FeatureSpec(
            widths={name: len(means[name]) * (2 if name in SQUARED_FIELDS else 1) for name in DENSE_FIELDS},
            vocab_sizes={name: len(vocabularies[name]) + 1 for name in CATEGORICAL_FIELDS},
            base_log_odds=base_log_odds,
            appeal_scale=float(stds["appeal"][0]) if len(stds["appeal"]) else 0.0,
            history_length=history_length,
        )
        return cls(
            spec=spec,
            means=means,
            stds=stds,
            vocabularies=vocabularies,
            prior_impressions=float(1.0 / (log_variance * base_rate)),
            rate_scale=float(np.sqrt(log_variance)),
        )

    def encode(
        self, creatives: Sequence[Creative], features: Sequence[CreativeFeatures], history: AccountHistory | None = None
    ) -> FeatureBatch:
        """Encode creatives, with the earlier creatives of their own brand when the account's history is given.

        Returns:
            FeatureBatch of len(creatives) rows, float32.
        Raises:
            FeatureError: lengths differ, or a feature holds NaN or has another width than in the fit.
        """
        _check_lengths(creatives, features)
        dense: dict[str, Tensor] = {}
        present = np.zeros((len(creatives), len(FIELDS)), np.float32)
        pooled = [self._pool(creative, one) for creative, one in zip(creatives, features, strict=True)]
        for number, name in enumerate(DENSE_FIELDS):
            values, is_there = self._scale(name, [fields[name] for fields in pooled], creatives)
            dense[name] = torch.from_numpy(values)
            present[:, number] = is_there
        categories = np.array(
            [[self._ids[name].get(fold(getattr(c, name)), 0) for name in CATEGORICAL_FIELDS] for c in creatives], np.int64
        ).reshape(len(creatives), len(CATEGORICAL_FIELDS))
        present[:, len(DENSE_FIELDS) :] = categories > 0
        batch = FeatureBatch(dense=dense, categories=torch.from_numpy(categories), present=torch.from_numpy(present))
        if history is None or not history.creatives:
            return batch
        items, log_rate = self.encode_history(history)
        return self.attach(batch, creatives, history.creatives, items=items, log_rate=log_rate)

    def unseen(self, creative: Creative) -> dict[str, str]:
        """Return column -> value of the creative's categories missing in the fit."""
        values = {name: getattr(creative, name) for name in CATEGORICAL_FIELDS}
        return {name: value for name, value in values.items() if value.strip() and fold(value) not in self.vocabularies[name]}

    def encode_history(self, history: AccountHistory) -> tuple[FeatureBatch, Tensor]:
        """Return the history's own features (M rows) and shrunk, standardised log rates [M, 1]."""
        return self.encode(history.creatives, history.features), torch.from_numpy(self._log_rates(history.creatives))

    def attach(
        self,
        batch: FeatureBatch,
        creatives: Sequence[Creative],
        earlier: Sequence[Creative],
        *,
        items: FeatureBatch,
        log_rate: Tensor,
    ) -> FeatureBatch:
        """Return `batch` with encoded history items of the same brand attached (see `select_history`)."""
        idx, mask = select_history(creatives, earlier, self.spec.history_length)
        return self._with_history(batch, items, log_rate, idx, mask)

    def encode_table(
        self, creatives: Sequence[Creative], features: Sequence[CreativeFeatures], is_training: np.ndarray
    ) -> FeatureBatch:
        """Encode a table whose rows are each other's history: a row uses earlier rows of its brand only.

        Rows of the training split use training rows only, so that no held-out result reaches the training inputs.
        """
        batch = self.encode(creatives, features)
        log_rate = torch.from_numpy(self._log_rates(creatives))
        idx, mask = select_earlier_rows(creatives, is_training, self.spec.history_length)
        return self._with_history(batch, batch, log_rate, idx, mask) if mask.any() else batch

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return (JSON part, tensors) to save; `from_state` of both equals this builder."""
        notes = {
            "spec": self.spec.as_dict(),
            "vocabularies": {name: list(values) for name, values in self.vocabularies.items()},
            "prior_impressions": self.prior_impressions,
            "rate_scale": self.rate_scale,
        }
        tensors = {f"mean.{name}": values for name, values in self.means.items()}
        return notes, tensors | {f"std.{name}": values for name, values in self.stds.items()}

    @classmethod
    def from_state(cls, notes: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> FeatureBuilder:
        """Rebuild a builder from its `state`."""
        return cls(
            spec=FeatureSpec(**notes["spec"]),
            means={name: tensors[f"mean.{name}"] for name in DENSE_FIELDS},
            stds={name: tensors[f"std.{name}"] for name in DENSE_FIELDS},
            vocabularies={name: tuple(values) for name, values in notes["vocabularies"].items()},
            prior_impressions=notes["prior_impressions"],
            rate_scale=notes["rate_scale"],
        )

    def _pool(self, creative: Creative, features: CreativeFeatures) -> dict[str, np.ndarray | None]:
        """Return `pool_fields`; non-English words get the mean appeal, since the appeal model is English."""
        fields = pool_fields(creative, features)
        if fields["appeal"] is not None and len(self.means["appeal"]) and detect_language(creative.text) not in ("en", ""):
            fields["appeal"] = self.means["appeal"]
        return fields

    def _scale(
        self, name: str, values: Sequence[np.ndarray | None], creatives: Sequence[Creative]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ([B, width] standardised and clipped, zero where absent; [B] bool present).

        A squared field holds x and (x^2 - 1) / sqrt(2): an effect with a maximum at some middle value, as of a smile, is
        then linear in the inputs.
        """
        width = len(self.means[name])
        is_there = np.array([value is not None for value in values], bool) & (width > 0)
        scaled = np.zeros((len(values), width), np.float32)
        rows = np.flatnonzero(is_there).tolist()
        if rows:
            raw = _stack(name, [values[row] for row in rows], [creatives[row] for row in rows], width)
            scaled[rows] = np.clip((raw - self.means[name]) / self.stds[name], -CLIP, CLIP)
        if name in SQUARED_FIELDS:
            squares = np.minimum((np.square(scaled) - 1.0) / np.sqrt(2.0), CLIP) * is_there[:, None]
            scaled = np.concatenate([scaled, squares], axis=1, dtype=np.float32)
        return scaled, is_there

    def _log_rates(self, creatives: Sequence[Creative]) -> np.ndarray:
        """Return [M, 1] shrunk log-odds above the base rate, in standard deviations."""
        base_rate = 1.0 / (1.0 + np.exp(-self.spec.base_log_odds))
        counts = np.array([(c.clicks or 0, c.impressions or 0) for c in creatives], np.float64).reshape(-1, 2)
        rates = (counts[:, 0] + self.prior_impressions * base_rate) / (counts[:, 1] + self.prior_impressions)
        log_odds = np.log(rates) - np.log1p(-np.minimum(rates, 1 - 1e-9))
        return ((log_odds - self.spec.base_log_odds) / self.rate_scale).clip(-CLIP, CLIP).astype(np.float32)[:, None]

    @staticmethod
    def _with_history(
        batch: FeatureBatch, items: FeatureBatch, log_rate: Tensor, idx: np.ndarray, mask: np.ndarray
    ) -> FeatureBatch:
        history = HistoryBatch(items=items, log_rate=log_rate, idx=torch.from_numpy(idx), mask=torch.from_numpy(mask))
        return FeatureBatch(dense=batch.dense, categories=batch.categories, present=batch.present, history=history)


def pool_fields(creative: Creative, features: CreativeFeatures) -> dict[str, np.ndarray | None]:
    """Return the dense fields of one creative, raw; None where absent.

    Face codes are pooled by mean and by elementwise maximum over the faces with a code, attributes by mean over the faces
    with measurements; the count is log(1 + number of faces), and 0 faces is a value, not an absence.
    """
    codes, attributes = features.face_codes, features.face_attributes
    codes = codes[np.isfinite(codes).all(axis=1)] if len(codes) else codes
    attributes = attributes[np.isfinite(attributes).all(axis=1)] if len(attributes) else attributes
    has_picture = features.image is not None or features.look is not None
    count = np.array([np.log1p(len(features.face_shares))], np.float32)
    return {
        "image": features.image,
        "look": features.look,
        "text": features.text,
        "body": features.body,
        "wording": features.wording,
        "body_wording": features.body_wording,
        "appeal": None if features.appeal is None else np.array([features.appeal], np.float32),
        "face_mean": codes.mean(axis=0) if len(codes) else None,
        "face_max": codes.max(axis=0) if len(codes) else None,
        "face_attributes": attributes.mean(axis=0) if len(attributes) else None,
        "face_count": count if has_picture else None,
    }


def select_history(creatives: Sequence[Creative], earlier: Sequence[Creative], length: int) -> tuple[np.ndarray, np.ndarray]:
    """Choose for each creative its brand's last `length` history items.

    An item counts when the brand is the same and not empty, the test is another (or none), and it did not start later: with
    both dates known its date_start must be before the creative's.
    Returns:
        idx [B, T] int64 and mask [B, T] float32; the most recent item is last.
    """
    by_brand = _positions_by_brand(earlier)
    chosen = [
        [p for p in by_brand.get(fold(c.brand), []) if _may_precede(earlier[p], c)][-length:] if c.brand.strip() else []
        for c in creatives
    ]
    return _pad(chosen, length)


def select_earlier_rows(creatives: Sequence[Creative], is_training: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """As `select_history` within one table: a row uses earlier rows of its brand, by date_start, then by order."""
    chosen: list[list[int]] = [[] for _ in creatives]
    for brand, positions in _positions_by_brand(creatives).items():
        if not brand:
            continue
        for place, row in enumerate(positions):
            for earlier in reversed(positions[:place]):
                if len(chosen[row]) == length:
                    break
                visible = is_training[earlier] or not is_training[row]
                if visible and creatives[earlier].has_results and _may_precede(creatives[earlier], creatives[row]):
                    chosen[row].insert(0, earlier)
    return _pad(chosen, length)


def _positions_by_brand(creatives: Sequence[Creative]) -> dict[str, list[int]]:
    by_brand: dict[str, list[int]] = {}
    for position in sorted(range(len(creatives)), key=lambda p: creatives[p].date_start):
        by_brand.setdefault(fold(creatives[position].brand), []).append(position)
    return by_brand


def _may_precede(earlier: Creative, later: Creative) -> bool:
    if earlier is later or (earlier.test_id and earlier.test_id == later.test_id):
        return False
    return not (earlier.date_start and later.date_start) or earlier.date_start < later.date_start


def _pad(chosen: Sequence[Sequence[int]], length: int) -> tuple[np.ndarray, np.ndarray]:
    idx, mask = np.zeros((len(chosen), length), np.int64), np.zeros((len(chosen), length), np.float32)
    for row, positions in enumerate(chosen):
        idx[row, : len(positions)], mask[row, : len(positions)] = positions, 1.0
    return idx, mask


def _check_lengths(creatives: Sequence[Creative], features: Sequence[CreativeFeatures]) -> None:
    if len(creatives) != len(features):
        raise FeatureError(f"{len(creatives)} creatives came with {len(features)} features; one of each is needed")


def check_finite(creatives: Sequence[Creative], features: Sequence[CreativeFeatures]) -> None:
    """Check that no feature holds NaN or infinite values, apart from the codes of refused faces.

    Raises:
        FeatureError: names the creative and the feature.
    """
    for creative, found in zip(creatives, features, strict=True):
        for name, value in vars(found).items():
            if name == "face_codes" or not isinstance(value, float | np.floating | np.ndarray):
                continue
            if not np.isfinite(value).all():
                raise FeatureError(f'creative "{creative.name}": {name} holds NaN or infinite values; extract it again')


def _stack(name: str, values: Sequence[Any], creatives: Sequence[Creative], width: int) -> np.ndarray:
    """Return [N, width] float32, checked."""
    for value, creative in zip(values, creatives, strict=True):
        if value.shape != (width,):
            raise FeatureError(
                f'creative "{creative.name}": {name} has shape {list(value.shape)}, the model reads [{width}]; '
                "use the encoders it was fitted with"
            )
    stacked = np.stack(values).astype(np.float32)
    broken = np.flatnonzero(~np.isfinite(stacked).all(axis=1))
    if len(broken):
        raise FeatureError(f'creative "{creatives[broken[0]].name}": {name} holds NaN or infinite values; extract it again')
    return stacked


def _fit_scalers(
    creatives: Sequence[Creative], features: Sequence[CreativeFeatures]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return mean and standard deviation per dense field; empty for a field with fewer than MIN_FIELD_ROWS rows."""
    pooled = [pool_fields(creative, one) for creative, one in zip(creatives, features, strict=True)]
    means: dict[str, np.ndarray] = {}
    stds: dict[str, np.ndarray] = {}
    for name in DENSE_FIELDS:
        found = [(fields[name], c) for fields, c in zip(pooled, creatives, strict=True) if fields[name] is not None]
        if len(found) < MIN_FIELD_ROWS:
            means[name], stds[name] = np.zeros(0, np.float32), np.ones(0, np.float32)
            continue
        values, owners = [value for value, _ in found], [owner for _, owner in found]
        width = len(values[0]) if values[0] is not None else 0
        raw = _stack(name, values, owners, width)
        deviation = raw.std(axis=0)
        floor = max(_MIN_STD_SHARE * float(np.median(deviation)), 1e-6)
        means[name], stds[name] = raw.mean(axis=0), np.where(deviation < 1e-6, 1.0, np.maximum(deviation, floor))
    return means, {name: values.astype(np.float32) for name, values in stds.items()}


def _fit_vocabularies(creatives: Sequence[Creative]) -> dict[str, tuple[str, ...]]:
    vocabularies = {}
    for name in CATEGORICAL_FIELDS:
        counts = Counter(fold(getattr(creative, name)) for creative in creatives)
        counts.pop("", None)
        vocabularies[name] = tuple(sorted(value for value, count in counts.items() if count >= MIN_CATEGORY_ROWS))
    return vocabularies


def _fit_rates(creatives: Sequence[Creative]) -> tuple[float, float]:
    """Return the log-odds of the pooled rate, and the variance of log rates between creatives (moments, 0.02..1)."""
    counts = [(c.clicks or 0, c.impressions or 0) for c in creatives if c.has_results]
    if not counts:
        raise FeatureError("no training creative has impressions and clicks; the base rate cannot be fitted")
    clicks, impressions = np.array(counts, np.float64).T
    rate = (clicks.sum() + 0.5) / (impressions.sum() + 1.0)
    expected = impressions * rate
    excess = ((clicks - expected) ** 2 - expected * (1 - rate)).sum() / (expected**2).sum()
    return float(np.log(rate) - np.log1p(-rate)), float(np.clip(excess, 0.02, 1.0))
