"""In another shape what matters is whole and bit-equal, the shape is right, and new ground goes on where the old ends."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.errors import ConfigError
from adcreative.lettering import arrange
from adcreative.lettering.arranging.sizes import KEEP_FREE, RATIOS, lay_out_size, lay_out_sizes, parse_ratios
from adcreative.lettering.reading.words import read_words
from tests.lettering.reading.drawn_ads import KnownReader, drawn_ad

CONTENT = (60, 50, 200, 170)


def ad(height: int = 240, width: int = 300) -> np.ndarray:
    """A gradient with a content of noise."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:] = np.linspace(60, 200, height)[:, None, None].round()
    x0, y0, x1, y1 = CONTENT
    picture[y0:y1, x0:x1] = np.random.default_rng(0).integers(0, 255, (y1 - y0, x1 - x0, 3))
    return picture


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("shape", [(240, 300), (400, 240), (180, 620)])
def test_the_content_is_whole_and_the_shape_is_right(ratio: str, shape: tuple[int, int]) -> None:
    picture = ad(*shape)
    sized = lay_out_size(picture, ratio, CONTENT)
    height, width = sized.image_u8.shape[:2]
    assert abs(width / height / RATIOS[ratio] - 1) < 0.012
    (x0, y0, x1, y1), (left, top) = CONTENT, sized.origin
    y1 = min(y1, shape[0])
    assert (sized.image_u8[top + y0 : top + y1, left + x0 : left + x1] == picture[y0:y1, x0:x1]).all()


def test_the_shape_it_has_returns_the_picture_itself() -> None:
    picture = ad(300, 300)
    assert lay_out_size(picture, "1:1", CONTENT).image_u8 is picture


def test_the_ground_goes_on_without_a_step() -> None:
    picture = ad()
    sized = lay_out_size(picture, "9:16", CONTENT)
    bottom = sized.origin[1] + 240
    seam = sized.image_u8[bottom - 1].astype(int) - sized.image_u8[bottom].astype(int)
    assert np.abs(seam).max() <= 3
    assert sized.extended > 0.05


def test_content_clears_what_a_story_covers() -> None:
    sized = lay_out_size(ad(), "9:16", CONTENT)
    height, top = sized.image_u8.shape[0], sized.origin[1]
    free_top, free_bottom = KEEP_FREE["9:16"]
    assert top + CONTENT[1] >= free_top * height
    assert top + CONTENT[3] <= (1 - free_bottom) * height


def test_a_layout_says_whether_words_keep_clear_of_what_a_story_covers() -> None:
    assert lay_out_size(ad(), "9:16", CONTENT).is_clear
    assert not lay_out_size(ad(533, 300), "9:16", (60, 90, 200, 370)).is_clear


def test_a_layout_that_wastes_its_room_says_so() -> None:
    assert "fills" in lay_out_size(ad(180, 620), "9:16", (20, 20, 600, 160)).note
    assert lay_out_size(ad(), "1:1", (10, 10, 290, 230)).note == ""


def test_without_content_the_middle_stays() -> None:
    sized = lay_out_size(ad(), "1:1", (0, 0, 0, 0))
    assert sized.image_u8.shape[:2] == (240, 240)
    assert sized.origin == (-30, 0)


def test_sizes_are_named_once_and_unknown_ones_refused() -> None:
    assert parse_ratios("1:1, 4:5,1:1") == ("1:1", "4:5")
    assert parse_ratios("1:1 4:5") == ("1:1", "4:5")
    assert parse_ratios("all") == tuple(RATIOS)
    assert parse_ratios("") == ()
    with pytest.raises(
        ConfigError, match=r'no size is named "3:2"; name some of 1:1, .*, 1.91:1, separated by commas, or "all"'
    ):
        parse_ratios("1:1,3:2")


def test_a_shape_that_cuts_words_is_told_and_the_door_cuts_none() -> None:
    picture, ratios = drawn_ad(width=480, height=700), ("1:1", "9:16")
    words = read_words(picture, KnownReader())
    lower = (200, 600, 300, 680)  # all that is said to matter: the words above are cut off
    for one in lay_out_sizes(picture, ratios, lower, words.blocks, [], None):
        assert [problem.code for problem in one.problems] == ["words_cut"]
        assert "Sleep better tonight" in one.problems[0]
    assert [one.problems for one in arrange(picture, words, ratios)] == [(), ()]
