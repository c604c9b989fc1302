"""Where a new text may stand: on a ground that is not calm only where the old one stood, with room for letters that hang."""

from __future__ import annotations

import numpy as np

from adcreative.lettering.reading.blocks import BlockLine, TextBlock
from adcreative.lettering.setting.room import find_room

BOX, CAP_PX = (40, 60, 240, 100), 40


def _block() -> TextBlock:
    line = BlockLine(text="Aim for stars", box=BOX, confidence=1.0)
    assert line.cap_px == CAP_PX
    return TextBlock(lines=(line,), colour=(255, 255, 255), ground=(60, 60, 60), residual=60.0)


def test_on_a_wild_ground_a_line_may_hang_below_the_old_one_by_a_descender_and_no_more() -> None:
    wild = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    is_free = find_room(wild, _block(), (), ())
    x0, y0, x1, y1 = BOX
    assert is_free(BOX)
    assert is_free((x0, y0, x1, y1 + round(0.28 * CAP_PX)))
    assert not is_free((x0, y0, x1, y1 + CAP_PX // 2))
    assert not is_free((x0, y0 - CAP_PX // 4, x1, y1))
    assert not is_free((x0, y0, x1 + CAP_PX // 4, y1))


def test_letters_do_not_hang_into_another_text() -> None:
    wild = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    below = TextBlock(
        lines=(BlockLine(text="Space camp", box=(40, 112, 200, 134), confidence=1.0),),
        colour=(255, 255, 255),
        ground=(60, 60, 60),
        residual=60.0,
    )
    x0, y0, x1, y1 = BOX
    assert not find_room(wild, _block(), (below,), ())((x0, y0, x1, y1 + round(0.28 * CAP_PX)))


def test_a_thing_beside_a_short_line_is_no_room_where_the_ground_is_flat() -> None:
    lines = tuple(
        BlockLine(text="Aim for stars", box=(40, 60 + 50 * row, right, 100 + 50 * row), confidence=1.0)
        for row, right in enumerate((140, 240))
    )
    block = TextBlock(lines=lines, colour=(255, 255, 255), ground=(60, 60, 60), residual=0.0)
    badge = np.full((200, 300, 3), 60, np.uint8)
    badge[40:98, 190:] = (56, 182, 255)
    beside = (150, 60, 230, 100)
    assert find_room(np.full_like(badge, 60), block, (), ())(beside)
    assert not find_room(badge, block, (), ())(beside)
    assert find_room(badge, block, (), ())(lines[1].box)
