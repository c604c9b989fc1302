"""What is begun while a score is read is of one ad, never in anybody's way, and gone when the ad is."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adcreative.creative import Creative
from adcreative.progress import Rounds, ShouldStop
from apps.studio.handlers.one_ad import Handlers
from apps.studio.handlers.why import Why
from apps.studio.sessions.jobs import Job
from apps.studio.sessions.model_queue import ModelQueue
from apps.studio.sessions.read_ahead import MAX_AT_ONCE, MAX_KEPT, ReadAhead
from tests.apps.fakes import FakeStudio
from tests.apps.test_steps import SEARCH_REQUEST

ENOUGH_S = 20.0


@pytest.fixture
def queue() -> ModelQueue:
    return ModelQueue()


@pytest.fixture
def ahead(queue: ModelQueue) -> ReadAhead[str]:
    return ReadAhead(queue, pause_s=0.0)


def begin(ahead: ReadAhead[str], owner: str, key: object, find: object = None, **options: object) -> None:
    given = {"is_before": lambda: True, "then": lambda should_stop: None, **options}
    ahead.begin(owner, key, find or (lambda report, should_stop: f"of {key}"), **given)  # type: ignore[arg-type]


def until_stopped(began: threading.Event) -> object:
    def find(report: Rounds, should_stop: ShouldStop) -> str | None:
        began.set()
        while not should_stop():
            threading.Event().wait(0.01)
        return None

    return find


def finished(job: Job | None) -> Job:
    assert job is not None
    job.result()
    return job


def test_an_answer_is_handed_out_once_and_for_what_it_was_begun_for_alone(ahead: ReadAhead[str]) -> None:
    begin(ahead, "anna", "ad 1")
    assert ahead.take("anna", "ad 2") is None
    assert ahead.take("ben", "ad 1") is None
    assert finished(ahead.take("anna", "ad 1")).result() == "of ad 1"
    assert ahead.take("anna", "ad 1") is None


def test_it_gives_up_as_soon_as_anybody_wants_the_model(ahead: ReadAhead[str], queue: ModelQueue) -> None:
    began = threading.Event()
    begin(ahead, "anna", "ad 1", until_stopped(began))
    assert began.wait(ENOUGH_S)
    with queue.quick() as has_model:
        assert has_model
    assert finished(ahead.take("anna", "ad 1")).result() is None


def test_it_does_not_begin_while_somebody_has_the_model_and_what_follows_waits(
    ahead: ReadAhead[str], queue: ModelQueue
) -> None:
    followed = threading.Event()
    with queue.quick():
        begin(ahead, "anna", "ad 1", then=lambda should_stop: should_stop() or followed.set())
        assert finished(ahead.take("anna", "ad 1")).result() is None
        assert not followed.wait(0.2)
    assert followed.wait(ENOUGH_S)


def test_another_ad_on_the_page_ends_it_and_what_follows(ahead: ReadAhead[str]) -> None:
    began, is_before, told = threading.Event(), threading.Event(), threading.Event()
    is_before.set()
    stops: list[bool] = []
    begin(
        ahead,
        "anna",
        "ad 1",
        until_stopped(began),
        is_before=is_before.is_set,
        then=lambda should_stop: (stops.append(should_stop()), told.set()),
    )
    assert began.wait(ENOUGH_S)
    is_before.clear()
    assert told.wait(ENOUGH_S)
    assert stops == [True]


def test_an_owners_next_ad_takes_the_place_of_the_one_before_and_forgetting_stops_it(ahead: ReadAhead[str]) -> None:
    began = threading.Event()
    begin(ahead, "anna", "ad 1", until_stopped(began))
    assert began.wait(ENOUGH_S)
    begin(ahead, "anna", "ad 2", until_stopped(threading.Event()))
    assert ahead.take("anna", "ad 1") is None
    job = ahead.forget("anna")
    assert finished(job).result() is None
    assert ahead.take("anna", "ad 2") is None


def test_no_more_than_a_few_are_at_it_at_once_and_few_answers_are_kept(queue: ModelQueue) -> None:
    patient: ReadAhead[str] = ReadAhead(queue, pause_s=ENOUGH_S)
    for number in range(MAX_AT_ONCE + 1):
        begin(patient, f"owner {number}", "ad")
    assert patient.take(f"owner {MAX_AT_ONCE}", "ad") is None
    for number in range(MAX_AT_ONCE):
        finished(patient.take(f"owner {number}", "ad"))  # who asks ends the pause
    hurried: ReadAhead[str] = ReadAhead(queue, pause_s=0.0)
    for number in range(MAX_KEPT + 1):
        begin(hurried, f"owner {number}", "ad")
        finished(hurried._begun[f"owner {number}"].job)
    assert hurried.take("owner 0", "ad") is None
    assert hurried.take("owner 1", "ad") is not None


def test_what_follows_is_done_for_one_ad_at_a_time(ahead: ReadAhead[str]) -> None:
    began, ends, goes_on, over = (threading.Event() for _ in range(4))
    seen: list[str] = []
    begin(ahead, "anna", "ad 1", then=lambda should_stop: (began.set(), ends.wait(ENOUGH_S)))
    assert began.wait(ENOUGH_S)
    begin(
        ahead,
        "ben",
        "ad 2",
        lambda report, should_stop: str(goes_on.wait(ENOUGH_S)),
        then=lambda should_stop: seen.append("ad 2"),
    )
    job = ahead.take("ben", "ad 2")
    assert job is not None
    job.then(over.set)
    goes_on.set()
    assert over.wait(ENOUGH_S)
    ends.set()
    assert seen == []


def test_why_shows_what_was_begun_for_this_ad_and_asks_anew_for_another(tmp_path: Path) -> None:
    studio, asked = FakeStudio(round_s=0.01), []
    real = studio.explain_one
    studio.explain_one = lambda creative, out, **given: asked.append(creative.headline) or real(creative, out, **given)  # type: ignore[method-assign]
    studio.prepare_one = lambda creative, should_stop: asked.append(f"words of {creative.headline}")  # type: ignore[method-assign]
    handlers = Handlers(studio=studio, result_dir=tmp_path / "results")
    why = Why(handlers=handlers, read_ahead=ReadAhead(handlers.model_queue, pause_s=0.0))
    expected = list(Why(handlers=handlers).explain("you", {"headline": "Coats"}))[-1]
    asked.clear()
    handlers.score("me", headline="Coats")
    assert why.read_ahead is not None
    finished(why.read_ahead._begun["me"].job)
    *_, (shown, path, record) = why.explain("me", {"headline": "Coats"})
    assert (shown, record) == (expected[0], expected[2])
    assert path is not None
    assert path.is_file()
    assert asked[0] == "Coats"
    *_, (other, _, _) = why.explain("me", {"headline": "Boats"})
    assert "Boats" in other
    assert path.is_file(), "the page of the ad before is still its own"
    assert [name for name in asked if "words" not in name] == ["Coats", "Boats"]
    handlers.forget("me")
    assert not path.exists()


def test_asking_for_what_was_found_does_not_end_what_follows(tmp_path: Path) -> None:
    studio, goes_on, told = FakeStudio(), threading.Event(), threading.Event()
    stops: list[bool] = []

    def prepare(creative: object, should_stop: ShouldStop) -> None:
        goes_on.wait(ENOUGH_S)
        stops.append(should_stop())
        told.set()

    studio.prepare_one = prepare  # type: ignore[method-assign]
    handlers = Handlers(studio=studio, result_dir=tmp_path / "results")
    why = Why(handlers=handlers, read_ahead=ReadAhead(handlers.model_queue, pause_s=0.0))
    handlers.score("me", headline="Coats")
    assert why.read_ahead is not None
    finished(why.read_ahead._begun["me"].job)
    list(why.explain("me", {"headline": "Coats"}))
    goes_on.set()
    assert told.wait(ENOUGH_S)
    assert stops == [False]


def test_an_answer_of_another_model_is_not_shown(tmp_path: Path) -> None:
    handlers = Handlers(studio=FakeStudio(), result_dir=tmp_path / "results")
    why = Why(handlers=handlers, read_ahead=ReadAhead(handlers.model_queue, pause_s=0.0))
    handlers.score("me", headline="Coats")
    assert why.read_ahead is not None
    finished(why.read_ahead._begun["me"].job)
    handlers.use_own("me", FakeStudio())
    assert why.read_ahead.take("me", why._key("me", handlers.desk.find("me").ad)) is None


def test_an_explanation_that_made_way_for_a_search_is_begun_again_once_that_is_over(tmp_path: Path) -> None:
    studio = FakeStudio(round_s=0.01)
    began, tries = threading.Event(), list[bool]()
    real = studio.explain_one

    def explain(creative: Creative, out: Path, **given: Any) -> object:
        """The first try goes on until it is stopped."""
        tries.append(len(tries) > 0)
        began.set()
        while not tries[-1]:
            if given["should_stop"]():
                return SimpleNamespace(stopped=True)
            threading.Event().wait(0.01)
        return real(creative, out, **given)

    studio.explain_one = explain  # type: ignore[assignment, method-assign]
    handlers = Handlers(studio=studio, result_dir=tmp_path / "results")
    why = Why(handlers=handlers, read_ahead=ReadAhead(handlers.model_queue, pause_s=0.0))
    handlers.score("me", headline="Coats")
    assert began.wait(ENOUGH_S)
    list(handlers.improve("me", {"headline": "Coats"}, SEARCH_REQUEST))
    assert why.read_ahead is not None
    again = finished(why.read_ahead.take("me", why._key("me", handlers.desk.find("me").ad))).result()
    assert tries == [False, True]
    assert again is not None
    assert "Coats" in again[0]


def test_what_gave_up_is_begun_again_when_asked_and_what_has_an_answer_is_not(ahead: ReadAhead[str], queue: ModelQueue) -> None:
    began, asked = threading.Event(), list[str]()
    begin(ahead, "anna", "ad 1", until_stopped(began))
    assert began.wait(ENOUGH_S)
    with queue.quick():
        finished(ahead._begun["anna"].job)
    for _ in range(2):
        begin(ahead, "anna", "ad 1", lambda report, should_stop: asked.append("again") or "found")
        finished(ahead._begun["anna"].job)
    assert asked == ["again"]
