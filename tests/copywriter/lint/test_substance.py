"""New lines say something of the ad and keep its offer."""

from __future__ import annotations

import pytest

from adcreative.copywriter import Brief, build_copywriter, check_copy
from adcreative.copywriter.brief import read_facts
from adcreative.copywriter.lint.substance import offers_of, substance_problems

LOFT = Brief("Dwell & Loft", "home", "", "Last Chance: Save $80 on Bedding", "Solid wood, no tricks. Free delivery.")


@pytest.mark.parametrize(
    ("text", "offers"),
    [
        ("Save $80 on bedding, or 25 % off", {"$80": "$80", "25%": "25 %"}),
        ("%25 indirim", {"25%": "%25"}),
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
        "A reason to look at your home again",
        "You may not know yet",
        "New",
    ],
)
def test_a_line_that_fits_any_ad_is_refused_unless_the_brief_is_empty(line: str) -> None:
    brief = Brief("Dwell & Loft", "home", "", "Solid wood for years", "A desk with ten drawers.")
    assert "says nothing that is not in any ad" in check_copy(line, brief, "headline")
    assert "says nothing that is not in any ad" not in check_copy(line, Brief(), "headline")


@pytest.mark.parametrize("line", ["A room, a desk", "Your room, with a desk", "Ten drawers from Dwell & Loft"])
def test_a_line_with_a_word_of_the_ad_says_something(line: str) -> None:
    brief = Brief("Dwell & Loft", "home", "", "A room of your own", "A desk with ten drawers.")
    assert not list(substance_problems(line, read_facts(brief), "headline"))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("Meet Dwell & Loft", "says nothing but the brand's name"),
        ("Find your next adventure", "says nothing that the ad says"),
        ("A better butter", "says nothing that the ad says"),
        ("Why wait? A desk with drawers", "opens like any ad ('Why wait')"),
        ("A desk with drawers. Did you see?", "opens like any ad ('Did you see')"),
        ("New to Dwell & Loft? A desk with drawers", "opens like any ad ('New to Dwell & Loft?')"),
        ("A desk with drawers, your way", "ends like any ad (', your way')"),
    ],
)
def test_a_line_of_another_ad_or_of_any_is_refused(line: str, problem: str) -> None:
    brief = Brief("Dwell & Loft", "home", "", "A room of your own", "A desk with ten drawers.")
    assert problem in check_copy(line, brief, "headline")


def test_an_opening_that_the_ad_has_itself_may_stay() -> None:
    brief = Brief("Dwell & Loft", "desks", "", "Why wait? A desk in two days", "Ten drawers.")
    assert not any(
        "opens like" in one for one in check_copy("Why wait? A desk in two days with ten drawers", brief, "headline")
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("You may not have met Oat Table yet", "drops the number '12,000'"),
        ("Bread like the bakers of Lyon", "drops the number '12,000'"),
        ("Join 12,000 bakers, award or not", "drops the name 'Lyon'"),
        ("Join 12,000 bakers in Lyon, award or not", ""),
        ("Learn bread from 12,000 bakers in Lyon", "drops the proof 'award'"),
    ],
)
def test_numbers_names_and_awards_survive(line: str, problem: str) -> None:
    brief = Brief("Oat Table", "bread", "", "Join 12,000 bakers in Lyon and their award", "Learn to bake bread.")
    found = [one for one in check_copy(line, brief, "headline") if one.startswith("drops")]
    assert found == ([problem] if problem else [])


@pytest.mark.parametrize("line", ["", " ", "Today", "Now or never", "For you", "More", "!", "Meet Oat Table", "Yes"])
def test_no_empty_line_satisfies_the_lint(line: str) -> None:
    brief = Brief("Oat Table", "bread", "", "Fresh bread in the morning", "Baked at dawn.")
    assert check_copy(line, brief, "headline")


@pytest.mark.parametrize(
    ("line", "is_refused"),
    [
        ("Why wait? Fliegen lernen", True),
        ("Did you see? 14 Tage gratis", True),
        ("Fliegen lernen today", True),
        ("Learn to fly", True),
        ("Fliegen lernen in Bayern", False),
        ("Jetzt Fliegen lernen", False),
    ],
)
def test_a_line_is_in_the_language_of_the_ad(line: str, is_refused: bool) -> None:
    brief = Brief("Luftig", "Segelflugschule", "", "Fliegen lernen", "Schnupperflug in Bayern, 14 Tage gratis.")
    assert any("is in English" in one for one in check_copy(line, brief, "headline")) == is_refused


@pytest.mark.parametrize(
    ("brief", "line", "codes"),
    [
        (Brief("", "menu iftar", "", "Menu iftar à 95 DH", "Soupe harira."), "Notre菜单 iftar à 95 DH", ["other_script"]),
        (Brief("", "توصيل", "", "متاح توصيل لكفر الدوار", ""), "أفضل توصيل في كفر الدوار", ["claim"]),
        (Brief("", "音楽教室", "", "あの頃の歌が楽しい", "教室で歌って踊れる。"), "ヤマハの音楽教室で歌が楽しい", []),
        (Brief("", "音楽教室", "", "あの頃の歌が楽しい", "教室で歌って踊れる。"), "教室で最高の歌が楽しい", ["claim"]),
        (Brief("", "seguidores", "", "Impulsiona seguidores", ""), "Seguidores incríveis para você", ["claim"]),
        (Brief("", "音楽教室", "", "あの頃の歌が楽しい", "教室で歌う。"), "教室で歌は年々楽しい", []),
        (Brief("", "beyaz eşya", "", "Beyaz eşyada %25 indirim", ""), "25% indirim: tüm beyaz eşya", []),
        (Brief("", "меблі", "", "5% знижки на меблі", "Кухні."), "Меблі безкоштовно і 5% знижки", ["claim"]),
        (Brief("", "меблі", "", "Меблі", "Доставка безкоштовна."), "Меблі, доставка безкоштовна", []),
        (Brief("", "服务器托管", "", "服务器托管8800元", "首月免费。"), "首月免费的服务器托管8800元", []),
        (Brief("", "Küchen", "", "Die besten Küchen aus Lehm", ""), "Aus Lehm: die besten Küchen", []),
    ],
)
def test_a_line_elsewhere_has_no_other_script_and_no_new_superlative(brief: Brief, line: str, codes: list[str]) -> None:
    assert [one.code for one in check_copy(line, brief, "headline")] == codes


def test_a_word_of_any_ad_does_not_come_back_in_a_description() -> None:
    brief = Brief("Oat Table", "food", "", "Fresh bread", "Start the morning with fresh bread and something warm.")
    assert "uses one word twice" in check_copy("Make it fresh today. Make the morning warm.", brief, "description")
    assert "uses one word twice" not in check_copy("Bread in the morning. Fresh bread, and a warm start.", brief, "description")


def test_an_offer_stays_in_the_line_it_is_in_and_a_headline_may_leave_it_to_the_description() -> None:
    assert check_copy("Bedding at Dwell & Loft: save $80", LOFT, "headline") == ()
    assert check_copy("Solid wood, from Dwell & Loft", LOFT, "headline") == ("drops the offer '$80'",)
    assert check_copy("Solid wood from Dwell & Loft.", LOFT, "description") == ("drops the offer 'Free'",)
    both = Brief("Dwell & Loft", "home", "", "Free delivery today", "Solid wood. Free delivery.")
    assert check_copy("Solid wood, from Dwell & Loft", both, "headline") == ()
    assert "drops the offer 'Free'" in check_copy("Solid wood, and no tricks.", both, "description")


def test_a_brand_that_names_its_product_leaves_the_product_to_say() -> None:
    clinic = read_facts(Brief("Leeds Eye Hospital", "eye hospital", "", "Leeds Eye Hospital", "Headingley."))
    assert not list(substance_problems("The hospital round the corner", clinic, "headline"))
    assert [one.code for one in substance_problems("Good day, Leeds", clinic, "headline")] == ["brand_alone"]


def test_a_brand_is_named_once() -> None:
    assert "names the brand twice" in check_copy("Meet Glowette, with Glowette", Brief("Glowette", "serum"), "headline")


def test_a_sign_of_the_ad_is_no_claim_and_another_currency_is() -> None:
    assert not any("'$'" in problem for problem in check_copy("Why wait? Save $80 on bedding", LOFT, "headline"))
    assert any("'€'" in problem for problem in check_copy("Why wait? Save €80 on bedding", LOFT, "headline"))


def test_the_grammar_writes_lines_with_the_offer() -> None:
    written = build_copywriter("template").write(LOFT, 6, 3, seed=0)
    assert len(written.headlines) >= 2
    assert all("$80" in line for line in written.headlines)
    assert all("free" in line.casefold() for line in written.descriptions)
