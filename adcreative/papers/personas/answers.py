"""Tables of answers and of ads -> input of the persona model: people with declared traits, ads with named features.

Features of ads are plain and named, so that an effect can be read: levels of category, placement, platform and button, and
properties of the words. Traits are the numeric columns of the answers' table that are constant in all rows of a person.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from adcreative.catalog.formats.logs import read_names
from adcreative.config import read_toml
from adcreative.creative import Creative
from adcreative.errors import CatalogError, ConfigError
from adcreative.papers.personas.model import Responses

PERSON_NAMES = ("person", "user", "user_id", "participant", "respondent")
AD_NAMES = ("creative", "ad_name", "ad", "ad_id", "item")
VALUE_NAMES = ("value", "rating", "score", "click", "clicked", "liked")
LEVEL_COLUMNS = ("category", "placement", "platform", "cta")
MIN_ADS_OF_LEVEL, MAX_LEVELS, MAX_CHARACTERS = 3, 20, 40
YOU = re.compile(r"\b(you|your|du|dein\w*|je|jouw|votre|vous|tu|usted)\b")
WORDS: Mapping[str, Callable[[str], float]] = {
    "words: length": lambda text: len(text.split()),
    "words: a question": lambda text: bool(re.search("[?¿？]", text)),
    "words: a number": lambda text: bool(re.search(r"\d", text)),
    "words: an exclamation": lambda text: bool(re.search("[!！]", text)),
    'words: "you"': lambda text: bool(YOU.search(text.casefold())),
}


def find_column(table: pd.DataFrame, known: Sequence[str], what: str, where: str) -> str:
    """Return the name of the column with a role.

    Raises:
        CatalogError: no column has one of the known names.
    """
    names = {str(name).strip().casefold(): str(name) for name in table.columns}
    found = next((names[one] for one in known if one in names), "")
    if not found:
        raise CatalogError(f"{where} has no column for {what}; name it {', '.join(known[:3])}")
    return found


def describe_ads(creatives: Sequence[Creative]) -> tuple[dict[str, int], tuple[str, ...], np.ndarray]:
    """Return number by name, names of features [d], and features [A, d]; a feature that all ads share is left out."""
    first = {one.name: one for one in reversed(creatives)}
    ads = [first[name] for name in sorted(first)]
    levels = [
        f"{column}: {level[:MAX_CHARACTERS]}"
        for column in LEVEL_COLUMNS
        for level, count in Counter(str(getattr(ad, column)) for ad in ads if getattr(ad, column)).most_common(MAX_LEVELS)
        if count >= MIN_ADS_OF_LEVEL
    ]
    names = (*levels, *WORDS)
    table = measure_features(ads, names)
    differs = np.ptp(table, axis=0) > 0
    if not differs.any():
        raise CatalogError(
            "the ads differ neither in category, placement, platform nor words, so no feature can have an effect"
        )
    kept = tuple(name for name, is_kept in zip(names, differs, strict=True) if is_kept)
    return {one.name: at for at, one in enumerate(ads)}, kept, table[:, differs]


def measure_features(creatives: Sequence[Creative], names: Sequence[str]) -> np.ndarray:
    """Return [A, d] the named features of ads; an unknown name is 0 for all."""

    def measure(one: Creative, name: str) -> float:
        column, _, level = name.partition(": ")
        if name in WORDS:
            return float(WORDS[name](f"{one.headline} {one.body}"))
        return float(column in LEVEL_COLUMNS and str(getattr(one, column))[:MAX_CHARACTERS] == level)

    return np.array([[measure(one, name) for name in names] for one in creatives]).reshape(len(creatives), len(names))


def read_responses(
    answers: pd.DataFrame, creatives: Sequence[Creative], where: str
) -> tuple[Responses, tuple[str, ...], tuple[str, ...], list[str]]:
    """Return the responses, names of traits [T], names of features [d], and names of ads [A].

    Raises:
        CatalogError: a column is missing, no trait is declared, or no ad of the answers is known.
    """
    person, ad, value = (
        find_column(answers, known, what, where)
        for known, what in ((PERSON_NAMES, "the person"), (AD_NAMES, "the ad"), (VALUE_NAMES, "the answer"))
    )
    number, features, matrix = describe_ads(creatives)
    at = read_names(answers[ad]).map(number)
    if at.isna().all():
        raise CatalogError(
            f'no ad of {where} is known, such as "{str(answers[ad].iloc[0])[:40]}"; names (ad_name) must be the same'
        )
    rows = answers[at.notna()]
    values = pd.to_numeric(rows[value], errors="coerce")
    if values.isna().any():
        raise CatalogError(f"{where}: the column {value} must hold numbers, such as 1 to 5, or 0 and 1")
    named = read_names(rows[person])
    if (named == "").any():
        raise CatalogError(f"{where}: the column {person} names nobody in {int((named == '').sum())} rows; fill or remove them")
    who = pd.factorize(named)[0]
    traits = [
        str(name)
        for name in rows.columns
        if name not in (person, ad, value)
        and pd.api.types.is_numeric_dtype(rows[name])
        and rows.groupby(who)[name].nunique(dropna=False).max() == 1
        and rows[name].notna().all()
        and rows[name].nunique() > 1
    ]
    if not traits:
        raise CatalogError(f"{where} declares no profile: add numeric columns, such as openness or age, one value a person")
    responses = Responses(
        np.asarray(who),
        at[at.notna()].to_numpy().astype(int),
        values.to_numpy(np.float64),
        rows.groupby(who)[traits].first().to_numpy(np.float64),
        matrix,
    )
    return responses, tuple(traits), features, list(number)


def read_personas(path: Path, traits: Sequence[str], means: np.ndarray) -> dict[str, np.ndarray]:
    """Return declared profiles, name -> traits [T], in the units of the answers; a missing trait is average.

    Args:
        path: TOML, a table of {trait: number} per persona.
    Raises:
        ConfigError: the file cannot be read, has no profile, an unknown trait, or a value that is no number.
    """
    content = read_toml(Path(path))
    if not content:
        raise ConfigError('personas need at least one table, such as ["Explorers"] with openness = 1.5')
    for name, profile in content.items():
        if not isinstance(profile, Mapping):
            raise ConfigError(f'persona "{name}" must be a table of traits')
        for trait, value in profile.items():
            if trait not in traits:
                raise ConfigError(f'persona "{name}" names {trait}, which nobody declared; known: {", ".join(traits)}')
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigError(f'persona "{name}": {trait} must be a number')
    return {
        name: np.array([float(profile.get(trait, mean)) for trait, mean in zip(traits, means, strict=True)])
        for name, profile in content.items()
    }
