"""Markets whose readers differ, and what no reader of any market pays for: lines that could stand in any ad."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.copywriter import Brief, check_copy
from adcreative.market import readers
from adcreative.market.brands import VOICES
from adcreative.market.lines import EMPTY_FRAMES, FRAMES, Speaker
from adcreative.market.phrases import PHRASES, read_phrases, read_specificity, skip_empty_opening
from adcreative.market.planting import PHRASE_PLANS
from adcreative.market.truth import AdContext, PlantedTruth

BRAND = "Tern & Co"
SEEDS = range(120)


def headline_terms(truth: PlantedTruth, lines: list[str], category: str) -> list[float]:
    context = AdContext(brand=BRAND, category=category)
    return [truth.terms(context, headline=line, body="", appeal=0.0, picture=None)["headline"] for line in lines]


def test_shares_of_readers_sum_to_one_and_differ_by_market() -> None:
    shares = [PlantedTruth(seed).shares for seed in SEEDS]
    assert all(sum(one.values()) == pytest.approx(1.0) for one in shares)
    curious = np.array([one["curious"] for one in shares])
    assert curious.min() < 0.08 < 0.35 < curious.max()
    assert {max(one, key=lambda name: one[name]) for one in shares} == set(readers.READERS)


def test_a_market_of_one_kind_of_readers_has_their_taste() -> None:
    only = dict.fromkeys(readers.READERS, 0.0) | {"careful": 1.0}
    assert readers.mean_taste(only, "proof") == readers.READERS["careful"].tastes["proof"]
    assert readers.mean_appeal(only) == 0.0
    assert readers.mean_appeal(dict.fromkeys(readers.READERS, 0.0) | {"curious": 1.0}) == 1.0


def test_tastes_name_phrases_that_are_planted() -> None:
    assert all(set(one.tastes) <= set(PHRASE_PLANS) for one in readers.READERS.values())
    assert sum(one.share for one in readers.READERS.values()) == pytest.approx(1.0)


def test_what_is_liked_turns_with_the_market() -> None:
    for phrase in ("free", "saving", "question", "curiosity", "urgency", "novelty"):
        weights = np.array([PlantedTruth(seed).phrase_weight(phrase, "home") for seed in SEEDS])
        assert (weights > 0).any(), phrase
        assert (weights < 0).any(), phrase
        assert np.abs(weights).mean() < 0.15, phrase


@pytest.mark.parametrize("category", VOICES)
def test_in_every_market_an_empty_frame_loses_against_the_line_it_frames(category: str) -> None:
    voice = VOICES[category]
    framed = []
    for benefit in voice.benefits:
        framed += [(benefit, f"{frame} {benefit}") for frame in ("This is how you", "Why not", "Here is how you")]
    for thing in voice.things:
        framed += [(thing, f"Say hello to {thing}"), (thing, f"Take a closer look at {thing}"), (thing, f"{thing}, your way")]
    framed = [
        pair for pair in framed if not skip_empty_opening(pair[0])[1]
    ]  # "a calmer way to save" is no better than its frame
    for seed in SEEDS:
        truth = PlantedTruth(seed)
        plain = headline_terms(truth, [line for line, _ in framed], category)
        empty = headline_terms(truth, [line for _, line in framed], category)
        assert all(one > other for one, other in zip(plain, empty, strict=True)), seed


@pytest.mark.parametrize("seed", SEEDS)
def test_a_line_that_says_nothing_of_the_product_loses_against_one_that_does(seed: int) -> None:
    specific = [
        "Find jeans that fit. Free returns for 60 days",
        "Denim that keeps its shape",
        "Join 12,000 bakers at Oat Table",
    ]
    nothing = [
        "You may not have met Tern & Co yet",
        "Tern & Co, made for you",
        "A better way to start",
        "Say hello to Tern & Co",
    ]
    terms = headline_terms(PlantedTruth(seed), [*specific, *nothing], "fashion")
    assert min(terms[:3]) > max(terms[3:])


def test_the_market_writes_enough_empty_lines_for_a_model_to_learn_what_they_cost() -> None:
    speaker, rng = Speaker(brand_name=BRAND, category="travel", title_case=False), np.random.default_rng(0)
    empty = np.mean([skip_empty_opening(speaker.write_headline(rng))[1] for _ in range(1500)])
    assert 0.12 < empty < 0.30
    assert set(EMPTY_FRAMES).isdisjoint(FRAMES)


def test_the_lint_lets_no_empty_line_of_the_market_through() -> None:
    """The lint's openings and the market's were written apart, so what one calls empty the other must find by itself."""
    rng = np.random.default_rng(1)
    for category in VOICES:
        speaker = Speaker(brand_name=BRAND, category=category, title_case=False)
        for _ in range(12):
            ad = speaker.write(rng)
            brief = Brief(BRAND, category, "", ad.headline, ad.description)
            for frame in EMPTY_FRAMES:
                line = speaker.fill(frame, rng)
                if skip_empty_opening(ad.headline)[1] or not skip_empty_opening(line)[1]:
                    continue
                assert check_copy(line, brief, "headline"), (ad.headline, line)


def test_specificity_counts_what_not_any_ad_says() -> None:
    assert read_specificity("This is how you do it today") == 0.0
    assert read_specificity("Tern & Co", BRAND) == 0.0
    one, two = read_specificity("Find your linen"), read_specificity("Find your linen shirt")
    assert 0.0 < one < two < read_specificity("12 linen shirts from a small mill") < 1.0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("This is how you wake up by the sea", "wake up by the sea"),
        ("You may not have met Tern & Co yet", "Tern & Co yet"),
        ("Why wait? Fliegen lernen", "Fliegen lernen"),
        ("City breaks, your way", "City breaks"),
        ("How to wake up by the sea", "How to wake up by the sea"),
        ("What this is how you mean", "What this is how you mean"),
    ],
)
def test_what_stands_behind_an_opening_that_fits_any_ad(line: str, said: str) -> None:
    assert skip_empty_opening(line) == (said, float(said != line))


EXAMPLES = {
    "free": "Free returns for 60 days",
    "how": "How to sleep well",
    "question": "Ready for a change?",
    "number": "Five things to try",
    "saving": "30% off rooms",
    "urgency": "Last chance to book",
    "novelty": "Introducing soup",
    "you": "Made for your morning",
    "proof": "Loved by nurses",
    "ease": "The simple way",
    "curiosity": "The truth about linen",
    "reason": "Why nurses walk",
    "superlative": "A better breakfast",
    "negative": "Tired of queues",
    "exclamation": "Soup!",
    "brand_named": "Soup from Oatbox",
    "shouting": "BUY SOUP",
}


def test_every_feature_has_an_example():
    assert set(EXAMPLES) == set(PHRASES)


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_phrase_is_seen_in_its_example_and_not_in_a_plain_line(phrase: str):
    assert read_phrases(EXAMPLES[phrase], "Oatbox")[phrase] == 1.0
    assert read_phrases("A coat for every kind of weather", "Oatbox")[phrase] == 0.0


def test_whole_words_only_and_any_case():
    assert read_phrases("Freedom of the city")["free"] == 0.0
    assert read_phrases("FREE soup")["free"] == 1.0
    assert read_phrases("A show of hands")["how"] == 0.0


def test_a_brand_set_in_capitals_does_not_shout():
    assert read_phrases("Soup from OAT", "OAT")["shouting"] == 0.0


def test_empty_and_endless_lines_are_read():
    assert not any(read_phrases("").values())
    assert 0.0 <= read_phrases("word " * 10_000)["shouting"] <= 1.0
