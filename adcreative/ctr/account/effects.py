"""Joint effects of features of an account's ads: the model behind `word_effects` and `seen_effects`.

    log-odds of ad i = mean + columns_i + repeats_i + x_i . b + e_i

This is the account's mixed model (`mixed_model`) with one more block: x_i, whether ad i has each feature, centred. Columns
(device, ad group, placement ...) have effects of their own, so that a feature is compared among ads shown in the same context;
so has each text and each picture, so that a line shown in ten contexts is not ten findings. The model is fitted with
b_f ~ N(0, v); its likelihood of b without that prior is normal, with information A and score u,

    A = M (I - v M)^-1,     u = (I - v M)^-1 X' a,     M = X' R X         a, R: weights and precision of the fitted model

and is combined with the prior of `sparse_effects`, by which most features are worth next to nothing and some a lot: chance
effects of many features shrink to 0, effects that stand out stay.

A value of a column is compared with its other values, weighed by frequency: b_i - sum of p_j b_j / sum of p_j.

An effect is a comparison of ads that ran, not an experiment: correlated features are not separated.
Source: Rasmussen & Williams 2006, section 2.7 (explicit basis functions with a prior), solved for the likelihood of b.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from adcreative.ctr.account.encoder import AccountEncoder, Encoded
from adcreative.ctr.account.kernels import list_blocks
from adcreative.ctr.account.mixed_model import fit_mixed_model
from adcreative.ctr.account.sparse_effects import SPARSE, draw_effects
from adcreative.ctr.account.table import AccountTable

TAILS = (0.05, 0.95)
MAX_KNOWN = 1 - 1e-6  # of an effect's variance under the model's own prior
MIN_TEXTS = 5  # different lines, or pictures, with a feature, and as many without
TEXTS, PICTURES = "text", "pictures"  # blocks of repeated content
FEATURES = "features"
NUM_FIRST = 400  # ads


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Effect of a feature: change of log-odds, its 90 % interval low..high, and the number of different ads with it."""

    effect: float
    low: float
    high: float
    ads: int

    @property
    def is_certain(self) -> bool:
        """True where the interval excludes 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, kw_only=True)
class Worth(Estimate):
    """Effect of an attribute against similar ads without the attribute.

    kind: "concept", "words", "look", "face", "format", "name" or "segment". impressions, clicks: of the ads with the attribute.
    is_sure: whether the effect differs from zero; missing: what data would show it, "" where unknown or not needed.
    """

    kind: str
    label: str
    impressions: int
    clicks: int
    is_sure: bool
    missing: str = ""

    @property
    def change(self) -> tuple[float, float, float]:
        """The relative change of clicks per impression, with its 90 % interval: 0.1 is a tenth more."""
        mean, low, high = (float(np.expm1(value)) for value in (self.effect, self.low, self.high))
        return mean, low, high

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | dict(zip(("change", "change_low", "change_high"), self.change, strict=True))


class Weighed(NamedTuple):
    """Likelihood of the effects of F features in an account: score [F] and information [F, F].

    spread: deviation between ads beyond the effects, log-odds: of a text, a picture and an ad together.
    """

    score: np.ndarray
    information: np.ndarray
    spread: float


def find_telling(seen: np.ndarray, keys: Sequence[str]) -> np.ndarray:
    """Return the indices of features that enough different lines or pictures have and lack, without repetitions (or negations)
    of an earlier feature.

    Args:
        seen: [N, F] 1 where ad i has feature f, 0 where the ad lacks it, NaN where unknown. keys: [N] identifies the line or
            picture of each ad.
    """
    kept: list[int] = []
    for place in range(seen.shape[1]):
        having = {key for key, there in zip(keys, seen[:, place], strict=True) if there == 1}
        lacking = {key for key, there in zip(keys, seen[:, place], strict=True) if there == 0}
        said = [one for other in kept for one in (seen[:, other], 1 - seen[:, other])]
        is_new = not any(np.array_equal(seen[:, place], one, equal_nan=True) for one in said)
        if min(len(having), len(lacking)) >= MIN_TEXTS and is_new:
            kept.append(place)
    return np.array(kept, np.int64)


def estimate_effects(
    table: AccountTable,
    seen: np.ndarray,
    repeats: Mapping[str, Sequence[str]],
    *,
    seed: int,
    column_of: Sequence[str] | None = None,
) -> list[Estimate]:
    """Return the effect of each feature, adjusted for everything else.

    Args:
        seen: [N, F] as in `find_telling`. repeats: block -> key shared by ads with the same line or picture, "" for
            none. column_of: [F] the column of which a feature is a value, "" for none: such features exclude each other, and
            the column has no other effect. seed: draws the ads where there are more than the mixed model's limit.
    """
    draws, _ = draw_contrasts(table, seen, repeats, seed=seed, column_of=column_of)
    lows, highs = np.quantile(draws, TAILS, axis=0)
    return [
        Estimate(effect=float(mean), low=float(low), high=float(high), ads=int(num))
        for mean, low, high, num in zip(draws.mean(axis=0), lows, highs, np.nansum(seen, axis=0), strict=True)
    ]


def draw_contrasts(
    table: AccountTable,
    seen: np.ndarray,
    repeats: Mapping[str, Sequence[str]],
    *,
    seed: int,
    column_of: Sequence[str] | None = None,
    max_rows: int | None = None,
    prior: Mapping[float, float] = SPARSE,
) -> tuple[np.ndarray, float]:
    """Return draws [K, F] of the effects of `estimate_effects`, and the remaining variation between ads (`Weighed.spread`).

    max_rows: as for `fit_mixed_model`; its time grows with the third power. prior: as for `draw_effects`.
    """
    column_of = column_of or [""] * seen.shape[1]
    shares = np.nanmean(seen, axis=0)
    left_out = set(column_of) & set(table.columns)
    centred = np.nan_to_num(seen - shares)
    told = weigh_features(table, centred, repeats, left_out=left_out, seed=seed, max_rows=max_rows)
    draws = draw_effects(told.score, told.information, seed=seed, prior=prior)
    return draws @ _contrasts(shares, column_of).T, told.spread


def weigh_features(
    table: AccountTable,
    features: np.ndarray,
    repeats: Mapping[str, Sequence[str]],
    *,
    left_out: set[str],
    seed: int,
    max_rows: int | None = None,
) -> Weighed:
    """Return score and information of centred features [N, F], with all other effects integrated out."""
    encoded = AccountEncoder.fit(table, seed=seed).encode(table)
    for name in ("words", "characters", *left_out):
        encoded = encoded.without(name)
    columns = list_blocks(encoded, only="columns")
    same = {name: _mark_repeats(keys) for name, keys in repeats.items()}
    dense = features.astype(np.float32)
    mass = {name: encoded.mass[name] for name in encoded.sparse}
    mass |= {name: np.asarray(rows.sum(axis=1)).ravel() for name, rows in same.items()}
    mass |= {FEATURES: np.square(dense, dtype=np.float64).sum(axis=1)}
    whole = Encoded({**encoded.sparse, **same}, {FEATURES: dense}, mass, encoded.condensed)
    blocks = [*columns, *same, FEATURES]
    start = None
    if len(table) > 2 * NUM_FIRST:  # variances from some ads, refined on all: a quarter of the time
        start = fit_mixed_model(whole, table.clicks, table.impressions, blocks, seed=seed, max_rows=NUM_FIRST)
    model = fit_mixed_model(whole, table.clicks, table.impressions, blocks, seed=seed, start=start, max_rows=max_rows)
    held, variance = model.support.dense[FEATURES].astype(np.float64), model.variances[FEATURES]
    known, axes = np.linalg.eigh(variance * held.T @ model.precision.astype(np.float64) @ held)  # 0..1
    known = np.clip(known, 0, MAX_KNOWN)
    score: np.ndarray = axes @ ((axes.T @ (held.T @ model.weights)) / (1 - known))
    spread = float(np.sqrt(model.nugget + sum(model.variances[name] for name in same)))
    return Weighed(score, (axes * (known / (1 - known) / variance)) @ axes.T, spread)


def _contrasts(shares: np.ndarray, column_of: Sequence[str]) -> np.ndarray:
    """Return [F, F]: each feature alone, or less the mean of the other features of its column, by their shares [F]."""
    against = np.eye(len(shares))
    for place, column in enumerate(column_of):
        others = [other for other, name in enumerate(column_of) if column and name == column and other != place]
        if others:
            against[place, others] = -shares[others] / shares[others].sum()
    return against


def _mark_repeats(keys: Sequence[str]) -> sparse.csr_matrix:
    """Return [N, K] with a 1 in the column of each ad's key; rows of ads without a key are empty."""
    place_of = {key: place for place, key in enumerate(sorted(set(filter(None, keys))))}
    rows = [row for row, key in enumerate(keys) if key]
    columns = [place_of[keys[row]] for row in rows]
    return sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(len(keys), max(len(place_of), 1)))
