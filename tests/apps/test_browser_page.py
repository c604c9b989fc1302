"""What only the page itself does, in a real browser: what is open, whole, in reach, named, and where the cursor goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from data.make.app_screens import GAP_PX, NUM_FIXED, PAGES, WIDTH_PX, lay_out, take_screens
from tests.apps.browser import Served, Visit, approve, expect, find_edit, needs_browser
from tests.apps.fakes import FakeStudio

pytestmark = [needs_browser, pytest.mark.slow]


def test_every_page_is_on_a_sheet_of_screenshots(visit: Visit, served: Served) -> None:
    screens = [*take_screens(visit.page, served.url)]
    assert len(screens) == NUM_FIXED + len(PAGES)
    assert all(len(set(one.resize((40, 40)).tobytes())) > 10 for one in screens), "a page is not empty"
    assert lay_out(screens).width == 5 * (WIDTH_PX + GAP_PX) + GAP_PX


WHOLE = """images => images.every((image) => {
  const {objectFit} = getComputedStyle(image), box = image.getBoundingClientRect();
  const keeps = Math.abs(box.width / box.height - image.naturalWidth / image.naturalHeight) < 0.02;
  return box.width > 20 && (objectFit === 'contain' || keeps);
})"""


# brings the label of a field under the bar that stays in view; tells whether the bar is what is seen there
TOLD = """() => {  // what a status says, also for a moment
  window.told = new Set();
  const note = () => document.querySelectorAll("[role=status]").forEach((status) => told.add(status.textContent.trim()));
  new MutationObserver(note).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""
COVERED = """async (label) => {
  const bar = document.querySelector('#ad-bar .ac-bar'), at = (one) => one.getBoundingClientRect();
  for (const _ of [1, 2]) {  // the bar is in its place once the page is scrolled
    window.scrollBy({top: at(label).top - at(bar).top - 10, behavior: 'instant'});
    await new Promise((done) => setTimeout(done, 100));
  }
  const {left, top, width, height} = at(label);
  return bar.contains(document.elementFromPoint(left + width / 2, top + height / 2));
}"""


class WithoutRecords(FakeStudio):
    @property
    def consent_ids(self) -> tuple[str, ...]:
        return ()


@pytest.fixture
def unrecorded(browser: Any) -> Iterator[Visit]:
    """A page on which nobody's consent is on record yet."""
    visit = Visit(browser, Served(WithoutRecords()).url)
    yield visit
    visit.context.close()


def test_the_form_of_a_consent_is_open_until_there_is_one(unrecorded: Visit, image_path: Path) -> None:
    page = unrecorded.page
    unrecorded.bring(image_path)
    page.get_by_label("I have their written consent").check()
    expect(page.get_by_label("Who agreed")).to_be_visible()
    page.get_by_label("Who agreed").fill("Ada Example")
    page.get_by_label("Until when").fill("30.6.2099")
    page.get_by_role("button", name="Add this record").click()
    expect(page.locator("#consent input")).to_have_value("ada-example")
    expect(page.get_by_label("Who agreed")).to_be_hidden()


def test_pictures_are_shown_whole_in_cards(visit: Visit, image_path: Path, tmp_path: Path) -> None:
    find_edit(visit, image_path)
    page = visit.page
    cards = page.locator(".ac-cards img")
    expect(cards.first).to_be_visible()
    assert cards.evaluate_all(WHOLE)
    page.get_by_role("tab", name="Many ads").click()
    for name, size in (("wide.png", (900, 200)), ("high.png", (200, 900))):
        Image.effect_noise(size, 60).save(tmp_path / name)
    page.locator("#folder-uploads input[type=file]").set_input_files([tmp_path / "wide.png", tmp_path / "high.png"])
    page.get_by_role("button", name="Score them all").click()
    ads = page.locator(".ac-ads img")
    expect(ads).to_have_count(2)
    assert ads.evaluate_all(WHOLE)


def test_a_long_list_of_ads_scrolls_in_place_under_its_names(visit: Visit, tmp_path: Path) -> None:
    page, results = visit.page, tmp_path / "results.csv"
    rows = [f"Ad number {number},9000,{90 + number}" for number in range(80)]
    results.write_text("\n".join(["ad_name,impressions,clicks", *rows]))
    page.get_by_role("tab", name="Your account").click()
    page.locator("#account-results input[type=file]").set_input_files(results)
    page.get_by_role("button", name="Read the results").click()
    listed = page.get_by_role("region", name="Ads by click rate")
    expect(listed).to_contain_text("Ad number 79")
    shown, whole = listed.evaluate("list => [list.clientHeight, list.scrollHeight]")
    assert shown < 0.8 * page.viewport_size["height"] < whole  # type: ignore[index]
    listed.evaluate("list => list.scrollTo(0, list.scrollHeight)")
    head, top = listed.evaluate("list => [list.querySelector('th'), list].map(one => one.getBoundingClientRect().top)")
    assert head == pytest.approx(top, abs=2.0)


def test_what_a_screen_reader_is_told_has_words(visit: Visit, image_path: Path) -> None:
    find_edit(visit, image_path)
    page = visit.page
    page.get_by_label("Campaign").fill("autumn")
    approve(page)
    page.evaluate(TOLD)
    page.get_by_role("button", name="Pack everything").click()
    files = page.locator("#files")
    expect(files.get_by_role("link", name=re.compile("ad-package.zip"))).to_be_visible()
    expect(files.get_by_role("link", name=re.compile("report.html"))).to_be_visible()
    expect(files.get_by_role("button", name="Remove this file")).to_have_count(0)
    page.wait_for_function("told.has('Done')")
    assert not [text for text in page.evaluate("[...told]") if "common." in text]


def test_the_cursor_stays_with_the_story_when_a_button_goes(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Try the sample coffee").press("Enter")
    expect(page.locator("#hero-box")).to_be_hidden()
    expect(page.get_by_role("button", name="Score it")).to_be_focused()
    page.get_by_label("nobody real is shown").check()
    page.get_by_label("Quick look").check()
    page.get_by_role("button", name="Improve it").press("Enter")
    expect(page.locator("#result")).to_contain_text("A version worth testing")
    expect(page.locator("#results")).to_be_focused()
    page.get_by_role("button", name="Use version 3").press("Enter")
    expect(page.locator("#result")).to_contain_text("Words 3")
    expect(page.locator("#results")).to_be_focused()


def test_nothing_shows_through_the_bar_that_stays_in_view(visit: Visit, image_path: Path) -> None:
    find_edit(visit, image_path)
    assert visit.page.locator("#effort span").first.evaluate(COVERED)
    assert visit.page.locator("#brief span").first.evaluate(COVERED)
