"""Tables of answers and of ads -> the numbers of the persona model: people with declared traits, ads with named features. No
torch.

Features of ads are plain and named, so that an effect can be read: levels of category, placement, platform and button, and
what the words do (length, a question, a number, an exclamation, "you"). Traits are the numeric columns of the answers' table
that are the same in all rows of a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from adcreative.catalog.formats.logs import read_names
from adcreative.creative import Creative
from adcreative.delivery.personas.model import Responses
from adcreative.errors import CatalogError, ConfigError

PERSON_NAMES = ("person", "user", "user_id", "participant", "respondent")
AD_NAMES = ("creative", "ad_name", "ad", "ad_id", "item")
VALUE_NAMES = ("value", "rating", "score", "click", "clicked", "liked")
LEVEL_COLUMNS = ("category", "placement", "platform", "cta")
MIN_ADS_OF_LEVEL, MAX_LEVELS = 3, 20
WORDS: Mapping[str, Callable[[str], float]] = {
    "words: length": lambda text: float(len(text.split())),
    "words: a question": lambda text: float("?" in text or "¿" in text or "？" in text),
    "words: a number": lambda text: float(bool(re.search(r"\d", text))),
    "words: an exclamation": lambda text: float("!" in text or "！" in text),
    'words: "you"': lambda text: float(
        bool(re.search(r"\b(you|your|du|dein\w*|je|jouw|votre|vous|tu|usted)\b", text.casefold()))
    ),
}


def find_column(table: pd.DataFrame, known: Sequence[str], what: str, where: str) -> str:
    """Return the name of the column that plays a part.

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
    columns: dict[str, list[float]] = {}
    for name in LEVEL_COLUMNS:
        values = pd.Series([getattr(one, name) for one in ads])
        for level, count in values[values != ""].value_counts().head(MAX_LEVELS).items():
            if count >= MIN_ADS_OF_LEVEL:
                columns[f"{name}: {str(level)[:40]}"] = [float(value == level) for value in values]
    for name, measure in WORDS.items():
        columns[name] = [measure(f"{one.headline} {one.body}") for one in ads]
    kept = {name: values for name, values in columns.items() if np.ptp(values) > 0}
    if not kept:
        raise CatalogError(
            "the ads differ neither in category, placement, platform nor words, so no feature can have an effect"
        )
    return {one.name: at for at, one in enumerate(ads)}, tuple(kept), np.array(list(kept.values()), np.float64).T


def read_responses(
    answers: pd.DataFrame, creatives: Sequence[Creative], where: str
) -> tuple[Responses, tuple[str, ...], tuple[str, ...], dict[str, int]]:
    """Return the responses, names of traits [T], names of features [d], and ad -> number.

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
        str(name) for name in rows.columns
        if name not in (person, ad, value) and pd.api.types.is_numeric_dtype(rows[name])
        and rows.groupby(who)[name].nunique(dropna=False).max() == 1 and rows[name].notna().all() and rows[name].nunique() > 1
    ]  # fmt: skip
    if not traits:
        raise CatalogError(f"{where} declares no profile: add numeric columns, such as openness or age, one value a person")
    table = rows.groupby(who)[traits].first().to_numpy(np.float64)
    responses = Responses(
        person=np.asarray(who), ad=at[at.notna()].to_numpy().astype(int), value=values.to_numpy(np.float64), traits=table,
        features=matrix,
    )  # fmt: skip
    return responses, tuple(traits), features, number


def read_personas(
    content: Mapping[str, object], traits: Sequence[str], means: np.ndarray
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return names and traits [P, T] of declared profiles; a trait that a profile leaves out is average.

    Args:
        content: name -> {trait: number}, in the units of the answers' table.
    Raises:
        ConfigError: no profile, an unknown trait, or a value that is no number.
    """
    if not content:
        raise ConfigError('personas need at least one table, such as ["Explorers"] with openness = 1.5')
    rows = []
    for name, profile in content.items():
        if not isinstance(profile, Mapping):
            raise ConfigError(f'persona "{name}" must be a table of traits')
        unknown = sorted(set(profile) - set(traits))
        if unknown:
            raise ConfigError(f'persona "{name}" names {unknown[0]}, which nobody declared; known: {", ".join(traits)}')
        bad = next(
            (trait for trait, value in profile.items() if isinstance(value, bool) or not isinstance(value, int | float)), ""
        )
        if bad:
            raise ConfigError(f'persona "{name}": {bad} must be a number')
        rows.append([float(profile.get(trait, mean)) for trait, mean in zip(traits, means, strict=True)])
    return tuple(map(str, content)), np.array(rows)
