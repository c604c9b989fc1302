"""The feature cache: a part of it changes no number; entries of a person leave on request; versions stay in memory; words
read in a picture are kept under its pixels and the reader.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adcreative.catalog import read_catalog
from adcreative.creative import Creative
from adcreative.features.cache import FeatureCache, VersionCache, hash_picture
from adcreative.features.extraction import FeatureExtractor, LatestCodes, hash_of
from adcreative.features.word_readings import CachedReader, find_reader
from adcreative.verbs.loading import load_model, load_tools
from tests.features.test_features import FakeAnalyzer, FakeClip, FakeCodec, FakeHeadlines, build_extractor, picture
from tests.lettering.reading.drawn_ads import LINES, KnownReader, drawn_ad

FOLDER_LINES = (
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
    worded = [dataclasses.replace(one, primary_text=line) for one, line in zip(pictures, FOLDER_LINES, strict=False)]
    return [*worded, *(Creative(headline=line, row=100 + row) for row, line in enumerate(FOLDER_LINES))]


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


def is_gone(cache: FeatureCache, number: int) -> bool:
    return not list(cache.cache_dir.rglob(f"{hash_picture(picture(number))}-*.entry"))


def test_only_the_pictures_of_a_person_go(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    owners = {0: "c-ada", 1: "c-bob", 2: "c-ada; c-bob", 3: "", 4: "c-adam"}
    build_extractor(cache).extract([Creative(image_u8=picture(k), consent_id=who, headline="h") for k, who in owners.items()])
    assert cache.purge_person("c-ada") == 2
    assert [k for k in owners if is_gone(cache, k)] == [0, 2]
    assert cache.purge_person("c-ada") == 0
    assert cache.purge_person("c-bob") == 1  # the picture of both went with the first
    again = build_extractor(cache)
    again.extract([Creative(headline="h")])
    assert again.clip.num_texts == 0  # type: ignore[attr-defined]  # words are nobody's face


def test_a_picture_seen_before_without_the_id_or_by_other_encoders_goes_too(tmp_path: Path) -> None:
    path, cache = tmp_path / "ad.png", FeatureCache(tmp_path / "cache")
    Image.fromarray(picture(1)).save(path)
    build_extractor(cache, clip_hash="clip-0").extract([Creative(image_path=path)])
    build_extractor(cache).extract([Creative(image_path=path)])
    build_extractor(cache).extract([Creative(image_path=path, consent_id="c-ada")])  # known by the bytes of its file
    assert cache.purge_person("c-ada") == 3  # two encoders' entries, and which pixels the file holds
    assert [found for found in (tmp_path / "cache").rglob("*") if found.is_file()] == []


def test_two_creatives_with_one_picture_and_different_ids(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    for who in ("c-ada", "c-bob"):
        build_extractor(cache).extract([Creative(image_u8=picture(1), consent_id=who)])
    assert cache.purge_person("c-bob") == 1
    assert is_gone(cache, 1)


def test_a_picture_that_comes_back_is_known_again(tmp_path: Path) -> None:
    cache, ad = FeatureCache(tmp_path), Creative(image_u8=picture(1), consent_id="c-ada")
    extractor = build_extractor(cache)
    for _ in range(2):  # the same extractor: it remembers nobody
        extractor.extract([ad])
        assert cache.purge_person("c-ada") == 1


def test_the_index_shows_no_id(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    build_extractor(cache).extract([Creative(image_u8=picture(1), consent_id="c-ada; ../Ada Example")])
    assert cache.purge_person("../Ada Example") == 1
    build_extractor(cache).extract([Creative(image_u8=picture(1), consent_id="c-ada; ../Ada Example")])
    for found in tmp_path.rglob("*"):
        assert "ada" not in found.relative_to(tmp_path).as_posix().lower()
        assert found.is_dir() or b"Ada" not in found.read_bytes()


def test_without_ids_there_is_no_index(tmp_path: Path) -> None:
    build_extractor(FeatureCache(tmp_path)).extract([Creative(image_u8=picture(1))])
    assert not (tmp_path / "owners").exists()


class AnalyzerWithVersions(FakeAnalyzer):
    """Notes which picture it was asked to find the versions of."""

    def __init__(self) -> None:
        self.originals: list[np.ndarray] = []

    def for_versions(self, image_u8: np.ndarray, *, only_covered: bool = False) -> FakeAnalyzer:
        self.originals.append(image_u8)
        return FakeAnalyzer()


def test_versions_are_read_once_and_leave_nothing_in_the_cache_on_disk(tmp_path: Path) -> None:
    clip, analyzer = FakeClip(), AnalyzerWithVersions()
    extractor = FeatureExtractor(clip, FakeHeadlines(), analyzer, FakeCodec(), FeatureCache(tmp_path))
    original, version = picture(1), picture(2)
    extractor.extract([Creative(headline="Sleep", image_u8=original)])
    kept = sorted(tmp_path.rglob("*.entry"))
    versions = extractor.for_versions(original)
    assert [one is original for one in analyzer.originals] == [True]
    found = [versions.extract([Creative(headline="Sleep", image_u8=version, consent_id="anna")])[0] for _ in range(2)]
    assert (clip.num_images, clip.num_texts) == (2, 1)  # the words are known from the cache on disk
    assert [len(one.face_codes) for one in found] == [2, 2]
    assert sorted(tmp_path.rglob("*.entry")) == kept
    assert not list((tmp_path / "owners").glob("*"))
    assert versions.cache is not None
    assert versions.cache.purge_entries() == 1
    versions.extract([Creative(headline="Sleep", image_u8=version)])
    assert clip.num_images == 3


def test_a_face_that_a_version_leaves_as_it_is_is_encoded_once() -> None:
    asked: list[int] = []

    class CountingCodec(FakeCodec):
        def encode(self, aligned: list[np.ndarray]) -> np.ndarray:
            asked.append(len(aligned))
            return super().encode(aligned)

    codec = CountingCodec()
    codes, crops = LatestCodes(codec), [np.full((8, 8, 3), shade, np.uint8) for shade in (10, 20)]
    first, again = codes.encode(crops), codes.encode([crops[1].copy(), crops[0]])
    np.testing.assert_array_equal(first, again[::-1])
    assert (asked, codes.size, codes.content_hash) == ([1, 1], codec.size, hash_of(codec))
    extractor, pictures = FeatureExtractor(FakeClip(), FakeHeadlines(), FakeAnalyzer(), codec), [picture(1), picture(2)]
    for one, other in zip(
        *(
            e.extract([Creative(image_u8=image_u8) for image_u8 in pictures])
            for e in (extractor, extractor.for_versions(pictures[0]))
        ),
        strict=True,
    ):
        np.testing.assert_array_equal(one.face_codes, other.face_codes)  # type: ignore[union-attr]


def test_versions_in_memory_are_bounded_and_those_asked_for_last_stay() -> None:
    cache = VersionCache(None, max_entries=2)
    for number, key in enumerate("abac"):
        if cache.load(key) is None:
            cache.save(key, {"words": np.array([number])})
    assert [cache.load(key) is None for key in "abc"] == [False, True, False]
    assert cache.purge_entries() == 2


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
