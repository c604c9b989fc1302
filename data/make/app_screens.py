"""Screenshots of every page of a running app, on a desk, on a phone and in the dark, as one sheet each.

    adcreative app --port 7860
    python -m data.make.app_screens http://127.0.0.1:7860 --out data/examples

The pages are shown as the app finds them, and the sample ad is scored and improved. Needs Chromium and playwright.
"""

from __future__ import annotations

import argparse
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

LOOKS: dict[str, dict[str, Any]] = {
    "desk": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
}
NUM_FIXED = 5  # screens of an ad and of new ads
PAGES = ("ads", "many", "account", "tests", "settings")
PAUSE_MS, PATIENCE_MS = 2_500, 120_000
WIDTH_PX, MAX_RATIO, GAP_PX = 400, 2.2, 16  # of one screen on a sheet; height to width


def take_screens(page: Page, url: str) -> Iterator[Image.Image]:
    """Yield a picture of each page, of the scored sample, of its versions, and of ads made of a sample."""
    page.goto(f"{url}/ad")
    sample = page.get_by_role("button", name="Try the sample coffee")
    sample.wait_for()
    yield _shoot(page)
    sample.click()
    page.locator("#score .ac-score").wait_for()
    yield _shoot(page)
    page.get_by_label("Quick look").check()
    if (nobody := page.get_by_label("nobody real is shown")).is_visible():
        nobody.check()
    page.get_by_role("button", name="Improve it", exact=True).click()
    page.locator("#result .ac-result").wait_for()
    yield _shoot(page)
    page.goto(f"{url}/make")
    page.get_by_role("button", name="Make").first.wait_for()
    yield _shoot(page)
    if not page.locator("[data-make]").count():
        page.get_by_role("button", name="Use the sample Morrow Coffee").click()
        page.locator("#make-lines select").first.wait_for()
        page.get_by_role("button", name="Make the ads").click()
    page.locator("[data-make]").first.wait_for()
    yield _shoot(page)
    for name in PAGES:
        page.goto(f"{url}/{name}")
        page.get_by_role("tab", selected=True).wait_for()
        yield _shoot(page)


def _shoot(page: Page) -> Image.Image:
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(PAUSE_MS)
    whole = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    width, height = whole.size
    return whole.crop((0, 0, width, min(height, round(width * MAX_RATIO))))


def lay_out(screens: list[Image.Image], num_columns: int = 5) -> Image.Image:
    """Return the screens on one sheet, row by row."""
    small = [one.resize((WIDTH_PX, round(one.height * WIDTH_PX / one.width))) for one in screens]
    rows = [small[first : first + num_columns] for first in range(0, len(small), num_columns)]
    heights = [max(one.height for one in row) + GAP_PX for row in rows]
    sheet = Image.new("RGB", (num_columns * (WIDTH_PX + GAP_PX) + GAP_PX, sum(heights) + GAP_PX), "#8a8a86")
    for number, row in enumerate(rows):
        for column, one in enumerate(row):
            sheet.paste(one, (GAP_PX + column * (WIDTH_PX + GAP_PX), GAP_PX + sum(heights[:number])))
    return sheet


def make_sheets(url: str, out: Path) -> list[Path]:
    """Write app-LOOK.png for each of LOOKS into `out`, and return the paths."""
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for look, options in LOOKS.items():
            context = browser.new_context(**options, reduced_motion="reduce")
            page = context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            sheet = lay_out([*take_screens(page, url)])
            sheet.quantize(128).save(out / f"app-{look}.png", optimize=True)
            context.close()
        browser.close()
    return [out / f"app-{look}.png" for look in LOOKS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="address of the app")
    parser.add_argument("--out", type=Path, default=Path("out/screens"))
    given = parser.parse_args()
    for path in make_sheets(given.url.rstrip("/"), given.out):
        print(path)


if __name__ == "__main__":
    main()
