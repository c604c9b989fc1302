"""Ads are laid out in further shapes, scored and checked: their edits, or themselves where they are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adcreative.creative import Creative, EditResult
from adcreative.lettering import SizedPicture, arrange
from adcreative.problem import Problem
from adcreative.progress import Count, uncounted
from adcreative.report.sizes import list_sizes
from adcreative.runs.folder import Makers
from adcreative.verbs import sizes
from adcreative.verbs.score_table import move_rate
from adcreative.verbs.sizes import state_rate, write_sizes
from tests.lettering.reading.drawn_ads import drawn_ad
from tests.verbs.test_read_pictures import Extractor, Predictor


def outcome(status: str) -> SimpleNamespace:
    result = EditResult(file_name="ad.png", status=status, headline_edited="Sleep well", cta_edited="Go")
    return SimpleNamespace(result=result, image_u8=drawn_ad())


def write(tmp_path: Path, status: str = "edited", tell: Count = uncounted) -> list[dict]:
    tools = SimpleNamespace(
        analyzer=SimpleNamespace(analyze=lambda image_u8: []), extractor=Extractor(), predictor=Predictor(), text_reader=None,
        inpainter=None,
    )  # fmt: skip
    ad, ratios = Creative(file_name="ad.png", headline="Sleep", platform="meta"), ("1:1", "9:16", "1.91:1")
    return write_sizes(ad, outcome(status), ratios, tools, tmp_path, stem="00001-ad", makers=Makers(), tell=tell)


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


def test_a_shape_that_fails_says_why_and_fits_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def arrange_cut(*args: Any, **options: Any) -> list[SizedPicture]:
        return [replace(one, problems=(Problem("words_cut", words="Sleep"),)) for one in arrange(*args, **options)]

    monkeypatch.setattr(sizes, "arrange", arrange_cut)
    for row in write(tmp_path):
        assert row["fits"] == []
        assert 'the shape cuts words ("Sleep")' in row["notes"]


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
