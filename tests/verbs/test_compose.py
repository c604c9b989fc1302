"""compose and edit from the command line, on a photo drawn here: what is written, that it renders the same bytes again."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from adcreative.artifacts import hash_file
from adcreative.catalog import read_catalog
from adcreative.cli.app import app
from adcreative.compose.assets import PreparedPhoto
from adcreative.compose.cutouts import EdgeQuality
from adcreative.compose.parts import Box
from adcreative.compose.recipe import Recipe
from adcreative.compose.render import Composed
from adcreative.compose.search import Search, words_as_creative
from adcreative.compose.shapes import Shape
from adcreative.errors import ConfigError
from adcreative.pipeline import compose, edit, roles_of
from adcreative.problem import Problem
from adcreative.provenance.sidecar import read_sidecar
from tests.compose.drawn import scenery

SHAPES = "300x250,160x600"


@pytest.fixture(autouse=True)
def short_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adcreative.verbs.compose.Search", partial(Search, generations=0))
    monkeypatch.setattr("adcreative.verbs.compose.load_segmenter", lambda path: None)


def write_brief(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    image = Image.new("RGB", (400, 300), "white")
    ImageDraw.Draw(image).ellipse((120, 60, 280, 220), fill="#d2691e")
    image.save(folder / "photo.png")
    (folder / "brief.toml").write_text(
        '[brand]\nname = "Orchard"\n[[photos]]\nfile = "photo.png"\nshows = "an orange ball"\n[messages]\n'
        'headline = ["Picked this morning", "Taste July again"]\nbutton = "Order a box"\n'
    )
    return folder / "brief.toml"


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def test_a_brief_becomes_ads_that_render_the_same_again_and_can_be_edited(tmp_path: Path) -> None:
    brief, out = write_brief(tmp_path / "in"), tmp_path / "ads"
    said = run("compose", brief, "--out", out, "--num", 2, "--shapes", SHAPES)
    assert "each ad is untested" in said
    assert "2 ads composed" in said
    ad = json.loads((out / "01" / "ad.json").read_text())
    assert ad["is_untested"]
    assert ad["alt"].startswith(("Orchard: an orange ball. ", "Orchard. "))
    for name, told in ad["shapes"].items():
        picture = out / "01" / told["picture"]
        with Image.open(picture) as image:
            assert image.size == tuple(map(int, name.split("x")))
        assert picture.stat().st_size <= 150_000
        assert read_sidecar(picture)["words"]["headline"]["delivered"] == ad["recipe"]["texts"]["headline"]
        svg = (out / "01" / told["svg"]).read_text()
        assert svg.startswith(("<?xml", "<svg"))
        assert ad["recipe"]["texts"]["headline"].split()[0] in svg
    page = (out / "report.html").read_text()
    assert 'src="data:image/jpeg' in page
    assert "http" not in page.replace("http-equiv", "")
    first, second = read_catalog(out).creatives
    assert (first.ad_name, second.ad_name) == ("01", "02")
    asked = words_as_creative(Recipe.from_json(ad["recipe"]), "Orchard")  # what a model was asked about, brand and all
    assert (first.headline, first.description, first.cta, first.brand) == (
        asked.headline,
        asked.description,
        asked.cta,
        "Orchard",
    )

    before = {told["picture"]: told["sha256"] for told in ad["shapes"].values()}
    run("edit", out / "01")
    assert {name: hash_file(out / "01" / name) for name in before} == before
    run("edit", out / "01", "--set", "headline=Fresh at noon", "--set", "accent=#0a6")
    edited = json.loads((out / "01" / "ad.json").read_text())
    assert edited["recipe"]["texts"]["headline"] == "Fresh at noon"
    assert edited["recipe"]["accent"] == "#00aa66"
    assert {told["sha256"] for told in edited["shapes"].values()}.isdisjoint(before.values())
    assert 'an ad has no "hedline". Did you mean "headline"?' in run("edit", out / "01", "--set", "hedline=x", code=2)
    assert "holds no composed ad" in run("edit", tmp_path, code=2)


def test_every_large_shape_is_looked_at_before_it_is_delivered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brief, out = write_brief(tmp_path / "in"), tmp_path / "ads"
    looked: list[str] = []

    def find(composed: Composed, shape: Shape) -> tuple[Problem, ...]:
        looked.append(shape.name)
        return (Problem("ad_subject_cut"),) if shape.name == "4:5" and len(looked) == 2 else ()

    monkeypatch.setattr("adcreative.verbs.compose.faults", find)
    monkeypatch.setattr("adcreative.verbs.compose.iter_in_threads", map)
    run("compose", brief, "--out", out, "--num", 1, "--shapes", "1:1,4:5")
    assert looked == ["1:1", "4:5", "1:1", "4:5"], "the first ad fails in 4:5, so another is taken"
    faults_of = {"4:5": (Problem("ad_subject_cut"),)}
    monkeypatch.setattr("adcreative.verbs.compose.faults", lambda _, shape: faults_of.get(shape.name, ()))
    run("edit", out / "01", "--set", "headline=Fresh at noon")
    ad = json.loads((out / "01" / "ad.json").read_text())
    assert set(ad["missing"]) == {"4:5"}, "an edit is looked at, too"


def test_a_feed_becomes_a_set_a_row_goes_on_and_lists_what_failed(tmp_path: Path) -> None:
    write_brief(tmp_path)
    feed, out = tmp_path / "products.csv", tmp_path / "ads"
    feed.write_text("title,brand,price,image\nOrange ball,Orchard,19.00 EUR,photo.png\nBlue ball,Orchard,9.00 EUR,none.png\n")
    said = run("compose", "--feed", feed, "--out", out, "--num", 1, "--shapes", "300x250")
    assert "1 ad composed, 1 failed" in said
    assert "row 2: There is no picture" in (out / "compose.failures.csv").read_text()
    ad = out / "0001-orange-ball" / "01" / "ad.json"
    first = ad.stat().st_mtime_ns
    assert "1 ad composed" in run("compose", "--feed", feed, "--out", out, "--num", 1, "--shapes", "300x250")
    assert ad.stat().st_mtime_ns == first
    Image.new("RGB", (400, 300), "navy").save(tmp_path / "photo.png")
    run("compose", "--feed", feed, "--out", out, "--num", 1, "--shapes", "300x250")
    assert ad.stat().st_mtime_ns != first, "another picture under the same name is composed anew"


def test_a_feed_writes_over_nothing_of_the_users_and_goes_by_what_the_networks_hold(tmp_path: Path) -> None:
    write_brief(tmp_path)
    feed, net = tmp_path / "products.csv", tmp_path / "net.onnx"
    feed.write_text("id,title,brand,image\n7,Orange ball,Orchard,photo.png\n")
    net.write_bytes(b"first")
    for name in ("compose.failures.csv", "0001-7/done.json"):
        out = tmp_path / name[:4]
        (out / name).parent.mkdir(parents=True)
        (out / name).write_text("my notes")
        asked = ("compose", "--feed", feed, "--out", out, "--num", 1, "--shapes", "300x250", "--cutout-model", net)
        assert "is there already and is not, or no longer, what this program wrote" in run(*asked, code=2)
        assert [path.read_text() for path in out.rglob("*") if path.is_file()] == ["my notes"]
        assert "1 ad composed" in run(*asked, "--restart")
    ad = out / "0001-7" / "01" / "ad.json"
    first = ad.stat().st_mtime_ns
    run(*asked)
    assert ad.stat().st_mtime_ns == first
    net.write_bytes(b"second")
    run(*asked)
    assert (second := ad.stat().st_mtime_ns) != first
    run(*asked, "--restart")
    assert ad.stat().st_mtime_ns != second


def test_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    assert "compose needs a brief" in run("compose", code=2)
    assert "brief written" in run("compose", "--new", tmp_path / "new")
    assert '"messages.headline" is empty' in run("compose", tmp_path / "new", "--out", tmp_path / "out", code=2)
    assert "there is no shape '2:1'" in run("compose", write_brief(tmp_path), "--shapes", "2:1", code=2)


def test_an_ad_gets_another_layout_and_one_that_would_fit_nowhere_stays(tmp_path: Path) -> None:
    brief, out = write_brief(tmp_path / "in"), tmp_path / "ads"
    seen: list[tuple[int, ...]] = []
    compose(brief, out, num=2, shapes="300x250", show=lambda image_u8: seen.append(image_u8.shape))
    assert seen == [(250, 300, 3)] * 2
    ad = out / "01"
    before = json.loads((ad / "ad.json").read_text())
    with pytest.raises(ConfigError, match="01 would not fit any shape any more"):
        edit(ad, ["headline=" + "far too long a line " * 10])
    assert json.loads((ad / "ad.json").read_text()) == before
    assert (ad / before["shapes"]["300x250"]["picture"]).is_file()
    run("edit", ad, "--set", "layout=another")
    after = json.loads((ad / "ad.json").read_text())
    assert after["layout"] != before["layout"]
    assert after["family"] != before["family"]
    assert after["recipe"]["texts"]["headline"] == before["recipe"]["texts"]["headline"]
    assert after["layout"] in (out / "report.html").read_text(), "the wall shows the ad as it is now"


def test_lines_as_they_are_typed_find_their_roles() -> None:
    typed = (
        "Slow mornings, properly made\n12.90 €\n16 €\nFree delivery over 30 €\nRoasted on Tuesday. At your door on Thursday."
    )
    assert roles_of([*typed.splitlines(), "4.8 of 5 from 2,310 buyers", "", "Order a bag", "12.90 €"]) == [
        ("headline", "Slow mornings, properly made"),
        ("price", "12.90 €"),
        ("old_price", "16 €"),
        ("offer", "Free delivery over 30 €"),
        ("subline", "Roasted on Tuesday. At your door on Thursday."),
        ("proof", "4.8 of 5 from 2,310 buyers"),
        ("button", "Order a bag"),
    ]
    assert roles_of(["Sleep better"]) == [("headline", "Sleep better")]
    assert roles_of(["20% off"]) == [("offer", "20% off")]


def test_a_layout_that_stands_in_for_another_is_told_and_one_that_was_asked_for_is_refused(tmp_path: Path) -> None:
    """A tall thing that fills its photo: full bleed cuts it in a wide shape, not in a tall one."""
    folder = tmp_path / "in"
    brief = write_brief(folder)
    tall = replace(scenery(0.3, 400, 533), focus=(Box(0.1, 0.18, 0.99, 0.82),))
    tall.pixels.save(folder / "photo.png")

    def prepare_tall(*arguments: object, **options: object) -> PreparedPhoto:
        return PreparedPhoto(tall, EdgeQuality(1.0, 1.0, 0.0, 0.0), 0)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("adcreative.compose.brief.prepare_photo", prepare_tall)
        compose(brief, tmp_path / "ads", num=1, shapes="4:5,1.91:1", seed=2)
    ad = tmp_path / "ads" / "01"
    told = edit(ad, ["layout=full_bleed_top", "headline=Dry feet"]).warnings
    content = json.loads((ad / "ad.json").read_text())
    drawn = {name: one["layout"] for name, one in content["shapes"].items()}
    assert drawn["4:5"] == "full_bleed_top" != drawn["1.91:1"]
    assert told == (f"1.91:1 is laid out as {drawn['1.91:1']}: as full_bleed_top its photo would be cut or covered",)
    before = hash_file(ad / "4x5.jpg")
    with pytest.raises(ConfigError, match=r"01 cannot be laid out as split_side in 4:5: the crop cuts"):
        edit(ad, ["layout=split_side"])
    assert hash_file(ad / "4x5.jpg") == before
