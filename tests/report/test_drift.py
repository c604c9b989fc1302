"""The drift table: sums over the edits of a run, never about one person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adcreative.creative import EditResult
from adcreative.report import write_report
from adcreative.report.drift import MIN_FACES, measure_drift


def row(found: int, *faces: dict[str, float], status: str = "edited") -> dict[str, Any]:
    """A row of results with these edits, a dict of direction to strength for each edited face."""
    edits = [
        {"face": face, "direction": name, "strength": strength}
        for face, directions in enumerate(faces)
        for name, strength in directions.items()
    ]
    words = {"face": -1, "direction": "headline", "strength": 0.0}
    counts = {"found": found, "edited": len(faces), "refused": ()}
    return {**EditResult(file_name="ada.png", status=status).as_dict(), "faces": counts, "edits": [*edits, words]}


ROWS = [
    row(2, {"smile": 1.0, "gaze_x": -0.6}, {"smile": 0.5, "gaze_x": -0.2}),
    row(1, {"smile": -0.3, "gaze_x": 0.2, "warmth": 2.0}),
    row(1, status="kept"),
    row(9, status="failed"),
    row(0),
]


def test_means_are_over_all_faces_of_the_run() -> None:
    drift = measure_drift(iter(ROWS))
    assert drift is not None
    assert (drift.num_faces, drift.num_edited) == (4, 3)  # the kept creative's face counts, with no shift
    assert [(one.name, one.num_up, one.num_down) for one in drift.directions] == [("smile", 2, 1), ("gaze_x", 1, 2)]
    assert [one.mean for one in drift.directions] == pytest.approx([1.2 / 4, -0.6 / 4])
    assert drift.sentence == (
        "Over 4 faces, 3 of them edited, smile grew by 0.30 and gaze (sideways) shifted by 0.15 on average."
    )


def test_what_moved_too_few_faces_is_left_out() -> None:
    drift = measure_drift(ROWS)
    assert drift is not None
    assert drift.num_left_out == 1
    assert "warmth" not in {one.name for one in drift.directions}
    few = [row(5, *[{"smile": 1.0}] * (MIN_FACES - 1))]
    assert measure_drift(few) is None
    assert measure_drift([]) is None
    assert measure_drift([*few, row(1, {"smile": 1.0})]) is not None


def test_edits_that_cancel_are_no_drift() -> None:
    drift = measure_drift([row(4, {"smile": 1.0}, {"smile": -1.0}, {"smile": 0.5}, {"smile": -0.5})])
    assert drift is not None
    assert drift.directions[0].mean == 0.0
    assert "no expression moved one way" in drift.sentence


def test_the_report_has_one_table_of_it_and_names_nobody(tmp_path: Path) -> None:
    options: dict[str, Any] = {"settings": {}, "image_dir": tmp_path, "cards": (), "failures": ()}
    page = write_report(tmp_path / "report.html", ROWS, **options).read_text()
    assert "smile grew by 0.30" in page
    assert "1 edited feature that moved fewer than three faces is left out" in page
    (table,) = [part.split("</table>")[0] for part in page.split('<table class="drift">')[1:]]
    assert "ada" not in table
    assert '<td class="num">+0.30</td>' in table
    assert "\N{MINUS SIGN}0.15" in table
    without = write_report(tmp_path / "b.html", ROWS[3:], **options).read_text()
    assert "all together" not in without
