"""Words of which an i was read as l are mended in English texts, little ones with I in any, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adcreative.lettering.reading.spelling import mend_capitals, mend_dots, mend_look_alikes, mend_strokes
from tests.lettering.reading.test_words import block


def mended(*texts: str) -> list[str]:
    return [one.text for one in mend_strokes([block(text, (0, 20 * k, 200, 20 * k + 16)) for k, text in enumerate(texts)])]


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ("Do not mlss a penslon you can understand", "Do not miss a pension you can understand"),
        ("More sunsets, fewer worrles", "More sunsets, fewer worries"),
        ("The Kltchen that families love", "The Kitchen that families love"),
        ("All malls are open until eight", "All malls are open until eight"),  # known, though mails are a thing
        ("Ella paints with Palmtrlps all week", "Ella paints with Palmtrlps all week"),  # names
        ("The lllllllllllllllllllllllll of the house", "The lllllllllllllllllllllllll of the house"),
    ],
)
def test_words_are_mended_where_one_word_alone_comes_of_it(read: str, said: str) -> None:
    assert mended(read, "A loan with one clear price. Your deposits are protected.")[0] == said


def test_other_languages_stay_as_they_were_read() -> None:
    said = ["Die Straße der schnellen Alls", "Viel Spiel und Spaß für die ganze Familie, jeden Sonntag im Garten."]
    assert mended(*said) == said


def test_what_is_known_of_a_block_stays() -> None:
    (one,) = mend_strokes([block("Your penslon in one quiet place", (3, 4, 200, 30), role="headline")])
    assert (one.text, one.role, one.box) == ("Your pension in one quiet place", "headline", (3, 4, 200, 30))


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ("Here Is why people talk", "Here is why people talk"),
        ("Yes to your money\nIn one quiet place\nthat you know", "Yes to your money\nin one quiet place\nthat you know"),
        ("A pantry that Is\nready when you are", "A pantry that is\nready when you are"),
        ("Is it new. It is", "Is it new. It is"),
        ("Sleep In Peace", "Sleep In Peace"),  # every word has a capital
        ("For the whole family\nIn all shops", "For the whole family\nIn all shops"),  # a list
        ("Our cotton shirt. In all sizes", "Our cotton shirt. In all sizes"),
    ],
)
def test_little_words_in_the_midst_of_a_sentence_are_small(read: str, said: str) -> None:
    assert mend_capitals(read) == said


def test_lines_of_a_block_are_mended_together() -> None:
    first = block("Three reasons to say", (3, 4, 200, 30))
    lines = [
        block(text, (3, 34 + 30 * k, 200, 60 + 30 * k)).lines[0]
        for k, text in enumerate(("yes to money", "In one quiet place"))
    ]
    (one,) = mend_strokes([replace(first, lines=(*first.lines, *lines))])
    assert [line.text for line in one.lines] == ["Three reasons to say", "yes to money", "in one quiet place"]


@pytest.mark.parametrize(
    ("read", "mended"),
    [
        ("ΛCIBADEM", "ACIBADEM"),
        ("ΑΘΗΝΑ", "ΑΘΗΝΑ"),
        ("50十", "50+"),
        ("十周年", "十周年"),
        ("双十一", "双十一"),
        ("HELL0 N0W", "HELL0 N0W"),
        ("SH0ES", "SHOES"),
        ("MTE250H", "MTE250H"),
        ("1O0%", "100%"),
        ("歌つて踊れる", "歌って踊れる"),
        ("ついて", "ついて"),
        ("ャマハの教室", "ヤマハの教室"),
        ("キャンペーン", "キャンペーン"),
        ("月額·税込", "月額・税込"),
        ("· Freshers", "• Freshers"),
        ("|4 ГРУДНЯ", "4 ГРУДНЯ"),
        ("RS 1.299,90", "R$ 1.299,90"),
        ("Audi RS6", "Audi RS6"),
        ("Living | Prime", "Living | Prime"),
        ("ActronAir°", "ActronAir"),
        ("20°", "20°"),
        ("Black(Friday", "Black Friday"),
        ("Sale(now)", "Sale(now)"),
        ("RABAT-10%", "RABAT -10%"),
        ("Wi-Fi 10%", "Wi-Fi 10%"),
        ("COVID-19", "COVID-19"),
        ("一仅售59元一", "仅售59元"),
        ("一生一世", "一生一世"),
        ("五一节一", "五一节一"),
        ("Contact I www.lund.com", "Contact | www.lund.com"),
        ("Then I said", "Then I said"),
    ],
)
def test_letters_that_look_alike_are_those_of_the_script_they_stand_in(read: str, mended: str) -> None:
    assert mend_look_alikes(read) == mended


def test_capitals_of_a_turkish_ad_have_their_dots() -> None:
    assert mend_dots("%25'E VARAN iNDiRiMLER") == "%25'E VARAN İNDİRİMLER"
    assert mend_dots("iOS ve iPhone") == "iOS ve iPhone"
    assert mend_dots("WEB GELIŞTİRİCİLERİ İÇİN LINUX") == "WEB GELİŞTİRİCİLERİ İÇİN LINUX"
    assert mend_dots("KIRMIZI IŞIK, ALTIN YILDIZ") == "KIRMIZI IŞIK, ALTIN YILDIZ"
