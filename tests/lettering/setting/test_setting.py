"""New words stand in the picture where the old ones stood, all else is bit-equal; what cannot be done well is not done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from adcreative.lettering.erasing.erasing import erase_block
from adcreative.lettering.reading.blocks import Box
from adcreative.lettering.reading.reader import has_reader, load_reader
from adcreative.lettering.reading.words import read_words
from adcreative.lettering.setting import acceptance
from adcreative.lettering.setting.acceptance import advised_contrast, find_repeated, needed_contrast, readable
from adcreative.lettering.setting.changes import Change
from adcreative.lettering.setting.field_blocks import find_field_blocks
from adcreative.lettering.setting.fonts import typefaces
from adcreative.lettering.setting.matching import match_fonts
from adcreative.lettering.setting.setting import TextSetter
from adcreative.lettering.setting.typesetting import SetLine, Setting
from adcreative.problem import Problem
from tests.lettering.reading.drawn_ads import BODY, BUTTON, GROUND, HEADLINE, LABEL, KnownReader, drawn_ad

AD = {"headline": HEADLINE, "description": BODY, "cta": LABEL}
needs_reader = pytest.mark.skipif(not has_reader(), reason="reads pictures")


def codes(change: Change) -> dict[str, list[str]]:
    """Return field -> the codes of what kept its text from being set."""
    return {name: [one.code for one in problems] for name, problems in change.left.items()}


def setter(picture: np.ndarray, texts: dict[str, str] = AD, reader: Any = None, **changes: Any) -> TextSetter:
    reader = reader or KnownReader()
    return TextSetter(picture, read_words(picture, KnownReader()), texts, reader=reader, typefaces=typefaces(), **changes)


@needs_reader
def test_the_new_headline_reads_back_and_every_other_pixel_is_the_old_one() -> None:
    picture = drawn_ad()
    change = setter(picture, reader=load_reader()).change(AD | {"headline": "Wake up rested every day"})
    assert change.done == ("headline",)
    assert change.note == "headline set into the picture"
    after = change.apply(picture)
    assert (after[~change.mask] == picture[~change.mask]).all()
    rows = np.flatnonzero(change.mask.any(axis=1))
    assert rows.min() > 60  # neither brand, body nor button
    assert rows.max() < 240
    read = " ".join(block.text for block in read_words(after, load_reader(), brand="Somnia").with_role("headline"))
    assert read == "Wake up rested every day"


@needs_reader
def test_letters_leave_no_trace_on_a_gradient() -> None:
    ramp = (np.linspace(150, 240, 480)[None, :, None] * np.ones((480, 1, 3))).round().astype(np.uint8)
    picture = drawn_ad(ramp)
    change = setter(picture, reader=load_reader()).change(AD | {"headline": "Rest well"})
    after = change.apply(picture)
    gone = np.abs(picture.astype(int) - ramp).max(axis=2) > 40
    gone[:104], gone[226:] = False, False  # the headline's pixels
    kept_clear = gone & (np.abs(after.astype(int) - picture).max(axis=2) > 0) & (after.mean(axis=2) > 120)
    assert kept_clear.sum() > 1000
    assert np.abs(after.astype(int) - ramp).max(axis=2)[kept_clear].mean() < 3.0


@needs_reader
def test_a_longer_label_makes_its_button_wider() -> None:
    picture = drawn_ad()
    change = setter(picture, reader=load_reader()).change(AD | {"cta": "Order your pillow now"})
    assert change.done == ("cta",)
    after = change.apply(picture)
    row = np.abs(after[306].astype(int) - BUTTON).max(axis=1) < 12
    old = np.abs(picture[306].astype(int) - BUTTON).max(axis=1) < 12
    assert row.sum() > old.sum() + 30
    assert np.flatnonzero(row)[0] == np.flatnonzero(old)[0]  # it grows to the right, as it stands at the left


def test_a_button_with_square_corners_grows_too() -> None:
    picture = drawn_ad().copy()
    (label,) = [block for block in read_words(picture, KnownReader()).blocks if block.plate is not None]
    assert label.plate is not None
    x0, y0, x1, y1 = label.plate
    inside = picture[y0:y1, x0:x1]
    inside[np.abs(inside.astype(int) - GROUND).max(axis=2) < 12] = BUTTON
    square = setter(picture, reader=KnownReader(said=["Order your pillow now"]))
    change = square.change(AD | {"cta": "Order your pillow now"})
    assert change.done == ("cta",)
    row = np.abs(change.apply(picture)[306].astype(int) - BUTTON).max(axis=1) < 12
    assert row.sum() > x1 - x0 + 30


def test_a_text_of_which_a_word_stands_elsewhere_is_left_whole() -> None:
    picture = drawn_ad()
    longer = AD | {"headline": f"{HEADLINE} all day", "description": f"{BODY} with care"}
    change = setter(picture, longer).change(longer | {"headline": "Rest", "description": "Soft"})
    assert change.apply(picture) is picture
    assert codes(change) == {name: ["not_in_one_piece"] for name in ("headline", "description")}


@needs_reader
def test_a_picture_says_no_text_twice() -> None:
    """Two texts may change places; where one of them cannot be set, the other one stays, too."""
    picture = drawn_ad()
    change = setter(picture, reader=load_reader()).change(AD | {"headline": BODY, "description": "", "cta": "Order it now"})
    assert change.done == ("cta",)
    assert codes(change) == {"headline": ["said_twice_in_picture"], "description": ["no_text"]}
    rows = np.flatnonzero(change.mask.any(axis=1))
    assert rows.min() > 240  # the headline's pixels are the old ones
    blocks = {name: find_field_blocks(read_words(picture, KnownReader()), AD)[name] for name in ("headline", "cta")}
    assert find_repeated(["headline"], blocks) == []


def test_a_button_that_grows_keeps_the_room_on_either_side_of_its_label() -> None:
    picture = drawn_ad()
    after = setter(picture, reader=load_reader()).change(AD | {"cta": "Order your pillow now"}).apply(picture)
    pads = []
    for image in (picture, after):
        (found,) = [block for block in read_words(image, load_reader()).blocks if block.plate is not None]
        assert found.plate is not None
        pads.append((found.box[0] - found.plate[0], found.plate[2] - found.box[2]))
    assert min(pads[0]) > 20
    assert np.abs(np.subtract(*pads)).max() <= 3


def test_a_shorter_label_makes_its_button_narrower_and_the_ground_goes_on() -> None:
    ramp = (np.linspace(200, 240, 480)[None, :, None] * np.ones((480, 1, 3))).round().astype(np.uint8)
    picture = drawn_ad(ramp)
    after = setter(picture, reader=KnownReader(said=["Go"])).change(AD | {"cta": "Go"}).apply(picture)
    old, new = (np.flatnonzero(np.abs(one[306].astype(int) - BUTTON).max(axis=1) < 12) for one in (picture, after))
    assert new[0] == old[0]
    assert new[-1] < old[-1] - 40
    freed = after[300:348, new[-1] + 16 : 194].astype(int)
    assert np.abs(freed - ramp[300:348, new[-1] + 16 : 194]).max() <= 2
    assert (after[:298] == picture[:298]).all()


def test_spots_of_the_ground_are_not_drawn_on_a_button() -> None:
    y, x = np.mgrid[0:480, 0:480]
    dots = np.where((np.hypot(y % 24 - 12, x % 24 - 12) < 3.5)[:, :, None], np.uint8(190), np.uint8(225)).repeat(3, axis=2)
    picture = drawn_ad(dots)
    (label,) = [block for block in read_words(picture, KnownReader()).blocks if block.plate is not None]
    erased, mask = erase_block(picture, label)
    assert mask[318:330, 70:150].any()
    assert np.abs(erased[306:342, 50:170].astype(int) - BUTTON).max() <= 2


def test_bold_letters_of_14_points_are_advised_a_contrast_of_three_and_others_more() -> None:
    picture = drawn_ad()
    (label,) = [block for block in read_words(picture, KnownReader()).blocks if block.plate is not None]
    match = match_fonts(picture, {"cta": label}, typefaces())["cta"][0]
    bold = replace(match.lettering, typeface=replace(match.typeface, style="Bold"), size_px=15.0)
    line = SetLine(text="Go", x=90.0, y=330.0, box=(90, 315, 120, 330))
    advised = [
        advised_contrast(Setting(lines=(line,), lettering=lettering, cost=0.0), 375)
        for lettering in (bold, replace(bold, typeface=replace(bold.typeface, style="Regular"), stroke=0.0))
    ]
    assert advised == [3.0, 4.5]


def test_a_text_that_does_not_read_back_leaves_the_picture_as_it_was() -> None:
    picture = drawn_ad()
    change = setter(picture, reader=KnownReader(said=["Rset"] * 99)).change(AD | {"headline": "Rest"})
    assert change.done == ()
    assert change.apply(picture) is picture
    assert change.note.startswith('the headline in the picture stays as it was: it is read back as "Rset')


def test_lines_that_stand_in_another_order_are_read_so_and_a_little_word_may_be_read_with_a_capital() -> None:
    (label,) = [block for block in read_words(drawn_ad(), KnownReader()).blocks if block.plate is not None]
    lettering = match_fonts(drawn_ad(), {"cta": label}, typefaces())["cta"][0].lettering
    upper, lower = (20, 40, 200, 64), (20, 100, 200, 124)
    picture = np.full((200, 480, 3), 230, np.uint8)
    picture[:80] = 220

    class Reader(KnownReader):
        def read_lines(self, crops_u8: Sequence[np.ndarray]) -> list[str]:
            return [self.said[int(crop.mean() > 225)] for crop in crops_u8]

    def faults(said: list[str], first: Box, second: Box) -> list[Problem]:
        lines = (SetLine(text="This is", x=20.0, y=0.0, box=first), SetLine(text="why", x=20.0, y=0.0, box=second))
        setting = Setting(lines=lines, lettering=lettering, cost=0.0)
        nothing = np.zeros(picture.shape[:2], bool)
        return acceptance.find_faults(picture, picture, nothing, "This is why", setting, (0, 0, 0), Reader(said=said))

    assert faults(["This Is", "why"], upper, lower) == []
    assert faults(["why", "This Is"], lower, upper) == ['it is read back as "why This Is"']


def test_a_text_keeps_a_faint_ink_that_the_ad_has_and_says_so() -> None:
    picture = drawn_ad(np.full((480, 480, 3), 95, np.uint8))  # dark ink on grey: 2.6
    change = setter(picture, reader=KnownReader(said=["Rest"] * 9)).change(AD | {"headline": "Rest"})
    assert not change.placed["headline"].is_new_ink
    assert change.note.startswith(
        "headline set into the picture; subline and button moved with it; the headline keeps the ad's ink"
    )
    assert change.note.endswith("whose contrast with the ground is 2.4 (3 is advised)")
    rows = slice(100, 232)  # of the headline; the button's label is white
    assert change.apply(picture)[rows].max() <= 100


def test_a_text_whose_font_is_not_at_hand_is_set_in_a_similar_one_and_says_so() -> None:
    picture = drawn_ad(np.full((480, 480, 3), 236, np.uint8))
    told = setter(picture, reader=KnownReader(said=["Rest"] * 9)).change(AD | {"headline": "Rest"}).note
    assert "most similar" not in told
    own = setter(picture, reader=KnownReader()).prepared.match()["headline"][0].typeface.family
    words = read_words(picture, KnownReader())
    others = [face for face in typefaces() if face.family != own]
    without = TextSetter(picture, words, AD, reader=KnownReader(said=["Rest"] * 9), typefaces=others)
    change = without.change(AD | {"headline": "Rest"})
    assert change.done == ("headline",)
    assert "the headline is in " in change.note
    assert "the most similar font at hand" in change.note


def test_a_text_takes_another_ink_where_the_old_one_has_less_contrast_than_it_had() -> None:
    ground = np.full((480, 480, 3), 236, np.uint8)
    ground[:, 320:] = 60  # dark beside the old headline, which ends at 318
    picture = drawn_ad(ground)
    block = find_field_blocks(read_words(picture, KnownReader()), AD)["headline"]
    match = match_fonts(picture, {"headline": block}, typefaces())["headline"][0]
    erased = erase_block(picture, block)[0]
    least = needed_contrast(erased, [line.box for line in block.lines], match.colour)
    assert least == 4.5
    there = SetLine(text="Rest", x=340.0, y=160.0, box=(340, 120, 440, 160))
    setting = Setting(lines=(there,), lettering=match.lettering, cost=0.0)
    here = replace(setting, lines=(replace(there, box=block.lines[0].box),))
    assert readable(match.colour, erased, here, least) == match.colour
    assert min(readable(match.colour, erased, setting, least)) > 150  # a pale tone of the dark ground


def test_a_text_without_contrast_in_any_ink_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = replace(acceptance.THRESHOLDS, inks=((95, 95, 95),), old_share=2.0)
    monkeypatch.setattr(acceptance, "THRESHOLDS", bounds)
    change = setter(drawn_ad(np.full((480, 480, 3), 95, np.uint8))).change(AD | {"headline": "Rest"})
    assert change.left["headline"] == ("its colour has a contrast of 1.0 with the ground; 4.5 is needed",)


def test_a_text_that_has_no_room_is_not_set() -> None:
    change = setter(drawn_ad()).change(AD | {"headline": "Sleep " * 30})
    assert codes(change) == {"headline": ["does_not_fit"]}


def test_no_text_is_set_on_a_face_or_on_pixels_that_another_edit_changes() -> None:
    picture = drawn_ad()
    said = ["Wake up rested every day, all week"] * 9
    fixed = np.zeros((480, 480), bool)
    fixed[100:230, 40:60] = True
    change = setter(picture, reader=KnownReader(said=said), fixed=fixed).change(AD | {"headline": "Rest"})
    assert codes(change) == {"headline": ["on_an_edited_face"]}
    long = AD | {"headline": "Wake up rested and well every single day"}
    wide = setter(picture, reader=KnownReader(said=["x"] * 99)).change(long)
    assert codes(wide) == {"headline": ["misread"]}  # there is room without the face
    boxed = setter(picture, faces_xyxy_px=[(120, 60, 470, 236)]).change(long)
    assert codes(boxed) == {"headline": ["does_not_fit"]}


def test_a_script_without_a_font_at_hand_is_left_alone() -> None:
    assert codes(setter(drawn_ad()).change(AD | {"headline": "よく眠れる夜"})) == {"headline": ["no_letters"]}


def test_letters_that_the_reader_does_not_know_are_not_set() -> None:
    left = setter(drawn_ad()).change(AD | {"headline": "Хороший сон"}).left["headline"]
    assert left[0] == 'its letters cannot be read back ("Хорошийс"); name an OCR model that knows them with ADCREATIVE_OCR'


def test_words_that_do_not_stand_in_the_picture_change_nothing_in_it() -> None:
    other = AD | {"headline": "A wholly different line", "description": "", "cta": ""}
    assert find_field_blocks(read_words(drawn_ad(), KnownReader()), other) == {}
    change = setter(drawn_ad(), other).change(other | {"headline": "Another"})
    assert change.note == ""
    assert not change.mask.any()


def test_capitals_stay_capitals() -> None:
    from adcreative.lettering.setting.field_blocks import as_set
    from tests.lettering.reading.test_words import block

    assert as_set("Wake up rested", block("SLEEP BETTER", (0, 0, 90, 20))) == "WAKE UP RESTED"
    assert as_set("SHOP_NOW", block("Order now", (0, 0, 90, 20), plate=(0, 0, 99, 30))) == "Shop now"


def test_a_named_inpainter_fills_a_ground_that_is_no_gradient() -> None:
    y, x = np.mgrid[0:480, 0:480]
    waves = (200 + 22 * np.sin(x / 5.0) * np.sin(y / 5.0))[:, :, None].repeat(3, axis=2).round().astype(np.uint8)
    asked = []

    def paint(image_u8: np.ndarray, mask: np.ndarray, keep_out: np.ndarray) -> np.ndarray:
        asked.append((int(mask.sum()), bool((mask & keep_out).any()), bool(keep_out[306, 110])))
        return np.where(mask[:, :, None], waves, image_u8)

    words = setter(drawn_ad(waves), reader=KnownReader(said=["Rest"] * 9), inpainter=paint)
    words.change(AD | {"headline": "Rest"})
    words.change(AD | {"headline": "Rest well"})
    assert len(asked) == 2  # the headline, and the body, which such a ground lets not move: each goes once for both texts
    num_filled, _, bars_button = asked[0]
    assert num_filled > 1000
    assert not any(copies_itself for _, copies_itself, _ in asked)
    assert bars_button


def test_the_same_words_are_set_once() -> None:
    reader = KnownReader(said=["Rest"] * 3)
    words = setter(drawn_ad(), reader=reader)
    first, second = (words.change(AD | {"headline": "Rest"}) for _ in range(2))
    assert first is second
