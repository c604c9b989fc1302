"""The blind look at pairs: guesses are held against the key, and the key says where the original lies."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adcreative.creative import Creative
from adcreative.market.lines import AdWords
from tests.bench import blind_pairs
from tests.bench.blind_pairs import LANGUAGES, Pair, count_right, write_pairs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pairs of a dark original and a light picture with new words."""

    ads = [(Creative(headline=f"ad {k}"), LANGUAGES["de"][0][1]) for k in range(18)]

    def make(ad: Creative, new: AdWords, kind: int) -> Pair | None:
        dark, light = (np.full((40, 30, 3), value, np.uint8) for value in (10, 240))
        return None if ad.headline == "ad 0" else Pair(before=dark, after=light, note=ad.headline)

    monkeypatch.setattr(blind_pairs, "make_pair", make)
    assert write_pairs(tmp_path, 3, 9, ads) == 9
    return tmp_path


def test_the_key_tells_the_side_of_the_original_and_both_sides_occur(folder: Path) -> None:
    key = json.loads((folder / "key.json").read_text())
    seen = []
    for sheet in sorted(folder.glob("sheet-*.png")):
        pixels = np.asarray(Image.open(sheet).convert("L"))
        seen += ["A" if pixels[row, 5] < 128 else "B" for row in range(40, pixels.shape[0], 60)]
    assert seen == [one["original"] for one in key]
    assert set(seen) == {"A", "B"}
    assert [one["note"] for one in key] == [f"ad {k}" for k in range(1, 10)]  # what is refused makes no pair


def test_guesses_are_counted_and_a_pair_without_one_is_left_out(folder: Path) -> None:
    right = "".join(one["original"] for one in json.loads((folder / "key.json").read_text()))
    other = {"A": "B", "B": "A"}[right[0]]
    assert count_right(folder, right).endswith("right in 9 of 9")
    assert count_right(folder, f"{other}-{right[2:]}").endswith("right in 7 of 8")


def test_as_many_guesses_as_pairs_are_needed(folder: Path) -> None:
    with pytest.raises(ValueError, match="3 guesses for 9 pairs"):
        count_right(folder, "ABA")
