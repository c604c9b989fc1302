"""The library in a real browser: the app is killed and started again, another browser opens, Back goes back, tabs are two."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("gradio")
pytest.importorskip("playwright")

from tests.apps.browser import Visit, expect, needs_browser
from tests.apps.test_launch import free_port

pytestmark = [needs_browser, pytest.mark.slow]
_SERVE = """
import sys
from pathlib import Path
from apps.studio.launch import launch
from tests.apps.fakes import FakeStudio
launch(FakeStudio(round_s=float(sys.argv[3])), port=int(sys.argv[1]), workspace=Path(sys.argv[2]))
"""


class App:
    """The app in a process of its own, which can be killed and started again on the same folder and port."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self, round_s: float = 0.01) -> None:
        command = [sys.executable, "-c", _SERVE, str(self.port), str(self.folder), str(round_s)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until_s = time.monotonic() + 300  # a busy machine takes a minute to import all that an app needs
        while time.monotonic() < until_s:
            try:
                httpx.get(f"{self.url}/config", timeout=60)
                return
            except httpx.HTTPError:
                time.sleep(0.2)
        raise AssertionError("the app did not start")

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    app = App(tmp_path / "kept")
    yield app
    app.kill()


def score(visit: Visit, image_path: Path, headline: str) -> None:
    visit.bring(image_path, headline)
    visit.page.get_by_role("button", name="Score it").click()
    expect(visit.page.locator("#score")).to_contain_text("usual ad")


def test_a_killed_app_loses_nothing(app: App, browser: Any, image_path: Path) -> None:
    visit = Visit(browser, app.url)
    score(visit, image_path, "Coats for rain")
    visit.page.get_by_label("nobody real is shown").check()
    visit.improve()
    expect(visit.page.locator("#result")).to_contain_text("A version worth testing")
    app.kill()
    app.start()
    visit.come_back()
    expect(visit.page.get_by_label("Headline", exact=True)).to_have_value("Coats for rain")
    expect(visit.page.locator("#result")).to_contain_text("A version worth testing")
    other = Visit(browser, app.url)  # another browser
    other.page.get_by_role("tab", name="Library").click()
    other.page.get_by_role("button", name="Open Coats for rain").click()
    expect(other.page.get_by_label("Headline", exact=True)).to_have_value("Coats for rain")
    expect(other.page.locator("#score")).to_contain_text("usual ad")
    expect(other.page.locator("#result")).to_contain_text("A version worth testing")
    for one in (visit, other):
        one.context.close()


def test_an_app_killed_in_a_search_says_so(app: App, browser: Any, image_path: Path) -> None:
    app.kill()
    app.start(round_s=2.0)
    visit = Visit(browser, app.url)
    visit.bring(image_path)
    visit.page.get_by_label("nobody real is shown").check()
    visit.improve()
    expect(visit.page.locator("#progress")).to_contain_text("Round")
    app.kill()
    app.start()
    visit.come_back()
    expect(visit.page.locator("#progress")).to_contain_text("was cut off")
    expect(visit.page.get_by_label("Headline", exact=True)).to_have_value("Coats for rain")
    visit.context.close()


def test_tabs_are_two_and_back_goes_back(app: App, browser: Any, image_path: Path) -> None:
    first = Visit(browser, app.url)
    score(first, image_path, "Coats for rain")
    first.page.goto(f"{app.url}/tests")  # the address decides, although this tab has an ad
    expect(first.page.locator("#tests")).to_contain_text("No test is planned yet")
    expect(first.page.get_by_role("tab", name="Tests")).to_have_attribute("aria-selected", "true")
    first.page.goto(f"{app.url}/ad")
    page = first.context.new_page()
    page.goto(f"{app.url}/ad")
    expect(page.get_by_role("button", name="Score it")).to_be_visible()
    expect(page.get_by_label("Headline", exact=True)).to_have_value("")
    page.get_by_role("tab", name="Library").click()
    expect(page.locator("#library li")).to_have_count(1)
    assert page.url.endswith("/ads")
    page.go_back()
    expect(page.get_by_role("button", name="Score it")).to_be_visible()
    assert page.url.endswith("/ad")
    page.goto(f"{app.url}/ads")
    page.get_by_role("button", name="Delete Coats for rain").click()
    page.get_by_role("button", name="Delete Coats for rain").click()
    expect(page.locator("#library")).to_contain_text("Your library is empty")
    first.page.reload()
    expect(first.page.get_by_label("Headline", exact=True)).to_have_value("")
    first.context.close()
