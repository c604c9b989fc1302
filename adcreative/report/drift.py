"""Average shift of a run's face edits: the mean of each direction over all faces, never of one person.

A search that learns "more smile" makes every ad smile more; each edit may be acceptable and the sum still changes how people
are shown. Only the named directions of edits are counted: nothing is measured on a face here, and no trait is inferred. A
direction that moved fewer than MIN_FACES faces is left out, since it would reveal individual persons.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from adcreative.report.words import DIRECTION_WORDS, direction_label

MIN_FACES = 3
MIN_SAID = 0.05  # standard deviations; a smaller mean shift is negligible
MAX_SAID = 3


@dataclass(frozen=True, kw_only=True)
class DirectionDrift:
    """One direction: number of faces moved up and down, and its mean shift over all faces (standard deviations)."""

    name: str
    num_up: int
    num_down: int
    mean: float

    @property
    def label(self) -> str:
        return direction_label(self.name)

    @property
    def sentence(self) -> str:
        """A clause such as "smile grew by 0.20"; for a direction without a sign "shifted"."""
        _, more, less = DIRECTION_WORDS.get(self.name, ("", "more", "less"))
        verb = "shifted" if more == less else "grew" if self.mean > 0 else "fell"
        what, _, how = self.label.partition(", ")
        return f"{what}{f' ({how})' if how else ''} {verb} by {abs(self.mean):.2f}"


@dataclass(frozen=True, kw_only=True)
class FaceDrift:
    """Effect of a run's edits on faces.

    num_faces: faces in all creatives, including kept ones; num_edited: edited faces. directions: largest mean shift first.
    num_left_out: directions with too few moved faces to report.
    """

    num_faces: int
    num_edited: int
    directions: tuple[DirectionDrift, ...]
    num_left_out: int

    @property
    def sentence(self) -> str:
        """One sentence for a marketer: the expressions that grew or fell, and the number of faces."""
        shifts = [one for one in self.directions if abs(one.mean) >= MIN_SAID][:MAX_SAID]
        over = f"Over {self.num_faces} faces, {self.num_edited} of them edited,"
        if not shifts:
            return f"{over} no expression moved one way on the whole: what some edits add, others take away, or nearly so."
        said = [one.sentence for one in shifts]
        listed = " and ".join([", ".join(said[:-1]), said[-1]]) if len(said) > 1 else said[0]
        return f"{over} {listed} on average."


def measure_drift(results: Iterable[Mapping[str, Any]]) -> FaceDrift | None:
    """Sum the face edits of a run's rows in one pass; None if fewer than MIN_FACES faces were edited."""
    num_faces = num_edited = 0
    shifts: defaultdict[str, list[float]] = defaultdict(lambda: [0, 0, 0.0])  # up, down, sum
    for row in results:
        if row.get("status") not in ("edited", "kept"):
            continue
        num_faces += int((row.get("faces") or {}).get("found", 0))
        edits = [edit for edit in row.get("edits") or () if int(edit["face"]) >= 0 and float(edit["strength"])]
        num_edited += len({edit["face"] for edit in edits})
        for edit in edits:
            counts = shifts[str(edit["direction"])]
            counts[0 if edit["strength"] > 0 else 1] += 1
            counts[2] += float(edit["strength"])
    if num_edited < MIN_FACES:
        return None
    num_faces = max(num_faces, num_edited)
    found = [
        DirectionDrift(name=name, num_up=int(up), num_down=int(down), mean=total / num_faces)
        for name, (up, down, total) in shifts.items()
        if up + down >= MIN_FACES
    ]
    return FaceDrift(
        num_faces=num_faces,
        num_edited=num_edited,
        directions=tuple(sorted(found, key=lambda one: (-abs(one.mean), one.name))),
        num_left_out=len(shifts) - len(found),
    )
