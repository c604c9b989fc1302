"""Work in a process of its own: what it returns, tells and refuses comes back; it is stopped, and its death is told."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from adcreative.errors import AdCreativeError, CatalogError, ConfigError, EngineError
from adcreative.pipeline import read_columns, run_aside
from adcreative.progress import Progress, ShouldStop, track


def work(count: int, *, progress: Progress, should_stop: ShouldStop) -> tuple[int, int, bool]:
    """Tell of each step, ten a second; return the process, how nice it is, and whether it was stopped."""
    for number in range(1, count + 1):
        progress("working", number, count)
        time.sleep(0.1)
        if should_stop():
            return os.getpid(), os.nice(0), True
    return os.getpid(), os.nice(0), False


def read(seconds: float) -> None:
    """Take long, without being asked to stop."""
    list(track(range(3), "reading"))
    time.sleep(seconds)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def break_down() -> None:
    raise KeyError("no such key")


def test_work_is_done_elsewhere_behind_everything_else_and_tells_how_far_it_is() -> None:
    steps: list[tuple[str, int, int]] = []
    process, nice, is_stopped = run_aside(work, 3, progress=lambda *one: steps.append(one))
    assert process != os.getpid()
    assert nice == min(os.nice(0) + 10, 19)
    assert not is_stopped
    assert steps[0] == ("working", 1, 3)


def test_work_that_is_stopped_leaves_what_it_has_or_is_ended() -> None:
    started_s = time.monotonic()
    assert run_aside(work, 3000, should_stop=lambda: True)[2]
    with pytest.raises(ConfigError, match="stopped before it was done"):
        run_aside(read, 300.0, should_stop=lambda: True)
    assert time.monotonic() - started_s < 120


def test_what_went_wrong_is_told(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"there is no file at results\.csv"):
        run_aside(read_columns, tmp_path / "results.csv")
    with pytest.raises(EngineError, match="died, perhaps for want of memory"):
        run_aside(die)
    with pytest.raises(RuntimeError, match="no such key") as fault:
        run_aside(break_down)
    assert not isinstance(fault.value, AdCreativeError)
