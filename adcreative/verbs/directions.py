"""Which face edits a search may use: the names of the shipped directions, and the choice among them. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence

from adcreative.encoders.weights import embedded_dir
from adcreative.errors import ArtifactError, ConfigError

# default directions: edits still visible after a face is pasted back; the other directions change light, hair or age.
# head_yaw and head_pitch are left out: turned heads looked wrong in blind reviews, since hair, ears and jaw do not move
FACE_DIRECTIONS = ("smile", "mouth_open", "eyes_open", "gaze_x", "gaze_y")


def read_direction_names() -> tuple[str, ...]:
    """Return the names of the shipped directions.

    Raises:
        ArtifactError: the manifest of the directions is missing or damaged.
    """
    path = embedded_dir("directions") / "manifest.json"
    try:
        names = json.loads(path.read_text(encoding="utf-8"))["names"]
        return tuple(str(name) for name in names)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} cannot be read ({error}); reinstall adcreative") from error


def choose_directions(known: Sequence[str], wanted: Sequence[str] | None) -> tuple[str, ...]:
    """Return the directions of a search: `wanted`, or the known members of FACE_DIRECTIONS.

    Raises:
        ConfigError: a wanted direction is not known.
    """
    unknown = [name for name in wanted or () if name not in known]
    if unknown:
        raise ConfigError(f"no direction named {unknown[0]!r}; known: {', '.join(known)}")
    if wanted is None:
        return tuple(name for name in FACE_DIRECTIONS if name in known)
    return tuple(wanted)
