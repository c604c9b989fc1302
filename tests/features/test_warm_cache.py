"""The real encoders over a folder of which the cache knows a part: every number is that of an empty cache, to the last bit."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adcreative.catalog import read_catalog
from adcreative.creative import Creative
from adcreative.features.cache import FeatureCache
from adcreative.features.extraction import FeatureExtractor
from adcreative.verbs.loading import load_model, load_tools

LINES = (
    "Run far",
    "Courez plus loin, sans douleur",
    "Sleep better tonight: 7 habits that doctors keep to themselves",
    "走得更远",
    "50 % off until Sunday!",
    "Why do people who never run buy the most expensive shoes in the whole shop?",
)


@pytest.fixture(scope="module")
def creatives(ad_folder: Path) -> list[Creative]:
    pictures = read_catalog(ad_folder).creatives[:4]
    worded = [dataclasses.replace(one, primary_text=line) for one, line in zip(pictures, LINES, strict=False)]
    return [*worded, *(Creative(headline=line, row=100 + row) for row, line in enumerate(LINES))]


def extractor(cache_dir: Path) -> FeatureExtractor:
    shared = load_tools().extractor
    return FeatureExtractor(
        shared.clip, shared.headline_model, shared.analyzer, shared.codec, FeatureCache(cache_dir), sharing=shared.sharing
    )


def as_lists(found: Sequence[Any]) -> list[dict[str, Any]]:
    return [{name: repr(np.asarray(value).tolist()) for name, value in vars(one).items()} for one in found]


def test_a_partly_warm_cache_gives_the_bits_of_a_cold_one(creatives: list[Creative], tmp_path: Path) -> None:
    rng, predictor = np.random.default_rng(3), load_model().predictor
    seen = extractor(tmp_path / "cold").extract(creatives)
    cold, rates = as_lists(seen), predictor.predict(creatives, seen)  # type: ignore[arg-type]
    for trial in range(2):
        warm = extractor(tmp_path / f"warm{trial}")
        known = rng.permutation(len(creatives))[: rng.integers(1, len(creatives))]
        for part in np.array_split(known, 3):
            warm.extract([creatives[row] for row in part])
        found = warm.extract(creatives)
        assert as_lists(found) == cold
        assert predictor.predict(creatives, found) == rates  # type: ignore[arg-type]
