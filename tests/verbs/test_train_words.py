"""Words in pictures take a second each to read: `train` learns from those that ads bring first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from adcreative import pipeline
from adcreative.creative import Creative
from adcreative.ctr.account import fitting
from adcreative.features.batch import CreativeFeatures
from adcreative.verbs import loading, train


class Fitted:
    def __init__(self, parts: set[str]) -> None:
        self.rate_parts = parts

    def save(self, folder: Path) -> str:
        return folder.name

    def card(self, name: str) -> dict[str, Any]:
        return {}


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

    def fill(creatives: Iterable[Creative], reader: Any) -> Iterator[Creative]:
        for one in creatives:
            read.append(one)
            yield one

    def fit(creatives: Any, features: Any, **_: Any) -> tuple[Fitted, ...]:
        fits.append(len(creatives))
        return (Fitted(parts),) * 3

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
    assert any("words in pictures were not read" in one for one in done.warnings) == (num_read == 0)
