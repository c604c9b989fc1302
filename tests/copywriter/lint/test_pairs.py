"""A headline and the description under it: nothing is said twice, nothing that the ad offers is lost between the two."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adcreative.copywriter import build_copywriter
from adcreative.copywriter.brief import Brief, read_facts
from adcreative.copywriter.engines.ad_parts import without_said
from adcreative.copywriter.lint.checks import check_copy
from adcreative.copywriter.lint.pairs import pair_problems, repeats, says_a_phrase_twice, says_twice
from adcreative.editor.preparation.lines import build_lines
from adcreative.editor.settings import EditorConfig
from tests.bench.lines import read_ads
from tests.editor.fakes import FakeExtractor, fake_ad, fake_tools

REPEATED = [
    ("Make time for rest with Roveen", "Make time for rest. Short sessions for busy days."),
    ("Want to stay dry without sweating?", "Stay dry without sweating. A shell with taped seams."),
    ("Fliegen lernen", "Fliegen lernen: Schnupperflug für 79 Euro."),
    ("Pot & Pan: six ingredients, one pan", "Six ingredients, one pan. Save 30% on your first box."),
    ("14 days free", "14 days free. Cancel any time."),
    ("Endlich gut schlafen. 100 Tage testen", "100 Tage testen. Versand gratis."),
    ("毎朝焼きたてのパンを届けます", "毎朝焼きたてのパンを届けます。送料無料。"),
]
DISTINCT = [
    ("Running shoes for wide feet", "Our running shoes are tested on 300 miles of trail."),
    ("Bread at your door", "Baked at night with flour from the mill at your corner."),
    ("Fliegen lernen", "Schnupperflug für 79 Euro. Fliegen mit erfahrenen Piloten."),
]


@pytest.mark.parametrize(("headline", "description"), REPEATED)
def test_what_is_said_twice_is_seen(headline: str, description: str) -> None:
    assert says_twice(headline, description)
    assert says_twice(description, headline)
    assert not says_twice(headline, description, repeats(headline, description))  # the ad's own habit


@pytest.mark.parametrize(("headline", "description"), DISTINCT)
def test_names_may_come_twice(headline: str, description: str) -> None:
    assert not says_twice(headline, description)


def test_a_line_that_says_one_phrase_twice_is_refused() -> None:
    brief = Brief("", "voetbalpakjes", "", "Bestel nu, morgen in huis", "Ruim assortiment, scherpe prijzen.", "nl")
    line = "Bestel nu, morgen in huis. Ruim assortiment, morgen in huis"
    assert says_a_phrase_twice(line)
    assert "says one phrase twice" in check_copy(line, brief, "headline")
    assert not says_a_phrase_twice("Bestel nu, morgen in huis. Ruim assortiment")


def test_a_description_that_says_the_headline_again_is_refused() -> None:
    brief = Brief("Roveen", "pilates classes", "", "Make time for rest", "Short sessions in small groups. Free first class.")
    line = "Make time for rest. Short sessions in small groups. Free first class."
    assert check_copy(line, brief, "description") == ("says the headline again",)


def test_an_offer_may_move_into_the_headline_but_not_get_lost() -> None:
    facts = read_facts(Brief("Palm Stays", "hotels", "", "Wake up by the sea", "Small hotels on the coast. Free cancellation."))
    assert pair_problems("Wake up by the sea. Free cancellation", "Small hotels on the coast.", facts) == ()
    assert pair_problems("Want to wake up by the sea?", "Small hotels on the coast.", facts) == ("drops the offer 'Free'",)


def test_where_a_headline_says_all_of_the_description_that_says_what_is_sold() -> None:
    brief = Brief("Fig Pantry", "meal kits", "", "More family dinners", "Skip a week whenever you like.")
    facts = read_facts(brief)
    assert without_said(facts, "More family dinners. Skip a week whenever you like") == "Meal kits from Fig Pantry."
    assert without_said(facts, "Fig Pantry: skip a week whenever you like") == ""
    assert without_said(facts, "More family dinners, fewer worries") == ""  # nothing is said twice
    assert check_copy("Meal kits from Fig Pantry.", brief, "description") == ()


def test_no_pair_that_a_search_may_choose_says_the_same_twice() -> None:
    """Thirty ads in six languages: each new headline keeps a description that fits, nearly always."""
    tools, num_headlines, num_usable = fake_tools(copywriter=build_copywriter("template")), 0, 0
    for brief in read_ads():
        facts = read_facts(brief)
        ad = replace(
            fake_ad(), brand=brief.brand, category=brief.product, headline=brief.headline, description=brief.description, cta=""
        )
        (features,) = FakeExtractor().extract([ad])
        lines, _ = build_lines(ad, features, tools, EditorConfig(), None)
        own = repeats(ad.headline, ad.description)
        allowed = [
            (headline, description)
            for i, headline in enumerate(lines.headlines)
            for j, description in enumerate(lines.descriptions)
            if lines.is_fit(i, j) and (i or j)
        ]
        assert allowed
        assert not [pair for pair in allowed if says_twice(*pair, own) or pair_problems(*pair, facts)]
        num_headlines += len(lines.headlines) - 1
        num_usable += len({headline for headline, _ in allowed} - {ad.headline})
    assert num_usable >= 0.9 * num_headlines > 0
