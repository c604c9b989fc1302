"""What was read in a visitor's pictures is that visitor's: with the real studio, its encoders and its caches."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from adcreative.features.cache import SUFFIX
from adcreative.verbs.loading import load_tools
from adcreative.verbs.studio import Studio
from apps.studio.handlers.many_ads import Folders
from apps.studio.handlers.one_ad import Handlers
from apps.studio.handlers.why import Why


@pytest.fixture
def handlers(tmp_path: Path) -> Handlers:
    studio = Studio().with_features_in(tmp_path / "private" / "features" / "everybody")
    return Handlers(studio=studio, result_dir=tmp_path / "private" / "results", keep_s=0.05)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the encoders that were asked, in order."""
    asked: list[str] = []
    tools = load_tools()
    for name, encoder, method in (("picture", tools.clip, "encode_images"), ("words", tools.clip, "encode_texts")):
        real = getattr(encoder, method)
        monkeypatch.setattr(encoder, method, lambda *given, real=real, name=name: asked.append(name) or real(*given))
    detector = tools.analyzer._detector
    detect = detector.detect
    monkeypatch.setattr(detector, "detect", lambda *given: asked.append("faces") or detect(*given))
    return asked


def upload(handlers: Handlers, owner: str, shade: int) -> dict[str, Any]:
    path = handlers.result_dir.parent / f"upload-{owner}" / "ad.png"
    path.parent.mkdir(parents=True)
    Image.linear_gradient("L").point(lambda value: value // 2 + shade).resize((96, 64)).convert("RGB").save(path)
    return {"image_path": str(path), "headline": "Coats that stay warm"}


def kept(handlers: Handlers) -> dict[str, int]:
    """Name of a folder of features -> how many entries lie there."""
    root = handlers.result_dir.with_name("features")
    names = (Path(place) / name for place, _, found in os.walk(root) for name in found)  # bears folders that go meanwhile
    return dict(sorted(Counter(path.relative_to(root).parts[0] for path in names if path.suffix == SUFFIX).items()))


def test_who_deletes_an_ad_leaves_what_others_brought(handlers: Handlers, seen: list[str]) -> None:
    anna, bert = upload(handlers, "anna", 20), upload(handlers, "bert", 90)
    for owner, form in (("anna", anna), ("bert", bert)):
        handlers.inspect(form["image_path"], owner)
        assert "error" not in handlers.score(owner, **form)[1]
    before = kept(handlers)
    assert set(before) == {"anna", "bert"}
    handlers.forget("anna")
    assert kept(handlers) == {"bert": before["bert"]}
    seen.clear()
    handlers.inspect(bert["image_path"], "bert")
    handlers.score("bert", **bert)
    assert seen == []  # nothing of it had to be read again
    again = upload(handlers, "anna2", 20)
    handlers.score("anna", **again)
    assert {"picture", "words", "faces"} <= set(seen)  # all of it was gone


def test_the_same_picture_stays_with_who_still_has_it(handlers: Handlers, seen: list[str]) -> None:
    mine = upload(handlers, "anna", 50)
    yours = {**mine, "image_path": shutil.copy(mine["image_path"], handlers.result_dir.parent / "theirs.png")}
    handlers.score("anna", **mine)
    handlers.score("bert", **yours)
    handlers.forget("anna")
    seen.clear()
    handlers.score("bert", **yours)
    assert seen == []


@pytest.mark.parametrize("asked", ["an ad", "a folder", "why"])
def test_who_deletes_while_scores_are_worked_out_leaves_nothing(
    asked: str, handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, is_read, is_deleted = load_tools().clip, threading.Event(), threading.Event()
    encode = clip.encode_images

    def read_slowly(images_u8: Any) -> Any:
        is_read.set()
        assert is_deleted.wait(60)
        return encode(images_u8)

    monkeypatch.setattr(clip, "encode_images", read_slowly)
    form, folders, why = upload(handlers, "anna", 20), Folders(handlers=handlers), Why(handlers=handlers)
    works: dict[str, Callable[[], object]] = {
        "an ad": lambda: handlers.score("anna", **form),
        "a folder": lambda: list(folders.score("anna", [form["image_path"]])),
        "why": lambda: list(why.explain("anna", form)),
    }
    scoring = threading.Thread(target=works[asked])
    scoring.start()
    assert is_read.wait(60)
    handlers.forget("anna")
    is_deleted.set()
    scoring.join()
    places, deadline_s = (handlers.result_dir.with_name("features"), handlers.result_dir), time.monotonic() + 20
    while left := [path for place in places for path in place.rglob("*") if path.is_file()]:
        assert time.monotonic() < deadline_s, left  # what a job leaves is removed after its last screen
        time.sleep(0.02)
    handlers.score("anna", **upload(handlers, "anna2", 90))  # who comes back is kept again
    assert set(kept(handlers)) == {"anna"}


def test_a_page_that_closes_takes_its_own_features_only(handlers: Handlers) -> None:
    for owner, shade in (("anna", 20), ("bert", 90)):
        handlers.score(owner, **upload(handlers, owner, shade))
    handlers.leave("anna")
    deadline_s = time.monotonic() + 20
    while set(kept(handlers)) != {"bert"}:
        assert time.monotonic() < deadline_s, kept(handlers)
        time.sleep(0.02)
    assert handlers.choices.has_features("bert")
    assert not handlers.choices.has_features("anna")
