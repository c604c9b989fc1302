"""The account page says who won the test of a pack that comes back, and what was worth more clicks in an account's words."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from adcreative.errors import AdCreativeError
from apps.studio.handlers.one_ad import Handlers
from apps.studio.handlers.packing import PACKAGE
from apps.studio.handlers.steps import Steps
from apps.studio.handlers.winners import Winners
from apps.studio.html import insights
from tests.apps.fakes import FakeStudio
from tests.apps.test_steps import SEARCH_REQUEST, ask_account, find_run, shown_of


@pytest.fixture
def steps(tmp_path: Path, image_path: Path) -> Steps:
    """Those of "me", who has packed an approved version whose test was planned."""
    studio = FakeStudio()
    handlers = Handlers(studio=studio, result_dir=tmp_path / "results", cards=studio.cards)
    list(handlers.improve("me", {"image_path": str(image_path), "headline": "Coats", "brand": "Lund"}, SEARCH_REQUEST))
    steps = Steps(handlers=handlers)
    steps.approve("me", "Anna", ["eu"], True, shown_of(steps, "me"))
    return steps


def write_results(path: Path, plan: dict[str, Any], clicks: tuple[int, int]) -> Path:
    names = [arm["name"] for arm in sorted(plan["tests"][0]["arms"], key=lambda arm: arm["arm"] != "control")]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Ad name", "Impressions", "Link clicks"])
        writer.writerows([name, 40_000, number] for name, number in zip(names, clicks, strict=True))
    return path


@pytest.mark.parametrize(
    ("clicks", "said"),
    [((400, 900), "The new version wins"), ((900, 400), "The original is better"), ((400, 405), "Not decided yet: go on")],
)
def test_the_test_of_a_pack_is_read_out(steps: Steps, tmp_path: Path, clicks: tuple[int, int], said: str) -> None:
    _, plan = steps.plan("me", "autumn", 20_000, None)
    steps.pack("me", "autumn", "", "")
    results = write_results(tmp_path / "results.csv", plan, clicks)
    shown, record = ask_account(steps, "me", str(results), str(find_run(steps) / PACKAGE))
    assert said in shown
    assert shown.index("Your test") < shown.index("Ads by click rate")
    assert len(record["tests"]) == 1


def test_without_a_plan_there_is_no_test_and_the_ads_are_ranked(steps: Steps, tmp_path: Path) -> None:
    _, plan = steps.plan("me", "autumn", 20_000, None)
    results = write_results(tmp_path / "results.csv", plan, (400, 900))
    shown, record = ask_account(steps, "you", str(results), None)
    assert "Your test" not in shown
    assert "Ads by click rate" in shown
    assert record["tests"] == []


def test_what_works_here_names_its_evidence_and_what_is_unsure() -> None:
    sure = {"feature": "number", "label": "a number", "effect": 0.2, "low": 0.1, "high": 0.3, "ads": 340}
    unsure = {"feature": "word free", "label": "“free”", "effect": 0.1, "low": -0.1, "high": 0.3, "ads": 12}
    shown = insights.works([sure, unsure])
    assert "1 of 2 features of headlines stand out here" in shown
    assert "+22% (+11% to +35%), 340 ads" in shown
    assert shown.count("ac-thin") == 1
    assert "None of 1 features" in insights.works([unsure])


def test_what_the_results_cannot_tell_is_said_plainly() -> None:
    shown = insights.works([])
    for said in (
        "Words: too few",
        "Looks: no evidence, since no picture",
        "Faces: no evidence, since no",
        "Formats: no evidence. Ex",
    ):
        assert said in shown
    assert "no evidence from 7 different pictures; at least 10" in insights.works([], num_pictures=7)
    face = {"kind": "face", "label": "a face", "effect": 0.2, "low": 0.1, "high": 0.3, "ads": 34}
    shown = insights.works([], [face], num_pictures=60)
    assert "1 of 1 faces that were compared stand out here" in shown
    assert "+22% (+11% to +35%), 34 ads" in shown
    assert "Faces: no evidence" not in shown
    assert "Looks: no evidence, since these pictures are too much alike" in shown


def test_a_winner_becomes_the_next_ad_with_the_picture_and_words_of_its_pack(
    steps: Steps, tmp_path: Path, image_path: Path
) -> None:
    _, plan = steps.plan("me", "autumn", 20_000, None)
    steps.pack("me", "autumn", "", "")
    package = find_run(steps) / PACKAGE
    for clicks, has_button in (((400, 900), True), ((900, 400), False)):
        shown, _ = ask_account(steps, "me", str(write_results(tmp_path / "results.csv", plan, clicks)), str(package))
        assert ("Make it my next ad" in shown) == has_button
    edited = find_run(steps) / "images" / "my-ad-1.edited.png"
    form = Winners(handlers=steps.handlers).take("me", str(package))
    assert (form["headline"], form["brand"]) == ("Coats today", "Lund")
    assert Path(str(form["image_path"])).read_bytes() == edited.read_bytes() != image_path.read_bytes()
    assert Path(str(form["image_path"])).is_relative_to(steps.handlers.belongings.lent_dir("me"))
    for broken in (None, str(image_path)):
        with pytest.raises(AdCreativeError, match="Choose the pack of the version that won"):
            Winners(handlers=steps.handlers).take("me", broken)
