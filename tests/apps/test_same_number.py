"""The same bytes get the same number from the app, the command line and the API, also when their words stand in the picture."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PIL import Image

from adcreative import pipeline
from adcreative.creative import Creative
from adcreative.lettering.reading.reader import has_reader
from apps.studio.handlers.one_ad import Handlers
from tests.lettering.reading.drawn_ads import drawn_ad

pytestmark = pytest.mark.skipif(not has_reader(), reason="reads pictures")


@pytest.mark.parametrize("headline", ["", "Sleep better tonight"])
def test_app_command_and_api_agree_on_an_ad_that_says_its_words_in_its_picture(tmp_path: Path, headline: str) -> None:
    (tmp_path / "ads").mkdir()
    path = tmp_path / "ads" / "ad.png"
    Image.fromarray(drawn_ad()).save(path)
    (tmp_path / "ads" / "metadata.csv").write_text(f"file_name,headline,brand\nad.png,{headline},Somnia\n")
    studio = pipeline.Studio()
    ad = Creative(image_path=path, headline=headline, brand="Somnia")
    said = studio.score_one(ad)
    assert studio.score_one(ad, read_pictures=False).ctr != said.ctr
    assert studio.stand_one(ad).prediction.ctr == said.ctr
    pipeline.score(tmp_path / "ads", tmp_path / "scores.csv", base_rate=said.ctr)
    with (tmp_path / "scores.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["ctr"]) == pytest.approx(said.ctr, abs=1e-6)
    handlers = Handlers(studio=studio, result_dir=tmp_path / "results")
    _, record = handlers.score("anna", image_path=str(path), headline=headline, brand="Somnia")
    assert record["ctr"] == said.ctr
