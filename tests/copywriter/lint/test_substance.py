"""New lines say something of the ad and keep its offer."""

from __future__ import annotations

import pytest

from adcreative.copywriter import Brief, build_copywriter, check_copy
from adcreative.copywriter.brief import read_facts
from adcreative.copywriter.engines.ad_phrases import copy_slots
from adcreative.copywriter.lint.substance import offers_of, substance_problems

LOFT = Brief("Dwell & Loft", "home", "", "Last Chance: Save $80 on Bedding", "Solid wood, no tricks. Free delivery.")


@pytest.mark.parametrize(
    ("text", "offers"),
    [
        ("Save $80 on bedding, or 25 % off", {"$80": "$80", "25%": "25 %"}),
        ("Two shirts for 70 €", {"70€": "70 €"}),
        ("First month free. Grain-free food, free-range eggs", {"free": "free"}),
        ("2 for 1 on Mondays", {"2for1": "2 for 1"}),
        ("Open 24 hours, 7 days; 4.8 of 5", {}),
    ],
)
def test_offers_are_amounts_percentages_and_what_is_free(text: str, offers: dict[str, str]) -> None:
    assert offers_of(text) == offers


@pytest.mark.parametrize(
    "line",
    [
        "The room you may not know yet",
        "Take a closer look",
        "What to know before you choose a room",
        "A reason to look at your home again",
        "You may not know yet",
    ],
)
def test_a_line_that_fits_any_ad_is_refused_unless_the_brief_is_empty(line: str) -> None:
    brief = Brief("Dwell & Loft", "home", "", "Solid wood for years", "A desk with ten drawers.")
    assert "says nothing that is not in any ad" in check_copy(line, brief, "headline")
    assert "says nothing that is not in any ad" not in check_copy(line, Brief(), "headline")


@pytest.mark.parametrize(
    "line",
    ["Meet Dwell & Loft", "A better butter", "Your room, with a desk", "Find your next big adventure"],
)
def test_a_line_with_one_word_of_its_own_says_something(line: str) -> None:
    brief = Brief("Dwell & Loft", "home", "", "A room of your own", "A desk with ten drawers.")
    assert not list(substance_problems(line, read_facts(brief), "headline"))


def test_a_word_of_the_trade_in_the_name_of_the_brand_is_not_told() -> None:
    meals = "Six ingredients, one pan, nobody complaining."
    problem = "says nothing that is not in any ad"
    assert problem in check_copy("A look at your table", Brief("Oat Table", "food", "", "Dinner, sorted", meals), "headline")
    told = Brief("Oat Table", "food", "", "Dinner on the table", meals)
    assert problem not in check_copy("A look at your table", told, "headline")


def test_a_description_that_says_something_is_not_replaced_by_the_name_of_the_brand() -> None:
    brand_alone = "Take a minute today and see what Oat Table has for you."
    problem = "says nothing but the brand's name, and takes the place of a description that does"
    told = Brief("Oat Table", "food", "", "Bring the market to your door", "Real butter, no shortcuts.")
    assert problem in check_copy(brand_alone, told, "description")
    assert problem not in check_copy("Real butter. Take a minute today for Oat Table.", told, "description")
    assert problem not in check_copy(brand_alone, Brief("Oat Table", "food", "", "Join 12,000 bakers"), "description")


def test_a_word_of_any_ad_does_not_come_back_in_a_description() -> None:
    brief = Brief("Oat Table", "food", "", "Fresh bread", "Start the morning with fresh bread and something warm.")
    assert "uses one word twice" in check_copy("Make it fresh today. Make the morning warm.", brief, "description")
    assert "uses one word twice" not in check_copy("Bread in the morning. Fresh bread, and a warm start.", brief, "description")


def test_a_phrase_of_two_words_is_no_headline_by_itself() -> None:
    slots = copy_slots(read_facts(Brief("Flex", "food", "", "", "Six good ingredients, one pan, nobody complaining.")))
    assert slots["phrase"] == ["six good ingredients", "one pan", "nobody complaining"]
    assert slots["clause"] == ["six good ingredients"]


def test_an_offer_stays_in_the_line_it_is_in_and_a_headline_may_leave_it_to_the_description() -> None:
    assert check_copy("Why wait? Save $80 on bedding", LOFT, "headline") == ()
    assert check_copy("Solid wood, from Dwell & Loft", LOFT, "headline") == ("drops the offer '$80'",)
    assert check_copy("Solid wood. Meet Dwell & Loft.", LOFT, "description") == ("drops the offer 'Free'",)
    both = Brief("Dwell & Loft", "home", "", "Free delivery today", "Solid wood. Free delivery.")
    assert check_copy("Solid wood, from Dwell & Loft", both, "headline") == ()
    assert "drops the offer 'Free'" in check_copy("Solid wood, and no tricks.", both, "description")


def test_a_brand_is_named_once() -> None:
    assert "names the brand twice" in check_copy("Meet Glowette, with Glowette", Brief("Glowette", "serum"), "headline")


def test_a_sign_of_the_ad_is_no_claim_and_another_currency_is() -> None:
    assert not any("'$'" in problem for problem in check_copy("Why wait? Save $80 on bedding", LOFT, "headline"))
    assert any("'€'" in problem for problem in check_copy("Why wait? Save €80 on bedding", LOFT, "headline"))


@pytest.mark.parametrize(
    ("headline", "description", "slot", "said"),
    [
        ("How to Dress for the Weather You Have", "Cut in small runs.", "do", ["dress for the weather you have"]),
        ("Basilful", "Basilful helps you feed four without the fuss.", "do", ["feed four without the fuss"]),
        ("Make room for knitwear from one small mill", "", "thing", ["knitwear from one small mill"]),
        ("A gym without mirrors, now at Flex", "", "thing", ["a gym without mirrors"]),
        ("Say goodbye to flat-pack evenings", "", "pain", ["flat-pack evenings"]),
        ("Last Chance: Save $80 on Bedding", "Two shirts for $70.", "offer", ["save $80 on bedding", "two shirts for $70"]),
        ("Meet Flex", "Want to?", "do", []),
    ],
)
def test_what_the_ad_says_fills_the_slots(headline: str, description: str, slot: str, said: list[str]) -> None:
    assert copy_slots(read_facts(Brief("Flex", "fitness", "", headline, description)))[slot] == said


def test_the_grammar_writes_lines_with_the_offer() -> None:
    written = build_copywriter("template").write(LOFT, 6, 3, seed=0)
    assert len(written.headlines) >= 3
    assert all("$80" in line for line in written.headlines)
    assert all("free" in line.casefold() for line in written.descriptions)
