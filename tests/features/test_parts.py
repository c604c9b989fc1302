"""Only those parts of a picture are measured that somebody asks for."""

from __future__ import annotations

from typing import Any

import numpy as np

from adcreative.creative import Creative
from adcreative.features.batch import CreativeFeatures
from adcreative.features.cache import FeatureCache
from adcreative.features.extraction import FeatureExtractor
from tests.features.test_features import FakeAnalyzer, FakeClip, FakeCodec, FakeHeadlines

PICTURE = np.tile(np.arange(1, 97, dtype=np.uint8)[:, None, None], (1, 64, 3))


class Refuses:
    """An encoder that must not be asked for pictures."""

    content_hash = "refuses"
    size = 32

    def _refuse(self, *_: Any) -> Any:
        raise AssertionError("measured, though nobody asked")

    encode_images = analyze = encode = _refuse


class WordsOnly(Refuses, FakeClip):
    def __init__(self) -> None:
        FakeClip.__init__(self, "clip")


def measure(extractor: FeatureExtractor, **changes: Any) -> CreativeFeatures:
    (found,) = extractor.extract([Creative(file_name="ad.png", headline="Sleep", image_u8=PICTURE, **changes)])
    assert isinstance(found, CreativeFeatures)
    return found


def test_parts_that_nobody_asks_for_are_not_measured(tmp_path: Any) -> None:
    whole = FeatureExtractor(FakeClip("clip"), FakeHeadlines(), FakeAnalyzer(), FakeCodec(), FeatureCache(tmp_path))
    all_of_it = measure(whole)
    lazy: Any = FeatureExtractor(WordsOnly(), FakeHeadlines(), Refuses(), Refuses(), FeatureCache(tmp_path))
    words = measure(lazy.measuring({"words"}))
    assert words.image is None
    assert words.look is None
    assert words.text is not None
    assert all_of_it.text is not None
    assert (words.text == all_of_it.text).all()
    looks: Any = FeatureExtractor(WordsOnly(), FakeHeadlines(), FakeAnalyzer(), Refuses(), FeatureCache(tmp_path))
    seen = measure(looks.measuring({"words", "look"}))
    assert seen.image is None
    assert seen.look is not None
    assert all_of_it.look is not None
    assert (seen.look == all_of_it.look).all()
    assert (seen.face_shares == all_of_it.face_shares).all()
    assert np.isnan(seen.face_codes).all()
    again = measure(whole)
    assert again.image is not None  # what was kept without it is another entry


def test_an_ad_with_a_picture_alone_is_an_ad_though_its_picture_is_not_read() -> None:
    lazy: Any = FeatureExtractor(WordsOnly(), FakeHeadlines(), Refuses(), Refuses())
    (found,) = lazy.measuring(()).extract([Creative(file_name="ad.png", image_u8=PICTURE)])
    assert isinstance(found, CreativeFeatures)


class NoHeadlines(FakeHeadlines):
    """A model of lines that must not be asked."""

    def read(self, lines: list[str]) -> np.ndarray:
        raise AssertionError("read, though nobody asked")

    read_wording = read


def test_without_style_words_are_read_for_their_meaning_alone() -> None:
    extractor = FeatureExtractor(FakeClip("clip"), NoHeadlines(), FakeAnalyzer(), FakeCodec())
    words = measure(extractor.without_style(), description="Deeply")
    assert words.text is not None
    assert words.body is not None
    assert (words.appeal, words.wording, words.body_wording) == (None, None, None)
    whole = measure(FeatureExtractor(FakeClip("clip"), FakeHeadlines(), FakeAnalyzer(), FakeCodec()))
    assert (words.text == whole.text).all()
    assert whole.appeal is not None
