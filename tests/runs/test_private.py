"""What shows people is readable by its owner alone, whatever the umask; the rebuilt face is written only on request."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from adcreative import pipeline
from adcreative.creative import Creative, Edit, EditResult
from adcreative.delivery.experiment.loop import write_training_table
from adcreative.features.cache import FeatureCache
from adcreative.runs.folder import Makers, write_pictures
from tests import fake_models
from tests.fake_models import write_ads


@pytest.fixture(params=[0o000, 0o077, 0o022])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    return {str(path): oct(path.stat().st_mode & 0o777) for path in (folder, *folder.rglob("*"))}


def test_the_feature_cache(umask: int, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "cache" / "features")
    cache.owners.note(["c-ada"], ["aa1"])
    cache.save("aa1", {"codes": np.zeros(3)})
    for path, mode in modes(tmp_path / "cache").items():
        assert mode == ("0o700" if Path(path).is_dir() else "0o600"), path


def test_a_run_and_its_export(umask: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in fake_models.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    pipeline.optimize(write_ads(tmp_path / "ads", 2), tmp_path / "run")
    assert modes(tmp_path / "run")[str(tmp_path / "run")] == "0o700"
    pictures = modes(tmp_path / "run" / "images")
    assert len(pictures) > 2
    for path, mode in pictures.items():
        assert mode == ("0o700" if Path(path).is_dir() else "0o600"), path
    assert modes(tmp_path / "run")[str(tmp_path / "run" / "report.html")] == "0o600"


def test_what_leaves_a_run(umask: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures beside an upload, those to train on, the ad as it was brought, and an explanation show people too."""
    for name, module in fake_models.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    pipeline.optimize(write_ads(tmp_path / "ads", 2), tmp_path / "run")
    pipeline.export(
        tmp_path / "run", tmp_path / "up" / "meta.csv", format="meta-bulk", campaign="c", url="https://x.de", approved_by="Ada"
    )
    check_private(tmp_path / "up" / "meta-images")


def test_pictures_to_train_on(umask: int, tmp_path: Path) -> None:
    picture = tmp_path / "face.png"
    picture.write_bytes(b"face")
    outcome = {
        "creative": '{"headline": "Sleep well"}',
        "image_path": str(picture),
        "variant_id": "v1",
        "name": "a",
        "date_start": "",
        "date_end": "",
        "currency": "",
        "run_hash": "0" * 64,
        "campaign": "c",
        "test": "1",
        "impressions": 10,
        "clicks": 1,
        "spend": 0.5,
    }
    assert write_training_table([outcome], tmp_path / "loop") == 1
    check_private(tmp_path / "loop" / "images")


def check_private(folder: Path) -> None:
    found = modes(folder)
    assert len(found) > 1
    for path, mode in found.items():
        assert mode == ("0o700" if Path(path).is_dir() else "0o600"), path


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
