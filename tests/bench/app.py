"""python -m tests.bench.app: fifty people press Improve at once; who waits how long, and what it costs in memory.

The app runs in a process of its own over a studio without models, whose searches take a known time: what is measured is the
line, not the search. Each person brings a picture and a headline of their own and reads the page until their result is there.
Several waves of the same people show whether the server's memory grows. (That nobody overtakes is a test:
tests/apps/test_fifty_people.py.)
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
window.acFirst = window.acSeen('#score-button');
"""
NUM_PEOPLE, NUM_WAVES, ROUND_S = 50, 3, 0.05  # a search has four rounds
START_S = 60.0
_PLACE = re.compile(r"(\d+) ads? before yours")


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What one person saw: when they pressed and when their result was there (seconds), the places in the line that the page
    told them, and the record of their result."""

    name: str
    pressed_s: float
    answered_s: float
    places: tuple[int, ...]
    record: dict[str, Any]

    @property
    def waited_s(self) -> float:
        return self.answered_s - self.pressed_s

    @property
    def is_own(self) -> bool:
        """Return whether the answer is about what this person brought."""
        return self.record.get("headline_original") == self.name


@contextmanager
def serve(round_s: float, *, is_real: bool = False) -> Iterator[tuple[str, int]]:
    """Serve the app in a process of its own; yield its address and the id of the process.

    is_real: over the shipped models, loaded when the first question is answered.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    studio = "adcreative.pipeline import Studio" if is_real else "tests.apps.fakes import FakeStudio as Studio"
    given = "" if is_real else "round_s=float(sys.argv[1])"
    code = f"import sys; from apps.studio.launch import launch; from {studio}; launch(Studio({given}), port=int(sys.argv[2]))"
    server = subprocess.Popen([sys.executable, "-c", code, str(round_s), str(port)], stdout=subprocess.DEVNULL)
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


def crowd(clients: Sequence[Any], pictures: Sequence[Path]) -> list[Visit]:
    """Let all press Improve at once, and wait until each has an answer; in the order in which they pressed."""
    from gradio_client import handle_file

    pressed = []
    for number, (client, path) in enumerate(zip(clients, pictures, strict=True)):
        name = f"Headline of person {number}"
        job = client.submit(
            image_path=handle_file(path),
            headline=name,
            effort="quick",
            faces="synthetic",
            visitor=f"{number:032x}",
            api_name="/improve",
        )
        pressed.append((name, time.monotonic(), job))
    answered: dict[str, float] = {}

    def wait(name: str, job: Any) -> None:
        job.result()
        answered[name] = time.monotonic()

    threads = [threading.Thread(target=wait, args=(name, job)) for name, _, job in pressed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [
        Visit(
            name=name, pressed_s=at_s, answered_s=answered[name], places=_places(job.outputs()), record=job.outputs()[-1][-1]
        )
        for name, at_s, job in pressed
        if name in answered
    ]  # fmt: skip


def _places(outputs: Sequence[Sequence[Any]]) -> tuple[int, ...]:
    """Return how many were before this person, each time that the page said so."""
    found = [_PLACE.search(str(shown[0])) for shown in outputs]
    return tuple(int(match[1]) for match in found if match)


def app_figures(num_people: int = NUM_PEOPLE, num_waves: int = NUM_WAVES, round_s: float = ROUND_S) -> dict[str, Any]:
    """Return waiting times (of the last wave) and memory (before, and after each wave) of waves of people who come at once."""
    with serve(round_s) as (url, pid), tempfile.TemporaryDirectory() as folder:
        pictures = draw_pictures(Path(folder), num_people)
        clients = meet(url, num_people)
        alone = crowd(clients[:1], pictures[:1])[0].waited_s
        waves, memory = [], [resident_mib(pid)]
        for _ in range(num_waves):
            waves.append(crowd(clients, pictures))
            memory.append(resident_mib(pid))
    everyone = [visit for wave in waves for visit in wave]
    waited = sorted(visit.waited_s for visit in waves[-1])
    return {
        "app_people": num_people, "app_answered": len(everyone), "app_own_answers": sum(v.is_own for v in everyone),
        "app_told_their_place": sum(bool(v.places) for v in everyone), "app_search_s": 4 * round_s,
        "app_alone_s": round(alone, 2), "app_first_s": round(waited[0], 2),
        "app_median_s": round(statistics.median(waited), 2), "app_last_s": round(waited[-1], 2),
        "app_memory_mib": [round(mib) for mib in memory],
    }  # fmt: skip


def score_figures(num_people: int = NUM_PEOPLE, *, is_tiny: bool = False) -> dict[str, Any]:
    """Return waiting times and memory of people who ask for a score of an ad of their own at once, with the shipped models.

    Args:
        is_tiny: over a studio without models.
    """
    with serve(0.0, is_real=not is_tiny) as (url, pid), tempfile.TemporaryDirectory() as folder:
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
        "scores_people": num_people, "scores_answered": sum("ctr" in answer for answer in answers),
        "scores_different": len({answer.get("ctr") for answer in answers}), "scores_first_s": round(waited[0], 2),
        "scores_median_s": round(statistics.median(waited), 2), "scores_last_s": round(waited[-1], 2),
        "scores_memory_mib": [round(mib) for mib in memory],
    }  # fmt: skip


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
            upload = page.locator("#picture input[type=file]")
            path = picture or draw_pictures(Path(folder), 1)[0]
            until("app_picture_s", "#picture-note .ac-note", lambda: upload.set_input_files(path))
            headline = page.get_by_label("Headline", exact=True)
            headline.fill("Coats for rain")
            until("app_first_score_s", "#score .ac-score", press("Score it"))
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


def call_figures(picture: Path | None = None, *, is_ready: bool = False, is_tiny: bool = False) -> dict[str, float]:
    """Return processor seconds of what the page asks for, without a page: a picture, two scores, a heat map, a quick search.

    Models are loaded and templates compiled before, as the app does when it starts.

    Args:
        picture: as for `page_figures`. is_ready: what a search needs of the words in the picture is worked out before it, as
            the app does while a score is read; what that takes is told apart. is_tiny: as there.
    """
    from adcreative.pipeline import Studio
    from apps.studio.handlers.one_ad import Handlers
    from apps.studio.handlers.why import Why
    from apps.studio.launch import compile_all
    from apps.studio.sessions.wishes import FORM_FIELDS, Wish, build_creative
    from tests.apps.fakes import FakeStudio

    studio: Any = FakeStudio() if is_tiny else Studio()
    figures: dict[str, float] = {}

    def measure(name: str, call: Any) -> Any:
        begun_s = time.process_time()
        found = call()
        figures[name] = round(time.process_time() - begun_s, 2)
        return found

    with tempfile.TemporaryDirectory() as folder:
        if not is_tiny:
            studio.load()
            compile_all()
            studio.keep_features_in(Path(folder) / "features")
        path = str(picture or draw_pictures(Path(folder), 1)[0])
        handlers = Handlers(studio=studio, result_dir=Path(folder) / "results")
        measure("calls_picture_s", lambda: handlers.inspect(path, "me"))
        read = measure("calls_words_s", lambda: handlers.read_words("me", {"image_path": path}))[1]
        form = {**{name: read.get(name, "") for name in FORM_FIELDS}, "image_path": path, "headline": "Coats for rain"}
        measure("calls_first_score_s", lambda: handlers.score("me", **form))
        form["headline"] = "Coats for every rain"
        measure("calls_score_s", lambda: handlers.score("me", **form))
        measure("calls_heat_map_s", lambda: list(Why(handlers=handlers).explain("me", form)))
        if is_ready and not is_tiny:
            measure("calls_ready_s", lambda: studio.prepare_one(build_creative(form), lambda: False))
        wish = Wish(effort="quick", faces="leave")
        measure("calls_quick_search_s", lambda: list(handlers.improve("me", form, wish)))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=NUM_PEOPLE)
    parser.add_argument("--waves", type=int, default=NUM_WAVES)
    parser.add_argument("--round-s", type=float, default=ROUND_S, help="seconds of one round of a search")
    parser.add_argument("--page", action="store_true", help="times of the page in Chromium instead, with the shipped models")
    parser.add_argument("--picture", type=Path, help="picture of the ad that the page is timed with")
    parser.add_argument("--calls", action="store_true", help="processor seconds of the same without a page instead")
    parser.add_argument("--ready", action="store_true", help="with what a search needs worked out before it, for --calls")
    parser.add_argument("--read-s", type=float, default=0.0, help="seconds for which the page's score is read before “Why?”")
    parser.add_argument("--scores", action="store_true", help="a score each at once instead, with the shipped models")
    parser.add_argument("--tiny", action="store_true", help="without models, three people, one wave")
    arguments = parser.parse_args()
    if arguments.page:
        print(json.dumps(page_figures(arguments.picture, read_s=arguments.read_s, is_tiny=arguments.tiny), indent=1))
        return
    if arguments.calls:
        print(json.dumps(call_figures(arguments.picture, is_ready=arguments.ready, is_tiny=arguments.tiny), indent=1))
        return
    if arguments.tiny:
        arguments.people, arguments.waves = 3, 1
    if arguments.scores:
        print(json.dumps(score_figures(arguments.people, is_tiny=arguments.tiny), indent=1))
        return
    print(json.dumps(app_figures(arguments.people, arguments.waves, arguments.round_s), indent=1))


if __name__ == "__main__":
    main()
