"""What the page asks, says and remembers, in a real browser: nothing is asked that has no sense, and nothing is left unsaid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.apps.browser import Visit, approve, expect, find_edit, needs_browser
from tests.apps.fakes import FakeFace, FakeStudio

pytestmark = needs_browser


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
