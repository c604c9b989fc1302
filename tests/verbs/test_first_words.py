"""Long work says what it does before it does it, and stops between two pictures."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adcreative import pipeline
from adcreative.lettering.reading.reader import TextLine
from adcreative.verbs import train as verb


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
