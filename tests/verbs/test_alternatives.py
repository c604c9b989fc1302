"""Pictures of the other versions of an ad are written beside its edit, told in their sidecars, and shown in the report."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from adcreative.creative import Alternative, Creative, Edit, EditResult
from adcreative.report.alternatives import list_alternatives
from adcreative.runs.folder import Makers
from adcreative.verbs.finish import write_alternatives

SMILE, LINE = Edit(face=0, direction="smile", strength=1.0), Edit(face=-1, direction="headline", strength=0.0)


def grey(value: int) -> np.ndarray:
    return np.full((24, 36, 3), value, np.uint8)


def alternative(headline: str, *edits: Edit) -> Alternative:
    return Alternative(
        uplift=None,
        uplift_low=None,
        change=None,
        change_low=None,
        change_high=None,
        identity=None,
        realism=None,
        size=1.0,
        headline=headline,
        description="",
        cta="Go",
        edits=edits,
    )


def write(tmp_path: Path, num: int) -> list[dict]:
    found = (alternative("Sleep", SMILE), alternative("Sleep well", LINE), alternative("Rest", SMILE, LINE))
    pictures = (grey(90), grey(50), grey(200))  # the second as the ad came: its new words stand beside the picture
    result = EditResult(
        file_name="ad.png", status="kept", headline_original="Sleep", headline_edited="Sleep", alternatives=found
    )
    outcome = SimpleNamespace(result=result, alternatives=found, image_u8=grey(50))
    return write_alternatives(
        Creative(file_name="ad.png"), outcome, pictures.__getitem__, num, tmp_path, stem="00001-ad", makers=Makers()
    )


def test_versions_whose_pictures_differ_are_written_with_their_own_words(tmp_path: Path) -> None:
    first, second, third = write(tmp_path, 5)
    assert first["image"] == "images/00001-ad.version-1.jpg"
    assert "image" not in second
    shown = np.asarray(Image.open(tmp_path / third["image"]), float)
    assert abs(shown.mean() - 200) < 2
    told = json.loads((tmp_path / f"{third['image']}.provenance.json").read_text())
    assert told["words"]["headline"] == {"original": "Sleep", "delivered": "Rest"}
    assert [edit["direction"] for edit in told["edits"]] == ["smile", "headline"]
    assert told["digital_source_type"]  # a model made parts of it


def test_only_as_many_pictures_as_asked_for_and_all_versions_in_words(tmp_path: Path) -> None:
    rows = write(tmp_path, 1)
    assert [row.get("image", "") for row in rows] == ["images/00001-ad.version-1.jpg", "", ""]
    assert [row["headline"] for row in rows] == ["Sleep", "Sleep well", "Rest"]
    assert not any("image" in row for row in write(tmp_path / "none", 0))
    assert not (tmp_path / "none").exists()


def test_the_report_shows_the_versions_and_nothing_outside_its_folder(tmp_path: Path) -> None:
    rows = write(tmp_path, 5)
    Image.new("RGB", (9, 9)).save(tmp_path / "secret.png")
    row = {
        "status": "kept",
        "headline_original": "Sleep",
        "cta_original": "Go",
        "alternatives": [*rows, {**rows[0], "image": "secret.png"}],
    }
    shown = list_alternatives(row, tmp_path / "images", may_state_gains=False)
    assert [one.shown is not None for one in shown] == [True, False, True, False]
    assert shown[2].words == ("Headline: Rest",)
    assert [one.change for one in shown[:3]] == ["", "", ""]
    asked = list_alternatives({**row, "is_untested": True}, tmp_path / "images", may_state_gains=False)
    assert asked[0].change == "a question for a test: more smile against the face as it is"
