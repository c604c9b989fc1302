"""A line's letters are told from things above and below it by where most of the pieces stand."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from adcreative.lettering.erasing.inks import find_inks
from adcreative.lettering.reading.blocks import BlockLine, TextBlock
from adcreative.lettering.setting import matching
from adcreative.lettering.setting.fonts import Typeface, typefaces
from adcreative.lettering.setting.glyphs import Lettering
from adcreative.lettering.setting.matching import FITTED, _without_specks, _without_things, match_fonts
from adcreative.lettering.setting.registration import Fit


def test_a_things_edge_above_a_line_is_no_letter_and_dots_and_hooks_are() -> None:
    drawn, _, _ = Lettering.plain(typefaces()[0], 48.0).draw('Ting in "Jura", yes; i', 0.0, 0.0)
    line = np.pad(drawn, ((30, 20), (10, 10)))
    assert (_without_things(line) == line).all()
    arc = line.copy()
    arc[4:12, 40:220] = 1.0
    arc[-6:, 100:160] = 0.9
    assert (_without_things(arc) == line).all()


def test_a_line_of_few_pieces_stays_as_it_is() -> None:
    bars = np.zeros((60, 80), np.float32)
    bars[5:12, 5:75], bars[40:48, 5:75] = 1.0, 1.0
    assert (_without_things(bars) == bars).all()


def white_on_a_portrait() -> tuple[np.ndarray, TextBlock]:
    """White letters on a pale wall, dark hair and a flag, and the block as it is read: in the colour of the hair."""
    from skimage import data

    portrait = np.asarray(Image.fromarray(np.asarray(data.astronaut())).resize((900, 900), Image.Resampling.LANCZOS))[:200]
    drawn, left, top = Lettering.plain(next(face for face in typefaces() if face.style == "Bold"), 70.0).draw(TITLE, 40, 120)
    coverage = np.zeros(portrait.shape[:2], np.float32)
    coverage[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    rows, columns = np.flatnonzero((coverage > 0.5).any(axis=1)), np.flatnonzero((coverage > 0.5).any(axis=0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    picture = (portrait * (1.0 - coverage[:, :, None]) + 255.0 * coverage[:, :, None]).round().astype(np.uint8)
    line = BlockLine(text=TITLE, box=box, confidence=0.99)
    return picture, TextBlock(lines=(line,), colour=(20, 8, 26), ground=(213, 207, 200), residual=24.0)


TITLE = "Aim for the stars"


def test_letters_of_a_photograph_are_told_by_the_ink_that_many_pixels_share(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, block = white_on_a_portrait()
    faces = typefaces()[:8]
    ((match, *_),) = match_fonts(picture, {"headline": block}, faces).values()
    assert match.ink is not None
    assert match.likeness > 0.85
    assert "Bold" in match.typeface.style
    assert min(match.colour) > 245
    covered = match.cover(block, picture.shape)
    assert covered is not None
    assert (covered[(picture > 253).all(axis=2)] > 0.5).mean() > 0.9
    monkeypatch.setattr(matching, "find_inks", lambda *_: [])
    ((match, *_),) = match_fonts(picture, {"headline": block}, faces).values()
    assert match.likeness < FITTED.min_likeness


def test_inks_are_colours_that_hardly_vary_and_are_far_apart() -> None:
    picture, block = white_on_a_portrait()
    inks = find_inks(picture, [block.box])
    assert max(min(ink) for ink in inks) >= 253
    assert all(np.linalg.norm(np.subtract(one, other)) >= 40.0 for one in inks for other in inks if one != other)
    noise = np.random.default_rng(0).integers(0, 256, (60, 200, 3), dtype=np.uint8)
    assert find_inks(noise, [(0, 0, 200, 60)]) == []
    assert find_inks(picture, []) == []


def test_specks_and_the_rim_of_a_thing_are_no_letters() -> None:
    drawn, _, _ = Lettering.plain(typefaces()[0], 48.0).draw("Slow mornings, jute", 0.0, 0.0)
    line = np.pad(drawn, ((40, 30), (20, 120)))
    seen = line.copy()
    seen[12:18, 30:400] = 1.0  # a rim that is wider than a letter
    seen[70:72, -60:-58] = 1.0  # specks: beside all letters, below them, above
    seen[-4:, 90:94] = 1.0
    seen[30:32, 200:202] = 1.0
    kept = _without_specks(seen)
    assert np.abs(kept - line)[line > 0.05].max() == 0.0
    assert kept[12:18, 30:400].max() == kept[70:72, -60:-58].max() == kept[-4:, 90:94].max() == 0.0


def test_lines_of_one_length_in_the_middle_of_a_picture_are_centred() -> None:
    block = TextBlock(
        lines=(BlockLine(text="One price", box=(40, 60, 160, 80), confidence=1.0),),
        colour=(0, 0, 0),
        ground=(255, 255, 255),
        residual=0.0,
    )

    def edges(start: float, end: float) -> dict[str, np.ndarray]:
        return {"left": np.array([start]), "centre": np.array([(start + end) / 2]), "right": np.array([end])}

    def found(width: int, *others: dict[str, np.ndarray]) -> str:
        return matching._alignment(block, edges(40.0, 160.0), width, others)

    assert found(200, edges(40.2, 160.1)) == "centre"  # both edges are shared by chance
    assert found(200, edges(40.2, 130.0)) == "left"  # in the middle by chance
    assert found(400, edges(40.2, 160.1)) == "left"
    assert found(400, edges(60.0, 160.1)) == "right"


LONG = "Ten minutes a day with a teacher who is at home there"


def dark_line(face: Typeface, size_px: float = 33.3, *, is_mirrored: bool = False) -> tuple[np.ndarray, TextBlock]:
    """A long line, as browsers draw it, on an even ground, and the block as it is read."""
    drawn = Lettering(typeface=face, size_px=size_px, is_snapped=False).draw(LONG, 0.0, 0.0)[0]
    drawn = np.pad(drawn[::-1] if is_mirrored else drawn, 12)
    rows, columns = np.flatnonzero((drawn > 0.5).any(axis=1)), np.flatnonzero((drawn > 0.5).any(axis=0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    picture = (240.0 - 200.0 * drawn).round().astype(np.uint8)[:, :, None].repeat(3, axis=2)
    line = BlockLine(text=LONG, box=box, confidence=0.99)
    return picture, TextBlock(lines=(line,), colour=(40, 40, 40), ground=(240, 240, 240), residual=0.0)


def regular(family: str) -> Typeface:
    return next(face for face in typefaces() if face.family == family and face.style == "Regular")


@pytest.mark.parametrize(("family", "size_px"), [("Caladea", 36.0), ("Source Sans Pro", 24.0)])
def test_the_font_of_a_long_line_comes_first_though_its_letters_drift(family: str, size_px: float) -> None:
    """Fonts are compared with whole advances, browsers draw fractions: far along a line letters stand beside others."""
    picture, block = dark_line(regular(family), size_px)
    ((match, *_),) = match_fonts(picture, {"headline": block}, typefaces()).values()
    assert match.typeface == regular(family)
    assert match.likeness > 0.85


def test_where_a_font_is_not_at_hand_a_similar_one_of_its_weight_is() -> None:
    picture, block = dark_line(regular("Source Serif Pro"))
    others = [face for face in typefaces() if face.family != "Source Serif Pro"]
    ((match, *_),) = match_fonts(picture, {"headline": block}, others).values()
    assert match.likeness < FITTED.min_likeness  # along the line its letters drift
    assert match.is_like
    assert not match.lettering.is_bold
    assert abs(match.lettering.tracking) < 0.05


def test_lettering_that_no_font_at_hand_is_like_is_told() -> None:
    picture, block = dark_line(regular("Source Serif Pro"), is_mirrored=True)
    ((match, *_),) = match_fonts(picture, {"headline": block}, typefaces()).values()
    assert not match.is_like


def test_a_font_that_may_stand_in_goes_before_a_nearer_one_that_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, block = dark_line(regular("Lato"))
    near = Fit(lettering=Lettering.plain(regular("Lato"), 33.3), places=((12.0, 40.0),), likeness=0.6, by_words=0.54)
    bold = replace(near, likeness=0.66, by_words=0.6, heavier=0.4)
    assert bold.nearness < near.nearness

    def fit_nearest(*_: object) -> Generator[None, None, list[Fit]]:
        yield
        return [bold, near]

    monkeypatch.setattr(matching, "_fit_nearest", fit_nearest)
    monkeypatch.setattr(matching, "look_at_words", lambda _, fit: fit)
    ((first, *_),) = match_fonts(picture, {"headline": block}, typefaces()).values()
    assert first.is_like
    assert first.likeness == bold.likeness
