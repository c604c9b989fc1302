"""A report opens with the best edits that are seen at once; the control stands behind the details."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from adcreative.report.alternatives import PAIR_PX, changed_share, pick_pairs
from adcreative.report.pictures import preview, read_picture


def pair(folder: Path, stem: str, changed_rows: int) -> dict[str, str]:
    before = np.full((100, 100, 3), 200, np.uint8)
    after = before.copy()
    after[:changed_rows] = 60
    for kind, image_u8 in (("original", before), ("edited", after)):
        Image.fromarray(image_u8).save(folder / f"{stem}.{kind}.png")
    return {"status": "edited", "ad_name": stem, "edited_image": f"images/{stem}.edited.png", "headline_edited": "New"}


def test_the_three_best_that_show_are_taken_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    rows = [pair(folder, name, rows) for name, rows in (("a", 10), ("unseen", 0), ("b", 5), ("c", 50), ("d", 20))]
    rows.insert(2, {**rows[0], "status": "kept", "ad_name": "kept"})
    found = pick_pairs(rows, [0.12, 0.1, 0.1, None, 0.05, 0.01], folder)
    assert [(one.name, one.number, one.change) for one in found] == [
        ("a", 1, "+12% clicks expected"),
        ("b", 4, ""),
        ("c", 5, "+5.0% clicks expected"),
    ]


def test_a_kept_ad_stands_beside_the_first_of_its_versions_that_shows(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    kept: dict[str, object] = {**pair(folder, "kept", 0)}
    versions = [pair(folder, f"version-{number}", rows)["edited_image"] for number, rows in ((1, 0), (2, 30), (3, 90))]
    kept |= {
        "status": "kept",
        "original_image": "images/kept.original.png",
        "alternatives": [{"image": name} for name in versions],
    }
    found = pick_pairs([kept, pair(folder, "a", 10)], [0.5, 0.12], folder)
    assert [(one.name, one.change) for one in found] == [("a", "+12% clicks expected"), ("kept", "a version to test")]
    assert found[1].after.uri == preview(read_picture(folder / "version-2.edited.png"), PAIR_PX).uri


def test_missing_pictures_are_passed_over(tmp_path: Path) -> None:
    assert pick_pairs([{"status": "edited", "edited_image": "images/gone.edited.png"}], [0.1], tmp_path) == ()


def test_share_of_visible_pixels() -> None:
    first = Image.new("L", (10, 10), 100)
    second = first.copy()
    second.paste(130, (0, 0, 10, 2))
    assert changed_share(first, second) == 0.2
    assert changed_share(first, Image.new("L", (9, 9))) == 1.0
