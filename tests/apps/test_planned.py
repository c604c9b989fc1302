"""Tests that a visit planned are read out without a file; the pack of a whole test brings its versions back weeks later."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from adcreative.errors import AdCreativeError
from apps.studio.handlers import planned as shelves
from apps.studio.handlers.next_test import NextTest
from apps.studio.handlers.one_ad import Handlers
from apps.studio.handlers.packing import PACKAGE
from apps.studio.handlers.planned import find_shelf
from apps.studio.handlers.steps import Steps
from apps.studio.handlers.winners import NOT_HERE, Winners
from tests.apps.fakes import FakeStudio
from tests.apps.test_steps import SEARCH_REQUEST, ask_account, find_run, shown_of


@pytest.fixture
def steps(tmp_path: Path, image_path: Path) -> Steps:
    """Those of "me", who approved a version of an ad about coats, packed it, and then approved one of an ad about boots."""
    studio = FakeStudio()
    steps = Steps(handlers=Handlers(studio=studio, result_dir=tmp_path / "results", cards=studio.cards))
    for headline in ("Coats", "Boots"):
        list(
            steps.handlers.improve("me", {"image_path": str(image_path), "headline": headline, "brand": "Lund"}, SEARCH_REQUEST)
        )
        steps.approve("me", "Anna", ["eu"], True, shown_of(steps, "me"))
        if headline == "Coats":
            steps.pack("me", "autumn", "meta-bulk", "https://example.com/coats")
    return steps


def write_results(path: Path, plan: dict[str, Any], clicks: dict[str, tuple[int, int]]) -> str:
    """Write an export with the clicks of original and version of each test, by the version's headline."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Ad name", "Impressions", "Link clicks"])
        for test in plan["tests"]:
            arms = sorted(test["arms"], key=lambda arm: arm["arm"] != "control")
            for arm, number in zip(arms, clicks.get(arms[1]["headline"], ()), strict=False):
                writer.writerow([arm["name"], 40_000, number])
        writer.writerow(["Another ad", 40_000, 500])
    return str(path)


def plan_next(steps: Steps) -> tuple[list[Path], dict[str, Any]]:
    next_test = NextTest(handlers=steps.handlers)
    shown, files, plan = next_test.plan("me", None, "winter", 50_000, None, next_test.list_approved("me"))
    assert "2 approved versions, each beside its original" in shown
    return files, plan


def test_what_was_approved_in_this_visit_is_offered_and_stays_after_another_search(steps: Steps, image_path: Path) -> None:
    next_test = NextTest(handlers=steps.handlers)
    assert next_test.list_approved("me") == ["“Boots today”", "“Coats today”, autumn"]
    assert next_test.list_approved("you") == []
    list(steps.handlers.improve("me", {"image_path": str(image_path), "headline": "Hats"}, SEARCH_REQUEST))
    assert len(plan_next(steps)[1]["tests"]) == 2
    steps.handlers.forget("me")
    assert next_test.list_approved("me") == []
    assert find_shelf(steps.handlers, "me").plans == []


def test_an_approved_version_that_comes_as_a_pack_too_is_planned_once(steps: Steps) -> None:
    shelf = find_shelf(steps.handlers, "me")
    plan = NextTest(handlers=steps.handlers).plan(
        "me", [str(shelf.packs["“Boots today”"])], "winter", 50_000, None, list(shelf.packs)
    )[2]
    assert len(plan["tests"]) == 2  # type: ignore[arg-type]


def test_a_next_test_is_read_out_without_a_file_and_its_winner_is_the_next_ad(steps: Steps, tmp_path: Path) -> None:
    _, plan = plan_next(steps)
    results = write_results(tmp_path / "results.csv", plan, {"Boots today": (400, 405), "Coats today": (400, 900)})
    shown, record = ask_account(steps, "me", results, None)
    assert "“Coats today”: <b>The new version wins.</b> Seen so far: +125% clicks" in shown
    assert "“Boots today”: <b>Not decided yet: go on.</b>" in shown
    assert shown.count("Make it my next ad") == 1
    place = [test["version"] for test in record["tests"]].index("Coats today")
    assert f'data-winner="{place}"' in shown
    form = Winners(handlers=steps.handlers).take("me", None, place)
    assert (form["headline"], form["brand"]) == ("Coats today", "Lund")
    assert form["image_path"] is not None
    with pytest.raises(AdCreativeError, match="not here any more"):
        Winners(handlers=steps.handlers).take("me", None, 7)
    assert "Your test" not in ask_account(steps, "you", results, None)[0]


def test_the_pack_of_a_test_brings_everything_back_after_the_visit(steps: Steps, tmp_path: Path) -> None:
    files, plan = plan_next(steps)
    pack = files[0].rename(tmp_path / "kept.zip")
    with zipfile.ZipFile(pack) as archive:
        names, readme = archive.namelist(), archive.read("README.txt").decode()
    folders = {name.split("/")[1] for name in names if name.startswith("upload/")}
    assert folders == {"1_boots-today", "2_coats-today"}
    for folder in folders:
        uploads = [name for name in names if name.startswith(f"upload/{folder}/")]
        assert sum("_original" in name for name in uploads) == 1, uploads
        assert sum("version-B" in name for name in uploads) == 1, uploads
        assert not [name for name in uploads if name.endswith((".csv", ".json"))], "names of another campaign"
    assert all(arm["name"] in readme for test in plan["tests"] for arm in test["arms"])
    steps.handlers.forget("me")
    results = write_results(tmp_path / "results.csv", plan, {"Boots today": (900, 400), "Coats today": (400, 900)})
    shown, record = ask_account(steps, "later", results, str(pack))
    assert "“Coats today”: <b>The new version wins.</b>" in shown
    assert "“Boots today”: <b>The original is better.</b>" in shown
    if record["ads"][0]["ctr_predicted"] is not None:  # with DuckDB
        assert sum(ad["ctr_predicted"] is not None for ad in record["ads"]) == 4
        assert "Did the predictions hold?" in shown
    place = [test["version"] for test in record["tests"]].index("Coats today")
    assert Winners(handlers=steps.handlers).take("later", str(pack), place)["headline"] == "Coats today"


def test_a_test_without_results_of_both_ads_names_them(steps: Steps, tmp_path: Path) -> None:
    files, plan = plan_next(steps)
    results = write_results(tmp_path / "results.csv", plan, {"Coats today": (400,)})  # type: ignore[dict-item]
    shown, record = ask_account(steps, "later", results, str(files[0]))
    assert shown.count("does not have both of its ads yet") == 2
    assert all(arm["name"] in shown for test in plan["tests"] for arm in test["arms"])
    assert "Ads by click rate" in shown
    assert (len(record["tests"]), len(record["waiting"])) == (0, 2)
    assert "does not have both" not in ask_account(steps, "me", results, None)[0]  # nobody asked for these tests


def test_a_planned_version_that_nobody_approved_is_read_out_but_has_no_pack_to_go_on_from(
    steps: Steps, tmp_path: Path, image_path: Path
) -> None:
    list(steps.handlers.improve("me", {"image_path": str(image_path), "headline": "Hats", "brand": "Lund"}, SEARCH_REQUEST))
    _, plan = steps.plan("me", "spring", 20_000, None)
    results = write_results(tmp_path / "results.csv", plan, {"Hats today": (400, 900)})
    shown, _ = ask_account(steps, "me", results, None)
    assert "The new version wins" in shown
    assert "Make it my next ad" not in shown
    assert "choose its pack" in shown
    with pytest.raises(AdCreativeError, match=NOT_HERE[:30]):
        Winners(handlers=steps.handlers).take("me", None, 0)
    steps.approve("me", "Anna", ["eu"], True, shown_of(steps, "me"))
    assert "Make it my next ad" in ask_account(steps, "me", results, None)[0]


def test_a_pack_that_was_never_planned_is_read_out_by_the_names_of_its_ads(steps: Steps, tmp_path: Path) -> None:
    steps.pack("me", "winter", "meta-bulk", "https://example.com/boots")
    package = find_run(steps) / PACKAGE
    with zipfile.ZipFile(package) as archive:
        assert "technical/plan/plan.json" not in archive.namelist()
    _, plan = steps.plan("me", "winter", 1_000, None)
    results = write_results(tmp_path / "results.csv", plan, {"Boots today": (400, 900)})
    assert "The new version wins" in ask_account(steps, "later", results, str(package))[0]


def test_only_the_latest_are_kept(steps: Steps, monkeypatch: pytest.MonkeyPatch, image_path: Path) -> None:
    monkeypatch.setattr(shelves, "MAX_PACKS", 1)
    monkeypatch.setattr(shelves, "MAX_PLANS", 1)
    for campaign in ("spring", "summer"):
        steps.plan("me", campaign, 1_000, None)
    shelf = find_shelf(steps.handlers, "me")
    assert [one.campaign for one in shelf.plans] == ["summer"]
    steps.pack("me", "summer", "", "")
    assert list(shelf.packs) == ["“Boots today”, summer"]


def test_copies_of_packs_go_with_the_plans_that_they_are_of(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "MAX_PLANS", 1)
    next_test, shelf = NextTest(handlers=steps.handlers), find_shelf(steps.handlers, "me")
    for names in (next_test.list_approved("me"), next_test.list_approved("me")[:1]):
        next_test.plan("me", None, "winter", 50_000, None, names)
        assert set(shelf.folder.glob("tested/*.zip")) == set(shelf.plans[0].packs)
        assert len(shelf.plans[0].packs) == len(names)


def test_a_test_pack_that_is_none_of_ours_is_refused(steps: Steps, tmp_path: Path) -> None:
    results = tmp_path / "results.csv"
    results.write_text("ad_name,impressions,clicks\na,100,9\n")
    for told, plan in (("{", "{}"), (json.dumps({"campaign": "x"}), "[]")):
        with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
            archive.writestr("technical/test.json", told)
            archive.writestr("technical/plan/plan.json", plan)
        assert "not a package of this app" in ask_account(steps, "me", str(results), str(tmp_path / "bad.zip"))[0]
