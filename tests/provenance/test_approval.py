"""What was approved is what leaves: words, pictures and sidecars that were changed since the approval leave nothing behind."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.cli.app import app
from adcreative.errors import ConfigError
from adcreative.provenance.approval import AUDIT, note_event
from adcreative.provenance.errors import ProvenanceError
from adcreative.provenance.sidecar import build_sidecar, export_picture, read_sidecar, sidecar_path, write_sidecar
from tests.delivery.conftest import make_run, result_row  # noqa: F401

SIZE = "images/1.edited.9x16.png"
OPTIONS: dict[str, Any] = {"format": "meta-bulk", "campaign": "spring", "url": "https://example.com"}


@pytest.fixture
def run(make_run: Callable[..., Path], tmp_path: Path) -> Path:  # noqa: F811
    """Two edited ads, the first in a further shape too, approved by Ada and exported once."""
    rows = [{**result_row(1), "sizes": [{"ratio": "9:16", "image": SIZE}]}, result_row(2)]
    run = make_run(rows)
    export_picture(run / SIZE, np.full((128, 72, 3), 7, np.uint8), is_edited=True, result=rows[0])
    pipeline.export(run, tmp_path / "first.csv", approved_by="Ada", **OPTIONS)
    return run


def paint_over(path: Path) -> None:
    export_picture(path, np.full((64, 80, 3), 200, np.uint8), is_edited=False)


def renew_sidecar(run: Path, path: Path) -> None:
    row = json.loads((run / "results.jsonl").read_text().splitlines()[0])
    write_sidecar(path, build_sidecar(row, path, models={}))


def swap(first: Path, second: Path) -> None:
    for one, other in ((first, second), (sidecar_path(first), sidecar_path(second))):
        kept = one.read_bytes()
        shutil.copyfile(other, one)
        other.write_bytes(kept)


def swap_originals(run: Path) -> None:
    first, second = run / "images/1.original.png", run / "images/2.original.png"
    kept = first.read_bytes()
    shutil.copyfile(second, first)
    second.write_bytes(kept)


def paint_and_drop(run: Path) -> None:
    paint_over(run / "images/1.edited.png")
    sidecar_path(run / "images/1.edited.png").unlink()


def paint_and_renew(run: Path) -> None:
    paint_over(run / "images/1.edited.png")
    renew_sidecar(run, run / "images/1.edited.png")


def paint_through_a_hard_link(run: Path) -> None:
    os.link(run / "images/1.edited.png", run.parent / "other-name.png")
    (run.parent / "other-name.png").write_bytes((run / "images/2.edited.png").read_bytes())
    renew_sidecar(run, run / "images/1.edited.png")


def link_to_another(run: Path) -> None:
    (run / "images/1.edited.png").unlink()
    os.symlink(run / "images/2.edited.png", run / "images/1.edited.png")
    renew_sidecar(run, run / "images/1.edited.png")


def paint_a_shape(run: Path) -> None:
    paint_over(run / SIZE)
    renew_sidecar(run, run / SIZE)


def rewrite_a_sidecar(run: Path) -> None:
    path = run / "images/1.edited.png"
    write_sidecar(path, read_sidecar(path) | {"consent_id": "c-of-somebody-else"})


def take_all_sidecars(run: Path) -> None:
    for path in (run / "images").glob("*.provenance.json"):
        path.unlink()


def bring_another_original(run: Path) -> None:
    rows = [json.loads(line) for line in (run / "results.jsonl").read_text().splitlines()]
    rows[0]["original_image"] = rows[1]["original_image"]
    (run / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def change_the_control_s_words(run: Path) -> None:
    text = (run / "results.jsonl").read_text()
    (run / "results.jsonl").write_text(text.replace("Old line 1", "Guaranteed cure"))


def change_the_table(run: Path) -> None:
    table = run.parent / "ads" / "metadata.csv"
    table.write_text(table.read_text().replace("Sleep on it.", "Cures everything."))


ATTACKS: dict[str, Callable[[Path], object]] = {
    "painted over": lambda run: paint_over(run / "images/1.edited.png"),
    "painted over, sidecar deleted": paint_and_drop,
    "painted over, sidecar renewed": paint_and_renew,
    "painted over by another name (hard link)": paint_through_a_hard_link,
    "a link to another ad's": link_to_another,
    "original painted over": lambda run: paint_over(run / "images/1.original.png"),
    "original of another ad": bring_another_original,
    "pictures of two ads swapped": lambda run: swap(run / "images/1.edited.png", run / "images/2.edited.png"),
    "originals of two ads swapped": swap_originals,
    "all sidecars deleted": take_all_sidecars,
    "one sidecar deleted": lambda run: sidecar_path(run / "images/2.edited.png").unlink(),
    "sidecar names another consent": rewrite_a_sidecar,
    "shape painted over": paint_a_shape,
    "shape deleted": lambda run: (run / SIZE).unlink(),
    "words of the original": change_the_control_s_words,
    "words of the table": change_the_table,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_was_changed_after_the_approval_does_not_leave(run: Path, tmp_path: Path, attack: str) -> None:
    ATTACKS[attack](run)
    with pytest.raises(ConfigError, match=r"are others than Ada approved"):
        pipeline.export(run, tmp_path / "second.csv", **OPTIONS)
    with pytest.raises(ConfigError, match=r"are others than Ada approved"):
        pipeline.check_approved(run)
    assert not list(tmp_path.glob("second*"))


def test_the_command_says_which_row_it_is(run: Path, tmp_path: Path) -> None:
    paint_and_renew(run)
    asked = [
        "export",
        str(run),
        "--out",
        str(tmp_path / "x.csv"),
        "--format",
        "adcp",
        "--campaign",
        "c",
        "--url",
        "https://x.de",
    ]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 2
    assert "others than Ada approved (words, picture or sidecar of row 1); " in result.output.replace("\n", " ")


def test_an_approval_is_good_for_a_second_export_and_for_a_moved_run(run: Path, tmp_path: Path) -> None:
    pipeline.export(run, tmp_path / "second.csv", **OPTIONS)
    run.rename(tmp_path / "moved")
    pipeline.export(tmp_path / "moved", tmp_path / "third.csv", **OPTIONS)
    names = sorted(re.sub(r"_acv[0-9a-f]+", "", path.stem) for path in (tmp_path / "third-images").glob("*.png"))
    assert names == ["Ad-1_original", "Ad-1_version-B", "Ad-1_version-B_9x16", "Ad-2_original", "Ad-2_version-B"]


def test_an_edit_without_a_sidecar_is_not_approved(run: Path, tmp_path: Path) -> None:
    take_all_sidecars(run)
    with pytest.raises(
        ProvenanceError, match=r"1\.edited\.png has no sidecar, which says how it was made\. Run optimize again"
    ):
        pipeline.export(run, tmp_path / "second.csv", approved_by="Ben", **OPTIONS)
    assert len([event for event in pipeline.read_events(run) if event["event"] == "approved"]) == 1


def test_an_approval_of_an_earlier_version_held_no_picture(run: Path, tmp_path: Path) -> None:
    (run / AUDIT).unlink()
    note_event(run, "approved", by="Ada", num_edits=2, edits_sha256="0" * 64)
    with pytest.raises(
        ConfigError, match=r"Ada approved the edits of run with an earlier version, which held no picture; .*NAME"
    ):
        pipeline.export(run, tmp_path / "second.csv", **OPTIONS)


def test_a_picture_that_is_changed_during_an_export_does_not_leave(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check and the copy are two readings; what was copied must be what was checked."""
    from adcreative.verbs import campaign

    checked = campaign.check_approved

    def check_then_paint(*arguments: Any, **options: Any) -> Any:
        found = checked(*arguments, **options)
        paint_and_renew(run)
        return found

    monkeypatch.setattr(campaign, "check_approved", check_then_paint)
    with pytest.raises(
        ConfigError, match=r"1\.edited\.png was changed while it was exported; approve the edits as they are now"
    ):
        pipeline.export(run, tmp_path / "second.csv", **OPTIONS)
    assert not (tmp_path / "second.csv").exists()


@pytest.mark.parametrize("rows", ["no rows", ["1"], {"1": 7}])
def test_a_damaged_list_of_rows_is_no_traceback(run: Path, rows: Any) -> None:
    events = pipeline.read_events(run)
    damaged = [{**event, "rows": rows, "edits_sha256": "0"} if event["event"] == "approved" else event for event in events]
    (run / AUDIT).write_text("".join(json.dumps(event) + "\n" for event in damaged))
    with pytest.raises(ConfigError, match="are others than Ada approved"):
        pipeline.check_approved(run)
