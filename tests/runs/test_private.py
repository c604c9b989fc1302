"""What shows people is readable by its owner alone, whatever the umask."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from adcreative import pipeline
from adcreative.delivery.experiment.loop import write_training_table
from adcreative.features.cache import FeatureCache
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
