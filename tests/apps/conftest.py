from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.apps.fakes import FakeStudio


@pytest.fixture
def image_path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A picture of 300 x 200 px whose EXIF says it lies on its side: upright it is 200 x 300.

    Each test has its own: the server names uploads by content, and an app that closes late deletes what it was sent.
    """
    rng = np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))
    image = Image.fromarray(np.kron(rng.integers(60, 200, (10, 15, 3)), np.ones((20, 20, 1))).astype(np.uint8))
    exif = Image.Exif()
    exif[274] = 6
    path = tmp_path / "my ad (1).jpg"
    image.save(path, exif=exif, quality=95)
    return path


# what follows is for the page in a real browser; imported in place, since most tests need neither browser nor page


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from tests.apps.browser import CHROMIUM, playwright_api

    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served() -> Iterator[Any]:
    """The page, served with a studio without models."""
    from tests.apps.test_launch import Served, gradio

    served = Served(FakeStudio())
    yield served
    gradio.close_all()


@pytest.fixture
def studio(served: Any) -> FakeStudio:
    """The studio behind the page, as quick as can be and with nothing asked of it yet."""
    served.studio.round_s, served.studio.rounds_done, served.studio.status = 0.01, 0, "edited"
    served.studio.stay_after, served.studio.is_untested = None, False
    served.studio.asked.clear()
    studio: FakeStudio = served.studio
    return studio


@pytest.fixture
def visit(browser: Any, served: Any, studio: FakeStudio) -> Iterator[Any]:
    """A browser window on that page."""
    from tests.apps.browser import Visit

    visit = Visit(browser, served.url)
    yield visit
    visit.context.close()
