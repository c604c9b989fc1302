"""Lines break where their language allows, are even, and are measured as they are drawn."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from adcreative.compose.checks import faults
from adcreative.compose.fonts import bold_cut, faces_for, missing_letters, open_pairs, pairs_for
from adcreative.compose.layout import load_layout
from adcreative.compose.parts import Box, Parts
from adcreative.compose.recipe import Recipe
from adcreative.compose.render import compose_ad
from adcreative.compose.scene import Words, draw_alpha
from adcreative.compose.shapes import shape_named
from adcreative.compose.typesetting import Type, balanced_lines, line_width, num_lines, overhang, rise_and_fall, segments
from adcreative.errors import ConfigError
from tests.compose.drawn import LIGHT


def setting(text: str, language: str) -> Type:
    return Type(faces_for(open_pairs()[0].display, text, language, True), language)


def test_lines_are_as_even_as_words_allow_and_no_word_stands_alone():
    text = "The coat that was made for the longest of winters"
    kind = setting(text, "en")
    room = 0.8 * line_width(text, kind)  # filled line by line, a fifth would stand in the second one
    lines = balanced_lines(text, kind, room)
    assert " ".join(lines) == text
    assert len(lines) == num_lines(text, kind, room) == 2
    widths = [line_width(line, kind) for line in lines]
    assert max(widths) <= room
    assert min(widths) > 0.8 * max(widths)
    assert len(lines[-1].split()) > 1


def test_no_word_is_broken():
    text = "Wohnungseinrichtungsgegenstände heute"
    assert num_lines(text, setting(text, "de"), 8.0) == 0


def test_thai_breaks_between_words_of_the_dictionary():
    text = "รองเท้าวิ่งใหม่"
    assert [segment.text for segment in segments(text, setting(text, "th"))] == ["รองเท้า", "วิ่ง", "ใหม่"]


def test_japanese_lines_begin_with_no_mark_or_small_kana():
    text = "コーヒーは、ちょっとずつ。"
    starts = [segment.text[0] for segment in segments(text, setting(text, "ja"))]
    assert not set(starts) & set("、。ーょっ")
    assert len(starts) > 5


@pytest.mark.parametrize(
    ("text", "language", "share", "lines"),
    [
        ("今だけ半額でお買い求めください", "ja", 0.65, ("今だけ半額で", "お買い求めください")),
        ("毎日の暮らしに寄り添うやさしい洗剤です", "ja", 0.65, ("毎日の暮らしに", "寄り添うやさしい洗剤です")),
        ("让每一天都从一杯好咖啡开始", "zh", 0.4, ("让每一天", "都从一杯", "好咖啡开始")),
    ],
)
def test_lines_without_spaces_end_with_a_phrase(text: str, language: str, share: float, lines: tuple[str, ...]) -> None:
    kind = setting(text, language)
    assert balanced_lines(text, kind, share * line_width(text, kind)) == lines


def test_a_phrase_too_wide_for_a_line_is_broken() -> None:
    text = "初回限定送料無料キャンペーン実施中"
    kind = setting(text, "ja")
    assert len(balanced_lines(text, kind, 0.3 * line_width(text, kind))) > 3


def test_a_line_of_arabic_keeps_its_latin_name():
    text = "حذاء Nordhem الجديد"
    kind = setting(text, "ar")
    assert not missing_letters(kind.faces, text)[0]
    assert abs(line_width(text, kind) - sum(segment.width for segment in segments(text, kind))) < 1.0


def test_a_missing_script_names_its_package():
    assert missing_letters(((open_pairs()[0].display, 0),), "สวัสดี")[1] == "fonts-noto-core"


def test_buttons_take_the_bold_cut():
    path = open_pairs()[0].text
    assert bold_cut(path) != path
    assert bold_cut(bold_cut(path)) == bold_cut(path)


def test_steps_of_size_never_add_lines_to_a_wider_box():
    text = "Shoes that survive a Nordic winter"
    kind = setting(text, "en")
    counts = [num_lines(text, kind, width) for width in (6.0, 8.0, 12.0, 20.0)]
    assert all(wide <= narrow for narrow, wide in pairwise(counts))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[root]\nchildren = ['headline']\ndirection = 'colum'", "box root: direction is none of row, column, stack"),
        ("[root]\nchildren = ['headline']\nfil = 'accent'", "fil is none of"),
        ("[root]\nchildren = ['slogan']", "the box slogan holds nothing"),
        ("needs = ['slogan']", "got slogan"),
        ("[root", "a layout is a TOML file"),
    ],
)
def test_a_layout_with_a_mistake_is_refused_by_name(tmp_path, text, said):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_layout("mine", tmp_path)


@pytest.mark.parametrize("text", ["Dormez mieux", "[Nur heute] {neu} ($129)", "Éclat £9"])
def test_ink_stays_within_the_rise_and_fall_of_its_line(text):
    for pair in open_pairs():
        kind, size = Type(((pair.display, 0),), "en"), 120.0
        cover = np.zeros((400, 2000), np.uint8)
        draw_alpha(Words(((text, 50.0, 200.0),), size, kind, "#000000", "headline", Box(0, 0, 0, 0)), cover)
        rows = np.flatnonzero((cover > 127).any(axis=1))
        rise, fall = rise_and_fall(text, kind)
        assert rows[0] >= 200 - rise * size, pair.display.stem
        assert rows[-1] <= 200 + fall * size, pair.display.stem


def test_a_hanging_j_stays_in_the_ad_and_in_its_line() -> None:
    serif = next(pair for pair in open_pairs() if pair.display.stem == "SourceSerifPro-Bold")
    kind = Type(((serif.display, 0),), "pl", 0.0, 1.06)
    assert overhang("Jedyny", kind) > 0.05
    assert overhang("Raz", kind) < 0.05
    assert rise_and_fall("Ja", kind)[1] > 0.15 > rise_and_fall("Ha", kind)[1]
    recipe = Recipe("poster", {"headline": "Jedyny materac, który sprawdzało dziewięćset rodzin"}, photo=None)
    parts = Parts((), None, "", (LIGHT,), (serif,), "pl")
    shape = shape_named("9:16")
    assert faults(compose_ad(recipe, parts, shape), shape) == ()


def test_no_word_mixes_two_designs_where_one_pair_has_its_letters() -> None:
    assert len(pairs_for("Sleep")) == len(open_pairs())
    names = {pair.display.stem for pair in pairs_for("WEB GELİŞTİRİCİLERİ")}
    assert "FredokaOne-Regular" not in names
    assert "Manrope-ExtraBold" in names


def test_a_short_word_of_katakana_is_not_broken() -> None:
    kind = setting("青春ポップス", "ja")
    assert [part.text for part in segments("青春ポップス", kind)][-1] == "ポップス"
    assert [part.text for part in segments("ミシック・クエスト", kind)] == ["ミシック・", "クエスト"]
    assert len(segments("コンピューターシステム", kind)) > 1, "a compound is"
