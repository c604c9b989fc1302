"""Visibility of face edits: each direction's own measurement in the finished picture, relative to the least visible change.

A direction changes its measurement (smile, yaw, lid gap, ...) by a different amount on each face, and on some not at all.
From one composed probe per side, for direction k of face f:

    shown per unit   m = change of the own measurement / strength of the probe
    gain             g = STRONG_STEPS * v / (m * STRONG_STRENGTH), within 1 and MAX_GAIN;  v: the least visible change
    limited by the change in head shape: MAX_BONES, in the finished picture
    least strength   v / (m g): weaker edits are invisible, and a side with a weaker range is not offered

so that strength 2 of a smile is a smile on every face for which it is offered. A gain moves the picture's own pixels
further, not the render, so realism, which is measured on renders, is unaffected: its limit was judged by eye. Separate from
`attributes.py`, whose constants are part of the features' hash: a threshold changes no measurement. Knows arrays;
no models.
Shapes: S = 2 sides (low, high), F faces, K directions, A attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

VISIBLE_CHANGES: Mapping[str, float] = {  # the least visible change, in the units of `attributes.py`; judged blind
    "smile": 0.09,
    "mouth_open": 0.05,
    "eyes_open": 0.08,
    "gaze_x": 0.1,
    "gaze_y": 0.1,
    "head_yaw": 5.0,
    "head_pitch": 5.0,
}
# mm on a face 16 cm high (forehead to chin), or degrees, per unit: the eyes are 62 mm apart, an eye is 26 mm wide with a
# radius of 12 mm, a mouth 50 mm wide; for a smile, the path of each corner up and out (half the width and the lift)
SHOWN_UNITS: Mapping[str, float] = {
    "smile": 31.0,
    "mouth_open": 50.0,
    "eyes_open": 26.0,
    "gaze_x": 124.0,
    "gaze_y": 124.0,
    "head_yaw": 1.0,
    "head_pitch": 1.0,
}
# side of a direction -> measure -> least and largest value of the unedited face at which an edit looks natural, judged by eye:
# behind closed lips is nothing to show, a mouth at rest is pursed by less smile, teeth do not shrink with a mouth, and the far
# half of a turned mouth would move too far
FACING = (-20.0, 20.0)
NATURAL_FROM: Mapping[tuple[str, int], Mapping[str, tuple[float, float]]] = {
    ("smile", -1): {"smile": (0.55, np.inf), "mouth_open": (-np.inf, 0.1), "head_yaw": FACING},
    ("smile", 1): {"head_yaw": FACING},
    ("mouth_open", -1): {"mouth_open": (0.1, np.inf), "head_yaw": FACING},
    ("mouth_open", 1): {"mouth_open": (0.1, np.inf), "head_yaw": FACING},
}
MIN_STRENGTH = 0.2  # a weaker change of a face or of the picture is invisible, and is left out
STRONG_STRENGTH = 2.0  # the end of a direction's range, called "strong"
STRONG_STEPS = 2.0  # least visible changes intended for "strong": corners of a mouth 5 to 6 mm
MAX_GAIN = 3.0  # times the render's move; at four times a blind judge found 21 of 60 edits deformed
MAX_BONES = 0.04  # maximum change of the skull, eye distances: another face 0.056, the encoder's own render 0.029
SEEN_LEVELS = 24  # of 0..255, by which SEEN_SHARE of a face or picture must change to be visible at the ad's size
SEEN_SHARE = 0.01


@dataclass(frozen=True, kw_only=True)
class FaceReach:
    """The effect of each direction on each face, S = 2 sides (low, high).

    gains [S, F, K]: factors of strengths. least [S, F, K]: the weakest visible strength, as a positive number;
    infinite without one.
    """

    gains: np.ndarray
    least: np.ndarray

    def limits(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return low [F, K], high [F, K] with 0 for sides without a visible edit on a face in the range low [K], high [K]."""
        shows_low, shows_high = self.least <= np.stack([-low, high])[:, None, :] + 1e-9
        return np.where(shows_low, low, 0.0), np.where(shows_high, high, 0.0)


def measure_seen(before_u8: np.ndarray, after_u8: np.ndarray, box_xyxy_px: Sequence[float] | None = None) -> float:
    """Return the minimum change, in levels 0..255, of the most changed SEEN_SHARE of a picture [H, W, 3], or of a box in it."""
    x0, y0, x1, y1 = (0, 0, before_u8.shape[1], before_u8.shape[0]) if box_xyxy_px is None else map(round, box_xyxy_px)
    part = np.s_[max(0, y0) : y1, max(0, x0) : x1]
    change = np.abs(after_u8[part].astype(np.int16) - before_u8[part]).max(axis=2)
    return float(np.quantile(change, 1.0 - SEEN_SHARE)) if change.size else 0.0


def measure_reach(
    probes: np.ndarray,
    changes: np.ndarray,
    names: Sequence[str],
    visible: Mapping[str, float],
    seen: np.ndarray | None = None,
    bones: np.ndarray | None = None,
    before: np.ndarray | None = None,
) -> FaceReach:
    """Measure which edits are visible, from one composed probe per side.

    Args:
        probes: [S, K], composed strengths; 0 without a probe. changes: [S, K, F, A], their changes of the measured attributes.
            names: [K] of the directions. visible: direction -> least visible change of the attribute of that name; a direction
            without one has gain 1 and is visible from MIN_STRENGTH on. seen: [S, K, F], the change of each face's pixels in
            levels (`measure_seen`); an edit below SEEN_LEVELS is invisible, too.
            bones: [S, K, F], the change in head shape. before: [F, A], measured attributes of the unedited faces; sides
            that look unnatural from there on (NATURAL_FROM) are not offered.
    """
    from stylegan.faces.attributes import ATTRIBUTES  # torch

    num_faces = changes.shape[2]
    built = np.zeros(changes.shape[:3]) if bones is None else bones
    most = MAX_BONES * np.abs(probes)[..., None] / np.maximum(built * STRONG_STRENGTH, 1e-9)  # [S, K, F]
    most = np.clip(most, 1.0, MAX_GAIN)
    gains, least = np.ones((2, num_faces, len(names))), np.full((2, num_faces, len(names)), MIN_STRENGTH)
    for k, name in enumerate(names):
        if name not in visible or name not in ATTRIBUTES:
            continue
        own = changes[:, k, :, ATTRIBUTES.index(name)]  # [S, F]
        shown = np.divide(own, probes[:, k, None], out=np.zeros_like(own), where=probes[:, k, None] != 0.0)
        with np.errstate(divide="ignore"):
            wanted = np.where(shown > 0.0, STRONG_STEPS * visible[name] / (shown * STRONG_STRENGTH), 1.0)
            gains[:, :, k] = np.clip(wanted, 1.0, most[:, k])
            steps = np.where(shown > 0.0, visible[name] / (shown * gains[:, :, k]), np.inf)
        least[:, :, k] = np.maximum(steps, MIN_STRENGTH)
        if before is not None:
            least[:, :, k] = np.where(_looks_natural(before, name), least[:, :, k], np.inf)
    if seen is not None:
        levels, needed = seen.swapaxes(1, 2) * gains, SEEN_LEVELS * np.broadcast_to(np.abs(probes)[:, None, :], least.shape)
        least = np.maximum(least, np.divide(needed, levels, out=np.full(least.shape, np.inf), where=levels > 0.0))
    return FaceReach(gains=gains, least=least)


def _looks_natural(before: np.ndarray, name: str) -> np.ndarray:
    """Return on which faces [F, A] each side of a direction looks natural (NATURAL_FROM), [2, F] bool."""
    from stylegan.faces.attributes import ATTRIBUTES  # torch

    natural = np.ones((2, len(before)), bool)
    for s, side in enumerate((-1, 1)):
        for measure, (low, high) in NATURAL_FROM.get((name, side), {}).items():
            start = before[:, ATTRIBUTES.index(measure)]
            natural[s] &= ~((start < low) | (start > high))
    return natural


def edit_strength(
    before: np.ndarray, after: np.ndarray, strengths: np.ndarray, names: Sequence[str], visible: Mapping[str, float]
) -> float | None:
    """Return the visibility of a finished edit, in least visible changes, for the most visible face and direction.

    Identity alone favours edits without any effect; together with this number it does not.

    Args:
        before, after: [F, A], measured attributes of the edited faces. strengths: [F, K], 0 for unrequested directions.
    Returns:
        0 for an invisible edit or the wrong direction; None without a requested direction that has a measurement.
    """
    from stylegan.faces.attributes import ATTRIBUTES  # torch

    steps = [
        float((after - before)[f, ATTRIBUTES.index(name)] * np.sign(strengths[f, k]) / visible[name])
        for k, name in enumerate(names)
        if name in visible and name in ATTRIBUTES
        for f in np.flatnonzero(strengths[:, k])
    ]
    return None if not steps else max(0.0, *steps) if np.isfinite(steps).all() else None


def measure_shown(before: np.ndarray, after: np.ndarray, names: Sequence[str]) -> dict[str, list[float | None]]:
    """Return by direction the visible change of each face [F], in mm on a face 16 cm high or degrees (SHOWN_UNITS); None
    without a measurement.

    Args:
        before, after: [F, A], measured attributes of the faces.
    """
    from stylegan.faces.attributes import ATTRIBUTES  # torch

    found = {}
    for name in set(names) & set(SHOWN_UNITS):
        moved = SHOWN_UNITS[name] * (after - before)[:, ATTRIBUTES.index(name)]
        found[name] = [round(float(one), 1) if np.isfinite(one) else None for one in moved]
    return found
