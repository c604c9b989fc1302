"""Every string of the page as a stranger reads it: no flag of a command line, no word of the workshop, no false alarm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adcreative.features.picture_fields import NO_HEADLINE
from adcreative.problem import Problem
from apps.studio.handlers.account import Accounts
from apps.studio.handlers.one_ad import Handlers
from apps.studio.html.fragments import read_fields
from apps.studio.html.plain import plain, unwritten_language
from apps.studio.launch import EXPOSED
from tests.apps.fakes import FakeStudio

pytest.importorskip("gradio")

TEMPLATES = Path(__file__).parents[2] / "apps" / "studio" / "html" / "templates"
WORKSHOP = ("genome", "logit", "log-odds", "Have others written", "Do ads tire", "Control: rebuilt", "consent_id")
GOOGLE = "Ad report\n1 November 2026 - 9 November 2026\nAd status\tHeadline 1\tHeadline 2\tImpr.\tClicks\tCTR\tCost\n"
GOOGLE += "Enabled\tRun far\tGrip holds\t1,234\t56\t4.54%\t9.99\n"


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name in ("label", "info", "value", "placeholder", "choices", "title"):
            yield from texts(value.get(name))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts(one)


@pytest.fixture(scope="module")
def strings() -> list[str]:
    from apps.studio.app import build_app

    page = build_app(FakeStudio(), notice=EXPOSED)
    shown = [text for part in page.get_config_file()["components"] for text in texts(part.get("props", {}))]
    return [*shown, *(re.sub(r"{[%#{].*?[%#}]}|<[^>]*>", " ", path.read_text()) for path in TEMPLATES.glob("*.j2"))]


def test_no_flag_of_the_command_line_is_named(strings: list[str]) -> None:
    assert any(TEMPLATES.glob("*.j2"))
    assert len(strings) > 80
    assert [text for text in strings if re.search(r"(?:^|[\s(])--[a-z]", text)] == []


@pytest.mark.parametrize("word", WORKSHOP)
def test_no_word_of_the_workshop_is_shown(strings: list[str], word: str) -> None:
    assert [text[:80] for text in strings if word in text] == []


def test_an_export_without_a_column_of_names_that_is_known_raises_no_alarm(tmp_path: Path) -> None:
    path = tmp_path / "google.csv"
    path.write_text(GOOGLE, encoding="utf-16")
    shown, view = Accounts(handlers=Handlers(studio=FakeStudio(), result_dir=tmp_path / "results")).columns(str(path))
    assert view is not None
    assert view.is_known
    assert "not known" not in shown
    assert "The columns are known" in shown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "give its usual click rate (--baseline-ctr 0.012), or learn from results first (adcreative train)",
            "give its usual click rate, or train on your results (“Your account”)",
        ),
        ("a chat server that knows it (--llm http://...)", "a chat server that knows it"),
        (
            'consent record "c" was named, but no consent file was given (--consent FILE)',
            'consent record "c" was named, but no consent file was given',
        ),
        (
            "the level is unknown until results are imported (adcreative train) or --base-rate states it.",
            "the level is unknown until results are imported (“Train on my results” in “Your account”).",
        ),
        ("Well-known -- and short-lived (a - b)", "Well-known -- and short-lived (a - b)"),
    ],
)
def test_sentences_of_the_pipeline_lose_their_flags(said: str, shown: str) -> None:
    assert plain(said) == shown


def test_a_headline_that_was_not_read_for_sure_is_taken_with_a_button() -> None:
    shown = read_fields((), NO_HEADLINE.format(guess=', perhaps "Iftar <95>"'), "Iftar <95>")
    assert 'data-guess="Iftar &lt;95&gt;"' in shown
    assert "type it." in shown
    assert "--words" not in shown
    assert "folder" not in shown
    assert "data-guess" not in read_fields(("headline",))


def test_the_language_that_cannot_be_written_is_named() -> None:
    told = {"problems": [Problem("none_surely_better", count=9).as_dict(), Problem("ad_language", language="German").as_dict()]}
    assert unwritten_language(told) == "German"
    assert unwritten_language({"problems": told["problems"][:1]}) == ""
