"""Pictures of every screen of the app, to be looked at: desktop, phone and dark.

python -m tests.bench.screens OUT            # with the shipped models
python -m tests.bench.screens OUT --tiny     # over a studio without models, in seconds
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.app import wait_for

LOOKS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
}
PAGES = ("make", "ads", "many", "account", "tests", "settings")
SETTLE_MS = 1500  # for pictures, and for what fades in


def draw(url: str, out: Path) -> None:
    """Write a picture of each screen, in each look."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for look, options in LOOKS.items():
            page = browser.new_context(reduced_motion="reduce", **options).new_page()
            page.set_default_timeout(120_000)

            def take(name: str, *, is_whole: bool = False, look: str = look, page: Any = page) -> None:
                page.wait_for_timeout(SETTLE_MS)
                page.screenshot(path=out / f"{look}-{name}.png", full_page=is_whole)

            page.goto(f"{url}/ad")
            page.locator(".ac-sample-answer").wait_for()
            take("first")
            page.get_by_role("button", name="Try the sample coffee").click()
            page.locator("#score .ac-score").wait_for()
            take("scored", is_whole=True)
            if page.locator("#faces").is_visible():
                page.get_by_label("they must stay as they are").check()
            page.get_by_label("Quick look").check()
            page.get_by_role("button", name="Improve it").click()
            page.locator("#result .ac-result").wait_for()
            take("improved", is_whole=True)
            for name in PAGES:
                page.goto(f"{url}/{name}")
                take(name, is_whole=True)
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tiny", action="store_true", help="without models")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    source, made = ("tests.apps.fakes", "FakeStudio()") if arguments.tiny else ("adcreative.pipeline", "Studio()")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        imports = f"from pathlib import Path; from apps.studio.launch import launch; from {source} import {made[:-2]}"
        code = f"{imports}; launch({made}, port={port}, workspace=Path({folder!r}))"
        server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
        try:
            wait_for(port)
            draw(f"http://127.0.0.1:{port}", arguments.out)
        finally:
            server.terminate()
            server.wait(timeout=30)


if __name__ == "__main__":
    main()
