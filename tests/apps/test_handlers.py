from __future__ import annotations

import gc
import re
import threading
import time
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adcreative.catalog.images import picture, read_image
from adcreative.creative import Creative
from adcreative.errors import AdCreativeError, CreativeError
from adcreative.provenance.marks import read_source_type
from adcreative.provenance.sidecar import read_sidecar
from apps.studio.handlers.brand import Brands, KitForm
from apps.studio.handlers.demo import Demo
from apps.studio.handlers.one_ad import Handlers
from apps.studio.handlers.words import Words
from apps.studio.html import fragments
from apps.studio.sessions.model_queue import MAX_WAITING
from apps.studio.sessions.search_requests import SearchRequest, build_creative, search_settings
from tests.apps.fakes import FakeFace, FakeStudio

EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'
ALLOWED = SearchRequest(effort="quick", faces="allowed", consent_id="c-17", directions=("smile",))


@pytest.fixture
def studio() -> FakeStudio:
    return FakeStudio()


@pytest.fixture
def handlers(studio: FakeStudio, tmp_path: Path) -> Handlers:
    return Handlers(studio=studio, result_dir=tmp_path / "results", cards=studio.cards)


def test_score_compares_with_the_usual_ad_and_states_no_rate_of_unknown_level(handlers: Handlers) -> None:
    shown, record = handlers.score(headline="Coats for rain")
    for text in (
        "Can’t be told from a usual ad",
        "−20% and +50%",
        "words +12%",
        "real headline tests",
        "Off by 0.1 points",
        "no click rate",
    ):
        assert text in shown, text
    assert "Together these are" in shown
    assert "1.52%" not in shown
    assert (record["change"], record["rate"]) == (0.1, None)
    assert {"ctr", "ctr_low", "ctr_high", "evidence", "reasons", "enough_data"} <= set(record)


def test_a_usual_click_rate_makes_the_score_a_rate(handlers: Handlers) -> None:
    shown, record = handlers.score(headline="Coats for rain", usual_rate_percent=2.0)
    for text in ("2.20%", "1.60% – 3.00%", "16 to 30"):
        assert text in shown, text
    assert record["rate"] == pytest.approx(0.022)


def test_a_score_shows_the_reasons_of_the_model_and_looks_for_no_faces_itself(
    handlers: Handlers, studio: FakeStudio, image_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Creative] = []
    monkeypatch.setattr(studio, "find_faces", looked.append)
    assert "faces −2%" in handlers.score(headline="Coats", image_path=str(image_path))[0]
    assert not looked


def test_no_number_is_shown_without_enough_data(handlers: Handlers, studio: FakeStudio) -> None:
    studio.enough_data = False
    shown, record = handlers.score(headline="Coats for rain")
    assert "Not enough data" in shown
    assert "%" not in shown.replace("90%", "")
    assert record["enough_data"] is False
    *_, last = handlers.improve("me", {"headline": "a"}, SearchRequest(effort="quick"))
    assert "%" not in last.cards
    assert last.cards.count("untested") == 1


def test_real_faces_wait_for_a_record_that_covers_the_ad(handlers: Handlers, studio: FakeStudio, image_path: Path) -> None:
    form = {"image_path": str(image_path)}
    (last,) = handlers.improve("me", form, replace(ALLOWED, consent_id=""))
    assert "Whose consent is it?" in last.progress
    (last,) = handlers.improve("me", form, replace(ALLOWED, consent_id="c-99"))
    assert "may not be edited: consent record &#34;c-99&#34; is not known" in last.progress
    assert not studio.asked


def test_nothing_brought_is_said_not_raised(handlers: Handlers) -> None:
    shown, record = handlers.score(headline="   ")
    assert "nothing to look at" in shown
    assert "nothing to look at" in record["error"]
    with pytest.raises(AdCreativeError, match="nothing to look at"):
        build_creative({})


def test_unreadable_picture_is_said_with_its_remedy(handlers: Handlers, tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG broken")
    with pytest.raises(CreativeError) as caught:
        read_image(path)
    for shown in (handlers.inspect(str(path))[0], handlers.score(image_path=str(path))[0]):
        assert caught.value.remedy.split(".")[0] in shown
        assert 'role="alert"' in shown


def test_inspect_reads_the_upright_size(handlers: Handlers, image_path: Path) -> None:
    assert "200 × 300 px" in handlers.inspect(str(image_path))[0]
    assert handlers.inspect(None) == ("", [], False)


def test_inspect_names_the_faces_that_can_be_edited(handlers: Handlers, image_path: Path) -> None:
    shown, names, is_asked = handlers.inspect(str(image_path))
    assert names == ["Face 1", "Face 2"]
    assert is_asked
    for text in ("3 faces found", "it is turned away", "data:image"):
        assert text in shown
    with handlers.model_queue.hold(handlers.model_queue.join()):  # a search is running: the page does not wait for it
        shown, names, is_asked = handlers.inspect(str(image_path))
    assert "200 × 300 px" in shown
    assert not names
    assert is_asked  # nobody has looked for faces, so there may be some


def test_a_picture_without_a_face_to_edit_asks_nothing(
    handlers: Handlers, studio: FakeStudio, image_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for faces in ([], [FakeFace((20.0, 30.0, 80.0, 100.0), "it is turned away")]):
        monkeypatch.setattr(studio, "find_faces", lambda creative, faces=faces: faces)
        assert handlers.inspect(str(image_path))[1:] == ([], False)


def test_our_own_fault_shows_no_innards(handlers: Handlers, studio: FakeStudio) -> None:
    studio.error = RuntimeError("secret path /srv/x")
    shown, record = handlers.score(headline="a")
    *_, last = handlers.improve("me", {"headline": "a"}, SearchRequest())
    assert "RuntimeError" in shown
    assert "secret" not in shown + last.progress
    assert record == {"error": "internal error"}
    assert last.record == {"status": "failed", "error": "internal error"}


def test_hostile_text_stays_text(handlers: Handlers, studio: FakeStudio) -> None:
    *_, last = handlers.improve("me", {"headline": EVIL}, SearchRequest(effort="quick"))
    studio.error = CreativeError(EVIL, EVIL)
    shown = last.result + handlers.score(headline=EVIL)[0] + fragments.header(EVIL) + fragments.note(EVIL)
    assert "<script" not in shown
    assert "<img src=x" not in shown
    assert "&lt;script&gt;" in shown


def test_improve_streams_progress_and_ends_with_the_result(handlers: Handlers, image_path: Path) -> None:
    screens = list(handlers.improve("me", {"image_path": str(image_path), "headline": "Coats"}, ALLOWED))
    assert any("Round " in screen.progress for screen in screens[:-1])
    assert all(screen.download is None for screen in screens[:-1])
    last = screens[-1]
    for text in ("+14% (+3.0% to +25%) more clicks expected", "1.51%", "Off by 0.1 points", "Clearly more smile", "<ins>"):
        assert text in last.result, text
    before, _, details = last.result.partition("<details>")
    assert "1.51%" not in before
    assert "Off by 0.1 points" in details
    assert any("Best of round" in screen.progress for screen in screens)
    assert last.record["status"] == "edited"


def test_slider_pictures_have_one_size_and_the_download_keeps_every_pixel(handlers: Handlers, image_path: Path) -> None:
    *_, last = handlers.improve("me", {"image_path": str(image_path)}, ALLOWED)
    assert last.pair is not None
    assert last.download is not None
    assert {read_image(path).shape[:2] for path in last.pair} == {(300, 200)}
    expected = read_image(image_path)
    expected[40:90, 60:120] //= 2
    np.testing.assert_array_equal(np.asarray(Image.open(last.download)), expected)
    assert last.download.name == "my-ad-1.edited.png"
    assert last.run is not None
    assert last.run.stat().st_mode & 0o077 == 0


def test_kept_creative_offers_no_download(handlers: Handlers, studio: FakeStudio, image_path: Path) -> None:
    studio.status = "kept"
    *_, last = handlers.improve("me", {"image_path": str(image_path)}, ALLOWED)
    assert (last.pair, last.download) == (None, None)
    assert "3 versions worth a test, none surely better" in last.result
    assert "second model saw a loss" in last.result


def test_no_gain_is_shown_without_calibration(studio: FakeStudio, tmp_path: Path) -> None:
    *_, last = Handlers(studio=studio, result_dir=tmp_path).improve("me", {"headline": "a"}, SearchRequest(effort="quick"))
    assert "No gain is stated" in last.result
    assert "+14%" not in last.result


def test_faces_are_only_touched_when_the_user_said_so(handlers: Handlers, studio: FakeStudio, image_path: Path) -> None:
    form = {"image_path": str(image_path)}
    (asked,) = handlers.improve("me", form, SearchRequest(directions=("smile",)))
    assert "May the faces in this picture be changed?" in asked.progress
    assert not studio.asked
    list(handlers.improve("me", form, SearchRequest(effort="quick", faces="leave", directions=("smile",))))
    list(handlers.improve("me", form, ALLOWED))
    assert [request["directions"] for request in studio.asked] == [(), ("smile",)]


def test_what_was_said_about_the_faces_reaches_the_pipeline(handlers: Handlers, studio: FakeStudio, image_path: Path) -> None:
    form = {"image_path": str(image_path)}
    for search_request in (
        replace(ALLOWED, consent_id=" c-17 "),
        replace(ALLOWED, faces="synthetic", consent_id="c-17"),
        replace(ALLOWED, faces="leave", consent_id="c-17"),
        ALLOWED,
    ):
        list(handlers.improve("me", form, search_request))
    assert [request["creative"].consent_id for request in studio.asked] == ["c-17", "synthetic-person", "", "c-17"]
    assert [request["directions"] for request in studio.asked] == [("smile",), ("smile",), (), ("smile",)]


def test_the_download_says_that_a_model_edited_it(handlers: Handlers, image_path: Path) -> None:
    *_, last = handlers.improve("me", {"image_path": str(image_path)}, ALLOWED)
    assert last.download is not None
    assert read_source_type(last.download) == "compositeWithTrainedAlgorithmicMedia"
    assert read_sidecar(last.download)["edits"][0]["direction"] == "smile"


@pytest.mark.parametrize(
    ("search_request", "message"),
    [
        (SearchRequest(effort="heroic"), "effort must be one of quick, normal, thorough"),
        (SearchRequest(copywriter="http://evil"), "copywriter must be one of template, smollm2"),
        (SearchRequest(directions=("wings",)), 'no direction named "wings"; known: smile'),
    ],
)
def test_unknown_search_requests_are_named(search_request: SearchRequest, message: str) -> None:
    with pytest.raises(AdCreativeError, match=message):
        search_settings(Creative(headline="a"), search_request, ("smile",))


def test_cancel_stops_the_work_itself(handlers: Handlers, studio: FakeStudio) -> None:
    studio.round_s = 0.05
    screens = handlers.improve("me", {"headline": "a"}, SearchRequest(effort="thorough"))
    for screen in screens:
        if "Round 2" in screen.progress:
            break
    search = handlers.board.find("me")
    assert search is not None
    assert search.screen is None
    assert "best found so far" in handlers.cancel("me")
    *_, last = screens
    done = studio.rounds_done
    assert last.record["status"] == "edited"
    assert re.search(r"Stopped after round \d+ of 20\. This is the best", last.progress)
    assert done < 20
    (again,) = handlers.resume("me")
    assert again.record == last.record
    time.sleep(0.15)
    assert studio.rounds_done == done
    assert search.screen is not None
    assert search.screen.progress == last.progress  # for "Stopping." that comes late
    assert "Nothing is running" in handlers.cancel("me")


def test_closed_page_leaves_its_search_running_and_finds_it_again(handlers: Handlers, studio: FakeStudio) -> None:
    studio.round_s = 0.02
    screens = handlers.improve("me", {"headline": "Coats"}, SearchRequest(effort="quick"))
    next(screens)
    screens.close()  # type: ignore[attr-defined]
    assert handlers.is_running("me")
    *_, last = handlers.resume("me")
    assert last.record["headline_edited"] == "Coats today"
    (again,) = handlers.resume("me")
    assert again == last
    assert [screen.record for screen in handlers.resume("you")] == [{}]
    assert len(studio.asked) == 1


def test_forgetting_stops_the_work_and_leaves_no_file(handlers: Handlers, studio: FakeStudio, image_path: Path) -> None:
    list(handlers.improve("me", {"image_path": str(image_path)}, ALLOWED))
    Demo(handlers=handlers).bring("me")
    handlers.forget("me")
    assert not [path for path in handlers.result_dir.parent.rglob("*") if path.is_file()]
    studio.round_s = 0.05
    screens = handlers.improve("me", {"headline": "a"}, SearchRequest(effort="thorough"))
    next(screens)
    handlers.forget("me")
    *_, last = screens
    assert last.record["status"] == "stopped"
    assert studio.rounds_done < 10


def test_who_does_not_come_back_is_forgotten(handlers: Handlers, image_path: Path) -> None:
    handlers = replace(handlers, keep_s=0.05)
    list(handlers.improve("me", {"image_path": str(image_path)}, ALLOWED))
    handlers.leave("me")
    list(handlers.resume("me"))  # back in time
    time.sleep(0.15)
    assert list(handlers.result_dir.rglob("*.png"))
    handlers.leave("me")
    time.sleep(0.15)
    assert not list(handlers.result_dir.rglob("*.png"))


def test_two_searches_never_share_the_model(handlers: Handlers, studio: FakeStudio) -> None:
    def search(session: str) -> None:
        list(handlers.improve(session, {"headline": "a"}, SearchRequest(effort="quick")))

    threads = [threading.Thread(target=search, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(studio.asked) == 4
    assert studio.most_at_once == 1


def test_session_name_cannot_leave_the_result_folder(handlers: Handlers, image_path: Path, tmp_path: Path) -> None:
    list(handlers.improve("../../../x", {"image_path": str(image_path)}, ALLOWED))
    assert {path.parts[0] for path in (p.relative_to(handlers.result_dir) for p in handlers.result_dir.iterdir())} == {"x"}


def test_a_search_that_waits_survives_its_closed_page(handlers: Handlers, studio: FakeStudio) -> None:
    studio.round_s = 0.1
    first = handlers.improve("first", {"headline": "a"}, SearchRequest(effort="quick"))
    next(first)
    second = handlers.improve("second", {"headline": "b"}, SearchRequest(effort="quick"))
    assert "1 ad before yours" in next(second).progress
    second.close()  # type: ignore[attr-defined]  # the page is closed before the search has begun
    assert len(studio.asked) == 1
    *_, last = handlers.resume("second")
    assert last.record["headline_edited"] == "b today"


def test_a_thousand_searches_are_refused_beyond_the_end_of_the_line(handlers: Handlers, studio: FakeStudio) -> None:
    studio.round_s = 0.02
    before = threading.active_count()
    shown = [next(handlers.improve(f"v{number}", {"headline": "a"}, SearchRequest(effort="quick"))) for number in range(1000)]
    assert threading.active_count() - before <= MAX_WAITING + 8  # the server and the clock have threads of their own
    refused = [screen for screen in shown if screen.record.get("status") == "refused"]
    assert 1000 - MAX_WAITING - 20 <= len(refused) <= 1000 - MAX_WAITING - 1
    assert "press the button again in a few minutes" in refused[0].progress
    for number in range(1000):
        handlers.cancel(f"v{number}")


def test_who_leaves_the_line_is_not_waited_for(handlers: Handlers, studio: FakeStudio) -> None:
    with handlers.model_queue.quick():
        screens = handlers.improve("me", {"headline": "a"}, SearchRequest(effort="quick"))
        next(screens)
        handlers.cancel("me")
        *_, last = screens
    assert last.record == {"status": "stopped", "rounds": 0}
    assert not studio.asked
    assert handlers.score(headline="a")[1]["ctr"] == 0.0152


def test_a_brand_kit_goes_with_the_search_and_is_deleted_with_it(handlers: Handlers, studio: FakeStudio) -> None:
    kit = handlers.result_dir.parent / "upload" / "brand.json"
    kit.parent.mkdir(parents=True)
    kit.write_text('{"name": "Somnia", "metadata": {"words_to_avoid": ["cheap"]}}')
    list(handlers.improve("me", {"headline": "Beds"}, SearchRequest(effort="quick", brand_kit=kit)))
    assert studio.asked[-1]["brand_kit"] == kit
    shown, found = Words(handlers=handlers).check("me", "Cheap beds for all", "")
    assert "which the brand avoids" in shown
    assert any("which the brand avoids" in problem for problem in found["headline"])
    handlers.forget("me")
    assert not kit.exists()


def test_an_ad_that_is_kept_is_told_what_may_still_help(handlers: Handlers, studio: FakeStudio, image_path: Path) -> None:
    *_, edited = handlers.improve("me", {"image_path": str(image_path), "headline": "Coats"}, ALLOWED)
    assert "have it redrawn" in edited.result  # the words in the picture are the old ones
    studio.status = "kept"
    *_, kept = handlers.improve("me", {"headline": "Coats"}, SearchRequest(effort="quick"))
    assert "The second model saw a loss." in kept.result
    assert "Take one below and test it" in kept.result
    assert kept.cards.count("Use this one") == 3
    taken = handlers.choose("me", "Version 2")
    assert (taken.record["status"], taken.record["headline_edited"]) == ("edited", "Words 2")
    assert taken.run is not None
    assert "have it redrawn" not in kept.result


@pytest.mark.slow
def test_searches_of_fifty_people_leave_no_pixels_in_memory(
    handlers: Handlers, studio: FakeStudio, image_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[weakref.ref] = []

    def watched_picture(creative: Creative) -> np.ndarray | None:
        image_u8 = picture(creative)
        opened.append(weakref.ref(image_u8))  # type: ignore[arg-type]
        return image_u8

    monkeypatch.setattr("apps.studio.handlers.one_ad.picture", watched_picture)
    studio.round_s = 0.0
    for number in range(50):
        if number == 25:  # while some wait, too
            with handlers.model_queue.quick():
                waiting = [handlers.improve(f"w{one}", {"image_path": str(image_path)}, ALLOWED) for one in range(5)]
                assert all(next(screens).progress for screens in waiting)
                gc.collect()
                assert not [one for one in opened if one() is not None]
            for screens in waiting:
                list(screens)
        list(handlers.improve(f"v{number}", {"image_path": str(image_path)}, ALLOWED))
    gc.collect()
    assert len(opened) == 2 * 55
    assert not [one for one in opened if one() is not None]


def test_a_new_search_deletes_what_the_earlier_one_made(handlers: Handlers, image_path: Path) -> None:
    for _ in range(3):
        list(handlers.improve("me", {"image_path": str(image_path)}, ALLOWED))
        handlers.choose("me", "Version 2")
    assert len(list(handlers.owner_dir("me").iterdir())) == 2  # as offered, and as taken
    assert len(handlers.outcomes) == 2


def test_a_brand_kit_of_the_form_is_kept_to_until_it_is_taken_back(handlers: Handlers, studio: FakeStudio) -> None:
    brands = Brands(handlers=handlers)
    form = KitForm(name="Somnia", tone="calm", avoid="cheap, best", disclaimer="Terms apply.")
    shown, manifest, _ = brands.save("me", form)
    assert "tone calm" in shown
    assert manifest["metadata"]["words_to_avoid"] == ["cheap", "best"]
    list(handlers.improve("me", {"headline": "Beds"}, SearchRequest(effort="quick")))
    assert studio.asked[-1]["brand_kit"] == handlers.choices.kits["me"]
    list(handlers.improve("you", {"headline": "Beds"}, SearchRequest(effort="quick")))
    assert studio.asked[-1]["brand_kit"] is None
    brands.save("me", KitForm(name="Lund"))
    assert (brands.names("me"), brands.chosen("me"), brands.names("you")) == (["Lund", "Somnia"], "Lund", [])
    brands.choose("me", "Somnia")
    assert "Somnia" in brands.say("me")[0]
    own = handlers.result_dir / "file.json"
    own.write_text('{"name": "Other"}')
    list(handlers.improve("me", {"headline": "Beds"}, SearchRequest(effort="quick", brand_kit=own)))
    assert studio.asked[-1]["brand_kit"] == own
    assert "No brand kit" in brands.save("me", KitForm(name=" "))[0]
    list(handlers.improve("me", {"headline": "Beds"}, SearchRequest(effort="quick")))
    assert studio.asked[-1]["brand_kit"] is None
