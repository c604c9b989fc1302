"""Shadows of letters are found on grounds that nobody knows, leave no ghost when the letters go, and are cast by new ones."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from adcreative.lettering.erasing.erasing import erase_block
from adcreative.lettering.erasing.shadows import Shadow, _slopes, find_shadow
from adcreative.lettering.reading.blocks import BlockLine, TextBlock
from adcreative.lettering.reading.reader import load_reader
from adcreative.lettering.setting.fonts import typefaces
from adcreative.lettering.setting.glyphs import Lettering
from tests.lettering.reading.drawn_ads import drawn_ad
from tests.lettering.setting.test_setting import AD, needs_reader, setter

SHADOW = Shadow(end=0.0, strength=0.6, shift_px=(3.0, 1.0), blur_px=5.0)
HEIGHT, WIDTH, PLACE = 160, 560, (40, 100)
WHITE = np.full(3, 255.0)


def cloth() -> np.ndarray:
    """Return an uneven ground [H, W, 3] with folds."""
    rng = np.random.default_rng(4)
    folds = ndimage.gaussian_filter(rng.normal(size=(HEIGHT, WIDTH)), (12.0, 5.0))
    threads = ndimage.gaussian_filter(rng.normal(size=(HEIGHT, WIDTH)), 1.0)
    light = 150.0 + 40.0 * folds / folds.std() * 0.5 + 8.0 * threads / threads.std()
    return np.stack([light, 0.8 * light, 0.6 * light], axis=2).round().clip(0, 255).astype(np.uint8)


def as_jpeg(image_u8: np.ndarray, quality: int) -> np.ndarray:
    """Return a picture [H, W, 3] as it comes out of a JPEG file with halved colours."""
    buffer = io.BytesIO()
    Image.fromarray(image_u8).save(buffer, "JPEG", quality=quality, subsampling=2)
    return np.asarray(Image.open(buffer).convert("RGB"))


def letters() -> tuple[np.ndarray, TextBlock]:
    """Return how far a line covers the picture [H, W], and its block."""
    drawn, left, top = Lettering.plain(typefaces()[1], 58.0).draw("Soft mornings here", PLACE[0], PLACE[1])
    coverage = np.zeros((HEIGHT, WIDTH), np.float32)
    coverage[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    rows, columns = np.flatnonzero((coverage > 0.5).any(axis=1)), np.flatnonzero((coverage > 0.5).any(axis=0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    line = BlockLine(text="Soft mornings here", box=box, confidence=0.99)
    return coverage, TextBlock(lines=(line,), colour=(255, 255, 255), ground=(150, 120, 90), residual=20.0)


def lettered(ground_u8: np.ndarray, coverage: np.ndarray, shadow: Shadow | None, ink: np.ndarray = WHITE) -> np.ndarray:
    shaded = ground_u8 if shadow is None else shadow.cast(ground_u8, coverage)
    return (shaded * (1.0 - coverage[:, :, None]) + ink * coverage[:, :, None]).round().astype(np.uint8)


@pytest.mark.parametrize("ground_u8", [cloth(), np.full((HEIGHT, WIDTH, 3), 140, np.uint8)], ids=["cloth", "plain"])
def test_a_shadow_is_found_and_none_where_there_is_none(ground_u8: np.ndarray) -> None:
    coverage, block = letters()
    found = find_shadow(lettered(ground_u8, coverage, SHADOW), block, coverage)
    assert found is not None
    assert found.end == 0.0
    assert abs(found.strength - SHADOW.strength) < 0.1
    assert abs(found.blur_px - SHADOW.blur_px) < 1.5
    assert np.abs(np.subtract(found.shift_px, SHADOW.shift_px)).max() < 1.0
    assert find_shadow(lettered(ground_u8, coverage, None), block, coverage) is None


@pytest.mark.parametrize("quality", [85, 75])
def test_the_overshoot_of_compression_is_no_glow(quality: int) -> None:
    coverage, block = letters()
    picture = lettered(np.full((HEIGHT, WIDTH, 3), 235, np.uint8), coverage, None, np.array([20.0, 20.0, 30.0]))
    dark = TextBlock(lines=block.lines, colour=(20, 20, 30), ground=(235, 235, 235), residual=2.0)
    assert find_shadow(as_jpeg(picture, quality), dark, coverage) is None
    nothing = np.ones_like(coverage)  # of which nothing is ground
    assert find_shadow(picture, dark, nothing) is None


HARD = [
    Shadow(end=0.0, strength=part, shift_px=(dy, dx), blur_px=0.0) for part, dy, dx in ((1.0, 2, 2), (0.55, 3, 1), (0.5, 2, -4))
]


@pytest.mark.parametrize("shadow", HARD)
@pytest.mark.parametrize("ground_u8", [cloth(), np.full((HEIGHT, WIDTH, 3), 140, np.uint8)], ids=["cloth", "plain"])
def test_a_hard_shadow_is_found_to_the_pixel_and_goes_with_its_letters(ground_u8: np.ndarray, shadow: Shadow) -> None:
    coverage, block = letters()
    picture = lettered(ground_u8, coverage, shadow)
    found = find_shadow(picture, block, coverage)
    assert found is not None
    assert found.is_hard
    assert found.shift_px == shadow.shift_px
    assert abs(found.strength - shadow.strength) < 0.08
    erased, mask = erase_block(picture, block, letters=coverage, shadow=found)
    assert (erased[~mask] == picture[~mask]).all()
    under = shadow.cover(coverage) > 0.3
    assert np.percentile(np.abs(erased.astype(int) - ground_u8)[under], 95) < 45  # the folds' own light varies by so much
    assert (ndimage.gaussian_filter(erased.mean(axis=2), 2.0)[under] > 60).all()


def test_dark_letters_glow() -> None:
    coverage, block = letters()
    glow = Shadow(end=255.0, strength=0.7, shift_px=(0.0, 0.0), blur_px=4.0)
    dark = TextBlock(lines=block.lines, colour=(20, 20, 20), ground=block.ground, residual=20.0)
    found = find_shadow(lettered(cloth() // 2, coverage, glow, np.full(3, 20.0)), dark, coverage)
    assert found is not None
    assert found.end == 255.0
    assert abs(found.strength - glow.strength) < 0.12


def test_what_is_cast_is_lifted() -> None:
    coverage, _ = letters()
    ground_u8 = cloth()
    back = SHADOW.lift(SHADOW.cast(ground_u8, coverage), coverage)
    assert np.abs(back.astype(int) - ground_u8).max() <= 2
    far = ndimage.distance_transform_edt(coverage == 0.0) > 24
    assert (SHADOW.cast(ground_u8, coverage)[far] == ground_u8[far]).all()
    nothing = np.zeros_like(coverage)
    assert (SHADOW.cast(ground_u8, nothing) == ground_u8).all()


def test_letters_go_without_a_ghost_of_their_shadow() -> None:
    coverage, block = letters()
    ground_u8 = cloth()
    picture = lettered(ground_u8, coverage, SHADOW)
    beside = ndimage.binary_dilation(coverage > 0.0, iterations=12) & ~ndimage.binary_dilation(coverage > 0.0, iterations=3)
    shadow = find_shadow(picture, block, coverage)
    erased, mask = erase_block(picture, block, letters=coverage, shadow=shadow)
    assert (erased[~mask] == picture[~mask]).all()
    before, after = (float(np.abs(one.astype(int) - ground_u8)[beside].mean()) for one in (picture, erased))
    assert before > 6.0
    assert after < 0.35 * before


def test_new_letters_cast_the_shadow_of_the_old_ones() -> None:
    ground_u8 = np.full((480, 480, 3), 90, np.uint8)
    plain = drawn_ad(ground_u8)
    coverage = np.zeros((480, 480), np.float32)
    coverage[100:230, 20:330] = (plain[100:230, 20:330] < 75).all(axis=2)
    glow = Shadow(end=255.0, strength=0.6, shift_px=(2.0, 0.0), blur_px=4.0)
    shaded = glow.cast(ground_u8, coverage)
    picture = np.where(coverage[:, :, None] > 0, plain, np.where((plain == ground_u8).all(axis=2)[:, :, None], shaded, plain))
    sets = setter(picture)
    found = sets.prepared.shadow("headline")
    assert found is not None
    assert found.end == 255.0
    assert abs(found.strength - glow.strength) < 0.15
    assert np.abs(sets.without("headline")[90:236, 10:340].astype(int) - ground_u8[90:236, 10:340]).mean() < 3.0
    assert sets.prepared.shadow("cta") is None


@needs_reader
def test_words_with_a_hard_shadow_are_set_with_it() -> None:
    ground_u8 = np.full((480, 480, 3), 120, np.uint8)
    plain = drawn_ad(ground_u8)
    coverage = np.zeros((480, 480), np.float32)
    coverage[100:230, 20:330] = (plain[100:230, 20:330] < 105).all(axis=2)
    hard = Shadow(end=255.0, strength=0.6, shift_px=(2.0, 2.0), blur_px=0.0)
    shaded = hard.cast(ground_u8, coverage)
    picture = np.where(coverage[:, :, None] > 0, plain, np.where((plain == ground_u8).all(axis=2)[:, :, None], shaded, plain))
    sets = setter(picture, reader=load_reader())
    found = sets.prepared.shadow("headline")
    assert found is not None
    assert found.is_hard
    assert found.shift_px == hard.shift_px
    change = sets.change(AD | {"headline": "Rest for every room"})
    assert change.done == ("headline",), change.note
    light = int(change.apply(picture)[90:236, 10:340].max())
    assert light > 180  # the new shadow
    assert np.abs(sets.without("headline")[90:236, 10:340].astype(int) - ground_u8[90:236, 10:340]).max() < 12


@pytest.mark.parametrize("colour", [(179, 38, 30), (250, 210, 40)])  # darker and lighter than the ground
def test_an_opaque_hard_shadow_keeps_its_colour(colour: tuple[int, int, int]) -> None:
    coverage, block = letters()
    hard = Shadow(end=colour, strength=1.0, shift_px=(3.0, 2.0), blur_px=0.0)
    found = find_shadow(lettered(cloth(), coverage, hard), block, coverage)
    assert found is not None
    assert found.is_hard
    assert found.shift_px == hard.shift_px
    assert found.strength == 1.0
    assert np.abs(np.subtract(found.end, colour)).max() <= 4
    cast = found.cast(cloth(), coverage)[np.roll(coverage, (3, 2), (0, 1)) > 0.99]
    assert np.abs(cast.astype(int) - colour).max() <= 4


def test_a_hard_shadow_of_half_black_stays_one() -> None:
    coverage, block = letters()
    hard = Shadow(end=0.0, strength=0.5, shift_px=(3.0, 2.0), blur_px=0.0)
    found = find_shadow(lettered(np.full_like(cloth(), 140), coverage, hard), block, coverage)
    assert found is not None
    assert found.end == 0.0
    assert abs(found.strength - 0.5) < 0.05


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_slopes_are_those_of_numpy_to_the_last_bit(dtype: type[np.floating]) -> None:
    values = np.random.default_rng(3).normal(size=(37, 51)).astype(dtype)
    found = _slopes(values)
    assert found.dtype == dtype
    assert np.array_equal(found, np.stack(np.gradient(values)))
