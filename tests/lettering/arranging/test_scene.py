"""What an ad consists of without its words: a photograph that fills it, one beside plain ground, or a thing on it; ribbons."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.lettering.arranging.scene import find_edged_panel, find_picture, find_scene
from adcreative.lettering.reading.blocks import BlockLine, TextBlock
from tests.lettering.arranging.test_ground import PANEL, SIDE, half_panel, texture

ALL = (0, 0, SIDE, SIDE)


def ribbon(y0: int, y1: int) -> TextBlock:
    line = BlockLine(text="NO FEES", box=(70, y0 + 4, 130, y1 - 4), confidence=0.99)
    return TextBlock(lines=(line,), colour=(0, 0, 0), ground=(238, 155, 0), residual=0.0, plate=(0, y0, SIDE, y1))


def test_a_photograph_fills_the_ad() -> None:
    image_u8 = texture()
    scene = find_scene(image_u8, image_u8, [], None, ALL)
    assert scene is not None
    assert (scene.kind, scene.picture.shape) == ("whole", (SIDE, SIDE, 3))


@pytest.mark.parametrize(("turn", "side"), [(0, "top"), (1, "left"), (2, "bottom"), (3, "right")])
def test_a_photograph_beside_a_panel_is_told_from_it(turn: int, side: str) -> None:
    image_u8 = np.ascontiguousarray(np.rot90(half_panel(), turn))
    scene = find_scene(image_u8, image_u8, [], None, ALL)
    assert scene is not None
    assert (scene.kind, scene.side) == ("split", side)
    assert scene.ground is not None
    np.testing.assert_allclose(scene.ground.reshape(-1, 3).mean(axis=0), PANEL, atol=1.0)
    assert 0.45 * SIDE**2 < scene.picture.shape[0] * scene.picture.shape[1] <= 0.5 * SIDE**2
    assert not (scene.picture == PANEL).all(axis=2).any()


def test_a_large_picture_is_cut_without_its_grounds_edge() -> None:
    image_u8 = np.kron(texture(), np.ones((6, 6, 1), np.uint8))
    image_u8[:, :507] = PANEL
    scene = find_scene(image_u8, image_u8, [], None, (0, 0, *image_u8.shape[1::-1]))
    assert scene is not None
    assert scene.side == "left"
    assert 507 <= scene.box[0] <= 511


def test_a_panel_that_lets_the_picture_through_is_found_by_its_edges() -> None:
    image_u8 = np.kron(texture(), np.ones((3, 3, 1), np.uint8)).astype(np.float32)
    image_u8[60:540, 40:300] = 0.15 * image_u8[60:540, 40:300] + 8
    panel = find_edged_panel(image_u8.astype(np.uint8), (90, 120, 240, 460))
    assert panel is not None
    assert np.abs(np.subtract(panel, (40, 60, 300, 540))).max() <= 2
    assert find_edged_panel(np.kron(texture(), np.ones((3, 3, 1), np.uint8)), (90, 120, 240, 460)) is None


def test_a_band_that_lets_the_picture_through_is_a_panel_from_side_to_side() -> None:
    image_u8 = np.kron(texture(), np.ones((3, 3, 1), np.uint8)).astype(np.float32)
    image_u8[360:520] = 0.3 * image_u8[360:520] + 12
    panel = find_edged_panel(image_u8.astype(np.uint8), (60, 390, 420, 490))
    assert panel is not None
    assert np.abs(np.subtract(panel, (0, 360, 600, 520))).max() <= 2
    image_u8[520:] = 0.3 * image_u8[520:] + 12  # down to the rim
    panel = find_edged_panel(image_u8.astype(np.uint8), (60, 390, 420, 490))
    assert panel is not None
    assert np.abs(np.subtract(panel, (0, 360, 600, 600))).max() <= 2


def test_a_band_in_the_middle_of_a_photograph_is_no_panel_beside_it() -> None:
    image_u8 = texture()
    image_u8[80:120] = 240
    assert find_scene(image_u8, image_u8, [], (0, 80, SIDE, 120), ALL) is None
    low = texture()
    low[150:190] = 240
    scene = find_scene(low, low, [], (0, 150, SIDE, 190), ALL)
    assert scene is not None
    assert (scene.kind, scene.side) == ("split", "bottom")


def test_a_photograph_whose_own_ground_is_plain_at_the_rim_goes_on_to_it() -> None:
    image_u8 = np.full((SIDE, SIDE, 3), PANEL, np.uint8)
    image_u8[:, 90:] = (200, 190, 170)
    image_u8[:, 95:175] = texture()[:, 95:175]
    scene = find_scene(image_u8, image_u8, [], None, ALL)
    assert scene is not None
    assert (scene.kind, scene.side) == ("split", "left")
    assert scene.box[2] == SIDE


def test_a_sky_into_which_things_rise_is_no_ground_beside_a_picture() -> None:
    image_u8 = np.full((SIDE, SIDE, 3), PANEL, np.uint8)
    image_u8[90:] = np.linspace(0.0, 1.0, SIDE - 90)[:, None, None] ** 2 * (texture()[90:].astype(float) - PANEL) + PANEL
    scene = find_scene(image_u8, image_u8, [], None, ALL)
    assert scene is not None
    assert scene.kind == "whole"


def test_a_thing_on_plain_ground_keeps_its_box_and_the_rim_that_it_reaches() -> None:
    image_u8 = np.full((SIDE, SIDE, 3), PANEL, np.uint8)
    image_u8[60:120, 70:140] = texture()[:60, :70]
    assert np.abs(np.subtract(find_picture(image_u8), (70, 60, 140, 120))).max() <= 2
    dotted = image_u8.copy()
    dotted[(np.indices((SIDE, SIDE)) // 6).sum(axis=0) % 2 == 0] += 25
    scene = find_scene(dotted, dotted, [], None, (70, 60, 140, 120))
    assert scene is not None
    assert scene.kind == "whole"  # a ground with a pattern is cut, not continued
    standing = image_u8.copy()
    standing[120:, 70:140] = texture()[:80, :70]
    for picture, touches in ((image_u8, ()), (standing, ("bottom",))):
        scene = find_scene(picture, picture, [], None, ALL)
        assert scene is not None
        assert (scene.kind, scene.touches) == ("inset", touches)


def test_a_ribbon_between_panel_and_photograph_is_none_of_both() -> None:
    image_u8 = half_panel()
    image_u8[90:110] = (238, 155, 0)
    scene = find_scene(image_u8, image_u8, [ribbon(90, 110)], None, ALL)
    assert scene is not None
    assert (scene.kind, scene.side, [one.place for one in scene.ribbons]) == ("split", "top", ["seam"])
    assert scene.origin[1] >= 110
    between = texture()
    between[90:110] = (238, 155, 0)
    assert find_scene(between, between, [ribbon(90, 110)], None, ALL) is None


def test_a_ribbon_at_the_rim_is_taken_off_a_photograph() -> None:
    image_u8 = texture()
    image_u8[:20] = (238, 155, 0)
    scene = find_scene(image_u8, image_u8, [ribbon(0, 20)], None, ALL)
    assert scene is not None
    assert (scene.kind, scene.origin, scene.ribbons[0].place) == ("whole", (0, 20), "top")


def test_the_part_beside_a_panel_on_a_photograph_is_what_is_shown() -> None:
    image_u8 = texture()
    image_u8[20:180, 15:95] = 240
    scene = find_scene(image_u8, image_u8, [], (15, 20, 95, 180), ALL)
    assert scene is not None
    assert (scene.kind, scene.side) == ("split", "left")
    assert scene.origin[0] >= 95
    assert scene.ground is not None
    assert (scene.ground == 240).all()
    image_u8[4:196, 4:196] = 240
    assert find_scene(image_u8, image_u8, [], (4, 4, 196, 196), ALL) is None
