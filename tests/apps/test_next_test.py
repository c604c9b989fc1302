"""Packs of approved versions come back and are planned as one test; what nobody approved is refused."""

from __future__ import annotations

import json
import math
import shutil
import zipfile
from pathlib import Path

import pytest

from adcreative.report.words import rounded
from apps.studio.handlers.next_test import NextTest
from apps.studio.handlers.one_ad import Handlers
from apps.studio.handlers.packing import AUDIT, PACKAGE, TECHNICAL
from apps.studio.handlers.planned import TEST_PACK
from apps.studio.handlers.steps import Steps
from apps.studio.html import steps as steps_html
from tests.apps.fakes import FakeStudio
from tests.apps.test_steps import SEARCH_REQUEST, find_run, shown_of


def pack(tmp_path: Path, image_path: Path, headline: str) -> Path:
    """Return the pack of an approved version of an ad, as one person downloads it."""
    studio = FakeStudio()
    handlers = Handlers(studio=studio, result_dir=tmp_path / headline / "results", cards=studio.cards)
    list(handlers.improve("me", {"image_path": str(image_path), "headline": headline, "brand": "Lund"}, SEARCH_REQUEST))
    steps = Steps(handlers=handlers)
    steps.approve("me", "Anna", ["eu"], True, shown_of(steps, "me"))
    steps.pack("me", "autumn", "", "")
    return Path(shutil.copy(find_run(steps) / PACKAGE, tmp_path / f"{headline}.zip"))


@pytest.fixture
def next_test(tmp_path: Path) -> NextTest:
    return NextTest(handlers=Handlers(studio=FakeStudio(), result_dir=tmp_path / "results"))


def test_approved_versions_share_one_test_each_beside_its_original(
    next_test: NextTest, tmp_path: Path, image_path: Path
) -> None:
    coats, boots = pack(tmp_path, image_path, "Coats"), pack(tmp_path, image_path, "Boots")
    shown, files, plan = next_test.plan("you", [str(coats), str(boots)], "winter", 20_000, None)
    assert "2 approved versions, each beside its original" in shown
    assert "“Coats today”" in shown
    assert "“Boots today”" in shown
    assert len(plan["tests"]) == 2  # type: ignore[arg-type]
    names = [arm["name"] for test in plan["tests"] for arm in test["arms"]]  # type: ignore[attr-defined]
    assert len(set(names)) == 4
    assert all(name in shown for name in names)
    assert [path.name for path in files] == [TEST_PACK, "plan.csv"]
    assert len(files[1].read_text().splitlines()) > 2
    alone = next_test.plan("you", [str(coats)], "winter", 20_000, None)[2]
    assert plan["tests"][0]["days_peeking"] > alone["tests"][0]["days_peeking"]  # type: ignore[index]


def test_a_pack_that_comes_twice_is_planned_once(next_test: NextTest, tmp_path: Path, image_path: Path) -> None:
    coats = pack(tmp_path, image_path, "Coats")
    again = shutil.copy(coats, tmp_path / "again.zip")
    assert len(next_test.plan("you", [str(coats), str(again)], "winter", 20_000, None)[2]["tests"]) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("change", ["words", "no approval"])
def test_what_nobody_approved_as_it_is_now_is_refused(
    next_test: NextTest, tmp_path: Path, image_path: Path, change: str
) -> None:
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(pack(tmp_path, image_path, "Coats")) as before, zipfile.ZipFile(changed, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            if name == f"{TECHNICAL}/results.jsonl" and change == "words":
                content = json.dumps(json.loads(content) | {"headline_edited": "Free coats"}).encode()
            if name != f"{TECHNICAL}/{AUDIT}" or change == "words":
                after.writestr(name, content)
    shown, files, record = next_test.plan("you", [str(changed)], "winter", 20_000, None)
    assert "changed.zip holds a version that nobody approved" in shown
    assert files == []
    assert "error" in record


def test_what_is_missing_is_said(next_test: NextTest, tmp_path: Path, image_path: Path) -> None:
    assert "or choose their packs" in next_test.plan("you", [], "winter", 20_000, None)[0]
    (tmp_path / "no.zip").write_bytes(b"no zip")
    assert "not a package of this app" in next_test.plan("you", [str(tmp_path / "no.zip")], "winter", 20_000, None)[0]
    coats = pack(tmp_path, image_path, "Coats")
    assert "What is the campaign called?" in next_test.plan("you", [str(coats)], " ", 20_000, None)[0]
    assert "at most 20" in next_test.plan("you", [str(coats)] * 21, "winter", 20_000, None)[0]


@pytest.mark.parametrize(("codes", "said"), [([], "expected to be"), (["untested_sizes"], "of 10%")])
def test_a_plan_for_untested_versions_promises_no_gain(codes: list[str], said: str) -> None:
    test: dict[str, object] = {
        **dict.fromkeys(("uplift_low", "uplift_high", "days_low", "impressions_per_arm_low")),
        "baseline_ctr": 0.015,
        "expected_ctr": 0.0165,
        "impressions_per_arm": 1000,
        "impressions_per_arm_peeking": 2000,
        "days_peeking": 8,
        "expected_clicks": 30,
        "problems": [],
        "arms": [{"name": "a"}, {"name": "b"}],
        "shorter": None,
    }
    problems = [{"code": code, "values": {"change": 0.1}} for code in codes]
    settings = {"daily_impressions": 1000, "power": 0.8, "level": 0.05, "detect": 0.1}
    content = {"tests": [test], "settings": settings, "problems": problems, "num_in_time": 1}
    for shown in (steps_html.plan(content), steps_html.next_test(content, ["Coats"])):
        assert said in shown
        assert ("expected to be" in shown) == (not codes)


def test_a_long_plan_says_what_to_do_instead_with_numbers(next_test: NextTest, tmp_path: Path, image_path: Path) -> None:
    packs = [str(pack(tmp_path, image_path, headline)) for headline in ("Coats", "Boots")]
    shown, _, plan = next_test.plan("you", packs, "winter", 2_000, 1.2)
    assert ("too long" in shown, "is a long test" in shown) == (True, False)
    ways = max(plan["tests"], key=lambda test: test["days_peeking"])["shorter"]  # type: ignore[attr-defined, call-overload]
    assert f"{rounded(ways['daily_impressions'])} impressions a day" in shown
    assert f"a gain of {math.ceil(100 * ways['uplift'])}% or more" in shown
    assert f"{ways['frequency']:.1f} times as often" in shown
    assert "Test fewer versions" not in shown  # not even one of them ends in time
    shown, _, plan = next_test.plan("you", packs, "winter", 1.6 * ways["daily_impressions"] / 2, 1.2)
    assert plan["num_in_time"] == 1
    assert "the quickest one alone ends in time" in shown
    shown = next_test.plan("you", packs, "winter", 10 * ways["daily_impressions"], 1.2)[0]
    assert "too long" not in shown
