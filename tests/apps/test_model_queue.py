from __future__ import annotations

import threading
import time

import pytest

from adcreative.errors import AdCreativeError
from apps.studio.sessions.model_queue import ModelQueue, Ticket


def test_order_of_arrival_but_short_questions_first() -> None:
    queue, served = ModelQueue(), []
    sitting = queue.join()

    def come(name: str, ticket: object) -> None:
        with queue.hold(ticket) as has_model:  # type: ignore[arg-type]
            assert has_model
            served.append(name)

    with queue.hold(sitting):
        tickets = [("a", queue.join()), ("b", queue.join()), ("c", queue.join()), ("quick", queue.join(is_quick=True))]
        threads = [threading.Thread(target=come, args=one) for one in reversed(tickets)]
        for thread in threads:
            thread.start()
        time.sleep(0.05)
        assert [queue.num_ahead(ticket) for _, ticket in tickets] == [2, 3, 4, 1]
        assert served == []
    for thread in threads:
        thread.join()
    assert served == ["quick", "a", "b", "c"]


def test_the_line_has_an_end_and_who_gives_up_leaves_it() -> None:
    queue = ModelQueue(max_waiting=2)
    with queue.hold(queue.join()):
        first, second = queue.join(), queue.join()
        with pytest.raises(AdCreativeError, match="2 ads wait to be improved already"):
            queue.join()
        with queue.hold(first, should_stop=lambda: True) as has_model:
            assert not has_model
        assert queue.join() > second
        with queue.quick(timeout_s=0.01) as has_model:
            assert not has_model


def test_an_error_frees_the_seat() -> None:
    queue = ModelQueue()
    with pytest.raises(ValueError, match="broken"), queue.quick():
        raise ValueError("broken")
    with queue.quick(timeout_s=0.01) as has_model:
        assert has_model


def test_a_short_question_waits_for_another_one_however_short_its_patience() -> None:
    queue, began, ends = ModelQueue(), threading.Event(), threading.Event()

    def ask() -> None:
        with queue.quick():
            began.set()
            ends.wait(5)

    threading.Thread(target=ask, daemon=True).start()
    assert began.wait(5)
    threading.Timer(0.4, ends.set).start()
    with queue.quick(timeout_s=0.01) as has_model:
        assert has_model, "a question about faces is answered after the words were read"


def test_a_short_question_is_answered_between_two_rounds_and_the_search_goes_on_before_those_that_wait() -> None:
    queue, served = ModelQueue(), []
    running = queue.join()

    def come(name: str, ticket: Ticket) -> None:
        with queue.hold(ticket):
            served.append(name)

    with queue.hold(running):
        waiting = threading.Thread(target=come, args=("next search", queue.join()))
        waiting.start()
        queue.let_short_pass(running)  # nobody asks anything short: the queue is kept
        assert served == []
        asking = [threading.Thread(target=come, args=(f"score {k}", queue.join(is_quick=True))) for k in (1, 2)]
        for thread in asking:
            thread.start()
        queue.let_short_pass(running)
        served.append("second round")
        with queue.quick(timeout_s=0.01) as has_model:
            assert not has_model
    for thread in (waiting, *asking):
        thread.join()
    assert served == ["score 1", "score 2", "second round", "next search"]
