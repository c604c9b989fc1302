"""The words of simulated ads: a small grammar that writes headlines, lines under them, and buttons.

Sentences are frames with slots filled from `voices`; a frame may need an entry of its own case. Knows no response: which words
pay is planted in `truth`. Several hundred different headlines a category (counted in the tests).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from adcreative.market.voices import VOICES, Voice

FRAMES: tuple[str, ...] = (
    "{Benefit}", "{Benefit}", "{Benefit} with {brand}", "{brand}: {benefit}", "{Benefit}, the easy way",
    "{Benefit}. It is simpler than you think", "{Benefit} today", "{Benefit} before the month is out",
    "How to {benefit}", "How {people} {benefit_their}", "How {brand} helps you {benefit}",
    "How we help {people} {benefit_their}",
    "Want to {benefit}?", "What if you could {benefit}?", "Ready to {benefit}?", "Tired of {pain}?",
    "Ready for {thing}?", "Still living with {pain}?", "When did you last {benefit}?",
    "{number} ways to {benefit}", "{number} reasons to say yes to {thing}", "{number} things {people} know about {topic}",
    "{number} small changes that help you {benefit}", "Join {crowd} {people}", "{crowd} {people} cannot be wrong",
    "{offer}", "{offer}", "{offer}, only this week", "Last chance: {offer_lower}", "Ends Sunday: {offer_lower}",
    "Today only: {offer_lower}", "{offer} at {brand}",
    "New: {thing}", "Meet {thing}", "Introducing {thing}", "{Thing} is here", "{Thing}, now at {brand}",
    "{Thing}, without {pain}", "{Thing}. No {pain}", "No more {pain}. Just {gain}", "More {gain}, fewer worries",
    "Why {people} choose {brand}", "Why {people} love {thing}", "Loved by {people}", "{Thing}, rated 4.8 by {people}",
    "What nobody tells you about {topic}", "The truth about {topic}", "The secret of {topic}? Keep it simple",
    "This is what {topic} should feel like", "Here is why {people} talk about {topic}",
    "You will never guess what {people} gave up",
    "You deserve {thing}", "Make time for {gain}", "Make room for {thing}", "Made for {people}", "Say goodbye to {pain}",
    "{Topic} and {brand}: a good match", "{Topic}, done right", "A better way to {benefit}", "Because you deserve more {gain}",
    "Stop dreaming. {Benefit}", "Do not miss {thing}", "{Benefit} and never look back!", "{Thing}! Finally",
    "{Benefit}. {offer}", "{Benefit}. {offer}", "{Benefit}. {offer}", "{offer}. {Benefit}", "{Thing}. {offer}",
    "{Thing}. {offer}", "{brand}: {offer_lower}", "{brand}: {benefit}", "Looking for {thing}?", "Looking for {thing}? {offer}",
    "Want to {benefit}?", "{Thing}, rated 4.8 by {crowd} {people}", "{Benefit}. Join {crowd} {people}",
    "{Benefit}: rated 4.8 by {people}", "{Thing} for {people}", "No more {pain}. {offer}", "{Benefit} without {pain}",
)  # fmt: skip
# openings and ends that fit any ad: one headline in eight is of them, so that a model can learn that they do not pay
EMPTY_FRAMES: tuple[str, ...] = (
    "This is how you {benefit}", "You may not have met {brand} yet", "Did you know? {Benefit}", "New to {brand}?",
    "Why wait? {Benefit}", "Have you met {brand}?", "There is more to {topic} than you think", "{brand}, made for you",
    "Discover what {brand} has for you", "Say hello to {thing}", "{Topic}, your way", "It is time to {benefit}",
    "Here is how you {benefit}", "Take a closer look at {thing}", "New to {topic}?", "{Topic}: worth a closer look",
)  # fmt: skip
_EMPTY_SHARE = 0.125
BODY_FRAMES: tuple[str, ...] = (
    "{body}", "{body}", "{body} {offer}.", "{offer}. {body}", "{brand} helps you {benefit}.", "{Thing}. {body}",
    "{body} Made for {people}.", "Ready to {benefit}? {body}",
)  # fmt: skip
PRIMARY_FRAMES: tuple[str, ...] = (
    "{Thing}, from {brand}.", "At {brand} we help {people} {benefit_their}.",
    "Made for {people} who have had enough of {pain}.", "{Benefit}. That is what we are here for.", "", "",
)  # fmt: skip
COMMON_BUTTONS: tuple[str, ...] = ("Learn more", "Shop now", "Get started", "Sign up", "See how")
_NUMBERS = ("3", "4", "5", "6", "7", "8", "9", "10", "12", "Five", "Three", "Seven")
_CROWDS = ("12,000", "25,000", "40,000", "100,000", "8,000")
_SMALL_WORDS = frozenset(
    ("a", "an", "and", "as", "at", "but", "by", "for", "from", "in", "is", "of", "on", "or", "the", "to", "with")
)


@dataclass(frozen=True, kw_only=True)
class AdWords:
    """The words of one ad."""

    headline: str
    primary_text: str
    description: str
    cta: str


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """How one brand writes: its name, its category's voice, and whether its headlines Are Set Like This."""

    brand_name: str
    category: str
    title_case: bool

    def write(self, rng: np.random.Generator) -> AdWords:
        """Write one ad."""
        buttons = VOICES[self.category].buttons + COMMON_BUTTONS
        return AdWords(
            headline=self.write_headline(rng),
            primary_text=self._write(PRIMARY_FRAMES, rng),
            description=self._write(BODY_FRAMES, rng),
            cta=_pick(buttons, rng),
        )

    def write_headline(self, rng: np.random.Generator) -> str:
        """Write one headline."""
        headline = self._write(EMPTY_FRAMES if rng.random() < _EMPTY_SHARE else FRAMES, rng)
        return title_case(headline) if self.title_case else headline

    def fill(self, frame: str, rng: np.random.Generator) -> str:
        """Return a frame with its slots filled."""
        return _tidy(frame.format_map(_fill_slots(VOICES[self.category], self.brand_name, rng)))

    def _write(self, frames: tuple[str, ...], rng: np.random.Generator) -> str:
        return self.fill(_pick(frames, rng), rng)


def draw_speaker(brand_name: str, category: str, *, rng: np.random.Generator) -> Speaker:
    """Draw how a brand writes; one in four sets headlines in title case."""
    return Speaker(brand_name=brand_name, category=category, title_case=bool(rng.random() < 0.25))


def title_case(text: str) -> str:
    """Capitalise all but small words, leaving what follows a letter's first place alone."""
    words = text.split(" ")
    return " ".join(
        word if place and word.lower() in _SMALL_WORDS else word[:1].upper() + word[1:] for place, word in enumerate(words)
    )


def _pick(entries: tuple[str, ...], rng: np.random.Generator) -> str:
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
        "number": _pick(_NUMBERS, rng),
        "crowd": _pick(_CROWDS, rng),
    }


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def _tidy(text: str) -> str:
    """Drop the stop that a frame adds behind a slot which brings its own."""
    return re.sub(r"([?!.])\.", r"\1", text)
