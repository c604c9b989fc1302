"""Splits Japanese, Chinese and Thai into phrases, the best line breaks (BudouX); the models are in its wheel."""

from __future__ import annotations

from functools import lru_cache

import budoux
import regex

_TRADITIONAL = ("zh-tw", "zh-hk", "zh-mo", "zh-hant")


def split_phrases(text: str, language: str = "") -> list[str]:
    """Return the phrases of a text without spaces, whose concatenation is the text; language: as in BCP 47, "" if unknown.

    The script decides: kana is Japanese, Thai letters are Thai; Han characters alone are Japanese if `language` says so.
    """
    if regex.search(r"\p{Thai}", text):
        kind = "th"
    elif language.casefold().startswith("ja") or regex.search(r"[\p{Hiragana}\p{Katakana}]", text):
        kind = "ja"
    else:
        kind = "zh-hant" if language.casefold().startswith(_TRADITIONAL) else "zh-hans"
    found: list[str] = _parser(kind).parse(text)
    return found


@lru_cache(maxsize=4)
def _parser(kind: str) -> budoux.Parser:
    load = {
        "ja": budoux.load_default_japanese_parser,
        "th": budoux.load_default_thai_parser,
        "zh-hans": budoux.load_default_simplified_chinese_parser,
        "zh-hant": budoux.load_default_traditional_chinese_parser,
    }
    return load[kind]()
