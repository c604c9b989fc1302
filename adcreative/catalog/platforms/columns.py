"""Column names in exports of ad platforms: one YAML file per platform next to this module, read once.

A file maps, per language, each of our fields to the spellings seen for it, each with the key of its source or "unverified".
Spellings are compared folded (see `fold_column`): case, accents, "_", "-", width and a currency suffix such as "(EUR)" do not
matter. A spelling also covers its numbered forms: "Headline" covers "Headline 1" to "Headline 15". Unknown names can be given
in a mapping file. Names of fields and words of cells that all platforms share are in `fields.yaml`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from adcreative.config import did_you_mean, read_packaged_yaml
from adcreative.errors import ConfigError

TABLES: Mapping[str, Any] = read_packaged_yaml(Path(__file__).parents[1] / "fields.yaml")
UNVERIFIED = "unverified"
PART_FIELDS = tuple(TABLES["fields"]["parts"])  # text fields that may have several columns per ad
_FIELDS = frozenset(chain.from_iterable(TABLES["fields"].values()))
_SIGNS: Mapping[str, str] = TABLES["currencies"]
_CODES: str = TABLES["currency_codes"]
_CURRENCY = re.compile(rf"\s*[(\[]\s*({'|'.join(map(re.escape, (*_CODES.split(), *_SIGNS)))})\s*[)\]]\s*$")
_PERCENT = re.compile(r"\s*(?:\(%\)|\[%\]|%)\s*$")
_NUMBERED = re.compile(r"(.*?\D) ?(\d{1,2})")
_MAX_PARTS = 20
MAX_NAME_CHARS = 150  # no platform has longer column names


@dataclass(frozen=True)
class Alias:
    """The field of a spelling, the spelling's rank among those of the field (0 first), and its source."""

    field: str
    rank: int
    source: str


@dataclass(frozen=True, kw_only=True)
class Platform:
    """Columns of one ad platform: languages maps a language code to folded spelling -> Alias.

    ad_set_is: our column for an ad set or ad group ("audience" or "ad_group"); clicks_order: kinds of clicks, preferred first;
    ad_report: how to get the report that lists ads.
    """

    key: str
    name: str
    ad_set_is: str
    clicks_order: tuple[str, ...]
    ad_report: str
    languages: Mapping[str, Mapping[str, Alias]]


def fold_column(name: str) -> str:
    """Return a header cell in folded form: without case, accents, currency suffix and white space, which vary by export."""
    name = unicodedata.normalize("NFKC", " ".join(name.replace("\ufeff", "").split())).replace("\u2019", "'")
    folded = _PERCENT.sub("", _CURRENCY.sub("", name)).casefold()
    if folded.isascii() or not any("\u3040" <= letter <= "\u9fff" for letter in folded):
        folded = "".join(c for c in unicodedata.normalize("NFD", folded) if not unicodedata.combining(c))
    folded = re.sub(r"([()])", r" \1 ", re.sub(r"[_\-\u2010-\u2015]", " ", folded))
    return unicodedata.normalize("NFC", " ".join(folded.split()))


def read_currency(name: str) -> str:
    """Return the currency code at the end of a header cell, as in "Amount spent (EUR)" and "Spend(₹)", or ""."""
    found = _CURRENCY.search(unicodedata.normalize("NFKC", name[-20:].strip()))
    return _SIGNS.get(found.group(1), found.group(1)) if found else ""


def split_number(folded: str) -> tuple[str, int]:
    """Return a folded column name without its final number, and the number (0: no final number up to 20)."""
    found = _NUMBERED.fullmatch(folded)
    if found and 1 <= int(found.group(2)) <= _MAX_PARTS:
        return found.group(1).strip(), int(found.group(2))
    return folded, 0


def find_alias(spellings: Mapping[str, Alias], folded: str) -> Alias | None:
    """Return the meaning of a folded column name among `spellings`; numbered forms only for fields with parts."""
    if (alias := spellings.get(folded)) is not None:
        return alias
    stem, number = split_number(folded)
    alias = spellings.get(stem) if number else None
    return alias if alias is not None and alias.field in PART_FIELDS else None


@cache
def load_platforms() -> tuple[Platform, ...]:
    """Read every platform's YAML file; the order is the preference among equally good matches.

    Raises:
        ConfigError: a file names an unknown field.
    """
    folder = Path(__file__).parent
    return tuple(_load_platform(folder / f"{key}.yaml") for key in TABLES["platforms"])


def _load_platform(path: Path) -> Platform:
    content = read_packaged_yaml(path)
    for field in (field for fields in content["languages"].values() for field in fields):
        if field not in _FIELDS:
            raise ConfigError(f'{path.name} names a field "{field}" that we do not have. {did_you_mean(field, _FIELDS)}')
    languages = {
        language: {
            fold_column(spelling): Alias(field, rank, source)
            for field, spellings in reversed(fields.items())
            for rank, (spelling, source) in enumerate(spellings.items())
        }
        for language, fields in content["languages"].items()
    }
    return Platform(
        key=content["platform"],
        name=content["name"],
        ad_set_is=content["ad_set_is"],
        clicks_order=tuple(content["clicks_order"]),
        ad_report=content["ad_report"],
        languages=languages,
    )


@cache
def all_spellings() -> Mapping[str, Alias]:
    """Return folded spelling -> its meaning on the first platform and in the first language that have it."""
    found: dict[str, Alias] = {}
    for platform in load_platforms():
        for spellings in platform.languages.values():
            for spelling, alias in spellings.items():
                found.setdefault(spelling, alias)
    return found


@lru_cache(maxsize=20_000)
def is_known_column(name: str) -> bool:
    """Return whether any platform has a column of this name."""
    return len(name) <= MAX_NAME_CHARS and find_alias(all_spellings(), fold_column(name)) is not None
