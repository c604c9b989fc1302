"""Check what `adcreative demo` left behind: python -m tests.check_demo DEMO_DIR. Used by CI after the run."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adcreative.editor.space.genome import ADJUSTMENTS
from adcreative.report.alternatives import MIN_CHANGED_SHARE, changed_share

MIN_VISIBLE = 1  # of twelve edits, seen at once; two were measured: light and colour alone are offered, and no edit
MAX_WORSE, WORST = 1, -0.03  # ads whose planted rate fell, and by how much it may have (relative)
NUM_WALLS, MIN_NEW = 3, 3  # brands of the demo that ads are composed for, and ads of each
RESULT_FIELDS = {
    "file_name",
    "status",
    "edited_image",
    "headline_original",
    "headline_edited",
    "ctr_original",
    "ctr_control",
    "ctr_edited",
    "ctr_edited_low",
    "ctr_edited_high",
    "ctr_edited_judge",
    "identity_similarity",
    "faces",
    "edits",
    "evaluations",
    "seconds",
    "seed",
    "model_hash",
}


def check_demo(demo_dir: Path) -> str:
    """Return one line of what was found; AssertionError says what is wrong."""
    rows = [json.loads(line) for line in (demo_dir / "results.jsonl").read_text().splitlines()]
    assert len(rows) >= 10, f"only {len(rows)} results"
    edited = [row for row in rows if row["status"] == "edited"]
    assert edited, "nothing was edited"
    assert any(edit["face"] >= 0 for row in edited for edit in row["edits"]), "no face was edited"
    num_visible = 0
    assert any(edit["direction"] == "headline" for row in edited for edit in row["edits"]), "no headline was edited"
    for row in rows:
        missing = RESULT_FIELDS - set(row)
        assert not missing, f"{row['file_name']}: no {missing}"
        assert row["status"] in {"edited", "kept"}, f"{row['file_name']}: {row['status']}: {row['reason']}"
        for rate in ("ctr_original", "ctr_edited", "ctr_edited_judge", "ctr_control"):
            assert 0 < row[rate] < 1, f"{row['file_name']}: {rate} is {row[rate]}"
        assert row["ctr_edited_low"] <= row["ctr_edited"] <= row["ctr_edited_high"]
        assert not Path(row["edited_image"]).is_absolute()
        if not row["edited_image"]:
            continue
        after = np.asarray(Image.open(demo_dir / row["edited_image"]))
        before = np.asarray(Image.open(demo_dir / row["original_image"]))
        assert after.shape == before.shape
        changed = float((after != before).any(axis=2).mean())
        has_look_edit = any(edit["direction"] in ADJUSTMENTS for edit in row["edits"])
        has_face_edit = any(edit["face"] >= 0 for edit in row["edits"])
        is_set = "set into the picture" in row["words_in_picture"]
        is_edited = has_face_edit or has_look_edit or is_set
        assert (changed > 0) == is_edited, f"{row['file_name']}: {changed:.1%} of pixels changed"
        assert changed < 0.5 or has_look_edit, f"{row['file_name']}: {changed:.1%} of pixels changed by faces and words"
        num_visible += changed_share(Image.fromarray(before), Image.fromarray(after)) >= MIN_CHANGED_SHARE
    assert num_visible >= MIN_VISIBLE, f"only {num_visible} ads show a change at a glance"
    assert (demo_dir / "model" / "README.md").is_file(), "nothing was learnt from the account"
    report = (demo_dir / "report.html").read_text()
    assert "http://" not in report.replace("http://www.w3.org", ""), "the report asks for something outside"
    truth = json.loads((demo_dir / "truth.json").read_text())
    assert truth["mean_true_delivered"] > truth["mean_true_original"], truth["sentence"]
    check_worse(truth["rows"])
    num_new = check_composed(truth["composed"], report)
    return f"{num_new} new ads. {len(rows)} creatives, {len(edited)} edited, {num_visible} of them visibly. {truth['sentence']}"


def check_composed(walls: Sequence[Mapping[str, Any]], report: str) -> int:
    """Return how many new ads were composed; AssertionError where a brand lacks some, or all are no better than what ran."""
    assert len(walls) == NUM_WALLS, f"ads were composed for {len(walls)} brands"
    few = [wall["brand"] for wall in walls if len(wall["true_new"]) < MIN_NEW]
    assert not few, f"hardly a new ad for {few}"
    new, ran = (np.mean([np.mean(wall[name]) for wall in walls]) for name in ("true_new", "mean_true_ran"))
    assert new > ran, f"new ads have {new:.2%} planted, those that ran {ran:.2%}"
    assert report.count('<article class="ad">') >= NUM_WALLS * MIN_NEW, "the report shows no wall of new ads"
    return sum(len(wall["true_new"]) for wall in walls)


def check_worse(rows: Sequence[Mapping[str, Any]]) -> None:
    """Hold the planted rates of what is delivered against the originals'; AssertionError names the ads that became worse."""
    changes = {row["file_name"]: row["true_delivered"] / row["true_original"] - 1 for row in rows}
    worse = {name: f"{change:.1%}" for name, change in changes.items() if change < -1e-9}
    assert len(worse) <= MAX_WORSE, f"worse than they were: {worse}"
    assert min(changes.values()) >= WORST, f"worse than they were: {worse}"


if __name__ == "__main__":
    print(check_demo(Path(sys.argv[1])))
