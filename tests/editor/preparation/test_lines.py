"""Lines that a search chooses from: what holds for written ones holds for crossed ones too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from adcreative.copywriter import Brief, build_copywriter
from adcreative.copywriter.brand_kit import BrandKit, Disclaimer
from adcreative.copywriter.fresh_lines import Wording
from adcreative.copywriter.variants import keeps_disclaimers, swap
from adcreative.creative import Creative
from adcreative.editor.preparation.lines import READ_AHEAD, build_lines, prepare_lines
from adcreative.editor.settings import EditorConfig
from tests.editor.fakes import FakeExtractor, fake_ad, fake_tools

TERMS = "Try it at home. See all terms."


def test_crossed_lines_keep_the_brands_rules() -> None:
    ad = replace(
        fake_ad(),
        brand="Somnia",
        category="mattress",
        headline="Sleep well",
        description="Cool wool, firm sides. Quick delivery by bike. A cover to wash.",
        cta="",
    )
    kit = BrandKit(name="Somnia", avoid=("your kind",), disclaimers=(Disclaimer(text=TERMS),))
    tools = fake_tools(copywriter=build_copywriter("template"))
    (features,) = FakeExtractor().extract([ad])
    found, crossed = (
        build_lines(ad, features, tools, EditorConfig(num_crossed=num, num_descriptions=12), None, Wording(kit=kit))[0]
        for num in (0, 40)
    )
    new = set(crossed.descriptions) - set(found.descriptions)
    assert len(new) >= 3
    assert all(TERMS in line for line in new)
    assert not any("your kind" in line.casefold() for line in crossed.headlines + crossed.descriptions)


def test_lines_encoded_ahead_are_those_of_the_search_and_it_can_be_stopped() -> None:
    class Noting(FakeExtractor):
        """Notes the words it was asked to read."""

        def __init__(self) -> None:
            super().__init__()
            self.read = set[tuple[str, str]]()

        def extract(self, creatives: Sequence[Creative]) -> list[Any]:
            self.read |= {(creative.headline, creative.body) for creative in creatives if creative.image_u8 is None}
            return super().extract(creatives)

    ad = replace(
        fake_ad(),
        brand="Somnia",
        category="mattress",
        headline="Sleep well on cool wool",
        cta="",
        description="Cool wool, firm sides. Quick delivery by bike. A cover to wash.",
    )
    config = EditorConfig(num_headlines=3 * READ_AHEAD)
    (features,) = FakeExtractor().extract([ad])
    ahead, asked, stopped = Noting(), Noting(), Noting()
    prepare_lines(ad, fake_tools(extractor=ahead, copywriter=build_copywriter("template")), config)
    build_lines(ad, features, fake_tools(extractor=asked, copywriter=build_copywriter("template")), config, None)
    assert ahead.read == asked.read
    answers = iter([False, False, True])
    tools = fake_tools(extractor=stopped, copywriter=build_copywriter("template"))
    prepare_lines(ad, tools, config, lambda: next(answers, True))
    assert len(stopped.read) < len(asked.read)


def test_a_disclaimer_that_nobody_carries_is_not_asked_for() -> None:
    assert keeps_disclaimers("Cool wool.", ["Cool wool.", "Warm wool."], [TERMS])
    assert not keeps_disclaimers("Cool wool. See all terms.", [f"Cool wool. {TERMS}"], [TERMS])


def trip(**changes: object) -> Brief:
    told = {"headline": "The off season, your way", "description": "Small hotels, fair prices, people who answer the phone."}
    return Brief(**{"brand": "Palmtrips", "product": "travel", **told, **changes})  # type: ignore[arg-type]


def test_headline_and_description_change_places_and_nothing_is_lost() -> None:
    assert swap(trip()) == [("Small hotels, fair prices, people who answer the phone", "The off season, your way.")]
    spanish = trip(headline="Tu fin de semana junto al mar", description="Reserva hoy y paga cuando llegues.")
    assert swap(spanish) == [("Reserva hoy y paga cuando llegues", "Tu fin de semana junto al mar.")]
    offers = trip(headline="Sleep by the sea for $49", description="Free breakfast. Rooms for every kind of family.")
    assert ("Rooms for every kind of family", "Sleep by the sea for $49. Free breakfast.") in swap(offers)


@pytest.mark.parametrize(
    ("headline", "description", "heads"),
    [
        (
            "Endlich gut schlafen",
            "100 Tage testen. Versand und Abholung gratis.",
            ["100 Tage testen", "Versand und Abholung gratis"],
        ),
        ("Weniger Strom, mehr Licht", "LED-Lampen ab 3,99 €", ["LED-Lampen ab 3,99 €"]),
        ("Śpij lepiej od dziś", "Bezpłatna dostawa i zwrot", ["Bezpłatna dostawa i zwrot"]),
        ("Niższe rachunki od zaraz", "Montaż w dwa dni. Gwarancja 10 lat.", []),
        ("Sleep at last", "Try 100 nights at home. Free returns.", ["Try 100 nights at home"]),
        ("Sleep at last", "100 nights. Free returns.", []),
    ],
)
def test_a_short_offer_leads_where_one_word_says_what_takes_several_in_english(
    headline: str, description: str, heads: list[str]
) -> None:
    assert [head for head, _ in swap(Brief(headline=headline, description=description))] == heads


def test_what_leans_on_another_sentence_stays_where_it_is() -> None:
    assert swap(trip(description="A room by the sea. It is yours for a week.")) == []
    assert swap(trip(description="Want a room by the sea?")) == []
    sports = {"brand": "Roveen", "product": "fitness", "headline": "You may not have met Roveen yet"}
    (pair,) = swap(trip(**sports, description="See progress in weeks, keep it for years."))
    assert pair[0] == "See progress in weeks, keep it for years"  # "it" is progress


def test_a_disclaimer_does_not_become_a_headline() -> None:
    terms = "Prices for two people. See all terms."
    heads = [head for head, _ in swap(trip(description=f"Rooms for every kind of family. {terms}", disclaimers=(terms,)))]
    assert heads == ["Rooms for every kind of family"]


def test_swapped_lines_are_among_those_to_choose_from() -> None:
    ad = replace(
        fake_ad(),
        brand="Palmtrips",
        category="travel",
        headline="The off season, your way",
        description="Small hotels, fair prices, people who answer the phone.",
        cta="",
    )
    (features,) = FakeExtractor().extract([ad])
    lines, _ = build_lines(ad, features, fake_tools(copywriter=build_copywriter("template")), EditorConfig(), None)
    pair = "Small hotels, fair prices, people who answer the phone", "The off season, your way."
    assert pair[0] in lines.headlines
    assert pair[1] in lines.descriptions
    assert pair not in lines.unfit
    assert (pair[0], ad.description) in lines.unfit  # says the same twice


@pytest.mark.parametrize(
    ("headline", "spoken", "language"),
    [
        ("%25'E VARAN İNDİRİMLER", "", "Turkish"),
        ("RAMADAN", "RAMADAN Menu Iftar. Réservez votre table dès maintenant", "French"),
        ("RAMADAN", "RAMADAN 95 DH", "another language than English"),
    ],
)
def test_the_language_of_an_ad_is_named(headline: str, spoken: str, language: str) -> None:
    ad = Creative(file_name="a.png", headline=headline)
    (features,) = FakeExtractor().extract([ad])
    tools = fake_tools(copywriter=build_copywriter("template"))
    _, notes = build_lines(ad, features, tools, EditorConfig(), None, spoken=spoken)
    assert [one.values["language"] for one in notes if one.code == "ad_language"] == [language]


@pytest.mark.parametrize(
    ("headline", "description", "is_told"),
    [
        ("Night cream without perfume", "", True),
        ("Night cream without perfume", "Free returns until 31 January.", False),
        ("Learn Spanish on your way to work", "", False),
    ],
)
def test_words_that_make_no_other_line_are_told(headline: str, description: str, is_told: bool) -> None:
    ad = Creative(file_name="a.png", headline=headline, description=description)
    tools = fake_tools(copywriter=build_copywriter("template"))
    (features,) = FakeExtractor().extract([ad])
    lines, notes = build_lines(ad, features, tools, EditorConfig(), None)
    assert (len(lines.headlines) == 1) == is_told
    assert ("no_other_line" in [one.code for one in notes]) == is_told


def test_of_an_ad_whose_headline_was_not_read_for_sure_no_line_is_made() -> None:
    tools, config = fake_tools(copywriter=build_copywriter("template")), EditorConfig(num_descriptions=12)
    ad = replace(
        fake_ad(),
        brand="Somnia",
        category="mattress",
        headline="",
        cta="",
        description="Cool wool, firm sides. Quick delivery by bike. A cover to wash.",
    )
    (features,) = FakeExtractor().extract([ad])
    doubtful = replace(ad, read_note="no headline was read for sure")
    assert [len(build_lines(one, features, tools, config, None)[0].descriptions) > 1 for one in (ad, doubtful)] == [True, False]
