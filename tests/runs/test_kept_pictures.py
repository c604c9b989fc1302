"""A run keeps original and edit; the rebuilt, unedited face only where it is asked for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from adcreative.creative import Creative, Edit, EditResult
from adcreative.runs.folder import Makers, write_pictures


@pytest.mark.parametrize(("keep", "kinds"), [(False, ["edited", "original"]), (True, ["control", "edited", "original"])])
def test_the_control_is_written_when_it_is_asked_for(tmp_path: Path, keep: bool, kinds: list[str]) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (48, 48, 3)).astype(np.uint8)
    result = EditResult(
        file_name="a.png", ad_name="A", status="edited", edits=(Edit(face=0, direction="smile", strength=1.0),), consent_id="x"
    )
    outcome = SimpleNamespace(result=result, image_u8=pixels, control_u8=pixels)
    creative = Creative(file_name="a.png", image_u8=pixels)
    paths = write_pictures(creative, outcome, tmp_path, stem="a", makers=Makers(), keep_control=keep)
    assert sorted(paths) == [f"{kind}_image" for kind in kinds]
    assert sorted(path.name for path in (tmp_path / "images").glob("*.png")) == [f"a.{kind}.png" for kind in kinds]
