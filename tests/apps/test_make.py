"""The page "Make", without a browser: what is typed and dropped becomes a wall; an ad is changed, put back; all are packed."""

from __future__ import annotations

import json
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from adcreative.artifacts import write_atomically
from adcreative.catalog import read_catalog
from adcreative.errors import AdCreativeError
from adcreative.pipeline import Standing
from adcreative.runs.outputs import own_outputs
from apps.studio.handlers.make import MakeForm, Makes, MakeScreen, brief_of, list_samples, read_lines
from apps.studio.handlers.one_ad import Handlers
from tests.apps.fakes import FakeStudio, OwnStudio

FACTS = "Slow mornings, properly made\n12.90 €\nFree delivery over 30 €\nRated 4.8 of 5\nOrder a bag"


class Expecting(OwnStudio):
    """The model of an account: it says 4 %, and what it expects of composed ads is known."""

    def compose(self, *args: Any, **options: Any) -> Any:
        done = super().compose(*args, **options)
        for path in args[1].glob("*/ad.json"):
            with own_outputs([path], []):
                write_atomically(path, json.dumps({**json.loads(path.read_text()), "is_untested": False}).encode())
        return done

    def stand_one(self, *args: Any, **options: Any) -> Standing:
        standing = super().stand_one(*args, **options)
        return replace(standing, rate=0.05) if "slower" in args[0].headline else standing


@pytest.fixture
def makes(tmp_path: Path) -> Makes:
    return Makes(handlers=Handlers(studio=FakeStudio(), result_dir=tmp_path / "results"))


@pytest.fixture
def form(image_path: Path) -> MakeForm:
    return MakeForm(photos=(str(image_path),), brand="Morrow", facts=FACTS, shapes=["Square 1:1"])


def make(makes: Makes, form: MakeForm, owner: str = "me") -> list[MakeScreen]:
    screens = list(makes.make(owner, form))
    assert "error" not in screens[-1].record, screens[-1].record
    return screens


def picture_of(makes: Makes, owner: str, name: str) -> bytes:
    return next((makes.handlers.owner_dir(owner) / "make" / "ads" / name).glob("300x250.[jp]*g")).read_bytes()


def test_typed_lines_have_roles_and_one_that_is_chosen_stays_with_its_line() -> None:
    rows = read_lines(FACTS, {})
    assert [role for role, _ in rows] == ["headline", "price", "offer", "proof", "button"]
    chosen = read_lines("Another first line\n" + FACTS, {"Rated 4.8 of 5": "badge", "Order a bag": "no role"})
    assert ("badge", "Rated 4.8 of 5") in chosen
    assert ("button", "Order a bag") in chosen


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"facts": " \n "}, "Write at least one line"),
        ({"colours": "#0b7261, reddish"}, "brand.colours"),
        ({"shapes": ["3:1"]}, "There is no shape “3:1”"),
        ({"shapes": []}, "Choose a shape first"),
        ({"facts": "\n".join(f"Fact number {number} is a fact." for number in range(20))}, "give at most 8"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(makes: Makes, form: MakeForm, changes: dict[str, Any], said: str) -> None:
    (screen,) = makes.make("me", replace(form, **changes))
    assert said in screen.record["error"]
    assert "ac-problem" in screen.shown
    assert not makes.has_ads("me")


def test_another_browser_finds_the_form_filled_after_a_restart(form: MakeForm, tmp_path: Path) -> None:
    def start(place: str) -> Makes:
        handlers = Handlers(studio=FakeStudio(), result_dir=tmp_path / place, kept_dir=tmp_path / "home")
        return Makes(handlers=handlers)

    first, other = f"workspace.{'1' * 32}", f"workspace.{'2' * 32}"
    form = replace(form, logo=form.photos[0], colours="#0b7261", roles={"Rated 4.8 of 5": "subline"})
    makes = start("a")
    assert makes.find_form(first) is None
    make(makes, form, first)
    again = start("b")
    kept = again.find_form(other)
    assert kept is not None
    assert replace(kept, photos=form.photos, logo=form.logo) == form
    assert kept.logo is not None
    for path in (*kept.photos, kept.logo):
        assert Path(path).is_relative_to(again.handlers.belongings.lent_dir(other))
        assert Path(path).read_bytes() == Path(form.photos[0]).read_bytes()
    assert len(make(again, kept, other)[-1].record["ads"]) == 3
    assert again.find_form("3" * 32) is None, "a visit in memory has no share in it"


def test_ads_stay_on_the_page_above_which_a_fault_is_told(makes: Makes, form: MakeForm) -> None:
    make(makes, form)
    (screen,) = makes.make("me", replace(form, facts=""))  # as in another browser, whose form is empty
    assert "ac-problem" in screen.shown
    assert screen.shown.count("data-make=") == 3


def test_the_wall_fills_as_ads_come_and_says_that_they_are_untested(makes: Makes, form: MakeForm) -> None:
    screens = make(makes, form)
    running = [one.shown for one in screens[:-1]]
    assert "ac-skeleton" in running[0]
    assert any("just chosen" in shown for shown in running), "an ad is shown before all stand"
    shown, record = screens[-1].shown, screens[-1].record
    assert shown.count("data-make=") == len(record["ads"]) == 3
    assert shown.count("untested") == 1, "it is said of all at once"
    assert shown.count("Leads with") == 3
    assert "expected click rate" not in shown
    assert makes.handlers.studio.asked[-1]["shapes"] == "1:1"  # type: ignore[attr-defined]
    assert list(makes.resume("me"))[-1].shown == shown
    assert "ac-skeleton" not in shown


def test_without_a_brand_or_a_photo_there_are_ads_too(makes: Makes, form: MakeForm) -> None:
    assert len(make(makes, replace(form, brand=""))[-1].record["ads"]) == 3
    assert make(makes, replace(form, brand="", photos=()))[-1].record["ads"]


def test_with_the_model_of_an_account_the_wall_says_rates_anew_after_a_change(makes: Makes, form: MakeForm) -> None:
    makes.handlers.use_own("me", Expecting())
    screen = make(makes, form)[-1]
    assert screen.shown.count("4.00% expected click rate (3.00% – 5.00%)") == 3
    assert "untested" not in screen.shown
    changed = makes.change("me", "01", {"headline": "Monday, but slower"})
    assert "5.00% expected click rate" in changed.shown
    assert changed.wall.count("4.00% expected") == 2


def test_an_ad_is_changed_in_all_its_shapes_and_put_back(makes: Makes, form: MakeForm) -> None:
    make(makes, form)
    opened, before = makes.open("me", "01"), picture_of(makes, "me", "01")
    assert opened.shown.count("<figure>") == 2
    assert opened.words[0] == "Slow mornings, properly made"
    assert not opened.can_undo
    changed = makes.change("me", "01", {"headline": "Monday, but slower"})
    assert changed.words[0] == "Monday, but slower"
    assert "Monday, but slower" in changed.wall
    assert changed.can_undo
    assert picture_of(makes, "me", "01") != before
    assert makes.change("me", "01", {"accent": "#aa00aa"}).record["ad"]["recipe"]["accent"] == "#aa00aa"
    other = makes.change("me", "01", {"layout": "another"})
    assert other.record["ad"]["layout"] != changed.record["ad"]["layout"]
    with pytest.raises(AdCreativeError, match="would not fit any shape"):
        makes.change("me", "01", {"headline": "far too long a line " * 10})
    for _ in range(3):
        undone = makes.undo("me", "01")
    assert undone.words == opened.words
    assert picture_of(makes, "me", "01") == before
    with pytest.raises(AdCreativeError, match="nothing to put back"):
        makes.undo("me", "01")


def test_words_that_are_as_they_were_change_nothing(makes: Makes, form: MakeForm) -> None:
    make(makes, form)
    words = dict(zip(("headline", "subline", "offer", "button"), makes.open("me", "02").words, strict=True))
    assert not makes.change("me", "02", words).can_undo


def test_the_zip_holds_what_the_command_writes_as_the_ads_are_now(makes: Makes, form: MakeForm, tmp_path: Path) -> None:
    with pytest.raises(AdCreativeError, match="There are no ads yet"):
        makes.pack("me")
    make(makes, form)
    makes.change("me", "01", {"headline": "Monday, but slower"})
    with zipfile.ZipFile(makes.pack("me")) as archive:
        archive.extractall(tmp_path / "out")
        names = archive.namelist()
    ads = tmp_path / "out" / "new-ads"
    assert {"new-ads/report.html", "new-ads/metadata.csv", "new-ads/01/ad.json", "new-ads/parts/parts.json"} <= set(names)
    assert sum(name.endswith(".svg") for name in names) == 6
    assert not [name for name in names if "/." in name]
    assert "Monday, but slower" in (ads / "report.html").read_text()
    assert read_catalog(ads).creatives[0].headline == "Monday, but slower"


def test_a_failed_set_leaves_the_one_before(makes: Makes, form: MakeForm) -> None:
    make(makes, form)
    screen = list(makes.make("me", replace(form, facts="far too long a line " * 10)))[-1]
    assert "ac-problem" in screen.shown
    assert screen.shown.count("data-make=") == 3
    assert makes.open("me", "01").words[0] == "Slow mornings, properly made"


def test_nobody_sees_the_ads_of_another_and_they_go_with_their_owner(makes: Makes, form: MakeForm) -> None:
    make(makes, form)
    assert makes.handlers.belongings.has_any("me")
    for name in ("01", "../../me/make/ads/01", "parts"):
        with pytest.raises(AdCreativeError, match="There are no ads yet"):
            makes.open("you", name)
    assert [screen.shown for screen in makes.resume("you")] == [""]
    makes.handlers.forget("me")
    assert not makes.handlers.owner_dir("me").exists()
    assert not makes.has_ads("me")


def test_a_set_that_is_deleted_while_it_is_made_goes(makes: Makes, form: MakeForm, monkeypatch: pytest.MonkeyPatch) -> None:
    features = makes.handlers.choices.features_of("me")
    compose = FakeStudio.compose

    def compose_meanwhile(studio: FakeStudio, *given: Any, **named: Any) -> Any:
        makes.handlers.forget("me")
        features.mkdir(parents=True)
        (features / "one.entry").write_text("of a photo")
        return compose(studio, *given, **named)

    monkeypatch.setattr(FakeStudio, "compose", compose_meanwhile)
    list(makes.make("me", form))
    deadline_s = time.monotonic() + 20
    places = (features, makes.handlers.result_dir)
    while left := [path for place in places for path in place.rglob("*") if path.is_file()]:
        assert time.monotonic() < deadline_s, left
        time.sleep(0.02)


def test_samples_are_briefs_with_photos_and_each_makes_a_brief(makes: Makes, tmp_path: Path) -> None:
    assert len(list_samples()) == 3
    for name in list_samples():
        photo, brand, facts = makes.sample("me", name)
        assert Path(photo).is_relative_to(makes.handlers.belongings.lent_dir("me"))
        with Image.open(photo) as image:
            assert min(image.size) >= 300
        brief = brief_of(MakeForm(photos=(photo,), brand=brand, facts=facts))
        assert brief.messages.lines("headline")
        assert brief.messages.lines("button")
    with pytest.raises(AdCreativeError, match="There is no such sample"):
        makes.sample("me", "../coffee")
