"""Effects on the click rate of looks, faces and formats in an account's pictures, the counterpart of `word_effects`.

A feature (`effects`) is a property of the picture (brighter than most, a face ...), its shape (upright, square, wide), or
where the ad ran: each frequent value of a column of formats.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from adcreative.creative import Creative
from adcreative.ctr.account.effects import MIN_TEXTS, PICTURES, TEXTS, Worth, estimate_effects, find_telling
from adcreative.ctr.account.table import AccountTable
from adcreative.features.batch import FACE_ATTRIBUTES, LOOK_STATS, CreativeFeatures
from adcreative.features.outcomes import fold

SHAPE = "shape of the picture"
FORMAT_COLUMNS = ("placement", "platform", "format", "ad format", "ad type", "media type", "device", "size", "aspect ratio")
MAX_VALUES = 8  # of one column
SQUARE = 0.1  # |ln(width / height)| of a picture that counts as square
_SMILE = FACE_ATTRIBUTES.index("smile")
_SHAPES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "an upright": lambda value: value < -SQUARE,
    "a square": lambda value: np.abs(value) <= SQUARE,
    "a wide": lambda value: value > SQUARE,
}
_LOOKS = {
    "brightness": "brighter pictures than most",
    "contrast": "more contrast than most",
    "saturation": "stronger colours than most",
    "warmth": "warmer colours than most",
}


@dataclass(frozen=True, kw_only=True)
class SeenFeature:
    """A binary feature of ads; see `Attribute` of `concepts` for its use there."""

    kind: str
    label: str
    seen: np.ndarray  # [N] 1, 0, or NaN where the ad has no picture
    column: str = ""  # features of one column exclude each other


def measure_seen_effects(
    creatives: Sequence[Creative], features: Sequence[CreativeFeatures], table: AccountTable, *, seed: int
) -> tuple[Worth, ...]:
    """Return the effects of looks, faces and formats, sure ones first, then by size.

    Empty where no feature is present and absent in MIN_TEXTS different pictures each (for a format: pictures, lines, else ads).

    Args:
        creatives, features: with results, in the order of `table`. seed: draws the ads where there are more than the mixed
            model's limit.
    """
    pictures = [_picture_key(creative, one) for creative, one in zip(creatives, features, strict=True)]
    lines = [fold(creative.headline or creative.text) for creative in creatives]
    formats = _formats(table)
    found = [
        *_telling(see_pictures(features), pictures),
        *_telling(
            formats,
            [picture or line or fold(one.ad_name) for picture, line, one in zip(pictures, lines, creatives, strict=True)],
        ),
    ]
    if not found:
        return ()
    estimates = estimate_effects(
        table,
        np.stack([one.seen for one in found], axis=1),
        {TEXTS: lines, PICTURES: pictures},
        seed=seed,
        column_of=[one.column for one in found],
    )
    worths = [
        Worth(
            kind=one.kind,
            label=one.label,
            **asdict(estimate),
            is_sure=estimate.is_certain,
            impressions=int(table.impressions[one.seen == 1].sum()),
            clicks=int(table.clicks[one.seen == 1].sum()),
        )
        for one, estimate in zip(found, estimates, strict=True)
    ]
    return tuple(sorted(worths, key=lambda one: (not one.is_sure, -abs(one.effect))))


def see_pictures(features: Sequence[CreativeFeatures]) -> list[SeenFeature]:
    """Return the features of looks, shapes and faces of pictures."""
    return [*_looks(features), *_faces(features)]


def count_pictures(creatives: Sequence[Creative], features: Sequence[CreativeFeatures]) -> int:
    """Return the number of different pictures of the ads."""
    return len({_picture_key(one, seen) for one, seen in zip(creatives, features, strict=True)} - {""})


def _picture_key(creative: Creative, features: CreativeFeatures) -> str:
    if features.look is None:
        return ""
    known = creative.file_name.encode() if features.image is None else features.image[:8].tobytes()
    return f"{features.look.tobytes().hex()} {known.hex()}"


def _telling(features: Sequence[SeenFeature], keys: Sequence[str]) -> list[SeenFeature]:
    if not features:
        return []
    return [features[place] for place in find_telling(np.stack([one.seen for one in features], axis=1), keys)]


def _looks(features: Sequence[CreativeFeatures]) -> list[SeenFeature]:
    looks = np.stack([np.full(len(LOOK_STATS), np.nan) if one.look is None else one.look for one in features])
    if np.isfinite(looks[:, 0]).sum() < 2 * MIN_TEXTS:
        return []
    aspect = looks[:, LOOK_STATS.index("aspect")]
    return [
        *(
            SeenFeature(kind="look", label=label, seen=_above_most(looks[:, LOOK_STATS.index(name)]))
            for name, label in _LOOKS.items()
        ),
        *(
            SeenFeature(kind="format", column=SHAPE, label=f"{label} picture", seen=_where(aspect, is_so))
            for label, is_so in _SHAPES.items()
        ),
    ]


def _faces(features: Sequence[CreativeFeatures]) -> list[SeenFeature]:
    counts = np.array([np.nan if one.look is None else len(one.face_shares) for one in features])
    largest = np.array([float(one.face_shares.max()) if len(one.face_shares) else np.nan for one in features])
    smiles = np.array([_mean_smile(one) for one in features])
    return [
        SeenFeature(kind="face", label="a face", seen=_where(counts, lambda value: value >= 1)),
        SeenFeature(kind="face", label="several faces", seen=_where(counts, lambda value: value >= 2)),
        SeenFeature(kind="face", label="a larger face than most with one", seen=_above_most(largest)),
        SeenFeature(kind="face", label="a broader smile than most faces", seen=_above_most(smiles)),
    ]


def _mean_smile(features: CreativeFeatures) -> float:
    seen = features.face_attributes[np.isfinite(features.face_attributes).all(axis=1)]
    return float(seen[:, _SMILE].mean()) if len(seen) else float("nan")


def _formats(table: AccountTable) -> list[SeenFeature]:
    """Return a feature for each frequent value of a column of formats, or of such a part of ad names ("name_format")."""
    columns = {name: name.replace("_", " ").casefold().removeprefix("name ") for name in table.columns}
    features = []
    for name, called in columns.items():
        if called not in FORMAT_COLUMNS:
            continue
        counts = Counter(value for values in table.columns[name] for value in values)
        features += [
            SeenFeature(
                kind="format",
                label=f"{called}: {value}",
                column=name,
                seen=np.array([np.nan if not values else float(value in values) for values in table.columns[name]]),
            )
            for value, _ in counts.most_common(MAX_VALUES)
        ]
    return features


def _where(values: np.ndarray, is_so: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return np.where(np.isfinite(values), is_so(values), np.nan).astype(np.float64)


def _above_most(values: np.ndarray) -> np.ndarray:
    if not np.isfinite(values).any():
        return np.full(len(values), np.nan)
    return _where(values, lambda some: some > np.nanmedian(values))
