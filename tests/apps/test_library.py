"""The library: what is found after a restart, in another tab, and after the app was killed; and what is deleted for good."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from adcreative.errors import AdCreativeError
from adcreative.pipeline import Trainable
from adcreative.workspace.store import Workspace
from apps.studio.handlers.account import Accounts
from apps.studio.handlers.approvals import Approvals
from apps.studio.handlers.brand import Brands, KitForm
from apps.studio.handlers.library import CUT_OFF, HOME, Library
from apps.studio.handlers.next_test import PlannedTests
from apps.studio.handlers.one_ad import Handlers
from apps.studio.handlers.steps import Steps
from apps.studio.handlers.training import Trainings
from apps.studio.sessions.ads import Stage
from apps.studio.sessions.owners import KEPT
from apps.studio.sessions.search_requests import SearchRequest
from tests.apps.fakes import FakeStudio

ANNA, BERT = f"{KEPT}.{'a' * 32}", f"{KEPT}.{'b' * 32}"
VISITOR = "c" * 32
ENOUGH = Trainable(num_ads=120, num_clicks=3000, num_different=40, min_ads=60, min_clicks=100, min_different=12)
SEARCH_REQUEST = SearchRequest(effort="quick", faces="synthetic")


def start(tmp_path: Path) -> Library:
    """Start the app anew: nothing is left in memory, and what an earlier one held for its visits is gone."""
    shutil.rmtree(tmp_path / "private", ignore_errors=True)
    workspace = Workspace(tmp_path / "kept")
    handlers = Handlers(studio=FakeStudio(), result_dir=tmp_path / "private" / "results", kept_dir=workspace.folder / HOME)
    return Library(handlers=handlers, workspace=workspace)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return start(tmp_path)


def form(image_path: Path, headline: str = "Coats") -> dict[str, str | None]:
    return {"image_path": str(image_path), "headline": headline}


def find_version(library: Library, owner: str, image_path: Path, headline: str = "Coats") -> str:
    handlers = library.handlers
    list(handlers.improve(owner, form(image_path, headline), SEARCH_REQUEST))
    screen = handlers.find_screen(owner)
    assert screen is not None
    for _ in range(100):  # it is kept just after the search has ended
        if library.workspace.find("version", screen.key) is not None:
            break
        time.sleep(0.05)
    return screen.shown


def test_a_restart_finds_ad_version_and_approval(library: Library, tmp_path: Path, image_path: Path) -> None:
    library.handlers.score(ANNA, **form(image_path))
    shown = find_version(library, ANNA, image_path)
    assert "error" not in Steps(handlers=library.handlers).approve(ANNA, "Mia", ["eu"], True, shown)[1]
    image_path.unlink()
    again = start(tmp_path)
    brought = again.handlers.find_brought(ANNA)
    assert brought is not None
    assert brought.creative is not None
    assert (brought.creative.headline, brought.stage) == ("Coats", Stage.APPROVED)
    assert brought.creative.image_path is not None
    assert brought.creative.image_path.name == "my ad (1).jpg"
    assert "Can’t be told from a usual ad" in brought.score[0]  # type: ignore[index]
    screen = again.handlers.find_screen(ANNA)
    assert screen is not None
    assert screen.shown == shown
    assert "Approved by Mia" in Approvals(handlers=again.handlers).say(ANNA)
    packed = Steps(handlers=again.handlers).pack(ANNA, "autumn", None, None)
    assert packed[1]
    assert "Approved by Mia" in again.show()[0]


def test_another_browser_opens_what_the_first_one_scored(library: Library, image_path: Path) -> None:
    library.handlers.score(ANNA, **form(image_path))
    _, names = library.show()
    library.open(BERT, names[0])
    found = library.handlers.find_brought(BERT)
    assert found is not None
    assert found.creative is not None
    assert found.creative.headline == "Coats"
    assert library.handlers.bring(BERT, form(found.creative.image_path)) is False  # type: ignore[arg-type]


def test_an_ad_that_was_kept_as_it_is_is_not_said_to_have_versions(library: Library, image_path: Path) -> None:
    find_version(library, ANNA, image_path)
    assert "versions found" in library.show()[0]
    (ad,) = library.workspace.find_all("ad")
    (version,) = library.workspace.find_all("version", ("ad", ad.name))
    data = {**version.data, "record": {"status": "kept"}}
    library.workspace.put("version", version.name, data, parent=("ad", ad.name), paths=version.paths)
    shown, _ = library.show()
    assert "no better version" in shown
    assert "1 version" not in shown


def test_a_search_of_an_ad_that_left_the_page_leads_to_its_versions(library: Library, tmp_path: Path, image_path: Path) -> None:
    screens = library.handlers.improve(ANNA, form(image_path), SEARCH_REQUEST)
    next(screens)
    library.handlers.look(ANNA, form(image_path, "Boots"), "")
    library.handlers.score(ANNA, **form(image_path, "Boots"))
    (ad,) = {search.ad for search in library.handlers.board.find_all()}
    assert f'data-open-ad="{ad[:16]}"' in list(screens)[-1].progress
    library.open(BERT, ad[:16])
    assert library.handlers.find_screen(BERT) is not None
    assert library.show()[0].count("Boots") >= 1, "a search that ends drops no other wording"
    again = start(tmp_path).handlers.find_brought(ANNA)
    assert again is not None
    assert again.creative is not None
    assert again.creative.headline == "Boots"


def test_two_tabs_have_two_ads_before_and_after_a_restart(library: Library, tmp_path: Path, image_path: Path) -> None:
    library.handlers.score(ANNA, **form(image_path, "Coats"))
    library.handlers.score(BERT, **form(image_path, "Boots"))
    for one in (library, start(tmp_path)):
        seen = [one.handlers.find_brought(owner) for owner in (ANNA, BERT)]
        assert [state.creative.headline for state in seen] == ["Coats", "Boots"]  # type: ignore[union-attr]


def test_an_ad_that_was_only_brought_is_not_kept_and_a_visitor_is_never(library: Library, image_path: Path) -> None:
    library.handlers.bring(ANNA, form(image_path))
    library.handlers.score(VISITOR, **form(image_path))
    list(library.handlers.improve(VISITOR, form(image_path), SEARCH_REQUEST))
    assert library.show()[1] == []
    assert not (library.workspace.folder / HOME).exists()


def test_another_wording_of_a_picture_takes_the_place_of_one_that_was_only_scored(library: Library, image_path: Path) -> None:
    for headline in ("", "Coats", "Coats for rain"):
        library.handlers.score(ANNA, **form(image_path, headline))
    assert [ad.data["words"]["headline"] for ad in library.workspace.find_all("ad")] == ["Coats for rain"]
    find_version(library, ANNA, image_path, "Coats for rain")
    library.handlers.score(ANNA, **form(image_path, "Boots"))
    assert len(library.workspace.find_all("ad")) == 2


def test_a_search_that_was_cut_off_is_said(library: Library, tmp_path: Path, image_path: Path) -> None:
    studio = library.handlers.studio
    studio.stay_after = 2  # type: ignore[attr-defined]
    screens = library.handlers.improve(ANNA, form(image_path), SEARCH_REQUEST)
    next(screens)
    again = start(tmp_path)  # while the search of the killed app has not ended
    assert again.handlers.find_brought(ANNA) is not None
    assert again.handlers.desk.find(ANNA).stage is Stage.BROUGHT
    assert [CUT_OFF in screen.progress for screen in again.handlers.resume(ANNA)] == [True]
    studio.stay_after = None  # type: ignore[attr-defined]
    list(screens)


def test_a_tab_opens_the_running_search_of_another(library: Library, image_path: Path) -> None:
    studio = library.handlers.studio
    studio.stay_after = 2  # type: ignore[attr-defined]
    screens = library.handlers.improve(ANNA, form(image_path), SEARCH_REQUEST)
    next(screens)
    library.open(BERT, library.show()[1][0])
    assert library.handlers.is_running(BERT)
    studio.stay_after = None  # type: ignore[attr-defined]
    list(screens)
    assert library.handlers.find_screen(BERT) is not None
    for _ in range(100):  # what follows a search comes just after its end
        if library.handlers.desk.find(BERT).stage is Stage.FOUND:
            break
        time.sleep(0.05)
    assert library.handlers.desk.find(BERT).stage is Stage.FOUND


def test_a_deleted_ad_is_in_no_file(library: Library, tmp_path: Path, image_path: Path) -> None:
    find_version(library, ANNA, image_path, "A very secret headline")
    library.handlers.score(BERT, **form(image_path, "Boots"))
    (secret,) = [ad.name for ad in library.workspace.find_all("ad") if "secret" in ad.data["words"]["headline"]]
    library.delete_ad(ANNA, secret)
    files = [path for root in ("kept", "private") for path in (tmp_path / root).rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"very secret" in path.read_bytes()]
    assert library.handlers.find_brought(ANNA) is None
    assert library.show()[0].count("<li>") == 1
    with pytest.raises(AdCreativeError, match="no longer in the library"):
        library.open(ANNA, secret)


def test_what_was_chosen_for_all_ads_stays(library: Library, tmp_path: Path) -> None:
    Brands(handlers=library.handlers).save(ANNA, KitForm(name="Morrow"))
    trainings = Trainings(handlers=library.handlers, count=lambda *_, **__: ENOUGH)
    results = tmp_path / "results.csv"
    results.write_text("headline,impressions,clicks\nFresh bread,1000,20\n")
    list(trainings.train(ANNA, str(results)))
    again = start(tmp_path)
    trainings = Trainings(handlers=again.handlers)
    assert "Morrow" in Brands(handlers=again.handlers).say(BERT)[0]
    assert "120 ads of your own" in next(trainings.resume(BERT)).shown
    assert again.handlers.score(BERT, headline="Bread")[1]["rate"] == pytest.approx(0.04)
    assert again.handlers.score(VISITOR, headline="Bread")[1]["rate"] is None


def test_models_are_named_chosen_taken_away_and_brought(library: Library, tmp_path: Path) -> None:
    trainings = Trainings(handlers=library.handlers, count=lambda *_, **__: ENOUGH)
    results = tmp_path / "results.csv"
    results.write_text("headline,impressions,clicks\nFresh bread,1000,20\n")
    for _ in range(2):
        list(trainings.train(ANNA, str(results)))
    models = trainings.models
    (_, last), (_, first) = models.names(ANNA)
    assert models.chosen(ANNA) == last
    models.rename(ANNA, first, "Spring")
    models.choose(ANNA, first)
    assert (models.chosen(BERT), models.names(BERT)[1]) == (first, ("Spring", first))
    folder = models.folder(ANNA) / first / "predictor"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    package = tmp_path / "brought.zip"
    shutil.copyfile(models.pack(ANNA, first), package)
    models.delete(ANNA, first)
    assert (models.chosen(ANNA), trainings.show(ANNA).shown) == ("", "")
    models.bring(ANNA, str(package))
    assert ("brought", models.chosen(ANNA)) in models.names(ANNA)
    assert "which you brought" in trainings.show(ANNA).shown
    (tmp_path / "no.zip").write_bytes(package.read_bytes()[:100])
    with pytest.raises(AdCreativeError):
        models.bring(ANNA, str(tmp_path / "no.zip"))
    for name in ("../other", "", "nothing"):
        with pytest.raises(AdCreativeError):
            models.pack(ANNA, name)


def test_a_training_that_was_killed_leaves_nothing(library: Library, tmp_path: Path) -> None:
    half = library.handlers.owner_dir(ANNA) / "training" / "abc"
    half.mkdir(parents=True)
    (half / "weights").write_text("half")
    trainings = Trainings(handlers=start(tmp_path).handlers)
    assert (trainings.models.names(ANNA), half.exists()) == ([], False)


def test_a_tab_that_was_closed_long_ago_loses_nothing(library: Library, image_path: Path) -> None:
    shown = find_version(library, ANNA, image_path)
    library.handlers._let_go(ANNA)
    assert library.handlers.find_brought(ANNA) is not None
    assert library.handlers.find_screen(ANNA).shown == shown  # type: ignore[union-attr]


def test_everything_can_be_deleted(library: Library, tmp_path: Path, image_path: Path) -> None:
    find_version(library, ANNA, image_path, "A very secret headline")
    Brands(handlers=library.handlers).save(ANNA, KitForm(name="Secret brand"))
    library.delete_all(ANNA)
    content = b"".join(path.read_bytes() for path in (tmp_path / "kept").rglob("*") if path.is_file())
    assert b"ecret" not in content
    assert Brands(handlers=library.handlers).say(ANNA) == ("", None)


def test_a_planned_test_has_a_page_over_restarts_and_goes_with_its_ad(
    library: Library, tmp_path: Path, image_path: Path
) -> None:
    library.handlers.score(ANNA, **form(image_path))
    shown = find_version(library, ANNA, image_path)
    steps = Steps(handlers=library.handlers)
    assert "error" not in steps.approve(ANNA, "Mia", ["eu"], True, shown)[1]
    _, plan = steps.plan(ANNA, "autumn", 20_000, None)
    (record,) = library.workspace.find_all("test")
    names = [arm["name"] for arm in sorted(plan["tests"][0]["arms"], key=lambda arm: arm["arm"] != "control")]
    results = tmp_path / "results.csv"
    results.write_text("\n".join(["ad_name,impressions,clicks", f"{names[0]},40000,400", f"{names[1]},40000,900"]))
    list(Accounts(handlers=library.handlers).ask(ANNA, str(results), None))
    again = start(tmp_path)
    tests = PlannedTests(handlers=again.handlers)
    assert "The new version wins" in tests.list(BERT)
    page = tests.show(BERT, record.name)
    assert "Read out of results.csv" in page
    assert all(name in page for name in names)
    assert Path(tests.find_pack(BERT, record.name, 0)).is_file()
    assert tests.show(VISITOR, record.name) == ""
    again.delete_ad(BERT, again.workspace.find_all("ad")[0].name)
    assert again.workspace.find_all("test") == []
    assert not list((tmp_path / "kept").rglob("*.zip"))
    assert "No test is planned yet" in tests.list(BERT)


def test_an_ad_is_opened_by_the_beginning_of_what_it_is_known_by(library: Library, image_path: Path) -> None:
    library.handlers.score(ANNA, **form(image_path))
    bar = library.handlers.bar(ANNA)
    address = library.workspace.find_all("ad")[0].name[:16]
    assert f'data-ad="{address}"' in bar
    library.open(BERT, address)
    assert library.handlers.bar(BERT) == bar
    with pytest.raises(AdCreativeError, match="no longer in the library"):
        library.open(BERT, "0123456789abcdef")
