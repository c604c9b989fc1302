"""Runs, archives and language models for `fuzz_readers`: how each is read, and sound files to start from."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import datetime
from functools import cache
from pathlib import Path

from adcreative.copywriter.engines.answer_lines import read_answer
from adcreative.copywriter.engines.answer_pieces import AnswerError, read_pieces
from adcreative.creative import EditResult
from adcreative.errors import CopywriterError
from adcreative.provenance.approval import read_events
from adcreative.provenance.run_records import read_rows
from adcreative.runs.log import RunLog, check_settings
from adcreative.runs.people import picture_paths

SETTINGS = {"verb": "optimize", "data": "ads", "seed": 0}
Files = list[tuple[str, bytes]]


@cache
def _result_line() -> bytes:
    result = EditResult(file_name="a.png", status="kept", headline_original="Run", ctr_original=0.01).as_dict()
    return (json.dumps({"row": 0, **result}) + "\n").encode()


def _run_folder(path: Path, name: str) -> Path:
    """Return a sound run folder in which the file `name` is the one at `path`."""
    folder = path.parent / "run"
    folder.mkdir()
    (folder / "results.jsonl").write_bytes(2 * _result_line())
    (folder / "results.run.json").write_text(json.dumps(SETTINGS))
    (folder / "audit.jsonl").write_text('{"at": "2026-11-01T10:00:00", "event": "approved", "by": "Ada"}\n')
    path.replace(folder / name)
    return folder


def read_run_rows(path: Path) -> object:
    """Continue a run whose rows are damaged, and read what it says."""
    folder = _run_folder(path, "results.jsonl")
    with RunLog(folder / "results.jsonl", SETTINGS, key_field="row") as log:
        found = [log.rows[key] for key in log.rows]
    return found, list(read_rows(folder))


def read_named_pictures(path: Path) -> object:
    """Ask damaged rows for their pictures, as a purge does."""
    folder = _run_folder(path, "results.jsonl")
    return [picture_paths(row, folder) for row in read_rows(folder)]


def read_run_settings(path: Path) -> object:
    folder = _run_folder(path, "results.run.json")
    return check_settings(folder / "results.jsonl", SETTINGS)


def read_run_audit(path: Path) -> object:
    return read_events(_run_folder(path, "audit.jsonl"))


def result_lines() -> Files:
    lines = [json.loads(_result_line()) | {"row": number} for number in range(3)]
    return [("a.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode())]


def settings_files() -> Files:
    return [("a.json", json.dumps(SETTINGS).encode())]


def audit_files() -> Files:
    lines = ({"at": datetime(2026, 11, 1).isoformat(), "event": name, "by": "Ada"} for name in ("approved", "packed"))
    return [("a.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode())]


def read_upload(path: Path) -> object:
    """Take apart what was uploaded as a folder of many ads."""
    from apps.studio.handlers.uploads import gather

    return gather([path], path.parent / "taken")


def read_package(path: Path) -> object:
    """Take a package of a run apart, as the app does."""
    from apps.studio.handlers.packing import unpack

    place = path.parent / "place"
    place.mkdir()
    return unpack(path, place)


def _zip(members: dict[str, bytes], kind: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 1, 0, 0, 0)), content, kind)
    return buffer.getvalue()


@cache
def upload_zips() -> Files:
    members = {"ads/a.png": b"\x89PNG" + bytes(40), "ads/metadata.csv": b"file_name,headline\na.png,Run\n", "notes.txt": b"x"}
    return [("a.zip", _zip(members, kind)) for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]


@cache
def packages() -> Files:
    members = {
        "technical/results.jsonl": _result_line(),
        "technical/results.run.json": json.dumps(SETTINGS).encode(),
        "technical/campaign.json": b'{"campaign": "autumn"}',
    }
    return [("a.zip", _zip(members, kind)) for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]


def read_answer_stream(path: Path) -> object:
    """Read what a language model server sends, in chunks of changing length, to its lines."""
    content = path.read_bytes()
    starts = range(0, len(content), 1 + len(content) % 17)
    step = starts.step if len(starts) else 1
    try:
        return read_answer("".join(read_pieces(content[start : start + step] for start in starts)))
    except AnswerError as error:
        raise CopywriterError(str(error)) from error


def answers() -> Files:
    def event(text: str) -> str:
        return f"data: {json.dumps({'choices': [{'delta': {'content': text}}]})}\n\n"

    lines = json.dumps({"lines": ["Run far", "Grip \u2603 holds"]})
    streamed = "".join(event(lines[start : start + 5]) for start in range(0, len(lines), 5)) + "data: [DONE]\n\n"
    whole = json.dumps({"choices": [{"message": {"content": lines}}]})
    return [("a.txt", streamed.encode()), ("a.txt", whole.encode())]
