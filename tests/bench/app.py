"""What waiting for the app takes: fifty people who ask for a score at once, and one person's page, place by place.

    python -m tests.bench.app --scores
    python -m tests.bench.app --page --picture AD.png

The app runs in a process of its own; each person brings a picture and a headline of their own. (That nobody overtakes is a
test: tests/apps/test_fifty_people.py.)
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20 if hasattr(os, "sysconf") else 4 / 1024
# When a place of the page is first seen in a frame, and when a person last pressed or chose a file, both in ms since the page
# began: by the page's own clock, since who asks it from outside looks every half second only
WATCH = """
addEventListener('click', (event) => { window.acPressed = event.timeStamp; }, true);
addEventListener('change', (event) => { if (event.target.type === 'file') window.acPressed = event.timeStamp; }, true);
window.acSeen = (place) => new Promise((resolve) => {
  const look = () => {
    const shown = [...document.querySelectorAll(place)].some((one) =>
      one.getClientRects().length && (one.tagName !== 'IMG' || (one.complete && one.naturalWidth)));
    requestAnimationFrame(shown ? resolve : look);
  };
  look();
});
window.acFirst = window.acSeen('#make-brand');
"""
NUM_PEOPLE = 50
START_S = 60.0


@contextmanager
def serve(*, is_real: bool) -> Iterator[tuple[str, int]]:
    """Serve the app in a process of its own; yield its address and the id of the process.

    is_real: over the shipped models, loaded when the first question is answered; else over a studio without models.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    studio = "adcreative.pipeline import Studio" if is_real else "tests.apps.fakes import FakeStudio as Studio"
    code = f"import sys; from apps.studio.launch import launch; from {studio}; launch(Studio(), port=int(sys.argv[1]))"
    server = subprocess.Popen([sys.executable, "-c", code, str(port)], stdout=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_for(port: int) -> None:
    """Wait until the app answers."""
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"the app did not answer within {START_S:.0f} s")


def resident_mib(pid: int) -> float:
    """Return the resident set of a process (Linux)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_MIB


def meet(url: str, num_people: int) -> list[Any]:
    """Open the app once for each person."""
    from gradio_client import Client

    return [Client(url, verbose=False, httpx_kwargs={"timeout": 600}) for _ in range(num_people)]


def draw_pictures(folder: Path, num: int, side_px: int = 640) -> list[Path]:
    """Write a picture for each person."""
    import numpy as np
    from PIL import Image

    paths, rng = [], np.random.default_rng(0)
    for number in range(num):
        small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        paths.append(folder / f"ad-{number}.jpg")
        small.resize((side_px, side_px), Image.Resampling.BICUBIC).save(paths[-1])
    return paths


def score_figures(num_people: int = NUM_PEOPLE, *, is_tiny: bool = False) -> dict[str, Any]:
    """Return waiting times and memory of people who ask for a score of an ad of their own at once, with the shipped models.

    Args:
        is_tiny: over a studio without models.
    """
    with serve(is_real=not is_tiny) as (url, pid), tempfile.TemporaryDirectory() as folder:
        pictures = draw_pictures(Path(folder), num_people + 1)
        clients = meet(url, num_people)
        _ask_score(clients[0], pictures[-1], num_people)  # the models are loaded with this one
        memory = [resident_mib(pid)]
        begun_s, waited = time.monotonic(), [0.0] * num_people
        answers: list[dict[str, Any]] = [{}] * num_people

        def ask(number: int) -> None:
            answers[number] = _ask_score(clients[number], pictures[number], number)
            waited[number] = time.monotonic() - begun_s

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(num_people)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        memory.append(resident_mib(pid))
    waited.sort()
    return {
        "scores_people": num_people,
        "scores_answered": sum("ctr" in answer for answer in answers),
        "scores_different": len({answer.get("ctr") for answer in answers}),
        "scores_first_s": round(waited[0], 2),
        "scores_median_s": round(statistics.median(waited), 2),
        "scores_last_s": round(waited[-1], 2),
        "scores_memory_mib": [round(mib) for mib in memory],
    }


def _ask_score(client: Any, picture: Path, number: int) -> dict[str, Any]:
    from gradio_client import handle_file

    asked = {"image_path": handle_file(picture), "headline": f"Headline of person {number}", "visitor": f"{number:032x}"}
    record: dict[str, Any] = client.predict(**asked, api_name="/score")[-1]
    return record


def page_figures(picture: Path | None = None, *, read_s: float = 0.0, is_tiny: bool = False) -> dict[str, float]:
    """Return seconds, as a browser sees them: start of the app, first paint, first and second score, heat map, search.

    Each from the press to the first frame that shows the answer.

    Args:
        picture: of the ad; a drawn one when None. read_s: for how long a score is read before the next button is pressed.
        is_tiny: over a studio without models.
    """
    from playwright.sync_api import sync_playwright

    studio = "FakeStudio()" if is_tiny else "Studio()"
    source = "tests.apps.fakes import FakeStudio" if is_tiny else "adcreative.pipeline import Studio"
    code = f"import sys; from apps.studio.launch import launch; from {source}; launch({studio}, port=int(sys.argv[1]))"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begun_s, figures = time.monotonic(), {}
    server = subprocess.Popen([sys.executable, "-c", code, str(port)], stdout=subprocess.DEVNULL)
    try:
        with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
            wait_for(port)
            figures["app_start_s"] = time.monotonic() - begun_s
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page()
            page.set_default_timeout(300_000)
            page.add_init_script(WATCH)

            def until(name: str, place: str, act: Any) -> None:
                page.evaluate("(place) => { window.acSeenAt = window.acSeen(place); }", place)
                act()
                figures[name] = page.evaluate("async () => await window.acSeenAt - window.acPressed") / 1000

            def press(button: str) -> Any:
                return lambda: page.get_by_role("button", name=button).click()

            page.goto(f"http://127.0.0.1:{port}")
            figures["app_first_paint_s"] = page.evaluate("() => window.acFirst") / 1000
            page.get_by_role("tab", name="Your ad").click()
            upload = page.locator("#picture input[type=file]")
            path = picture or draw_pictures(Path(folder), 1)[0]
            page.evaluate("() => { window.acScored = window.acSeen('#score .ac-score'); }")
            until("app_picture_s", "#picture-note .ac-note", lambda: upload.set_input_files(path))
            # a picture that is brought is scored at once
            figures["app_first_score_s"] = page.evaluate("async () => await window.acScored - window.acPressed") / 1000
            headline = page.get_by_label("Headline", exact=True)
            headline.fill("Coats for every rain")
            page.locator("#score .ac-placeholder").wait_for()
            until("app_score_s", "#score .ac-score", press("Score it"))
            page.wait_for_timeout(1000 * read_s)
            until("app_heat_map_s", "#why img", press("Why?"))
            if page.locator("#faces").is_visible():
                page.get_by_label("they must stay as they are").check()
            page.get_by_label("Quick look").check()
            until("app_quick_search_s", "#result .ac-result", press("Improve it"))
            browser.close()
    finally:
        server.terminate()
        server.wait(timeout=30)
    return {name: round(seconds, 2) for name, seconds in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=NUM_PEOPLE)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--page", action="store_true", help="times of the page in Chromium, with the shipped models")
    what.add_argument("--scores", action="store_true", help="a score each at once, with the shipped models")
    parser.add_argument("--picture", type=Path, help="picture of the ad that the page is timed with")
    parser.add_argument("--read-s", type=float, default=0.0, help="seconds for which the page's score is read before “Why?”")
    parser.add_argument("--tiny", action="store_true", help="without models, three people")
    arguments = parser.parse_args()
    if arguments.page:
        found: dict[str, Any] = page_figures(arguments.picture, read_s=arguments.read_s, is_tiny=arguments.tiny)
    else:
        found = score_figures(3 if arguments.tiny else arguments.people, is_tiny=arguments.tiny)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
