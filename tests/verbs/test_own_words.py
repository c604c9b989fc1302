"""Words of the user's own: used whatever the models and the rules say, and the row says what both say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from adcreative import pipeline
from adcreative.errors import ConfigError
from adcreative.lettering.reading.reader import has_reader, load_reader
from adcreative.lettering.reading.words import read_words

SMALL: dict[str, Any] = {"population": 4, "generations": 1, "copywriter": "template", "seed": 3}
OWN = "The cheapest beds in the world, guaranteed!!"


@pytest.fixture
def words(tmp_path: Path) -> Path:
    folder = tmp_path / "ads"
    folder.mkdir()
    lines = ("Sleep better tonight", "Beds for small rooms")
    (folder / "metadata.csv").write_text("headline,brand\n" + "".join(f"{line},Somnia\n" for line in lines))
    return folder


def read(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def test_a_line_of_ones_own_is_used_and_its_change_and_what_the_rules_say_stand_in_the_row(words: Path, tmp_path: Path) -> None:
    pipeline.optimize(words, tmp_path / "run", headline=OWN, base_rate=0.04, **SMALL)
    for row in read(tmp_path / "run"):
        assert (row["status"], row["headline_edited"], row["is_own_choice"]) == ("edited", OWN, True)
        assert row["uplift_low"] < row["uplift_high"]
        assert row["ctr_edited"] > 0
        assert "words written by hand" in row["reason"]
        assert "the rules say of your headline: " in row["reason"]
        assert "cheapest" in row["reason"]
        assert "expect a change of " in row["reason"]
        assert "the models prefer" not in row["reason"]


def test_without_results_of_the_account_nothing_is_promised_and_the_words_are_used(words: Path, tmp_path: Path) -> None:
    pipeline.optimize(words, tmp_path / "run", headline="Beds for small rooms and good nights", **SMALL)
    rows = read(tmp_path / "run")
    assert {row["headline_edited"] for row in rows} == {"Beds for small rooms and good nights"}
    assert all(row["ctr_edited"] is None and "the models prefer" not in row["reason"] for row in rows)


def test_words_that_the_ad_has_already_promise_no_change(words: Path, tmp_path: Path) -> None:
    """Without a face, a picture or another button, nothing is left to change: no interval about zero is told."""
    pipeline.optimize(words, tmp_path / "run", headline="Sleep better tonight", base_rate=0.04, **SMALL)
    same, other = read(tmp_path / "run")
    assert same["edits"] == []
    assert same["reason"].startswith("words written by hand; they are what the ad says already, so nothing changes")
    assert "expect a change of" not in same["reason"]
    assert "expect a change of" in other["reason"]


def test_words_in_another_language_are_called_that_and_used(words: Path, tmp_path: Path) -> None:
    pipeline.optimize(words, tmp_path / "run", headline="Betten für kleine Zimmer und ruhige Nächte", **SMALL)
    for row in read(tmp_path / "run"):
        assert row["headline_edited"].startswith("Betten")
        assert row["reason"].endswith("the rules say of your headline: is in German, and the ad in English")


def test_a_run_with_other_own_words_is_another_run(words: Path, tmp_path: Path) -> None:
    pipeline.optimize(words, tmp_path / "run", headline="Beds for good nights", **SMALL)
    with pytest.raises(ConfigError, match="own_words"):
        pipeline.optimize(words, tmp_path / "run", headline="Beds for bad nights", **SMALL)


@pytest.mark.slow
def test_a_language_model_that_does_not_answer_is_named_where_the_run_ends(words: Path, tmp_path: Path) -> None:
    summary = pipeline.optimize(words, tmp_path / "run", **{**SMALL, "copywriter": "http://127.0.0.1:9/v1"})
    (said,) = (warning for warning in summary.warnings if "language model" in warning)
    assert said.startswith(f"For {summary.done} of {summary.done} creatives server:127.0.0.1:9 failed, so the template grammar")
    assert "did not answer" in said
    assert not [w for w in pipeline.optimize(words, tmp_path / "plain", **SMALL).warnings if "failed" in w]


@pytest.mark.skipif(not has_reader(), reason="reads pictures")
def test_a_headline_of_ones_own_stands_in_the_picture_that_is_delivered(tmp_path: Path) -> None:
    folder = tmp_path / "ads"
    folder.mkdir()
    drawn = Image.new("RGB", (640, 640), (244, 238, 226))
    font = ImageFont.load_default(44)
    ImageDraw.Draw(drawn).text((40, 60), "Sleep better tonight", font=font, fill=(40, 40, 90))
    drawn.save(folder / "ad.png")
    (folder / "metadata.csv").write_text("file_name,headline,brand\nad.png,Sleep better tonight,Somnia\n")
    pipeline.optimize(folder, tmp_path / "run", headline="Beds for small rooms", look=False, **SMALL)
    (row,) = read(tmp_path / "run")
    assert (row["headline_edited"], row["words_in_picture"]) == ("Beds for small rooms", "headline set into the picture")
    with Image.open(tmp_path / "run" / row["edited_image"]) as finished:
        delivered = np.array(finished.convert("RGB"))
    (block,) = read_words(delivered, load_reader()).blocks
    assert block.text == "Beds for small rooms"
    np.testing.assert_array_equal(delivered[200:], np.array(drawn)[200:])
