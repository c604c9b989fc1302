"""Purge and what is not the run's: the user's pictures, links, other people's files that a row or an audit trail names."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.cli.app import app
from adcreative.creative import EditResult
from adcreative.errors import ConfigError
from adcreative.runs import people
from adcreative.runs.log import RunLog
from adcreative.runs.purging import MAY_HOLD


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADCREATIVE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def ads(tmp_path: Path) -> Path:
    """The user's folder: three pictures, two of Ada, and a table."""
    folder = tmp_path / "ads"
    folder.mkdir()
    lines = ["file_name,headline,consent_id"]
    for number, (name, consent) in enumerate((("ad1.png", "c-ada"), ("ad10.png", "c-bob"), ("torn.png", "c-ada"))):
        Image.fromarray(np.full((64, 64, 3), 40 * number, np.uint8)).save(folder / name)
        lines.append(f"{name},Hello,{consent}")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def run(tmp_path: Path, ads: Path) -> Path:
    """A run of these ads."""
    run = tmp_path / "run"
    (run / "images").mkdir(parents=True)
    settings = {"verb": "optimize", "seed": 0, "data": str(ads.resolve())}
    with RunLog(run / "results.jsonl", settings, key_field="row") as log:
        for row, (name, consent) in enumerate((("ad1", "c-ada"), ("ad10", "c-bob")), start=1):
            result = EditResult(file_name=f"{name}.png", status="kept", consent_id=consent)
            image = f"images/{row:05d}-{name}.original.png"
            Image.fromarray(np.full((64, 64, 3), 90 + row, np.uint8)).save(run / image)
            log.append({"row": row, **result.as_dict(), "original_image": image})
        log.append({"row": 3, **EditResult(file_name="torn.png", status="failed", reason="torn", consent_id="c-ada").as_dict()})
    (run / "results.failures.csv").write_text("file_name,ad_name,problem,remedy\ntorn.png,,torn,\ngone.png,,not there,\n")
    return run


def rows(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "results.jsonl").read_text().splitlines()]


def test_a_failed_row_goes_with_its_consent_record(run: Path) -> None:
    summary = pipeline.purge(run, consent_id="c-ada")
    assert [row["file_name"] for row in rows(run)] == ["", "ad10.png", ""]
    assert (summary.num_rows, summary.num_failures) == (2, 1)
    assert "torn" not in (run / "results.failures.csv").read_text()


def test_an_ad_that_only_the_failure_table_names_is_found(run: Path) -> None:
    summary = pipeline.purge(run, creative="gone.png")
    assert (run / "results.failures.csv").read_text().splitlines()[1:] == ["torn.png,,torn,"]
    assert summary.sentences()[0] == "removed 1 rows of the failure table"


def test_a_longer_name_is_another_ads(run: Path) -> None:
    (run / "results.failures.csv").write_text("file_name,ad_name,problem,remedy\nad10.png,,a,b\nad1.png,,c,d\n")
    pipeline.purge(run, creative="ad1.png")
    assert [path.name for path in (run / "images").iterdir()] == ["00002-ad10.original.png"]
    assert (run / "results.failures.csv").read_text().splitlines()[1:] == ["ad10.png,,a,b"]


def test_another_ads_picture_stays_even_where_its_name_holds_this_ones(run: Path) -> None:
    written = [{**row, "ad_name": "original"} if row["row"] == 1 else row for row in rows(run)]
    (run / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in written))
    pipeline.purge(run, creative="original")
    assert [path.name for path in (run / "images").iterdir()] == ["00002-ad10.original.png"]


def test_the_users_own_pictures_and_table_are_listed_and_stay(run: Path, ads: Path) -> None:
    left = pipeline.purge(run, consent_id="c-ada").left
    assert f"{ads / 'ad1.png'} (the ad's own picture; --originals removes it)" in left
    assert f"{ads / 'metadata.csv'} (names the person; your table)" in left
    assert len(list(ads.iterdir())) == 4
    assert any(f"{ads} (holds the pictures" in one for one in pipeline.purge(run).left)
    assert len(list(ads.iterdir())) == 4


def write_table(path: Path, lines: list[list[str]]) -> None:
    """Write a table of the format that the path names; a name of an ad may be anywhere in its bytes, or compressed."""
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        for cells in lines:
            book.worksheets[0].append(cells)
        book.save(path)
    elif path.suffix == ".parquet":
        table = pa.table({name: [line[at] for line in lines[1:]] for at, name in enumerate(lines[0])})
        pq.write_table(table, path, compression="zstd", use_dictionary=False, write_statistics=False)
    else:
        path.write_text("\n".join(map(",".join, lines)), encoding="utf-16" if path.name == "own.csv" else "utf-8")


@pytest.mark.parametrize("name", ["metadata.xlsx", "metadata.parquet", "own.csv", "own.xlsx"])
@pytest.mark.parametrize("is_folder", [True, False])
def test_the_users_own_table_of_any_format_is_listed(run: Path, ads: Path, name: str, is_folder: bool) -> None:
    (ads / "metadata.csv").unlink()
    lines = [["file_name", "headline"], ["ad1.png", "R&D"], *([f"x{number}.png", "Hello"] for number in range(200))]
    write_table(ads / name, lines)
    settings = json.loads((run / "results.run.json").read_text())
    (run / "results.run.json").write_text(json.dumps({**settings, "data": str(ads if is_folder else ads / name)}))
    assert f"{ads / name} (names the person; your table)" in pipeline.purge(run, creative="ad1.png").left
    assert not any(name in one for one in pipeline.purge(run, creative="ad10.png").left)


@pytest.mark.parametrize("place", ["run", "also"])
def test_files_that_hold_the_person_compressed_are_listed(run: Path, tmp_path: Path, place: str) -> None:
    folder = run if place == "run" else tmp_path / "also"
    folder.mkdir(exist_ok=True)
    picture = (run / "images" / "00001-ad1.original.png").read_bytes()
    write_table(folder / "a.xlsx", [["who"], ["ad1.png"]])
    write_table(folder / "b.parquet", [["who"], ["ad1.png"]])
    for name, member, content in (("c.docx", "word.xml", b"<t>ad1.png</t>"), ("pack", "a.png", picture)):
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(member, content)
    (folder / "d.txt").write_bytes("see ad1.png".encode("utf-16-le"))
    with gzip.open(folder / "e.csv.gz", "wt") as file:
        file.write("ad1.png\n" * 9)
    write_table(folder / "others.xlsx", [["who"], ["ad10.png"]])
    left = " ".join(pipeline.purge(run, creative="ad1.png", also=[tmp_path / "also"] if place == "also" else ()).left)
    for name in ("a.xlsx", "b.parquet", "c.docx", "pack", "d.txt"):
        assert f"{folder / name} (names the person" in left, name
    assert f"{folder / 'e.csv.gz'} (too large, encrypted" in left
    assert "others.xlsx" not in left


@pytest.mark.parametrize("kind", ["too large", "encrypted", "damaged"])
def test_an_archive_that_cannot_be_searched_may_hold_the_person(run: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """It is said of it that it may, since nobody knows; one that was searched and holds nothing is not named."""
    with zipfile.ZipFile(run / "mine.zip", "w") as archive:
        archive.writestr("notes.txt", b"nothing of them" + bytes(5000 if kind == "too large" else 0))
    shutil.copy(run / "mine.zip", run / "searched.zip")
    if kind == "too large":
        monkeypatch.setattr(people, "MAX_SEARCHED_BYTES", 4000)
        (run / "searched.zip").unlink()
    else:
        content = bytearray((run / "mine.zip").read_bytes())
        if kind == "encrypted":
            content[6] |= 1  # the flag of the member, and of its entry in the list at the end
            content[content.rindex(b"PK\x01\x02") + 8] |= 1
        else:
            content[40] ^= 0xFF
        (run / "mine.zip").write_bytes(content)
    left = pipeline.purge(run, creative="ad1.png").left
    assert f"{run / 'mine.zip'} ({MAY_HOLD})" in left
    assert "may hold the person" in MAY_HOLD
    assert not any("searched.zip" in one for one in left)


def test_when_told_to_the_users_own_pictures_go(run: Path, ads: Path) -> None:
    pipeline.purge(run, consent_id="c-bob", originals=True)
    assert len(list(ads.iterdir())) == 4, "an earlier version did not note where the pictures were"
    result = CliRunner().invoke(app, ["purge", str(run), "--consent-id", "c-ada", "--originals", "--also", str(ads)])
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in ads.iterdir()) == ["ad10.png", "metadata.csv"]
    assert str(ads / "ad1.png") in result.output.replace("\n", "")


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hostname", "link.png", "up/secret.png"])
def test_no_row_leads_out_of_the_users_data(run: Path, ads: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.png").write_bytes(b"x")
    os.symlink(tmp_path / "secret.png", ads / "link.png")
    os.symlink(tmp_path, ads / "up")
    written = [{**row, "file_name": name} if row["row"] == 1 else row for row in rows(run)]
    (run / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in written))
    pipeline.purge(run, originals=True, also=[ads])
    assert (tmp_path / "secret.png").exists()
    assert not (ads / "ad10.png").exists()


def test_pictures_behind_links_go_when_told_to(run: Path, tmp_path: Path) -> None:
    disk = tmp_path / "large-disk"
    disk.mkdir()
    moved = run / "images" / "00001-ad1.original.png"
    moved.rename(disk / "behind.png")
    moved.symlink_to(disk / "behind.png")
    summary = pipeline.purge(run, consent_id="c-ada")
    assert any(str(disk / "behind.png") in one and "behind the link" in one for one in summary.left)
    assert (disk / "behind.png").exists()
    moved.symlink_to(disk / "behind.png")
    written = [
        {**row, "file_name": "ad1.png", "consent_id": "c-ada", "reason": "", "original_image": "images/" + moved.name}
        if row["row"] == 1
        else row
        for row in rows(run)
    ]
    (run / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in written))
    pipeline.purge(run, consent_id="c-ada", originals=True, also=[disk])
    assert list(disk.iterdir()) == []


def test_images_on_another_disk_are_removed_by_row_when_told_to(run: Path, tmp_path: Path) -> None:
    disk = tmp_path / "large-disk"
    (run / "images").rename(disk)
    (disk / "mine.png").write_bytes(b"not the run's")
    (run / "images").symlink_to(disk)
    left = pipeline.purge(run, creative="ad1.png", originals=True).left
    assert any("00001-ad1.original.png (behind a link, as the run's folder alone says" in one for one in left)
    assert len(list(disk.iterdir())) == 3, "a run folder that somebody sent may hold a link to any folder"
    pipeline.purge(run, consent_id="c-bob", originals=True, also=[disk])
    assert sorted(path.name for path in disk.iterdir()) == ["00001-ad1.original.png", "mine.png"]


@pytest.mark.parametrize("name", ["x" * 5000, "\\ud800", "/dev/zero"])
def test_settings_that_name_no_place_stop_no_purge(run: Path, name: str) -> None:
    (run / "results.run.json").write_text('{"verb": "optimize", "seed": 0, "data": "%s"}' % name)  # noqa: UP031
    if name == "\\ud800":
        with pytest.raises(ConfigError, match="was not written by optimize"):
            pipeline.purge(run, consent_id="c-ada")
        return
    assert pipeline.purge(run, consent_id="c-ada").num_rows == 2
    assert pipeline.purge(run, originals=True).removed
    assert not run.exists()


@pytest.mark.parametrize("told", [[[]], [None, 3, "x"], {"image": "images/a.png"}, "images/a.png", 7])
def test_rows_that_tell_their_versions_in_another_shape_name_no_picture(told: Any) -> None:
    from adcreative.runs.people import named_pictures

    row = {"edited_image": "images/b.png", "alternatives": told, "sizes": [{"image": "images/c.png"}]}
    assert named_pictures(row) == {"images/b.png", "images/c.png"}
