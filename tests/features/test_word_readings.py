"""What was read in a picture is kept under its pixels and the reader; other pixels and other readers are read anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from adcreative.features.cache import FeatureCache
from adcreative.features.word_readings import CachedReader, find_reader
from tests.lettering.reading.drawn_ads import LINES, KnownReader, drawn_ad


def test_a_picture_is_read_once_also_by_another_process(tmp_path: Path) -> None:
    reader, picture = KnownReader(), drawn_ad()
    first = CachedReader(lambda: FeatureCache(tmp_path), lambda: reader, "a").read(picture)
    second = CachedReader(lambda: FeatureCache(tmp_path), lambda: reader, "a").read(picture.copy())
    assert reader.num_read == 1
    assert [line.text for line in second] == [line.text for line in first] == [line.text for line in LINES]
    assert [line.confidence for line in second] == [line.confidence for line in LINES]
    assert all((one.quad_xy_px == other.quad_xy_px).all() for one, other in zip(first, second, strict=True))


def test_other_pixels_and_other_readers_are_read_anew(tmp_path: Path) -> None:
    reader, picture = KnownReader(), drawn_ad()
    CachedReader(lambda: FeatureCache(tmp_path), lambda: reader, "a").read(picture)
    CachedReader(lambda: FeatureCache(tmp_path), lambda: reader, "b").read(picture)
    changed = picture.copy()
    changed[0, 0] ^= 1
    CachedReader(lambda: FeatureCache(tmp_path), lambda: reader, "a").read(changed)
    assert reader.num_read == 3


def test_a_picture_without_words_is_remembered_as_one_and_no_cache_keeps_nothing(tmp_path: Path) -> None:
    reader, blank = KnownReader(lines=()), np.full((64, 64, 3), 200, np.uint8)
    for _ in range(2):
        assert CachedReader(lambda: FeatureCache(tmp_path), lambda: reader, "a").read(blank) == []
    assert reader.num_read == 1
    for _ in range(2):
        CachedReader(lambda: None, lambda: reader, "a").read(blank)
    assert reader.num_read == 3


def test_the_installed_reader_is_found_and_told_by_its_version() -> None:
    found = find_reader(lambda: None)
    assert found is None or found.content_hash.startswith("rapidocr-")
