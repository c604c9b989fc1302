"""Identity of a head by the geometry of its mesh, independent of light and expression."""

from __future__ import annotations

import numpy as np

from stylegan.faces.mesh import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, SKULL


def bone_distance(left: np.ndarray, right: np.ndarray) -> float:
    """Return the difference in shape of two heads, in eye distances: root mean square over points that no expression moves.

    The heads are aligned by the best rotation, shift and scale (Umeyama 1991), so that pose does not count.

    Args:
        left, right: [468, 3] mesh points, any units.
    """
    a, b = (_centred(points) for points in (left, right))
    u, _, vt = np.linalg.svd(b.T @ a)
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return float(np.sqrt(((b @ (u @ flip @ vt) - a) ** 2).sum(axis=1).mean()))


def _centred(points: np.ndarray) -> np.ndarray:
    """Return the skull's points about their mean, in eye distances, [20, 3]."""
    eyes = [points[list(corners)].mean(axis=0) for corners in (LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS)]
    skull = points[list(SKULL)].astype(np.float64)
    return (skull - skull.mean(axis=0)) / np.linalg.norm(eyes[0] - eyes[1])
