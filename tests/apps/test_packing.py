"""The pack of an approved version is whole or the one before, shows people to its owner alone, and goes with a purge."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from adcreative import pipeline
from adcreative.provenance.sidecar import sidecar_path
from apps.studio.handlers.one_ad import Handlers
from apps.studio.handlers.packing import PACKAGE, list_loose, name_picture, write_package
from apps.studio.handlers.steps import Steps
from tests.apps.fakes import FakeStudio
from tests.apps.test_steps import SEARCH_REQUEST, find_run, shown_of
from tests.runs.test_kills import NUM_KILLS, kill_at


@pytest.fixture(params=[0o000, 0o022])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def run(tmp_path: Path, image_path: Path) -> Path:
    """A searched, approved and packed ad."""
    studio = FakeStudio()
    handlers = Handlers(studio=studio, result_dir=tmp_path / "results", cards=studio.cards)
    list(handlers.improve("me", {"image_path": str(image_path), "headline": "Coats", "brand": "Lund"}, SEARCH_REQUEST))
    steps = Steps(handlers=handlers)
    steps.plan("me", "autumn", 20_000, None)
    steps.approve("me", "Anna", ["eu"], True, shown_of(steps, "me"))
    _, files, _ = steps.pack("me", "autumn", "meta-bulk", "https://example.com/coats")
    assert files is not None
    return find_run(steps)


def test_a_kill_leaves_the_pack_before(run: Path) -> None:
    def names() -> list[str]:
        with zipfile.ZipFile(run / PACKAGE) as archive:
            assert archive.testzip() is None
            return archive.namelist()

    before = names()
    num_killed = sum(kill_at(step, lambda: write_package(run)) for step in range(1, NUM_KILLS + 1))
    assert num_killed >= 2  # before the disk has it, and before it takes the place of the earlier one
    assert names() == before
    write_package(run)
    assert names() == before, "no draft of a killed pack is packed"


def test_a_shape_that_the_version_has_already_is_no_second_file(run: Path) -> None:
    (picture,) = (run / "images").glob("*.edited.png")
    shutil.copyfile(picture, picture.with_name("ad.edited.1x1.png"))
    shutil.copyfile(sidecar_path(picture), sidecar_path(picture.with_name("ad.edited.1x1.png")))
    row = json.loads((run / "results.jsonl").read_text())
    sizes = [{"ratio": "1:1", "image": "images/ad.edited.1x1.png"}]
    (run / "results.jsonl").write_text(json.dumps({**row, "sizes": sizes}) + "\n")
    pipeline.approve(run, by="Anna")
    write_package(run)
    with zipfile.ZipFile(run / PACKAGE) as archive:
        uploads = [name for name in archive.namelist() if name.startswith("upload/")]
    assert uploads.count("upload/my-ad-1_version-B.png") == 1
    assert "upload/ad_version-B_1x1.png" not in uploads
    assert "ad_version-B_1x1.png" not in [path.name for path in list_loose(run)]


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("ad.edited.png", "ad_version-B.png"),
        ("ad.edited.9x16.png", "ad_version-B_9x16.png"),
        ("ad.edited.1.91x1.jpg", "ad_version-B_1.91x1.jpg"),
    ],
)
def test_pictures_have_plain_names(name: str, called: str) -> None:
    assert name_picture(name) == called


def test_a_pack_is_its_owner_s(umask: int, run: Path) -> None:
    write_package(run)
    for path in (run / PACKAGE, *(run / "public").iterdir()):
        assert oct(path.stat().st_mode & 0o777) == "0o600", path


def test_a_purge_takes_pack_and_public_files_along(run: Path) -> None:
    summary = pipeline.purge(run, keep_cache=True)
    assert not run.exists(), (list(run.iterdir()), summary.left)
    assert not summary.left
