"""Further shapes of a version: laid out before it is approved, covered by the approval, packed; and a picture of the owner."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from adcreative.catalog.images import picture
from adcreative.creative import Creative
from adcreative.errors import ConfigError
from adcreative.pipeline import check_approved
from adcreative.progress import Count
from adcreative.provenance.sidecar import read_sidecar
from apps.studio.handlers.one_ad import Handlers
from apps.studio.handlers.packing import PACKAGE, name_picture
from apps.studio.handlers.sizes import RATIOS, Sizes
from apps.studio.handlers.steps import Steps
from apps.studio.handlers.words import Words
from tests.apps.fakes import FakeStudio
from tests.apps.test_steps import SEARCH_REQUEST, find_run, shown_of


@pytest.fixture
def handlers(tmp_path: Path, image_path: Path) -> Handlers:
    """Those of "me", who has searched an edit."""
    studio = FakeStudio()
    handlers = Handlers(studio=studio, result_dir=tmp_path / "results", cards=studio.cards)
    list(handlers.improve("me", {"image_path": str(image_path), "headline": "Coats", "brand": "Lund"}, SEARCH_REQUEST))
    return handlers


def test_every_shape_is_shown_approved_and_packed(handlers: Handlers) -> None:
    steps, sizes = Steps(handlers=handlers), Sizes(handlers=handlers)
    shown, record = sizes.lay_out("me", list(RATIOS))
    assert shown.count("<img") == len(record["sizes"]) == 4
    assert "Fits Meta feed" in shown
    run = find_run(steps)
    steps.approve("me", "Anna", ["eu"], True, shown_of(steps, "me"))
    for row in record["sizes"]:
        assert "Anna" in json.dumps(read_sidecar(run / row["image"])), row
    assert "already" in sizes.lay_out("me", ["1:1"])[1]["error"]
    steps.plan("me", "autumn", 20_000, None)
    _, files, _ = steps.pack("me", "autumn", "", "")
    assert files is not None
    with zipfile.ZipFile(run / PACKAGE) as archive:
        packed = {Path(name).name for name in archive.namelist() if name.startswith("upload/")}
    assert packed >= {name_picture(Path(row["image"]).name) for row in record["sizes"]}


def test_whoever_waits_for_shapes_sees_how_many_are_there(handlers: Handlers) -> None:
    sizes, seen = Sizes(handlers=handlers), Event()

    def lay_out(tell: Count) -> tuple[str, dict]:
        answer = sizes.lay_out("me", ["1:1", "9:16"], lambda done, total: tell(1, total))
        seen.wait(20.0)  # until the page has shown the count
        return answer

    told = []
    for said in sizes.watch(lay_out):
        told.append(said)
        if "Shape 1 of 2" in str(said):
            seen.set()
    assert any("Shape 1 of 2 is laid out" in said for said in told[:-1])
    assert len(told[-1][1]["sizes"]) == 2  # type: ignore[index]


@pytest.mark.parametrize("status", ["edited", "kept"])
def test_who_deletes_while_shapes_are_laid_out_leaves_none(status: str, handlers: Handlers, image_path: Path) -> None:
    handlers.studio.status = status  # type: ignore[attr-defined]
    list(handlers.improve("me", {"image_path": str(image_path), "headline": "Boats"}, SEARCH_REQUEST))
    sizes = Sizes(handlers=handlers)
    lay_out = sizes.lay_out if status == "edited" else sizes.lay_out_kept
    lay_out("me", ["1:1", "9:16"], lambda done, _: handlers.forget("me") if done == 1 else None)
    assert not [path for path in handlers.result_dir.rglob("*") if path.is_file()]


def test_shapes_that_were_not_approved_leave_no_pack(handlers: Handlers) -> None:
    steps, sizes = Steps(handlers=handlers), Sizes(handlers=handlers)
    sizes.lay_out("me", ["1:1"])
    steps.approve("me", "Anna", ["eu"], True, shown_of(steps, "me"))
    run = find_run(steps)
    row = json.loads((run / "results.jsonl").read_text())
    (run / "results.jsonl").write_text(json.dumps({**row, "sizes": [*row["sizes"], {"ratio": "4:5", "image": "images/x.png"}]}))
    with pytest.raises(ConfigError, match="are others than Anna approved"):
        check_approved(run)


def test_other_shapes_take_the_place_of_those_before(handlers: Handlers) -> None:
    sizes, run = Sizes(handlers=handlers), find_run(Steps(handlers=handlers))
    first = sizes.lay_out("me", ["Square 1:1", "Story 9:16"])[1]["sizes"]
    second = sizes.lay_out("me", ["Portrait 4:5"])[1]["sizes"]
    assert [row["ratio"] for row in second] == ["4:5"]
    assert not [row for row in first if (run / row["image"]).exists()]
    assert "No further shape" in sizes.lay_out("me", [])[0]
    assert "There is no shape" in sizes.lay_out("me", ["3:1"])[1]["error"]
    assert "There is no new version yet" in sizes.lay_out("you", ["1:1"])[1]["error"]


def test_an_ad_that_is_kept_is_laid_out_too_and_an_edit_is_not_without_approval(handlers: Handlers, image_path: Path) -> None:
    sizes, form = Sizes(handlers=handlers), {"image_path": str(image_path), "headline": "Boats"}
    shown, files, record = sizes.lay_out_kept("me", ["1:1"])
    assert files is None
    assert "new version" in record["error"]
    handlers.studio.status = "kept"  # type: ignore[attr-defined]
    list(handlers.improve("me", form, SEARCH_REQUEST))
    shown, files, record = sizes.lay_out_kept("me", ["Square 1:1", "Story 9:16"])
    assert shown.count("<img") == len(record["sizes"]) == 2
    assert files is not None
    assert all(path.is_file() and ".edited" not in path.name for path in files)
    again = sizes.lay_out_kept("me", ["4:5"])[1]
    assert again is not None
    assert not any(path.exists() for path in files)
    assert "Choose a shape first" in sizes.lay_out_kept("me", [])[2]["error"]
    assert "There is no shape" in sizes.lay_out_kept("me", ["3:1"])[2]["error"]
    assert "There is no new version yet" in sizes.lay_out_kept("you", ["1:1"])[2]["error"]
    handlers.forget("me")
    assert not again[0].exists()


def test_a_picture_of_one_s_own_takes_the_place_of_the_edit(handlers: Handlers, image_path: Path) -> None:
    said, screen = Words(handlers=handlers).use("me", "My line", "", str(image_path))
    assert screen is not None, said
    brought = handlers.studio.asked[-1]["own_u8"]  # type: ignore[attr-defined]
    np.testing.assert_array_equal(brought, picture(Creative(image_path=image_path)))
    assert handlers.belongings.has_any("me")
