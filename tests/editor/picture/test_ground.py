"""The ground that a picture gets in another shape: a panel stays a panel, a photograph is not drawn out into stripes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from adcreative.editor.picture.ground import _blur, extend_ground, texture_of_edges

SIDE, PANEL = 200, (30, 60, 120)


def texture(seed: int = 0) -> np.ndarray:
    """Wood-like ground: fine grain along slanted lines."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(SIDE, SIDE, 3)), (1.0, 4.0, 0.0))
    return (128 + 200 * noise).clip(0, 255).astype(np.uint8)


def half_panel() -> np.ndarray:
    image_u8 = texture()
    image_u8[: SIDE // 2] = PANEL
    return image_u8


def test_the_old_picture_stays_as_it_was() -> None:
    image_u8 = half_panel()
    laid = extend_ground(image_u8, 50, 30, 320, 280)
    np.testing.assert_array_equal(laid[30:230, 50:250], image_u8)
    cut = extend_ground(image_u8, -20, 30, 150, 280)
    np.testing.assert_array_equal(cut[30:230], image_u8[:, 20:170])


@pytest.mark.parametrize("turn", range(4))
def test_a_photograph_goes_on_mirrored_and_not_in_stripes(turn: int) -> None:
    image_u8 = np.rot90(texture(), turn)
    laid = extend_ground(image_u8, 0, 0, SIDE, SIDE + 60).astype(float)
    new, mirrored = laid[SIDE : SIDE + 60], image_u8[::-1][1:61].astype(float)
    assert np.corrcoef(new[0].ravel(), mirrored[0].ravel())[0, 1] > 0.9
    assert np.abs(new[0] - image_u8[-1]).mean() < 1.3 * np.abs(np.diff(image_u8.astype(float), axis=0)).mean()  # no step
    along = np.abs(np.diff(ndimage.gaussian_filter(new[:12], (0, 1, 0)), axis=0)).mean()
    assert along > 1.5  # a stripe would not change outward


@pytest.mark.parametrize("turn", range(4))
def test_a_badge_near_the_rim_is_not_shown_once_more(turn: int) -> None:
    badged = texture()
    badged[30:60, SIDE - 45 : SIDE - 15] = (255, 0, 0)
    plain, shown = (extend_ground(np.rot90(one, turn), 150, 150, SIDE + 300, SIDE + 300) for one in (texture(), badged))
    shown[150 : 150 + SIDE, 150 : 150 + SIDE] = plain[150 : 150 + SIDE, 150 : 150 + SIDE]
    np.testing.assert_array_equal(shown, plain)


def test_a_panel_beside_a_photograph_stays_a_panel_to_the_rim() -> None:
    image_u8 = half_panel()
    edges = texture_of_edges(image_u8)
    assert not edges["top"].any()
    assert edges["bottom"].all()
    for side in ("left", "right"):
        assert not edges[side][: SIDE // 2].any()
        assert edges[side][SIDE // 2 :].all()
    laid = extend_ground(image_u8, 150, 0, SIDE + 300, SIDE)
    for columns in (laid[: SIDE // 2 - 1, :150], laid[: SIDE // 2 - 1, 350:]):
        np.testing.assert_allclose(columns.reshape(-1, 3).mean(axis=0), PANEL, atol=3.0)
        assert columns.astype(float).std(axis=(0, 1)).max() < 4.0


def test_what_is_left_of_letters_at_a_panels_edge_is_no_texture() -> None:
    image_u8 = half_panel()
    image_u8[40:44, -3:] = np.array(PANEL) - 12
    assert not texture_of_edges(image_u8)["right"][: SIDE // 2].any()
    image_u8[40:44, -6:] = 20  # a thing that touches the edge is one
    assert texture_of_edges(image_u8)["right"][40:44].all()


def test_a_gradient_goes_on_and_is_not_turned_back() -> None:
    ramp = np.linspace(40.0, 120.0, SIDE)
    image_u8 = np.repeat(np.repeat(ramp[None, :, None], SIDE, axis=0), 3, axis=2).round().astype(np.uint8)
    assert not any(edge.any() for edge in texture_of_edges(image_u8).values())
    laid = extend_ground(image_u8, 0, 0, SIDE + 80, SIDE).astype(float)
    assert abs(laid[:, -1].mean() - 120.0) < 4.0


def test_a_dark_corner_of_a_photograph_is_a_part_of_it() -> None:
    image_u8 = half_panel()
    image_u8[SIDE // 2 : SIDE // 2 + 10, :30] = 5
    assert texture_of_edges(image_u8)["left"][SIDE // 2 :].all()


def test_more_ground_than_the_picture_has_is_laid_too() -> None:
    laid = extend_ground(texture(), 500, 450, 1_300, 1_200)
    assert laid.shape == (1_200, 1_300, 3)
    assert 60 < laid.mean() < 200


@pytest.mark.parametrize(("deviation", "bound"), [(2.0, 0.05), (8.0, 1.0), (24.0, 1.0), (60.0, 1.0)])
def test_a_wide_blur_on_a_smaller_copy_is_that_of_the_whole(deviation: float, bound: float) -> None:
    """Of 255, on sides that no factor divides."""
    values = half_panel()[:193, :157].astype(np.float32)
    whole = ndimage.gaussian_filter(values, (deviation, deviation, 0.0), mode="nearest")
    found = _blur(values, deviation)
    assert found.shape == values.shape
    assert np.abs(found - whole).mean() < bound
