"""Tests that a visit plans, in a real browser: approved here, offered, planned together, read out, and the winner taken on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.apps.browser import Visit, approve, expect, find_edit, needs_browser
from tests.apps.test_browser import fill_new

pytestmark = needs_browser


@pytest.mark.parametrize("width", [1280, 390])
def test_what_was_approved_is_planned_read_out_and_taken_on_without_a_file(
    visit: Visit, image_path: Path, tmp_path: Path, width: int
) -> None:
    page, held = visit.page, list[Any]()
    page.set_viewport_size({"width": width, "height": 900})
    find_edit(visit, image_path)
    approve(page)
    page.get_by_role("tab", name="Your account").click()
    page.get_by_role("button", name="Your next test").click()
    offered = page.get_by_label("“Coats for rain today”")
    expect(offered).to_be_checked()
    page.get_by_role("tab", name="Many ads").click()
    page.route("**/run/predict**", lambda route: held.append(route), times=1)  # the list is asked for anew, and comes late
    page.get_by_role("tab", name="Your account").click()
    offered.uncheck()
    held[0].continue_()
    held[0].request.response().finished()
    page.get_by_role("button", name="Plan the next test").click()
    expect(page.locator("#next-plan")).to_contain_text("Tick those that were approved here")
    expect(offered).not_to_be_checked()  # what came late has undone nothing
    offered.check()
    fill_new(page.get_by_label("Name of the next campaign"), "winter")
    page.get_by_role("button", name="Plan the next test").click()
    expect(page.locator("#next-plan")).to_contain_text("1 approved version, each beside its original")
    expect(page.locator("#next-files").get_by_role("link", name=re.compile("next-test.zip"))).to_be_visible()
    names = page.locator("#next-plan code").all_inner_texts()
    results = tmp_path / "results.csv"
    rows = [f"{names[0]},9000,140", f"{names[1]},9000,400", "Winter sale,20000,300"]
    results.write_text("\n".join(["ad_name,impressions,clicks", *rows]))
    page.locator("#account-results input[type=file]").set_input_files(results)
    expect(page.locator("#training-ready")).to_contain_text("3 ads have results here")
    page.get_by_role("button", name="Read the results").click()
    expect(page.locator("#account")).to_contain_text("The new version wins.")
    visit.shoot(f"next-test-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Make it my next ad").press("Enter")
    expect(page.get_by_label("Headline", exact=True)).to_have_value("Coats for rain today")
    expect(page.locator("#ad-bar")).to_contain_text("Coats for rain today")


def test_a_ranked_ad_is_improved_from_the_list(visit: Visit, tmp_path: Path) -> None:
    page, results, picture = visit.page, tmp_path / "results.csv", tmp_path / "words 1.png"
    Image.linear_gradient("L").convert("RGB").resize((240, 300)).save(picture)
    Image.linear_gradient("L").convert("RGB").resize((300, 240)).save(tmp_path / "words 0.png")
    page.locator("#picture input[type=file]").set_input_files(tmp_path / "words 0.png")
    expect(page.locator("#read-note")).to_contain_text("read from the picture")
    results.write_text("ad_name,impressions,clicks\nwords 1,9000,140\nOther,9000,200\n")
    page.get_by_role("tab", name="Your account").click()
    page.locator("#account-results input[type=file]").set_input_files(results)
    page.locator("#training-pictures input[type=file]").set_input_files(picture)
    expect(page.locator("#training-pictures")).to_contain_text("words")
    page.get_by_role("button", name="Read the results").click()
    page.get_by_role("button", name="Improve words 1").press("Enter")
    expect(page.locator("#picture-note")).to_contain_text("240 × 300 px, ready")
    expect(page.locator("#read-note")).to_have_text("")  # it was of the picture before
    expect(page.get_by_label("Headline", exact=True)).to_have_value("Read me first")


def test_the_words_in_one_of_many_pictures_are_read_into_the_form(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    for name in ("words 1", "words 2"):
        Image.linear_gradient("L").convert("RGB").resize((240, 300)).save(tmp_path / f"{name}.png")
    page.get_by_role("tab", name="Many ads").click()
    page.locator("#folder-uploads input[type=file]").set_input_files([tmp_path / "words 1.png", tmp_path / "words 2.png"])
    expect(page.locator("#folder-uploads")).to_contain_text("words 2")
    page.get_by_role("button", name="Score them all").click()
    page.get_by_role("button", name="Improve ad 1").click()
    expect(page.get_by_label("Headline", exact=True)).to_have_value("Read me first")
    expect(page.locator("#read-note")).to_contain_text("read from the picture")
    expect(page.get_by_role("button", name="Score it")).to_be_enabled()


def test_what_works_in_an_account_stands_where_there_is_room(visit: Visit, tmp_path: Path) -> None:
    page, results = visit.page, tmp_path / "results.csv"
    rows = [f"Bread number {number},1000,{20 + number}" for number in range(60)]
    results.write_text("\n".join(["headline,impressions,clicks", *rows]))
    page.get_by_role("tab", name="Your account").click()
    page.locator("#account-results input[type=file]").set_input_files(results)
    expect(page.locator("#account-columns")).to_contain_text("The columns are known")
    page.get_by_role("button", name="Train on my results").click()
    expect(page.locator("#trained")).to_contain_text("120 ads of your own")
    works = page.locator("#works")
    expect(works).to_contain_text("What these results cannot tell")
    assert works.bounding_box()["width"] > page.locator("#trained").bounding_box()["width"]  # type: ignore[index]
    page.get_by_role("button", name="Score without my results again").click()
    expect(page.locator("#trained")).to_contain_text("without your results again")
    expect(works).to_be_empty()
