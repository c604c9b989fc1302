"""Calls on all cores: the same answers in the same order, and torch's settings left as they were."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from adcreative.threads import map_in_threads


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


def test_one_thread_is_this_one() -> None:
    torch.set_num_threads(1)
    assert set(map_in_threads(lambda _: threading.current_thread(), range(3))) == {threading.current_thread()}
