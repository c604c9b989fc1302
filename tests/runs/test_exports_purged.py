"""Purge and exports: every picture that left a run is found, whatever its name and format; nothing else is touched."""

from __future__ import annotations

import json
import os
import shutil
import unicodedata
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adcreative import pipeline
from adcreative.artifacts import hash_file
from adcreative.creative import Creative, Edit, EditResult
from adcreative.errors import ConfigError
from adcreative.provenance.approval import AUDIT, note_event
from adcreative.provenance.seals import KEY_FILE
from adcreative.provenance.sidecar import export_picture
from adcreative.runs.folder import Makers, write_pictures
from adcreative.runs.log import RunLog
from adcreative.runs.outputs import LIST_NAME

LONG = "2026-11_Prospecting_Carousel_Ada-Example_Portrait_Summer-Campaign_1080x1350_v3.jpg"
Ad = tuple[str, str, str]  # file_name, ad_name, consent_id


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADCREATIVE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ADCREATIVE_CONFIG", str(tmp_path / "config"))


def make_run(run: Path, *ads: Ad, seed: int = 0, settings: dict[str, Any] | None = None) -> Path:
    """Write a run of edited ads, each with a picture of noise of its own; ads of one file_name share their picture."""
    with RunLog(run / "results.jsonl", {"verb": "optimize", "seed": seed, **(settings or {})}, key_field="row") as log:
        for row, (file_name, ad_name, consent_id) in enumerate(ads, start=1):
            number = [ad[0] for ad in ads].index(file_name)
            pixels = np.random.default_rng(100 * seed + number).integers(0, 255, (96, 96, 3)).astype(np.uint8)
            edits = (Edit(face=0, direction="smile", strength=1.0),)
            result = EditResult(
                file_name=file_name,
                ad_name=ad_name,
                status="edited",
                edits=edits,
                consent_id=consent_id,
                headline_original="Old",
                headline_edited=f"New {row}",
                ctr_original=0.01,
                ctr_edited=0.02,
                ctr_original_judge=0.01,
                ctr_edited_judge=0.02,
            )
            creative = Creative(row=row, file_name=file_name, image_u8=pixels)
            outcome = type("Outcome", (), {"result": result, "image_u8": pixels ^ (row + 1), "control_u8": None})()
            images = write_pictures(creative, outcome, run, stem=f"{row:05d}", makers=Makers())
            log.append({"row": row, **result.as_dict(), **images, "remedy": ""})
    return run


def export(run: Path, out: Path, **options: Any) -> Path:
    asked = {"format": "meta-bulk", "campaign": "c", "url": "https://example.com", "approved_by": "Bea", **options}
    pipeline.export(run, out, **asked)
    return out


def pictures(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.suffix in (".png", ".jpg", ".webp", ".avif")]


def purge(run: Path, **whom: Any) -> Any:
    return pipeline.purge(run, keep_cache=True, **whom)


NAMES: dict[str, Ad] = {
    "a long name": (LONG, "", "c-1"),
    "two letters": ("山田.jpg", "", "c-1"),
    "no letters": ("★.png", "", "c-1"),
    "an ad name of 88 letters": ("a.jpg", "Ada " * 22, "c-1"),
    "Arabic": ("صورة.jpg", "إعلان", "c-1"),
    "a plain name": ("ada.jpg", "Ada", "c-1"),
}
FORMATS: dict[str, dict[str, Any]] = {
    "meta-bulk": {},
    "meta-bulk, lighter": {"max_bytes": 12_000},
    "adcp": {"format": "adcp"},
    "adcp, lighter": {"format": "adcp", "max_bytes": 12_000},
    "adcp, webp": {"format": "adcp", "max_bytes": 12_000, "picture_formats": ("webp",)},
    "google-editor": {"format": "google-editor", "extra_headlines": ("a", "b", "c"), "extra_descriptions": ("d", "e")},
}


@pytest.mark.parametrize(
    ("name", "format", "by"),
    [
        *((name, "meta-bulk, lighter", "consent_id") for name in NAMES),
        *((name, "adcp, lighter", "creative") for name in NAMES),
        *(("a long name", format, by) for format in FORMATS for by in ("consent_id", "creative")),
    ],
)
def test_no_picture_of_a_person_stays_in_an_export(tmp_path: Path, name: str, format: str, by: str) -> None:
    ad = NAMES[name]
    run = make_run(tmp_path / "run", ad, ("other.png", "Other", "c-2"))
    out = export(run, tmp_path / "up" / "x.csv", **FORMATS[format])
    before = pictures(tmp_path / "up")
    assert len(before) == (0 if format == "google-editor" else 4)
    summary = purge(run, **{by: "c-1" if by == "consent_id" else ad[0]})
    left = pictures(tmp_path / "up")
    assert len(left) == len(before) // 2, summary.left
    assert all("Other" in path.name for path in left)
    assert not out.exists()
    assert not [path for path in (tmp_path / "up").rglob("*.provenance.json") if "Other" not in path.name]
    assert summary.left == []
    again = purge(run, **{by: "c-1" if by == "consent_id" else ad[0]})
    assert again.removed == []
    assert not [one for one in again.left if "x.csv" in one or "x-images" in one]


def test_two_people_in_one_picture_and_one_person_in_two_ads(tmp_path: Path) -> None:
    ads = (
        ("both.png", "Both", "c-1; c-2"),
        ("ada-1.png", "One", "c-1"),
        ("ada-2.png", "Two", "c-1"),
        ("bob.png", "Bob", "c-2"),
    )
    run = make_run(tmp_path / "run", *ads)
    export(run, tmp_path / "x.csv", max_bytes=12_000)
    purge(run, consent_id="c-1")
    assert {path.name.split("_")[0] for path in pictures(tmp_path / "x-images")} == {"Bob"}
    assert [row["status"] for row in map(json.loads, (run / "results.jsonl").read_text().splitlines())] == [
        "failed",
        "failed",
        "failed",
        "edited",
    ]


def test_a_picture_that_two_ads_show_goes_from_one_and_is_told_of_the_other(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("same.png", "Hers", "c-1"), ("same.png", "Other", "c-2"))
    export(run, tmp_path / "x.csv")
    summary = purge(run, consent_id="c-1")
    assert [path.name.split("_")[0] for path in pictures(tmp_path / "x-images")] == ["Other", "Other"]
    assert len(pictures(run)) == 2
    assert any("row 2 of" in one and "has a picture of the person, and names no such consent" in one for one in summary.left)


@pytest.mark.parametrize(("stored", "typed"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_names_and_ids_are_found_however_they_are_spelled(tmp_path: Path, stored: str, typed: str) -> None:
    name, consent = (unicodedata.normalize(stored, text) for text in ("Zoé.jpg", "josé"))  # type: ignore[arg-type]
    for by, value in (("creative", "Zoé.jpg"), ("consent_id", "josé")):
        run = make_run(tmp_path / by, (name, "", consent), ("other.png", "Other", "c-2"))
        export(run, tmp_path / f"{by}.csv", max_bytes=12_000)
        purge(run, **{by: unicodedata.normalize(typed, value)})  # type: ignore[arg-type]
        assert len(pictures(tmp_path / f"{by}-images")) == 2
        assert len(pictures(run)) == 2


def test_a_name_may_be_typed_in_another_case_where_it_is_the_only_one(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("Ada.PNG", "", "c-1"), ("bob.png", "", "c-2"), ("BOB.png", "", "c-3"))
    export(run, tmp_path / "x.csv")
    purge(run, creative="ada.png")
    assert len(pictures(tmp_path / "x-images")) == 4
    purge(run, creative="bob.png")
    assert {path.name.split("_")[0] for path in pictures(tmp_path / "x-images")} == {"BOB"}


def test_what_was_exported_before_the_rows_changed_is_found(tmp_path: Path) -> None:
    """Begun anew in the same folder, the run has another ad in that row: the export still knows whose its pictures are."""
    run = make_run(tmp_path / "run", ("ada.png", "Ada", "c-1"), ("other.png", "Other", "c-2"))
    export(run, tmp_path / "x.csv", max_bytes=12_000)
    (run / "results.jsonl").unlink()
    shutil.rmtree(run / "images")
    make_run(run, ("other.png", "Other", "c-2"), ("third.png", "Third", "c-3"))
    purge(run, consent_id="c-1")
    assert {path.name.split("_")[0] for path in pictures(tmp_path / "x-images")} == {"Other"}


def test_two_exports_to_one_place_are_both_known(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("ada.png", "Ada", "c-1"), ("other.png", "Other", "c-2"))
    export(run, tmp_path / "x.csv")
    export(run, tmp_path / "x.csv", max_bytes=12_000)
    assert len(pictures(tmp_path / "x-images")) == 8
    summary = purge(run, consent_id="c-1")
    assert len(pictures(tmp_path / "x-images")) == 4
    assert not (tmp_path / "x.csv").exists()
    assert not [one for one in summary.left if "x" in Path(one.split(" (")[0]).name]


def test_another_runs_export_under_the_same_name_stays(tmp_path: Path) -> None:
    """M1 (a): the table is the second run's by then; of the first its own pictures go, also where both exported one picture."""
    ads = (("ada.png", "Ada", "c-1"), ("other.png", "Other", "c-2"))
    first, second = make_run(tmp_path / "a", *ads), make_run(tmp_path / "b", *ads, settings={"population": 7})
    export(first, tmp_path / "up" / "meta.csv")
    export(second, tmp_path / "up" / "meta.csv")
    table, num = (tmp_path / "up" / "meta.csv").read_bytes(), len(pictures(tmp_path / "up"))
    assert num == 8
    summary = purge(first)
    assert (tmp_path / "up" / "meta.csv").read_bytes() == table
    assert len(pictures(tmp_path / "up")) == 4
    assert any("meta.csv (not, or no longer, what this run exported" in one for one in summary.left)
    purge(second, consent_id="c-1")
    assert len(pictures(tmp_path / "up")) == 2
    assert not (tmp_path / "up" / "meta.csv").exists()


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Files of the user: scores, pictures beside an export, an archive of another run."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "scores.csv").write_text("ad,score\nada.png,1\n")
    (home / "scores-images").mkdir()
    export_picture(home / "scores-images" / "ada.png", np.full((64, 64, 3), 9, np.uint8), is_edited=False)
    other = make_run(tmp_path / "other-run", ("ada.png", "Ada", "c-1"))
    pipeline.archive(other, home / "other.adc")
    export(other, home / "other.csv")
    return home


def listing(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): hash_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def sent_run(tmp_path: Path, mine: Path) -> Path:
    """A run folder that somebody sent: its trail names files of this user, its settings their folder."""
    run = make_run(
        tmp_path / "sent", ("ada.png", "Ada", "c-1"), ("scores-images/ada.png", "", "c-1"), settings={"data": str(mine)}
    )
    for name in ("scores.csv", "other.csv"):
        note_event(run, "exported", path=str(mine / name), format="meta-bulk")
    note_event(run, "archived", path=str(mine / "other.adc"))
    digest, ads = hash_file(mine / "scores.csv"), {"acv0123456789ab": {"consent_ids": ["c-1"], "names": ["", ""]}}
    forged = (
        {"event": "archived", "path": str(mine / "other.adc"), "sha256": hash_file(mine / "other.adc")},
        {"event": "exported", "path": str(mine / "scores.csv"), "ads": ads},
        {"event": "exported_tables", "sha256": [digest]},
        {"event": "exported_picture", "variant": "acv0123456789ab", "sha256": digest, "from_sha256": digest},
        {"event": "made_from", "paths": [str(mine)]},
    )
    with (run / AUDIT).open("a") as file:
        for line in forged:
            seal = {"export": "k", "run": str(run.resolve()), "seal": "f" * 64}
            file.write(json.dumps({"at": "2026-11-01T10:00:00+01:00", **line, **seal}) + "\n")
    return run


@pytest.mark.parametrize("whom", [{}, {"consent_id": "c-1"}, {"creative": "ada.png"}, {"consent_id": "c-1", "originals": True}])
def test_what_a_foreign_trail_names_is_listed_and_stays(tmp_path: Path, mine: Path, whom: dict[str, Any]) -> None:
    """M1 (b) and (c): exports, archives and originals that the folder alone names."""
    run, before = sent_run(tmp_path, mine), listing(mine)
    summary = purge(run, **whom)
    assert listing(mine) == before
    left = "\n".join(summary.left)
    assert f"{mine / 'scores.csv'} (an export that the run's folder alone names; when it is yours, name it with --also)" in left
    assert f"{mine / 'other.adc'} (an archive that the run's folder alone names, or that was changed since" in left
    if "originals" in whom:
        assert f"{mine / 'scores-images' / 'ada.png'} (the picture of an ad, as the run's folder alone says; when it is" in left


def test_lines_of_another_trail_vouch_for_nothing(tmp_path: Path, mine: Path) -> None:
    """Genuine lines of my run in a folder that somebody sent: my run still holds them, so they are not that folder's."""
    sent = make_run(tmp_path / "sent", ("ada.png", "Ada", "c-1"))
    shutil.copyfile(tmp_path / "other-run" / AUDIT, sent / AUDIT)
    before = listing(mine)
    for whom in ({"consent_id": "c-1"}, {}):
        summary = purge(sent, **whom)
        assert listing(mine) == before
        assert any("other.csv (an export that the run's folder alone names" in one for one in summary.left)


def test_a_line_that_was_changed_vouches_for_nothing(tmp_path: Path, mine: Path) -> None:
    run = tmp_path / "other-run"
    (run / AUDIT).write_text((run / AUDIT).read_text().replace("other.csv", "scores.csv"))
    before = listing(mine)
    purge(run, consent_id="c-1")
    assert listing(mine)["scores.csv"] == before["scores.csv"]
    assert "other.csv" in listing(mine)


def test_a_moved_run_is_still_the_run_and_a_copy_is_not(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("ada.png", "Ada", "c-1"), ("other.png", "Other", "c-2"))
    export(run, tmp_path / "x.csv")
    export(run, run / "inside.csv", max_bytes=12_000)
    shutil.copytree(run, tmp_path / "copy")
    purge(tmp_path / "copy", consent_id="c-1")
    assert len(pictures(tmp_path / "x-images")) == 4
    assert len(pictures(run)) == 8
    assert len(pictures(tmp_path / "copy")) == 4, "the export inside goes with the folder"
    shutil.rmtree(tmp_path / "copy")
    run.rename(tmp_path / "moved")
    purge(tmp_path / "moved", consent_id="c-1")
    assert len(pictures(tmp_path / "x-images")) == 2
    assert len(pictures(tmp_path / "moved")) == 4
    purge(tmp_path / "moved")
    assert not (tmp_path / "moved").exists()
    assert not (tmp_path / "x-images").exists()


@pytest.mark.parametrize("key", ["lost", "damaged", "another"])
def test_without_the_key_exports_are_listed_and_gone_when_named(tmp_path: Path, key: str) -> None:
    run = make_run(tmp_path / "run", (LONG, "", "c-1"), ("other.png", "Other", "c-2"))
    export(run, tmp_path / "x.csv", max_bytes=12_000)
    path = tmp_path / "config" / KEY_FILE
    {"lost": path.unlink, "damaged": lambda: path.write_text("x"), "another": lambda: path.write_text("ab" * 32)}[key]()
    summary = purge(run, consent_id="c-1")
    assert len(pictures(tmp_path / "x-images")) == 4
    assert any("x.csv (an export that the run's folder alone names" in one for one in summary.left)


def test_an_export_of_an_earlier_version_goes_when_it_is_named(tmp_path: Path) -> None:
    """It has no hashes: its pictures are known by their sidecars and by the names that exports give, its table by their ids."""
    run = make_run(tmp_path / "run", (LONG, "", "c-1"), ("山田.jpg", "", "c-2"), ("other.png", "Other", "c-3"))
    export(run, tmp_path / "x.csv", max_bytes=12_000)
    events = [json.loads(line) for line in (run / AUDIT).read_text().splitlines()]
    old = [{k: v for k, v in event.items() if k in ("at", "event", "path", "format")} for event in events if "path" in event]
    (run / AUDIT).write_text("".join(json.dumps(event) + "\n" for event in old))
    (tmp_path / "mine.png").write_bytes(b"mine")
    purge(run, consent_id="c-1")
    assert len(pictures(tmp_path / "x-images")) == 6
    with pytest.raises(ConfigError, match=r"there is no .*y\.csv to look through"):
        purge(run, consent_id="c-2", also=[tmp_path / "y.csv"])
    summary = purge(run, consent_id="c-2", also=[tmp_path / "x.csv"])
    assert len(pictures(tmp_path / "x-images")) == 4, summary.left
    assert not (tmp_path / "x.csv").exists()
    assert not any("x.csv" in one for one in summary.left)
    assert (tmp_path / "mine.png").exists()


def test_ads_whose_names_are_cut_to_one_are_not_taken_for_each_other(tmp_path: Path) -> None:
    first, second = LONG.replace("_v3", "_version-three"), LONG.replace("_v3", "_version-four")
    run = make_run(tmp_path / "run", (first, "", "c-1"), (second, "", "c-2"))
    export(run, tmp_path / "x.csv", max_bytes=12_000)
    (run / AUDIT).unlink()
    summary = purge(run, consent_id="c-1", also=[tmp_path / "x-images"])
    assert len(pictures(tmp_path / "x-images")) == 3, "the edit has a sidecar; the original may be either ad's"
    assert sum("has the name of an ad of the person, and of another one" in one for one in summary.left) == 2


def test_in_a_named_folder_other_peoples_files_are_listed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("ada.png", "Ada", "c-1"))
    place = tmp_path / "place"
    (place / "deep").mkdir(parents=True)
    shutil.copyfile(next(run.glob("images/*.edited.png")), place / "deep" / "renamed.png")
    (place / "notes.txt").write_text("call ada.png")
    (place / "ada-holiday.png").write_bytes(b"of somebody else")
    os.symlink(tmp_path / "run", place / "link")
    summary = purge(run, consent_id="c-1", also=[place])
    assert sorted(path.name for path in place.rglob("*")) == ["ada-holiday.png", "deep", "link", "notes.txt"]
    assert any("notes.txt (names the person; your own file)" in one for one in summary.left)
    os.symlink(place, tmp_path / "to-place")
    assert "a link" in " ".join(purge(run, also=[tmp_path / "to-place"]).left)


def test_links_in_an_export_are_not_followed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("ada.png", "Ada", "c-1"), ("bob.png", "Bob", "c-2"))
    export(run, tmp_path / "x.csv")
    first, second, *_ = pictures(tmp_path / "x-images")
    (tmp_path / "elsewhere").mkdir()
    first.rename(tmp_path / "elsewhere" / first.name)
    os.symlink(tmp_path / "elsewhere" / first.name, first)
    summary = purge(run, consent_id="c-1")
    assert (tmp_path / "elsewhere" / first.name).exists()
    assert not second.exists()
    assert any(first.name in one and "a link" in one for one in summary.left)
    (tmp_path / "x-images").rename(tmp_path / "moved-images")
    os.symlink(tmp_path / "moved-images", tmp_path / "x-images")
    before = listing(tmp_path / "moved-images")
    assert any("x-images (a link" in one for one in purge(run).left)
    assert listing(tmp_path / "moved-images") == before


def test_a_second_name_of_a_removed_picture_is_told(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("ada.png", "Ada", "c-1"))
    export(run, tmp_path / "x.csv")
    original = next(path for path in pictures(tmp_path / "x-images") if "original" in path.name)
    os.link(original, tmp_path / "kept.png")
    os.link(original, tmp_path / "x-images" / "beside.png")
    summary = purge(run, consent_id="c-1")
    assert pictures(tmp_path / "x-images") == []
    assert sum("has another name on this disk, a hard link, under which it is still there" in one for one in summary.left) == 1


@pytest.mark.parametrize("whom", [{"consent_id": "c-1"}, {}])
def test_archives_go_where_this_user_made_them(tmp_path: Path, whom: dict[str, str]) -> None:
    run = make_run(tmp_path / "run", ("ada.png", "Ada", "c-1"), ("other.png", "Other", "c-2"))
    pipeline.archive(run, tmp_path / "run.adc")
    purge(run, **whom)
    assert (tmp_path / "run.adc").exists() == bool(whom)
    if whom:
        pipeline.archive(tmp_path / "run.adc", tmp_path / "back", restore=True)
        assert len(pictures(tmp_path / "back")) == 2
        purge(run)  # it was written anew, which is noted too
        assert not (tmp_path / "run.adc").exists()


def test_a_changed_archive_stays_until_it_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("ada.png", "Ada", "c-1"))
    other = make_run(tmp_path / "other", ("bob.png", "Bob", "c-2"))
    pipeline.archive(run, tmp_path / "run.adc")
    pipeline.archive(other, tmp_path / "run.adc")
    assert any("run.adc (an archive that the run's folder alone names, or" in one for one in purge(run).left)
    assert (tmp_path / "run.adc").exists()
    purge(other, also=[tmp_path / "run.adc"])
    assert not (tmp_path / "run.adc").exists()


def test_an_archive_whose_folder_is_gone_takes_its_exports_along(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("ada.png", "Ada", "c-1"), ("other.png", "Other", "c-2"))
    export(run, tmp_path / "x.csv", max_bytes=12_000)
    pipeline.archive(run, tmp_path / "run.adc")
    shutil.rmtree(run)
    summary = purge(tmp_path / "run.adc", consent_id="c-1")
    assert len(pictures(tmp_path / "x-images")) == 2, summary.left
    assert str(tmp_path / "x.csv") in summary.removed


def test_a_draft_that_a_kill_left_goes_with_the_picture(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("ada.png", "Ada", "c-1"), ("other.png", "Other", "c-2"))
    export(run, tmp_path / "x.csv")
    folder = tmp_path / "x-images"
    hers, others = (next(path.name for path in pictures(folder) if name in path.name) for name in ("Ada", "Other"))
    for name in (f".{hers}.abcd1234.part", f".{others}.abcd1234.part", ".holiday.png.abcd1234.part"):
        (folder / name).write_bytes(b"half a face")
    purge(run, consent_id="c-1")
    assert sorted(path.name for path in folder.iterdir() if path.name.endswith(".part")) == [
        ".Other_original_" + others.split("_")[-1] + ".abcd1234.part",
        ".holiday.png.abcd1234.part",
    ]


def test_a_name_that_a_killed_run_noted_makes_no_later_file_ours(tmp_path: Path) -> None:
    """L6: a killed run leaves its name in the list of the folder; what somebody puts there since is theirs."""
    run = make_run(tmp_path / "run", ("ada-lovelace.png", "", "c-1"))
    (run / LIST_NAME).write_text(json.dumps({"notes.csv": ""}))
    (run / "notes.csv").write_text("call ada-lovelace.png\n")
    summary = purge(run, consent_id="c-1")
    assert (run / "notes.csv").exists()
    assert any("notes.csv (names the person; not written by a run)" in one for one in summary.left)


def test_originals_go_where_the_run_was_made_from_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from adcreative.runs.exports import note_sources

    ads = tmp_path / "ads"
    ads.mkdir()
    (ads / "ada.png").write_bytes(b"a picture")
    run = make_run(tmp_path / "run", ("ada.png", "Ada", "c-1"), settings={"data": str(ads)})
    purge(run, consent_id="c-1", originals=True)
    assert (ads / "ada.png").exists(), "nobody of this machine vouches for it"
    run = make_run(tmp_path / "again", ("ada.png", "Ada", "c-1"), settings={"data": str(ads)})
    note_sources(run, [ads])
    note_sources(run, [ads])
    assert (run / AUDIT).read_text().count("made_from") == 1
    purge(run, consent_id="c-1", originals=True)
    assert not (ads / "ada.png").exists()


FIELDS, VALUES = ("path", "ads", "export", "run", "seal", "sha256", "variant", "paths"), (["a"], {"b": 1}, 7, None, "\x00")


@pytest.mark.parametrize(
    ("field", "value"), [(field, VALUES[(at + step) % 5]) for at, field in enumerate(FIELDS) for step in (0, 2)]
)
def test_a_damaged_trail_is_no_traceback(tmp_path: Path, field: str, value: Any) -> None:
    run = make_run(tmp_path / "run", ("ada.png", "Ada", "c-1"))
    export(run, tmp_path / "x.csv")
    pipeline.archive(run, tmp_path / "run.adc")
    events = [json.loads(line) | {field: value} for line in (run / AUDIT).read_text().splitlines()]
    (run / AUDIT).write_text("".join(json.dumps(event) + "\n" for event in events))
    purge(run, consent_id="c-1")
    assert (tmp_path / "x.csv").exists()
    assert (tmp_path / "run.adc").exists()


def test_without_a_place_for_the_key_an_export_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("ADCREATIVE_CONFIG", str(tmp_path / "file"))
    run = make_run(tmp_path / "run", ("ada.png", "Ada", "c-1"))
    asked = {"format": "meta-bulk", "campaign": "c", "url": "https://example.com", "approved_by": "Bea"}
    warnings = pipeline.export(run, tmp_path / "x.csv", **asked).warnings  # type: ignore[arg-type]
    assert any("seal.key cannot be read or written, so purge will list what leaves" in one for one in warnings)
    assert "seal.key" in pipeline.archive(run, tmp_path / "run.adc").warnings[0]


def test_a_kill_during_an_export_leaves_nothing_that_purge_does_not_find(tmp_path: Path) -> None:
    from tests.runs.test_kills import kill_at

    asked: Any = {"format": "meta-bulk", "campaign": "c", "url": "https://example.com", "max_bytes": 12_000}
    for step in range(1, 16):
        run, out = make_run(tmp_path / f"run{step}", ("ada.png", "Ada", "c-1")), tmp_path / f"x{step}.csv"
        pipeline.approve(run, by="Bea")
        killed = kill_at(step, partial(pipeline.export, run, out, **asked))
        purge(run, consent_id="c-1")
        assert pictures(tmp_path / f"x{step}-images") == [], (step, killed)


@pytest.mark.parametrize("what", ["the export", "a picture alone", "a sidecar alone", "another ad"])
def test_a_pack_goes_that_holds_a_picture_which_was_written_anew(tmp_path: Path, what: str) -> None:
    """A zip for the agency, of pictures that are in no run under these bytes; inside the run it is listed, named it goes."""
    run = make_run(tmp_path / "run", ("山田.jpg", "", "c-1"), ("other.png", "Other", "c-2"))
    export(run, tmp_path / "x.csv", max_bytes=12_000)
    folder = tmp_path / "x-images"
    hers = [path for path in sorted(folder.iterdir()) if path.name[0] != "." and "Other" not in path.name]
    chosen = {
        "the export": sorted(folder.iterdir()),
        "a picture alone": [path for path in hers if path.suffix == ".jpg"][:1],
        "a sidecar alone": [path for path in hers if path.suffix == ".json"],
        "another ad": [path for path in folder.iterdir() if "Other" in path.name],
    }[what]
    for place in (tmp_path, run):
        with zipfile.ZipFile(place / "agency.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for number, path in enumerate(chosen):
                archive.write(path, f"{number}{path.suffix}")
    summary = purge(run, consent_id="c-1", also=[tmp_path / "agency.zip"])
    is_hers = what != "another ad"
    assert (tmp_path / "agency.zip").exists() != is_hers
    assert any(f"{run / 'agency.zip'} (names the person; not written by a run)" in one for one in summary.left) == is_hers


@pytest.mark.parametrize("shape", ["sizes", "alternatives"])
def test_shapes_and_other_versions_inside_the_run_go_with_their_exports(tmp_path: Path, shape: str) -> None:
    run = make_run(tmp_path / "run", ("山田.jpg", "", "c-1"), ("other.png", "Other", "c-2"))
    name = "images/00001.edited.9x16.jpg"
    rows = [json.loads(line) for line in (run / "results.jsonl").read_text().splitlines()]
    export_picture(run / name, np.full((96, 54, 3), 77, np.uint8), is_edited=True, result=rows[0])
    rows[0][shape] = [{"ratio": "9:16", "image": name}]
    (run / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    export(run, tmp_path / "x.csv")
    shutil.copyfile(run / name, tmp_path / "x-images" / "laid-out.jpg")
    purge(run, consent_id="c-1", also=[tmp_path / "x-images"])
    assert not (run / name).exists()
    assert len(pictures(tmp_path / "x-images")) == 2
