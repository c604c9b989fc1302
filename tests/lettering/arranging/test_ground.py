"""The ground that a picture gets in another shape: plain lines go on, a photograph is never drawn out."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from adcreative.lettering.arranging.ground import SOFT, blurred_cover, extend_ground, extends_plainly, resized

SIDE, PANEL = 200, (30, 60, 120)


def texture(seed: int = 0) -> np.ndarray:
    """A photograph's kind of ground: soft things of all colours."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(SIDE, SIDE, 3)), (5.0, 5.0, 0.0))
    return (128 + 1_200 * noise).clip(0, 255).astype(np.uint8)


def half_panel() -> np.ndarray:
    image_u8 = texture()
    image_u8[: SIDE // 2] = PANEL
    return image_u8


def test_the_old_picture_stays_as_it_was_where_only_plain_ground_is_added() -> None:
    image_u8 = half_panel()
    assert extends_plainly(image_u8, 0, 40, SIDE, SIDE + 40)
    laid = extend_ground(image_u8, 0, 40, SIDE, SIDE + 40)
    np.testing.assert_array_equal(laid[40:], image_u8)
    cut = extend_ground(image_u8, -20, 30, 150, 230)
    np.testing.assert_array_equal(cut[30:], image_u8[:, 20:170])


@pytest.mark.parametrize("turn", range(4))
def test_a_photograph_lies_on_a_blurred_copy_and_is_not_drawn_out_or_mirrored(turn: int) -> None:
    image_u8 = np.rot90(texture(), turn)
    assert not extends_plainly(image_u8, 0, 0, SIDE, SIDE + 60)
    laid = extend_ground(image_u8, 0, 0, SIDE, SIDE + 60).astype(float)
    new = laid[SIDE : SIDE + 60]
    assert np.abs(np.diff(ndimage.gaussian_filter(new, (2, 2, 0)), axis=1)).mean() < 1.0  # nothing of it is sharp
    assert laid[SIDE:].mean() < 0.8 * image_u8.mean()  # and it is darker
    seam = round(SOFT * SIDE) + 1
    np.testing.assert_array_equal(laid[: SIDE - seam], image_u8[: SIDE - seam])


@pytest.mark.parametrize("turn", range(4))
def test_a_badge_near_the_rim_is_not_shown_once_more(turn: int) -> None:
    badged = texture()
    badged[30:60, SIDE - 45 : SIDE - 15] = (255, 0, 0)
    laid = extend_ground(np.rot90(badged, turn), 150, 150, SIDE + 300, SIDE + 300).astype(int)
    laid[150 : 150 + SIDE, 150 : 150 + SIDE] = 0
    assert (laid[:, :, 0] - laid[:, :, 1]).max() < 130  # a soft red at most


def test_a_sky_does_not_go_on_beside_a_blurred_copy_of_what_stands_in_it() -> None:
    sky = np.full((SIDE, SIDE, 3), PANEL, np.uint8)
    share = np.linspace(0.0, 1.0, SIDE - 60)[:, None, None] ** 2
    sky[60:] = share * (texture()[60:].astype(float) - PANEL) + PANEL
    beside = extend_ground(sky, 100, 0, SIDE + 200, SIDE)[:, :60].astype(float).mean(axis=1)  # [SIDE, 3]
    steps = np.abs(np.diff(ndimage.gaussian_filter1d(beside, 2.0, axis=0), axis=0)).max(axis=1)
    assert steps.max() < 1.5  # no edge where the sky ends


def test_a_panel_beside_a_photograph_stays_a_panel_to_the_rim() -> None:
    laid = extend_ground(half_panel(), 150, 0, SIDE + 300, SIDE)
    for columns in (laid[: SIDE // 2 - 4, :150], laid[: SIDE // 2 - 4, 350:]):
        np.testing.assert_allclose(columns.reshape(-1, 3).mean(axis=0), PANEL, atol=3.0)
        assert columns.astype(float).std(axis=(0, 1)).max() < 4.0


@pytest.mark.parametrize("turn", range(4))
def test_a_panel_with_words_on_it_goes_on_as_a_panel(turn: int) -> None:
    image_u8 = half_panel()
    image_u8[30:50, 40:160:4] = 250  # letters
    laid = extend_ground(np.rot90(image_u8, turn), 150, 150, SIDE + 300, SIDE + 300)
    beside = np.rot90(laid, -turn)[150 : 150 + SIDE // 2 - 4]
    for columns in (beside[:, :150], beside[:, 350:]):
        np.testing.assert_allclose(columns.reshape(-1, 3).mean(axis=0), PANEL, atol=3.0)
        assert columns.astype(float).std(axis=(0, 1)).max() < 4.0


def test_a_plain_stretch_of_a_photographs_edge_is_not_drawn_out() -> None:
    image_u8 = texture()
    image_u8[60:140, -30:] = 230  # a bright wall that ends at the rim
    laid = extend_ground(image_u8, 0, 0, SIDE + 100, SIDE)
    assert laid[60:140, SIDE + 20 :].mean() < 190


def test_a_gradient_goes_on_and_is_not_turned_back() -> None:
    ramp = np.linspace(40.0, 120.0, SIDE)
    image_u8 = np.repeat(np.repeat(ramp[None, :, None], SIDE, axis=0), 3, axis=2).round().astype(np.uint8)
    laid = extend_ground(image_u8, 0, 0, SIDE + 80, SIDE).astype(float)
    assert abs(laid[:, -1].mean() - 120.0) < 4.0


def test_more_ground_than_the_picture_has_is_laid_too() -> None:
    laid = extend_ground(texture(), 500, 450, 1_300, 1_200)
    assert laid.shape == (1_200, 1_300, 3)
    assert 40 < laid.mean() < 200


def test_a_blurred_copy_is_lighter_under_dark_letters() -> None:
    image_u8 = texture()
    assert blurred_cover(image_u8, 300, 100, darker=False).mean() > image_u8.mean() + 20
    assert blurred_cover(image_u8, 300, 100).shape == (100, 300, 3)


def test_a_picture_at_its_own_size_is_itself() -> None:
    image_u8 = texture()
    assert resized(image_u8, 1.0) is image_u8
    assert resized(image_u8, 1.5).shape == (300, 300, 3)


@pytest.mark.parametrize("turn", [0, 1])
def test_a_drawn_shape_at_the_rim_goes_on_in_its_colour(turn: int) -> None:
    drawn = Image.new("RGB", (200, 200), (255, 209, 102))
    ImageDraw.Draw(drawn).ellipse((-60, -60, 120, 120), fill=(239, 71, 111))
    image_u8 = np.rot90(np.asarray(drawn), -turn)
    assert extends_plainly(image_u8, 0, 100, 200, 300)
    wider = extend_ground(image_u8, 0, 100, 200, 300)
    assert np.array_equal(wider[100:], image_u8)
    assert len(np.unique(wider.reshape(-1, 3), axis=0)) == 2
    assert np.array_equal(wider[0], image_u8[0])
