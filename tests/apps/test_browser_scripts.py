"""Words of strangers in a real browser: headlines, names and file names that would run, through report pages and the app.

The browser is told to ignore the pages' own policy (CSP), so that escaping has to hold alone. Every event that a script of an
attribute may wait for is sent to every element of a report. `pytest -rP` prints how many tries were made.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apps.browser import Served, Visit, expect, needs_browser
from tests.apps.fakes import FakeStudio
from tests.catalog.conftest import write_csv
from tests.security.test_text import MARKUP, report_page

pytestmark = [needs_browser, pytest.mark.slow]

RUN = "window.ran.push(1)"
HOSTILE = (
    *(text.replace("alert(1)", RUN) for text in MARKUP),
    f"<img src=x onerror={RUN}>",
    f'"onfocus="{RUN}" autofocus x="',
    f"</title><script>{RUN}</script>",
    f"</textarea><script>{RUN}</script>",
    f"<a href='javascript:{RUN}'>win</a>",
    f"<details open ontoggle={RUN}>",
    f"<math><mtext><style><img src=x onerror={RUN}></style>",
    f"[win](javascript:{RUN})",
    f'![x](x"onerror="{RUN})',
    f"`${{{RUN}}}`",
    "<base href='//evil.example/'><script src=x.js></script>",
    f"\\u003cscript\\u003e{RUN}\\u003c/script\\u003e",
)
EVENTS = """() => {
  for (const one of document.querySelectorAll('*'))
    for (const name of ['mouseover', 'mouseenter', 'focus', 'error', 'load', 'toggle', 'animationstart'])
      one.dispatchEvent(new Event(name));
  for (const link of document.querySelectorAll("a[href^='javascript' i]")) link.click();
}"""
FOUND = """() => [window.ran.length, [...document.querySelectorAll('*')].filter(one =>
  one.matches("a[href^='javascript' i], base, iframe[srcdoc]") || [...one.attributes].some(each => each.name.startsWith('on'))
).map(one => one.outerHTML.slice(0, 200))]"""


@pytest.fixture
def pages(browser: Any) -> Iterator[Any]:
    context = browser.new_context(bypass_csp=True)
    context.add_init_script("window.ran = []")
    yield context
    context.close()


def find_run(page: Any) -> Any:
    """Return how many scripts ran, and elements that have a handler or an address that runs."""
    page.evaluate(EVENTS)
    return page.evaluate(FOUND)


def test_the_browser_would_run_them(pages: Any, tmp_path: Path) -> None:
    """Unescaped, most of them run; else what follows would prove nothing."""
    num_run, page = 0, pages.new_page()
    for text in HOSTILE:
        (tmp_path / "raw.html").write_text(
            f"<!doctype html><title>{text}</title><p title='{text}'>{text}<p title=\"{text}\"><textarea>{text}</textarea>"
        )
        page.goto((tmp_path / "raw.html").as_uri())
        num_run += find_run(page)[0] > 0
    assert num_run >= 10


def test_no_script_runs_in_a_report(pages: Any, tmp_path: Path) -> None:
    page, asked, num_tries = pages.new_page(), list[str](), 0
    page.on("request", lambda request: asked.append(request.url))
    for text in HOSTILE:
        path = tmp_path / "report.html"
        report_page(path, text)
        page.goto(path.as_uri())
        assert find_run(page) == [0, []], text
        num_tries += 1
    assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {path.as_uri()}
    print(f"reports: {num_tries} tries, nothing ran")


def test_no_script_runs_in_the_app(
    browser: Any,
    served: Served,
    studio: FakeStudio,
    image_path: Path,
    tmp_path: Path,
) -> None:
    visit = Visit(browser, served.url, bypass_csp=True)
    page, num_tries = visit.page, 0
    page.evaluate("() => { window.ran = []; }")
    before = page.evaluate(FOUND)
    assert before[0] == 0
    picture = tmp_path / f"{HOSTILE[1].replace('/', '')}.jpg"
    shutil.copy(image_path, picture)
    visit.bring(picture)
    for text in HOSTILE:
        visit.bring(None, text)
        page.get_by_role("button", name="Score it").click()
        expect(page.locator("#ad-bar")).to_contain_text(text[:12].strip())
        expect(page.locator("#score")).to_contain_text("Can’t be told from a usual ad")
        assert page.evaluate(FOUND) == before, text
        num_tries += 1
    rows = [
        {"file_name": f"{number}.jpg", "headline": text, "ad_name": text, "brand": text} for number, text in enumerate(HOSTILE)
    ]
    with zipfile.ZipFile(tmp_path / "ads.zip", "w") as archive:
        archive.write(write_csv(tmp_path / "metadata.csv", rows), "metadata.csv")
        for number, text in enumerate(HOSTILE):
            archive.write(image_path, f"{number}.jpg")
            archive.write(image_path, f"{text.replace('/', '').replace(chr(92), '')[:80]}{number}.jpg")
    page.get_by_role("tab", name="Many ads").click()
    page.locator("#folder-uploads input[type=file]").set_input_files(tmp_path / "ads.zip")
    expect(page.locator("#folder-uploads")).to_contain_text("ads")
    page.get_by_role("button", name="Score them all").click()
    expect(page.locator("#folder .ac-ads li")).to_have_count(len(HOSTILE))
    assert page.evaluate(FOUND) == before
    results = tmp_path / "results.csv"
    write_csv(results, [{"ad_name": text, "impressions": 5000, "clicks": 40 + number} for number, text in enumerate(HOSTILE)])
    page.get_by_role("tab", name="Your account").click()
    page.locator("#account-results input[type=file]").set_input_files(results)
    page.get_by_role("button", name="Read the results").click()
    expect(page.locator("#account table").first).to_be_visible()
    assert page.evaluate(FOUND) == before
    assert visit.hosts == {visit.url.split("/")[2]}
    visit.context.close()
    print(f"app: {num_tries} ads, {2 * len(HOSTILE)} rows and file names of folders, {len(HOSTILE)} of results; nothing ran")
