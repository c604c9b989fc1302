"""What a reading of a labelled ad counts for, and the command that prints it, on one real ad where the pictures are."""

from __future__ import annotations

import pytest

from adcreative.lettering.reading.reader import has_reader
from tests.real.labels import FOLDERS, Block, LabelledAd, read_ads
from tests.real.read_ads import ReadBlock, judge, main, measure

LINES = {
    "headline": ("Made for\nmuddy days", (0.1, 0.1, 0.6, 0.3)),
    "offer": ("20 % OFF", (0.1, 0.4, 0.3, 0.5)),
    "button": ("Shop now", (0.1, 0.8, 0.3, 0.9)),
    "product_print": ("TRAIL", (0.8, 0.5, 0.9, 0.6)),
}
AD = LabelledAd(
    file="boots.png",
    sha256="0" * 16,
    maker="nobody",
    split="work",
    size=[100, 100],
    languages=["en"],
    scripts=["Latin"],
    words_on_photo=False,
    blocks=[Block(text=text, box=box, role=role, script="Latin", emphasis=[]) for role, (text, box) in LINES.items()],
    faces=[],
)


def reading(**changes: tuple[str, str]) -> list[ReadBlock]:
    """The ad as it is, read without fault; `changes` says of a label what text and role were read."""
    found = []
    for role, (text, box) in LINES.items():
        text, as_role = changes.get(role, (text, role))
        found.append(ReadBlock(text, as_role, box, ((text, box),)))
    return found


def test_a_faultless_reading_has_every_figure() -> None:
    found = judge(AD, reading(offer=("20% OFF".replace("%", " %"), "price"), product_print=("TRAII", "badge")))
    assert found["headline exact"] == found["button right"] == found["offers and prices found"] == (1, 1)
    assert found["blocks exact"] == (3, 3)
    assert found["words and roles all exact"] == (1, 1)
    assert found["something else called the button"] == (0, 1)
    assert found["characters wrong, Latin"] == (0, len("Made for muddy days20% OFFShop now"))


@pytest.mark.parametrize(
    ("changes", "figure"),
    [
        ({"headline": ("Made for muddy day", "headline")}, "headline exact"),
        ({"headline": ("Made for muddy days", "subline")}, "headline exact"),
        ({"offer": ("20 % OFF", "button")}, "offers and prices found"),
        ({"button": ("Shopnow", "button")}, "button right"),
    ],
)
def test_a_wrong_word_or_role_is_counted(changes: dict[str, tuple[str, str]], figure: str) -> None:
    found = judge(AD, reading(**changes))
    assert found[figure] == (0, 1)
    assert found["words and roles all exact"] == (0, 1)
    assert found["blocks exact"] == (2, 3)


def test_a_button_is_another_by_its_place_not_by_its_letters() -> None:
    printed = judge(AD, reading(product_print=("TRAIL", "button")))
    assert printed["something else called the button"] == (1, 1)
    assert printed["words and roles all exact"] == (0, 1)
    assert judge(AD, reading(button=("Sh0p now", "button")))["something else called the button"] == (0, 1)


def test_characters_are_those_read_in_the_same_place() -> None:
    wrong, num = judge(AD, reading(button=("Shop no", "brand"), offer=("", "offer")))["characters wrong, Latin"]
    assert (wrong, num) == (pytest.approx(1 + len("20% OFF")), len("Made for muddy days20% OFFShop now"))


@pytest.mark.skipif(not FOLDERS[0].is_dir() or not has_reader(), reason="no ../shared beside the checkout, or no OCR")
def test_the_command_reads_a_real_ad(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--split", "work", "--only", "30_en_home"])
    told = capsys.readouterr().out
    assert told.startswith("30_en_home.png: ")
    assert "YOUR PERFECT HOME AWAITS" in told
    assert "words and roles all exact: " in told
    assert " of 1" in told


@pytest.mark.skipif(not FOLDERS[0].is_dir() or not has_reader(), reason="no ../shared beside the checkout, or no OCR")
def test_as_many_ads_of_the_working_half_are_read_right_as_the_card_of_the_models_says() -> None:
    found = measure(read_ads("work"))
    assert found["headline exact"] >= (28, 45)
    assert found["words and roles all exact"] >= (6, 47)
    assert found["blocks exact"] >= (97, 206)
    assert found["something else called the button"] <= (2, 47)
