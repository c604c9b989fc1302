"""An ad's words move to where a shape has room for them, in their own letters; what it shows stays pixel for pixel."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.editor.picture.erasing import inpaint_strokes
from adcreative.editor.picture.parts import find_stack, set_piece, take_apart
from adcreative.editor.picture.protection import protect
from adcreative.editor.picture.sizes import KEEP_FREE, RATIOS, SizedPicture, lay_out_sizes
from adcreative.encoders.picture_words.reader import has_reader, load_reader
from adcreative.encoders.picture_words.words import PictureWords, read_words
from tests.encoders.picture_words.drawn_ads import BODY, BRAND, HEADLINE, LABEL, KnownReader, drawn_ad

THING = (360, 130, 540, 330)
needs_reader = pytest.mark.skipif(not has_reader(), reason="reads pictures")


def ad_with_thing() -> np.ndarray:
    """An ad 600 x 480 with its words at the left and a thing of bright checks at the right."""
    picture = drawn_ad(width=600).copy()
    x0, y0, x1, y1 = THING
    rows, columns = np.mgrid[0 : y1 - y0, 0 : x1 - x0] // 20
    picture[y0:y1, x0:x1] = np.where(((rows + columns) % 2)[:, :, None], (190, 40, 60), (40, 60, 160))
    return picture


def lay_out(picture: np.ndarray, words: PictureWords, reader: object) -> dict[str, SizedPicture]:
    content = protect(picture, [THING]).frame()
    sized = lay_out_sizes(picture, tuple(RATIOS), content, words.blocks, [THING], reader)  # type: ignore[arg-type]
    return {one.ratio: one for one in sized}


@needs_reader
def test_words_stand_beside_or_below_and_are_read_as_before() -> None:
    picture = ad_with_thing()
    sized = lay_out(picture, read_words(picture, KnownReader(), brand=BRAND), load_reader())
    assert sized["9:16"].arranged in ("below", "above")
    for ratio, one in sized.items():
        height, width = one.image_u8.shape[:2]
        assert abs(width / height / RATIOS[ratio] - 1) < 0.012
        (left, top), (x0, y0, x1, y1) = one.origin, THING
        assert (one.image_u8[top + y0 : top + y1, left + x0 : left + x1] == picture[y0:y1, x0:x1]).all()
        words = read_words(one.image_u8, load_reader(), brand=BRAND)
        assert {block.text for block in words.blocks} == {BRAND, HEADLINE, BODY, LABEL}
        if not one.arranged:
            continue
        free_top, free_bottom = KEEP_FREE.get(ratio, (0.0, 0.0))
        for a0, b0, a1, b1 in (block.plate or block.box for block in words.blocks):
            assert b0 >= free_top * height - 2
            assert b1 <= (1 - free_bottom) * height + 2
            assert a0 >= 0.03 * width
            assert a1 <= 0.97 * width
            assert a1 <= left + x0 or a0 >= left + x1 or b1 <= top + y0 or b0 >= top + y1  # beside the thing, not on it
        assert one.extended < 0.8


@needs_reader
def test_no_letter_stays_behind_where_words_moved_away() -> None:
    picture = ad_with_thing()
    words = read_words(picture, KnownReader(), brand=BRAND)
    parts = take_apart(picture, words.blocks, [THING], inpaint_strokes)
    assert parts is not None
    ground = drawn_ad(width=600)[0, 0].astype(int)
    x0, y0, x1, y1 = THING
    rest = np.ones(picture.shape[:2], bool)
    rest[y0:y1, x0:x1] = False
    assert np.abs(parts.clean.astype(int) - ground).max(axis=2)[rest].max() <= 2
    assert (parts.clean[y0:y1, x0:x1] == picture[y0:y1, x0:x1]).all()
    assert parts.visual[0] >= x0 - 60  # with the rim that a face's box gets
    assert parts.logo is not None


def test_a_layout_that_is_not_read_back_leaves_the_words_where_they_stand() -> None:
    picture = ad_with_thing()
    words = read_words(picture, KnownReader(), brand=BRAND)
    assert [one.arranged for one in lay_out(picture, words, KnownReader()).values()] == ["", "", "", ""]
    assert [one.arranged for one in lay_out(picture, words, None).values()] == ["", "", "", ""]


def test_words_are_broken_over_lines_one_by_one() -> None:
    picture = ad_with_thing()
    words = read_words(picture, KnownReader(), brand=BRAND)
    assert [block.role for block in find_stack(words.blocks)] == ["headline", "body", "button"]
    parts = take_apart(picture, words.blocks, [THING], inpaint_strokes)
    assert parts is not None
    headline = parts.stack[0]
    assert len(headline.words) == 3
    wide, narrow = set_piece(headline, 900, 1.0, "left"), set_piece(headline, 220, 1.0, "left")
    assert wide is not None
    assert narrow is not None
    tops = [y + word.above_px for (_, _, y), word in zip(wide.layers, headline.words, strict=True)]
    assert len(set(tops)) == 1  # one line, one baseline
    assert narrow.height > 2 * wide.height
    assert narrow.width <= 220
    assert set_piece(headline, 40, 1.0, "left") is None
