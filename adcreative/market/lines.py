"""The words of simulated ads: a small grammar for headlines, lines below them, and buttons.

Sentences are frames (words.yaml) with slots filled from a category's vocabulary. Knows no response: the effects of words are
planted in `truth`. Several hundred different headlines per category (counted in the tests).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adcreative.market.brands import VOICES, Voice, read_market

_WORDS: Mapping[str, list[str]] = read_market("words")
FRAMES, EMPTY_FRAMES = tuple(_WORDS["headlines"]), tuple(_WORDS["empty_headlines"])
_EMPTY_SHARE = 0.125


@dataclass(frozen=True, kw_only=True)
class AdWords:
    """The words of one ad."""

    headline: str
    primary_text: str
    description: str
    cta: str


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """Writing style of one brand: its name, its category's vocabulary, and whether its headlines use title case."""

    brand_name: str
    category: str
    title_case: bool

    def write(self, rng: np.random.Generator) -> AdWords:
        """Write one ad."""
        return AdWords(
            headline=self.write_headline(rng),
            primary_text=self.fill(_pick(_WORDS["primary_texts"], rng), rng),
            description=self.fill(_pick(_WORDS["bodies"], rng), rng),
            cta=_pick((*VOICES[self.category].buttons, *_WORDS["buttons"]), rng),
        )

    def write_headline(self, rng: np.random.Generator) -> str:
        """Write one headline."""
        headline = self.fill(_pick(EMPTY_FRAMES if rng.random() < _EMPTY_SHARE else FRAMES, rng), rng)
        return title_case(headline) if self.title_case else headline

    def fill(self, frame: str, rng: np.random.Generator) -> str:
        """Return a frame with its slots filled."""
        return _tidy(frame.format_map(_fill_slots(VOICES[self.category], self.brand_name, rng)))


def draw_speaker(brand_name: str, category: str, *, rng: np.random.Generator) -> Speaker:
    """Draw a brand's writing style; one in four brands uses title case in headlines."""
    return Speaker(brand_name=brand_name, category=category, title_case=bool(rng.random() < 0.25))


def title_case(text: str) -> str:
    """Capitalise all but small words, leaving the letters after the first unchanged."""
    words = text.split(" ")
    return " ".join(
        word if place and word.lower() in _WORDS["small_words"] else word[:1].upper() + word[1:]
        for place, word in enumerate(words)
    )


def _pick(entries: Sequence[str], rng: np.random.Generator) -> str:
    return entries[int(rng.integers(len(entries)))]


def _fill_slots(voice: Voice, brand_name: str, rng: np.random.Generator) -> dict[str, str]:
    benefit, thing, topic = _pick(voice.benefits, rng), _pick(voice.things, rng), _pick(voice.topics, rng)
    offer = _pick(voice.offers, rng)
    return {
        "brand": brand_name,
        "benefit": benefit,
        "Benefit": _upper_first(benefit),
        "benefit_their": re.sub(r"\byou\b", "they", re.sub(r"\byour\b", "their", benefit)),
        "thing": thing,
        "Thing": _upper_first(thing),
        "topic": topic,
        "Topic": _upper_first(topic),
        "people": _pick(voice.people, rng),
        "pain": _pick(voice.pains, rng),
        "gain": _pick(voice.gains, rng),
        "offer": offer,
        "offer_lower": offer[:1].lower() + offer[1:],
        "body": _pick(voice.bodies, rng),
        "number": _pick(_WORDS["numbers"], rng),
        "crowd": _pick(_WORDS["crowds"], rng),
    }


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def _tidy(text: str) -> str:
    """Remove the stop that a frame adds after a slot that ends with a mark."""
    return re.sub(r"([?!.])\.", r"\1", text)
