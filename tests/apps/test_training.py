"""Training on an account's results in the app: what is shown, whose model it is, and that it goes when its owner goes."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from adcreative.pipeline import Trainable
from apps.studio.handlers.consents import Consents
from apps.studio.handlers.one_ad import Handlers
from apps.studio.handlers.training import Trainings
from tests.apps.fakes import FakeStudio

ENOUGH = Trainable(num_ads=120, num_clicks=3000, num_different=40, min_ads=60, min_clicks=100, min_different=12)
AD = {"image_path": None, "headline": "Bread that stays fresh"}


@pytest.fixture
def trainings(tmp_path: Path) -> Trainings:
    handlers = Handlers(studio=FakeStudio(), result_dir=tmp_path / "results")
    return Trainings(handlers=handlers, count=lambda *_, **__: ENOUGH)


@pytest.fixture
def results(tmp_path: Path) -> str:
    path = tmp_path / "results.csv"
    path.write_text("headline,impressions,clicks\nFresh bread,1000,20\n")
    return str(path)


def test_from_then_on_its_owners_ads_are_scored_by_it_and_nobody_elses(trainings: Trainings, results: str) -> None:
    handlers = trainings.handlers
    assert handlers.score("anna", **AD)[1]["rate"] is None
    screens = list(trainings.train("anna", results))
    assert any("Learning" in screen.shown for screen in screens[:-1])
    last = screens[-1]
    assert "120 ads of your own" in last.shown
    assert "98% of the real ones" in last.shown
    assert "held 90%" in last.shown
    assert last.card is not None
    assert last.card.read_text().startswith("# The model of this account")
    assert trainings.has_own("anna")
    assert handlers.score("anna", **AD)[1]["rate"] == pytest.approx(0.04)
    assert handlers.score("bert", **AD)[1]["rate"] is None


def test_a_record_of_consent_is_no_model_of_ones_own(trainings: Trainings) -> None:
    Consents(handlers=trainings.handlers).add("anna", "Ada Example", "30.6.2099", None, AD)
    assert trainings.handlers.choices.studio_of("anna") is not trainings.handlers.studio
    assert not trainings.has_own("anna")


def test_a_second_training_lies_in_another_folder(trainings: Trainings, results: str) -> None:
    list(trainings.train("anna", results))
    first = trainings.handlers.choices.studio_of("anna").model_dir  # type: ignore[attr-defined]
    list(trainings.train("anna", results))
    assert trainings.handlers.choices.studio_of("anna").model_dir != first  # type: ignore[attr-defined]
    assert not first.exists()


@pytest.mark.parametrize("forget", ["training", "everything"])
def test_it_goes_with_its_owner(trainings: Trainings, results: str, forget: str) -> None:
    list(trainings.train("anna", results))
    card = trainings.board.find("anna").result().card  # type: ignore[union-attr]
    if forget == "training":
        assert "without your results" in trainings.forget("anna")
    else:
        trainings.handlers.forget("anna")
    assert not trainings.has_own("anna")
    assert card is not None
    assert not card.exists()
    assert [screen.shown for screen in trainings.resume("anna")] == [""]


def test_a_stopped_training_teaches_nothing(trainings: Trainings, results: str) -> None:
    studio = trainings.handlers.studio
    studio.round_s = 0.2  # type: ignore[attr-defined]
    screens = trainings.train("anna", results)
    next(screens)
    threading.Timer(0.1, trainings.cancel, ["anna"]).start()
    assert "Nothing was learnt" in list(screens)[-1].shown
    assert not trainings.has_own("anna")


def test_what_cannot_be_learnt_is_one_sentence(trainings: Trainings, tmp_path: Path) -> None:
    assert "Upload the table" in next(trainings.train("anna", None)).shown
    assert trainings.board.find("anna") is None
    broken = tmp_path / "broken.csv"
    broken.write_text("broken")
    last = list(trainings.train("anna", str(broken)))[-1]
    assert "at least 30 are needed" in last.shown
    assert last.record["error"].startswith("12 clicks")
    assert not trainings.has_own("anna")


def test_pictures_and_chosen_columns_are_handed_on(trainings: Trainings, results: str, image_path: Path) -> None:
    columns = {"ad_name": "Ad", "impressions": None, "clicks": "Link clicks"}
    list(trainings.train("anna", results, [str(image_path)], columns))
    asked = trainings.handlers.studio.asked[-1]  # type: ignore[attr-defined]
    assert asked["columns"] == {"Ad": "ad_name", "Link clicks": "clicks", "clicks": "ignore"}
    assert len(asked["images"]) == 1


def test_it_is_said_at_once_that_the_table_is_read_and_a_reading_can_be_stopped(trainings: Trainings, results: str) -> None:
    is_read = threading.Event()

    def count(*_: object, **__: object) -> Trainable:
        is_read.wait(20)
        return ENOUGH

    trainings.count = count
    screens = trainings.train("anna", results)
    assert "Reading the table" in next(screens).shown  # a large export takes seconds
    assert trainings.is_running("anna")
    trainings.cancel("anna")
    is_read.set()
    assert "Nothing was learnt" in list(screens)[-1].shown
    assert not trainings.has_own("anna")


def test_one_at_a_time(trainings: Trainings, results: str) -> None:
    trainings.handlers.studio.round_s = 0.2  # type: ignore[attr-defined]
    screens = trainings.train("anna", results)
    next(screens)
    assert "already" in next(trainings.train("anna", results)).shown
    assert "120 ads" in list(screens)[-1].shown


@pytest.mark.parametrize(
    ("num_ads", "clicks", "num_tests", "said"),
    [
        (12, 20, 12, "12 ads have results here; the scores can learn from 60 or more"),
        (1, 20, 1, "1 ad has results here"),
        (60, 1, 60, "These ads have 60 clicks in all; the scores can learn from 100 or more"),
        (60, 2, 11, "These 60 ads count as 11, since ads with the same words, or of one test, count as one"),
        (60, 2, 12, ""),
    ],
)
def test_too_few_ads_are_no_fault_and_are_told_before_anything_begins(
    tmp_path: Path, num_ads: int, clicks: int, num_tests: int, said: str
) -> None:
    """Said when the table is brought, and when the button is pressed; with what the page can do meanwhile."""
    trainings = Trainings(handlers=Handlers(studio=FakeStudio(), result_dir=tmp_path / "results"))
    path = tmp_path / "results.csv"
    rows = [f"Bread number {number},test {number % num_tests},1000,{clicks}" for number in range(num_ads)]
    path.write_text("\n".join(["headline,test_id,impressions,clicks", *rows]))
    looked, screens = trainings.look("anna", str(path)), list(trainings.train("anna", str(path)))
    if not said:
        assert looked == ""
        assert "120 ads of your own" in screens[-1].shown
        return
    screen = screens[-1]
    for shown in (looked, screen.shown):
        assert said in shown
        assert "Read the results" in shown
        assert "did not work" not in shown
    assert screen.record["status"] == "too few"
    assert trainings.handlers.studio.asked == []  # type: ignore[attr-defined]
    assert trainings.look("anna", None) == ""


def test_columns_that_are_known_anyway_are_no_choice(tmp_path: Path) -> None:
    """The page fills its choices with what was found: the headline, by which ads without names are told apart, stays one."""
    trainings = Trainings(handlers=Handlers(studio=FakeStudio(), result_dir=tmp_path / "results"))
    path = tmp_path / "results.csv"
    rows = [f"Bread number {number},1000,20,2026-01-{number % 28 + 1:02}" for number in range(60)]
    rows = [f"{row},{number}" for number, row in enumerate(rows)]
    path.write_text("\n".join(["headline,impressions,clicks,when,outbound", *rows]))
    found = {"ad_name": "headline", "impressions": "impressions", "clicks": "clicks", "day": ""}
    assert "120 ads of your own" in list(trainings.train("anna", str(path), columns=found))[-1].shown
    assert trainings.handlers.studio.asked[-1]["columns"] is None  # type: ignore[attr-defined]
    list(trainings.train("anna", str(path), columns={**found, "day": "when"}))
    assert trainings.handlers.studio.asked[-1]["columns"] == {"when": "day"}  # type: ignore[attr-defined]
    last = list(trainings.train("anna", str(path), columns={**found, "clicks": "outbound"}))[-1]
    assert "120 ads of your own" in last.shown, last.shown
    assert trainings.handlers.studio.asked[-1]["columns"] == {"outbound": "clicks", "clicks": "ignore"}  # type: ignore[attr-defined]
