"""Eight attributes of a face, independent of its size in the picture: pure geometry of landmarks.

The mesh is first turned to face the camera (frame below), so that a turned head does not look like a narrow mouth. Lengths
are divided by the distance between the eyes' middles, eye measures by the eye's own width. Point numbers are FaceMesh's.
"""

from __future__ import annotations

import numpy as np

from stylegan.faces.mesh import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, Eye

ATTRIBUTES = ("smile", "mouth_open", "eyes_open", "gaze_x", "gaze_y", "head_yaw", "head_pitch", "head_roll")
NEUTRAL_PITCH_DEGREES = -6.6
LIFT_WEIGHT = 2.0


def measure_attributes(points: np.ndarray, eyes: tuple[Eye, Eye]) -> np.ndarray:
    """Measure ATTRIBUTES of one face.

        smile      = |corner - corner| + 2 (height of the corners over the upper lip's middle), in eye distances;
                     about 0.3 pursed, 0.5 at rest, 1.0 beaming
        mouth_open = gap of the inner lips / width of the mouth; 0 closed, 0.4 a wide open mouth
        eyes_open  = mean lid gap / eye width; below 0.1 closed, 0.35 usual, 0.5 wide
        gaze_x     = (iris - middle of the eye's corners) / eye width along the eye; 0 straight, + to the picture's right
        gaze_y     = the same across the eye; about 0.07 straight, + up
        head_yaw, head_pitch, head_roll: degrees; + turned to the picture's right, + chin up, + clockwise as seen;
                     pitch is zero for the average portrait

    The two eyes are weighted by the square of their visible width: in a turned head the nearer eye dominates.

    Args:
        points: [468, 3], x right, y down, z away from the camera, one unit.
        eyes: contours and irises, the picture's left eye first, in the same frame as the points' x and y.
    Returns:
        [8] float32 in the order of ATTRIBUTES.
    """
    axes = head_axes(points)
    face = (points - points[168]) @ axes.T  # [468, 3] facing the camera
    eye_distance = np.linalg.norm(face[list(LEFT_EYE_CORNERS)].mean(axis=0) - face[list(RIGHT_EYE_CORNERS)].mean(axis=0))
    mouth_width = np.linalg.norm(face[61] - face[291])
    lift = face[0, 1] - (face[61, 1] + face[291, 1]) / 2.0
    gaps, gazes, weights = zip(*(_measure_eye(eye) for eye in eyes), strict=True)
    share = np.array(weights) / sum(weights)
    gaze = (np.stack(gazes) * share[:, None]).sum(axis=0)
    pitch = np.degrees(np.arcsin(np.clip(axes[2, 1], -1.0, 1.0))) - NEUTRAL_PITCH_DEGREES
    roll = np.degrees(np.arctan2(axes[0, 1], axes[0, 0]))
    values = [
        (mouth_width + LIFT_WEIGHT * lift) / eye_distance,
        np.linalg.norm(face[13] - face[14]) / mouth_width,
        float(np.dot(gaps, share)),
        *gaze,
        head_yaw(points),
        pitch,
        roll,
    ]
    return np.array(values, dtype=np.float32)


def head_axes(points: np.ndarray) -> np.ndarray:
    """Return the head's own axes as rows [3, 3]: across the eyes and cheeks, down the face, into the head (orthonormal)."""
    across = (points[263] - points[33]) + 0.5 * (points[454] - points[234])
    inward = np.cross(across, points[152] - points[10])
    x_axis, z_axis = across / np.linalg.norm(across), inward / np.linalg.norm(inward)
    return np.stack([x_axis, np.cross(z_axis, x_axis), z_axis])


def head_yaw(points: np.ndarray) -> float:
    """Return the rotation of the head to the picture's right, in degrees."""
    axes = head_axes(points)
    return float(np.degrees(np.arctan2(axes[0, 2], axes[0, 0])))


def _measure_eye(eye: Eye) -> tuple[float, np.ndarray, float]:
    """Return lid gap / width, iris offset / width (right, up), and the squared width."""
    outer, inner = eye.contour[0], eye.contour[8]
    along = inner - outer
    width = float(np.linalg.norm(along)) + 1e-6
    right = along / width if along[0] >= 0 else -along / width
    up = np.array([right[1], -right[0]])
    gap = np.linalg.norm(eye.contour[3:6] - eye.contour[11:14], axis=1).mean() / width
    offset = (eye.iris[0] - (outer + inner) / 2.0) / width
    return float(gap), np.array([offset @ right, offset @ up]), width * width
