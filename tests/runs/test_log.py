from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path

import pytest

from adcreative.errors import ConfigError
from adcreative.provenance.approval import note_event
from adcreative.runs.log import RowsInOrder, RunLog


def test_rows_survive_a_new_process(tmp_path: Path) -> None:
    with RunLog(tmp_path / "r.jsonl", {"seed": 1}, key_field="row") as log:
        log.append({"row": 1, "ctr": 0.5})
    with RunLog(tmp_path / "r.jsonl", {"seed": 1}, key_field="row") as log:
        assert log.rows == {1: {"row": 1, "ctr": 0.5}}
        log.append({"row": 2, "ctr": 0.25})
    lines = (tmp_path / "r.jsonl").read_text().splitlines()
    assert [json.loads(line)["row"] for line in lines] == [1, 2]


@pytest.mark.parametrize("kept_bytes", range(1, 21, 4))
def test_a_half_written_line_is_cut_off(tmp_path: Path, kept_bytes: int) -> None:
    path = tmp_path / "r.jsonl"
    with RunLog(path, {}, key_field="row") as log:
        log.append({"row": 1})
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"row": 2, "ctr": 0.1}\n'[:kept_bytes])
    with RunLog(path, {}, key_field="row") as log:
        assert list(log.rows) == [1]
        log.append({"row": 3})
    assert path.read_bytes() == whole + b'{"row": 3}\n'


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    with RunLog(tmp_path / "r.jsonl", {"seed": 1, "model": "a"}, key_field="row") as log:
        log.append({"row": 1})
    with pytest.raises(ConfigError, match=r"other settings \(seed\).*--restart"):
        RunLog(tmp_path / "r.jsonl", {"seed": 2, "model": "a"}, key_field="row")
    with RunLog(tmp_path / "r.jsonl", {"seed": 2, "model": "a"}, key_field="row", restart=True) as log:
        assert log.rows == {}


def test_a_run_that_did_nothing_leaves_nothing_to_continue(tmp_path: Path) -> None:
    """One that fails at its first step, for want of a model say, must not hold the place against other settings."""
    RunLog(tmp_path / "r.jsonl", {"seed": 1}, key_field="row").close()
    assert not list(tmp_path.glob("*"))
    (tmp_path / "r.jsonl").write_text("")  # a kill before the first row
    (tmp_path / "r.run.json").write_text('{"seed": 1}')
    with RunLog(tmp_path / "r.jsonl", {"seed": 2}, key_field="row") as log:
        log.append({"row": 1})
    assert json.loads((tmp_path / "r.run.json").read_text()) == {"seed": 2}


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "\x00"])
def test_damaged_settings_are_one_sentence(tmp_path: Path, content: str) -> None:
    with RunLog(tmp_path / "r.jsonl", {"seed": 1}, key_field="row") as log:
        log.append({"row": 1})
    (tmp_path / "r.run.json").write_text(content)
    with pytest.raises(ConfigError, match=r"r\.run\.json is damaged .*--restart"):
        RunLog(tmp_path / "r.jsonl", {"seed": 1}, key_field="row")


def test_what_is_no_number_is_null(tmp_path: Path) -> None:
    """NaN and Infinity are no JSON: other programs refuse the whole file."""
    with RunLog(tmp_path / "r.jsonl", {}, key_field="row") as log:
        log.append({"row": 1, "ctr": float("nan"), "more": {"a": [float("inf"), (1.5,)]}})
    text = (tmp_path / "r.jsonl").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == {"row": 1, "ctr": None, "more": {"a": [None, [1.5]]}}


def test_a_log_without_its_settings_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"row": 1}\n')
    with pytest.raises(ConfigError, match="other settings"):
        RunLog(tmp_path / "r.jsonl", {"seed": 1}, key_field="row")


def test_unicode_stays_readable(tmp_path: Path) -> None:
    with RunLog(tmp_path / "r.jsonl", {}, key_field="row") as log:
        log.append({"row": 1, "headline": "läuft 🚀 مرحبا"})
    assert "läuft 🚀 مرحبا" in (tmp_path / "r.jsonl").read_text(encoding="utf-8")


def test_rows_of_one_append_are_there_together_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with RunLog(path, {}, key_field="row") as log:
        log.append({"row": 3}, {"row": 1, "text": "ü"}, {"row": 2})
        assert [log.rows[row] for row in (1, 2, 3)] == [{"row": 1, "text": "ü"}, {"row": 2}, {"row": 3}]
        with pytest.raises(TypeError):
            log.append({"row": 4}, {"row": {1}})
        assert list(log.rows) == [3, 1, 2]
        assert len(path.read_text().splitlines()) == 3


def test_sorting_brings_the_lines_into_order_and_the_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with RunLog(path, {}, key_field="row") as log:
        log.append({"row": 3}, {"row": 1}, {"row": 2})
        log.sort()
        log.append({"row": 4, "text": "after"})
        assert [json.loads(line)["row"] for line in path.read_text().splitlines()] == [1, 2, 3, 4]
        assert log.rows[4]["text"] == "after"
        part = RowsInOrder(log.rows, [4, 2, 1])
        assert [row["row"] for row in part] == [4, 2, 1]
        assert [row["row"] for row in part[1:]] == [2, 1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.jsonl", "r.run.json"]


def test_memory_holds_places_not_lines(tmp_path: Path) -> None:
    with RunLog(tmp_path / "r.jsonl", {}, key_field="row") as log:
        tracemalloc.start()
        for row in range(300):
            log.append({"row": row, "text": "x" * 10_000})
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert held < 300 * 400


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with RunLog(path, {}, key_field="row") as log:
        log.append({"row": 1}, {"row": 2})
    path.write_bytes(b"\0" * 11 + path.read_bytes()[10:])
    with pytest.raises(ConfigError, match=r"line 1 of .*r\.jsonl is damaged"):
        RunLog(path, {}, key_field="row")


@pytest.mark.parametrize(
    "row", ["{}", "[1]", "null", '{"row": null}', '{"row": 1e999}', '{"row": true}', '{"row": [1]}', '{"row": {}}']
)
def test_a_line_that_is_no_row_is_named_where_the_run_is_resumed(row: str, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with RunLog(path, {}, key_field="row") as log:
        log.append({"row": 1})
    path.write_text(path.read_text() + row + "\n")
    with pytest.raises(ConfigError, match=r"line 2 of .*r\.jsonl is damaged"):
        RunLog(path, {}, key_field="row")


def test_a_row_and_an_event_are_on_disk_before_the_work_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut after `append` or `note_event` returned loses nothing: the whole line was synced."""
    synced: list[tuple[str, bytes]] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        (path,) = (one for one in tmp_path.iterdir() if os.path.samestat(one.stat(), os.fstat(handle)))
        synced.append((path.name, path.read_bytes()[-20:]))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with RunLog(tmp_path / "results.jsonl", {"seed": 0}, key_field="row") as log:
        synced.clear()
        log.append({"row": 1, "headline": "Sleep well"})
        assert synced == [("results.jsonl", (tmp_path / "results.jsonl").read_bytes()[-20:])]
    note_event(tmp_path, "approved", by="Ada")
    assert synced[1:] == [("audit.jsonl", (tmp_path / "audit.jsonl").read_bytes()[-20:])]
