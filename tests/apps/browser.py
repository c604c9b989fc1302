"""What every test of the page in a real browser needs: a window on the page, and what is done there first."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright import sync_api as playwright_api

from tests.apps.test_launch import Served as Served

expect = playwright_api.expect
expect.set_options(timeout=90_000)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH; install it with: apt-get install chromium")


class Visit:
    """One browser window on the page, with every host that it asked."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        # without motion: a page that glides on its own between a press and its release takes the click off the button
        still = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}
        self.context = browser.new_context(**{**still, **options})
        self.url, self.hosts = url, set[str]()
        self.context.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))
        self.open()

    def open(self) -> None:
        self.page = self.context.new_page()
        self.page.set_default_timeout(90_000)
        self.page.goto(self.url)
        self.page.get_by_role("tab", name="Your ad").click()
        self.page.get_by_role("button", name="Score it").wait_for()

    def bring(self, path: Path | None, headline: str = "Coats for rain") -> None:
        unfold(self.page)
        if path is not None:
            self.page.locator("#picture input[type=file]").set_input_files(path)
            self.page.locator("#picture-note").get_by_text("px, ready").wait_for()
        self.page.get_by_label("Headline", exact=True).fill(headline)

    def come_back(self) -> None:
        """Load the page anew once its app was killed and started again.

        The page asks the app again and again and loads itself anew when another one answers; a load that this one cuts off
        ends with ERR_ABORTED, and the page stands all the same.
        """
        try:
            self.page.reload()
        except playwright_api.Error as cut:
            if "ERR_ABORTED" not in cut.message:
                raise
        self.page.wait_for_load_state("load")

    def improve(self, effort: str = "Quick look") -> None:
        unfold(self.page)
        self.page.get_by_label(effort).check()
        self.page.get_by_role("button", name="Improve it").click()


def unfold(page: Any) -> None:
    """Open the steps that have folded away, if there is a result on the page."""
    for step in ("#step-ad", "#improve-box"):
        fold = page.locator(f"{step}:not([data-open]) .ac-unfold")
        if fold.is_visible():
            fold.click()
            expect(fold).to_have_count(0)


def make_ads(page: Any) -> None:
    """Make ads of the first sample on the page "Make", with the keyboard."""
    page.get_by_role("button", name="Use the sample Morrow Coffee").press("Enter")
    expect(page.locator("#make-lines select")).to_have_count(6)
    expect(page.locator("#make-brought img")).to_be_visible()
    page.get_by_role("button", name="Make the ads").press("Enter")
    expect(page.locator("[data-make]")).to_have_count(3)


def bring_other(page: Any, path: Path) -> None:
    """Put another picture, drawn without words, in place of the one on the page, and wait until it was read."""
    size = (320, 240)
    unfold(page)
    Image.linear_gradient("L").convert("RGB").resize(size).save(path)
    page.get_by_label("Remove Image").click()
    page.locator("#picture input[type=file]").set_input_files(path)
    expect(page.locator("#picture-note")).to_contain_text(f"{size[0]} × {size[1]} px, ready")
    expect(page.locator("#read-note")).to_have_text("")
    expect(page.get_by_role("button", name="Score it")).to_be_enabled()


def find_edit(visit: Visit, image_path: Path) -> None:
    """Bring the picture, let an edit be searched, wait for it, and open the steps before it again."""
    visit.bring(image_path)
    visit.page.get_by_label("nobody real is shown").check()
    visit.improve()
    expect(visit.page.locator("#result")).to_contain_text("A version worth testing")
    expect(visit.page.locator("#later-steps")).to_be_visible()
    wait_for_scroll(visit.page, "#results")
    unfold(visit.page)


def wait_for_scroll(page: Any, place: str) -> None:
    """Wait until the page has brought a place to its upper part by itself: whoever clicks before that may miss the button."""
    page.wait_for_function(
        """(place) => {
          const {top} = document.querySelector(place).getBoundingClientRect();
          return top > -2 && top < innerHeight * 0.4;
        }""",
        arg=place,
    )


def approve(page: Any) -> None:
    """Approve, as Anna, the version that is on the page, for the European Union."""
    page.get_by_label("European Union").check()
    expect(page.locator("#duties")).to_contain_text("not legal advice")
    page.get_by_label("I have read the list above").check()
    page.get_by_label("Approved by").fill("Anna")
    page.get_by_role("button", name="Approve this version").click()
    expect(page.locator("#approval")).to_contain_text("Approved by Anna")
