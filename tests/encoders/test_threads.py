"""Calls on all cores: the same answers in the same order, and torch's settings left as they were."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

import numpy as np
import pytest
import torch

from adcreative.creative import Creative
from adcreative.encoders import threads
from adcreative.encoders.threads import iter_in_threads, map_in_threads, run_beside
from adcreative.verbs.loading import load_tools


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_two_calls_run_at_once_and_answers_keep_their_order() -> None:
    both = threading.Barrier(2, timeout=30)  # breaks unless two calls wait together

    def call(number: int) -> int:
        both.wait()
        return 10 * number

    assert map_in_threads(call, range(8)) == [10 * number for number in range(8)]


def test_torch_uses_one_thread_inside_and_as_many_as_before_outside() -> None:
    threads._pool.cache_clear()  # what making a pool leaves behind is asked
    assert map_in_threads(lambda _: torch.get_num_threads(), range(4)) == [1] * 4
    assert torch.get_num_threads() == 2
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [2]


def test_an_error_ends_it() -> None:
    def call(number: int) -> int:
        if number == 1:
            raise ValueError("the second one")
        return number

    with pytest.raises(ValueError, match="the second one"):
        map_in_threads(call, range(4))


def test_items_are_drawn_while_earlier_ones_are_worked_on() -> None:
    is_working = threading.Event()

    def draw() -> Iterator[int]:
        yield 1
        assert is_working.wait(timeout=30)
        yield 2

    def call(number: int) -> int:
        is_working.set()
        return number

    assert map_in_threads(call, draw()) == [1, 2]


def test_answers_are_yielded_in_order_while_the_next_two_are_worked_on() -> None:
    both = threading.Barrier(2, timeout=30)  # breaks unless two calls wait together

    def call(number: int) -> int:
        both.wait()
        return 10 * number

    assert list(iter_in_threads(call, range(8))) == [10 * number for number in range(8)]


def test_items_are_drawn_no_further_ahead_than_threads_can_work() -> None:
    drawn: list[int] = []
    answers = iter_in_threads(lambda number: number, (drawn.append(number) or number for number in range(20)))
    assert next(answers) == 0
    assert drawn == [0, 1, 2]
    answers.close()
    assert len(drawn) == 3


def test_closed_early_it_waits_for_the_calls_that_have_begun() -> None:
    begun, done = threading.Event(), threading.Event()

    def call(number: int) -> None:
        if number == 1:
            begun.set()
            time.sleep(0.05)
            done.set()

    answers = iter_in_threads(call, range(9))
    next(answers)
    assert begun.wait(timeout=30)
    answers.close()
    assert done.is_set()


def test_a_call_sees_the_context_of_who_asks() -> None:
    name: ContextVar[str] = ContextVar("name", default="")
    name.set("mine")
    assert list(iter_in_threads(lambda _: name.get(), range(3))) == ["mine"] * 3


def test_a_long_call_runs_while_the_block_shares_out_items() -> None:
    both = threading.Barrier(2, timeout=30)  # breaks unless the call and an item wait together
    with run_beside(both.wait) as wait:
        map_in_threads(lambda _: both.wait(), [1])
        assert wait() in (0, 1)


def test_an_error_of_a_call_beside_is_raised_by_who_waits_for_it_and_one_of_the_block_waits_for_the_call() -> None:
    done = threading.Event()

    def fail() -> None:
        raise ValueError("beside")

    with pytest.raises(ValueError, match="beside"), run_beside(fail) as wait:
        wait()

    begun = threading.Event()

    def work() -> None:
        begun.set()
        time.sleep(0.05)
        done.set()

    def break_off() -> None:
        with run_beside(work):
            assert begun.wait(timeout=30)
            raise KeyError("of the block")

    with pytest.raises(KeyError):
        break_off()
    assert done.is_set()


def test_with_one_thread_the_call_runs_when_it_is_waited_for() -> None:
    torch.set_num_threads(1)
    with run_beside(threading.current_thread) as wait:
        assert wait() is threading.current_thread()


def test_one_thread_is_this_one() -> None:
    torch.set_num_threads(1)
    assert set(map_in_threads(lambda _: threading.current_thread(), range(3))) == {threading.current_thread()}


def test_the_number_of_threads_changes_no_picture_of_the_real_encoders(
    ad_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extractor = load_tools().extractor
    monkeypatch.setattr(extractor, "cache", None)
    pictures = [Creative(image_path=path) for path in sorted((ad_folder / "images").iterdir())]
    together = extractor.extract(pictures)
    torch.set_num_threads(1)
    alone = extractor.extract(pictures)
    assert sum(len(features.face_shares) for features in alone) >= 3  # type: ignore[misc]
    for first, second in zip(alone, together, strict=True):
        for name in ("image", "look", "face_codes", "face_attributes", "face_shares"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


@pytest.mark.parametrize(("given", "turns"), [(None, "0"), ("ACTIVE", "30000000000")])
def test_threads_that_wait_sleep_unless_told_otherwise(given: str | None, turns: str) -> None:
    others = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    asked = others | {"OMP_DISPLAY_ENV": "VERBOSE"} | ({"OMP_WAIT_POLICY": given} if given else {})
    told = subprocess.run([sys.executable, "-c", "import adcreative, torch"], env=asked, capture_output=True, text=True)
    assert f"GOMP_SPINCOUNT = '{turns}'" in told.stderr  # as the OpenMP of torch read it
