"""A run folder or package from elsewhere: damaged, of another kind, or with names that lead out of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adcreative import pipeline
from adcreative.delivery.experiment.variants import read_variants
from adcreative.errors import AdCreativeError, CatalogError
from adcreative.provenance.approval import note_event, read_events
from adcreative.provenance.run_records import find_member, forget_paths, read_rows, read_settings

ROW = {
    "row": 1,
    "status": "edited",
    "file_name": "a.png",
    "ad_name": "a",
    "headline_original": "old",
    "headline_edited": "new",
    "description_original": "",
    "description_edited": "",
    "edits": [],
    "ctr_original": 0.01,
    "ctr_edited": 0.02,
}


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    def build(settings: dict[str, Any] | None = None, **fields: Any) -> Path:
        run = tmp_path / "run"
        run.mkdir(exist_ok=True)
        (run / "results.jsonl").write_text(json.dumps(ROW | fields) + "\n")
        (run / "results.run.json").write_text(json.dumps({"verb": "optimize", **(settings or {})}))
        return run

    return build


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret.png", "images/../../secret.png", "C:\\secret.png", "a\0b"])
@pytest.mark.parametrize("field", ["original_image", "edited_image"])
def test_a_picture_outside_of_the_run_is_never_exported(
    make: Callable[..., Path], tmp_path: Path, name: str, field: str
) -> None:
    (tmp_path / "secret.png").write_text("secret")
    run = make(**{field: name})
    note = {"format": "meta-bulk", "campaign": "c", "url": "https://example.com", "approved_by": "Ada"}
    with pytest.raises(CatalogError, match="which is not inside it"):
        pipeline.export(run, tmp_path / "out" / "meta.csv", **note)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_a_link_out_of_the_run_is_not_followed(make: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_text("secret")
    run = make(original_image="link.png")
    (run / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(CatalogError, match="a link that leads out of it"):
        read_variants(run, "c")
    os.mkfifo(run / "pipe.png")
    with pytest.raises(CatalogError, match=r"pipe\.png is no file"):
        find_member(run, "pipe.png")
    assert find_member(run, "images/gone.png") is None


@pytest.mark.parametrize("field", ["data", "columns", "images"])
@pytest.mark.parametrize("kind", ["pipe", "device", "outside", "number"])
def test_settings_of_a_run_open_no_pipe_and_no_device(make: Callable[..., Path], tmp_path: Path, field: str, kind: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "outside.csv").write_text("headline\nold\n")
    path: Any = {"pipe": str(tmp_path / "pipe"), "device": "/dev/zero", "outside": "../outside.csv", "number": 3}[kind]
    settings = {"data": str(tmp_path / "outside.csv"), field: path}
    control, edited = read_variants(make(settings), "c")
    assert (control.creative.headline, edited.creative.headline) == ("old", "new")


def test_a_package_keeps_no_path_and_its_ids(make: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "ads.csv").write_text("file_name,headline,brand\na.png,old,Secret brand\n")
    run = make({"data": str(tmp_path / "ads.csv"), "columns": "/dev/zero", "seed": 3})
    before = [one.variant_id for one in read_variants(run, "c")]
    forget_paths(run)
    assert read_settings(run) == {"verb": "optimize", "seed": 3}
    assert [one.variant_id for one in read_variants(run, "c")] == before


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"null",
        b'{"row": 1}',
        b'{"row": "1", "status": "edited"}',
        b'{"row": 1, "status": "sold"}',
        b"\xff\xfe",
        b'{"row": 1, "status": "edited", "edits": [1]}',
        b'{"row": 1, "status": "kept", "file_name": 7}',
        b"[" * 100_000,
        b'{"row": 1, "status": "kept", "file_name": "\\ud800.png"}',
        b'{"row": 1, "status": "kept", "reason": "\xed\xa0\x80"}',
    ],
)
def test_a_damaged_line_is_named(make: Callable[..., Path], line: bytes) -> None:
    run = make()
    with (run / "results.jsonl").open("ab") as file:
        file.write(line + b"\n")
    for read in (lambda: list(read_rows(run)), lambda: read_variants(run, "c"), lambda: pipeline.approve(run, by="Ada")):
        with pytest.raises(CatalogError, match=r"line 2 of .*results\.jsonl is (damaged|no row of a run)"):
            read()


def test_a_half_written_last_line_is_no_line(make: Callable[..., Path]) -> None:
    run = make()
    with (run / "results.jsonl").open("ab") as file:
        file.write(b'{"row": 2, "sta')
    assert [row["row"] for row in read_rows(run)] == [1]


@pytest.mark.parametrize("fields", [{"ctr_edited": "much"}, {"edits": [{"direction": "smile"}]}, {"ctr_original": None}])
def test_values_of_another_kind_are_one_sentence(make: Callable[..., Path], fields: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(AdCreativeError):
        pipeline.plan_test(make(**fields), tmp_path / "plan", campaign="c", daily_impressions=1000)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"\xff", b"[" * 100_000])
def test_damaged_settings_are_one_sentence(make: Callable[..., Path], content: bytes) -> None:
    run = make()
    (run / "results.run.json").write_bytes(content)
    with pytest.raises(CatalogError, match=r"results\.run\.json is damaged"):
        read_variants(run, "c")


def test_a_torn_audit_trail_goes_on_and_a_damaged_one_is_named(make: Callable[..., Path]) -> None:
    run = make()
    note_event(run, "made")
    with (run / "audit.jsonl").open("ab") as file:
        file.write(b'{"at": "2026-01-01T00:00:00", "even')  # a kill
    note_event(run, "approved", by="Ada")
    assert [event["event"] for event in read_events(run)] == ["made", "approved"]
    assert (run / "audit.jsonl").stat().st_mode & 0o077 == 0
    with (run / "audit.jsonl").open("ab") as file:
        file.write(b'"approved"\n')
    with pytest.raises(CatalogError, match=r"line 4 of .*audit\.jsonl is damaged"):
        read_events(run)
