"""Ads as input of an account model's members: texts, categorical columns, encoder outputs, counts, groups.

Knows creatives and features; no fitted state. Ads that share their text or their test form one group, which no split may cut.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from adcreative.creative import Creative
from adcreative.encoders.language import detect_language
from adcreative.features.batch import CATEGORICAL_FIELDS, GENERAL_PARTS, CreativeFeatures
from adcreative.features.outcomes import fold

MIN_GROUP_VALUES, MIN_GROUP_SHARE = 6, 0.02  # of a column whose new values are treated separately
MAX_VALUES = 20  # of one column of one ad, such as its interests
_SEPARATORS = ";|"
WHOLE_TEXT = "further words"  # block of all words of an ad, in models fitted before headlines had their own
SHIPPED_BLOCKS = ("shipped words", "shipped picture", "shipped context")
PARTS: Mapping[str, tuple[str, ...]] = {  # part of an ad -> its dense blocks; words also have texts, context also has columns
    "words": ("meaning", "body", "wording", "appeal", "further headline", "further body", WHOLE_TEXT, "shipped words"),
    "picture": ("picture", "shipped picture"),
    "look": ("look", "lettering", "complexity"),
    "faces": ("faces",),
    "context": ("shipped context",),
}
EVERYTHING = ("everything",)  # blocks of members that read all inputs
_MEASURED: Mapping[str, Collection[str]] = {  # block -> optional measurements of an ad; none for a column
    **dict.fromkeys(("words", "characters", "columns x words", *PARTS["words"]), ("words",)),
    "picture": ("image",),
    "look": ("look",),
    "faces": ("look",),
    "lettering": ("lettering",),
    "complexity": ("complexity",),
    **dict.fromkeys(SHIPPED_BLOCKS, GENERAL_PARTS),
}


def parts_of(blocks: Collection[str], dense: Collection[str]) -> frozenset[str]:
    """Return the measurements of an ad (see `ClickModel.rate_parts`) that blocks need; dense: blocks of the encoding."""
    if EVERYTHING[0] in blocks:
        return GENERAL_PARTS.union(*(_MEASURED.get(name, ()) for name in dense))
    return frozenset[str]().union(*(_MEASURED.get(name, ()) for name in blocks))


class EncodesTexts(Protocol):
    """A text encoder (`encoders.text_encoder.TextEncoder`). content_hash changes whenever an output could."""

    name: str
    content_hash: str

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return [N, D] float32, NaN rows for texts without words."""


@dataclass(frozen=True, eq=False)
class Ads:
    """N ads as input of networks. blank: parts (keys of PARTS) to mask."""

    creatives: Sequence[Creative]
    features: Sequence[CreativeFeatures]
    blank: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.creatives)

    def rows(self, idx: np.ndarray) -> Ads:
        """Return the ads `idx`, in that order."""
        return Ads([self.creatives[row] for row in idx], [self.features[row] for row in idx], self.blank)


@dataclass(frozen=True, kw_only=True, eq=False)
class AccountTable:
    """N ads as columns.

    texts: all words of an ad in reading order. columns: categorical column -> values of each ad, folded; () where it has none.
    dense: block of PARTS -> [N, D] float32 with NaN rows where an ad lacks the block; a block without any ad is
    left out. clicks, impressions: [N] float64, 0 where unknown. group: [N] int64. ads: source of the table.
    """

    texts: Sequence[str]
    columns: Mapping[str, Sequence[tuple[str, ...]]]
    dense: Mapping[str, np.ndarray]
    clicks: np.ndarray
    impressions: np.ndarray
    group: np.ndarray
    ads: Ads

    def __len__(self) -> int:
        return len(self.texts)

    def rows(self, idx: np.ndarray) -> AccountTable:
        """Return the ads `idx`, in that order."""
        return AccountTable(
            texts=[self.texts[row] for row in idx],
            columns={name: [values[row] for row in idx] for name, values in self.columns.items()},
            dense={name: values[idx] for name, values in self.dense.items()},
            clicks=self.clicks[idx],
            impressions=self.impressions[idx],
            group=self.group[idx],
            ads=self.ads.rows(idx),
        )

    def grouped_by(self, name: str) -> AccountTable:
        """Return the same ads, each value of a column being a group that no split may cut, as is each ad without a value."""
        labels = ["\0".join(values) for values in self.columns[name]]
        _, group = np.unique([label or f"row {row}" for row, label in enumerate(labels)], return_inverse=True)
        return replace(self, group=np.asarray(group, np.int64))

    def without_shared(self, known: Mapping[str, Collection[str]]) -> AccountTable:
        """Return versions of one ad without column values that all share and the model does not know (column -> known values).

        The effect of a new brand is the same for all its versions, but an encoder cannot recognise the value as shared.
        """
        columns = {}
        for name, values in self.columns.items():
            shared = set(values[0]).intersection(*values) - set(known.get(name, ()))
            columns[name] = [tuple(value for value in of_ad if value not in shared) for of_ad in values]
        return replace(self, columns=columns)

    def without(self, parts: Collection[str]) -> AccountTable:
        """Return the same ads with some parts unknown (keys of PARTS)."""
        names = {name for part in parts for name in PARTS[part]}
        return replace(
            self,
            texts=[""] * len(self) if "words" in parts else self.texts,
            columns=dict.fromkeys(self.columns, [()] * len(self)) if "context" in parts else self.columns,
            dense={name: np.full_like(rows, np.nan) if name in names else rows for name, rows in self.dense.items()},
            ads=replace(self.ads, blank=self.ads.blank | frozenset(parts)),
        )


def read_table(
    creatives: Sequence[Creative],
    features: Sequence[CreativeFeatures],
    shipped_parts: np.ndarray | None = None,
    text_encoder: EncodesTexts | None = None,
    *,
    has_whole_text: bool = False,
) -> AccountTable:
    """Return creatives and their features as columns.

    Args:
        shipped_parts: [N, 3] contributions of words, picture and the rest to the shipped predictor's log-odds. The words' part,
            and the appeal score, come from an English model: they are blank for words in another language.
        text_encoder: encodes an ad's headline and its other words as two more blocks.
        has_whole_text: encode all words of an ad as one, too, for models fitted with that block.
    """
    texts = [creative.text for creative in creatives]
    is_foreign = np.array([detect_language(text) not in ("en", "") for text in texts], bool)
    columns = read_columns(creatives)
    dense = {
        "meaning": _stack([one.text for one in features]),
        "body": _stack([one.body for one in features]),
        "wording": _stack([one.wording for one in features]),
        "appeal": _stack([None if one.appeal is None else np.array([one.appeal]) for one in features]),
        "picture": _stack([one.image for one in features]),
        "look": _stack([one.look for one in features]),
        "lettering": _stack([one.lettering for one in features]),
        "complexity": _stack([one.complexity for one in features]),
        "faces": _stack([_faces(one) for one in features]),
    }
    if text_encoder is not None:
        dense["further headline"] = text_encoder.encode([creative.headline for creative in creatives])
        dense["further body"] = text_encoder.encode([creative.body for creative in creatives])
        if has_whole_text:
            dense[WHOLE_TEXT] = text_encoder.encode(texts)
    if shipped_parts is not None:
        dense |= {name: shipped_parts[:, [number]].astype(np.float32) for number, name in enumerate(SHIPPED_BLOCKS)}
    for name in ("appeal", "shipped words"):
        rows = dense.get(name)
        if rows is not None:
            dense[name] = np.where(is_foreign[:, None], np.float32(np.nan), rows)
    return AccountTable(
        texts=texts,
        columns=columns,
        dense={name: values for name, values in dense.items() if values is not None and np.isfinite(values).any()},
        clicks=np.array([float(creative.clicks or 0) for creative in creatives]),
        impressions=np.array([float(creative.impressions or 0) for creative in creatives]),
        group=number_groups(creatives),
        ads=Ads(creatives, features),
    )


def read_columns(creatives: Sequence[Creative]) -> dict[str, list[tuple[str, ...]]]:
    """Return the categorical columns with a value in some ad: column -> values of each ad, folded."""
    names = dict.fromkeys((*CATEGORICAL_FIELDS, *(name for creative in creatives for name in creative.context)))
    columns = {name: [_values(creative, name) for creative in creatives] for name in names}
    return {name: values for name, values in columns.items() if any(values)}


def find_group_column(table: AccountTable) -> str:
    """Return the column whose values separate rates best, "" without one; ads of a new value are much less predictable.

    Candidates are columns with one value for nearly every ad, with MIN_GROUP_VALUES to a third as many values as ads; the score
    is the share of the variance of smoothed log-odds between the values, adjusted for their number.
    """
    clicks, others = table.clicks + 0.5, table.impressions - table.clicks + 0.5
    log_odds, weights = np.log(clicks / others), 1 / (1 / clicks + 1 / others + 0.05)
    left = log_odds - np.average(log_odds, weights=weights)
    total, num = float(weights @ left**2), len(table)
    best, largest = "", MIN_GROUP_SHARE
    for name, values in table.columns.items():
        if any(len(of_ad) > 1 for of_ad in values):
            continue
        labels = ["".join(of_ad) for of_ad in values]
        _, place = np.unique(labels, return_inverse=True)
        size = int(place.max()) + 1
        if sum(map(bool, labels)) < 0.9 * num or not MIN_GROUP_VALUES <= size <= num / 3:
            continue
        means = np.bincount(place, weights * left) / np.bincount(place, weights)
        share = float(np.bincount(place, weights) @ means**2) / max(total, 1e-12)
        adjusted = 1 - (1 - share) * (num - 1) / max(num - size, 1)
        if adjusted > largest:
            best, largest = name, adjusted
    return best


def number_groups(creatives: Sequence[Creative]) -> np.ndarray:
    """Return [N] int64: ads with the same words, or of the same test, have the same number.

    Ads without words are identified by picture, else by name, else by row. Chains are followed: two ads of one test share their
    group with every ad that has the words of either.
    """
    parent = list(range(len(creatives)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    first: dict[tuple[str, str], int] = {}
    for row, creative in enumerate(creatives):
        text = fold(creative.text)
        own = ("text", f"{text}\0{creative.file_name}") if text else ("file", creative.file_name)
        keys = [own if own[1] else ("ad", creative.ad_name or str(row))]
        keys += [("text", text)] if text else []
        keys += [("test", creative.test_id)] if creative.test_id else []
        for key in keys:
            parent[root(row)] = root(first.setdefault(key, row))
    _, group = np.unique([root(row) for row in range(len(creatives))], return_inverse=True)
    return np.asarray(group, np.int64)


def _values(creative: Creative, name: str) -> tuple[str, ...]:
    text = getattr(creative, name) if name in CATEGORICAL_FIELDS else creative.context.get(name, "")
    for separator in _SEPARATORS[1:]:
        text = text.replace(separator, _SEPARATORS[0])
    parts = [part.strip() for part in text.split(_SEPARATORS[0])]
    return tuple(dict.fromkeys(fold(part) for part in parts if part))[:MAX_VALUES]


def _faces(features: CreativeFeatures) -> np.ndarray | None:
    """Return [10] of an ad with a picture: number of faces, share of the largest, mean attributes (0 if none is measured)."""
    if features.image is None and features.look is None:
        return None
    attributes = features.face_attributes
    seen = attributes[np.isfinite(attributes).all(axis=1)]
    mean = seen.mean(axis=0) if len(seen) else np.zeros(attributes.shape[1])
    shares = features.face_shares
    return np.array([min(len(shares), 5), float(shares.max()) if len(shares) else 0.0, *mean], np.float32)


def _stack(values: Sequence[Any]) -> np.ndarray | None:
    """Return [N, D] float32 with NaN rows for None; None when all are None."""
    width = next((len(value) for value in values if value is not None), 0)
    if not width:
        return None
    blank = np.full(width, np.nan, np.float32)
    return np.stack([blank if value is None else np.asarray(value, np.float32) for value in values])
