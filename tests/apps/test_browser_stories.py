"""Whole stories in a real browser: with the keyboard alone, over a slow network, on desk and phone, by day and by night; and
what assistive technology finds wrong with each page (axe-core: WCAG 2 A and AA and its best practices)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.apps.browser import Served, Visit, expect, find_edit, needs_browser, unfold
from tests.apps.fakes import FakeStudio

pytestmark = needs_browser

SCREENS = {
    "desk, day": (1280, "light"),
    "desk, night": (1280, "dark"),
    "phone, day": (390, "light"),
    "phone, night": (390, "dark"),
}


@pytest.fixture
def complaints(visit: Visit) -> list[str]:
    """What the browser's console complains of."""
    said: list[str] = []

    def note(message: Any) -> None:
        if message.type == "error":
            said.append(f"{message.text} ({message.location.get('url')})")

    visit.page.on("console", note)
    visit.page.on("pageerror", lambda error: said.append(str(error)))
    return said


def find_faults(page: Any, attempts: int = 8) -> list[str]:
    """Return what axe-core finds; looked again for some seconds, since a page that still loads or fades in is no fault."""
    faults: list[str] = []
    for _ in range(attempts):
        found = Axe().run(page).response["violations"]
        faults = [f"{one['id']} ({one['impact']}): {node['html'][:160]}" for one in found for node in one["nodes"][:3]]
        if not faults:
            break
        page.wait_for_timeout(1_000)
    return faults


@pytest.mark.parametrize(
    "screen",
    ["desk, day", *(pytest.param(one, marks=pytest.mark.slow) for one in ("phone, night", "desk, night", "phone, day"))],
)
def test_assistive_technology_finds_no_fault(
    browser: Any, served: Served, studio: FakeStudio, image_path: Path, screen: str
) -> None:
    width, scheme = SCREENS[screen]
    visit = Visit(browser, served.url, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert find_faults(visit.page) == []
    find_edit(visit, image_path)
    visit.page.get_by_role("button", name="Score it").click()
    visit.page.locator("#placements figure").first.wait_for()
    visit.page.get_by_role("button", name="Why? Show").click()
    visit.page.locator("#why img").wait_for()
    assert find_faults(visit.page) == []
    visit.page.get_by_role("button", name="Use my own words or picture").click()
    visit.page.locator("#own-picture").wait_for()
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("Many ads", "Your account", "Settings"):
        visit.page.get_by_role("tab", name=name).click()
        assert find_faults(visit.page) == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    visit.context.close()


def test_the_whole_story_with_the_keyboard_alone(visit: Visit, complaints: list[str]) -> None:
    page = visit.page

    def press(role: str, name: str, key: str = "Enter") -> None:
        page.get_by_role(role, name=name).first.press(key)

    press("button", "Try the sample coffee")
    expect(page.get_by_label("Headline", exact=True)).to_have_value("Slow mornings, properly made")
    expect(page.locator("#hero-box")).to_be_hidden()
    press("button", "Score it")
    expect(page.locator("#score")).to_contain_text("Can’t be told from a usual ad")
    press("radio", "nobody real is shown", "Space")
    press("radio", "Quick look", "Space")
    press("button", "Improve it")
    expect(page.locator("#result")).to_contain_text("A version worth testing")
    press("button", "Use version 3")
    expect(page.locator("#result")).to_contain_text("Words 3")
    page.get_by_label("Campaign").press_sequentially("autumn")
    press("button", "Plan the test")
    expect(page.locator("#plan")).to_contain_text("days")
    press("checkbox", "European Union", "Space")
    expect(page.locator("#duties")).to_contain_text("not legal advice")
    press("checkbox", "I have read the list above", "Space")
    page.get_by_label("Approved by").press_sequentially("Anna")
    press("button", "Approve this version")
    expect(page.locator("#approval")).to_contain_text("Approved by Anna")
    expect(page.locator("#ad-bar [aria-current]")).to_have_text("Approve")
    press("button", "Pack everything")
    expect(page.locator("#packed")).to_contain_text("files are ready")
    expect(page.locator("#ad-bar [aria-current]")).to_have_text("Pack")
    assert complaints == []
    assert visit.hosts == {visit.url.split("/")[2]}


@pytest.mark.slow
def test_over_a_slow_network_nothing_of_another_ad_is_shown(
    visit: Visit, studio: FakeStudio, image_path: Path, complaints: list[str]
) -> None:
    page = visit.page
    network = {"offline": False, "latency": 350, "downloadThroughput": 200_000, "uploadThroughput": 100_000}
    visit.context.new_cdp_session(page).send("Network.emulateNetworkConditions", network)
    visit.bring(image_path, "Coats for rain")
    page.get_by_label("nobody real is shown").check()
    visit.improve()
    expect(page.locator("#result")).to_contain_text("Coats for rain")
    headline = page.get_by_label("Headline", exact=True)
    unfold(page)
    headline.fill("Boats for rain")
    page.get_by_role("button", name="Score it").click()
    expect(page.locator("#ad-bar")).to_contain_text("Boats for rain")
    expect(page.locator("#score")).to_contain_text("Can’t be told from a usual ad")
    expect(page.locator("#results")).to_be_hidden()
    headline.fill("Coats for rain")
    expect(page.locator("#result")).to_contain_text("Coats for rain")
    expect(page.locator("#ad-bar")).to_contain_text("Coats for rain")
    assert complaints == []
    assert len(studio.asked) == 1  # one press, one search
