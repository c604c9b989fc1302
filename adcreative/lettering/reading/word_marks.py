"""Features of a text's words for its role, in any language: amounts, addresses, marks, and stems of known words."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from adcreative.encoders.language import english_words

WORD_FILE = Path(__file__).with_name("role_words.yaml")


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `python -m tests.real.read_ads --split work`."""

    short: int = 3  # letters: known words up to this length match whole words, not stems


FITTED = Fitted()

_CURRENCY = re.compile(
    r"[$€£¥₹₽₩₺₫৳฿₪₴]|(?<![^\W\d_])(?:usd|eur|gbp|chf|kr|zł|dh|rp|tl|r\$|руб|грн|р\.|บาท|تومان|ريال|جنيه|درهم|টাকা)|元|円|원|\d\s?\.-"
)
_NUMBER = re.compile(r"\d+(?:[.,' ]\d+)*")
_AMOUNT = re.compile(r"^\W*(?:[^\W\d_]{1,7}\s)?\W*\d+(?:[.,' ]\d+)*\s?\W*(?:[^\W\d_]{1,3}\b)?\W*(?:[^\W\d_]{1,4})?\W*$")
_DOMAIN = re.compile(
    r"(?:https?:|www\.)|[a-z0-9-]{2,}\.(?:[a-z]{2,3}\.)?(?:com|net|org|shop|store|io|co|app|[a-z]{2})(?![a-z])"
)
_HANDLE = re.compile(r"@\w{3}|#\w{3}|\bfacebook\b|\binstagram\b")
_PHONE = re.compile(r"\+?\d[\d ()./-]{6,}\d")
_DATE = re.compile(r"\b\d{1,2}[.:/]\d{2}\b|\b\d{4}[./-]\d{1,2}|\d\s?月|\d\s?월|\b(?:19|20)\d\d\b")
_SMALL = re.compile(r"^\s*[*※©®]|[©®]")
_LIST = re.compile(r"^\s*[•·.\-–—✓✔►>]\s?\w")


@cache
def _known() -> dict[str, re.Pattern[str]]:
    """Return role -> pattern of its known words."""
    found = {}
    for role, words in yaml.safe_load(WORD_FILE.read_text(encoding="utf-8")).items():
        parts = []
        for word in words:
            is_unspaced = any(unicodedata.east_asian_width(char) == "W" or "\u0e00" <= char <= "\u0e7f" for char in word)
            begin = "" if is_unspaced or not word[0].isalnum() else r"(?<!\w)"
            end = r"(?!\w)" if len(word) <= FITTED.short and not is_unspaced and word[-1].isalnum() else ""
            parts.append(begin + re.escape(word) + end)
        found[role] = re.compile("|".join(parts))
    return found


KNOWN = ("button", "offer", "price", "legal", "address", "proof", "badge", "tag", "common")
MARKS = (
    "words",
    "letters",
    "upper",
    "digits",
    "percent",
    "currency",
    "number",
    "amount",
    "domain",
    "handle",
    "phone",
    "email",
    "date",
    "small",
    "list",
    "closed",
    "asks",
    "latin",
    "wordless",
    "english",
    *(f"known {name}" for name in KNOWN),
)


def ends_open(text: str) -> bool:
    """Return whether a line is incomplete: it ends in a function word, a comma or a joining sign."""
    is_little = _known()["common"].fullmatch(_end_word(text, -1)) is not None
    return is_little or text.rstrip().endswith((",", "&", "+", "-", "–", "/", ":", "،", "、"))


def goes_on(text: str) -> bool:
    """Return whether a line continues another: it has signs alone, or begins with a function word, a small letter or a sign."""
    start, is_little = text.lstrip()[:1], _known()["common"].fullmatch(_end_word(text, 0)) is not None
    return is_little or start in ("&", "+") or start.islower() or not any(char.isalnum() for char in text)


def _end_word(text: str, place: int) -> str:
    words = re.findall(r"[^\W\d_]+", text.casefold())
    return words[place] if words else ""


def mark_words(text: str) -> np.ndarray:
    """Return the MARKS of a text [M] float32: counts are logarithms, shares are 0..1, the others 0 or 1."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    letters = [char for char in text if char.isalpha()]
    cased = [char for char in letters if char.lower() != char.upper()]
    digits = sum(char.isdigit() for char in text)
    words = re.findall(r"[a-z]{2,}", folded)
    filled = max(sum(not char.isspace() for char in text), 1)
    values = [
        np.log1p(len(text.split())),
        np.log1p(filled),
        sum(map(str.isupper, cased)) / max(len(cased), 1),
        digits / filled,
        "%" in folded or "٪" in folded,
        _CURRENCY.search(folded) is not None,
        _NUMBER.search(folded) is not None,
        _AMOUNT.match(folded) is not None,
        _DOMAIN.search(folded) is not None,
        _HANDLE.search(folded) is not None,
        _PHONE.search(folded) is not None,
        re.search(r"\w@\w", folded) is not None,
        _DATE.search(folded) is not None,
        _SMALL.search(text) is not None,
        _LIST.search(text) is not None,
        text.rstrip().endswith((".", "!", "。", "！")),
        text.rstrip().endswith(("?", "？", ":", "：")),
        sum("LATIN" in unicodedata.name(char, "") for char in letters) / max(len(letters), 1),
        len(letters) < 2,
        sum(word in english_words() for word in words) / max(len(words), 1),
        *(pattern.search(folded) is not None for pattern in (_known()[name] for name in KNOWN)),
    ]
    return np.array(values, np.float32)
