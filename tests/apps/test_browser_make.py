"""The page "Make" in a real browser: from a dropped photo to a wall, an ad that is changed and put back, and a zip."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.apps.browser import Served, Visit, expect, make_ads, needs_browser
from tests.apps.fakes import FakeStudio
from tests.apps.test_browser_stories import SCREENS, find_faults

pytestmark = needs_browser
FACTS = "Slow mornings, properly made\n12.90 €\nFree delivery over 30 €\nRated 4.8 of 5\nOrder a bag"


def test_a_photo_and_lines_become_a_wall_an_ad_is_changed_and_all_are_packed(
    visit: Visit, studio: FakeStudio, image_path: Path, tmp_path: Path
) -> None:
    page = visit.page
    page.get_by_role("tab", name="Make").click()
    page.locator("#make-photos input[type=file]").set_input_files(image_path)
    expect(page.locator("#make-brought img")).to_be_visible()
    page.get_by_label("What the ads may say").fill(FACTS)
    page.get_by_label("What line 4 is").select_option("subline")
    page.get_by_label("What the ads may say").fill(f"{FACTS}\nMade in Ghent")
    expect(page.locator("#make-lines select")).to_have_count(6)
    expect(page.get_by_label("What line 4 is")).to_have_value("subline")
    make = page.get_by_role("button", name="Make the ads")
    expect(make).to_be_in_viewport()
    make.click()
    expect(page.locator("[data-make]")).to_have_count(3)
    expect(page.locator("#make-wall")).to_contain_text("untested")
    expect(page.get_by_role("button", name="Make them anew")).to_be_enabled()
    assert studio.asked[-1]["brief"].messages.subline == ("Rated 4.8 of 5",)

    page.get_by_role("button", name="Change ad 1").click()
    headline, picture = page.locator("#make-headline").get_by_role("textbox"), page.locator("#make-ad img").first
    expect(headline).to_have_value("Slow mornings, properly made")
    before = picture.get_attribute("src")
    headline.fill("Monday, but slower")
    headline.press("Enter")
    expect(page.locator("#make-wall")).to_contain_text("Monday, but slower")
    expect(picture).not_to_have_attribute("src", str(before))
    page.get_by_role("button", name="Colours 2").click()
    expect(page.get_by_role("button", name="Colours 2")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Colours 2")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="Undo").click()
    expect(picture).to_have_attribute("src", str(before))
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    with page.expect_download() as taken:
        page.get_by_role("button", name="Download all as a zip").click()
    taken.value.save_as(tmp_path / "ads.zip")
    with zipfile.ZipFile(tmp_path / "ads.zip") as archive:
        assert {"new-ads/report.html", "new-ads/03/ad.json"} <= set(archive.namelist())

    visit.page.close()
    visit.open()
    visit.page.get_by_role("tab", name="Make").click()
    page = visit.page
    expect(page.locator("[data-make]")).to_have_count(3)
    expect(page.get_by_label("What the ads may say")).to_have_value(f"{FACTS}\nMade in Ghent")
    expect(page.locator("#make-brought img")).to_be_visible()
    expect(page.get_by_label("What line 4 is")).to_have_value("subline")
    page.locator("#make-wall .ac-made").evaluate("(wall) => wall.remove()")
    page.get_by_role("button", name="Make them anew").click()
    expect(page.locator("[data-make]")).to_have_count(3)
    assert [one["brief"].messages.subline for one in studio.asked if "brief" in one] == [("Rated 4.8 of 5",)] * 2


@pytest.mark.parametrize(
    "screen", [pytest.param(one, marks=[] if one == "phone, night" else pytest.mark.slow) for one in SCREENS]
)
def test_assistive_technology_finds_no_fault_in_samples_wall_and_an_ad(
    browser: Any, served: Served, studio: FakeStudio, screen: str
) -> None:
    width, scheme = SCREENS[screen]
    visit = Visit(browser, served.url, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = visit.page
    page.get_by_role("tab", name="Make").click()
    assert find_faults(page) == []
    make_ads(page)
    assert find_faults(page) == []
    page.get_by_role("button", name="Change ad 1").press("Enter")
    expect(page.locator("#make-panel")).to_be_focused()
    assert find_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    visit.context.close()
