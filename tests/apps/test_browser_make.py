"""The page "Make" in a real browser: from a dropped photo to a wall, an ad that is changed and put back, and a zip."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tests.apps.browser import Visit, expect, needs_browser
from tests.apps.fakes import FakeStudio

pytestmark = needs_browser
FACTS = "Slow mornings, properly made\n12.90 €\nFree delivery over 30 €\nRated 4.8 of 5\nOrder a bag"


def test_a_photo_and_lines_become_a_wall_an_ad_is_changed_and_all_are_packed(
    visit: Visit, studio: FakeStudio, image_path: Path, tmp_path: Path
) -> None:  # fmt: skip
    page = visit.page
    page.get_by_role("tab", name="Make").click()
    page.locator("#make-photos input[type=file]").set_input_files(image_path)
    expect(page.locator("#make-brought img")).to_be_visible()
    page.get_by_label("What the ads may say").fill(FACTS)
    page.get_by_label("What line 4 is").select_option("subline")
    make = page.get_by_role("button", name="Make the ads")
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
    for _ in range(2):
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
    expect(visit.page.locator("[data-make]")).to_have_count(3)
