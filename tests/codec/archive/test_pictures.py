"""Pictures as differences: exact for every pair of pictures, whatever they hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcreative.codec.archive.pictures import (
    ColourMap,
    Patch,
    apply_map,
    apply_patch,
    decode_webp,
    encode_webp,
    fit_map,
    make_patch,
)
from adcreative.errors import ArtifactError


def random_picture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    levels = int(rng.integers(1, 256))
    return (rng.integers(0, levels, (height, width, 3)) * (255 // levels)).astype(np.uint8)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**31), height=st.integers(1, 40), width=st.integers(1, 40))
def test_map_and_patch_give_any_picture(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    base, image = random_picture(rng, height, width), random_picture(rng, height, width)
    mapped = apply_map(base, fit_map(base, image))
    patch = make_patch(mapped, image)
    found = mapped if patch is None else apply_patch(mapped, patch)
    assert np.array_equal(found, image)


def test_a_pointwise_edit_needs_no_patch() -> None:
    base = random_picture(np.random.default_rng(1), 30, 30)
    edited = np.clip(base * 1.3 - 20, 0, 255).astype(np.uint8)
    assert make_patch(apply_map(base, fit_map(base, edited)), edited) is None


def test_a_patch_covers_what_changed_and_no_more() -> None:
    before = np.zeros((20, 30, 3), np.uint8)
    after = before.copy()
    after[4:9, 11:17] = (1, 2, 3)
    patch = make_patch(before, after)
    assert patch is not None
    assert patch.box_xyxy_px == (11, 4, 17, 9)
    assert make_patch(before, before) is None


def test_the_key_is_a_colour_of_no_changed_pixel() -> None:
    before = np.full((4, 4, 3), 9, np.uint8)
    after = before.copy()
    after[0, 0], after[3, 3] = (0, 0, 0), (0, 0, 1)
    patch = make_patch(before, after)
    assert patch is not None
    assert patch.key == (0, 0, 2)
    assert np.array_equal(apply_patch(before, patch), after)


def test_what_does_not_fit_is_refused() -> None:
    picture = random_picture(np.random.default_rng(0), 8, 8)
    with pytest.raises(ArtifactError, match=r"has \(8, 8\) px instead of \(8, 9\)"):
        decode_webp(encode_webp(picture), (8, 9))
    with pytest.raises(ArtifactError, match="cannot be read"):
        decode_webp(b"RIFF", (8, 8))
    with pytest.raises(ArtifactError, match="lies outside its picture"):
        apply_patch(picture, Patch((0, 0, 9, 9), encode_webp(picture), (0, 0, 0)))
    with pytest.raises(ArtifactError, match="px instead of"):
        apply_map(picture, ColourMap((0,) * 12, encode_webp(picture)))
