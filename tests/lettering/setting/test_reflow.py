"""A text that grows moves what stands below it, pixel for pixel and as far as there is room; else all stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adcreative.lettering.erasing.erasing import erase_block, inpaint_strokes
from adcreative.lettering.erasing.layers import lift_block, lift_shape
from adcreative.lettering.reading.reader import has_reader, load_reader
from adcreative.lettering.reading.words import read_words
from adcreative.lettering.setting import placing
from adcreative.lettering.setting.fonts import typefaces
from adcreative.lettering.setting.matching import match_fonts
from adcreative.lettering.setting.reflow import FITTED, column_of, find_followers, lowest_baseline, plan_reflow
from adcreative.lettering.setting.setting import TextSetter
from adcreative.lettering.setting.typesetting import TextColumn, lay_out
from tests.lettering.reading.drawn_ads import BODY, BUTTON, GROUND, HEADLINE, LABEL, KnownReader, drawn_ad

AD = {"headline": HEADLINE, "description": BODY, "cta": LABEL}
LONG = "Sleep better tonight and wake up rested all week long"
needs_reader = pytest.mark.skipif(not has_reader(), reason="reads pictures")


def button_rows(picture: np.ndarray) -> tuple[int, int]:
    """Return the rows of the button, end exclusive."""
    rows = np.flatnonzero((np.abs(picture[:, 100:120].astype(int) - BUTTON).max(axis=2) < 12).sum(axis=1) > 4)
    return int(rows[0]), int(rows[-1]) + 1


@needs_reader
def test_body_and_button_move_down_together_when_the_headline_needs_more_lines() -> None:
    picture = drawn_ad(width=350)
    change = TextSetter(picture, read_words(picture, KnownReader()), AD, reader=load_reader(), typefaces=typefaces()).change(
        AD | {"headline": LONG}
    )
    assert change.done == ("headline",)
    assert set(change.moved) == {"subline", "button"}
    assert change.note == "headline set into the picture; subline and button moved with it"
    after = change.apply(picture)
    (old_top, old_bottom), (top, bottom) = button_rows(picture), button_rows(after)
    shift = top - old_top
    assert shift > 30
    assert bottom <= 0.97 * 480
    assert (after[old_top + shift : old_bottom + shift, 30:190] == picture[old_top:old_bottom, 30:190]).all()
    assert (after[238 + shift : 272 + shift, 26:330] == picture[238:272, 26:330]).all()
    assert (after[~change.mask] == picture[~change.mask]).all()
    read = read_words(after, load_reader(), brand="Somnia")
    texts = [block.text for block in sorted(read.blocks, key=lambda block: block.box[1])]
    assert texts == ["Somnia", LONG, BODY, LABEL]


def test_outlines_of_what_made_way_are_no_seam_of_the_filled_ground(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, grounds = drawn_ad(width=350), []

    def find_faults(ground: np.ndarray, *others: object) -> list[str]:
        grounds.append(ground)
        return []

    monkeypatch.setattr(placing, "find_faults", find_faults)
    monkeypatch.setattr(placing, "find_lost_lines", lambda *lines: [])
    change = TextSetter(picture, read_words(picture, KnownReader()), AD, reader=KnownReader(), typefaces=typefaces()).change(
        AD | {"headline": LONG}
    )
    assert set(change.moved) == {"subline", "button"}
    (ground,) = grounds
    assert np.abs(ground[110:460, 20:340].astype(int) - GROUND).max() < 12  # no letters, no button, old or new


def test_what_moves_down_keeps_room_at_the_foot_of_the_ad() -> None:
    picture = drawn_ad(width=350, height=440)  # 92 px below the button, of which 13 are the rim
    words = read_words(picture, KnownReader())
    block = next(block for block in words.blocks if block.role == "headline")
    others = [other for other in words.blocks if other is not block]
    match = match_fonts(picture, {"headline": block}, typefaces())["headline"][0]
    reflow = plan_reflow(picture, erase_block(picture, block), block, match, others, (), inpaint_strokes)
    assert reflow is not None
    setting = lay_out(HEADLINE, block, match, reflow.is_free)
    assert setting is not None

    def lowered(by: int) -> float | None:
        return reflow.toll(
            replace(setting, lines=(*setting.lines[:-1], replace(setting.lines[-1], y=setting.lines[-1].y + by)))
        )

    assert reflow.below_px == pytest.approx(440 - 14 - 348, abs=2)
    assert reflow.kept(reflow.below_px) == FITTED.kept_room * block.size_px
    most = round(reflow.below_px - reflow.kept(reflow.below_px))
    assert lowered(most - 2) is not None
    assert lowered(most + 2) is None


@needs_reader
def test_a_stack_that_gets_lower_keeps_its_gaps_and_the_proportion_of_the_room_above_and_below() -> None:
    picture = drawn_ad()
    change = TextSetter(picture, read_words(picture, KnownReader()), AD, reader=load_reader(), typefaces=typefaces()).change(
        AD | {"headline": "Rest"}
    )
    assert set(change.moved) == {"subline", "button"}
    after = change.apply(picture)
    up = button_rows(picture)[0] - button_rows(after)[0]
    old, new = (np.flatnonzero((one[60:280, 26:200].max(axis=2) < 80).any(axis=1)) + 60 for one in (picture, after))
    down = new[0] - old[0]
    assert up + down == pytest.approx(54, abs=8)  # a line less; capitals and ascenders differ in height
    above, below = 110 - 44, 480 - 14 - 348  # to the brand, to the rim
    assert 0.5 * above / below < down / up < 1.5 * above / below


def test_a_stack_whose_foot_has_sunk_already_keeps_the_proportion_of_the_picture_as_it_came() -> None:
    """The description, set before, is a line longer: of what the headline loses then, only the rest is shared out."""
    picture = drawn_ad()
    words = read_words(picture, KnownReader())
    block = next(block for block in words.blocks if block.role == "headline")
    others = [other for other in words.blocks if other is not block]
    match = match_fonts(picture, {"headline": block}, typefaces())["headline"][0]
    reflow = plan_reflow(picture, erase_block(picture, block), block, match, others, (), inpaint_strokes)
    assert reflow is not None
    assert reflow.above_px is not None
    share = reflow.above_px / (reflow.above_px + reflow.below_px)
    sunk = replace(reflow, below_px=reflow.below_px - 34, before=reflow)
    assert reflow.anchor(100.0, -54.0) == pytest.approx(100.0 + 54.0 * share)
    assert sunk.anchor(100.0, -54.0) == pytest.approx(100.0 + 20.0 * share)
    assert sunk.anchor(100.0, -34.0) == pytest.approx(100.0)  # as high as it was: it stays where it was


def test_body_and_button_move_up_behind_a_text_of_fewer_lines() -> None:
    picture = drawn_ad()
    words = read_words(picture, KnownReader())
    block = next(block for block in words.blocks if block.role == "headline")
    others = [other for other in words.blocks if other is not block]
    match = match_fonts(picture, {"headline": block}, typefaces())["headline"][0]
    keep_out = np.zeros((480, 480), bool)
    reflow = plan_reflow(
        picture, erase_block(picture, block, inpaint_strokes, keep_out), block, match, others, (), inpaint_strokes
    )
    assert reflow is not None
    setting = lay_out("Rest", block, match, lambda box: True)
    assert setting is not None
    shift = reflow.shift(setting)
    assert -60 < shift < -40  # a line less
    assert reflow.toll(setting) is not None
    after, _, _ = reflow.lay(reflow.clean, shift)
    assert button_rows(after)[0] == button_rows(picture)[0] + shift
    assert reflow.toll(replace(setting, lines=(replace(setting.lines[0], y=470.0),))) is None  # not so far down


def test_nothing_moves_where_there_is_no_room_below() -> None:
    picture = drawn_ad(width=350)[:368]
    words = read_words(picture, KnownReader())
    setter = TextSetter(picture, words, AD, reader=KnownReader(), typefaces=typefaces())
    change = setter.change(AD | {"headline": LONG})
    assert change.moved == ()
    assert (change.apply(picture) == picture).all()


def test_a_button_leaves_its_ground_without_a_trace_and_comes_back_pixel_for_pixel() -> None:
    ramp = (np.linspace(150, 240, 480)[:, None, None] * np.ones((1, 480, 3))).round().astype(np.uint8)
    picture = drawn_ad(ramp)
    button = next(block for block in read_words(picture, KnownReader()).blocks if block.plate)
    lifted = lift_block(picture, button, inpaint_strokes, np.zeros((480, 480), bool))
    assert lifted is not None
    layer, clean, mask = lifted
    assert np.abs(clean[296:352, 26:194].astype(int) - ramp[296:352, 26:194]).max() <= 1
    assert (clean[~mask] == picture[~mask]).all()
    again = clean.copy()
    layer.paste(again)
    assert np.abs(again.astype(int) - picture).max() <= 1
    larger = layer.scaled(1.5)
    assert larger.alpha.shape[1] == pytest.approx(1.5 * layer.alpha.shape[1], abs=1)
    assert larger.alpha.max() == 1.0


def test_what_runs_on_beyond_its_surroundings_is_no_part() -> None:
    picture = np.full((200, 300, 3), GROUND, np.uint8)
    picture[90:110] = (200, 30, 30)  # a bar across the whole picture
    assert lift_shape(picture, (100, 85, 160, 115), inpaint_strokes, np.zeros((200, 300), bool)) is None


def test_logo_and_far_blocks_do_not_follow() -> None:
    words = read_words(drawn_ad(), KnownReader(), brand="Somnia")
    headline = next(block for block in words.blocks if block.role == "headline")
    others = [block for block in words.blocks if block is not headline]
    assert [block.role for block in find_followers(headline, others)] == ["subline", "button"]
    low = (30, 460, 200, 476)
    far = [
        replace(block, lines=tuple(replace(line, box=low) for line in block.lines)) if block.role == "subline" else block
        for block in others
    ]
    assert [block.role for block in find_followers(headline, far)] == ["button"]
    footer = [replace(block, role="brand") if block.role == "subline" else block for block in others]
    assert list(find_followers(headline, footer)) == []


@pytest.mark.slow
def test_nothing_moves_on_a_ground_that_has_to_be_copied_from_elsewhere() -> None:
    y, x = np.mgrid[0:480, 0:480]
    waves = (200 + 22 * np.sin(x / 5.0) * np.sin(y / 5.0))[:, :, None].repeat(3, axis=2).round().astype(np.uint8)
    ramp = (np.linspace(150, 240, 480)[:, None, None] * np.ones((1, 480, 3))).round().astype(np.uint8)
    may_move = []
    for ground in (waves, ramp):
        picture = drawn_ad(ground)
        words = read_words(picture, KnownReader())
        block = next(block for block in words.blocks if block.role == "headline")
        others = [other for other in words.blocks if other is not block]
        match = match_fonts(picture, {"headline": block}, typefaces())["headline"][0]
        reflow = plan_reflow(picture, erase_block(picture, block), block, match, others, (), inpaint_strokes)
        may_move.append(reflow is not None)
    assert may_move == [False, True]


def test_a_column_is_as_wide_as_its_widest_text() -> None:
    """A short headline above a long line is broken where that line ends, not where the old headline did."""
    picture = drawn_ad()
    words = read_words(picture, KnownReader())
    headline, body = (next(block for block in words.blocks if block.role == role) for role in ("headline", "subline"))
    match = match_fonts(picture, {"headline": headline}, typefaces())["headline"][0]
    wide = replace(body, lines=(replace(body.lines[0], box=(body.box[0], 240, 440, 270)),))

    def nothing_is_free(box: tuple[int, int, int, int]) -> bool:
        return False

    def all_is_free(box: tuple[int, int, int, int]) -> bool:
        return box[0] >= 14 and box[2] <= 466

    assert column_of(headline, match, [wide], nothing_is_free, 480).width_px == 440 - body.box[0]
    apart = replace(body, lines=(replace(body.lines[0], box=(body.box[0] + 40, 240, 440, 270)),))
    assert column_of(headline, match, [apart], nothing_is_free, 480).width_px == headline.box[2] - headline.box[0]
    short = replace(headline, lines=headline.lines[1:])
    x0 = short.box[0]
    assert column_of(short, match, [], all_is_free, 480).width_px == 466 - (x0 - 14) - x0  # as much room as on the left
    lines = tuple(replace(line, box=(x0, line.box[1], x0 + 150, line.box[3])) for line in headline.lines)
    assert (
        300 < column_of(replace(headline, lines=lines), match, [], all_is_free, 480).width_px < 320
    )  # there it would be one line


def test_a_longer_line_keeps_the_margin_of_the_ad() -> None:
    """In two lines it would end nearer to the rim than the old one begins: it is broken once more."""
    picture = drawn_ad()
    headline = next(block for block in read_words(picture, KnownReader()).blocks if block.role == "headline")
    match = match_fonts(picture, {"headline": headline}, typefaces())["headline"][0]
    x0 = headline.box[0]
    column = column_of(headline, match, [], lambda box: box[0] >= 14 and box[2] <= 466, 480)
    assert (column.left_px, column.right_px) == (0.0, 480 - x0)
    ends = []
    for one in (TextColumn(width_px=column.width_px), column):
        setting = lay_out("Waking up refreshed every morning again", headline, match, lambda box: box[2] <= 466, column=one)
        assert setting is not None
        ends.append(max(line.box[2] for line in setting.lines))
    assert ends[0] > 480 - x0 >= ends[1]


def test_a_text_that_grows_does_not_come_close_to_what_stays_below_it() -> None:
    picture = drawn_ad()
    words = read_words(picture, KnownReader())
    block = next(block for block in words.blocks if block.role == "headline")
    others = [other for other in words.blocks if other is not block]
    match = match_fonts(picture, {"headline": block}, typefaces())["headline"][0]
    last, below = match.baselines_px[-1], next(find_followers(block, others)).box[1]
    lowest = lowest_baseline(block, match, others)
    assert last + 1.0 <= lowest < last + 0.2 * (below - last)
    assert lowest_baseline(block, match, []) == float("inf")
    top, right = 20, block.box[2] + 10

    def is_free(box: tuple[int, int, int, int]) -> bool:
        return box[1] >= top and box[2] <= right

    columns = (TextColumn(), TextColumn(lowest_px=lowest))
    free, kept = (lay_out(LONG, block, match, is_free, column=column) for column in columns)
    assert free is not None
    assert kept is not None
    assert free.lines[-1].y > lowest >= kept.lines[-1].y
