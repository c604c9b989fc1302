"""The English word list (`english_words.txt`, which states its source), read once."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def english_words() -> frozenset[str]:
    """Return about 46,000 English words in lower case, without names."""
    text = resources.files(__package__).joinpath("english_words.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))
