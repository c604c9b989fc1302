from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from adcreative.progress import Rounds, ShouldStop
from apps.studio.sessions.jobs import Job, JobBoard, JobState


def endless(report: Rounds, should_stop: ShouldStop) -> str:
    done = 0
    while not should_stop():
        done += 1
        report(done, 1000, float(done))
        time.sleep(0.005)
    return "stopped"


def test_job_reports_and_returns() -> None:
    def work(report: Rounds, should_stop: ShouldStop) -> int:
        for done in (1, 2):
            time.sleep(0.02)
            report(done, 2, 0.1 * done)
        return 42

    job = Job(work=work).start()
    states = list(job.states())
    assert job.result() == 42
    assert not job.is_stopped
    assert [state.done for state in states] == sorted(state.done for state in states)
    assert job.state.best == (0.1, 0.2)


def test_states_may_be_told_apart_in_time_and_the_end_is_not_waited_for() -> None:
    def work(report: Rounds, should_stop: ShouldStop) -> None:
        for done in range(40):
            report(done, 40, 0.0)
            time.sleep(0.01)

    began_s = time.monotonic()
    assert 2 <= len(list(Job(work=work).start().states(apart_s=0.15))) <= 5
    quick: Job[None] = Job(work=lambda report, should_stop: None)
    assert len(list(quick.start().states(apart_s=60.0))) <= 1
    assert time.monotonic() - began_s < 30


def test_stop_waits_until_the_work_has_ended() -> None:
    job = Job(work=endless).start()
    time.sleep(0.03)
    assert job.stop(wait_s=5)
    done = job.state.done
    time.sleep(0.05)
    assert job.state.done == done
    assert job.is_stopped
    assert job.result() == "stopped"


def test_error_of_the_work_is_raised_by_result() -> None:
    def work(report: Rounds, should_stop: ShouldStop) -> None:
        raise ValueError("no such picture")

    job = Job(work=work).start()
    list(job.states())
    with pytest.raises(ValueError, match="no such picture"):
        job.result()


def test_seconds_left_follow_the_rounds_so_far() -> None:
    assert JobState().seconds_left is None
    assert JobState(done=1, total=10, seconds=60.0, ready_s=60.0, last_s=60.0, first=1).seconds_left is None  # none measured
    state = JobState(done=3, total=10, seconds=64.0, ready_s=60.0, last_s=64.0, first=1)
    assert state.seconds_left == 14.0  # a minute of getting ready is no measure of a round
    assert replace(state, seconds=66.0).seconds_left == 12.0  # two seconds into the next round


def test_board_stops_only_the_owner_asked_for() -> None:
    board: JobBoard[str] = JobBoard()
    mine, yours = Job(work=endless), Job(work=endless)
    board.post("me", mine.start(), "mine")
    board.post("you", yours.start(), "yours")
    assert board.stop("me")
    assert mine.stop(wait_s=5)
    assert not yours.is_finished
    assert not board.stop("me")
    assert not board.stop("nobody")
    assert (board.find("me"), board.find("you"), board.find("nobody")) == ("mine", "yours", None)
    board.take_down("you")
    assert yours.stop(wait_s=5)
    assert board.find("you") is None


def test_second_job_of_an_owner_stops_the_first() -> None:
    before, board = threading.active_count(), JobBoard[str]()
    first = Job(work=endless).start()
    board.post("me", first, "first")
    board.post("me", Job(work=lambda report, should_stop: None).start(), "second")
    assert first.stop(wait_s=5)
    assert board.find("me") == "second"
    assert threading.active_count() <= before + 2
