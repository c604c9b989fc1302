"""Tests that a visit plans, in a real browser: approved here, offered, planned together, read out, and the winner taken on."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.apps.browser import Visit, approve, bring_other, expect, find_edit, needs_browser, unfold
from tests.apps.test_browser import fill_new

pytestmark = [needs_browser, pytest.mark.slow]


@pytest.mark.parametrize("width", [1280, 390])
def test_what_was_approved_is_planned_read_out_and_taken_on_without_a_file(
    visit: Visit, image_path: Path, tmp_path: Path, width: int
) -> None:
    page, held = visit.page, list[Any]()
    page.set_viewport_size({"width": width, "height": 900})
    find_edit(visit, image_path)
    approve(page)
    page.get_by_role("tab", name="Tests").click()
    page.get_by_role("button", name="Your next test").click()
    offered = page.get_by_label("“Coats for rain today”")
    expect(offered).to_be_checked()
    page.get_by_role("tab", name="Many ads").click()
    page.route("**/run/predict**", lambda route: held.append(route), times=1)  # the list is asked for anew, and comes late
    page.get_by_role("tab", name="Tests").click()
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
    page.get_by_role("tab", name="Your account").click()
    page.locator("#account-results input[type=file]").set_input_files(results)
    expect(page.locator("#training-ready")).to_contain_text("3 ads have results here")
    page.get_by_role("button", name="Read the results").click()
    expect(page.locator("#account")).to_contain_text("The new version wins.")
    page.get_by_role("tab", name="Tests").click()
    expect(page.locator("#tests")).to_contain_text("The new version wins")
    page.get_by_role("button", name="winter", exact=True).click()
    expect(page.locator("#test")).to_contain_text("Read out of results.csv")
    expect(page.locator("#test").get_by_role("button", name="Make it my next ad")).to_be_visible()
    page.wait_for_function("location.pathname.startsWith('/tests/')")
    page.get_by_role("tab", name="Your account").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Make it my next ad").press("Enter")
    expect(page.get_by_label("Headline", exact=True)).to_have_value("Coats for rain today")
    expect(page.locator("#ad-bar")).to_contain_text("Coats for rain today")
    bring_other(page, tmp_path / "other.png")
    expect(page.get_by_label("Headline", exact=True)).to_have_value("")  # the winner's words went with its picture


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
    headline, button = page.get_by_label("Headline", exact=True), page.get_by_label("Button (call to action)")
    expect(headline).to_have_value("Read me first")
    expect(page.locator("#read-note")).to_contain_text("The headline and button were read from the picture")
    page.get_by_role("button", name="More about the ad").click()
    headline.fill("My own line")
    bring_other(page, tmp_path / "other.png")
    expect(headline).to_have_value("My own line")
    expect(button).to_have_value("")


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
    bring_other(page, tmp_path / "other.png")
    expect(page.get_by_label("Headline", exact=True)).to_have_value("")


def test_the_words_of_a_table_go_with_the_picture_of_their_ad(visit: Visit, tmp_path: Path) -> None:
    page, form = visit.page, {name: visit.page.get_by_label(name, exact=True) for name in ("Headline", "Description", "Brand")}
    Image.linear_gradient("L").convert("RGB").resize((240, 300)).save(tmp_path / "words 1.png")
    (tmp_path / "table.csv").write_text("file_name,headline,description,brand\nwords 1.png,Run far,Shoes that last,Lund\n")
    page.get_by_role("tab", name="Many ads").click()
    page.locator("#folder-uploads input[type=file]").set_input_files([tmp_path / "words 1.png", tmp_path / "table.csv"])
    expect(page.locator("#folder-uploads")).to_contain_text("table")
    page.get_by_role("button", name="Score them all").click()
    page.get_by_role("button", name="Improve ad 1").click()
    page.get_by_role("button", name="More about the ad").click()
    expect(form["Brand"]).to_have_value("Lund")
    expect(page.locator("#read-note")).to_have_text("")  # its words came with it, so none were read
    form["Description"].fill("Shoes that last for years")
    bring_other(page, tmp_path / "other.png")
    for name, text in {"Headline": "", "Brand": "", "Description": "Shoes that last for years"}.items():
        expect(form[name]).to_have_value(text)


@pytest.mark.parametrize("is_reloaded", [False, True])
def test_the_words_of_the_demo_go_with_its_picture_and_typed_ones_stay(visit: Visit, tmp_path: Path, is_reloaded: bool) -> None:
    page = visit.page
    headline, brand, description = (page.get_by_label(name, exact=True) for name in ("Headline", "Brand", "Description"))
    page.get_by_role("button", name="Try the sample coffee").click()
    page.get_by_role("button", name="More about the ad").click()
    expect(headline).to_have_value("Slow mornings, properly made")
    description.fill("Typed by hand")
    if is_reloaded:
        page.get_by_label("nobody real is shown").check()
        visit.improve()
        expect(page.locator("#result")).to_contain_text("A version worth testing")
        page.reload()
        expect(page.locator("#result")).to_contain_text("A version worth testing")
        unfold(page)
        page.get_by_role("button", name="More about the ad").click()
        expect(headline).to_have_value("Slow mornings, properly made")
        expect(page.locator("#picture-note")).to_contain_text("600 × 600 px, ready")
    bring_other(page, tmp_path / "other.png")
    for field, text in ((headline, ""), (brand, ""), (description, "Typed by hand")):
        expect(field).to_have_value(text)


def test_the_words_go_before_the_server_has_answered(visit: Visit, image_path: Path) -> None:
    page, held, is_slow = visit.page, list[Any](), threading.Event()
    headline = page.get_by_label("Headline", exact=True)
    page.get_by_role("button", name="Try the sample coffee").click()
    expect(page.locator("#picture-note")).to_contain_text("600 × 600 px, ready")
    page.get_by_label("Remove Image").click()
    expect(page.locator("#picture-note")).to_be_empty()
    is_slow.set()
    page.route("**/run/predict**", lambda route: held.append(route) if is_slow.is_set() else route.continue_())
    page.locator("#picture input[type=file]").set_input_files(image_path)
    expect(headline).to_have_value("")
    is_slow.clear()
    for route in held:
        route.continue_()
    expect(page.locator("#picture-note")).to_contain_text("200 × 300 px, ready")


def test_a_picture_of_ones_own_is_of_one_version_alone(visit: Visit, image_path: Path, tmp_path: Path) -> None:
    page, own = visit.page, visit.page.locator("#own-picture img")
    find_edit(visit, image_path)
    page.get_by_role("button", name="Use my own words or picture").click()
    Image.linear_gradient("L").convert("RGB").save(tmp_path / "mine.png")
    page.locator("#own-picture input[type=file]").set_input_files(tmp_path / "mine.png")
    expect(own).to_be_visible()
    page.get_by_label("Headline", exact=True).fill("Boots for snow")
    visit.improve()
    expect(page.locator("#result")).to_contain_text("Boots for snow today")
    expect(page.locator("#own-words")).to_be_visible()
    expect(own).to_have_count(0)


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
