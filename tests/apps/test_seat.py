from __future__ import annotations

import threading
import time

import pytest

from adcreative.errors import AdCreativeError
from apps.studio.sessions.seat import ModelSeat, Ticket


def test_order_of_arrival_but_short_questions_first() -> None:
    seat, served = ModelSeat(), []
    sitting = seat.join()

    def come(name: str, ticket: object) -> None:
        with seat.hold(ticket) as has_seat:  # type: ignore[arg-type]
            assert has_seat
            served.append(name)

    with seat.hold(sitting):
        tickets = [("a", seat.join()), ("b", seat.join()), ("c", seat.join()), ("quick", seat.join(is_quick=True))]
        threads = [threading.Thread(target=come, args=one) for one in reversed(tickets)]
        for thread in threads:
            thread.start()
        time.sleep(0.05)
        assert [seat.ahead(ticket) for _, ticket in tickets] == [2, 3, 4, 1]
        assert served == []
    for thread in threads:
        thread.join()
    assert served == ["quick", "a", "b", "c"]


def test_the_line_has_an_end_and_who_gives_up_leaves_it() -> None:
    seat = ModelSeat(max_waiting=2)
    with seat.hold(seat.join()):
        first, second = seat.join(), seat.join()
        with pytest.raises(AdCreativeError, match="2 ads wait to be improved already"):
            seat.join()
        with seat.hold(first, should_stop=lambda: True) as has_seat:
            assert not has_seat
        assert seat.join() > second
        with seat.quick(timeout_s=0.01) as has_seat:
            assert not has_seat


def test_an_error_frees_the_seat() -> None:
    seat = ModelSeat()
    with pytest.raises(ValueError, match="broken"), seat.quick():
        raise ValueError("broken")
    with seat.quick(timeout_s=0.01) as has_seat:
        assert has_seat


def test_a_short_question_waits_for_another_one_however_short_its_patience() -> None:
    seat, began, ends = ModelSeat(), threading.Event(), threading.Event()

    def ask() -> None:
        with seat.quick():
            began.set()
            ends.wait(5)

    threading.Thread(target=ask, daemon=True).start()
    assert began.wait(5)
    threading.Timer(0.4, ends.set).start()
    with seat.quick(timeout_s=0.01) as has_seat:
        assert has_seat, "a question about faces is answered after the words were read"


def test_short_questions_do_not_count_as_people_before_a_search() -> None:
    seat = ModelSeat()
    with seat.quick():
        assert seat.num_searches == 0
        ticket = seat.join()
        assert seat.num_searches == 1
    with seat.hold(ticket):
        assert seat.num_searches == 1
    assert seat.num_searches == 0


def test_a_short_question_is_answered_between_two_rounds_and_the_search_goes_on_before_those_that_wait() -> None:
    seat, served = ModelSeat(), []
    running = seat.join()

    def come(name: str, ticket: Ticket) -> None:
        with seat.hold(ticket):
            served.append(name)

    with seat.hold(running):
        waiting = threading.Thread(target=come, args=("next search", seat.join()))
        waiting.start()
        seat.let_short_pass(running)  # nobody asks anything short: the seat is kept
        assert served == []
        asking = [threading.Thread(target=come, args=(f"score {k}", seat.join(is_quick=True))) for k in (1, 2)]
        for thread in asking:
            thread.start()
        seat.let_short_pass(running)
        served.append("second round")
        with seat.quick(timeout_s=0.01) as has_seat:
            assert not has_seat
    for thread in (waiting, *asking):
        thread.join()
    assert served == ["score 1", "score 2", "second round", "next search"]
