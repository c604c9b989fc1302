"""The verb archive: what it packs and refuses, its command, and purge reaching into archives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.artifacts import hash_file
from adcreative.cli.app import app
from adcreative.creative import EditResult
from adcreative.errors import ArtifactError, ConfigError
from adcreative.runs.log import RunLog, lock_run, unlock_run


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADCREATIVE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two ads, Ada's and Bob's, whose originals were JPEG files."""
    ads, run = tmp_path / "ads", tmp_path / "run"
    (run / "images").mkdir(parents=True)
    ads.mkdir()
    with RunLog(run / "results.jsonl", {"verb": "optimize", "seed": 0, "data": str(ads.resolve())}, key_field="row") as log:
        for row, person in enumerate(("ada", "bob"), start=1):
            pixels = np.random.default_rng(row).integers(0, 255, (16, 16, 3)).astype(np.uint8).repeat(4, 0).repeat(4, 1)
            Image.fromarray(pixels).save(ads / f"{person}.jpg", quality=80)
            original = np.asarray(Image.open(ads / f"{person}.jpg"))
            Image.fromarray(original).save(run / "images" / f"{row:05d}-{person}.original.png", compress_level=3)
            Image.fromarray(original // 2).save(run / "images" / f"{row:05d}-{person}.edited.png", compress_level=3)
            result = EditResult(file_name=f"{person}.jpg", status="edited", consent_id=f"c-{person}").as_dict()
            names = {f"{kind}_image": f"images/{row:05d}-{person}.{kind}.png" for kind in ("original", "edited")}
            log.append({"row": row, **result, **names})
    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_comes_back_and_its_trail_says_where_it_is(run: Path, tmp_path: Path) -> None:
    before = contents(run)
    summary = pipeline.archive(run, tmp_path / "run.adc")
    assert summary.done == len(before)
    assert "times smaller" in summary.lines[0]
    pipeline.archive(tmp_path / "run.adc", tmp_path / "back", restore=True)
    assert contents(tmp_path / "back") == before
    noted = pipeline.read_events(run)[-1]
    path = (tmp_path / "run.adc").resolve()
    assert (noted["event"], noted["path"], noted["sha256"]) == ("archived", str(path), hash_file(path))
    assert (tmp_path / "run.adc").stat().st_mode & 0o777 == 0o600


def test_commands(run: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    packed = runner.invoke(app, ["archive", str(run), "--out", str(tmp_path / "run.adc")])
    assert packed.exit_code == 0, packed.output
    assert "files packed" in packed.output
    back = runner.invoke(app, ["archive", str(tmp_path / "run.adc"), "--restore", "--out", str(tmp_path / "back")])
    assert back.exit_code == 0, back.output
    wrong = runner.invoke(app, ["archive", str(tmp_path / "ads"), "--out", str(tmp_path / "x.adc")])
    assert wrong.exit_code == 2
    assert "is no run folder" in wrong.output


def test_what_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="lies in the folder that is packed; choose an --out outside"):
        pipeline.archive(run, run / "run.adc")
    pipeline.archive(run, tmp_path / "run.adc")
    with pytest.raises(ConfigError, match="to unpack an archive, add --restore"):
        pipeline.archive(tmp_path / "run.adc", tmp_path / "back")
    with pytest.raises(ArtifactError, match="is no archive of adcreative"):
        pipeline.archive(tmp_path / "ads" / "ada.jpg", tmp_path / "back", restore=True)
    with pytest.raises(ConfigError, match="is no folder; choose a folder as --out"):
        pipeline.archive(tmp_path / "run.adc", tmp_path / "ads" / "ada.jpg", restore=True)
    (tmp_path / "mine.adc").write_text("mine")
    with pytest.raises(ConfigError, match="is not, or no longer, what this program wrote"):
        pipeline.archive(run, tmp_path / "mine.adc")
    lock = lock_run(run / "results.jsonl")
    try:
        with pytest.raises(ConfigError, match="another process is writing"):
            pipeline.archive(run, tmp_path / "other.adc")
    finally:
        unlock_run(lock)


def test_stopped(run: Path, tmp_path: Path) -> None:
    assert pipeline.archive(run, tmp_path / "run.adc", should_stop=lambda: True).stopped
    assert not (tmp_path / "run.adc").exists()
    pipeline.archive(run, tmp_path / "run.adc")
    assert pipeline.archive(tmp_path / "run.adc", tmp_path / "back", restore=True, should_stop=lambda: True).stopped


def restored(tmp_path: Path, name: str) -> dict[str, bytes]:
    pipeline.archive(tmp_path / "run.adc", tmp_path / name, restore=True)
    return contents(tmp_path / name)


@pytest.mark.parametrize("where", ["run", "run.adc"])
def test_purge_takes_a_person_out_of_archives(run: Path, tmp_path: Path, where: str) -> None:
    pipeline.archive(run, tmp_path / "run.adc")
    before = restored(tmp_path, "before")
    pipeline.purge(tmp_path / where, consent_id="c-ada")
    after = restored(tmp_path, "after")
    assert not [name for name in after if "ada" in name]
    assert {name: after[name] for name in after if "bob" in name} == {name: before[name] for name in before if "bob" in name}
    rows = [json.loads(line) for line in after["results.jsonl"].decode().splitlines()]
    assert [row["file_name"] for row in rows] == ["", "bob.jpg"]
    ada = (tmp_path / "ads" / "ada.jpg").read_bytes()
    assert ada not in (tmp_path / "run.adc").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".run")) == []


def test_purge_of_all_removes_the_archive(run: Path, tmp_path: Path) -> None:
    pipeline.archive(run, tmp_path / "run.adc")
    summary = pipeline.purge(run)
    assert not (tmp_path / "run.adc").exists()
    assert str(tmp_path / "run.adc") in summary.removed


def test_purge_names_an_archive_that_was_moved(run: Path, tmp_path: Path) -> None:
    pipeline.archive(run, tmp_path / "run.adc")
    (tmp_path / "run.adc").rename(tmp_path / "elsewhere.adc")
    summary = pipeline.purge(run, consent_id="c-ada")
    assert any("which is not there any more; purge it where it is now" in line for line in summary.left)
    assert pipeline.purge(tmp_path / "elsewhere.adc", consent_id="c-ada").num_rows == 1
    with_nobody = (tmp_path / "elsewhere.adc").read_bytes()
    pipeline.purge(tmp_path / "elsewhere.adc", consent_id="c-eve")
    assert (tmp_path / "elsewhere.adc").read_bytes() == with_nobody
