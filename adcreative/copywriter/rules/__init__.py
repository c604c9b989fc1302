"""Dated rule packs (YAML), read once.

Data, not code: every pack says where its rules come from and when that was checked. Patterns are compiled here so that a
broken one fails at the first use with its file name.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any

from adcreative.config import read_packaged_yaml

PACKS = (
    "buttons", "claims", "feeds", "grammar", "injection", "language", "limits", "openers", "people", "phrases",
    "platform_claims", "products", "prompts", "vocabulary", "instructions",
)  # fmt: skip


@cache
def rule_pack(name: str) -> dict[str, Any]:
    """Return the rule pack `name` of PACKS as plain values; callers must not change it."""
    pack: dict[str, Any] = read_packaged_yaml(resources.files(__package__) / f"{name}.yaml")
    return pack


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern of a rule pack; all of them ignore case."""
    return re.compile(pattern, re.IGNORECASE)


@cache
def word_set(pack: str, key: str) -> frozenset[str]:
    """Return a word list of a pack, written there as one string with spaces."""
    return frozenset(rule_pack(pack)[key].split())
