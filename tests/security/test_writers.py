"""Output folders under stress: two writers, a full disk, and a process that is killed again and again."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adcreative.catalog.tables import write_rows
from adcreative.creative import EditResult
from adcreative.errors import AdCreativeError, CatalogError
from adcreative.provenance.errors import ProvenanceError
from adcreative.provenance.sidecar import export_picture
from adcreative.runs.log import RunLog


class FullDisk:
    """A file on a disk that has room for `room` more bytes."""

    def __init__(self, file: Any, room: int) -> None:
        self.file, self.room = file, room

    def write(self, content: bytes) -> int:
        taken = min(len(content), self.room)
        if not taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= taken
        return self.file.write(content[:taken])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


@pytest.mark.parametrize("room", [0, 1, 20, 25])
def test_a_row_that_does_not_fit_is_taken_back_and_written_later(tmp_path: Path, room: int) -> None:
    path = tmp_path / "results.jsonl"
    with RunLog(path, {}, key_field="row") as log:
        log.append({"row": 1})
        before = path.read_bytes()
        real, log._file = log._file, FullDisk(log._file, room)  # type: ignore[assignment]
        with pytest.raises(CatalogError, match=r"No space left.*Free some space.*goes on where it was"):
            log.append({"row": 2, "text": "a longer line than the disk has room for"})
        assert path.read_bytes() == before
        assert 2 not in log.rows
        log._file = real
        log.append({"row": 2})
    with RunLog(path, {}, key_field="row") as log:
        assert set(log.rows) == {1, 2}


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_picture_that_does_not_fit_leaves_the_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, pixels = tmp_path / "images" / "a.png", np.zeros((64, 64, 3), np.uint8)
    result = EditResult(file_name="a.jpg", status="edited").as_dict()
    export_picture(path, pixels, is_edited=True, result=result)
    before = {p.name: p.read_bytes() for p in path.parent.iterdir()}
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(ProvenanceError, match=r"a\.png cannot be written \(No space left"):
            export_picture(path, pixels + 9, is_edited=True, result=result)
        with pytest.raises(CatalogError, match="No space left"):
            write_rows(tmp_path / "t.csv", [{"a": 1}], ["a"])
        with pytest.raises(CatalogError, match="No space left"), RunLog(tmp_path / "r.jsonl", {}, key_field="row") as log:
            log.append({"row": 1})
    assert {p.name: p.read_bytes() for p in path.parent.iterdir()} == before
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == []


def test_a_folder_that_may_not_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for attempt in (
        lambda: RunLog(tmp_path / "file" / "results.jsonl", {}, key_field="row"),
        lambda: export_picture(tmp_path / "file" / "a.png", np.zeros((64, 64, 3), np.uint8), is_edited=True),
    ):
        with pytest.raises(AdCreativeError, match="cannot be written"):
            attempt()
    with contextlib.suppress(OSError):
        assert not (tmp_path / "file" / "results.jsonl").exists()
