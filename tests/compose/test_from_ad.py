"""Parts of an ad that exists: words read twice, words erased from the photograph, and what is asked for by name."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from adcreative.compose.from_ad import (
    NO_PHOTOGRAPH,
    Taken,
    find_panels,
    is_clean,
    read_twice,
    take_parts,
    without_rim,
    write_taken,
)
from adcreative.errors import ConfigError
from adcreative.lettering import BlockLine, TextBlock, TextLine, Words
from adcreative.verbs.compose_many import compose_from

NOTHING = np.zeros((0, 4), np.float32)


class Reader:
    """Reads one line, which says something else where the picture has another size."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)

    def read(self, image_u8: np.ndarray) -> list[TextLine]:
        height, width = image_u8.shape[:2]
        box = np.array([[0.1, 0.1], [0.9, 0.1], [0.9, 0.2], [0.1, 0.2]], np.float32) * (width, height)
        return [TextLine(text=self.texts.pop(0), quad_xy_px=box.astype(np.float32), confidence=0.99)]


def drawn_ad() -> np.ndarray:
    """Return an ad of 600 x 600 px: words on white above a patterned photograph."""
    image = Image.new("RGB", (600, 600), "white")
    ImageDraw.Draw(image).text((60, 60), "Taste July", fill="#c02020", font_size=60)
    pixels = np.array(image)
    pixels[200:] = np.random.default_rng(1).integers(0, 255, (50, 75, 3)).repeat(8, 0).repeat(8, 1)
    return pixels


def said(*, confidence: float = 0.99, residual: float = 1.0, role: str = "headline") -> Words:
    line = BlockLine(text="Taste July", box=(60, 66, 380, 130), confidence=confidence)
    block = TextBlock(lines=(line,), colour=(192, 32, 32), ground=(255, 255, 255), residual=residual, role=role)
    return Words(blocks=(block,), size=(600, 600))


def test_words_that_two_sizes_read_otherwise_are_proposed_and_not_used(tmp_path: Path) -> None:
    image_u8 = drawn_ad()
    assert read_twice(image_u8, Reader("Taste July", "Taste July")).blocks[0].confidence == 0.99
    assert read_twice(image_u8, Reader("Taste July", "Taste Juiy")).blocks[0].confidence == 0.0
    taken = take_parts(image_u8, said(confidence=0.0), None)
    assert "headline" not in taken.messages
    assert taken.missing["messages.headline"] == 'it was read as "Taste July", not for sure'
    text = write_taken(taken, tmp_path).read_text()
    assert '# headline = "Taste July"  # as it was read' in text
    assert tomllib.loads(text)["messages"] == {}


@pytest.mark.parametrize(
    ("headline", "is_kept"), [("Save 20% today", False), ("Save 120% today", True), ("20% discount", False)]
)
def test_an_offer_that_the_headline_says_is_not_taken_again(headline: str, is_kept: bool) -> None:
    def block(role: str, text: str) -> TextBlock:
        one = said(role=role).blocks[0]
        return replace(one, lines=(replace(one.lines[0], text=text),))

    words = Words(blocks=(block("offer", "20%"), block("headline", headline)), size=(600, 600))
    taken = take_parts(drawn_ad(), words, segment=None)
    assert taken.messages["headline"] == (headline,)
    assert ("offer" in taken.messages, "messages.offer" in taken.sure) == (is_kept, is_kept)


def test_what_is_hardly_the_brand_does_not_hide_it() -> None:
    blocks = tuple(replace(said(role="brand").blocks[0], chance=chance) for chance in (0.8, 0.4))
    assert take_parts(drawn_ad(), Words(blocks=blocks, size=(600, 600)), None).brand == "Taste July"


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_brands_mark_comes_with_its_name_and_nothing_cut_does(goes_on: bool) -> None:
    ad = np.full((600, 600, 3), 255, np.uint8)
    ad[66:130, 60:380:8] = ad[66:130, 61:380:8] = (192, 32, 32)
    ad[60:136, 0 if goes_on else 10 : 44] = (20, 90, 200)  # a mark beside the name, or a bar that is no mark
    taken = take_parts(ad, said(role="brand"), segment=None)
    assert taken.brand == "Taste July"
    if goes_on:
        assert taken.logo is None
        assert taken.missing["brand.logo"] == "something else reaches into its box"
        return
    assert taken.logo is not None
    blue = (np.asarray(taken.logo)[..., :3] == (20, 90, 200)).all(axis=2) & (np.asarray(taken.logo)[..., 3] > 0)
    assert blue.any(axis=0).sum() == 34  # columns


def test_words_on_calm_ground_are_erased_and_looked_for() -> None:
    image_u8 = drawn_ad()
    photograph = np.random.default_rng(2).integers(0, 255, (75, 75, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    photograph[40:260, 40:420] = 255  # open ground, too large for a bar behind the words
    photograph[60:140, 50:400] = image_u8[60:140, 50:400]
    whole = take_parts(photograph, said(), None, lambda picture: NOTHING).photo
    still_there = take_parts(photograph, said(), None, lambda picture: np.array([[60, 60, 380, 130]], np.float32)).photo
    uneven = photograph.copy()
    uneven[40:260, 40:420] -= np.random.default_rng(4).integers(0, 40, (220, 380, 1), np.uint8)
    busy = take_parts(uneven, said(residual=30.0), None, lambda picture: NOTHING).photo
    assert whole is not None
    assert still_there is not None
    assert busy is not None
    assert whole.height == 600
    assert busy.height == still_there.height < 480
    assert np.asarray(whole)[60:135, 55:390].min() > 235, "no stroke is left"
    line = replace(said().blocks[0].lines[0], box=(45, 45, 415, 255))  # words over more than a seventh of it
    large = Words(blocks=(replace(said().blocks[0], lines=(line,)),), size=(600, 600))
    around = take_parts(photograph, large, None, lambda picture: NOTHING).photo
    assert around is not None
    assert around.height < 480


def test_a_thing_that_goes_on_beyond_the_photograph_is_not_taken() -> None:
    def segment(image_u8: np.ndarray) -> np.ndarray:
        seen = np.zeros(image_u8.shape[:2], np.float32)
        seen[100:500, 200:400] = 1.0  # under the words, too
        return seen

    taken = take_parts(drawn_ad(), said(residual=30.0), segment)
    assert taken.photo is None
    assert "of what its photograph shows lies under words" in taken.missing["photos"]


def test_a_thing_is_taken_whole_where_the_largest_part_cuts_it() -> None:
    image_u8 = np.random.default_rng(3).integers(0, 255, (75, 112, 3), np.uint8).repeat(8, 0).repeat(8, 1)

    def segment(image_u8: np.ndarray) -> np.ndarray:
        seen = np.zeros(image_u8.shape[:2], np.float32)
        seen[60:560, 500:800] = 1.0  # the largest part without words is all that is below them
        return seen

    photo = take_parts(image_u8, said(residual=30.0), segment).photo
    assert photo is not None
    assert 300 < photo.width < 450
    assert photo.height > 550
    image_u8[:, 496:] = 200
    assert take_parts(image_u8, said(residual=30.0), segment).photo is None, "a drawn sign is no photograph"


def test_a_plain_margin_is_no_part_of_the_photograph() -> None:
    photo = np.full((300, 400, 3), (235, 236, 239), np.uint8)  # people before a plain wall
    photo[80:, 60:340] = np.random.default_rng(2).integers(0, 255, (220, 280, 3))
    assert np.array_equal(without_rim(photo), photo)
    framed = photo.copy()
    framed[:4] = framed[:, -3:] = 255
    assert without_rim(framed).shape == (295, 396, 3)  # the blended line behind each goes, too
    assert (without_rim(framed)[:20] == (235, 236, 239)).all()
    beside = photo.copy()
    beside[:, -80:] = (160, 120, 105)  # a drawn panel, for words that were erased
    assert without_rim(beside).shape == (300, 319, 3)


def test_shades_of_erased_letters_are_told_from_clean_ground() -> None:
    ground = np.broadcast_to(np.linspace(80, 200, 600)[:, None, None], (600, 600, 3)).astype(np.uint8)
    drawn, shaded = ground.copy(), ground.copy()
    letters = drawn_ad()[66:130, 60:380].min(axis=2) < 128
    drawn[66:130, 60:380][letters] = 0
    shaded[66:130, 60:380, 2][letters] -= 8  # in blue alone
    (block,) = said().blocks
    assert is_clean(drawn, ground, block)
    assert not is_clean(drawn, shaded, block)
    assert not is_clean(drawn, drawn, block), "letters that stay are no clean ground"


def test_the_drawn_bar_behind_words_stays_out_of_the_photograph() -> None:
    image_u8 = np.random.default_rng(4).integers(0, 255, (75, 75, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    image_u8[40:160] = 255
    photo = take_parts(image_u8, said(residual=30.0), None).photo
    assert photo is not None
    assert photo.height <= 440


def test_without_photo_and_brand_both_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (600, 400), "#20a060").save(tmp_path / "ad.png")
    monkeypatch.setattr("adcreative.verbs.compose_many.load_segmenter", lambda path: None)
    monkeypatch.setattr("adcreative.verbs.compose_many.read_twice", lambda image_u8: said())
    monkeypatch.setattr("adcreative.verbs.compose_many.has_reader", lambda: False)
    with pytest.raises(ConfigError, match=r"ad.png does not tell for sure: brand.name .*; photos .*brief.toml"):
        compose_from(tmp_path / "ad.png", tmp_path / "ads")
    (tmp_path / "ads" / "brief" / "brief.toml").write_text("[messages]\nheadline = 'Mine'\n")
    with pytest.raises(ConfigError, match=r"brief\.toml"):
        compose_from(tmp_path / "ad.png", tmp_path / "ads")
    assert "Mine" in (tmp_path / "ads" / "brief" / "brief.toml").read_text(), "what was filled in is not written over"


def patterned(seed: int, height: int, width: int) -> np.ndarray:
    """Return a patterned photograph [height, width, 3] uint8 in squares of 8 px."""
    return np.random.default_rng(seed).integers(0, 255, (height // 8, width // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)


def test_a_panel_without_words_is_taken_whole() -> None:
    ad = np.full((400, 960, 3), (10, 20, 80), np.uint8)
    blurred = Image.fromarray(np.random.default_rng(5).integers(120, 255, (20, 20, 3), np.uint8)).resize((400, 400))
    ad[:, 560:] = np.asarray(blurred)  # a photograph from side to side, beside a panel for words
    assert find_panels(ad) == [(0, 0, 559, 400), (561, 0, 960, 400)]  # without the blended line

    def segment(image_u8: np.ndarray) -> np.ndarray:
        seen = np.zeros(image_u8.shape[:2], np.float32)
        seen[:, :40] = 1.0  # the photographer's own cut, or the panel for words
        return seen

    photo = take_parts(ad, said(residual=30.0), segment).photo
    assert photo is not None
    assert photo.size == (399, 400)


def test_words_on_one_flat_colour_give_way_to_the_thing_beside_them() -> None:
    ad = np.full((600, 600, 3), (240, 238, 235), np.uint8)
    ad[200:560, 200:560] = patterned(6, 360, 360)
    ad[120:560, 424:560] = patterned(7, 440, 136)
    ad[66:130, 200:380] = (20, 20, 20)  # a button in the corner of the thing's box, on flat ground
    line = replace(said().blocks[0].lines[0], box=(200, 66, 380, 130))
    words = Words(blocks=(replace(said().blocks[0], lines=(line,), residual=30.0),), size=(600, 600))

    def segment(image_u8: np.ndarray) -> np.ndarray:
        seen = np.zeros(image_u8.shape[:2], np.float32)
        seen[200:560, 200:560] = seen[120:560, 424:560] = 1.0
        return seen

    photo = take_parts(ad, words, segment, lambda picture: NOTHING).photo
    assert photo is not None
    assert not (np.asarray(photo) == 20).all(axis=2).any(), "the button is gone"
    assert photo.height > 440


def test_lines_with_bullets_are_facts_of_their_own() -> None:
    ad = np.full((600, 600, 3), 255, np.uint8)
    lines = tuple(
        BlockLine(text=text, box=(60, 100 + 40 * row, 200, 120 + 40 * row), confidence=0.99)
        for row, text in enumerate(("Free returns", "Door to door"))
    )
    block = TextBlock(lines=lines, colour=(0, 0, 0), ground=(255, 255, 255), residual=1.0, role="subline")
    words = Words(blocks=(said().blocks[0], block), size=(600, 600))
    assert take_parts(ad, words, None).messages["subline"] == ("Free returns Door to door",)
    ad[107:113, 40:46] = ad[147:153, 40:46] = (200, 30, 30)
    assert take_parts(ad, words, None).messages["proof"] == ("Free returns", "Door to door")
    ad[90:180, 40:46] = (200, 30, 30)  # a rule beside one sentence
    assert "proof" not in take_parts(ad, words, None).messages


def test_type_alone_says_whose_it_is_or_more_than_a_line() -> None:
    ad = np.full((600, 600, 3), (200, 30, 30), np.uint8)
    line = BlockLine(text="20% off", box=(60, 300, 200, 340), confidence=0.99)
    offer = TextBlock(lines=(line,), colour=(0, 0, 0), ground=(200, 30, 30), residual=1.0, role="offer")
    assert not take_parts(ad, said(), None).is_enough
    assert take_parts(ad, Words(blocks=(said().blocks[0], offer), size=(600, 600)), None).is_enough
    named = replace(offer, role="brand")
    assert take_parts(ad, Words(blocks=(said().blocks[0], named), size=(600, 600)), None).is_enough


@pytest.mark.parametrize(("why", "num"), [("words cover too much of what its photograph shows", 2), (NO_PHOTOGRAPH, 3)])
def test_an_ad_whose_picture_is_lost_becomes_two_of_type_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str, num: int
) -> None:
    Image.new("RGB", (600, 400), "#20a060").save(tmp_path / "ad.png")
    messages = {"headline": ("Fresh bread every morning",), "offer": ("20% off",), "button": ("Order now",)}
    taken = Taken(messages, "Orchard", None, None, ("#20a060", "#ffffff"), {}, {"photos": why})
    monkeypatch.setattr("adcreative.verbs.compose_many.load_segmenter", lambda path: None)
    monkeypatch.setattr("adcreative.verbs.compose_many.read_twice", lambda image_u8: said())
    monkeypatch.setattr("adcreative.verbs.compose_many.has_reader", lambda: False)
    monkeypatch.setattr("adcreative.verbs.compose_many.take_parts", lambda *_: taken)
    summary = compose_from(tmp_path / "ad.png", tmp_path / "ads", num=3, shapes="300x250")
    assert summary.done == num
    assert any("at most 2 ads, of type alone" in one for one in summary.warnings) is (num == 2)


def test_what_a_person_confirmed_is_taken_beside_words_that_cannot_be_read() -> None:
    unread = TextLine(text="", quad_xy_px=np.array([[60, 300], [560, 300], [560, 400], [60, 400]], np.float32), confidence=0.9)
    hidden = replace(said(), unread=(replace(unread, script="Hebrew"),))
    assert hidden.hides_words
    assert (
        "headline"
        not in take_parts(drawn_ad(), replace(hidden, blocks=(replace(hidden.blocks[0], chance=0.95),)), None).messages
    )
    assert take_parts(drawn_ad(), hidden, None).messages["headline"] == ("Taste July",)


@pytest.mark.parametrize("num", [3, 4])
def test_many_words_beside_what_stands_out_are_no_prints_on_a_product(num: int) -> None:
    ad = patterned(8, 600, 600)
    boxes = [(20, 40 + 140 * row, 120, 60 + 140 * row) for row in range(num)]
    prints = [
        TextBlock(
            lines=(BlockLine(text="2019", box=box, confidence=0.99),),
            colour=(0, 0, 0),
            ground=(9, 9, 9),
            residual=30.0,
            role="product_print",
        )
        for box in boxes
    ]

    def segment(image_u8: np.ndarray) -> np.ndarray:
        seen = np.zeros(image_u8.shape[:2], np.float32)
        seen[200:500, 300:500] = 1.0
        return seen

    photo = take_parts(ad, Words(blocks=tuple(prints), size=(600, 600)), segment).photo
    assert photo is not None
    assert (photo.width == 600) == (num == 3), "the photograph leaves out what is no print"


def test_a_logo_with_shades_of_its_ground_is_set_as_a_name() -> None:
    ad = drawn_ad()
    assert take_parts(ad, said(role="brand"), None).logo is not None
    shaded = ad.copy()
    shaded[70:126, 80:340] = np.minimum(shaded[70:126, 80:340], 215)
    taken = take_parts(shaded, said(role="brand"), None)
    assert (taken.brand, taken.logo) == ("Taste July", None)


@pytest.mark.parametrize("is_on_it", [True, False])
def test_a_photograph_shows_the_product_on_which_words_are_printed(is_on_it: bool) -> None:
    ad = np.full((600, 900, 3), 255, np.uint8)
    ad[:, :500] = patterned(9, 600, 504)[:, :500]
    ad[200:400, 700:760] = patterned(10, 200, 64)[:, :60]  # a bottle, too small to be taken
    place = (710, 250, 750, 270) if is_on_it else (800, 20, 880, 40)
    line = BlockLine(text="Elixir", box=place, confidence=0.99)
    block = TextBlock(lines=(line,), colour=(0, 0, 0), ground=(9, 9, 9), residual=30.0, role="product_print")

    def segment(image_u8: np.ndarray) -> np.ndarray:
        seen = np.zeros(image_u8.shape[:2], np.float32)
        seen[200:400, 700:760] = seen[100:500, 100:400] = 1.0
        return seen

    between = replace(said().blocks[0], lines=(replace(said().blocks[0].lines[0], box=(540, 10, 640, 590)),), residual=30.0)
    assert (take_parts(ad, Words(blocks=(between, block), size=(600, 900)), segment).photo is None) == is_on_it


@pytest.mark.parametrize("is_beside_words", [True, False])
def test_an_arrow_of_the_ad_is_never_cut_by_the_photograph(is_beside_words: bool) -> None:
    ad = np.full((600, 900, 3), 30, np.uint8)
    ad[150:450, 500:800] = patterned(11, 304, 304)[:300, :300]
    if is_beside_words:
        ad[200:208, 370:500] = (250, 220, 0)  # an arrow from the words to the thing
    else:
        ad[450:, 700:708] = (250, 220, 0)  # what holds the thing
    line = replace(said().blocks[0].lines[0], box=(60, 180, 360, 230))
    words = Words(blocks=(replace(said().blocks[0], lines=(line,), residual=30.0),), size=(600, 900))

    def segment(image_u8: np.ndarray) -> np.ndarray:
        seen = np.zeros(image_u8.shape[:2], np.float32)
        seen[150:450, 500:800] = 1.0
        return seen

    assert (take_parts(ad, words, segment).photo is None) == is_beside_words
