"""What was found for one ad is never shown, taken, approved or packed under another, in whatever order things happen."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from PIL import Image

from adcreative.errors import AdCreativeError
from apps.studio.handlers.approvals import Approvals
from apps.studio.handlers.one_ad import Handlers, Screen
from apps.studio.handlers.screens import Brought
from apps.studio.handlers.steps import Steps
from apps.studio.handlers.why import Why
from apps.studio.handlers.words import Words
from apps.studio.sessions.ads import MOVES, AdState, Stage
from apps.studio.sessions.search_requests import SearchRequest
from tests.apps.fakes import FakeStudio

FACES = SearchRequest(effort="quick", faces="synthetic", directions=("smile",))
LEAVE = SearchRequest(effort="quick", faces="leave")


class OneAd(RuleBasedStateMachine):
    """A visitor who changes the ad at any moment; `page` is what the browser shows, as the page's events leave it."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name)
        for name, colour in (("red", (200, 40, 40)), ("blue", (40, 40, 200))):
            Image.new("RGB", (100, 120), colour).save(root / f"{name}.png")
        pictures = [None, str(root / "red.png"), str(root / "blue.png")]
        self.ads: list[dict[str, Any]] = [
            {"image_path": path, "headline": headline} for path in pictures for headline in ("Coats", "Boats", "")
        ]
        self.studio = FakeStudio(round_s=0.0)
        self.handlers = Handlers(studio=self.studio, result_dir=root / "results", cards=self.studio.cards)
        self.why, self.why_shown = Why(handlers=self.handlers), ""
        self.steps, self.words = Steps(handlers=self.handlers), Words(handlers=self.handlers)
        self.form: dict[str, Any] = self.ads[2]  # empty, as the page that opens
        self.page, self.score, self.page_ad = Screen(), "", ""
        self.shown_before = ["", "f" * 64]
        self.approved: set[str] = set()

    def teardown(self) -> None:
        self.folder.cleanup()

    def show(self, screen: Screen) -> None:
        self.page = screen
        if screen.shown not in self.shown_before:
            self.shown_before.append(screen.shown)

    def look(self) -> None:
        """The event of a changed form."""
        found = self.handlers.look("me", self.form, self.page_ad)
        if found is not None:
            self.page_ad, self.score = found.ad, found.score[0] if found.score else ""
            self.why_shown = found.why[0] if found.why else ""
            self.show(found.screen)

    @rule(number=st.integers(0, 8))
    def change_the_form(self, number: int) -> None:
        self.form = self.ads[number]
        self.look()

    @rule(number=st.integers(0, 8), button=st.sampled_from(["score", "take"]))
    def press_a_button_before_the_page_is_told(self, number: int, button: str) -> None:
        """The server hears of the new ad through a button first."""
        self.form = self.ads[number]
        if button == "score":
            self.press_score()
        else:
            self.handlers.bring("me", self.form)  # as "Improve this one" does
        self.look()

    @rule(number=st.integers(0, 8))
    def change_the_form_before_the_page_says_so(self, number: int) -> None:
        """The event of the change is still on its way: the page shows what it showed, the server knows of nothing."""
        self.form = self.ads[number]
        self.approve_what_is_shown()
        self.look()

    @rule()
    def press_score(self) -> None:
        self.score = self.handlers.score("me", **self.form)[0]

    @rule(search_request=st.sampled_from([FACES, LEAVE]), number=st.none() | st.integers(0, 8))
    def improve(self, search_request: SearchRequest, number: int | None) -> None:
        """Search; the form may change while the search runs."""
        for screen in self.handlers.improve("me", self.form, search_request):
            self.show(screen)  # the only one, where the search was over before anybody looked
            if number is not None:
                self.form, number = self.ads[number], None
                self.look()

    @rule(choice=st.sampled_from(["Version 1", "Version 2", "Version 3"]))
    def choose(self, choice: str) -> None:
        try:
            self.show(self.handlers.choose("me", choice))
        except AdCreativeError:
            assert not self.page.choices

    @rule(headline=st.sampled_from(["Warm coats", "worse"]))
    def use_words(self, headline: str) -> None:
        _, screen = self.words.use("me", headline, "")
        if screen is not None:
            self.show(screen)

    @rule()
    def reload(self) -> None:
        *_, screen = self.handlers.resume("me")
        self.show(screen)
        self.score = ""
        self.form = dict.fromkeys(self.form) if screen.creative is None else self._form_of(screen)
        self.page_ad = ""
        self.look()

    @rule()
    def approve_what_is_shown(self) -> None:
        event = self.steps.approve("me", "Anna", ["eu"], True, self.page.shown)[1]
        if "error" not in event:
            self.approved.add(self.page.shown)
            assert self.handlers.desk.find("me").stage is Stage.APPROVED
            assert self.page.run is not None
            trail = (self.page.run / "audit.jsonl").read_text().splitlines()
            assert json.loads(trail[-1])["by"] == "Anna"

    @rule(data=st.data())
    def approve_what_was_shown_once(self, data: st.DataObject) -> None:
        shown = data.draw(st.sampled_from(self.shown_before))
        event = self.steps.approve("me", "Anna", ["eu"], True, shown)[1]
        assert "error" in event or shown == self.page.shown
        if "error" not in event:
            self.approved.add(shown)

    @precondition(lambda self: self.page.run is not None)
    @rule()
    def tamper_then_approve(self) -> None:
        """The picture on disk is another than the one that was shown."""
        if self.page.download is None:
            return
        content = self.page.download.read_bytes()
        self.page.download.write_bytes(content + b"x")
        assert "error" in self.steps.approve("me", "Anna", ["eu"], True, self.page.shown)[1]
        self.page.download.write_bytes(content)

    @rule()
    def pack(self) -> None:
        _, files, record = self.steps.pack("me", "autumn", "", "")
        assert ("error" in record) == (files is None)
        assert files is None or self.page.shown in self.approved
        assert files is None or self.handlers.desk.find("me").stage is Stage.PACKED
        assert files is None or all(path.is_relative_to(self.page.run) for path in files)  # type: ignore[arg-type]

    @rule()
    def explain(self) -> None:
        *_, (shown, _, record) = self.why.explain("me", self.form)
        self.why_shown = "" if "error" in record else shown

    @rule(number=st.integers(0, 8))
    def stop_a_search(self, number: int) -> None:
        """Stopped at once or after the first round; the form may change in between."""
        for screen in self.handlers.improve("me", self.form, LEAVE):
            self.show(screen)  # the only one, where the search was over before anybody looked
            self.handlers.cancel("me")
            if number:
                self.form = self.ads[number]
                self.look()

    @rule()
    def forget(self) -> None:
        self.handlers.forget("me")
        self.show(Screen())
        self.score, self.form, self.page_ad, self.why_shown = "", dict.fromkeys(self.form), "", ""

    @invariant()
    def what_is_shown_is_of_the_ad_on_the_page(self) -> None:
        if not hasattr(self, "handlers"):
            return
        screen = self.handlers.find_screen("me")
        if self.page.creative is not None:
            assert self._form_of(self.page) == {"image_path": None, "headline": "", **self.form}
        if screen is not None and screen.creative is not None:
            assert screen.shown == self.page.shown, "the server would approve what the page does not show"
        state = self.handlers.desk.find("me")
        if state.stage in (Stage.FOUND, Stage.APPROVED, Stage.PACKED):
            assert screen is not None
            assert state.shown == screen.shown
        if state.stage is Stage.SCORED:
            assert state.score is not None
        assert state.stage is not Stage.SEARCHING or self.handlers.is_running("me")
        headline = (self.form.get("headline") or "").strip()
        if self.why_shown and headline and not self.form.get("image_path"):
            assert headline in self.why_shown

    @staticmethod
    def _form_of(screen: Screen) -> dict[str, Any]:
        path = screen.creative.image_path  # type: ignore[union-attr]
        return {"image_path": str(path) if path else None, "headline": screen.creative.headline}  # type: ignore[union-attr]


OneAd.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestOneAd = OneAd.TestCase


@pytest.fixture
def handlers(tmp_path: Path) -> Handlers:
    return Handlers(studio=FakeStudio(), result_dir=tmp_path / "results", cards=FakeStudio().cards)


def test_a_changed_ad_loses_its_result_and_gets_it_back_unchanged(handlers: Handlers) -> None:
    *_, found = handlers.improve("me", {"headline": "Coats"}, LEAVE)
    handlers.score("me", headline="Coats")
    other = handlers.look("me", {"headline": "Boats"}, found.ad)
    assert other is not None
    assert (other.score, other.screen) == (None, Screen())
    for refused in (
        lambda: handlers.find_run("me"),
        lambda: handlers.choose("me", "Version 2"),
        lambda: handlers.use_words("me", "a", ""),
        lambda: Approvals(handlers=handlers).check_shown("me", found.shown),
    ):
        with pytest.raises(
            AdCreativeError, match=r"no new version yet|no such version|What you see is not what would be approved"
        ):
            refused()
    assert handlers.look("me", {"headline": "Boats"}, other.ad) is None  # nothing changed, so nothing is redrawn
    again = handlers.look("me", {"headline": " Coats "}, other.ad)
    assert again is not None
    assert again.screen == found
    Approvals(handlers=handlers).check_shown("me", found.shown)


def test_a_refused_picture_opens_no_next_step(handlers: Handlers, image_path: Path) -> None:
    for headline, is_readable in (("Coats", True), ("Boats", False)):
        found = handlers.look("me", {"image_path": str(image_path), "headline": headline}, "")
        assert found is not None
        assert found.is_readable == is_readable
        image_path.write_bytes(image_path.read_bytes()[:300])


def test_a_picture_of_the_same_name_is_another_ad(handlers: Handlers, image_path: Path) -> None:
    *_, found = handlers.improve("me", {"image_path": str(image_path)}, LEAVE)
    assert found.run is not None
    Image.new("RGB", (100, 100)).save(image_path)
    other = handlers.look("me", {"image_path": str(image_path)}, found.ad)
    assert other is not None
    assert other.screen == Screen()


def test_a_score_that_comes_too_late_is_not_shown(handlers: Handlers, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_one = handlers.studio.stand_one

    def change_meanwhile(creative: Any, **options: Any) -> Any:
        handlers.look("me", {"headline": "Boats"}, "")
        return stand_one(creative, **options)

    monkeypatch.setattr(handlers.studio, "stand_one", change_meanwhile)
    shown, record = handlers.score("me", headline="Coats")
    assert "The ad was changed meanwhile" in shown
    assert record == {"error": "The ad was changed meanwhile, so this is not shown. Press the button again."}


def test_the_result_says_which_ad_it_is_of(handlers: Handlers, image_path: Path) -> None:
    *_, found = handlers.improve("me", {"image_path": str(image_path), "headline": "Coats"}, LEAVE)
    assert "For the ad “Coats”" in found.result  # as it is called above
    *_, bare = handlers.improve("me", {"image_path": str(image_path)}, LEAVE)
    assert f"For the ad “{image_path.name}”" in bare.result
    assert 'class="ac-thumb"' in found.result
    assert Brought(ad=found.ad, creative=found.creative, before_u8=None, search_request=LEAVE).ad  # type: ignore[arg-type]


def test_a_button_that_tells_the_server_first_does_not_keep_the_page_from_being_cleared(handlers: Handlers) -> None:
    """As "Improve this one" does: the server knows of the new ad before the form's own event arrives."""
    *_, found = handlers.improve("me", {"headline": "Coats"}, LEAVE)
    handlers.bring("me", {"headline": "Boats"})
    look = handlers.look("me", {"headline": "Boats"}, found.ad)
    assert look is not None
    assert (look.score, look.screen) == (None, Screen())
    score = handlers.score("me", headline="Boats")
    look = handlers.look("me", {"headline": "Boats"}, found.ad)
    assert look is not None
    assert look.score == score


def test_a_late_event_of_the_form_leaves_the_explanation_of_the_same_ad(handlers: Handlers) -> None:
    """The page may tell of an ad after its explanation was asked for; what was explained is of that ad, and stays."""
    form = {"headline": "Coats"}
    *_, (shown, path, _) = Why(handlers=handlers).explain("me", form)
    look = handlers.look("me", form, "")
    assert look is not None
    assert look.why == (shown, path)
    other = handlers.look("me", {"headline": "Boats"}, look.ad)
    assert other is not None
    assert other.why is None


@pytest.mark.parametrize("event", sorted(MOVES))
@pytest.mark.parametrize("stage", list(Stage))
def test_an_ad_moves_only_along_the_listed_ways(event: str, stage: Stage) -> None:
    state = AdState(ad="a", stage=stage, shown="s", score=("said", {}))
    if stage in MOVES[event]:
        assert state.after(event, shown="s").stage is MOVES[event][stage]
    else:
        with pytest.raises(AdCreativeError, match=r"There is no|Who approves|being laid out"):
            state.after(event, shown="s")


def test_nothing_but_what_is_shown_is_approved_or_packed() -> None:
    found = AdState(ad="a", stage=Stage.SEARCHING).after("find", shown="one")
    with pytest.raises(AdCreativeError, match="What you see is not what would be approved"):
        found.after("approve", shown="another")
    approved = found.after("approve", shown="one")
    with pytest.raises(AdCreativeError, match=r"Who approves this version\?"):
        approved.after("find", shown="two").after("pack", shown="two")  # another version was taken since
    assert approved.after("pack", shown="one").stage is Stage.PACKED


def test_the_bar_names_the_ad_and_how_far_it_is(handlers: Handlers) -> None:
    assert handlers.bar("me") == ""
    handlers.look("me", {"headline": "Coats"}, "")
    assert "Coats" in handlers.bar("me")
    assert handlers.bar("me").count("ac-done") == 1
    handlers.score("me", headline="Coats")
    list(handlers.improve("me", {"headline": "Coats"}, LEAVE))
    assert handlers.bar("me").count("ac-done") == 3
    handlers.look("me", {"headline": "Boats"}, "")
    assert handlers.bar("me").count("ac-done") == 1


def test_a_page_opens_with_the_ad_of_a_running_search_else_with_the_latest_that_was_scored(tmp_path: Path) -> None:
    studio = FakeStudio()
    handlers = Handlers(studio=studio, result_dir=tmp_path / "results")

    def opened() -> str:
        found = handlers.find_brought("me")
        return "" if found is None or found.creative is None else found.creative.headline

    handlers.bring("me", {"headline": "typed alone"})
    assert not opened()
    handlers.score("me", headline="Coats")
    handlers.bring("me", {"headline": "typed alone"})
    assert opened() == "Coats"
    studio.round_s = 0.05
    screens = handlers.improve("me", {"headline": "Boots"}, SearchRequest(effort="quick"))
    next(screens)
    handlers.score("me", headline="Hats")
    assert opened() == "Boots"  # its search runs
    *_, last = handlers.resume("me")
    assert last.record["headline_edited"] == "Boots today"
    handlers.score("me", headline="Hats")
    assert opened() == "Hats"
    assert [screen.record for screen in handlers.resume("me")] == [{}]
    for number in range(9):
        handlers.bring("me", {"headline": f"typed {number}"})
    assert opened() == "Boots"  # so many were typed since that the scores are forgotten; the search is not


def test_a_headline_that_was_emptied_stays_empty(tmp_path: Path, image_path: Path) -> None:
    handlers = Handlers(studio=FakeStudio(), result_dir=tmp_path / "results")
    path = image_path.rename(image_path.with_name("words.jpg"))
    form = {"image_path": str(path), "headline": ""}
    assert "The headline passes" in handlers.score("me", **form)[0]  # asked over the API: what was read counts
    assert handlers.read_words("me", form)[1]["headline"] == "Read me first"
    assert "The headline passes" not in handlers.score("me", **form)[0]
    assert "The headline passes" in handlers.score("you", **form)[0]
