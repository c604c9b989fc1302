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
from PIL import Image

from adcreative.creative import Creative
from adcreative.features.cache import SUFFIX, cache_dir
from adcreative.lettering.setting.prepared_cache import PreparedCache
from adcreative.verbs import loaded, loading
from adcreative.verbs.loaded import Loaded
from adcreative.verbs.studio import LATE_MODULES, Studio


class Counting:
    """Stands for both loaders: each call takes a while and brings something of its own."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def __call__(self, *asked: Any, **kept: Any) -> SimpleNamespace:
        self.asked.append(asked)
        time.sleep(0.1)
        return SimpleNamespace()


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr(loading, "load_model", counting)
    monkeypatch.setattr(loading, "load_tools", counting)
    return counting


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


@pytest.fixture
def ad(tmp_path: Path) -> Creative:
    Image.linear_gradient("L").resize((96, 64)).convert("RGB").save(tmp_path / "ad.png")
    return Creative(image_path=tmp_path / "ad.png", headline="Coats that stay warm")


def entries(folder: Path) -> set[str]:
    """Names of what a cache of features holds; the words of headlines apart, each of which has a name of its own too."""
    return {path.name for path in folder.glob(f"??/*{SUFFIX}")}


def test_two_studios_keep_features_apart_with_one_set_of_encoders(ad: Creative, tmp_path: Path) -> None:
    early, late, plain = Studio(), Studio(), Studio()
    early.keep_features_in(tmp_path / "early")
    late.score_one(ad)
    late.keep_features_in(tmp_path / "late")
    for studio in (early, late, plain):
        studio.score_one(ad)
    names = entries(tmp_path / "early")
    assert names
    assert names == entries(tmp_path / "late")
    assert names <= entries(cache_dir() / "features")
    tools = [studio._loaded.tools for studio in (early, late, plain)]
    assert len({id(one.clip) for one in tools}) == 1
    assert len({id(one.extractor) for one in tools}) == 3
    early.forget_features()
    assert entries(tmp_path / "early") == set()
    assert entries(tmp_path / "late") == names
    assert names <= entries(cache_dir() / "features")


def test_every_verb_of_a_studio_keeps_what_it_reads_in_its_folder(ad: Creative, tmp_path: Path) -> None:
    before = entries(cache_dir() / "features")
    studio = Studio().with_features_in(tmp_path / "mine")
    (tmp_path / "ads").mkdir()
    Image.radial_gradient("L").resize((72, 80)).convert("RGB").save(tmp_path / "ads" / "other.png")
    (tmp_path / "results.csv").write_text(
        "headline,impressions,clicks\n" + "".join(f"Lamp number {n},1000,{10 + n % 7}\n" for n in range(60))
    )
    quiet: dict[str, Any] = {"progress": lambda *told: None, "should_stop": lambda: False}
    studio.score_folder(tmp_path / "ads", tmp_path / "scores.csv", **quiet)
    num_scored = len(entries(tmp_path / "mine"))
    studio.explain_one(ad, tmp_path / "why", **quiet)
    num_explained = len(entries(tmp_path / "mine"))
    quiet["should_stop"] = lambda: len(entries(tmp_path / "mine")) > num_explained
    studio.train_account(tmp_path / "results.csv", tmp_path / "model", **quiet)
    assert 0 < num_scored < num_explained < len(entries(tmp_path / "mine"))
    assert entries(cache_dir() / "features") == before


def test_the_grounds_of_an_ad_go_when_all_who_had_it_have_forgotten_it() -> None:
    mine = PreparedCache()
    yours = mine.for_other()
    coat, shoe = (SimpleNamespace(key=key, num_pixels=9) for key in ("coat", "shoe"))
    shared: list[Any] = [mine.share(coat), mine.share(shoe)]  # type: ignore[arg-type]
    assert yours.share(SimpleNamespace(key="coat", num_pixels=9)) is coat  # type: ignore[arg-type, comparison-overlap]
    mine.forget()
    assert yours.share(SimpleNamespace(key="coat", num_pixels=9)) is coat  # type: ignore[arg-type, comparison-overlap]
    assert yours.share(SimpleNamespace(key="shoe", num_pixels=9)) is not shoe  # type: ignore[arg-type, comparison-overlap]
    assert shared == [coat, shoe]


def test_faces_of_a_picture_are_looked_for_once_until_they_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[tuple[int, ...]] = []

    def analyze(image_u8: np.ndarray) -> list[SimpleNamespace]:
        looked.append(image_u8.shape)
        return [SimpleNamespace(box_xyxy_px=(0.0, 0.0, 9.0, 9.0), refusal=None)]

    forgotten: list[bool] = []
    analyzer = SimpleNamespace(analyze=analyze, forget=lambda: forgotten.append(True))
    monkeypatch.setattr(loading, "load_tools", lambda **asked: SimpleNamespace(analyzer=analyzer))
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
