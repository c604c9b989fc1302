"""The steps after the search, and the account, without a browser."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from adcreative.catalog.results import read_results
from adcreative.errors import AdCreativeError
from adcreative.pipeline import read_account
from adcreative.provenance.sidecar import read_sidecar
from adcreative.report.words import rounded
from apps.studio.handlers.account import Accounts, write_mapping
from apps.studio.handlers.one_ad import Handlers
from apps.studio.handlers.packing import PACKAGE
from apps.studio.handlers.steps import Steps
from apps.studio.handlers.winners import Winners
from apps.studio.handlers.words import Words
from apps.studio.sessions.search_requests import SearchRequest
from tests.apps.fakes import FakeStudio

EVIL = "<script>alert(1)</script>"
SEARCH_REQUEST = SearchRequest(effort="quick", faces="synthetic", directions=("smile",), face_numbers=(2,), boldness=0.5)


@pytest.fixture
def studio() -> FakeStudio:
    return FakeStudio()


@pytest.fixture
def steps(studio: FakeStudio, tmp_path: Path, image_path: Path) -> Steps:
    """The steps of "me", who has searched an edit; "you" has not."""
    handlers = Handlers(studio=studio, result_dir=tmp_path / "results", cards=studio.cards)
    list(handlers.improve("me", {"image_path": str(image_path), "headline": "Coats", "brand": "Lund"}, SEARCH_REQUEST))
    return Steps(handlers=handlers)


def ask_account(steps: Steps, *asked: Any, **options: Any) -> tuple[str, dict[str, Any]]:
    *_, last = Accounts(handlers=steps.handlers).ask(*asked, **options)
    return last.shown, last.record


def find_run(steps: Steps) -> Path:
    return steps.handlers.find_run("me")[0]


def shown_of(steps: Steps, owner: str) -> str:
    screen = steps.handlers.find_screen(owner)
    return screen.shown if screen is not None else ""


def test_chosen_faces_and_boldness_reach_the_pipeline(steps: Steps, studio: FakeStudio) -> None:
    assert [(asked["faces"], asked["boldness"]) for asked in studio.asked] == [((1,), 0.5)]
    *_, refused = steps.handlers.improve("me", {"headline": "a"}, replace(SEARCH_REQUEST, boldness=7))
    assert "boldness must be 0.1 to 1" in refused.progress


def test_who_has_no_edit_is_told_so(steps: Steps) -> None:
    for shown, *_ in (
        steps.plan("you", "a", 100, None),
        steps.approve("you", "Anna", ["eu"], True, shown_of(steps, "you")),
        steps.pack("you", "a", "", ""),
        Words(handlers=steps.handlers).check("you", "a", "b"),
        steps.disclosures("you", ["eu"]),
    ):
        assert "There is no new version yet" in shown


def test_another_edit_can_be_taken(steps: Steps) -> None:
    before = find_run(steps)
    assert steps.handlers.find_screen("me").choices == ("Version 1", "Version 2", "Version 3")  # type: ignore[union-attr]
    steps.handlers.choose("me", "Version 3")
    assert steps.handlers.find_screen("me").record["headline_edited"] == "Words 3"  # type: ignore[union-attr]
    assert find_run(steps) != before
    assert [screen.record["headline_edited"] for screen in steps.handlers.resume("me")] == ["Words 3"]


def test_old_searches_are_closed_but_their_edit_stays(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.studio.handlers.one_ad.MAX_OPEN", 1)
    list(steps.handlers.improve("you", {"headline": "Boots"}, SEARCH_REQUEST))
    assert len(steps.handlers.outcomes) == 1
    with pytest.raises(AdCreativeError, match="no longer open"):
        steps.handlers.choose("me", "Version 1")
    assert steps.plan("me", "autumn", 20_000, None)[1]["tests"]
    steps.handlers.forget("you")
    assert not steps.handlers.outcomes


def test_words_are_held_against_the_rules(steps: Steps) -> None:
    words = Words(handlers=steps.handlers)
    shown, found = words.check("me", "Guaranteed cure for 99 % of all coats", "")
    assert found["headline"]
    assert "The headline" in shown
    assert words.check("me", "Coats", "")[1] == {"headline": []}


def test_plan_says_impressions_days_and_names(steps: Steps) -> None:
    shown, plan = steps.plan("me", "autumn", 20_000, 2.0)
    (test,) = plan["tests"]
    assert test["baseline_ctr"] == 0.02
    for text in (f"{test['days_peeking']:,}", rounded(test["impressions_per_arm_peeking"]), test["arms"][1]["name"], "2.00%"):
        assert text in shown
    low = rounded(test["impressions_per_arm_low"])
    assert f"between +3.0% and +25%. If it is only +3.0%, the test needs about {low} impressions each" in shown
    shown, record = steps.plan("me", " ", 20_000, None)
    assert "What is the campaign called?" in shown
    assert record["asks"] == "campaign"
    assert "daily impressions must be at least 1" in steps.plan("me", "autumn", 0, None)[0]


def test_nothing_is_packed_without_an_approval(steps: Steps) -> None:
    asked, _, record = steps.pack("me", "autumn", "", "")
    assert ("Who approves this version?" in asked, "alert" in asked, record["asks"]) == (True, False, "approval")
    assert "Who approves it?" in steps.approve("me", "  ", ["eu"], True, shown_of(steps, "me"))[0]
    shown, event = steps.approve("me", f"Anna {EVIL}", ["eu"], True, shown_of(steps, "me"))
    assert "<script" not in shown
    sidecar = read_sidecar(find_run(steps) / "images" / "my-ad-1.edited.png")
    assert sidecar["human_approval"] == {"by": f"Anna {EVIL}", "at": sidecar["human_approval"]["at"]}
    assert sidecar["human_approval"]["at"].startswith(event["at"][:10])
    assert steps.pack("me", "autumn", "", "")[1]


def test_package_holds_everything_and_no_path_of_this_machine(steps: Steps, tmp_path: Path, image_path: Path) -> None:
    steps.plan("me", "autumn", 20_000, None)
    steps.approve("me", "Anna", ["eu"], True, shown_of(steps, "me"))
    shown, files, _ = steps.pack("me", "autumn", "meta-bulk", "https://example.com/coats")
    assert "files are ready" in shown
    assert files is not None
    names = {path.name for path in files}
    assert {PACKAGE, "my-ad-1_version-B.png", "my-ad-1_version-B.png.provenance.json", "report.html", "meta-bulk.csv"} <= names
    with zipfile.ZipFile(files[0]) as archive:
        assert archive.read("upload/my-ad-1_original.jpg") == image_path.read_bytes()
        uploads = {name for name in archive.namelist() if name.startswith("upload/")}
        assert {"upload/my-ad-1_version-B.png", "upload/meta-bulk.csv", "upload/words.txt"} < uploads
        assert len([name for name in uploads if name.startswith("upload/meta-bulk-images/")]) == 2  # original and version
        assert {name.split("/")[0] for name in archive.namelist()} == {"README.txt", "upload", "technical"}
        assert "Headline: Coats today" in archive.read("upload/words.txt").decode()
        readme = archive.read("README.txt").decode()
        named = ("upload/my-ad-1_version-B.png", "upload/my-ad-1_original.jpg")
        assert all(name in readme and name in archive.namelist() for name in named)
        arms = json.loads(archive.read("technical/plan/plan.json"))["tests"][0]["arms"]
        assert [f"{arm['name']}  (" in readme for arm in arms] == [True, True]
        assert not [name for name in archive.namelist() if "control" in name or "edited" in name.split("/")[-1].split(".")[0]]
        assert not [name for name in archive.namelist() if Path(name).name.startswith(".")]
        assert not [name for name in archive.namelist() if ".control." in name]  # rebuilt faces are a yardstick, no ad
        assert [name for name in archive.namelist() if str(tmp_path).encode() in archive.read(name)] == []
        events = [json.loads(line)["event"] for line in archive.read("technical/audit.jsonl").splitlines()]
    exported = ["exported", "exported_picture", "exported_picture", "exported_tables"]
    assert events == ["made", "planned", "approved", *exported, "packed"]
    assert not [path.name for path in files[1:] if str(tmp_path).encode() in path.read_bytes()]
    assert "a full address" in steps.pack("me", "autumn", "meta-bulk", "javascript:alert(1)")[0]
    shown, _, record = steps.pack("me", "autumn", "meta-bulk", " ")
    assert "Which page does the ad lead to?" in shown
    assert record["asks"] == "url"


def test_account_ranks_ads_and_says_what_it_left_out(steps: Steps, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    rows = [f"{EVIL},10000,250", "b,10000,400", "c,300,9", "d,0,0", "b,10000,300"]
    path.write_text("\n".join(["ad_name,impressions,clicks", *rows]))
    shown, found = ask_account(steps, "me", str(path), None)
    assert [(ad["name"], ad["clicks"], ad["enough_data"]) for ad in found["ads"]] == [
        ("b", 700, True),
        (EVIL, 250, True),
        ("c", 9, False),
    ]
    assert sum(found["dropped"].values()) == 1
    assert "too little data" in shown
    assert "<script" not in shown
    low, high = found["ads"][0]["ctr_low"], found["ads"][0]["ctr_high"]
    assert low < 0.035 < high
    assert high - low == pytest.approx(2 * 1.645 * (0.035 * 0.965 / 20_000) ** 0.5, rel=0.02)


def test_account_compares_predictions_with_results(steps: Steps, tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    arms = steps.plan("me", "autumn", 20_000, None)[1]["tests"][0]["arms"]
    steps.approve("me", "Anna", ["eu"], True, shown_of(steps, "me"))
    files = steps.pack("me", "autumn", "", "")[1]
    assert files is not None
    path = tmp_path / "results.csv"
    path.write_text("ad_name,impressions,clicks\n" + "".join(f"{arm['name']},10000,200\n" for arm in arms))
    for _ in range(2):
        shown, found = ask_account(steps, "me", str(path), str(files[0]))
        assert {ad["ctr_predicted"] for ad in found["ads"]} == {0.0152, 0.0173}
        assert found["figures"]["real_by_predicted"] == pytest.approx(400 / (10_000 * (0.0152 + 0.0173)))
        assert "Did the predictions hold?" in shown
        assert not any("imported before" in text for text in found["warnings"])


def test_foreign_package_is_refused(steps: Steps, tmp_path: Path) -> None:
    results, package = tmp_path / "results.csv", tmp_path / "package.zip"
    results.write_text("ad_name,impressions,clicks\na,100,9\n")
    package.write_bytes(b"PK not a zip")
    assert "not a package" in ask_account(steps, "me", str(results), str(package))[0]
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("technical/results.jsonl", b"0" * (6 * 1024 * 1024))
        archive.writestr("../../evil.txt", b"x")
    assert "too large" in ask_account(steps, "me", str(results), str(package))[0]
    assert not list(tmp_path.rglob("evil.txt"))
    assert "Upload the table" in ask_account(steps, "me", None, None)[0]


_opened: list[str] = []
_is_watching = False


@cache
def _watch() -> None:
    """Python cannot take an audit hook back, so there is one, which notes while somebody asks."""
    sys.addaudithook(lambda name, of: _opened.append(str(of[0])) if _is_watching and name in ("open", "os.listdir") else None)


@contextmanager
def watched_opening() -> Iterator[list[str]]:
    """Return the files and folders that are opened within the block."""
    global _is_watching
    _watch()
    _opened.clear()
    _is_watching = True
    try:
        yield _opened
    finally:
        _is_watching = False


@pytest.mark.parametrize("field", ["data", "columns", "images"])
@pytest.mark.parametrize("kind", ["pipe", "device", "6 GB", "folder"])
def test_a_package_opens_no_path_of_this_machine(steps: Steps, tmp_path: Path, field: str, kind: str) -> None:
    """What somebody packed names a pipe, an endless device, a huge file or a folder: the answer is that of a sound package."""
    pytest.importorskip("duckdb")
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "huge.csv").open("wb") as file:
        file.truncate(6 << 30)
    named = {"pipe": tmp_path / "pipe", "device": "/dev/zero", "6 GB": tmp_path / "huge.csv", "folder": "/etc"}[kind]
    arms = steps.plan("me", "autumn", 20_000, None)[1]["tests"][0]["arms"]
    steps.approve("me", "Anna", ["eu"], True, shown_of(steps, "me"))
    sound = (steps.pack("me", "autumn", "", "")[1] or [])[0]
    planted, results = tmp_path / "planted.zip", tmp_path / "results.csv"
    with zipfile.ZipFile(sound) as old, zipfile.ZipFile(planted, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "technical/results.run.json":
                content = json.dumps(json.loads(content) | {field: str(named)}).encode()
            new.writestr(name, content)
    results.write_text("ad_name,impressions,clicks\n" + "".join(f"{arm['name']},10000,200\n" for arm in arms))
    _, expected = ask_account(steps, "me", str(results), str(sound))
    with watched_opening() as opened:
        _, answer = ask_account(steps, "me", str(results), str(planted))
    assert answer["figures"] == expected["figures"]
    assert str(named) not in opened
    assert str(planted) in opened


def test_read_account_needs_no_run(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("ad_name,impressions,clicks\na,1000,0\n")
    (ad,) = read_account(path).ads
    assert (ad.ctr, ad.ctr_low, ad.enough_data) == (0.0, 0.0, False)
    assert 0.0015 < ad.ctr_high < 0.003


def test_an_approval_needs_a_market_and_the_list_read(steps: Steps) -> None:
    assert "Where will it run?" in steps.approve("me", "Anna", [], True, shown_of(steps, "me"))[0]
    assert "Tick that you will disclose" in steps.approve("me", "Anna", ["eu"], False, shown_of(steps, "me"))[0]
    assert "no disclosure rules for" in steps.approve("me", "Anna", ["atlantis"], True, shown_of(steps, "me"))[0]
    assert "Who approves this version?" in steps.pack("me", "autumn", "", "")[0]
    shown, listed = steps.disclosures("me", ["eu", "meta"])
    assert "not legal advice" in shown
    event = steps.approve("me", "Anna", ["eu", "meta"], True, shown_of(steps, "me"))[1]
    assert event["disclosures"] == [duty["rule_id"] for duty in listed["disclosures"]]
    assert event["markets"] == ["eu", "meta"]
    assert steps.pack("me", "autumn", "", "")[1]
    steps.handlers.choose("me", "Version 2")  # another edit: nobody approved that one
    assert "Who approves this version?" in steps.pack("me", "autumn", "", "")[0]


def test_unknown_columns_are_shown_and_chosen(steps: Steps, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(f"Werbemittel,Datum,Einblendungen,Besuche\n{EVIL},2026-01-01,1000,50\nb,2026-01-02,1000,40\n")
    shown, view = Accounts(handlers=steps.handlers).columns(str(path))
    assert view is not None
    assert (view.is_known, view.found["day"], view.found["impressions"]) == (False, "Datum", "")
    assert "Some columns are not known" in shown
    assert "<script" not in shown
    assert "no columns for impressions" in ask_account(steps, "me", str(path), None)[0]
    chosen = {"ad_name": "Werbemittel", "impressions": "Einblendungen", "clicks": "Besuche", "day": "Datum"}
    assert [ad["clicks"] for ad in ask_account(steps, "me", str(path), None, chosen)[1]["ads"]] == [50, 40]
    assert "One column stands for two things" in ask_account(steps, "me", str(path), None, {**chosen, "clicks": "Datum"})[0]
    path.write_text("ad_name,impressions,clicks\na,1000,50\n")
    assert "columns are known" in Accounts(handlers=steps.handlers).columns(str(path))[0]
    assert Accounts(handlers=steps.handlers).columns(None) == ("", None)


def test_ads_that_tire_are_told_from_those_with_too_little_data(steps: Steps, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    days = [f"2026-01-{day:02}" for day in range(1, 22)]
    rows = [f"tired,{day},4000,{round(120 * 0.93**number)}" for number, day in enumerate(days)]
    rows += [f"steady,{day},4000,80" for day in days] + ["new,2026-01-20,4000,90"]
    path.write_text("\n".join(["ad_name,day,impressions,clicks", *rows]))
    shown, found = ask_account(steps, "me", str(path), None)
    ages = {one["name"]: one for one in found["fatigue"]}
    assert ages["tired"]["high"] < 0 < ages["steady"]["high"]
    assert ages["new"]["change"] is None
    assert found["drift"]["name"] == "all ads"
    for text in ("falling", "no clear trend", "1 period over 0 days", "Ad fatigue"):
        assert text in shown


@pytest.mark.parametrize(
    ("header", "clicks"),
    [
        ("ad_name,impressions,clicks,outbound", "outbound"),
        ("Anzeigenname,Impressionen,Link-Klicks,Klicks (alle)", "Klicks (alle)"),
    ],
)
def test_another_column_of_a_known_table_can_be_chosen(steps: Steps, tmp_path: Path, header: str, clicks: str) -> None:
    path = tmp_path / "results.csv"
    path.write_text("\n".join([header, "Coats,1000,20,50", "Boots,1000,20,40"]))
    chosen = {**dict(zip(("ad_name", "impressions"), header.split(","), strict=False)), "clicks": clicks}
    assert [ad["clicks"] for ad in ask_account(steps, "me", str(path), None, chosen)[1]["ads"]] == [50, 40]


def test_ads_are_ranked_by_the_metric_of_choice_with_their_pictures(steps: Steps, tmp_path: Path, image_path: Path) -> None:
    path = tmp_path / "results.csv"
    rows = ["cheap,10000,200,20", "dear,10000,400,400"]
    path.write_text("\n".join(["ad_name,impressions,clicks,spend", *rows]))
    picture = image_path.rename(tmp_path / "Dear.jpg")
    shown, by_rate = ask_account(steps, "me", str(path), None, picture_paths=[str(picture)])
    assert [ad["name"] for ad in by_rate["ads"]] == ["dear", "cheap"]
    assert shown.count("data:image") == shown.count("data-row") == 1
    form = Winners(handlers=steps.handlers).take_row("me", 0)  # the first in the list, "dear"
    assert form["headline"] == ""
    assert Path(str(form["image_path"])).read_bytes() == picture.read_bytes()
    for row in (1, 2):
        with pytest.raises(AdCreativeError, match="not here any more"):
            Winners(handlers=steps.handlers).take_row("me", row)
    shown, by_cost = ask_account(steps, "me", str(path), None, metric="cpc")
    assert [(ad["name"], ad["cpc"]) for ad in by_cost["ads"]] == [("cheap", 0.1), ("dear", 1.0)]
    assert "Cost per click" in shown
    assert "data:image" not in shown
    assert "cannot be ranked by return on ad spend" in ask_account(steps, "me", str(path), None, metric="roas")[0]


def test_columns_that_are_guessed_are_shown_with_reason_and_certainty(steps: Steps, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    days = [
        f"Coat {day};2026-01-{day:02};{5000 + day};{150 - 6 * day};{(150 - 6 * day) / (5000 + day):.4f}" for day in range(1, 15)
    ]
    path.write_text("\n".join(["Werbemittel;Datum;Einblendungen;Besuche;Quote", *days]))
    shown, view = Accounts(handlers=steps.handlers).columns(str(path))
    assert view is not None
    assert "We think we know the columns" in shown
    assert "“Besuche” is the clicks" in shown
    assert "90% sure" in shown
    assert 'role="alert"' not in shown


def test_how_the_days_are_written_can_be_said(steps: Steps, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("Ad name,Day,Impressions,Link clicks\nA,03/04/2026,1000,40\nB,03/04/2026,900,31\n")
    shown, record = ask_account(steps, "anna", str(path), None)
    assert "can be read two ways" in shown
    shown, record = ask_account(steps, "anna", str(path), None, {"dates": "dmy"})
    assert [ad["name"] for ad in record["ads"]] == ["A", "B"]
    assert any("days are read day first" in warning for warning in record["warnings"])


def test_what_click_rates_are_can_be_chosen(tmp_path: Path) -> None:
    """An export without clicks whose rates may be percent or shares is read as the user says."""
    export = tmp_path / "ads.csv"
    export.write_text("Ad name,Impressions,CTR\nA,100000,0.12\nB,100000,0.1\n")
    chosen = {"ad_name": "Ad name", "rates": "percent", "decimals": "", "dates": None}
    mapping = write_mapping(chosen, tmp_path / "columns.json", export)
    assert mapping is not None
    assert [row.clicks for row in read_results(export, columns=mapping).rows] == [120, 100]
    assert write_mapping({"ad_name": "Ad name", "rates": ""}, tmp_path / "none.json", export) is None


def test_the_file_for_google_asks_for_standing_lines_and_takes_them(steps: Steps) -> None:
    steps.approve("me", "Anna", ["eu"], True, shown_of(steps, "me"))
    asked = ("me", "autumn", "google-editor", "https://example.com/coats")
    _, files, record = steps.pack(*asked)
    assert (files, record["asks"]) == (None, "lines")
    lines = "Free returns\nSewn in Porto\nCoats that keep the rain out for ten years\nOrder by noon, wear it tomorrow morning"
    _, files, _ = steps.pack(*asked, lines)
    assert files
    content = (find_run(steps) / "delivery" / "google-ads-editor.csv").read_bytes()
    sheet = content.decode("utf-16" if content.startswith(b"\xff\xfe") else "utf-8")
    assert "Sewn in Porto" in sheet
    assert "keep the rain out" in sheet
