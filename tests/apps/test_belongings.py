"""What was brought is deleted with everything made of it, of one owner and of no other; who leaves costs no thread."""

from __future__ import annotations

import os
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.studio.handlers import screens as screens_module
from apps.studio.handlers.many_ads import Folders
from apps.studio.handlers.one_ad import Handlers
from apps.studio.sessions.ads import MAX_ADS
from apps.studio.sessions.came_with import CameWith
from apps.studio.sessions.departures import Departures
from apps.studio.sessions.search_requests import SearchRequest
from tests.apps.fakes import FakeStudio

FACES = SearchRequest(effort="quick", faces="synthetic", directions=("smile",))


class Forgetful(FakeStudio):
    num_forgotten = 0

    def forget_features(self, *, for_good: bool = False) -> None:
        self.num_forgotten += for_good


@pytest.fixture
def handlers(tmp_path: Path) -> Handlers:
    return Handlers(studio=Forgetful(), result_dir=tmp_path / "private" / "results")


def upload(handlers: Handlers, source: Path, place: str) -> Path:
    path = handlers.result_dir.parent / place / source.name
    path.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(source, path))


def kept(handlers: Handlers) -> list[str]:
    return sorted(Path(place).name for place, _, names in os.walk(handlers.result_dir.parent) for _ in names)


def test_a_picture_that_was_only_looked_at_or_scored_is_deleted(handlers: Handlers, image_path: Path) -> None:
    handlers.inspect(str(upload(handlers, image_path, "aa")), "me")
    handlers.score("me", image_path=str(upload(handlers, image_path, "bb")))
    handlers.score("you", headline="Coats")
    other = upload(handlers, image_path, "cc")
    other.write_bytes(b"another picture")
    handlers.forget("me")
    assert kept(handlers) == ["cc"]
    assert handlers.studio.num_forgotten == 1  # type: ignore[attr-defined]


def test_copies_that_the_server_made_are_deleted_and_a_shared_upload_stays(handlers: Handlers, image_path: Path) -> None:
    shared = upload(handlers, image_path, "shared")
    *_, mine = handlers.improve("me", {"image_path": str(shared)}, FACES)
    handlers.score("you", image_path=str(shared))
    assert mine.pair is not None
    assert mine.download is not None
    for number, path in enumerate((*mine.pair, mine.download)):
        upload(handlers, path, f"copy{number}")
    handlers.forget("me")
    assert kept(handlers) == ["shared"]
    handlers.forget("you")
    assert kept(handlers) == []


def test_a_copy_of_a_result_that_another_owner_has_too_stays(handlers: Handlers, image_path: Path) -> None:
    pairs = {owner: handlers.owner_dir(owner) / "result.png" for owner in ("me", "you")}
    for path in pairs.values():
        path.parent.mkdir(parents=True)
        shutil.copy(image_path, path)
    upload(handlers, pairs["me"], "copy")
    handlers.forget("me")
    assert kept(handlers) == ["copy", "you"]
    handlers.forget("you")
    assert kept(handlers) == []


def test_two_pictures_of_one_name_are_lent_apart_and_deleted(handlers: Handlers) -> None:
    belongings = handlers.belongings
    paths = [belongings.lend("me", "1.png", content) for content in (b"one", b"other", b"one")]
    assert [path.read_bytes() for path in paths] == [b"one", b"other", b"one"]
    assert (paths[0] == paths[2], paths[0] == paths[1]) == (True, False)
    handlers.forget("me")
    assert not any(path.exists() for path in paths)


def test_what_came_with_a_picture_is_known_until_it_is_forgotten() -> None:
    kept = CameWith()
    assert kept.note("me", "a/1.png", {"headline": "Coats", "cta": ""}) == {"headline": "Coats"}
    assert kept.note("me", "a/1.png", {"cta": "Shop now"}) == {"headline": "Coats", "cta": "Shop now"}
    assert kept.note("me", "b/1.png", {}) == kept.note("you", "a/1.png", {}) == {}
    for number in range(MAX_ADS - 1):
        kept.note("me", f"{number}.png", {"headline": "Boots"})
    assert kept.note("me", "a/1.png", {}) == {}  # too long ago
    kept.note("me", "a/1.png", {"headline": "Coats"})
    kept.forget("me")
    assert kept.note("me", "a/1.png", {}) == {}


def test_uploads_of_a_folder_are_deleted(handlers: Handlers, image_path: Path) -> None:
    folders = Folders(handlers=handlers)
    first, second = upload(handlers, image_path, "aa"), upload(handlers, image_path, "bb")
    folders.bring("me", [str(first)])
    list(folders.score("me", [str(second)]))
    folders.take("me", folders.find_screen("me").names[0])
    handlers.forget("me")
    assert kept(handlers) == []
    assert not folders.find_screen("me").names


def test_a_search_that_is_forgotten_while_it_ends_leaves_nothing(
    handlers: Handlers, image_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = handlers.studio
    path = upload(handlers, image_path, "aa")
    screens = handlers.improve("me", {"image_path": str(path)}, FACES)
    next(screens)
    show, reached, go = screens_module.show_outcome, threading.Event(), threading.Event()

    def slow_show(*given: Any, **named: Any) -> Any:
        reached.set()
        assert go.wait(10)
        return show(*given, **named)

    monkeypatch.setattr("apps.studio.handlers.one_ad.show_outcome", slow_show)
    assert reached.wait(10)
    path_kept = image_path.with_name("kept.jpg")  # the copy of the original is still to be written
    shutil.copy(path, path_kept)
    handlers.forget("me")
    path.parent.mkdir()
    shutil.copy(path_kept, path)
    go.set()
    list(screens)
    path.unlink()
    deadline_s = time.monotonic() + 5
    while kept(handlers) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert kept(handlers) == []
    assert studio.num_forgotten == 1  # type: ignore[attr-defined]


def test_five_hundred_who_leave_cost_one_thread_at_most(handlers: Handlers) -> None:
    before = threading.active_count()
    for number in range(500):
        handlers.leave(f"stranger{number}")
    assert threading.active_count() == before  # nothing is kept of them, so nothing is waited for
    for number in range(500):
        handlers.score(f"visitor{number}", headline="Coats")
        handlers.leave(f"visitor{number}")
    assert threading.active_count() <= before + 1


def test_who_is_away_too_long_is_gone_and_the_thread_ends() -> None:
    gone: list[str] = []
    fails = ["b"]

    def on_gone(owner: str) -> None:
        gone.append(owner)
        if owner in fails:
            raise RuntimeError("a fault must not keep the others")

    away = Departures(keep_s=0.05, on_gone=on_gone)
    for owner in "abc":
        away.leave(owner)
    away.come_back("c")
    time.sleep(0.3)
    assert gone == ["a", "b"]
    away.leave("d")
    time.sleep(0.3)
    assert gone == ["a", "b", "d"]
    assert not away._is_watched


def test_those_who_left_first_go_first_when_too_many_are_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.studio.sessions.departures.MAX_AWAY", 2)
    gone: list[str] = []
    away = replace(Departures(keep_s=60, on_gone=gone.append))
    for owner in "abcd":
        away.leave(owner)
        time.sleep(0.05)
    assert gone == ["a", "b"]
    for owner in "cd":
        away.come_back(owner)
