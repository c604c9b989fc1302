"""purge of composed ads: a person's photo, every copy of it and what shows it go; what others wrote stays."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from adcreative import pipeline
from adcreative.compose.brief import Brand, Brief, BriefPhoto, Messages
from adcreative.compose.from_ad import TAKEN_FILES, Taken, write_taken
from adcreative.compose.search import Search
from adcreative.errors import ConfigError
from adcreative.provenance.sidecar import read_sidecar
from adcreative.runs.composed import find_sets
from adcreative.runs.outputs import own_outputs
from tests.runs.test_private import modes


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADCREATIVE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("adcreative.verbs.compose.Search", partial(Search, generations=0))
    monkeypatch.setattr("adcreative.verbs.compose.load_segmenter", lambda path: None)


@pytest.fixture
def ads(tmp_path: Path) -> Path:
    """A set of a brief with two photos; Ada is in the first."""
    for name, colour in (("ada.png", "#d2691e"), ("ball.png", "#1e69d2")):
        image = Image.new("RGB", (400, 300), "white")
        ImageDraw.Draw(image).ellipse((120, 60, 280, 220), fill=colour)
        image.save(tmp_path / name)
    photos = (BriefPhoto(file=tmp_path / "ada.png", shows="Ada", consent_id="c-ada"), BriefPhoto(file=tmp_path / "ball.png"))
    messages = Messages(headline=("Picked this morning", "Taste July again", "Half the sugar"), button="Order a box")
    brief = Brief(brand=Brand(name="Orchard"), photos=photos, messages=messages)
    pipeline.compose(brief, tmp_path / "ads", num=6, shapes="300x250")
    return tmp_path / "ads"


def test_all_that_may_show_people_is_for_its_owner_alone(ads: Path) -> None:
    found = modes(ads)
    shows_people = [path for path in found if Path(path).suffix in (".png", ".jpg", ".svg", ".html")]
    assert len(shows_people) > 12
    assert {found[path] for path in shows_people} == {"0o600"}
    assert {found[str(folder)] for folder in (ads, ads / "parts", ads / "01")} == {"0o700"}


def test_one_person_goes_with_every_ad_that_shows_them(ads: Path, tmp_path: Path) -> None:
    def numbers(folder: Path) -> list[int]:
        photos: list[int] = json.loads((folder / "ad.json").read_text())["photos"]
        return photos

    folders = sorted(path.parent for path in ads.glob("*/ad.json"))
    theirs = [folder for folder in folders if 0 in numbers(folder)]
    assert theirs
    assert len(theirs) < len(folders)
    assert read_sidecar(next(theirs[0].glob("300x250.[pj]*g")))["consent_id"] == "c-ada"
    photo = np.asarray(Image.open(ads / "parts" / "photo-0.png"))

    summary = pipeline.purge(ads, consent_id="c-ada")
    assert not any(folder.exists() for folder in theirs)
    assert all((folder / "ad.json").is_file() for folder in folders if folder not in theirs)
    assert not (ads / "report.html").exists()
    left = [path for path in ads.rglob("*") if path.suffix in (".png", ".jpg")]
    assert not any(np.array_equal(np.asarray(Image.open(path)), photo) for path in left)
    assert "c-ada" not in "".join(path.read_text() for path in (*ads.rglob("*.json"), *ads.rglob("*.csv")))
    assert not any(folder.name in (ads / "metadata.csv").read_text().split(",") for folder in theirs)
    assert any("ada.png (the brief's own photo; --originals removes it)" in one for one in summary.left)
    pipeline.edit(next(folder for folder in folders if folder not in theirs), ["headline=Fresh"])
    assert not pipeline.purge(ads, consent_id="c-ada").removed
    assert (tmp_path / "ada.png").is_file()


def test_a_photo_is_found_by_its_name_and_the_users_own_goes_when_told_to(ads: Path, tmp_path: Path) -> None:
    pipeline.purge(ads, creative="ada.png", originals=True, also=[tmp_path / "ada.png"])
    assert not (tmp_path / "ada.png").exists()
    assert (tmp_path / "ball.png").is_file()
    assert np.asarray(Image.open(ads / "parts" / "photo-0.png")).std() == 0


def test_a_whole_set_goes_and_what_others_wrote_stays(ads: Path) -> None:
    (ads / "01" / "note.txt").write_text("mine")
    said = pipeline.purge(ads).sentences()
    assert [path.name for path in ads.rglob("*") if path.is_file()] == ["note.txt"]
    assert any("note.txt (not written by compose" in one for one in said)


def test_failed_rows_of_a_feed_go_with_its_sets(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    feed, out = tmp_path / "in" / "feed.csv", tmp_path / "ads"
    Image.new("RGB", (300, 300), "#d2691e").save(feed.with_name("ball.png"))
    feed.write_text("title,brand,image\nBall,Orchard,ball.png\nAda,Orchard,ada.png\nBen,Orchard,ben.png\n")
    pipeline.compose_feed(feed, out, num=1, shapes="300x250")
    table = out / "compose.failures.csv"
    assert str(tmp_path) not in (out / "0001-ball" / "parts" / "parts.json").read_text()
    assert any("--creative" in one for one in pipeline.purge(out, consent_id="c-ada").left)
    assert pipeline.purge(out, creative="ada.png").num_failures == 1
    assert "ada.png" not in table.read_text()
    assert "ben.png" in table.read_text()
    pipeline.purge(out)
    assert not out.exists()


def test_parts_taken_of_an_ad_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "ads" / "brief"
    taken = Taken({}, "", Image.new("RGB", (300, 300), "#804020"), None, (), {}, {})
    with own_outputs([folder / name for name in TAKEN_FILES], ()):
        write_taken(taken, folder)
    assert find_sets(tmp_path) == [tmp_path / "ads"]
    pipeline.purge(tmp_path / "ads")
    assert not (folder / "photo.png").exists()
    with pytest.raises(ConfigError, match="not written by optimize, demo or compose"):
        pipeline.purge(tmp_path)
