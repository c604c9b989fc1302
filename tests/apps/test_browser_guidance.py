"""What the page asks, says and remembers, in a real browser: nothing is asked that has no sense, and nothing is left unsaid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.apps.browser import Visit, approve, bring_other, expect, find_edit, needs_browser, unfold, wait_for_scroll
from tests.apps.fakes import FakeFace, FakeStudio

pytestmark = [needs_browser, pytest.mark.slow]


def test_faces_are_asked_about_where_there_are_some_and_anew_for_each_picture(
    visit: Visit,
    studio: FakeStudio,
    image_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faces = visit.page.locator("#faces")
    expect(faces).to_be_hidden()
    visit.bring(image_path)
    expect(faces).to_be_visible()
    visit.page.get_by_label("nobody real is shown").check()
    other = image_path.with_name("other.jpg")
    other.write_bytes(image_path.read_bytes())
    visit.page.get_by_label("Remove Image").or_(visit.page.get_by_label("Clear")).first.click()
    expect(faces).to_be_hidden()
    visit.bring(other)
    expect(faces).to_be_visible()
    expect(visit.page.get_by_label("nobody real is shown")).not_to_be_checked()
    monkeypatch.setattr(studio, "find_faces", lambda creative: [FakeFace((20.0, 30.0, 80.0, 100.0), "it is turned away")])
    visit.page.get_by_label("Remove Image").or_(visit.page.get_by_label("Clear")).first.click()
    visit.bring(image_path)
    expect(faces).to_be_hidden()
    visit.improve()
    expect(visit.page.locator("#result")).to_contain_text("A version worth testing")
    assert studio.asked[-1]["directions"] == ()


def test_a_page_that_returns_has_the_ad_in_its_form(visit: Visit, image_path: Path) -> None:
    find_edit(visit, image_path)
    visit.page.close()
    visit.open()
    expect(visit.page.locator("#result")).to_contain_text("A version worth testing")
    expect(visit.page.get_by_label("Headline", exact=True)).to_have_value("Coats for rain")
    expect(visit.page.locator("#picture-note")).to_contain_text("200 × 300 px, ready")


def test_a_brand_kit_says_what_it_asks_and_reaches_the_search(
    visit: Visit,
    studio: FakeStudio,
    image_path: Path,
    tmp_path: Path,
) -> None:
    kit = tmp_path / "brand.json"
    kit.write_text('{"nam": "Somnia"}')
    visit.bring(None)
    visit.page.get_by_text("Fine tuning").click()
    upload = visit.page.locator("#brand-kit input[type=file]")
    upload.set_input_files(kit)
    expect(visit.page.locator("#brand-kit-note [role=alert]")).to_contain_text("brand.json is no brand manifest")
    visit.page.locator("#brand-kit").get_by_label("Clear").or_(
        visit.page.locator("#brand-kit [aria-label*=emove]")
    ).first.click()
    kit.write_text(json.dumps({"name": "Somnia", "tone": "calm", "metadata": {"words_to_avoid": ["cheap"]}}))
    upload.set_input_files(kit)
    expect(visit.page.locator("#brand-kit-note")).to_contain_text("Somnia: tone calm; avoids “cheap”")
    visit.bring(image_path)
    visit.page.get_by_label("they must stay as they are").check()
    visit.improve()
    expect(visit.page.locator("#result")).to_contain_text("A version worth testing")
    assert json.loads(studio.asked[-1]["brand_kit"].read_text())["name"] == "Somnia"


def test_where_a_picture_can_run_is_said_when_it_is_brought(visit: Visit, image_path: Path) -> None:
    visit.bring(image_path)
    note: Any = visit.page.locator("#picture-note")
    expect(note).to_contain_text("has no usual Google or Meta shape (200x300 px)")


def test_another_ad_takes_the_result_of_the_first_off_the_page_and_the_first_brings_it_back(
    visit: Visit, image_path: Path
) -> None:
    find_edit(visit, image_path)
    headline = visit.page.get_by_label("Headline", exact=True)
    headline.fill("Boats for rain")
    for place in ("#result", "#later-steps"):
        expect(visit.page.locator(place)).to_be_hidden()
    headline.fill("Coats for rain")
    expect(visit.page.locator("#result")).to_contain_text("For the ad “Coats for rain”")
    expect(visit.page.locator("#later-steps")).to_be_visible()
    approve(visit.page)
    visit.page.reload()  # what was approved comes back as approved, as the bar says
    expect(visit.page.locator("#ad-bar [aria-current]")).to_have_text("Approve")
    expect(visit.page.locator("#approval")).to_contain_text("Approved by Anna")
    visit.page.get_by_role("button", name="Use version 2").click()
    expect(visit.page.locator("#result")).to_contain_text("Words 2")
    expect(visit.page.locator("#approval")).to_be_empty()


def test_a_fault_goes_once_it_is_mended(visit: Visit, image_path: Path) -> None:
    visit.bring(image_path)
    visit.improve()
    asked = visit.page.locator("#progress .ac-ask")
    expect(asked).to_contain_text("May the faces in this picture be changed?")
    expect(visit.page.locator("#faces input").first).to_be_focused()
    expect(visit.page.locator("[role=alert]")).to_have_count(0)
    visit.page.get_by_label("nobody real is shown").check()
    expect(asked).to_have_count(0)


def test_a_question_leaves_the_cursor_to_whoever_writes_elsewhere(visit: Visit, image_path: Path) -> None:
    page = visit.page
    visit.bring(image_path)
    page.get_by_label("I have their written consent").check()
    page.get_by_role("button", name="Add a record of consent").click()
    visit.improve()
    page.get_by_label("Who agreed").press_sequentially("Ada Example of Ada Street", delay=80)
    expect(page.locator("#progress")).to_contain_text("Whose consent is it?")
    expect(page.get_by_label("Who agreed")).to_be_focused()
    expect(page.get_by_label("Who agreed")).to_have_value("Ada Example of Ada Street")
    expect(page.locator("#consent input")).to_have_value("")


def test_a_plan_asks_for_the_usual_rate_where_it_is_written(visit: Visit, studio: FakeStudio, image_path: Path) -> None:
    studio.is_untested = True
    find_edit(visit, image_path)
    page = visit.page
    page.get_by_label("Campaign").fill("autumn")
    page.get_by_role("button", name="Plan the test").click()
    expect(page.locator("#plan .ac-ask")).to_contain_text("How often are your ads clicked, in percent?")
    rate = page.locator("#plan-rate input")
    expect(rate).to_be_focused()
    expect(page.locator("[role=alert]")).to_have_count(0)
    rate.fill("1.2")
    rate.blur()
    expect(page.locator("#plan .ac-ask")).to_have_count(0)
    page.get_by_role("button", name="Plan the test").click()
    expect(page.locator("#plan")).to_contain_text("days")


def test_notes_go_with_the_picture_that_they_were_typed_for_and_come_back_with_it(
    visit: Visit, studio: FakeStudio, image_path: Path, tmp_path: Path
) -> None:
    page, notes = visit.page, visit.page.locator("#brief textarea")
    visit.bring(None, "Coats for rain")
    notes.fill("Made of recycled wool")
    visit.bring(image_path, "Coats for rain")
    page.wait_for_timeout(500)
    expect(notes).to_have_value("Made of recycled wool")  # typed before any picture: they are for the first one
    bring_other(page, tmp_path / "other.png")
    expect(notes).to_have_value("")
    page.get_by_label("nobody real is shown").check()
    visit.improve()
    expect(page.locator("#result")).to_contain_text("A version worth testing")
    wait_for_scroll(page, "#results")
    assert studio.asked[-1]["brief"] == ""
    unfold(page)
    notes.fill("Free returns")
    page.get_by_label("Remove Image").click()
    expect(notes).to_have_value("")
    visit.bring(image_path, "Coats for rain")
    expect(notes).to_have_value("Made of recycled wool")
    page.get_by_label("Remove Image").click()
    page.locator("#picture input[type=file]").set_input_files(tmp_path / "other.png")
    expect(notes).to_have_value("Free returns")


@pytest.mark.parametrize("has_search", [False, True])
def test_a_page_that_returns_shows_the_ad_that_was_scored_since_with_its_mock_ups(
    visit: Visit, image_path: Path, has_search: bool
) -> None:
    page, headline = visit.page, visit.page.get_by_label("Headline", exact=True)
    if has_search:
        find_edit(visit, image_path)
        headline.fill("Boots for rain")
        expect(page.locator("#result")).to_be_hidden()
    else:
        visit.bring(image_path, "Boots for rain")
    page.get_by_role("button", name="Score it").click()
    expect(page.locator("#placements figure")).to_have_count(4)
    expect(page.locator("#placements")).to_contain_text("Boots for rain")
    page.reload()
    expect(headline).to_have_value("Boots for rain")
    expect(page.locator("#score")).to_contain_text("Together these are")
    expect(page.locator("#placements figure")).to_have_count(4)
    expect(page.locator("#ad-bar")).to_contain_text("Boots for rain")
    expect(page.locator("#result")).to_be_hidden()
    if has_search:
        headline.fill("Coats for rain")
        expect(page.locator("#result")).to_contain_text("A version worth testing")


def test_a_long_headline_has_the_width_of_its_mock_up_and_two_lines(visit: Visit, image_path: Path) -> None:
    page, said = visit.page, "Endlich wieder ruhig schlafen ohne Rückenweh"
    visit.bring(image_path, said)
    page.get_by_role("button", name="More about the ad").click()
    page.get_by_label("Button (call to action)").fill("Jetzt entdecken")
    page.get_by_role("button", name="Score it").click()
    for kind in ("feed", "display"):
        foot = page.locator(f".ac-mock-{kind} .ac-post-foot")
        expect(foot).to_contain_text(said)
        seen = foot.evaluate("""(foot) => {
          const [line, button] = [foot.querySelector('b'), foot.querySelector('.ac-cta')];
          const [one, other] = [line.getBoundingClientRect(), button.getBoundingClientRect()];
          const height = parseFloat(getComputedStyle(line).lineHeight);
          const isCut = line.scrollHeight > line.clientHeight + 1;
          return {share: one.width / foot.clientWidth, lines: one.height / height, isCut,
            isBelow: other.top >= one.bottom};
        }""")
        assert seen["share"] > 0.9
        assert 1.9 < seen["lines"] < 2.1
        assert not seen["isCut"]
        assert seen["isBelow"]
    page.get_by_label("Headline", exact=True).fill("Sleep well")
    page.get_by_role("button", name="Score it").click()
    expect(page.locator(".ac-mock-feed .ac-post-foot")).to_contain_text("Sleep well")
    tops = page.locator(".ac-mock-feed .ac-post-foot > *").evaluate_all(
        "(all) => all.map((one) => one.getBoundingClientRect().top)"
    )
    assert abs(tops[0] - tops[1]) < 8  # beside it


def test_settings_say_again_which_brand_kit_is_kept_to(visit: Visit, studio: FakeStudio) -> None:
    page = visit.page
    page.get_by_role("tab", name="Settings").click()
    page.get_by_label("Name of the brand").fill("Somnia")
    page.get_by_label("Words to avoid").fill("cheap")
    page.get_by_role("button", name="Use this brand kit").click()
    expect(page.locator("#brand-saved")).to_contain_text("Somnia: avoids “cheap”")
    page.reload()
    page.get_by_role("tab", name="Settings").click()
    expect(page.locator("#brand-saved")).to_contain_text("Somnia: avoids “cheap”")
    expect(page.locator("#brand-made").get_by_role("link", name="brand-kit.json")).to_be_visible()
    page.get_by_role("button", name="Use this brand kit").click()
    expect(page.locator("#brand-saved")).to_contain_text("No brand kit is used")
