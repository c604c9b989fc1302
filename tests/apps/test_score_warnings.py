"""When a number deserves less trust than it looks: words that are none, pictures that are noise, ads unlike the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from adcreative.catalog.images import picture
from adcreative.creative import Creative
from apps.studio.handlers import score_warnings, scores
from apps.studio.handlers.one_ad import Handlers
from apps.studio.handlers.score_warnings import (
    FEW_LIKE_IT,
    NOISE,
    NOT_WORDS,
    PLACEHOLDER,
    are_no_words,
    find_ad_warnings,
    find_warnings,
    is_noise,
)
from apps.studio.handlers.scores import label_ad
from tests.apps.fakes import FakeStudio


@pytest.mark.parametrize("text", ["asdf qwer", "qwertz", "hjkl hjkl sale", "aaaaaa bbbbbb", "xkcdqz wrtpls", "sdfg dfgh"])
def test_what_is_typed_at_random_is_no_words(text: str) -> None:
    assert are_no_words(text)


@pytest.mark.parametrize(
    "text",
    [
        "Slow coffee for fast mornings",
        "Frisch geröstet, morgen bei dir",
        "Angstschweiß war gestern",
        "SALE -50%",
        "NATO BBQ",
        "Zmrzlina pro všechny",
        "Płaszcze na deszcz",
        "Properties with power",
        "Buty do biegania",
        "雨の日のコート",
        "",
        "rhythm sync",
        "Schlittschuhe für Groß und Klein",
        "Strčte prst skrz krk a smějte se",
        "Nike Dri-FIT",
        "Weltraumcamp",
    ],
)
def test_words_of_many_languages_are_words(text: str) -> None:
    assert not are_no_words(text)


def test_noise_is_told_from_pictures_also_from_grainy_and_flat_ones() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (200, 200, 3), dtype=np.uint8)
    ramp = np.asarray(Image.linear_gradient("L").convert("RGB")).copy()
    grainy = np.clip(ramp + rng.normal(0, 12, ramp.shape), 0, 255).astype(np.uint8)
    assert is_noise(noise)
    assert not any(map(is_noise, (ramp, grainy, np.full((50, 50, 3), 7, np.uint8), np.zeros((1, 1, 3), np.uint8), None)))


def test_words_of_one_field_alone_are_judged_too_and_one_short_cry_is_no_doubt() -> None:
    assert are_no_words("Blorft znk quamp vrrt skolf", "xkcdqz wrtpls")
    assert not are_no_words("Winter is here, get the coat that keeps you warm", "Brrrr")
    assert not are_no_words("Slow coffee for fast mornings", "Strčte prst skrz krk a smějte se")


def test_coarse_noise_is_noise_and_a_lawn_is_none() -> None:
    rng = np.random.default_rng(1)
    grains = Image.fromarray(rng.integers(0, 256, (130, 130, 3), dtype=np.uint8))
    assert is_noise(np.asarray(grains.resize((650, 650), Image.Resampling.NEAREST)))
    assert is_noise(np.asarray(grains.resize((800, 800), Image.Resampling.BICUBIC)))
    leaves = ndimage.gaussian_filter(rng.normal(128, 60, (512, 512)), 1.0) * 3 + ndimage.gaussian_filter(
        rng.normal(0, 900, (512, 512)), 12.0
    )
    assert not is_noise(np.stack([leaves.clip(0, 255).astype(np.uint8)] * 3, axis=2))


def test_placeholder_text_is_told() -> None:
    assert find_ad_warnings(Creative(headline="Lorem  ipsum dolor", primary_text="sit amet")) == (PLACEHOLDER,)


def test_badges_stand_beside_the_number(tmp_path: Path) -> None:
    path = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 80, 3), dtype=np.uint8)).save(path)
    ad = Creative(image_path=path, headline="asdf qwer")
    assert find_warnings(ad, "picture far from anything it was trained on") == (NOT_WORDS, NOISE, FEW_LIKE_IT)
    shown, record = Handlers(studio=FakeStudio(), result_dir=tmp_path / "results").score(headline="asdf qwer")
    number, _, rest = shown.partition("</p>")
    assert NOT_WORDS in number
    assert record["doubts"] == [NOT_WORDS]
    assert NOT_WORDS not in rest
    assert "Not judged" in number
    assert "%" not in shown
    assert record["change"] == 0.1  # for who asks the endpoint


def test_a_picture_is_read_once_while_its_words_change_and_anew_when_its_file_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Path | None] = []

    def count(creative: Creative) -> np.ndarray | None:
        reads.append(creative.image_path)
        return picture(creative)

    for module in (score_warnings, scores):
        monkeypatch.setattr(module, "picture", count)
    path, rng = tmp_path / "ad.png", np.random.default_rng(0)
    Image.linear_gradient("L").convert("RGB").save(path)
    ads = [Creative(image_path=path, headline=f"Coats number {number}") for number in range(3)]
    said = [(find_ad_warnings(ad), label_ad(ad)) for ad in ads]
    assert len(reads) == 2
    assert [label[0] for _, label in said] == [ad.headline for ad in ads]
    assert all(label[1] == said[0][1][1] for _, label in said)
    Image.fromarray(rng.integers(0, 255, (200, 200, 3), dtype=np.uint8)).save(path)
    assert find_ad_warnings(ads[0]) == (NOISE,)
    assert label_ad(ads[0])[1] != said[0][1][1]
    assert len(reads) == 4


def test_deleting_everything_forgets_the_small_pictures(tmp_path: Path) -> None:
    handlers = Handlers(studio=FakeStudio(), result_dir=tmp_path)
    Image.linear_gradient("L").convert("RGB").save(tmp_path / "ad.png")
    label_ad(Creative(image_path=tmp_path / "ad.png"))
    assert scores._draw_file.cache_info().currsize > 0
    handlers.forget("me")
    assert scores._draw_file.cache_info().currsize == 0
