from __future__ import annotations

import time
from dataclasses import replace

from adcreative.progress import Rounds, ShouldStop
from apps.studio.sessions.jobs import Job, JobBoard, JobState


def endless(report: Rounds, should_stop: ShouldStop) -> str:
    done = 0
    while not should_stop():
        done += 1
        report(done, 1000, float(done))
        time.sleep(0.005)
    return "stopped"


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
