"""Models of a studio are loaded once, whoever comes first."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from adcreative.creative import Creative
from adcreative.verbs import loaded, loading
from adcreative.verbs.loaded import Loaded
from adcreative.verbs.studio import LATE_MODULES, Studio


class Counting:
    """Stands for both loaders: each call takes a while and brings something of its own."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def __call__(self, *asked: Any) -> SimpleNamespace:
        self.asked.append(asked)
        time.sleep(0.1)
        return SimpleNamespace(extractor=SimpleNamespace(cache=None))


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr(loading, "load_model", counting)
    monkeypatch.setattr(loading, "load_tools", counting)
    return counting


def folder_of(loaded: Loaded) -> Path | None:
    return getattr(loaded.tools.extractor.cache, "cache_dir", None)  # what is kept in memory has no folder


@pytest.mark.parametrize("name", ["tools", "judges"])
def test_two_threads_that_come_first_together_load_once_and_get_the_same(counting: Counting, name: str) -> None:
    loaded, found, start = Loaded(), [], threading.Barrier(2)

    def come() -> None:
        start.wait()
        found.append(getattr(loaded, name))

    threads = [threading.Thread(target=come) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counting.asked) == 1
    assert found[0] is found[1]


def test_studios_with_more_consents_share_what_is_loaded_later(counting: Counting, tmp_path: Path) -> None:
    (tmp_path / "consents.toml").write_text(
        '[[consent]]\nconsent_id = "c-1"\nperson = "Ada"\nexpires = 2999-01-01\nedits = ["smile"]\n'
    )
    studio = Studio()
    other = studio.with_consents(tmp_path / "consents.toml")
    assert other._loaded.judges is studio._loaded.judges
    assert len(counting.asked) == 1


def test_the_folder_for_features_is_taken_before_and_after_loading(counting: Counting, tmp_path: Path) -> None:
    early, late = Loaded(), Loaded()
    early.keep_features_in(tmp_path / "early")
    assert folder_of(early) == tmp_path / "early"
    assert folder_of(late) is None
    late.keep_features_in(tmp_path / "late")
    assert folder_of(late) == tmp_path / "late"
    assert len(counting.asked) == 2


def test_faces_of_a_picture_are_looked_for_once_until_they_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[tuple[int, ...]] = []

    def analyze(image_u8: np.ndarray) -> list[SimpleNamespace]:
        looked.append(image_u8.shape)
        return [SimpleNamespace(box_xyxy_px=(0.0, 0.0, 9.0, 9.0), refusal=None)]

    forgotten: list[bool] = []
    analyzer = SimpleNamespace(analyze=analyze, forget=lambda: forgotten.append(True))
    tools = SimpleNamespace(extractor=SimpleNamespace(cache=None), analyzer=analyzer)
    monkeypatch.setattr(loading, "load_tools", lambda *asked: tools)
    studio, dark, light = Studio(), np.zeros((80, 80, 3), np.uint8), np.full((80, 90, 3), 9, np.uint8)
    for image_u8 in (dark, dark.copy(), light, dark):
        assert [face.refusal for face in studio.find_faces(Creative(image_u8=image_u8))] == [""]
    assert looked == [dark.shape, light.shape]
    studio.forget_features()
    assert forgotten == [True]
    studio.find_faces(Creative(image_u8=dark))
    assert looked == [dark.shape, light.shape, dark.shape]
    monkeypatch.setattr(loaded, "MAX_PICTURES", 1)
    forgetful = Studio()
    for image_u8 in (light, dark, light):
        forgetful.find_faces(Creative(image_u8=image_u8))
    assert len(looked) == 6
    assert studio.find_faces(Creative(headline="words alone")) == []


def test_what_loads_behind_a_page_asks_for_no_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradients hang on the networks; a score on another thread went through them meanwhile, and broke or was wrong."""
    done: list[str] = []
    monkeypatch.setattr("adcreative.verbs.explain.explain_rate", lambda *asked: done.append("gradients"))
    monkeypatch.setattr(Loaded, "judges", property(lambda self: done.append("models")))
    monkeypatch.setattr(Loaded, "predictor", property(lambda self: done.append("models")))
    monkeypatch.setattr(Loaded, "tools", SimpleNamespace(extractor_for=lambda models: None))
    monkeypatch.setattr(Studio, "stand_one", lambda self, creative: done.append("score"))
    monkeypatch.setattr(Studio, "find_faces", lambda self, creative: done.append("faces"))
    Studio().load()
    assert done == ["models", "score", "faces"]
    assert all(name in sys.modules for name in LATE_MODULES)
