"""Every text of the page can be read: its contrast with what it stands on, in light and in dark, before and after a search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.apps.browser import Served, Visit, find_edit, needs_browser
from tests.apps.fakes import FakeStudio

pytestmark = [needs_browser, pytest.mark.slow]

LEAST = 4.5  # WCAG 2.2, 1.4.3
# relative luminance and contrast as WCAG defines them; a background is the nearest one that is not see-through
FAINT = """(least) => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0.99) return c; } return [255, 255, 255]; };
  const found = [];
  for (const e of document.querySelectorAll('.gradio-container *')) {
    const text = [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.textContent.trim()).join('');
    if (!text || e.closest('svg, footer, [disabled], .icon')) continue;
    if (!e.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < least) found.push(`${contrast.toFixed(2)} ${e.tagName}.${e.className} ${text.slice(0, 60)}`);
  }
  for (const e of document.querySelectorAll('input, textarea')) {
    if (!e.placeholder || !e.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(e, '::placeholder').color)), light(ground(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < least) found.push(`placeholder ${((a + 0.05) / (b + 0.05)).toFixed(2)} ${e.placeholder}`);
  }
  return [...new Set(found)];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(
    browser: Any, served: Served, studio: FakeStudio, image_path: Path, scheme: str
) -> None:
    visit = Visit(browser, served.url, color_scheme=scheme)
    assert "\n".join(visit.page.evaluate(FAINT, LEAST)) == ""
    find_edit(visit, image_path)
    visit.page.get_by_role("button", name="Score it").click()
    visit.page.locator("#score .ac-verdict").wait_for()
    visit.page.get_by_text("Fine tuning").click()
    assert "\n".join(visit.page.evaluate(FAINT, LEAST)) == ""
    for name in ("Many ads", "Your account"):
        visit.page.get_by_role("tab", name=name).click()
        assert "\n".join(visit.page.evaluate(FAINT, LEAST)) == ""
    visit.context.close()
