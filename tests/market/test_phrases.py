from __future__ import annotations

import pytest

from adcreative.market.phrases import PHRASES, read_phrases

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
