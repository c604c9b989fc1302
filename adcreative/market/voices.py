"""What each category's ads talk about: the word lists that `lines` puts into sentences, from categories.yaml.

Each entry fits every sentence of its slot:
    benefits   verb phrases after "to" and as commands ("wake up by the sea")
    things     noun phrases after "Meet" and "Ready for" ("a week by the sea")
    topics     bare nouns after "about" ("city breaks")
    people     plurals before a verb ("young families")
    pains      plurals or mass nouns after "without" and "Tired of"
    gains      mass nouns or plurals after "More"
    offers     short sentences without a stop, with a claim an advertiser could make
    bodies     one or two whole sentences for the line under the headline
    buttons    labels of the button, beside the common ones
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adcreative.config import build_config
from adcreative.market.brands import read_categories


@dataclass(frozen=True, kw_only=True)
class Voice:
    """Word lists of one category; see the module for what fits where."""

    benefits: tuple[str, ...]
    things: tuple[str, ...]
    topics: tuple[str, ...]
    people: tuple[str, ...]
    pains: tuple[str, ...]
    gains: tuple[str, ...]
    offers: tuple[str, ...]
    bodies: tuple[str, ...]
    buttons: tuple[str, ...]


VOICES: Mapping[str, Voice] = {
    name: build_config(Voice, words["voice"], where=f"categories.yaml, {name}") for name, words in read_categories().items()
}
