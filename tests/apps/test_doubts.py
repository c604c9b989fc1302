"""When a number deserves less trust than it looks: words that are none, pictures that are noise, ads unlike the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adcreative.creative import Creative, Prediction
from apps.studio.handlers.doubts import FEW_LIKE_IT, NOISE, NOT_WORDS, are_no_words, find_doubts, is_noise, parts_of
from apps.studio.handlers.one_ad import Handlers
from tests.apps.fakes import FakeStudio


@pytest.mark.parametrize("text", ["asdf qwer", "qwertz", "hjkl hjkl sale", "aaaaaa bbbbbb", "xkcdqz wrtpls", "sdfg dfgh"])
def test_what_is_typed_at_random_is_no_words(text: str) -> None:
    assert are_no_words(text)


@pytest.mark.parametrize(
    "text",
    ["Slow coffee for fast mornings", "Frisch geröstet, morgen bei dir", "Angstschweiß war gestern", "SALE -50%", "NATO BBQ",
     "Zmrzlina pro všechny", "Płaszcze na deszcz", "Properties with power", "Buty do biegania", "雨の日のコート", "",
     "rhythm sync", "Schlittschuhe für Groß und Klein", "Strčte prst skrz krk a smějte se", "Nike Dri-FIT", "Weltraumcamp"],
)  # fmt: skip
def test_words_of_many_languages_are_words(text: str) -> None:
    assert not are_no_words(text)


def test_noise_is_told_from_pictures_also_from_grainy_and_flat_ones() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (200, 200, 3), dtype=np.uint8)
    ramp = np.asarray(Image.linear_gradient("L").convert("RGB")).copy()
    grainy = np.clip(ramp + rng.normal(0, 12, ramp.shape), 0, 255).astype(np.uint8)
    assert is_noise(noise)
    assert not any(map(is_noise, (ramp, grainy, np.full((50, 50, 3), 7, np.uint8), np.zeros((1, 1, 3), np.uint8), None)))


def test_badges_stand_beside_the_number(tmp_path: Path) -> None:
    path = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 80, 3), dtype=np.uint8)).save(path)
    prediction = Prediction(ctr=0.01, ctr_low=0.0, ctr_high=0.1, evidence="picture far from anything it was trained on")
    ad = Creative(image_path=path, headline="asdf qwer")
    assert find_doubts(ad, prediction) == (NOT_WORDS, NOISE, FEW_LIKE_IT)
    shown, record = Handlers(studio=FakeStudio(), result_dir=tmp_path / "results").score(headline="asdf qwer")
    number, _, rest = shown.partition("</p>")
    assert NOT_WORDS in number
    assert record["doubts"] == [NOT_WORDS]
    assert NOT_WORDS not in rest


def test_parts_are_those_that_the_ad_has() -> None:
    assert parts_of(Creative(headline="a")) == ("words", "history")
    with_picture = Creative(image_path=Path("a.jpg"), brand="b")
    assert parts_of(with_picture, 0) == ("picture", "look", "context", "history")
    assert "faces" in parts_of(with_picture, 1)
