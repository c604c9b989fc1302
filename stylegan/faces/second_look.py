"""A second check of detected faces, which rejects letters, logos, patterns and flat drawings.

Three criteria, of which the first needs no network:

1. Is the face large enough for a decision?
2. Does the mesh confirm the face in slightly shifted squares? A real face remains one; a pattern that resembles one in one
square does not. Where the first two squares leave no doubt, the others are not asked.
3. Do its colours vary like skin in light? A drawing has a few colours, and letters have two. This criterion is independent
of exposure and hue, so that dark and grey photographs pass like others.

Knows pixels, squares and the mesh; `analysis.py` finds the candidates.
"""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass

import numpy as np

from stylegan.faces.alignment import Alignment
from stylegan.faces.mesh import FaceMesh


@dataclass(frozen=True, kw_only=True)
class SecondLook:
    """The thresholds of the criteria.

    Origin: 7,255 synthetic faces found by the detector at 48, 64, 96, 128 and 256 px on photographs (0.5 to 0.9 % per size are
    rejected), against 303 places in letters and flat drawings mistaken for faces; checked on 104 real ads.
    `tests/bench/face_looks.py` measures both.

    side_px: of the FFHQ square, picture pixels; faces of 48-px portraits have 29 and more, about the minimum for the mesh.
    confidence: mean of the mesh's confidence (0..1) over `SHIFTS`; 0.3 % of the faces lie below, patterns at 0.2 to 0.5.
    clear: confidence in each of the first NUM_CLEAR squares from which on the mean is taken for granted; 97 % of the faces.
    common: share (0..1) of the three commonest of 32 levels of brightness; 0.1 % of the faces lie above, letters at 0.8.
    spread: median distance of pixels from the nearest of four colours, relative to contrast; 0.1 % below, letters near 0.
    doubtful: detector's score (0..1) below which `common_doubtful` applies; one in seven faces of 48 px.
    """

    side_px: float = 28.0
    confidence: float = 0.65
    clear: float = 0.95
    common: float = 0.55
    spread: float = 0.055
    doubtful: float = 0.55
    common_doubtful: float = 0.40


LIMITS = SecondLook()
SHIFTS = ((0.06, 0.0, 1.0), (0.0, 0.06, 1.0), (-0.06, 0.0, 1.0), (0.0, 0.0, 1.2), (0.0, 0.0, 0.85))  # right, down, scale
NUM_CLEAR = 2
CROP_PX, ROWS, COLUMNS = 64, slice(12, 54), slice(12, 52)  # of the aligned square, and the face in it
NUM_LEVELS, NUM_COLOURS, NUM_ROUNDS = 32, 4, 12
LEAST_CONTRAST = 4.0  # of 255: smaller differences of pixels are noise
REVISION = 1  # of the code here: increase it when a result changes without a change of the values above
_LUMA = np.array([0.299, 0.587, 0.114])


def look_hash() -> str:
    """Return 16 hex digits that depend on the results of the second look."""
    colours = CROP_PX, ROWS, COLUMNS, NUM_LEVELS, NUM_COLOURS, NUM_ROUNDS, LEAST_CONTRAST
    values = (astuple(LIMITS), SHIFTS, NUM_CLEAR, *colours, REVISION)
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]


def is_large(alignment: Alignment) -> bool:
    """Return whether a face is large enough to be distinguished from a letter."""
    return alignment.side_px >= LIMITS.side_px


def is_steady(image_u8: np.ndarray, mesh: FaceMesh, square: np.ndarray) -> bool:
    """Return whether the mesh confirms a face in shifted squares, too.

    Args:
        image_u8: [H, W, 3] uint8. square: [3, 3] map from the unit square, the mesh's input, to the picture.
    """
    seen: list[float] = []
    for shift in SHIFTS:
        seen.append(mesh.find_landmarks(image_u8, square @ _shift(*shift)).confidence)
        if len(seen) == NUM_CLEAR and min(seen) >= LIMITS.clear:
            return True
    return float(np.mean(seen)) >= LIMITS.confidence


def is_photographed(image_u8: np.ndarray, alignment: Alignment, score: float) -> bool:
    """Return whether the colours of a face vary like a photograph's.

    Args:
        image_u8: [H, W, 3] uint8. score: of the detector, 0..1.
    """
    face = alignment.crop(image_u8, CROP_PX)[ROWS, COLUMNS].reshape(-1, 3).astype(np.float64)
    limit = LIMITS.common_doubtful if score < LIMITS.doubtful else LIMITS.common
    return share_of_common(face) <= limit and spread_of_colours(face) >= LIMITS.spread


def share_of_common(pixels: np.ndarray) -> float:
    """Return the share (0..1) of pixels [N, 3] in the three commonest of NUM_LEVELS levels between dark and bright."""
    luma = pixels @ _LUMA
    low, high = np.percentile(luma, [2, 98])
    level = np.clip((luma - low) / max(high - low, 1e-6), 0, 1) * NUM_LEVELS
    counts = np.bincount(np.minimum(level.astype(int), NUM_LEVELS - 1), minlength=NUM_LEVELS)
    return float(np.sort(counts)[-3:].sum() / len(luma))


def spread_of_colours(pixels: np.ndarray) -> float:
    """Return the median distance of pixels [N, 3] from the nearest of NUM_COLOURS colours (k-means from quantiles of
    brightness), over the contrast of brightness."""
    luma = pixels @ _LUMA
    low, high = np.percentile(luma, [2, 98])
    middles = (np.arange(NUM_COLOURS) + 0.5) / NUM_COLOURS * len(pixels)
    colours = pixels[np.argsort(luma, kind="stable")[middles.astype(int)]]
    nearest = None
    for _ in range(NUM_ROUNDS):
        before, nearest = nearest, _squared_distances(pixels, colours).argmin(axis=1)
        if before is not None and (before == nearest).all():
            break
        for number in np.unique(nearest):
            colours[number] = pixels[nearest == number].mean(axis=0)
    distances = np.sqrt(_squared_distances(pixels, colours).min(axis=1))
    return float(np.median(distances) / max(high - low, LEAST_CONTRAST))


def _squared_distances(pixels: np.ndarray, colours: np.ndarray) -> np.ndarray:
    squared: np.ndarray = ((pixels[:, None] - colours[None]) ** 2).sum(axis=2)
    return squared


def _shift(right: float, down: float, scale: float) -> np.ndarray:
    """Return the [3, 3] map of the unit square to one scaled by `scale` and shifted by shares of its side."""
    moved = np.diag([scale, scale, 1.0])
    moved[:2, 2] = 0.5 - scale / 2 + right, 0.5 - scale / 2 + down
    return moved
