"""Calibration of a predicted *change*: slope and unexplained variation per channel, learnt within groups. No torch.

A predictor that is calibrated across accounts may still overrate one changed line: rates differ mostly by brand, placement and
picture. An edit changes only the rest, so changes are calibrated separately, on held-out creatives of one test or brand:

    observed_i - predicted context_i  =  group_g + s_words x_words,i + s_picture x_picture,i + s_faces x_faces,i + r_i
    var(r_i)  =  tau_words^2 |text_i - mean text_g|^2 + tau_picture^2 |picture_i - mean picture_g|^2 + binomial noise_i

x: contribution of a channel to the predicted log-odds (exact ablation). The change from creative 0 to i is then

    mean = s_words dx_words + s_picture dx_picture + s_faces dx_faces
    var  = ensemble + tau_words^2 |text_i - text_0|^2 + tau_picture^2 |picture_i - picture_0|^2
                    + tau_faces^2 |attributes_i - attributes_0|^2

so that uncertainty grows with the size of a change. Versions of an ad usually differ in words and picture at once and about
equally far, so the data give the unexplained variation and not its channel: words get three quarters of it (new words are new;
an edited picture keeps its composition), per their typical distance. Slopes are shrunk towards 1/2 (a prior worth PRIOR_STD)
and lie in 0..MAX_SLOPE; without rows the prior is used. Faces have a slope of their own, since effects of expressions may
transfer better, or worse, than effects of whole pictures; the unexplained effect of an expression is too small to be measured
in counts and is assumed: FACE_TAU per deviation of an attribute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from adcreative.ctr.search_shrinkage import read_searched_share

CHANNELS = ("words", "picture", "faces")
PRIOR_SLOPE, PRIOR_STD = 0.5, 0.35
PRIOR_TAU = 0.15
MAX_SLOPE = 1.5  # predictions for whole creatives are shrunk more than changes inside a group require
FACE_TAU = 0.02
WORDS_AND_PICTURE = np.array([0.75, 0.25])  # shares of the unexplained variation; an edit keeps most of its picture
PRIOR_ROWS = 20.0
MIN_CLICKS = 5.0


@dataclass(frozen=True)
class ChannelCalibration:
    """slope 0..MAX_SLOPE of a channel's predicted change, and tau: unexplained log-odds per unit of distance."""

    slope: float
    tau: float


@dataclass(frozen=True)
class ChangeCalibration:
    """One ChannelCalibration per channel, learnt from num_rows creatives of num_groups groups with at least two each.

    searched_share: share of the change of a version picked among many that comes true (`ctr.search_shrinkage`); not in `mean`.
    """

    channels: Mapping[str, ChannelCalibration]
    num_rows: int
    num_groups: int
    searched_share: float = field(default_factory=lambda: read_searched_share()[0])

    def mean(self, words: np.ndarray, picture: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Return the expected change in log-odds for predicted changes of the channels, any shape."""
        believed = {name: channel.slope for name, channel in self.channels.items()}
        return believed["words"] * words + believed["picture"] * picture + believed["faces"] * faces

    def variance(self, words_distance: np.ndarray, picture_distance: np.ndarray, faces_distance: np.ndarray) -> np.ndarray:
        """Return the variance [N] unexplained by the channels; distances are squared, see `squared_distance`."""
        distances = {"words": words_distance, "picture": picture_distance, "faces": faces_distance}
        return np.sum([self.channels[name].tau ** 2 * distance for name, distance in distances.items()], axis=0)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, notes: Mapping[str, Any]) -> ChangeCalibration:
        """Rebuild a calibration from its `as_dict`."""
        channels = {name: ChannelCalibration(**notes["channels"][name]) for name in CHANNELS}
        share = notes.get("searched_share", read_searched_share()[0])  # missing in earlier models
        return cls(channels, notes["num_rows"], notes["num_groups"], float(share))


@dataclass(frozen=True)
class HeldOutChanges:
    """N held-out creatives as input of the fit.

    log_odds: predicted, calibrated. words, picture, faces: contribution of each channel. impressions, clicks: counts. group:
    [N] int.
    words_vectors [N, Dt], picture_vectors [N, Di]: embeddings, zeros where there is none.
    """

    log_odds: np.ndarray
    words: np.ndarray
    picture: np.ndarray
    faces: np.ndarray
    impressions: np.ndarray
    clicks: np.ndarray
    group: np.ndarray
    words_vectors: np.ndarray
    picture_vectors: np.ndarray


def squared_distance(vectors: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Return |v - origin|^2 per row, [N]; unit vectors give 2 (1 - cosine)."""
    difference: np.ndarray = np.square(vectors - origin).sum(axis=-1)
    return difference


def fit_change_calibration(rows: HeldOutChanges, *, prior_slope: float = PRIOR_SLOPE) -> ChangeCalibration:
    """Fit slopes by weighted least squares within groups, then the unexplained variation by its excess over binomial noise.

    Groups of one creative contain no changes and are left out; with none left the priors are returned.

    Args:
        prior_slope: shrinkage target of the slopes; 1 for effects already shrunk by their estimation.
    """
    kept = np.flatnonzero((rows.impressions > 0) & (rows.clicks >= MIN_CLICKS))
    _, place, sizes = np.unique(rows.group[kept], return_inverse=True, return_counts=True)
    kept, place = kept[sizes[place] > 1], place[sizes[place] > 1]
    _, place = np.unique(place, return_inverse=True)
    num_groups = int(place.max()) + 1 if len(place) else 0
    if not num_groups:
        prior = {name: ChannelCalibration(prior_slope, FACE_TAU if name == "faces" else PRIOR_TAU) for name in CHANNELS}
        return ChangeCalibration(prior, 0, 0)
    clicks, impressions = rows.clicks[kept] + 0.5, rows.impressions[kept] + 1.0
    noise = 1.0 / clicks + 1.0 / (impressions - clicks)
    context = rows.log_odds[kept] - rows.words[kept] - rows.picture[kept] - rows.faces[kept]
    left = np.log(clicks / (impressions - clicks)) - context
    weight = 1.0 / (noise + PRIOR_TAU**2)

    def centred(values: np.ndarray) -> np.ndarray:
        """Subtract the weighted group means from [n] or [n, D]."""
        columns = values.reshape(len(kept), -1)
        totals = np.zeros((num_groups, columns.shape[1]))
        np.add.at(totals, place, columns * weight[:, None])
        means = totals / np.bincount(place, weight)[:, None]
        return (columns - means[place]).reshape(values.shape)

    design = centred(np.stack([rows.words[kept], rows.picture[kept], rows.faces[kept]], axis=1))
    target = centred(left)
    gram = design.T @ (weight[:, None] * design) + np.eye(len(CHANNELS)) / PRIOR_STD**2
    slopes = np.linalg.solve(gram, design.T @ (weight * target) + prior_slope / PRIOR_STD**2)
    slopes = np.clip(slopes, 0.0, MAX_SLOPE)
    residual = target - design @ slopes
    own_share = 1.0 - weight / np.bincount(place, weight)[place]  # share of a row's own variance left after centring
    distances = np.stack([np.square(centred(v[kept])).sum(axis=1) for v in (rows.words_vectors, rows.picture_vectors)], axis=1)
    typical = distances.mean(axis=0)
    is_seen = typical > 1e-6
    split = np.where(is_seen, WORDS_AND_PICTURE, 0.0)
    split = split / max(split.sum(), 1e-9)
    shares = (distances / np.maximum(typical, 1e-6)) @ split
    excess = np.square(residual) - noise * own_share
    prior = PRIOR_ROWS * PRIOR_TAU**2 * typical.sum()
    total = max(float((shares * excess).sum() + prior) / float(np.square(shares).sum() + PRIOR_ROWS), 0.0)
    by_distance = np.where(is_seen, total * split / np.maximum(typical, 1e-6), PRIOR_TAU**2)
    squares = (*by_distance, FACE_TAU**2)
    channels = {
        name: ChannelCalibration(float(slope), float(np.sqrt(square)))
        for name, slope, square in zip(CHANNELS, slopes, squares, strict=True)
    }
    return ChangeCalibration(channels, len(kept), num_groups)
