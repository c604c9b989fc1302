"""Step 4 (words) and the explanation beside the score, without a browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adcreative.problem import Problem
from adcreative.provenance.signing import SigningConfig
from apps.studio.handlers.one_ad import Handlers
from apps.studio.handlers.why import Why
from apps.studio.handlers.words import Words
from apps.studio.sessions.search_requests import SearchRequest
from tests.apps.fakes import FakeStudio

SEARCH_REQUEST = SearchRequest(
    effort="quick", faces="synthetic", directions=("smile",), brief="Free  returns.", avoid="cheap, best ,"
)


@pytest.fixture
def words(tmp_path: Path, image_path: Path) -> Words:
    studio = FakeStudio()
    handlers = Handlers(studio=studio, result_dir=tmp_path / "results", cards=studio.cards)
    list(handlers.improve("me", {"image_path": str(image_path), "headline": "Coats", "brand": "Lund"}, SEARCH_REQUEST))
    return Words(handlers=handlers)


def test_the_brief_and_the_words_to_avoid_reach_the_search(words: Words) -> None:
    (asked,) = words.handlers.studio.asked  # type: ignore[attr-defined]
    assert (asked["brief"], asked["avoid"]) == ("Free returns.", ("cheap", "best"))


def test_facts_of_the_brief_may_be_claimed_and_avoided_words_may_not(words: Words) -> None:
    claims = " ".join(words.check("me", "Coats with free returns", "")[1]["headline"])
    assert "free" not in claims
    assert any("cheap" in problem for problem in words.check("me", "Coats for cheap days out", "")[1]["headline"])


def test_a_claim_that_nothing_backs_is_told_in_words_of_the_page(words: Words) -> None:
    shown, record = words.check("me", "The best coats", "")
    said = "which neither your ad nor your notes say"  # as "What should the new words say? Your notes" calls them
    assert said in shown
    assert any(said in problem for problem in record["headline"])


def test_lines_come_one_after_another(words: Words) -> None:
    counts = [len(lines) for _, lines, _ in words.write("me", "headline", 0)]
    assert counts == [0, 1, 2, 3, 3]
    assert words.handlers.studio.asked[-1]["brief"] == "Free  returns."  # type: ignore[attr-defined]
    assert "no description" in next(words.write("me", "description", 0))[0]
    assert "kind must be" in next(words.write("me", "poem", 0))[0]
    assert "no new version yet" in next(words.write("you", "headline", 0))[0]


def test_where_nothing_can_be_written_that_is_said(words: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words.handlers.studio, "write_lines", lambda *args, **asked: iter(()))
    assert "No further line is good enough" in list(words.write("me", "headline", 0))[-1][0]
    words.handlers.find_screen("me").record["problems"] = [Problem("ad_language", language="German").as_dict()]  # type: ignore[union-attr]
    words.handlers.choose("me", "Version 2")  # whose reason tells of another thing
    assert "New lines in German need a writer" in list(words.write("me", "headline", 0))[-1][0]


def test_own_words_are_scored_again_and_must_be_approved_anew(words: Words) -> None:
    before = words.handlers.find_run("me")[0]
    shown, screen = words.use("me", "Coats for wet days", "")
    assert "on the ad now: +14% (+3.0% to +25%)" in shown
    assert screen is not None
    assert screen.record["headline_edited"] == "Coats for wet days"
    assert words.handlers.find_run("me")[0] != before  # another folder, that nobody approved
    shown, screen = words.use("me", "worse", "")
    assert "on the ad now: −2.0% (−8.0% to +4.0%)" in shown  # warned of, and theirs to use
    assert screen is not None
    assert "no gain is expected. If you know better" in screen.result
    assert words.handlers.find_screen("me").record["headline_edited"] == "worse"  # type: ignore[union-attr]


def test_signing_reaches_the_pictures(words: Words, image_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(
        "adcreative.runs.folder.export_picture",
        lambda path, image_u8, **options: seen.append(options["signing"]) or path.parent.mkdir(exist_ok=True),
    )
    config = object.__new__(SigningConfig)
    words.handlers.studio.signing = config  # type: ignore[attr-defined]
    screens = list(words.handlers.improve("you", {"image_path": str(image_path), "headline": "Coats"}, SEARCH_REQUEST))
    assert screens
    assert len(seen) == 2  # the original and the edited picture
    assert all(one is config for one in seen)


def test_the_explanation_is_streamed_and_its_faults_are_said(words: Words, image_path: Path) -> None:
    why = Why(handlers=words.handlers, apart_s=0.0)
    *progress, (shown, path, record) = why.explain("me", {"image_path": str(image_path), "headline": "<b>Coats"})
    assert any("Covering regions" in text for text, *_ in progress)
    assert "data:image" in shown
    assert "&lt;b&gt;Coats" in shown
    assert path is not None
    assert path.name == "explanation.html"
    assert record["parts"]
    assert "words +12%" not in shown  # the score says it, and one thing is said once
    assert "nothing to look at" in next(why.explain("me", {}))[0]
    broken = replace(words.handlers, studio=object())
    assert "broke on our side" in list(Why(handlers=broken).explain("me", {"headline": "a"}))[-1][0]
