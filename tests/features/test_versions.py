"""What is seen in versions of a picture is kept in memory, and their faces are looked for by a finder of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from adcreative.creative import Creative
from adcreative.features.cache import FeatureCache, VersionCache
from adcreative.features.extraction import FeatureExtractor, LatestCodes, hash_of
from tests.features.test_features import FakeAnalyzer, FakeClip, FakeCodec, FakeHeadlines, picture


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
