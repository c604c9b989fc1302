"""The limit of requests that a server states."""

from __future__ import annotations

from email.message import Message

import pytest

from adcreative.copywriter.engines.request_pace import RequestPace


def _headers(left: str, reset: str) -> Message:
    headers = Message()
    headers["X-RateLimit-Remaining-Requests"], headers["X-RateLimit-Reset-Requests"] = left, reset
    return headers


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [("1s", 1.0), ("6m0s", 360.0), ("1h2m3.5s", 3723.5), ("20ms", 0.02), ("2m59.56s", 179.56), ("60", 60.0)],
)
def test_a_spent_limit_is_waited_for(reset: str, seconds: float) -> None:
    now_s = [100.0]
    pace = RequestPace(lambda: now_s[0])
    pace.note(_headers("0", reset))
    assert pace.claim() == pytest.approx(seconds)
    now_s[0] += seconds / 4
    assert pace.claim() == pytest.approx(seconds * 3 / 4)
    now_s[0] += seconds
    assert pace.claim() == 0.0


def test_requests_are_counted_down_between_two_answers() -> None:
    pace = RequestPace(lambda: 0.0)
    assert [pace.claim() for _ in range(3)] == [0.0, 0.0, 0.0]  # nothing stated
    pace.note(_headers("2", "30s"))
    assert [pace.claim() for _ in range(3)] == [0.0, 0.0, 30.0]


@pytest.mark.parametrize(
    ("left", "reset"), [("", "1s"), ("0", ""), ("none", "1s"), ("-1", "1s"), ("0", "soon"), ("0", "1s or so")]
)
def test_odd_headers_change_nothing(left: str, reset: str) -> None:
    pace = RequestPace(lambda: 0.0)
    pace.note(_headers(left, reset))
    assert pace.claim() == 0.0
