"""How far an attribute has to move before a person sees it.

Kept apart from `attributes.py`, whose constants are part of what features are known by: a threshold changes no measurement.
"""

from __future__ import annotations

from collections.abc import Mapping

VISIBLE_CHANGES: Mapping[str, float] = {  # the least change that a person sees, in the units of `attributes.py`; judged blind
    "smile": 0.09, "mouth_open": 0.05, "eyes_open": 0.05, "gaze_x": 0.06, "gaze_y": 0.05, "head_yaw": 5.0, "head_pitch": 5.0,
}  # fmt: skip
