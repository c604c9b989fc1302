"""A text is laid out with the least change; fonts are told apart; words are broken evenly; drawn grounds are filled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adcreative.errors import ConfigError
from adcreative.lettering.erasing.erasing import erase_block
from adcreative.lettering.reading.blocks import TextBlock, build_blocks
from adcreative.lettering.setting import fonts, matching
from adcreative.lettering.setting.fonts import Typeface, read_fonts, system_typefaces, typefaces
from adcreative.lettering.setting.matching import match_fonts
from adcreative.lettering.setting.typesetting import FITTED, lay_out, rises_by
from tests.lettering.reading.drawn_ads import GROUND, LINES, drawn_ad

PLAIN = Typeface("Aileron", "Regular", None)


def headline() -> tuple[np.ndarray, TextBlock]:
    picture = drawn_ad()
    return picture, next(block for block in build_blocks(picture, LINES) if len(block.lines) == 2)


def test_every_listed_font_is_open_and_those_of_installed_packages_are_found() -> None:
    assert {source["licence"] for source in read_fonts()["packaged"].values()} <= {"OFL-1.1", "Apache-2.0", "Bitstream Vera"}
    found = {one.family for one in typefaces()}
    assert {"Aileron", "DejaVu Sans", "DejaVu Serif"} <= found


def test_fonts_of_the_machine_are_at_hand_the_font_itself_before_the_one_that_takes_its_place(tmp_path: Path) -> None:
    own, other = tmp_path / "own" / "truetype", tmp_path / "other"
    own.mkdir(parents=True)
    other.mkdir()
    names = (own / "LiberationSans-Bold.ttf", own / "LiberationSans-Regular.ttf", other / "ARIAL.TTF", other / "webdings.ttf")
    for path in names:
        path.write_bytes(b"")
    found = {one.name: one.path for one in system_typefaces([tmp_path / "own", other, tmp_path / "none"])}
    assert found == {"Arial Regular": other / "ARIAL.TTF", "Arial Bold": own / "LiberationSans-Bold.ttf"}
    assert [fonts._is_font(one) for one in system_typefaces([other])] == [False]  # it is empty
    assert set(filter(fonts._is_font, system_typefaces())) <= set(typefaces())


def test_a_font_knows_which_letters_it_has() -> None:
    assert PLAIN.has_letters("Sleep better, from $49")
    assert not PLAIN.has_letters("Schöner")  # Pillow's has plain letters only
    assert any(one.has_letters("Schöner schlafen, 49 €, Śpij dobrze, Хороший сон") for one in typefaces())


def test_a_brand_names_its_own_font_and_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    from matplotlib import font_manager

    (only,) = typefaces([Path(font_manager.findfont("DejaVu Serif"))])
    assert only.family == "DejaVu Serif"
    (tmp_path / "no.ttf").write_bytes(b"not a font")
    with pytest.raises(ConfigError, match=r"the font no.ttf of the brand kit cannot be read"):
        typefaces([tmp_path / "no.ttf"])


def test_the_font_that_drew_a_text_is_recognised_with_its_size() -> None:
    picture, block = headline()
    match = match_fonts(picture, {"headline": block}, typefaces())["headline"][0]
    assert match is not None
    assert match.typeface.family == "Aileron"
    assert match.size_px == pytest.approx(46, rel=0.04)
    assert match.leading_px == pytest.approx(54, abs=1.5)


def test_fonts_unlike_the_longest_line_are_not_held_against_the_others_and_the_nearest_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (picture, block), seen, real = headline(), list[str](), matching._compare
    longest = max((line.text for line in block.lines), key=len)
    monkeypatch.setattr(matching, "_compare", lambda face, words: seen.append(words[0].text) or real(face, words))
    found = match_fonts(picture, {"headline": block}, typefaces())
    assert sum(text not in longest for text in seen) == matching.FITTED.num_compared * (len(block.lines) - 1) > 0
    monkeypatch.setattr(matching, "FITTED", replace(matching.FITTED, num_compared=len(typefaces())))
    assert match_fonts(picture, {"headline": block}, typefaces()) == found


def test_a_text_of_the_same_length_keeps_size_lines_and_edge() -> None:
    picture, block = headline()
    match = match_fonts(picture, {"headline": block}, typefaces())["headline"][0]
    setting = lay_out("Sleep longer tonight", block, match, lambda box: True)
    assert setting is not None
    assert len(setting.lines) == 2
    assert setting.size_px == match.size_px
    assert [line.x for line in setting.lines] == pytest.approx([x for x, _ in match.places], abs=1)
    assert [line.y for line in setting.lines] == pytest.approx([round(one) for one in match.baselines_px], abs=1)


def test_a_longer_text_gets_more_lines_or_smaller_letters_and_never_leaves_its_room() -> None:
    picture, block = headline()
    match = match_fonts(picture, {"headline": block}, typefaces())["headline"][0]
    room = (block.box[0] - 2, block.box[1] - 4, block.box[2] + 2, block.box[3] + 34)

    def is_free(box: tuple[int, int, int, int]) -> bool:
        return box[0] >= room[0] and box[1] >= room[1] and box[2] <= room[2] and box[3] <= room[3]

    setting = lay_out("Sleep better and wake up earlier", block, match, is_free)
    assert setting is not None
    assert setting.size_px < match.size_px
    assert all(is_free(line.box) for line in setting.lines)
    assert lay_out("Sleep better and wake up earlier " * 4, block, match, is_free) is None


def test_a_text_that_fits_at_less_than_four_fifths_of_the_old_size_only_is_not_set() -> None:
    picture, block = headline()
    match = match_fonts(picture, {"headline": block}, typefaces())["headline"][0]
    room = (block.box[0] - 2, block.box[1] - 4, block.box[2] + 2, block.box[3] + 12)  # it would hold three lines at 0.7

    def is_free(box: tuple[int, int, int, int]) -> bool:
        return box[0] >= room[0] and box[1] >= room[1] and box[2] <= room[2] and box[3] <= room[3]

    assert lay_out("Sleep better and wake up earlier", block, match, is_free) is None


def test_a_short_text_is_not_broken_to_fill_the_lines_of_a_long_one() -> None:
    picture, block = headline()
    match = match_fonts(picture, {"headline": block}, typefaces())["headline"][0]
    setting = lay_out("Rest well", block, match, lambda box: True)
    assert setting is not None
    assert len(setting.lines) == 1
    assert setting.num_forced == 0


def test_a_short_text_is_in_two_lines_only_above_another_that_stands_close() -> None:
    picture, block = headline()
    match = match_fonts(picture, {"headline": block}, typefaces())["headline"][0]
    settings = [
        lay_out("Rest well", block, match, lambda box: True, is_headed=True, is_followed=is_followed)
        for is_followed in (False, True)
    ]
    assert [setting and len(setting.lines) for setting in settings] == [1, 2]


def test_lines_use_free_width_beside_the_old_box_instead_of_a_narrow_column() -> None:
    picture, block = headline()
    match = match_fonts(picture, {"headline": block}, typefaces())["headline"][0]
    x0, y0, x1, y1 = block.box
    text = "Sleep much better and wake up earlier"

    def is_free(box: tuple[int, int, int, int]) -> bool:
        return box[0] >= x0 - 2 and box[2] <= x1 + 160 and box[1] >= y0 - 4 and box[3] <= y1 + 12

    setting = lay_out(text, block, match, is_free)
    assert setting is not None
    assert len(setting.lines) == 2
    assert max(line.box[2] for line in setting.lines) > x1 + 40
    assert setting.size_px > 0.9 * match.size_px


@pytest.mark.parametrize("lines_above", [1, 2])
def test_a_text_rises_where_a_line_stays_free_above_it_and_else_is_set_smaller(lines_above: int) -> None:
    picture, block = headline()
    match = match_fonts(picture, {"headline": block}, typefaces())["headline"][0]
    x0, y0, x1, y1 = block.box
    top = y0 - lines_above * match.leading_px - 6

    def is_free(box: tuple[int, int, int, int]) -> bool:
        return box[0] >= x0 - 2 and box[2] <= x1 + 2 and box[3] <= y1 + 12 and box[1] >= top

    setting = lay_out("Sleep better and wake up earlier", block, match, is_free)
    assert setting is not None
    assert (rises_by(setting, block, match) > FITTED.rise) == (lines_above == 2)
    assert (setting.size_px < match.size_px) == (lines_above == 1)


def test_a_flat_ground_is_filled_exactly() -> None:
    picture, block = headline()
    erased, mask = erase_block(picture, block)
    assert (erased[104:226, 20:330] == GROUND).all()
    assert (erased[~mask] == picture[~mask]).all()
