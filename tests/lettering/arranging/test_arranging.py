"""An ad's words move to where a shape has room for them, in their own letters; what it shows stays pixel for pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from adcreative.lettering.arranging.arranging import _set_corner, find_arrangements
from adcreative.lettering.arranging.columns import set_column
from adcreative.lettering.arranging.cutting import part_lines, without_blobs
from adcreative.lettering.arranging.frames import SEAM, divide
from adcreative.lettering.arranging.ground import resized
from adcreative.lettering.arranging.laying import draw
from adcreative.lettering.arranging.parts import set_piece, take_apart
from adcreative.lettering.arranging.protection import protect
from adcreative.lettering.arranging.sizes import KEEP_FREE, RATIOS, SizedPicture, lay_out_sizes
from adcreative.lettering.arranging.stacking import find_stack
from adcreative.lettering.erasing.erasing import inpaint_strokes
from adcreative.lettering.erasing.layers import Layer
from adcreative.lettering.reading.blocks import BlockLine, Box
from adcreative.lettering.reading.reader import has_reader, load_reader
from adcreative.lettering.reading.words import PictureWords, read_words
from tests.lettering.reading.drawn_ads import BODY, BRAND, HEADLINE, LABEL, LINES, KnownReader, drawn_ad, line

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
        (left, top), thing = one.origin, np.array(THING) * one.scale
        x0, y0, x1, y1 = (round(edge) for edge in thing + np.array([left, top, left, top]))
        shown = resized(picture, one.scale)[y0 - top : y1 - top, x0 - left : x1 - left].astype(int)
        assert np.abs(one.image_u8[y0:y1, x0:x1] - shown).mean() < (1e-9 if one.scale == 1.0 else 6.0)
        words = read_words(one.image_u8, load_reader(), brand=BRAND)
        assert {block.text for block in words.blocks} == {BRAND, HEADLINE, BODY, LABEL}
        if not one.arranged:
            continue
        free_top, free_bottom = KEEP_FREE.get(ratio, (0.0, 0.0))
        boxes = {block.role: block.plate or block.box for block in words.blocks}
        assert boxes["brand"][1] < boxes["headline"][1] < boxes["subline"][1] < boxes["button"][1]  # in the ad's own order
        for a0, b0, a1, b1 in boxes.values():
            assert b0 >= free_top * height - 2
            assert b1 <= (1 - free_bottom) * height + 2
            assert a0 >= 0.03 * width
            assert a1 <= 0.97 * width
            assert a1 <= x0 or a0 >= x1 or b1 <= y0 or b0 >= y1  # beside the thing, not on it


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
    assert parts.scene.kind == "inset"
    assert np.abs(parts.scene.picture.astype(int) - ground).max(axis=2)[rest].max() <= 2
    assert (parts.scene.picture[y0:y1, x0:x1] == picture[y0:y1, x0:x1]).all()
    assert np.abs(np.subtract(parts.scene.visual, THING)).max() <= 8
    assert [piece.block.role for piece in parts.pieces] == ["brand", "headline", "subline", "button"]


@pytest.mark.slow
def test_a_layout_that_is_not_read_back_leaves_the_words_where_they_stand() -> None:
    picture = ad_with_thing()
    words = read_words(picture, KnownReader(), brand=BRAND)
    assert [one.arranged for one in lay_out(picture, words, KnownReader()).values()] == ["", "", "", ""]
    assert [one.arranged for one in lay_out(picture, words, None).values()] == ["", "", "", ""]


def test_words_are_broken_over_lines_one_by_one() -> None:
    picture = ad_with_thing()
    words = read_words(picture, KnownReader(), brand=BRAND)
    assert [block.role for block in find_stack(words.blocks)] == ["headline", "subline", "button"]
    parts = take_apart(picture, words.blocks, [THING], inpaint_strokes)
    assert parts is not None
    headline = parts.head
    assert len(headline.words) == 3
    wide, narrow = set_piece(headline, 900, 1.0, "left"), set_piece(headline, 220, 1.0, "left")
    assert wide is not None
    assert narrow is not None
    tops = [y + word.above_px for (_, _, y), word in zip(wide.layers, headline.words, strict=True)]
    assert len(set(tops)) == 1  # one line, one baseline
    assert narrow.height > 2 * wide.height
    assert narrow.width <= 220
    assert set_piece(headline, 40, 1.0, "left") is None


def photograph(height: int, width: int, mean: int = 90) -> np.ndarray:
    """Soft things of all colours, brighter in the middle."""
    noise = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(height, width, 3)), (9.0, 9.0, 0.0))
    return (mean + 900 * noise).clip(0, 255).astype(np.uint8)


def ad_beside_photograph() -> np.ndarray:
    picture = drawn_ad(width=800).copy()
    picture[:, 400:] = photograph(480, 400)
    return picture


def test_a_photograph_beside_a_panel_is_cut_to_its_part_and_not_continued() -> None:
    picture = ad_beside_photograph()
    words = read_words(picture, KnownReader(), brand=BRAND)
    parts = take_apart(picture, words.blocks, [], inpaint_strokes)
    assert parts is not None
    assert (parts.scene.kind, parts.scene.side) == ("split", "left")
    for ratio in RATIOS.values():
        one = find_arrangements(parts, ratio, (0.0, 0.0))[0]
        drawn = draw(parts, one)
        assert drawn is not None
        x0, y0, x1, y1 = one.shown
        part = drawn[y0:y1, x0:x1].astype(float)
        seen = resized(parts.scene.picture, one.scale)
        left, top = round(one.origin[0]), round(one.origin[1])
        expected = seen[y0 - top : y1 - top, x0 - left : x1 - left]
        assert np.abs(part[: len(expected), : expected.shape[1]] - expected).mean() < 1.0
        outside = np.ones(drawn.shape[:2], bool)
        outside[y0:y1, x0:x1] = False
        for placed in one.words:
            a0, b0, a1, b1 = placed.box
            assert outside[b0:b1, a0:a1].all()
            outside[b0 - 4 : b1 + 4, a0 - 4 : a1 + 4] = False
        assert np.abs(drawn[outside].astype(int) - picture[2, 2]).max() <= 3  # the panel's own colour, to the rims


@pytest.mark.parametrize("face", [(330, 120, 450, 260), pytest.param((330, 8, 450, 140), marks=pytest.mark.slow)])
def test_a_face_on_a_photograph_is_whole_in_every_shape_and_no_more_of_it_under_words(face: Box) -> None:
    picture = photograph(480, 480)
    sheet = Image.fromarray(drawn_ad(picture))
    words = read_words(np.asarray(sheet), KnownReader(), brand=BRAND)
    blocks = [replace(block, colour=(255, 255, 255)) if block.plate is None else block for block in words.blocks]
    blocks = [block for block in blocks if block.role != "brand"]  # on a photograph it stays, and has to be seen, too
    parts = take_apart(np.asarray(sheet), blocks, [face], inpaint_strokes)
    assert parts is not None
    assert parts.scene.kind == "whole"
    for name, ratio in RATIOS.items():
        found = find_arrangements(parts, ratio, KEEP_FREE.get(name, (0.0, 0.0)))
        assert found
        for one in found:
            x0, y0, x1, y1 = (one.scale * edge + one.origin[k % 2] for k, edge in enumerate(face))
            assert x0 >= one.shown[0] - 1
            assert x1 <= one.shown[2] + 1
            assert y0 >= one.shown[1] - 1
            assert y1 <= one.shown[3] + 1
            soft = SEAM * min(one.size)  # where the picture passes into its blurred copy a face would fade
            distance = {
                "above": y0 - one.shown[1],
                "below": one.shown[3] - y1,
                "left": x0 - one.shown[0],
                "right": one.shown[2] - x1,
            }
            assert distance.get(one.side, soft) >= soft - 2
            area = (x1 - x0) * (y1 - y0)
            for a0, b0, a1, b1 in (placed.box for placed in one.words):
                assert max(0, min(a1, x1) - max(a0, x0)) * max(0, min(b1, y1) - max(b0, y0)) <= (parts.covered + 0.02) * area


def test_a_face_half_behind_a_panel_stays_as_it_was_where_the_whole_ad_has_room() -> None:
    picture = ad_beside_photograph()
    words = read_words(picture, KnownReader(), brand=BRAND)
    for face, is_cut in (((360, 100, 560, 380), True), ((440, 100, 560, 260), False)):
        parts = take_apart(picture, words.blocks, [face], inpaint_strokes)
        assert parts is not None
        assert parts.is_cut == is_cut


@pytest.mark.parametrize(("corner", "num"), [pytest.param((350, 150), 1, marks=pytest.mark.slow), ((380, 300), 0)])
def test_a_small_thing_in_a_photograph_is_seen_whole_but_no_piece_of_its_corner(corner: tuple[int, int], num: int) -> None:
    picture, (x, y) = drawn_ad(photograph(480, 480)).copy(), corner
    checks = np.where(np.indices((180, 100)).sum(axis=0)[:, :, None] // 20 % 2, (190, 40, 60), (250, 250, 250))
    picture[y : y + 180, x : x + 100] = checks
    blocks = [block for block in read_words(picture, KnownReader(), brand=BRAND).blocks if block.role != "brand"]
    parts = take_apart(picture, blocks, [], inpaint_strokes)
    assert parts is not None
    assert parts.scene.kind == "whole"
    assert len(parts.faces) == num
    for x0, y0, x1, y1 in parts.faces:
        assert x0 <= x < x + 100 <= x1
        assert y0 <= y < y + 180 <= y1


def test_a_logo_apart_stands_with_the_words_beside_a_picture() -> None:
    picture = ad_beside_photograph()
    parts = take_apart(picture, read_words(picture, KnownReader(), brand=BRAND).blocks, [], inpaint_strokes)
    assert parts is not None
    parts = replace(parts, corner=parts.rows[0][0], rows=parts.rows[1:])
    found = {one.side: one for one in find_arrangements(parts, 1.91, (0.0, 0.0))}
    for side in ("left", "right"):
        (logo,) = found[side].corner
        assert found[side].region[0] <= logo.box[0] < logo.box[2] <= found[side].region[2]


def test_distances_get_smaller_before_letters_do() -> None:
    picture = ad_beside_photograph()
    parts = take_apart(picture, read_words(picture, KnownReader(), brand=BRAND).blocks, [], inpaint_strokes)
    assert parts is not None
    wide, tight = (set_column(parts.rows, 400, 1.0, is_centred=False, gaps=gaps) for gaps in (1.0, 0.5))
    assert wide is not None
    assert tight is not None
    assert [one.made.height for one in tight.placed] == [one.made.height for one in wide.placed]
    assert tight.size[1] < wide.size[1]


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_logo_apart_keeps_off_a_head(side: str) -> None:
    picture = ad_beside_photograph()
    words = read_words(picture, KnownReader(), brand=BRAND)
    parts = take_apart(picture, words.blocks, [], inpaint_strokes)
    assert parts is not None
    parts = replace(parts, corner=parts.rows[0][0], rows=parts.rows[1:])
    (width, height), margin = (480, 600), 30
    frame = divide(parts, "below", 0.5, (width, height), (0.0, 0.0))
    head = (0, 0, width // 2, 200) if side == "left" else (width // 2, 0, width, 200)
    placed = _set_corner(parts, frame, "below", 0.5, [head])
    assert placed is not None
    (x0, _, x1, _) = placed[0].box
    assert (x0 >= width / 2) == (side == "left")
    assert margin <= x1 <= width


def test_a_logo_that_takes_another_ink_keeps_the_hole_in_its_letters() -> None:
    ground, ink = (10, 20, 30), (240, 240, 240)
    picture = np.full((20, 20, 3), ground, np.float32)
    picture[4:16, 4:16] = ink
    picture[8:12, 8:12] = ground
    layer = Layer(part=picture, alpha=np.ones((20, 20), np.float32), left=0, top=0).cut_out(ink, ground).inked((0, 0, 0))
    assert layer.alpha[10, 10] < 0.01
    assert layer.alpha[5, 5] > 0.99


def test_a_ribbon_goes_on_to_both_rims_in_every_shape() -> None:
    picture = ad_beside_photograph()
    picture[440:] = (238, 155, 0)
    sheet = Image.fromarray(picture)
    ImageDraw.Draw(sheet).text((340, 448), "NO FEES", font_size=22, fill=(0, 0, 0))
    picture = np.asarray(sheet)
    lines = [*LINES, line("NO FEES", 336, 446, 440, 474)]
    words = read_words(picture, KnownReader(lines), brand=BRAND)
    parts = take_apart(picture, words.blocks, [], inpaint_strokes)
    assert parts is not None
    for name, ratio in RATIOS.items():
        one = find_arrangements(parts, ratio, KEEP_FREE.get(name, (0.0, 0.0)))[0]
        drawn = draw(parts, one)
        assert drawn is not None
        ((_, top, high),) = one.ribbons
        middle = drawn[top + high - 4].astype(int)
        assert np.abs(middle - (238, 155, 0)).max() <= 4
        assert top + high <= (1 - KEEP_FREE.get(name, (0.0, 0.0))[1]) * len(drawn) + 1


def test_a_piece_of_a_thing_behind_letters_does_not_come_along() -> None:
    letters = np.zeros((60, 200), np.float32)
    letters[10:50, 20:26] = 1.0
    letters[10:50, 60:66] = 1.0
    letters[27:33, 60:90] = 1.0
    dirty = letters.copy()
    dirty[5:55, 110:150] = 0.7  # a rim of a cup
    dirty[10:50, 130:136] = 1.0  # a letter on it
    cleaned = without_blobs(dirty)
    assert np.abs(cleaned - letters)[:, :100].max() < 0.05
    assert cleaned[5:55, 112:126].max() < 0.05
    assert cleaned[15:45, 130:136].min() > 0.9


def test_letters_that_reach_into_the_next_line_go_with_their_own() -> None:
    alpha = np.zeros((60, 60), np.float32)
    alpha[4:33, 5:10] = 1.0  # a letter of the first line that hangs below
    alpha[31:34, 30:34] = 1.0  # a dot of the second
    alpha[37:57, 30:34] = 1.0
    lines = [BlockLine(text=text, box=(0, y0, 60, y1), confidence=0.9) for text, y0, y1 in (("p", 4, 33), ("i", 31, 57))]
    first, second = part_lines(Layer(part=np.repeat(alpha[:, :, None], 3, axis=2), alpha=alpha, left=0, top=0), lines)
    assert first.alpha[31:34, 30:34].max() == 0.0
    assert second.alpha[31:34, 30:34].min() == 1.0
    assert (first.alpha + second.alpha == alpha).all()
