"""A finished picture that still shows old letters, says stray words, cuts a line or spoils what stands beside is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from adcreative.lettering import TextBlock, TextLine
from adcreative.lettering.reading.words import read_words
from adcreative.lettering.setting.gate import find_failures, find_residue, find_touched
from tests.lettering.reading.drawn_ads import BRAND, GROUND, LINES, KnownReader, drawn_ad, line
from tests.lettering.setting.test_setting import AD, codes, setter

RNG = np.random.default_rng(5)
GRAVEL = RNG.integers(140, 175, (120, 120, 3)).astype(np.uint8).repeat(4, axis=0).repeat(4, axis=1)
GROUNDS = {"flat": np.full((480, 480, 3), GROUND, np.uint8), "texture": GRAVEL}
NOTHING_BESIDE = np.zeros((480, 480), bool)


class Seeing(KnownReader):
    """Reads given lines in whatever part of a picture is shown to it, at its middle."""

    def read(self, image_u8: np.ndarray, whole: tuple[int, int] | None = None) -> list[TextLine]:
        height, width = image_u8.shape[:2]
        return [line(text, width / 2 - 9, height / 2 - 5, width / 2 + 9, height / 2 + 5) for text in self.said]


def headline() -> TextBlock:
    (found,) = read_words(drawn_ad(), KnownReader()).with_role("headline")
    return found


@pytest.mark.parametrize("name", GROUNDS)
def test_edges_of_old_letters_in_the_ground_are_a_ghost_and_the_ground_itself_is_none(name: str) -> None:
    ground = GROUNDS[name]
    picture, old = drawn_ad(ground), replace(headline(), residual=0.0 if name == "flat" else 20.0)
    assert find_residue(picture, ground, old, NOTHING_BESIDE, Seeing()) == ()
    pale = (0.75 * ground + 0.25 * picture).round().astype(np.uint8)
    spoiled = pale if name == "flat" else np.where((np.arange(480) < 140)[None, :, None], picture, ground)
    assert [one.code for one in find_residue(picture, spoiled, old, NOTHING_BESIDE, Seeing())] == ["ghost"]


def test_an_old_word_that_can_be_read_in_the_ground_or_the_picture_is_told() -> None:
    picture, old = drawn_ad(), headline()
    (told,) = find_residue(picture, GROUNDS["flat"], old, NOTHING_BESIDE, Seeing(said=["Sleep"]))
    assert told == 'the old words can still be read ("Sleep")'
    new = replace(old, lines=(replace(old.lines[0], text="Rest well"),))
    lines = [LINES[0], LINES[3]]

    def found(*said: str) -> list[str]:
        return [one.code for one in find_failures(GROUNDS["flat"], picture, old, new, (), lines, Seeing(said=said))]

    assert found("Rest well") == found("Rest weII") == found(BRAND) == []
    assert found("Rest well", "tonight") == ["old_words_left"]
    assert found("Rest well", "20% OFF") == ["stray_words"]


def test_a_line_that_leaves_its_plate_or_the_picture_is_cut() -> None:
    picture, old = drawn_ad(), headline()
    label = replace(old, plate=(0, 0, old.box[2] - 4, 480))
    assert [one.code for one in find_failures(GROUNDS["flat"], picture, old, label, (), (), Seeing())] == ["cut"]


def test_new_lines_that_run_over_a_thing_cover_it() -> None:
    ground, old = drawn_ad(), headline()
    x0, y0, x1, y1 = old.lines[0].box
    wide = replace(old, lines=(replace(old.lines[0], box=(x0, y0, 460, y1)),))
    assert find_failures(GROUNDS["flat"], ground, old, wide, (), (), Seeing()) == ()
    thing = GROUNDS["flat"].copy()
    thing[y0 - 20 : y0 + 12, x1 + 20 :] = (56, 182, 255)
    assert [one.code for one in find_failures(thing, ground, old, wide, (), (), Seeing())] == ["covers_a_thing"]


def test_a_brand_whose_pixels_changed_must_read_as_before() -> None:
    class Reader(KnownReader):
        def read_lines(self, crops_u8: Sequence[np.ndarray]) -> list[str]:
            return ["" if crop.min() > 200 else BRAND for crop in crops_u8]

    picture, words = drawn_ad(), read_words(drawn_ad(), KnownReader())
    covered = picture.copy()
    covered[20:56, 20:120] = GROUND
    assert find_touched(picture, picture, words.blocks, Reader()) == []
    assert [one.values["line"] for one in find_touched(picture, covered, words.blocks, Reader())] == [BRAND]


def test_a_text_that_fails_leaves_the_picture_and_the_others_are_set() -> None:
    class Haunted(KnownReader):
        def read(self, image_u8: np.ndarray, whole: tuple[int, int] | None = None) -> list[TextLine]:
            return Seeing(said=["tonight"]).read(image_u8)

        def read_lines(self, crops_u8: Sequence[np.ndarray]) -> list[str]:
            return ["Go" if crop[:, :, 2].mean() > crop[:, :, 0].mean() + 30 else "Rest well" for crop in crops_u8]

    haunted = setter(drawn_ad(), reader=Haunted())
    change = haunted.change(AD | {"headline": "Rest well", "cta": "Go"})
    assert change.done == ("cta",)
    assert change.placed["cta"].old == AD["cta"]
    assert codes(change) == {"headline": ["old_words_left"]}
    assert not change.mask[104:226].any()
