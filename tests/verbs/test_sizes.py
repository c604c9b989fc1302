"""Ads are laid out in further shapes, scored and checked: their edits, or themselves where they are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adcreative.compose.recipe import Recipe
from adcreative.compose.render import compose_ad
from adcreative.compose.shapes import shape_named
from adcreative.compose.stored import read_parts, write_parts
from adcreative.creative import Creative, EditResult
from adcreative.progress import Count, uncounted
from adcreative.report.alternatives import list_sizes
from adcreative.runs.folder import Makers
from adcreative.verbs.compose import write_ad
from adcreative.verbs.score_table import move_rate
from adcreative.verbs.sizes import state_rate, write_sizes
from tests.compose.drawn import TEXTS, parts
from tests.lettering.reading.drawn_ads import drawn_ad
from tests.verbs.test_read_pictures import Extractor, Predictor


def outcome(status: str) -> SimpleNamespace:
    result = EditResult(file_name="ad.png", status=status, headline_edited="Sleep well", cta_edited="Go")
    return SimpleNamespace(result=result, image_u8=drawn_ad())


def tools() -> Any:
    return SimpleNamespace(
        analyzer=SimpleNamespace(analyze=lambda image_u8: []), extractor=Extractor(), predictor=Predictor(), text_reader=None
    )


def write(tmp_path: Path, status: str = "edited", tell: Count = uncounted) -> list[dict]:
    ad, ratios = Creative(file_name="ad.png", headline="Sleep", platform="meta"), ("1:1", "9:16", "1.91:1")
    return write_sizes(ad, outcome(status), ratios, tools(), tmp_path, stem="00001-ad", makers=Makers(), tell=tell)


def test_each_shape_is_written_scored_by_its_words_and_checked(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    square, story, wide = write(tmp_path, tell=lambda done, total: told.append((done, total)))
    assert told[-1] == (3, 3)
    assert (square["width"], square["height"], square["extended"]) == (480, 480, 0.0)
    assert story["height"] / story["width"] > 1.75
    assert "Meta stories and reels" in story["fits"]
    assert wide["ctr"] == len("Sleep well") / 1000
    for row in (square, story, wide):
        assert np.asarray(Image.open(tmp_path / row["image"])).shape[:2] == (row["height"], row["width"])


def test_a_flat_ad_whose_parts_are_not_sure_stands_whole_and_says_which(tmp_path: Path) -> None:
    rows = write(tmp_path)
    assert [row["made"] for row in rows] == ["as it is", "padded", "padded"]
    assert all("could not be laid out anew: messages.headline: no line leads the ad" in row["notes"][0] for row in rows[1:])
    shown = np.asarray(Image.open(tmp_path / rows[1]["image"]))
    at = (shown.shape[0] - 480) // 2
    assert any((shown[top : top + 480] == drawn_ad()).all() for top in range(at + 1))


def test_an_ad_that_was_composed_is_laid_out_anew_with_its_words(tmp_path: Path) -> None:
    told = {"notes": [], "messages": TEXTS}
    write_parts(parts(), tmp_path / "ads" / "parts", told)
    recipe = Recipe("split", TEXTS)
    facts = {"lead": TEXTS["headline"], "seed": 0, "models": {}}
    ad = write_ad(recipe, parts(), tmp_path / "ads" / "01", [shape_named("1:1")], facts)
    path = tmp_path / "ads" / "01" / ad["shapes"]["1:1"]["picture"]
    image_u8 = np.asarray(Image.open(path).convert("RGB"))
    creative = Creative(file_name="01/1x1.jpg", image_path=path, headline=TEXTS["headline"])
    result = EditResult(file_name="01/1x1.jpg", status="kept")
    outcome = SimpleNamespace(result=result, image_u8=image_u8, control_u8=None)
    square, story = write_sizes(creative, outcome, ("1:1", "9:16"), tools(), tmp_path, stem="ad", makers=Makers())
    assert (square["made"], story["made"], story["extended"]) == ("as it is", "composed", 0.0)
    assert (story["width"], story["height"]) == (1080, 1920)
    drawn = np.asarray(compose_ad(recipe, read_parts(tmp_path / "ads" / "parts" / "parts.json")[0], shape_named("9:16")).image)
    shown = np.asarray(Image.open(tmp_path / story["image"]).convert("RGB"))
    assert np.abs(shown.astype(int) - drawn).mean() < 3  # a JPEG's


def test_an_ad_that_is_kept_is_laid_out_with_its_own_words(tmp_path: Path) -> None:
    kept = write(tmp_path, "kept")
    assert [row["ratio"] for row in kept] == ["1:1", "9:16", "1.91:1"]
    assert {row["ctr"] for row in kept} == {len("Sleep") / 1000}
    assert all((tmp_path / row["image"]).is_file() for row in kept)


def test_no_rate_is_stated_by_models_that_know_no_level() -> None:
    known = EditResult(file_name="ad.png", status="edited")
    untested, moved = replace(known, is_untested=True), replace(known, is_untested=True, level_shift=0.5)
    assert (state_rate(0.02, known), state_rate(0.02, untested), state_rate(None, moved)) == (0.02, None, None)
    assert state_rate(0.02, moved) == pytest.approx(move_rate(0.02, 0.5))


def test_an_ad_that_failed_has_no_further_shapes(tmp_path: Path) -> None:
    assert write(tmp_path, "failed") == []
    assert not (tmp_path / "images").exists()


def test_the_report_shows_the_shapes_and_nothing_outside_its_folder(tmp_path: Path) -> None:
    rows = write(tmp_path)
    Image.new("RGB", (9, 9)).save(tmp_path / "secret.png")
    shown = list_sizes({"sizes": [*rows, {"ratio": "1:1", "image": "secret.png"}]}, tmp_path / "images")
    assert [one.ratio for one in shown] == ["1:1", "9:16", "1.91:1"]
    assert list_sizes({}, tmp_path) == ()
