"""Interpretable attributes of ads, from words, picture and name, as columns whose effects can be estimated.

Words are matched by patterns in many languages (`words.yaml`), pictures by measures of the encoders, names by the account's own
naming pattern. Knows no results.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

import numpy as np

from adcreative.catalog.naming import NamePattern, propose_pattern
from adcreative.config import read_packaged_yaml
from adcreative.creative import Creative
from adcreative.ctr.account.seen_effects import SeenFeature, see_pictures
from adcreative.features.batch import CreativeFeatures

MIN_RIGHT = 0.8  # least accuracy and precision of a word attribute on hand-labelled real ads
SEGMENTS = ("age", "gender", "placement", "device", "country", "asset")
MAX_CONCEPTS = 8  # concepts compared by segment, those with the most ads; with MAX_VALUES of a column, 96 at most
MAX_VALUES, MIN_SAME = 12, 2  # values per part of the names; ads that must share a value, else the value is a name


@cache
def _patterns() -> Mapping[str, tuple[str, str, re.Pattern[str]]]:
    """Return name -> label, field to search, pattern."""
    told = read_packaged_yaml(files(__package__) / "words.yaml")
    return {
        name: (one["label"], one["where"], re.compile("|".join(f"(?:{part})" for part in one["any"]), re.IGNORECASE | re.M))
        for name, one in told.items()
    }


def word_attributes() -> tuple[str, ...]:
    """Return the names of the word attributes."""
    return tuple(_patterns())


def says(creative: Creative, name: str) -> bool:
    """Return whether an ad's words have the attribute `name` of `word_attributes`."""
    _, where, pattern = _patterns()[name]
    headline = creative.headline or creative.text
    return bool(pattern.search(headline if where == "headline" else f"{creative.text}\n{creative.cta}"))


def label_of(name: str) -> str:
    """Return the label of a word attribute, as a phrase that follows "with"."""
    return _patterns()[name][0]


def find_attributes(
    creatives: Sequence[Creative], features: Sequence[CreativeFeatures], pattern: NamePattern | None = None
) -> list[SeenFeature]:
    """Return the attributes of ads: words, looks, faces and shapes, parts of their names."""
    has_words = np.array([one.has_words for one in creatives])
    found = [
        SeenFeature(
            kind="words",
            label=label_of(name),
            seen=np.where(has_words, [says(one, name) for one in creatives], np.nan).astype(np.float64),
        )
        for name in word_attributes()
    ]
    found += see_pictures(features)
    return found + (name_attributes(creatives, pattern) if pattern is not None else [])


def find_name_pattern(creatives: Sequence[Creative]) -> NamePattern | None:
    """Return the naming pattern of the account, None if fewer than 80 % of the names follow it."""
    return propose_pattern([one.ad_name for one in creatives if one.ad_name])


def name_attributes(creatives: Sequence[Creative], pattern: NamePattern) -> list[SeenFeature]:
    """Return an attribute for each frequent value of each part of the names; parts that identify single ads give none."""
    parts = [pattern.parse(one.ad_name) or {} for one in creatives]
    names = {one.ad_name for one in creatives}
    found = []
    for field in pattern.fields:
        values = [_value(one.get(field, "")) for one in parts]
        by_name: dict[str, set[str]] = {}
        for value, one in zip(values, creatives, strict=True):
            if value:
                by_name.setdefault(value, set()).add(one.ad_name)
        counts = Counter({value: len(own) for value, own in by_name.items() if len(own) >= MIN_SAME})
        if len(counts) < 2 or sum(counts.values()) < len(names) / 2:
            continue
        found += [
            SeenFeature(
                kind="name",
                label=f"{field.removeprefix('name_')}: {value}",
                column=f"part {field}",
                seen=np.array([np.nan if not other else float(other == value) for other in values]),
            )
            for value, _ in counts.most_common(MAX_VALUES)
        ]
    return found


def see_segments(creatives: Sequence[Creative], concept: np.ndarray, labels: Sequence[str]) -> list[SeenFeature]:
    """Return each concept in each of its segments as an attribute, for an export with breakdowns.

    Segment and concept have effects of their own in the model, so the effect of this attribute is their interaction.
    concept: [N] numbers of the rows' concepts.
    """
    found = []
    largest = [int(number) for number, _ in Counter(concept[concept < len(labels)].tolist()).most_common(MAX_CONCEPTS)]
    for column in SEGMENTS:
        values = [str(one.placement if column == "placement" else one.context.get(column, "")) for one in creatives]
        counts = Counter(filter(None, values))
        for value, _ in counts.most_common(MAX_VALUES) if len(counts) > 1 else ():
            is_there = np.array([np.nan if not other else float(other == value) for other in values])
            found += [
                SeenFeature(kind="segment", label=f"{labels[one]}, {column} {value}", seen=is_there * (concept == one))
                for one in largest
            ]
    return found


def _value(text: str) -> str:
    """Return the value of a part of a name without a final number: Video3 is a Video."""
    folded = text.strip().casefold()
    return re.sub(r"[\s#._-]*\d+$", "", folded) or folded
