from __future__ import annotations

import threading
import time

import pytest

from apps.studio.jobs import Job, JobBoard, JobState, ReportProgress, ShouldStop


def endless(report: ReportProgress, should_stop: ShouldStop) -> str:
    done = 0
    while not should_stop():
        done += 1
        report(done, 1000, float(done))
        time.sleep(0.005)
    return "stopped"


def test_job_reports_and_returns() -> None:
    def work(report: ReportProgress, should_stop: ShouldStop) -> int:
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
    def work(report: ReportProgress, should_stop: ShouldStop) -> None:
        raise ValueError("no such picture")

    job = Job(work=work).start()
    list(job.states())
    with pytest.raises(ValueError, match="no such picture"):
        job.result()


def test_seconds_left_follow_the_rounds_so_far() -> None:
    assert JobState().seconds_left is None
    assert JobState(done=2, total=10, seconds=4.0).seconds_left == 16.0


def test_board_stops_only_the_session_asked_for() -> None:
    board, mine, yours = JobBoard(), Job(work=endless).start(), Job(work=endless).start()
    board.post("me", mine)
    board.post("you", yours)
    assert board.stop("me")
    assert mine.stop(wait_s=5)
    assert not yours.is_finished
    assert not board.stop("nobody")
    board.take_down("you", yours)
    assert not board.stop("you")
    yours.stop()


def test_second_job_of_a_session_stops_the_first() -> None:
    board, first = JobBoard(), Job(work=endless).start()
    board.post("me", first)
    board.post("me", Job(work=lambda report, should_stop: None).start())
    assert first.stop(wait_s=5)
    assert threading.active_count() < 50
