"""The page in a real browser (Debian's Chromium, driven by Playwright), with a studio without models behind it."""

from __future__ import annotations

import re
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.apps.browser import Served, Visit, expect, find_edit, needs_browser, unfold, wait_for_scroll
from tests.apps.fakes import FakeStudio

pytestmark = needs_browser


def fill_new(field: Any, text: str) -> None:
    """Fill a field whose part of the page has just been opened: it is built then, and takes its first value a moment later."""
    for _ in range(8):
        field.fill(text)
        field.blur()
        field.page.wait_for_timeout(600)
        if field.input_value() == text:
            break
    expect(field).to_have_value(text)


def test_score_says_number_interval_and_reasons(visit: Visit, image_path: Path) -> None:
    visit.bring(image_path)
    visit.page.get_by_role("button", name="Score it").click()
    score = visit.page.locator("#score")
    for text in ("Can’t be told from a usual ad", "−20% and +50%", "words +12%", "learnt from real headline tests"):
        expect(score).to_contain_text(text)
    bar = visit.page.locator("#ad-bar")
    expect(bar).to_contain_text("Coats for rain")
    expect(bar.locator("[aria-current]")).to_have_text("Score")
    expect(visit.page.locator("#placements figure")).to_have_count(4)
    visit.page.get_by_role("button", name="More about the ad").click()
    usual = visit.page.get_by_label("Your usual click rate, % (0: not known)")
    expect(usual).not_to_have_value("")
    fill_new(usual, "2")
    visit.page.get_by_role("button", name="Score it").click()
    expect(score).to_contain_text("2.20%")


def test_improve_shows_rounds_then_before_and_after_and_asks_no_other_host(
    visit: Visit, studio: FakeStudio, image_path: Path
) -> None:
    studio.round_s = 0.2
    visit.bring(image_path)
    visit.page.get_by_label("nobody real is shown").check()
    visit.improve()
    expect(visit.page.locator("#progress")).to_contain_text(re.compile("Round [1-4] of 4"))
    expect(visit.page.locator("#result")).to_contain_text("A version worth testing")
    expect(visit.page.locator("#slider img").first).to_be_visible()
    sizes = visit.page.locator("#slider img").evaluate_all("images => images.map(i => [i.naturalWidth, i.naturalHeight])")
    assert len(sizes) >= 2
    assert {tuple(size) for size in sizes} == {(200, 300)}
    assert visit.hosts == {visit.url.split("/")[2]}


def test_picture_left_out_or_refused_is_said(visit: Visit, tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG broken")
    visit.page.locator("#picture input[type=file]").set_input_files(path)
    expect(visit.page.locator("#picture-note [role=alert]")).to_contain_text("That did not work yet")
    expect(visit.page.locator("#ad-bar")).to_contain_text("broken.png")
    expect(visit.page.get_by_role("button", name="Improve it", exact=True)).to_be_hidden()


def test_stop_really_stops_and_the_page_is_ready_again(visit: Visit, studio: FakeStudio) -> None:
    studio.stay_after = 2
    visit.bring(None)
    visit.improve("Thorough")
    expect(visit.page.locator("#progress")).to_contain_text("Round 2 of 20")
    visit.page.get_by_role("button", name="Stop", exact=True).click()
    expect(visit.page.locator("#progress")).to_contain_text("This is the best that was found until then")
    expect(visit.page.locator("#result")).to_contain_text("A version worth testing")
    done = studio.rounds_done
    assert done <= 3
    expect(visit.page.get_by_role("button", name="Improve it")).to_be_enabled()
    expect(visit.page.get_by_role("button", name="Stop", exact=True)).to_be_hidden()
    time.sleep(0.5)
    assert studio.rounds_done == done


@pytest.mark.slow
def test_closed_tab_finds_its_search_again(visit: Visit, studio: FakeStudio) -> None:
    studio.stay_after = 2
    visit.bring(None, "Rain coat")
    visit.improve()
    expect(visit.page.locator("#progress")).to_contain_text("Round 2 of 4")
    visit.page.close()
    visit.open()
    expect(visit.page.locator("#progress")).to_contain_text("Round 2 of 4")
    expect(visit.page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    studio.stay_after = None
    expect(visit.page.locator("#result")).to_contain_text("Rain coat")
    assert len(studio.asked) == 1
    visit.page.reload()
    expect(visit.page.locator("#result")).to_contain_text("Rain coat")


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_phone_shows_everything_without_sideways_scrolling(
    browser: Any, served: Served, studio: FakeStudio, image_path: Path, scheme: str
) -> None:
    visit = Visit(browser, served.url, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    visit.bring(image_path)
    visit.page.get_by_role("button", name="Score it").click()
    expect(visit.page.locator("#score")).to_contain_text("Can’t be told from a usual ad")
    visit.page.get_by_label("nobody real is shown").check()
    visit.improve()
    expect(visit.page.locator("#slider img").first).to_be_visible()
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
    unfold(visit.page)
    for part in ("#picture", "#score", "#result", "#faces", "#plan-button", "#pack-button"):
        box = visit.page.locator(part).bounding_box()
        assert box is not None, part
        assert box["width"] > 300, f"{part} is squeezed"
    visit.context.close()


def test_from_the_demo_ad_to_the_package(visit: Visit, image_path: Path, tmp_path: Path) -> None:
    page = visit.page
    page.get_by_role("button", name="Try the sample coffee").click()
    expect(page.get_by_label("Headline", exact=True)).to_have_value("Slow mornings, properly made")
    expect(page.locator("#picture-note")).to_contain_text("3 faces found")
    page.get_by_label("nobody real is shown").check()
    page.get_by_label("Face 2").uncheck()
    visit.improve()
    page.get_by_role("button", name="Use my own words").click()
    expect(page.get_by_label("New headline")).to_have_value("Slow mornings, properly made today")
    page.get_by_role("button", name="Check these words").click()
    expect(page.locator("#word-checks li").first).to_be_visible()
    page.get_by_role("button", name="Pack everything").click()
    expect(page.locator("#packed .ac-ask")).to_contain_text("Who approves this version?")  # asked, no fault
    expect(page.locator("#markets input").first).to_be_focused()
    page.get_by_label("Campaign").fill("autumn")
    page.get_by_role("button", name="Plan the test").click()
    expect(page.locator("#plan")).to_contain_text("days")
    page.get_by_label("Approved by").fill("Anna")
    page.get_by_label("European Union").check()
    expect(page.locator("#duties")).to_contain_text("not legal advice")
    page.get_by_role("button", name="Approve this version").click()
    expect(page.locator("#approval")).to_contain_text("Tick that you will disclose")
    expect(page.get_by_label("I have read the list above")).to_be_focused()
    page.get_by_label("I have read the list above").check()
    page.get_by_role("button", name="Approve this version").click()
    expect(page.locator("#approval")).to_contain_text("Approved by Anna")
    expect(page.locator("#packed")).to_have_text("")  # what was wrong is right now
    page.get_by_role("button", name="Pack everything").click()
    expect(page.locator("#packed")).to_contain_text("files are ready")
    expect(page.locator("#files")).to_contain_text("ad-package")
    with page.expect_download() as download:
        page.locator("#files a").first.click()
    package = tmp_path / "package.zip"
    download.value.save_as(package)
    names = page.locator("#plan code").all_inner_texts()
    results = tmp_path / "results.csv"
    others = ["Winter sale,20000,300", "Old banner,900,7", "Nothing shown,0,0"]
    rows = [f"{names[0]},9000,140", f"{names[1]},9000,400", *others]
    results.write_text("\n".join(["ad_name,impressions,clicks", *rows]))
    page.get_by_role("tab", name="Your account").click()
    page.locator("#account-results input[type=file]").set_input_files(results)
    page.get_by_text("A test to read out?").click()
    page.locator("#account-package input[type=file]").set_input_files(package)
    expect(page.locator("#account-package")).to_contain_text("package")
    page.get_by_role("button", name="Read the results").click()
    expect(page.locator("#account")).to_contain_text("Did the predictions hold?")
    expect(page.locator("#account tbody tr").last).to_contain_text("too little data")
    visit.page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Make it my next ad").press("Enter")  # it has won: the next version has to beat it
    expect(page.get_by_label("Headline", exact=True)).to_have_value("Slow mornings, properly made today")
    expect(page.locator("#picture-note")).to_contain_text("px, ready")
    expect(page.locator("#ad-bar")).to_contain_text("Slow mornings, properly made today")
    expect(page.locator("#results")).to_be_hidden()
    assert visit.hosts == {visit.url.split("/")[2]}


@pytest.mark.slow
def test_a_card_takes_another_version(visit: Visit, image_path: Path) -> None:
    find_edit(visit, image_path)
    page = visit.page
    expect(page.locator("#cards li")).to_have_count(3)
    expect(page.locator("#cards li").first).to_contain_text("+12% (−2.0% to +27%)")
    page.get_by_role("button", name="Use version 3").click()
    expect(page.locator("#cards .ac-card-taken")).to_contain_text("Words 3")
    page.get_by_role("button", name="Use version 2").press("Enter")  # the same without a mouse
    expect(page.locator("#cards .ac-card-taken")).to_contain_text("Words 2")
    expect(page.locator("#result")).to_contain_text("Words 2")
    page.reload()
    expect(page.locator("#cards .ac-card-taken")).to_contain_text("Words 2")


def test_an_ad_that_is_kept_still_offers_its_best_versions(visit: Visit, studio: FakeStudio, image_path: Path) -> None:
    studio.status = "kept"
    visit.bring(image_path)
    visit.page.get_by_label("nobody real is shown").check()
    visit.improve()
    expect(visit.page.locator("#result")).to_contain_text("3 versions worth a test, none surely better")
    expect(visit.page.locator("#later-steps")).to_be_hidden()
    wait_for_scroll(visit.page, "#results")  # what is ticked before the page is whole is lost
    visit.page.locator("#kept-ratios").get_by_label("Story 9:16").check()
    visit.page.get_by_role("button", name="Lay my ad out in these shapes").click()
    expect(visit.page.locator("#kept-sizes-shown img")).to_have_count(1)
    expect(visit.page.locator("#kept-files")).to_contain_text("9x16")
    visit.page.get_by_role("button", name="Use version 2").click()
    expect(visit.page.locator("#result")).to_contain_text("Words 2")
    expect(visit.page.locator("#later-steps")).to_be_visible()
    expect(visit.page.locator("#kept-sizes")).to_be_hidden()


def test_consent_is_added_and_checked_in_the_page(visit: Visit, studio: FakeStudio, image_path: Path, tmp_path: Path) -> None:
    page = visit.page
    visit.bring(image_path)
    page.get_by_label("I have their written consent").check()
    visit.improve()
    expect(page.locator("#progress")).to_contain_text("Whose consent is it?")
    page.get_by_role("button", name="Add a record of consent").click()
    fill_new(page.get_by_label("Who agreed"), "Ada Example")
    fill_new(page.get_by_label("Until when"), "soon")
    page.get_by_role("button", name="Add this record").click()
    expect(page.locator("#consent-note")).to_contain_text("must be a date such as 2027-06-30")
    page.get_by_label("Until when").fill("2999-06-30")
    page.get_by_role("button", name="Add this record").click()
    expect(page.locator("#consent-note")).to_contain_text("“ada-example” covers this ad today")
    visit.improve()
    expect(page.locator("#result")).to_contain_text("A version worth testing")
    assert studio.asked[-1]["creative"].consent_id == "ada-example"


@pytest.mark.slow
def test_words_are_written_one_after_another_and_own_words_are_scored_again(
    visit: Visit, studio: FakeStudio, image_path: Path
) -> None:
    page = visit.page
    visit.bring(image_path)
    page.locator("#brief textarea").fill("Free returns.")
    visit.page.get_by_label("nobody real is shown").check()
    visit.improve()
    expect(visit.page.locator("#result")).to_contain_text("A version worth testing")
    page.get_by_role("button", name="Use my own words").click()
    studio.round_s = 2.0
    page.get_by_role("button", name="Suggest more").click()
    expect(page.locator("#lines")).to_contain_text("Written headline 1")
    expect(page.locator("#lines")).not_to_contain_text("Written headline 3", timeout=300)
    expect(page.locator("#lines")).to_contain_text("Written headline 3")
    assert studio.asked[-1]["brief"] == "Free returns."
    page.get_by_label("Written headline 2").check()
    expect(page.get_by_label("New headline")).to_have_value("Written headline 2")
    page.get_by_role("button", name="Use mine").click()
    expect(page.locator("#word-checks")).to_contain_text("Your line is on the ad now: +14%")
    expect(page.locator("#result")).to_contain_text("Written headline 2")
    page.get_by_label("New headline").fill("much worse words")
    page.get_by_role("button", name="Use mine").click()
    expect(page.locator("#word-checks")).to_contain_text("−2.0% (−8.0% to +4.0%)")
    expect(page.locator("#result")).to_contain_text("no gain is expected")


def test_the_heat_map_is_shown_beside_the_score(visit: Visit, image_path: Path) -> None:
    visit.bring(image_path)
    visit.page.get_by_role("button", name="Why? Show").click()
    expect(visit.page.locator("#why img")).to_be_visible()
    expect(visit.page.locator("#why")).to_contain_text("orange raises")


def test_many_ads_are_ranked_and_one_is_taken_on(visit: Visit, image_path: Path, tmp_path: Path) -> None:
    page = visit.page
    with zipfile.ZipFile(tmp_path / "ads.zip", "w") as archive:
        for name in ("one.jpg", "two.jpg", "thin.jpg", "../evil.jpg"):
            archive.write(image_path, name)
        archive.writestr("metadata.csv", "file_name,headline\none.jpg,Coats\ntwo.jpg,Boots\nthin.jpg,Hats\n")
    page.get_by_role("tab", name="Many ads").click()
    page.locator("#folder-uploads input[type=file]").set_input_files(tmp_path / "ads.zip")
    expect(page.locator("#folder-uploads")).to_contain_text("ads")
    page.get_by_role("button", name="Score them all").click()
    ads = page.locator("#folder .ac-ads li")
    expect(ads.first).to_contain_text("Boots")
    expect(ads.last).to_contain_text("not enough data")
    expect(page.locator("#folder .ac-ads img")).to_have_count(3)
    for text in ("It is damaged", "a path that leads elsewhere"):
        expect(page.locator("#folder")).to_contain_text(text)
    expect(page.locator("#folder-table")).to_contain_text("scores")
    page.get_by_label("Find").fill("coat")
    expect(ads).to_have_count(1)
    page.get_by_label("Find").fill("")
    expect(ads).to_have_count(3)
    page.get_by_role("button", name="Improve ad 1").click()
    expect(page.get_by_label("Headline", exact=True)).to_have_value("Boots")
    expect(page.locator("#picture-note")).to_contain_text("px, ready")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("tab", name="Many ads").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_unknown_columns_are_asked_for(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    results = tmp_path / "export.csv"
    days = [f"Coat;2026-01-{day:02};5000;{150 - 6 * day}" for day in range(1, 15)]
    results.write_text("\n".join(["Werbemittel;Datum;Einblendungen;Besuche", *days, "Total;;70000;1470"]))
    page.get_by_role("tab", name="Your account").click()
    page.locator("#account-results input[type=file]").set_input_files(results)
    expect(page.locator("#account-columns")).to_contain_text("Some columns are not known")
    for ours, theirs in (("ad_name", "Werbemittel"), ("impressions", "Einblendungen"), ("clicks", "Besuche")):
        page.locator(f"#column-{ours} input").click()
        page.locator(f"#column-{ours}").get_by_role("option", name=theirs).click()
    page.get_by_role("button", name="Read the results").click()
    expect(page.locator("#account")).to_contain_text("Ad fatigue")
    expect(page.locator("#account")).to_contain_text("falling")
    expect(page.locator("#account")).to_contain_text("1 × total row")


def test_everything_can_be_deleted(visit: Visit, image_path: Path) -> None:
    find_edit(visit, image_path)
    visit.page.get_by_role("button", name="Delete my ad").click()
    visit.page.get_by_role("button", name="Keep it").click()
    expect(visit.page.locator("#forget-box")).to_be_hidden()
    expect(visit.page.locator("#result")).to_contain_text("A version worth testing")
    visit.page.get_by_role("button", name="Delete my ad").click()
    visit.page.get_by_role("button", name="Yes, delete it all").click()
    expect(visit.page.locator("#later-steps")).to_be_hidden()
    visit.page.get_by_role("tab", name="Your ad").click()  # a visitor without an ad begins with new ones
    expect(visit.page.get_by_label("Headline", exact=True)).to_have_value("")
    expect(visit.page.locator("#result")).to_be_hidden()


FOCUS = """() => { const e = document.activeElement;
  return [e.tagName, e.type || '', e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText || ''].join('|') }"""
UNNAMED = """() => [...document.querySelectorAll('input, textarea, select, button')]
  .filter(e => e.offsetParent !== null && e.tabIndex >= 0)
  .filter(e => !(e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || e.title || e.labels?.length
                 || e.innerText?.trim() || e.placeholder))
  .map(e => e.outerHTML.slice(0, 160))"""


def test_every_control_has_a_name_and_is_reached_by_tab(visit: Visit, image_path: Path) -> None:
    find_edit(visit, image_path)
    assert visit.page.evaluate(UNNAMED) == []
    visit.page.locator("body").click(position={"x": 2, "y": 2})
    reached = set()
    for _ in range(130):
        visit.page.keyboard.press("Tab")
        reached.add(visit.page.evaluate(FOCUS))
    text = "\n".join(reached)
    for name in (
        "Headline",
        "Score it",
        "Improve it",
        "nobody real",
        "More about the ad",
        "Fine tuning",
        "Quick look",
        "Download as a draft",
        "Use version",
        "Use my own words",
        "Why? Show",
        "new words say",
        "European Union",
        "I have read",
        "Campaign",
        "Plan the test",
        "Many ads",
        "Settings",
        "Approved by",
        "Approve this version",
        "File for a platform",
        "Pack everything",
        "Delete my ad",
    ):
        assert name in text, f"{name} is not reached by Tab among {sorted(reached)}"
