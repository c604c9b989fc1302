"""Answers that come late, twice, or not at all, in a real browser: each is shown for its own picture, or asked again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.apps.browser import Visit, expect, needs_browser

pytestmark = [needs_browser, pytest.mark.slow]


# whatever the server says in its one stream of answers arrives late, so that its end crosses the next question
LATE_STREAM = """(() => {
  const ask = window.fetch;
  window.fetch = async (...question) => {
    const answer = await ask(...question);
    if (!String(question[0]?.url ?? question[0]).includes('/queue/data')) return answer;
    const late = new TransformStream({async transform(chunk, stream) {
      await new Promise((done) => setTimeout(done, 900));
      stream.enqueue(chunk);
    }});
    return new Response(answer.body.pipeThrough(late), {status: answer.status, headers: answer.headers});
  };
})()"""
ASKED = "May the faces in this picture be changed?"


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, Path]:
    """A picture whose answers are late, one that says something, and one that says nothing; each of its own size."""
    paths = {}
    for name, size in (("late", (210, 300)), ("words", (220, 300)), ("plain", (230, 300))):
        paths[name] = tmp_path / f"{name}.png"
        Image.linear_gradient("L").convert("RGB").resize(size).save(paths[name])
    return paths


def choose(visit: Visit, path: Path) -> None:
    visit.page.locator("#picture input[type=file]").set_input_files(path)


@pytest.mark.parametrize("attempt", range(2))
def test_no_answer_is_lost_when_the_stream_ends_as_a_question_is_asked(
    visit: Visit, pictures: dict[str, Path], attempt: int
) -> None:
    page = visit.page
    page.add_init_script(LATE_STREAM)
    page.goto(visit.url)
    page.get_by_role("tab", name="Your ad").click()
    page.get_by_role("button", name="Score it").wait_for()
    page.wait_for_timeout(3_000)  # what a page asks when it opens has its answers by then
    visit.bring(pictures["plain"])
    expect(page.get_by_text(ASKED)).to_be_visible()
    expect(page.locator("#ad-bar")).to_contain_text("Coats for rain")
    page.get_by_role("button", name="Score it").click()
    expect(page.locator("#score")).to_contain_text("Can’t be told from a usual ad")


def test_what_is_said_of_a_picture_that_was_replaced_is_not_shown(visit: Visit, pictures: dict[str, Path]) -> None:
    page = visit.page
    page.evaluate("""() => {
      window.notes = []; const note = document.querySelector('#picture-note');
      new MutationObserver(() => window.notes.push(note.innerText)).observe(note, {childList: true, subtree: true});
    }""")
    choose(visit, pictures["late"])
    expect(page.locator("#picture img")).to_be_visible()
    page.get_by_label("Remove Image").click()
    choose(visit, pictures["plain"])
    expect(page.locator("#picture-note")).to_contain_text("230 × 300 px, ready")
    page.get_by_label("nobody real is shown").check()
    page.wait_for_timeout(4_000)
    assert not any("210" in note for note in page.evaluate("window.notes"))
    expect(page.get_by_label("nobody real is shown")).to_be_checked()


def test_a_question_about_faces_that_failed_is_asked_with_the_next_button(visit: Visit, pictures: dict[str, Path]) -> None:
    page, lost = visit.page, []

    def lose_once(route: Any) -> None:
        asked = json.loads(route.request.post_data or "{}").get("data", [])
        if not lost and len(asked) == 3 and isinstance(asked[0], dict) and asked[1] == "":
            lost.append(asked)
            route.fulfill(status=500, json={"error": "busy"})
        else:
            route.continue_()

    page.route("**/run/predict*", lose_once)
    choose(visit, pictures["plain"])
    page.get_by_label("Headline", exact=True).fill("Coats for rain")
    expect(page.locator("#improve-box")).to_be_visible()
    assert len(lost) == 1
    assert not page.get_by_text(ASKED).is_visible()
    page.get_by_role("button", name="Score it").click()
    expect(page.get_by_text(ASKED)).to_be_visible()
    expect(page.locator("#picture-note")).to_contain_text("230 × 300 px, ready")


def test_words_that_were_read_go_with_their_picture(visit: Visit, pictures: dict[str, Path]) -> None:
    headline = visit.page.get_by_label("Headline", exact=True)
    choose(visit, pictures["words"])
    expect(headline).to_have_value("Read me first")
    visit.page.get_by_label("Remove Image").click()
    choose(visit, pictures["plain"])
    expect(headline).to_have_value("")
    headline.fill("My own words")
    visit.page.get_by_label("Remove Image").click()
    choose(visit, pictures["words"])
    expect(visit.page.locator("#picture-note")).to_contain_text("220 × 300 px, ready")
    visit.page.wait_for_timeout(1_000)
    expect(headline).to_have_value("My own words")
