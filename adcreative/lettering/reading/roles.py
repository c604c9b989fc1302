"""What a block of text is for: headline, body, button, badge, price, disclaimer or logo; by size, place, shape and words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from adcreative.lettering.reading.blocks import TextBlock

ROLES = ("headline", "body", "button", "badge", "price", "disclaimer", "logo")
MAX_BUTTON_WORDS, MAX_LOGO_WORDS = 5, 3
SMALL_SHARE = 0.024  # of the shorter side: letters lower than this are small print where larger ones stand above
PIECE = 3  # letters: fewer that are missing were misread
EDGE_SHARE = 0.16  # of the picture's height: where logos stand
STORY_RATIO, STORY_TOP = 1.5, 0.14  # height to width of a story, and what of its top its own controls cover
_PRICE = re.compile(
    r"^\W*(?:(?:from|ab|dès|desde|vanaf|da|only|nur|now)\s+)?(?:[$€£¥₹₽₩]|(?:usd|eur|gbp|chf|kr)\b)?\s?\d+(?:[.,' ]\d+)*"
    r"\s?(?:[$€£¥₹₽₩%]|(?:usd|eur|gbp|chf|kr|zł)\b)?(?:\s?(?:off|/\s?\w+))?\W*$",
    re.IGNORECASE,
)
_MONEY = re.compile(r"[$€£¥₹₽₩%]|(?<![^\W\d_])(?:usd|eur|gbp|chf|kr|zł|off)\b", re.IGNORECASE)
_SMALL_PRINT = re.compile(
    r"\b(?:terms|conditions|t&cs?|apply|agb|gelten|voorwaarden|conditions|conditions g|mentions|condizioni|términos|"
    r"vorbehalten|excl|incl|subject to|reserved)\b|^\*|[©®]",
    re.IGNORECASE,
)


def name_roles(blocks: Sequence[TextBlock], height: int, width: int, *, brand: str = "") -> list[TextBlock]:
    """Return the blocks with their roles, in order; at most one is the headline."""
    unit = min(height, width)
    named = [replace(block, role=_obvious_role(block, height, unit, brand)) for block in blocks]
    if any(block.role == "button" and not block.is_ribbon(width) for block in named):  # then what runs from rim to rim is none
        named = [replace(one, role="badge") if one.role == "button" and one.is_ribbon(width) else one for one in named]
    free = [idx for idx, block in enumerate(named) if not block.role]
    worded = [idx for idx in free if says_words(named[idx].text)]
    if not worded:  # a picture with nothing but a logo or a price has no headline
        return [replace(block, role=block.role or "body") for block in named]
    head = max(worded, key=lambda idx: named[idx].size_px * min(len(named[idx].text), 20) ** 0.5)
    largest = named[head].size_px
    for idx in free:
        block = named[idx]
        if idx == head:
            role = "headline"
        elif _is_logo_like(block, height, width) and block.size_px < largest and not brand:
            role = "logo"
        elif block.size_px <= SMALL_SHARE * unit and block.box[1] > 0.75 * height and block.size_px < 0.5 * largest:
            role = "disclaimer"
        else:
            role = "body"
        named[idx] = replace(block, role=role)
    if not any(block.role in ("body", "price") for block in named):  # what is small but alone, and no small print, is the text
        small = [one.role == "disclaimer" and not _SMALL_PRINT.search(one.text) for one in named]
        return [replace(one, role="body") if is_small else one for one, is_small in zip(named, small, strict=True)]
    return named


def _obvious_role(block: TextBlock, height: int, unit: int, brand: str) -> str:
    num_words = len(block.text.split())
    if brand and is_same_text(block.text, brand, 0.8):
        return "logo"
    if _PRICE.match(block.text) and _MONEY.search(block.text):
        return "price"
    if block.plate is not None and num_words <= MAX_BUTTON_WORDS:
        return "button"
    if _SMALL_PRINT.search(block.text) and block.size_px <= 2 * SMALL_SHARE * unit:
        return "disclaimer"
    return ""


def _is_logo_like(block: TextBlock, height: int, width: int) -> bool:
    middle = (block.box[1] + block.box[3]) / 2
    top = EDGE_SHARE + (STORY_TOP if height >= STORY_RATIO * width else 0.0)
    is_at_edge = middle < top * height or middle > (1.0 - EDGE_SHARE) * height
    return (
        is_at_edge
        and len(block.lines) == 1
        and len(block.text.split()) <= MAX_LOGO_WORDS
        and not block.text.endswith((".", "!", "?"))
    )


def says_words(text: str) -> bool:
    """Return whether a text that was read has a word: two letters side by side, or one of a script without capitals.

    A round thing is read as "O", and a row of windows as "0000".
    """
    return re.search(r"[^\W\d_]{2}", text) is not None or any(char.isalpha() and char.lower() == char.upper() for char in text)


def is_same_text(read: str, known: str, share: float = 0.75) -> bool:
    """Return whether a text that was read is a known one: equal letters and digits but for a few that were misread."""
    first, second = letters_of(read), letters_of(known)
    if not first or not second:
        return False
    return SequenceMatcher(None, first, second, autojunk=False).ratio() >= share


def lacks_a_piece(read: str, known: str) -> bool:
    """Return whether a text that was read lacks a piece of a known one, or has one more, of at least PIECE letters.

    A misread letter is none: a word that stands in another block is.
    """
    changes = SequenceMatcher(None, letters_of(known), letters_of(read), autojunk=False).get_opcodes()
    return any(abs((end - start) - (to - since)) >= PIECE for _, start, end, since, to in changes)


def letters_of(text: str) -> str:
    """Return the letters and digits of a text, case folded."""
    return "".join(char for char in text.casefold() if char.isalnum())
