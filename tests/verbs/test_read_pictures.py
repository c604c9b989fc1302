"""Ads without words are scored, checked and explained by the words in their pictures; ads with words are not opened for it."""

from __future__ import annotations

import csv
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from adcreative import pipeline
from adcreative.catalog.tables import write_failures, write_rows
from adcreative.creative import Creative
from adcreative.features.picture_fields import NO_HEADLINE, describe_reading, fill_from_pictures, name_read_fields
from adcreative.lettering.reading.reader import TextLine, has_reader
from adcreative.runs.batch import RunSummary
from adcreative.verbs import score
from adcreative.verbs.folder_scores import score_folder
from adcreative.verbs.score import _Scorer
from adcreative.verbs.score_table import SCORE_COLUMNS
from adcreative.verbs.settings import ScoreSettings
from tests.lettering.reading.drawn_ads import BODY, HEADLINE, LABEL, LINES, KnownReader, drawn_ad, line

needs_reader = pytest.mark.skipif(not has_reader(), reason="reads pictures")


def write_ad(folder: Path, image_u8: np.ndarray, words: str = "") -> Path:
    folder.mkdir()
    Image.fromarray(image_u8).save(folder / "ad.png")
    (folder / "metadata.csv").write_text(f"file_name,headline,brand,platform\nad.png,{words},Somnia,meta\n")
    return folder


def row_of(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8-sig") as file:
        (row,) = csv.DictReader(file)
    return row


def test_only_ads_with_empty_fields_are_opened() -> None:
    reader = KnownReader()
    silent, told = Creative(image_u8=drawn_ad()), Creative(image_u8=drawn_ad(), headline="Mine", primary_text="Text", cta="Buy")
    wordless, kept, without_picture = fill_from_pictures([silent, told, Creative()], reader)
    assert (wordless.headline, wordless.description, wordless.cta) == (HEADLINE, BODY, LABEL)
    assert kept is told
    assert without_picture == Creative()
    assert reader.num_read == 1
    assert name_read_fields(wordless) == "headline, description, cta read from the picture"
    assert name_read_fields(told) == ""
    assert list(fill_from_pictures([silent])) == [silent]


def test_two_pictures_are_read_at_once() -> None:
    both, num_threads = threading.Barrier(2, timeout=30), torch.get_num_threads()

    class Reader(KnownReader):
        def read(self, image_u8: np.ndarray, whole: tuple[int, int] | None = None) -> list[TextLine]:
            both.wait()
            return super().read(image_u8)

    torch.set_num_threads(2)
    try:
        found = list(fill_from_pictures([Creative(image_u8=drawn_ad()), Creative(image_u8=drawn_ad(), brand="B")], Reader()))
    finally:
        torch.set_num_threads(num_threads)
    assert [(one.headline, one.brand) for one in found] == [(HEADLINE, ""), (HEADLINE, "B")]


def test_an_ad_with_some_words_keeps_them_and_gets_the_others_once() -> None:
    ours = Creative(image_u8=drawn_ad(), headline="Mine")
    (filled,) = fill_from_pictures([ours], KnownReader())
    assert (filled.headline, filled.description, filled.cta) == ("Mine", BODY, LABEL)
    assert name_read_fields(filled) == "description, cta read from the picture"
    told = Creative(image_u8=drawn_ad(), primary_text=HEADLINE.upper())
    (filled,) = fill_from_pictures([told], KnownReader())
    assert (filled.headline, filled.description, filled.cta) == ("", "", LABEL)  # the picture says again what the text says


def test_what_could_not_be_read_is_said_with_what_to_do() -> None:
    unsure = replace(LINES[1], confidence=0.65), replace(LINES[2], confidence=0.65)
    silent = Creative(image_u8=drawn_ad())
    (half,) = fill_from_pictures([silent], KnownReader([LINES[0], *unsure, *LINES[3:]]))
    assert (half.headline, half.cta) == ("", LABEL)
    assert (half.read_note, half.read_guess) == (NO_HEADLINE.format(guess=f', perhaps "{HEADLINE}"'), HEADLINE)
    assert describe_reading(half) == f"description, cta read from the picture; {half.read_note}"
    thai = replace(line("", 24, 108, 318, 166, 0.97), script="Thai")
    (hidden,) = fill_from_pictures([silent], KnownReader([LINES[0], thai]))
    assert hidden.read_note.startswith("the picture holds words in Thai script that could not be read")
    assert "no headline was read for sure" in hidden.read_note
    (typed,) = fill_from_pictures([replace(silent, headline="Mine")], KnownReader([LINES[0], thai]))
    assert "no headline" not in typed.read_note
    assert "Thai" in typed.read_note
    (wordless,) = fill_from_pictures([silent], KnownReader([]))
    assert wordless is silent


def test_a_picture_that_cannot_be_opened_is_left_to_others(tmp_path: Path) -> None:
    broken = Creative(file_name="x.png", image_path=tmp_path / "x.png")
    assert list(fill_from_pictures([broken], KnownReader())) == [broken]


class Extractor:
    cache = None

    def read_ahead(self, creatives: Any) -> None: ...

    def extract(self, creatives: Any) -> list[Any]:
        return [object() for _ in creatives]


class Predictor:
    notes: Mapping[str, object] = MappingProxyType({})
    content_hash = ""
    rate_parts = frozenset({"words"})

    def predict(self, creatives: Any, features: Any, history: Any = None) -> list[Any]:
        from adcreative.creative import Prediction

        return [Prediction(ctr=len(one.headline) / 1000, ctr_low=0, ctr_high=1, evidence="a formula.") for one in creatives]

    def grade(self, creative: Any, features: Any) -> dict[str, str]:
        return {"row": "none"}


@pytest.mark.parametrize(("read", "headline"), [(True, HEADLINE), (False, "")])
def test_a_score_rests_on_the_words_in_the_picture_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, read: bool, headline: str
) -> None:
    monkeypatch.setattr(score, "find_reader", lambda find_cache: KnownReader())
    silent = Creative(file_name="ad.png", image_u8=drawn_ad(), row=1)
    (row,) = _Scorer(Extractor(), Predictor(), tmp_path / "x.csv", "", read).score(((silent,), (), ()))
    assert row["ctr"] == len(headline) / 1000
    assert row["evidence"] == ("a formula; headline, description, cta read from the picture." if read else "a formula.")


@needs_reader
def test_check_holds_the_words_in_the_picture_to_the_rules(tmp_path: Path) -> None:
    ground = np.full((480, 480, 3), 95, np.uint8)  # dark letters on grey
    data = write_ad(tmp_path / "ads", drawn_ad(ground))
    row = row_of(pipeline.check(data, tmp_path / "checks.csv").path)
    assert "headline, description, cta read from the picture" in row["notes"]
    assert "has a contrast of" in row["notes"]
    unread = row_of(pipeline.check(data, tmp_path / "unread.csv", read_pictures=False).path)
    assert "read from" not in unread["notes"]
    assert "contrast" not in unread["notes"]


def test_a_scored_folder_gives_back_what_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that words in a picture can be judged like typed ones."""
    ads = write_ad(tmp_path / "ads", drawn_ad())

    def score_one(data: Path, out: Path, settings: ScoreSettings, **others: object) -> RunSummary:
        write_rows(out, [{"file_name": "ad.png", "ctr": 0.02}], SCORE_COLUMNS)
        write_failures(out.with_name("scores.failures.csv"), [])
        return RunSummary(path=out, done=1, failed=0)

    monkeypatch.setattr("adcreative.verbs.score.score", score_one)
    told: dict[str, Any] = {"progress": lambda *step: None, "should_stop": lambda: False}
    for reader, fields in ((KnownReader(), ("headline", "description", "cta")), (None, ())):
        found = score_folder(ads, tmp_path / "scores.csv", ScoreSettings(), reader=reader, **told)
        assert found is not None
        assert [(one.headline, one.read_fields) for one, _ in found.scored] == [(HEADLINE if fields else "", fields)]
