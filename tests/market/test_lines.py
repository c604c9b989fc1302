from __future__ import annotations

import re

import numpy as np
import pytest

from adcreative.market.backdrops import MOTIFS
from adcreative.market.brands import CATEGORIES, PALETTES, VOICES, brand_names, draw_brands
from adcreative.market.lines import Speaker, draw_speaker, title_case
from adcreative.market.pen import PRODUCTS


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_category_writes_hundreds_of_different_clean_headlines(category: str):
    speaker = Speaker(brand_name="Tern & Co", category=category, title_case=False)
    rng = np.random.default_rng(0)
    headlines = {speaker.write_headline(rng) for _ in range(3000)}
    assert len(headlines) > 500
    for line in headlines:
        assert re.fullmatch(r"[\x20-\x7e]+", line), line
        assert not re.search(r"[{}]|\s{2}|[?!.]\.|\s$|^\s|\s[.,?!]", line), line
        assert line[0].isupper() or line[0].isdigit(), line
        assert len(line) < 110, line


@pytest.mark.parametrize("category", CATEGORIES)
def test_words_below_the_headline_are_whole_sentences(category: str):
    speaker = Speaker(brand_name="Tern & Co", category=category, title_case=False)
    rng = np.random.default_rng(1)
    for _ in range(200):
        words = speaker.write(rng)
        assert words.description.endswith((".", "?", "!"))
        assert words.primary_text == "" or words.primary_text.endswith((".", "!"))
        assert 0 < len(words.cta) < 24


def test_every_category_has_a_voice_and_drawable_products_and_motifs():
    assert set(VOICES) == set(CATEGORIES)
    for kind in CATEGORIES.values():
        assert set(kind.products) <= set(PRODUCTS)
        assert set(kind.motifs) <= set(MOTIFS)


def test_brands_are_unique_even_when_names_run_out_and_stay_in_their_category():
    brands = draw_brands(900, rng=np.random.default_rng(0))
    assert len({brand.name for brand in brands}) == 900
    assert len({brand.slug for brand in brands}) == 900
    by_name = {name: category for category in CATEGORIES for name in brand_names(category)}
    assert all(by_name.get(brand.name, brand.category) == brand.category for brand in brands)
    assert {brand.palette for brand in brands} == set(PALETTES)


def test_no_two_categories_share_a_brand_name():
    names = [name for category in CATEGORIES for name in brand_names(category)]
    assert len(names) == len(set(names))


def test_title_case_leaves_small_words():
    assert title_case("how to plan a week") == "How to Plan a Week"


def test_some_brands_set_headlines_in_title_case():
    rng = np.random.default_rng(0)
    cases = [draw_speaker("Oatbox", "food", rng=rng).title_case for _ in range(200)]
    assert 0.15 < np.mean(cases) < 0.35
