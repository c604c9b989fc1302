"""What `purge --consent-id` removes of the feature cache, on entries that an extractor wrote."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from adcreative.creative import Creative
from adcreative.features.cache import FeatureCache, hash_picture
from tests.features.test_features import build_extractor, picture


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
