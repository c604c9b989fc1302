"""Lines become blocks with roles, fill the fields that are empty, and tell letters from faces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from adcreative.creative import Creative
from adcreative.features.picture_fields import fill_fields, find_domain, name_brand
from adcreative.lettering.reading import words as words_module
from adcreative.lettering.reading.blocks import BlockLine, TextBlock, build_blocks, ink_height
from adcreative.lettering.reading.ink import contrast_ratio, fit_ground, measure_ink, measure_letters
from adcreative.lettering.reading.measures import measure_text, text_notes
from adcreative.lettering.reading.reader import TextLine
from adcreative.lettering.reading.roles import is_same_text, lacks_a_piece, name_roles
from adcreative.lettering.reading.words import PictureWords, forget_words, read_words, refuse_letters, with_known_words
from tests.lettering.reading.drawn_ads import (
    BODY,
    BRAND,
    BUTTON,
    GROUND,
    HEADLINE,
    INK,
    LABEL,
    LINES,
    WHITE,
    KnownReader,
    drawn_ad,
    letters,
    line,
)


@dataclass(frozen=True)
class Face:
    box_xyxy_px: tuple[float, float, float, float]
    refusal: str | None = None


def words_of_the_ad() -> PictureWords:
    return read_words(drawn_ad(), KnownReader())


def test_lines_become_blocks_with_roles_colours_and_the_button_its_plate() -> None:
    words = words_of_the_ad()
    assert [(block.role, block.text) for block in words.blocks] == [
        ("brand", BRAND),
        ("headline", HEADLINE),
        ("subline", BODY),
        ("button", LABEL),
    ]
    head, button = words.with_role("headline")[0], words.with_role("button")[0]
    assert head.alignment == "left"
    assert len(head.lines) == 2
    assert np.abs(np.subtract(head.colour, INK)).max() <= 3
    assert np.abs(np.subtract(head.ground, GROUND)).max() <= 2
    assert np.abs(np.subtract(button.colour, WHITE)).max() <= 8
    assert np.abs(np.subtract(button.ground, BUTTON)).max() <= 3
    assert button.plate is not None
    assert np.abs(np.subtract(button.plate, (30, 300, 191, 349))).max() <= 2


def test_blocks_are_found_once_for_a_picture_and_its_lines_and_anew_for_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def count(image_u8: np.ndarray, lines: list[TextLine]) -> list[TextBlock]:
        asked.append(len(lines))
        return build_blocks(image_u8, lines)

    monkeypatch.setattr(words_module, "build_blocks", count)
    forget_words()
    ad_u8, other = drawn_ad(), KnownReader(LINES[:-1])
    first = read_words(ad_u8, KnownReader())
    again = read_words(ad_u8.copy(), KnownReader(), brand=HEADLINE)
    assert [block.text for block in first.blocks] == [block.text for block in again.blocks]
    assert (first.blocks[1].role, again.blocks[1].role) == ("headline", "brand")  # roles are named each time
    read_words(ad_u8, other)
    assert asked == [len(LINES), len(LINES) - 1]
    forget_words()
    read_words(ad_u8, other)
    assert len(asked) == 3


def test_boxes_are_tight_around_the_letters() -> None:
    box = words_of_the_ad().with_role("headline")[0].lines[0].box
    inked = np.argwhere(np.abs(drawn_ad()[104:164].astype(int) - GROUND).sum(axis=2) > 150)
    expected = (inked[:, 1].min(), 104 + inked[:, 0].min(), inked[:, 1].max() + 1, 104 + inked[:, 0].max() + 1)
    assert np.abs(np.subtract(box, expected)).max() <= 1


def test_a_gradient_is_ground_and_its_letters_are_found() -> None:
    ramp = np.linspace(120, 240, 480)[None, :, None] * np.ones((480, 1, 3))
    picture = drawn_ad(ramp.round().astype(np.uint8))
    ink = measure_ink(picture, (24, 108, 318, 166))
    assert ink.is_flat
    assert ink.residual < 1.0
    assert np.abs(np.subtract(ink.colour, INK)).max() <= 4


def test_a_fitted_plane_is_exact() -> None:
    y, x = np.mgrid[0:40, 0:60]
    plane = np.stack([10 + x, 30 + 2 * y, 50 + x + y], axis=2).astype(float)
    surface, residual = fit_ground(plane, np.ones((40, 60), bool))
    assert np.abs(surface - plane).max() < 0.01
    assert residual < 0.01


def test_on_a_photograph_a_thing_behind_the_letters_is_no_ink() -> None:
    y, x = np.mgrid[0:120, 0:400]
    waves = 205.0 + 14.0 * np.sin(x / 9.0) * np.cos(y / 7.0)
    plain = Image.fromarray(np.repeat(waves[:, :, None], 3, axis=2).astype(np.uint8))
    draw = ImageDraw.Draw(plain)
    draw.rectangle((0, 0, 35, 119), fill=(105, 102, 98))  # halfway from the ground to the letters
    draw.text((40, 30), "Aim for stars", font=ImageFont.load_default(44), fill=(20, 20, 20))
    picture = np.asarray(plain)
    inked = np.argwhere(picture.max(axis=2) < 60)
    (y0, x0), (y1, x1) = inked.min(axis=0), inked.max(axis=0) + 1
    line_box = (30, int(y0) - 4, int(x1), int(y1) + 4)
    pad = 0.3 * (y1 - y0)
    seen = measure_letters(picture, line_box, pad)
    assert seen.box is not None
    assert np.abs(np.subtract(seen.box, (x0, y0, x1, y1))).max() <= 3
    assert measure_ink(picture, line_box, pad).coverage[:, :8].mean() > 0.4
    assert seen.coverage[:, :8].max() == 0.0


def test_contrast_is_that_of_the_guideline() -> None:
    assert contrast_ratio((255, 255, 255), (0, 0, 0)) == pytest.approx(21.0)
    assert contrast_ratio((119, 119, 119), (255, 255, 255)) == pytest.approx(4.478, abs=0.001)  # WCAG's own example, #777


@pytest.mark.parametrize(
    ("text", "height"), [("Hand", 1.0), ("nurse", 0.74), ("may", 1.02), ("in one", 1.0), ("Enjoy", 1.28), ("睡眠", 1.0)]
)
def test_letters_without_ascenders_are_lower_than_capitals(text: str, height: float) -> None:
    assert ink_height(text) == pytest.approx(height)


def block(text: str, box: tuple[int, int, int, int], **changes: object) -> TextBlock:
    values: dict[str, object] = {
        "lines": (BlockLine(text=text, box=box, confidence=0.99),),
        "colour": INK,
        "ground": GROUND,
        "residual": 0.0,
    }
    return TextBlock(**{**values, **changes})


def test_prices_small_print_and_brands_are_told_apart() -> None:
    blocks = [
        block("NORTHERN TRAIL CO", (20, 10, 160, 30)),
        block("Walk further", (20, 100, 300, 150)),
        block("from $49", (20, 200, 160, 240)),
        block("Terms apply. Ends 3 May.", (20, 460, 200, 470)),
    ]
    assert [one.role for one in name_roles(blocks, 480, 480)] == ["brand", "headline", "price", "legal"]
    named = name_roles(blocks, 480, 480, brand="Walk further")
    assert named[1].role == "brand"


@pytest.mark.parametrize(
    ("text", "role"), [("49zł", "price"), ("49 zł", "price"), ("from 12 kr", "price"), ("20% off", "offer"), ("-20 %", "offer")]
)
def test_a_price_is_told_with_or_without_a_blank(text: str, role: str) -> None:
    named = name_roles([block("Walk further", (20, 100, 300, 150)), block(text, (20, 200, 160, 240))], 480, 480)
    assert named[1].role == role


def ad_with_ribbon() -> PictureWords:
    picture = drawn_ad().copy()
    picture[400:450] = (238, 155, 0)
    sheet = Image.fromarray(picture)
    ImageDraw.Draw(sheet).text((240, 425), "NO FEES", font=ImageFont.load_default(24), fill=INK, anchor="mm")
    return read_words(np.asarray(sheet), KnownReader([*LINES, line("NO FEES", 180, 410, 300, 440)]))


def test_a_ribbon_beside_a_button_is_no_button_and_no_part_of_the_description() -> None:
    words = ad_with_ribbon()
    (ribbon,) = (block for block in words.blocks if block.text == "NO FEES")
    assert ribbon.role != "button"
    assert ribbon.plate is not None
    assert np.abs(np.subtract(ribbon.plate, (0, 400, 480, 450))).max() <= 1
    filled = fill_fields(Creative(), words)
    assert (filled.description, filled.cta) == (BODY, LABEL)


def test_the_panel_that_holds_an_ad_s_words_is_no_button_of_its_first_line() -> None:
    picture = drawn_ad().copy()
    picture[230:] = np.random.default_rng(0).integers(40, 120, (250, 480, 3), np.uint8)  # a photograph below the words
    words = read_words(picture, KnownReader([one for one in LINES if one.text not in (BODY, LABEL)]))
    assert [(block.role, block.text) for block in words.blocks] == [("brand", BRAND), ("headline", HEADLINE)]


def test_a_button_on_a_photograph_of_nearly_its_colour_is_one() -> None:
    picture = drawn_ad().copy()
    wood = np.asarray(Image.fromarray(picture).crop((0, 0, 480, 480))).copy()
    rng = np.random.default_rng(1)
    wood[280:370] = np.clip(rng.normal(BUTTON, 25.0, (90, 480, 3)), 0, 255)
    wood[300:349, 30:191] = picture[300:349, 30:191]
    wood[320:328, 191:480] = np.add(BUTTON, 8)  # a grain that leads out of the button
    (button,) = read_words(wood, KnownReader()).with_role("button")
    assert button.plate is not None
    assert np.abs(np.subtract(button.plate, (30, 300, 191, 349))).max() <= 3


def test_the_glow_around_a_word_is_no_button() -> None:
    y, x = np.mgrid[:480, :480]
    glow = np.clip(150 - 0.3 * np.hypot((x - 240) / 4, y - 300), 0, 255).astype(np.uint8)
    sheet = Image.fromarray(np.repeat(glow[..., None], 3, axis=2))
    ImageDraw.Draw(sheet).text((240, 300), LABEL, font=ImageFont.load_default(24), fill=WHITE, anchor="mm")
    (block,) = build_blocks(np.asarray(sheet), [line(LABEL, 170, 284, 310, 316)])
    assert block.plate is None


def test_a_sign_alone_on_the_last_line_belongs_to_the_text() -> None:
    lines = [line("Sent free from 25", 30, 30, 330, 62), line("€.", 30, 72, 52, 90)]
    (found,) = build_blocks(np.full((300, 480, 3), 255, np.uint8), lines)
    assert found.text == "Sent free from 25 €."


def test_things_that_are_read_as_a_letter_or_digits_are_no_words() -> None:
    ball, windows = block("O", (100, 100, 400, 400)), block("0000", (300, 500, 340, 520))
    line = block("New in: the red ball", (100, 40, 700, 100))
    named = name_roles([line, ball, windows], 900, 900)
    assert [one.role == "headline" for one in named] == [True, False, False]
    filled = fill_fields(Creative(), PictureWords(tuple(named)))
    assert (filled.headline, filled.description) == ("New in: the red ball", "")
    assert fill_fields(Creative(), PictureWords(tuple(name_roles([ball, windows], 900, 900)))).read_fields == ()
    assert name_roles([block("眠", (100, 100, 400, 400))], 900, 900)[0].role == "headline"


def test_same_text_forgives_a_misread_letter_and_nothing_else() -> None:
    assert is_same_text("No more worrles", "No more worries")
    assert not is_same_text("owners choose Birchfield", "Why new home owners sleep well in any season")


def test_an_ad_without_words_is_filled_from_its_picture_and_says_so() -> None:
    filled = fill_fields(Creative(file_name="ad.png"), words_of_the_ad())
    assert (filled.headline, filled.description, filled.cta) == (HEADLINE, BODY, LABEL)
    assert filled.read_fields == ("headline", "description", "cta")


def said(role: str, text: str) -> TextBlock:
    return replace(block(text, (20, 100, 300, 150)), role=role)


def test_a_price_of_its_own_is_no_part_of_the_description() -> None:
    blocks = (said("headline", "Coffee that wakes you"), said("subline", "Roasted in Leeds"), said("price", "£9.90"))
    assert fill_fields(Creative(), PictureWords(blocks)).description == "Roasted in Leeds"
    assert fill_fields(Creative(), PictureWords((blocks[0], blocks[2]))).description == "£9.90"


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        (("Roasted in Leeds", "Posted the same day"), "Roasted in Leeds. Posted the same day"),
        (("Roasted in Leeds!", "Posted the same day"), "Roasted in Leeds! Posted the same day"),
        (("Roasted in Leeds", "and posted the same day"), "Roasted in Leeds and posted the same day"),
        (("より良い睡眠", "今夜から"), "より良い睡眠 今夜から"),
    ],
)
def test_texts_that_stand_apart_are_sentences(texts: tuple[str, str], joined: str) -> None:
    blocks = (said("headline", "Coffee that wakes you"), *(said("subline", text) for text in texts))
    assert fill_fields(Creative(), PictureWords(blocks)).description == joined


def test_an_ad_that_has_words_keeps_them() -> None:
    ad = Creative(file_name="ad.png", headline="Mine", primary_text="Hello", cta="Shop now")
    assert fill_fields(ad, words_of_the_ad()) is ad
    filled = fill_fields(replace(ad, cta=""), words_of_the_ad())
    assert (filled.headline, filled.cta, filled.read_fields) == ("Mine", LABEL, ("cta",))


def test_what_was_hardly_read_fills_nothing() -> None:
    unsure = [replace(one, confidence=0.65) for one in LINES]
    assert fill_fields(Creative(), read_words(drawn_ad(), KnownReader(unsure))).read_fields == ()


@pytest.mark.parametrize(("chance", "confidence", "headline"), [(0.7, 0.9, "Walk"), (0.69, 0.99, ""), (0.99, 0.89, "")])
def test_a_headline_is_filled_in_if_both_its_role_and_its_letters_are_sure(chance, confidence, headline) -> None:
    line = BlockLine(text="Walk", box=(10, 10, 90, 40), confidence=confidence)
    found = block("Walk", (10, 10, 90, 40), lines=(line,), role="headline", chance=chance)
    assert fill_fields(Creative(), PictureWords((found,), (), (100, 100))).headline == headline


def test_a_face_that_is_lettering_is_refused_and_a_real_one_is_not() -> None:
    words = words_of_the_ad()
    on_letters, elsewhere, refused = Face((40, 115, 80, 155)), Face((300, 300, 460, 460)), Face((0, 0, 9, 9), "too small")
    letters, face, small = refuse_letters([on_letters, elsewhere, refused], words)
    assert letters.refusal == "what was taken for a face is lettering"
    assert face.refusal is None
    assert small.refusal == "too small"


def test_a_face_with_a_line_across_it_stays_a_face() -> None:
    assert not words_of_the_ad().covers((20, 60, 320, 360))


def test_measures_of_readable_text_and_of_text_that_is_not() -> None:
    words = words_of_the_ad()
    measures = measure_text(words)
    assert 0.05 < measures.share < 0.12
    assert measures.contrast is not None
    assert measures.contrast > 5
    assert text_notes(words) == []
    small = block("Small print of ten words", (10, 10, 90, 16), role="subline")
    pale = block("Pale words", (10, 100, 90, 130), colour=(190, 190, 190), ground=(255, 255, 255), role="headline")
    large = block("Everything at once", (0, 150, 480, 400), role="subline")
    told = " / ".join(text_notes(PictureWords((small, pale, large), (), (480, 480))))
    assert "4 points high on a phone" in told
    assert "contrast of 1.9 with its ground" in told
    assert "text covers" in told


def test_pieces_of_one_line_are_joined_and_columns_are_not() -> None:
    pieces = [line("Sleep", 30, 100, 120, 140), line("better", 128, 100, 230, 140), line("Far away", 340, 100, 460, 140)]
    blocks = build_blocks(np.full((300, 480, 3), 255, np.uint8), pieces)
    assert sorted(one.text for one in blocks) == ["Far away", "Sleep better"]


def test_a_loose_piece_of_a_line_that_laps_over_the_other_is_joined() -> None:
    pieces = [line("purring", 566, 603, 927, 728), line("Meals worth", 47, 611, 592, 695), line("about", 51, 703, 302, 782)]
    (block,) = build_blocks(np.full((800, 1000, 3), 255, np.uint8), pieces)
    assert block.lines[0].text == "Meals worth purring"


def test_simple_namespace_faces_are_left_alone_when_nothing_was_read() -> None:
    faces = [SimpleNamespace(refusal=None, box_xyxy_px=(0, 0, 10, 10))]
    assert refuse_letters(faces, PictureWords()) == faces


@pytest.mark.parametrize(("left_px", "expected"), [((52, 60), "centre"), ((52, 52), "left"), ((60, 52), "centre")])
def test_lines_of_nearly_one_width_in_the_middle_of_the_picture_stay_in_the_middle(left_px, expected) -> None:
    picture = Image.new("RGB", (540, 300), GROUND)
    draw, lines = ImageDraw.Draw(picture), []
    for k, (text, x) in enumerate(zip(("HHHHHHHHHH", "HHHHHHHHHH"), left_px, strict=True)):
        right = 540 - x if expected == "centre" else x + 300 + 80 * k
        draw.rectangle((x, 60 + 60 * k, right, 60 + 60 * k + 39), fill=INK)
        lines.append(line(text, x - 4, 56 + 60 * k, right + 4, 104 + 60 * k))
    (block,) = read_words(np.asarray(picture), KnownReader(lines)).blocks
    assert len(block.lines) == 2
    assert block.alignment == expected


def test_known_words_take_the_place_of_what_was_read_line_by_line() -> None:
    read = replace(
        block("Wake uprested", (0, 0, 90, 20)),
        lines=(
            BlockLine(text="Wake uprested", box=(0, 0, 90, 20), confidence=0.9),
            BlockLine(text="everyday", box=(0, 24, 60, 44), confidence=0.9),
        ),
    )
    assert [line.text for line in with_known_words(read, "Wake up rested every day").lines] == ["Wake up rested", "every day"]
    euro = block("Versand ab 29€", (0, 0, 90, 20))
    assert [line.text for line in with_known_words(euro, "Versand ab 29 €").lines] == ["Versand ab 29 €"]
    assert with_known_words(read, "A wholly different line") is read
    assert with_known_words(read, "…") is read


def test_a_misread_letter_is_no_piece_and_a_word_is() -> None:
    assert not lacks_a_piece("No more worrles", "No more worries")
    assert not lacks_a_piece("No more wories!", "No more worries")
    assert lacks_a_piece("Varma stunder", "Varma stunder hemma")
    assert lacks_a_piece("Varma stunder hemma", "Varma stunder")


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Jetzt auf www.maison-lune.fr", "maison-lune.fr"),
        ("https://Shop.example.co.uk/deals", "shop.example.co.uk"),
        ("Lund-Coats.de/winter", "lund-coats.de"),
        ("MAISON-LUNE.FR", "maison-lune.fr"),
        ("www.lund.it", "lund.it"),
        ("tienda.com.mx", "tienda.com.mx"),
        ("kontakt@lund.de", ""),
        ("Frisch.Und gut", ""),
        ("Gut.De luxe", ""),
        ("fertig.in 2 Tagen", ""),
        ("bis 14.12.2026", ""),
        ("", ""),
    ],
)
def test_an_address_tells_whose_ad_it_is(text: str, domain: str) -> None:
    assert find_domain("no address", text) == domain


def test_an_ad_tells_whose_it_is_by_its_brand_then_its_logo_then_an_address() -> None:
    words = words_of_the_ad()
    bare = Creative(headline=HEADLINE, description="More on www.lund-coats.de", cta=LABEL)
    assert name_brand(replace(bare, brand="Lund"), words) == "Lund"
    assert name_brand(bare, words) == BRAND
    assert name_brand(replace(bare, headline=BRAND), words) == "lund-coats.de"  # then it is its headline
    twice = replace(words, blocks=(*words.blocks, *words.with_role("brand")))
    assert name_brand(replace(bare, description=""), twice) == ""
    assert name_brand(bare, PictureWords()) == "lund-coats.de"


def test_a_logo_in_spaced_letters_has_the_blanks_of_its_address() -> None:
    words, bare = words_of_the_ad(), Creative(headline=HEADLINE, description="More on www.mai-son.de")
    spaced = [
        replace(block, lines=tuple(replace(line, text="MAISON") for line in block.lines)) if block.role == "brand" else block
        for block in words.blocks
    ]
    assert name_brand(bare, replace(words, blocks=tuple(spaced))) == "MAI SON"
    assert name_brand(replace(bare, description="More on www.mai-sons.de"), replace(words, blocks=tuple(spaced))) == "MAISON"


def test_a_bright_thing_behind_one_line_of_a_headline_does_not_part_it_from_the_next() -> None:
    rng = np.random.default_rng(7)
    waves = 40 + 25 * np.sin(np.linspace(0, 9, 700))[None, :, None] + rng.normal(0, 6, (340, 700, 3))
    sheet = Image.fromarray(waves.clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(sheet)
    draw.ellipse((310, 30, 690, 420), outline=(226, 222, 216), width=26)  # the rim of a cup
    draw.text((40, 40), "Better mornings,", font=letters(64), fill="white", stroke_width=1)
    draw.text((40, 112), "delivered", font=letters(64), fill="white", stroke_width=1)
    (block,) = build_blocks(
        np.asarray(sheet), [line("Better mornings,", 34, 34, 524, 138), line("delivered", 34, 106, 330, 180)]
    )
    assert block.text == "Better mornings, delivered"
