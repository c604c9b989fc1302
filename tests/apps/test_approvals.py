"""What the page shows is what is approved, and what is approved is what is packed: shapes under way, files swapped on disk."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from adcreative.errors import AdCreativeError
from adcreative.provenance.sidecar import build_sidecar, export_picture, write_sidecar
from apps.studio.handlers.next_test import NextTest
from apps.studio.handlers.one_ad import Handlers
from apps.studio.handlers.packing import PACKAGE, TECHNICAL, UPLOAD, write_package
from apps.studio.handlers.sizes import Sizes
from apps.studio.handlers.steps import Steps
from apps.studio.sessions.ads import BEING_LAID_OUT, CHANGED, NOT_SHOWN, Stage
from tests.apps.fakes import FakeStudio
from tests.apps.test_steps import SEARCH_REQUEST, find_run, shown_of


@pytest.fixture
def steps(tmp_path: Path, image_path: Path) -> Steps:
    """Those of "me", who has searched an edit."""
    studio = FakeStudio()
    handlers = Handlers(studio=studio, result_dir=tmp_path / "results", cards=studio.cards)
    list(handlers.improve("me", {"image_path": str(image_path), "headline": "Coats", "brand": "Lund"}, SEARCH_REQUEST))
    return Steps(handlers=handlers)


def approve(steps: Steps) -> dict:
    return steps.approve("me", "Mia", ["eu"], True, shown_of(steps, "me"))[1]


def pack(steps: Steps, platform: str = "") -> tuple[list[Path] | None, dict]:
    _, files, record = steps.pack("me", "autumn", platform, "https://example.com/coats")
    return files, record


def own_picture(run: Path) -> Path:
    (path,) = [path for path in (run / "images").glob("*.edited.png") if ".edited." in path.name]
    return path


def test_an_approval_waits_until_the_shapes_stand(steps: Steps) -> None:
    """Pressed while they are laid out it would be of shapes that nobody has seen, and void when they come."""
    sizes, begun, may_end = Sizes(handlers=steps.handlers), Event(), Event()

    def tell(done: int, total: int) -> None:
        begun.set()
        assert may_end.wait(20.0)

    with ThreadPoolExecutor(1) as pool:
        laid = pool.submit(sizes.lay_out, "me", ["9:16"], tell)
        assert begun.wait(20.0)
        assert approve(steps)["error"] == BEING_LAID_OUT
        assert steps.handlers.desk.find("me").stage is Stage.LAYING
        assert sizes.lay_out("me", ["1:1"])[1]["error"] == BEING_LAID_OUT
        assert pack(steps)[0] is None
        may_end.set()
        assert len(laid.result(20.0)[1]["sizes"]) == 1
    assert "error" not in approve(steps)
    files, record = pack(steps)
    assert files is not None, record
    with zipfile.ZipFile(find_run(steps) / PACKAGE) as archive:
        assert any("_9x16" in name for name in archive.namelist() if name.startswith(f"{UPLOAD}/"))


def test_shapes_that_fail_leave_the_version_to_be_approved(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> list[dict]:
        raise AdCreativeError("no room")

    monkeypatch.setattr(FakeStudio, "size_one", fail)
    assert Sizes(handlers=steps.handlers).lay_out("me", ["9:16"])[1]["error"] == "no room"
    assert "error" not in approve(steps)
    assert pack(steps)[0] is not None


def test_another_version_taken_meanwhile_is_not_held_by_the_shapes_of_the_one_before(steps: Steps) -> None:
    sizes, begun, may_end = Sizes(handlers=steps.handlers), Event(), Event()

    def tell(done: int, total: int) -> None:
        begun.set()
        assert may_end.wait(20.0)

    with ThreadPoolExecutor(2) as pool:
        laid = pool.submit(sizes.lay_out, "me", ["9:16"], tell)
        assert begun.wait(20.0)
        chosen = pool.submit(steps.handlers.choose, "me", "Version 2")
        may_end.set()
        chosen.result(20.0)
        laid.result(20.0)
    assert "error" not in approve(steps)
    assert pack(steps)[0] is not None


def renew(run: Path, path: Path, shade: int = 250) -> None:
    """Write another picture in the place of one, with a sidecar that says so."""
    row = json.loads((run / "results.jsonl").read_text().splitlines()[0])
    export_picture(path, np.full((300, 200, 3), shade, np.uint8), is_edited=True)
    write_sidecar(path, build_sidecar(row, path, models={}))


def rewrite_row(run: Path, **values: object) -> None:
    row = json.loads((run / "results.jsonl").read_text().splitlines()[0])
    (run / "results.jsonl").write_text(json.dumps({**row, **values}, ensure_ascii=False) + "\n")


ATTACKS: dict[str, Callable[[Path], object]] = {
    "the version": lambda run: renew(run, own_picture(run)),
    "a shape": lambda run: renew(run, next((run / "images").glob("*9x16.png"))),
    "its original": lambda run: renew(run, next((run / "images").glob("*.original.png"))),
    "the ad as it was brought": lambda run: shutil.copyfile(own_picture(run), next((run / "original").glob("*.jpg"))),
    "its words": lambda run: rewrite_row(run, headline_edited="Free coats"),
    "its button": lambda run: rewrite_row(run, cta_edited="Buy or die"),
    "a sidecar": lambda run: next((run / "images").glob("*.edited.png.provenance.json")).unlink(),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_swapped_after_the_approval_is_not_packed(steps: Steps, attack: str) -> None:
    run = find_run(steps)
    Sizes(handlers=steps.handlers).lay_out("me", ["9:16"])
    assert "error" not in approve(steps)
    ATTACKS[attack](run)
    files, record = pack(steps, "meta-bulk")
    assert (files, record["error"]) == (None, CHANGED)
    with pytest.raises(AdCreativeError, match="are others than Mia approved"):
        write_package(run)


@pytest.mark.parametrize("attack", ["the version", "a shape", "its words", "its button"])
def test_what_is_swapped_before_the_approval_is_not_approved(steps: Steps, attack: str) -> None:
    run = find_run(steps)
    Sizes(handlers=steps.handlers).lay_out("me", ["9:16"])
    ATTACKS[attack](run)
    assert approve(steps)["error"] == NOT_SHOWN
    assert pack(steps)[0] is None


def test_a_file_that_nobody_approved_is_not_packed(steps: Steps) -> None:
    run = find_run(steps)
    assert "error" not in approve(steps)
    pack(steps, "meta-bulk")
    renew(run, run / "images" / "ad.edited.evil.png")
    renew(run, run / "original" / "aaa.png")
    renew(run, run / "delivery" / "meta-bulk-images" / "evil.png")
    files, record = pack(steps, "adcp")
    assert files is not None, record
    with zipfile.ZipFile(run / PACKAGE) as archive:
        uploads = [name for name in archive.namelist() if name.startswith(f"{UPLOAD}/")]
    assert not [name for name in uploads if "evil" in name or "aaa" in name or "meta-bulk" in name]


@pytest.mark.parametrize("attack", ["a picture", "a picture beside", "words for pasting", "nothing"])
def test_a_pack_that_was_changed_is_no_part_of_the_next_test(steps: Steps, tmp_path: Path, attack: str) -> None:
    Sizes(handlers=steps.handlers).lay_out("me", ["9:16"])
    approve(steps)
    steps.plan("me", "autumn", 20_000, None)
    pack(steps)
    brought = tmp_path / "brought.zip"
    with zipfile.ZipFile(find_run(steps) / PACKAGE) as before, zipfile.ZipFile(brought, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            if attack == "a picture" and name.startswith(f"{UPLOAD}/") and name.endswith("version-B.png"):
                content = before.read(next(one for one in before.namelist() if one.endswith("_9x16.png")))
            if attack == "words for pasting" and name == f"{UPLOAD}/words.txt":
                content = b"Headline: Free coats\n"
            after.writestr(name, content)
        if attack == "a picture beside":
            after.writestr(f"{UPLOAD}/evil.png", b"evil")
    shown, files, _ = NextTest(handlers=steps.handlers).plan("you", [str(brought)], "winter", 20_000, None)
    assert ("brought.zip holds a version that nobody approved as it is now" in shown) == (attack != "nothing"), shown
    assert bool(files) == (attack == "nothing")
    if files:
        with zipfile.ZipFile(files[0]) as archive:
            taken = {hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist() if name.endswith(".png")}
        assert hashlib.sha256(own_picture(find_run(steps)).read_bytes()).hexdigest() in taken


def test_a_pack_keeps_all_that_its_approval_covers(steps: Steps) -> None:
    """Packed with a plan, the original leaves the technical folder for the upload; equal shapes are packed once."""
    approve(steps)
    steps.plan("me", "autumn", 20_000, None)
    pack(steps)
    with zipfile.ZipFile(find_run(steps) / PACKAGE) as archive:
        names = archive.namelist()
    assert f"{TECHNICAL}/audit.jsonl" in names
    assert any(name.endswith("_original.jpg") for name in names)
