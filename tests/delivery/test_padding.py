"""A finished picture stands whole in another shape, on its own ground colour, clear of what platforms cover."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.delivery.padding import RATIOS, pad, parse_ratios
from adcreative.errors import ConfigError

GROUND, THING = (240, 230, 10), (20, 40, 60)


def ad(height: int = 300, width: int = 300) -> np.ndarray:
    picture = np.full((height, width, 3), GROUND, np.uint8)
    picture[: height // 3, : width // 2] = np.random.default_rng(3).integers(0, 256, (height // 3, width // 2, 3))
    picture[height // 3 : 2 * height // 3, 20:-20] = THING
    return picture


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("size", [(300, 300), (200, 500), (640, 300)])
def test_every_pixel_of_the_ad_stands_in_every_shape_and_all_else_is_its_ground(ratio: str, size: tuple[int, int]) -> None:
    picture = ad(*size)
    padded = pad(picture, ratio)
    (left, top), (height, width) = padded.origin, padded.image_u8.shape[:2]
    assert width / height == pytest.approx(RATIOS[ratio], rel=0.01)
    assert (padded.image_u8[top : top + size[0], left : left + size[1]] == picture).all()
    around = np.ones((height, width), bool)
    around[top : top + size[0], left : left + size[1]] = False
    assert (padded.image_u8[around] == GROUND).all()
    assert padded.added == pytest.approx(around.mean(), abs=1e-4)


def test_a_picture_of_the_shape_stays_as_it_is() -> None:
    picture = ad(300, 301)
    assert (pad(picture, "1:1").image_u8 == picture).all()
    assert pad(picture, "1:1").added == 0.0


def test_words_are_laid_out_of_what_stories_cover_where_they_fit() -> None:
    picture = ad()
    low = pad(picture, "9:16", [(20, 150, 280, 290)])
    middle = pad(picture, "9:16", [(20, 120, 280, 160)])
    assert low.is_clear
    assert middle.is_clear
    assert low.origin[1] + 290 <= 0.65 * 533 + 1 < middle.origin[1] + 290
    assert not pad(picture, "9:16", [(0, 0, 300, 300)]).is_clear


def test_shapes_are_named_once_and_unknown_ones_are_refused() -> None:
    assert parse_ratios("1:1 4:5,1:1") == ("1:1", "4:5")
    assert parse_ratios("all") == tuple(RATIOS)
    assert parse_ratios("") == ()
    with pytest.raises(ConfigError, match='no size is named "2:1"; name some of 1:1, 4:5'):
        parse_ratios("2:1")
