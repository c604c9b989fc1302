"""Purge on run folders as `optimize` leaves them, built here without models; and the planted ways out of the folder."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.cli.app import app
from adcreative.creative import Edit, EditResult
from adcreative.errors import ConfigError
from adcreative.features.cache import FeatureCache
from adcreative.provenance.sidecar import export_picture
from adcreative.runs.continuing import find_kept
from adcreative.runs.log import RunLog

PIXELS = np.full((64, 64, 3), 200, np.uint8)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeatureCache:
    monkeypatch.setenv("ADCREATIVE_CACHE", str(tmp_path / "cache"))
    cache = FeatureCache(tmp_path / "cache" / "features")
    for key in ("aa1", "bb2"):
        cache.save(key, {"codes": np.zeros(3)})
    cache.owners.note(["c-ada"], ["aa1"])
    return cache


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Three creatives: Ada's, Ada's with Bob, and one without faces."""
    run = tmp_path / "run"
    with RunLog(run / "results.jsonl", {"verb": "optimize", "seed": 0}, key_field="row") as log:
        for row, consent_id in enumerate(("c-ada", "c-bob; c-ada", ""), start=1):
            log.append(save(run, row, consent_id))
    (run / "report.html").write_text("<html>faces</html>")
    (run / "results.failures.csv").write_text("file_name,ad_name,problem,remedy\n")
    return run


def save(run: Path, row: int, consent_id: str) -> dict[str, Any]:
    edits = (Edit(face=0, direction="smile", strength=1.0),)
    result = EditResult(file_name=f"ad{row}.jpg", ad_name=f"Ad {row}", status="edited", edits=edits, consent_id=consent_id)
    images = {}
    for kind in ("original", "control", "edited"):
        name = f"images/{row:05d}-ad{row}.{kind}.png"
        export_picture(run / name, PIXELS, is_edited=True, result=result.as_dict() if kind == "edited" else None)
        images[f"{kind}_image"] = name
    return {"row": row, **result.as_dict(), **images}


def rows(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "results.jsonl").read_text().splitlines()]


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def test_a_person_leaves_no_picture_no_edit_and_no_code(run: Path, cache: FeatureCache) -> None:
    export_picture(run / "upload" / "final.jpg", PIXELS, is_edited=True, result=rows(run)[0])
    summary = pipeline.purge(run, consent_id="c-ada")
    assert files(run) == {
        "results.jsonl",
        "results.run.json",
        "results.failures.csv",
        "images/00003-ad3.original.png",
        "images/00003-ad3.control.png",
        "images/00003-ad3.edited.png",
        "images/00003-ad3.edited.png.provenance.json",
    }
    assert [row["status"] for row in rows(run)] == ["failed", "failed", "edited"]
    assert rows(run)[0]["edits"] == []
    assert rows(run)[0]["reason"] == "removed on request (purge)"
    assert cache.load("aa1") is None
    assert cache.load("bb2") is not None
    assert (summary.num_rows, summary.num_cached, len(summary.removed)) == (2, 1, 2 * 4 + 2 + 1)
    again = pipeline.purge(run, consent_id="c-ada")
    assert again.sentences() == ["nothing was left to remove"]


@pytest.mark.parametrize("kind", ["sizes", "alternatives"])
def test_further_shapes_and_versions_of_a_person_go_too(run: Path, cache: FeatureCache, kind: str) -> None:
    export_picture(run / "images" / "tall.png", PIXELS, is_edited=True)
    told = [{**row, kind: [{"image": "images/tall.png"}] if row["row"] == 1 else []} for row in rows(run)]
    (run / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in told))
    pipeline.purge(run, consent_id="c-ada")
    assert "images/tall.png" not in files(run)


def test_one_creative_by_name(run: Path, cache: FeatureCache) -> None:
    pipeline.purge(run, creative="Ad 3", keep_cache=True)
    assert cache.load("bb2") is not None
    assert not list(run.glob("images/00003*"))
    assert len(list(run.glob("images/*.png"))) == 6
    assert cache.load("aa1") is not None


def test_a_purged_run_is_continued_without_editing_the_person_anew(run: Path, cache: FeatureCache) -> None:
    pipeline.purge(run, consent_id="c-ada")
    with RunLog(run / "results.jsonl", {"verb": "optimize", "seed": 0}, key_field="row") as log:
        assert set(log.rows) == {1, 2, 3}


def test_a_whole_run_goes_and_a_second_time_is_quiet(run: Path, cache: FeatureCache) -> None:
    assert len(pipeline.purge(run).removed) == 9 + 3 + 4
    assert not run.exists()
    assert pipeline.purge(run).sentences() == ["nothing was left to remove"]


def test_files_of_others_stay_and_are_named(run: Path, cache: FeatureCache) -> None:
    (run / "notes.txt").write_text("mine")
    (run / "images" / "plan.xlsx").write_text("mine")
    (run / "creatives").mkdir()
    (run / "creatives" / "ad.jpg").write_text("the user's own data")
    summary = pipeline.purge(run)
    assert files(run) == {"notes.txt", "images/plan.xlsx", "creatives/ad.jpg", "purged.json"}
    assert any("notes.txt" in name for name in summary.left)
    assert not pipeline.purge(run).removed


@pytest.mark.parametrize("settings", [None, '{"verb": "score"}', "[]", "not json"])
def test_a_folder_that_no_run_wrote_is_refused(tmp_path: Path, cache: FeatureCache, settings: str | None) -> None:
    (tmp_path / "photos" / "images").mkdir(parents=True)
    (tmp_path / "photos" / "images" / "me.png").write_text("x")
    (tmp_path / "photos" / "results.jsonl").write_text("{}\n")
    if settings is not None:
        (tmp_path / "photos" / "results.run.json").write_text(settings)
    for arguments in ({}, {"consent_id": "c-ada"}):
        with pytest.raises(ConfigError, match="was not written by optimize, demo or compose"):
            pipeline.purge(tmp_path / "photos", **arguments)
    assert len(files(tmp_path / "photos")) == 2 + (settings is not None)
    assert cache.load("aa1") is not None


def test_links_are_never_followed_out(run: Path, cache: FeatureCache, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("a.png", "a.png.provenance.json", "victim.png"):
        (outside / name).write_text(json.dumps({"format": 1, "consent_id": "c-ada"}))
    os.symlink(outside, run / "images" / "deep")
    os.symlink(outside / "victim.png", run / "images" / "link.png")
    os.symlink(outside, run / "export")
    before = files(outside)
    pipeline.purge(run, consent_id="c-ada")
    assert files(outside) == before
    pipeline.purge(run)
    assert files(outside) == before
    assert not (run / "images").exists()
    os.symlink(outside, tmp_path / "run2")
    with pytest.raises(ConfigError, match="is a link"):
        pipeline.purge(tmp_path / "run2")


def test_images_as_a_link_and_rows_that_name_other_files(run: Path, cache: FeatureCache, tmp_path: Path) -> None:
    """A planted results.jsonl names files outside of images/, and images/ itself leads away."""
    victim = tmp_path / "victim.png"
    victim.write_text("x")
    (run / "keep.png").write_text("x")
    planted = [rows(run)[0] | {"edited_image": name} for name in ("../victim.png", str(victim), "keep.png")]
    (run / "results.jsonl").write_text("".join(json.dumps(row | {"row": n}) + "\n" for n, row in enumerate(planted)))
    pipeline.purge(run, consent_id="c-ada")
    assert victim.exists()
    assert (run / "keep.png").exists()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.png").write_text("x")
    for path in (run / "images").iterdir():
        path.unlink()
    (run / "images").rmdir()
    os.symlink(tmp_path / "elsewhere", run / "images")
    pipeline.purge(run)
    assert (tmp_path / "elsewhere" / "x.png").exists()


def test_a_cache_that_is_a_link_is_left(cache: FeatureCache, tmp_path: Path) -> None:
    os.rename(tmp_path / "cache" / "features", tmp_path / "real")
    os.symlink(tmp_path / "real", tmp_path / "cache" / "features")
    assert "a link" in pipeline.purge().left[0]
    assert len(list((tmp_path / "real").rglob("*.entry"))) == 2


def test_a_run_in_progress_is_not_purged(run: Path, cache: FeatureCache) -> None:
    with (
        RunLog(run / "results.jsonl", {"verb": "optimize", "seed": 0}, key_field="row"),
        pytest.raises(ConfigError, match="another process is writing"),
    ):
        pipeline.purge(run)
    assert (run / "report.html").exists()


def test_whom_must_be_said_clearly(run: Path, cache: FeatureCache) -> None:
    with pytest.raises(ConfigError, match="either a consent id or a creative"):
        pipeline.purge(run, consent_id="c-ada", creative="Ad 1")
    with pytest.raises(ConfigError, match="name the run folder"):
        pipeline.purge(consent_id="c-ada")


def test_from_the_command_line(run: Path, cache: FeatureCache) -> None:
    result = CliRunner().invoke(app, ["purge", str(run), "--consent-id", "c-ada"])
    assert result.exit_code == 0
    assert "emptied 2 rows of results.jsonl" in result.output
    assert "removed 1 entry of the feature cache\n" in result.output
    result = CliRunner().invoke(app, ["disclosures", "--market", "eu", "--run", str(run), "--on", "2026-11-24"])
    assert result.exit_code == 0, result.output
    assert "AI Act Art. 50(4)" in result.output
    assert "not legal advice" in result.output
    wrong = CliRunner().invoke(app, ["disclosures", "--market", "mars"])
    assert wrong.exit_code == 2


def picture_bytes(folder: Path) -> set[bytes]:
    return {path.read_bytes() for path in folder.rglob("*.png")}


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    """A run of two ads, Ada's and another, each with its own picture, planned and exported, and a failed ad of Ada's."""
    from adcreative.creative import Creative
    from adcreative.runs.folder import Makers, write_pictures

    run = tmp_path / "run"
    with RunLog(run / "results.jsonl", {"verb": "optimize", "seed": 0}, key_field="row") as log:
        for row, (name, consent_id) in enumerate((("ada-lovelace.png", "c-ada"), ("other.png", "c-bob")), start=1):
            pixels = np.random.default_rng(row).integers(0, 255, (64, 64, 3)).astype(np.uint8)
            edits = (Edit(face=0, direction="smile", strength=1.0),)
            result = EditResult(
                file_name=f"photos/{name}",
                ad_name=f"Ad of {name}",
                status="edited",
                edits=edits,
                consent_id=consent_id,
                headline_original="Old",
                headline_edited="New",
                ctr_original=0.01,
                ctr_edited=0.02,
                ctr_original_judge=0.01,
                ctr_edited_judge=0.02,
            )
            creative = Creative(row=row, file_name=f"photos/{name}", image_u8=pixels)
            outcome = type("Outcome", (), {"result": result, "image_u8": pixels + 1, "control_u8": pixels + 2})()
            images = write_pictures(creative, outcome, run, stem=f"{row:05d}-{Path(name).stem}", makers=Makers())
            log.append({"row": row, **result.as_dict(), **images, "remedy": ""})
        failed = EditResult(file_name="ada-lovelace-2.png", ad_name="", status="failed", consent_id="c-ada", reason="torn")
        log.append({"row": 3, **failed.as_dict(), "remedy": "Mend it."})
    (run / "results.failures.csv").write_text(
        "file_name,ad_name,problem,remedy\nada-lovelace-2.png,,torn,Mend it.\nx.png,,y,z\n"
    )
    pipeline.plan_test(run, run / "plan", campaign="c", daily_impressions=100_000)
    pipeline.export(run, tmp_path / "up" / "meta.csv", format="meta-bulk", campaign="c", url="https://x.de", approved_by="Bea")
    return run


def test_after_a_purge_no_byte_of_picture_or_name_is_left(shown: Path, cache: FeatureCache, tmp_path: Path) -> None:
    face = {path.read_bytes() for path in shown.glob("images/00001*.png")}
    assert face & picture_bytes(tmp_path / "up"), "the control's picture was exported as it is"
    summary = pipeline.purge(shown, consent_id="c-ada")
    for folder in (shown, tmp_path / "up"):
        assert not face & picture_bytes(folder)
        for path in folder.rglob("*"):
            assert "lovelace" not in path.name
            assert path.is_dir() or b"lovelace" not in path.read_bytes(), path
    assert len(picture_bytes(shown)) == 2
    assert len(picture_bytes(tmp_path / "up")) == 2
    assert [row["status"] for row in rows(shown)] == ["failed", "edited", "failed"]
    assert (shown / "results.failures.csv").read_text().splitlines()[1:] == ["x.png,,y,z"]
    assert any(name.endswith("meta.csv") for name in summary.removed)
    assert pipeline.purge(shown, consent_id="c-ada").sentences()[0] == "nothing was left to remove"


def test_a_purged_row_is_known_again_without_its_name(shown: Path, cache: FeatureCache) -> None:
    """Wherever it is in the data now; another ad in its place is not taken for it."""
    pipeline.purge(shown, consent_id="c-ada")
    logged = {row["row"]: row if row["status"] == "failed" else {**row, "made_from": "b"} for row in rows(shown)}
    ada = ("photos/ada-lovelace.png", "Ad of ada-lovelace.png")
    assert find_kept(logged, [(1, "a", ada)]).places == {1: 1}
    assert find_kept(logged, [(1, "c", (ada[0], "Another")), (2, "d", ada)]).places == {2: 1}


def test_a_changed_export_and_a_note_that_names_the_person_are_listed(shown: Path, cache: FeatureCache, tmp_path: Path) -> None:
    with (tmp_path / "up" / "meta.csv").open("a") as file:
        file.write("my own row\n")
    (shown / "notes.txt").write_text("call ada-lovelace")
    left = " ".join(pipeline.purge(shown, consent_id="c-ada").left)
    assert (
        "meta.csv (not, or no longer, what this run exported; remove the person from it by hand, or name it with --also)"
        in left
    )
    assert "notes.txt (names the person; not written by a run)" in left


@pytest.mark.parametrize("what", ["picture", "name of a file", "words", "torn"])
def test_an_archive_that_shows_the_person_is_listed(what: str, shown: Path, cache: FeatureCache) -> None:
    """What is packed is compressed: neither picture nor name stands in the bytes of the archive."""
    face = next(shown.glob("images/00001*.original.png")).read_bytes()
    members = {"picture": ("a.png", face), "name of a file": ("ada-lovelace.txt", b""), "words": ("a.txt", b"of ada-lovelace")}
    with zipfile.ZipFile(shown / "for-the-agency.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme.txt", b"hello " * 100)
        archive.writestr(*members.get(what, ("a.txt", b"x")))
    with zipfile.ZipFile(shown / "others.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("other.txt", b"of others")
    if what == "torn":
        (shown / "for-the-agency.zip").write_bytes((shown / "for-the-agency.zip").read_bytes()[:60])
    left = " ".join(pipeline.purge(shown, consent_id="c-ada").left)
    said = (
        "too large, encrypted or damaged to be searched, so it may hold the person; not written by a run"
        if what == "torn"
        else "names the person; not written by a run"
    )
    assert f"for-the-agency.zip ({said})" in left
    assert "others.zip" not in left


def test_what_lies_behind_a_link_is_said(run: Path, cache: FeatureCache, tmp_path: Path) -> None:
    os.rename(run / "images", tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", run / "images")
    left = " ".join(pipeline.purge(run, consent_id="c-ada").left)
    assert "images (a link; what lies behind it was not looked at)" in left
    left = " ".join(pipeline.purge(run).left)
    assert f"{tmp_path / 'elsewhere'} (behind the link" in left


def test_a_folder_of_runs_is_purged_run_by_run(shown: Path, cache: FeatureCache, tmp_path: Path) -> None:
    (tmp_path / "app" / "owner").mkdir(parents=True)
    os.rename(shown, tmp_path / "app" / "owner" / "k1")
    pipeline.purge(tmp_path / "app", consent_id="c-ada")
    assert [row["status"] for row in rows(tmp_path / "app" / "owner" / "k1")] == ["failed", "edited", "failed"]
    pipeline.purge(tmp_path / "app")
    assert not (tmp_path / "app" / "owner" / "k1").exists()
