"""Fifty people at once: each gets their own answer, in the order in which they came, and knows their place meanwhile."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.apps.fakes import FakeStudio

gradio = pytest.importorskip("gradio")
gradio_client = pytest.importorskip("gradio_client")

from tests.apps.test_launch import Served  # noqa: E402

NUM_PEOPLE = 50
PATIENCE_S = 60.0


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served(FakeStudio(round_s=0.005, stay_after=1))
    yield served
    served.studio.stay_after = None
    gradio.close_all()


def first_word(job: Any) -> str:
    """Return what the page says first after Improve was pressed."""
    until_s = time.monotonic() + PATIENCE_S
    while not job.outputs() and time.monotonic() < until_s:
        time.sleep(0.005)
    return str(job.outputs()[0][0])


def place(shown: str) -> int:
    """Return how many are before this person, as the page says it."""
    many = re.search(r"(\d+) ads? before yours", shown)
    return int(many[1]) if many else 0


@pytest.mark.slow
def test_fifty_people_get_their_own_answers_in_the_order_in_which_they_came(served: Served) -> None:
    clients = [gradio_client.Client(served.url, verbose=False, httpx_kwargs={"timeout": 60}) for _ in range(NUM_PEOPLE)]
    jobs, places = [], []
    for number, client in enumerate(clients):  # the first one's search goes on until all have come
        jobs.append(client.submit(headline=f"Line {number}", effort="quick", visitor=f"{number:032x}", api_name="/improve"))
        places.append(place(first_word(jobs[-1])))
    assert places == list(range(NUM_PEOPLE))
    served.studio.stay_after = None
    records = [job.result(timeout=PATIENCE_S)[-1] for job in jobs]
    assert [record["headline_edited"] for record in records] == [f"Line {number} today" for number in range(NUM_PEOPLE)]
    assert [one["creative"].headline for one in served.studio.asked] == [f"Line {number}" for number in range(NUM_PEOPLE)]
    assert served.studio.most_at_once == 1
    for job in jobs[1:]:
        told = [place(str(shown[0])) for shown in job.outputs()[:-1]]
        assert told == sorted(told, reverse=True)  # the place only ever gets better
