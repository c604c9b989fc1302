"""Dated rule packs (YAML), read once.

Data, not code: every pack names the source of its rules and the date of the last check. Patterns are compiled here, so that an
invalid pattern fails at first use with its file name.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any

from adcreative.config import read_packaged_yaml

PACKS = (
    "buttons",
    "claims",
    "feeds",
    "grammar",
    "injection",
    "language",
    "limits",
    "openers",
    "people",
    "phrases",
    "platform_claims",
    "products",
    "prompts",
    "vocabulary",
    "instructions",
)


@cache
def rule_pack(name: str) -> dict[str, Any]:
    """Return the rule pack `name` of PACKS as plain values; callers must not modify it."""
    pack: dict[str, Any] = read_packaged_yaml(resources.files(__package__) / f"{name}.yaml")
    return pack


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern of a rule pack, ignoring case."""
    return re.compile(pattern, re.IGNORECASE)


@cache
def word_set(pack: str, key: str) -> frozenset[str]:
    """Return a word list of a pack, stored as one string with spaces."""
    return frozenset(rule_pack(pack)[key].split())
