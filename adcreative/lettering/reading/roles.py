"""Roles of text blocks: the most probable joint assignment of `role_models.ROLES` in a picture, with probabilities."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import numpy as np

from adcreative.lettering.reading.blocks import TextBlock
from adcreative.lettering.reading.role_models import ROLES, choose_roles, load_roles


@dataclass(frozen=True)
class Fitted:
    """Constants of this module, chosen by hand, checked by `python -m tests.real.read_ads --split work`."""

    piece: int = 3  # minimum letters of a missing part: fewer are misreadings
    same_brand: float = 0.8  # minimum similarity of a text and the known brand
    same_text: float = 0.75  # minimum similarity of a read text and a known one


FITTED = Fitted()


def name_roles(blocks: Sequence[TextBlock], height: int, width: int, *, brand: str = "") -> list[TextBlock]:
    """Return the blocks with their roles and probabilities, in order; at most one is the headline.

    Args:
        brand: the advertiser, if known: a block with only this name is certainly the brand.
    """
    is_read = np.array([says_words(block.text) or any(map(str.isdigit, block.text)) for block in blocks], bool)
    chances = np.tile(np.eye(len(ROLES))[ROLES.index("product_print")], (len(blocks), 1))  # a round object is read as a letter
    pieces = [block.piece for block, is_text in zip(blocks, is_read, strict=True) if is_text]
    chances[is_read] = load_roles().chances(pieces, (height, width))
    for place, block in enumerate(blocks):
        if brand and is_same_text(block.text, brand, FITTED.same_brand):
            chances[place] = np.eye(len(ROLES))[ROLES.index("brand")]
        elif not says_words(block.text):
            chances[place, ROLES.index("headline")] = 0.0
    chosen = choose_roles(chances)
    return [
        replace(block, role=ROLES[role], chance=float(chances[place, role]) * block.whole)
        for place, (block, role) in enumerate(zip(blocks, chosen, strict=True))
    ]


def says_words(text: str) -> bool:
    """Return whether a read text has a word: two adjacent letters, or one of a script without capitals.

    A round object is read as "O", and a row of windows as "0000".
    """
    return re.search(r"[^\W\d_]{2}", text) is not None or any(char.isalpha() and char.lower() == char.upper() for char in text)


def is_same_text(read: str, known: str, share: float = FITTED.same_text) -> bool:
    """Return whether a read text equals a known one: the same letters and digits, apart from a few misreadings."""
    first, second = letters_of(read), letters_of(known)
    if not first or not second:
        return False
    return SequenceMatcher(None, first, second, autojunk=False).ratio() >= share


def lacks_a_piece(read: str, known: str) -> bool:
    """Return whether a read text lacks a part of a known one, or has an extra one, of at least FITTED.piece letters.

    Misread letters are not counted, but a word in another block is.
    """
    changes = SequenceMatcher(None, letters_of(known), letters_of(read), autojunk=False).get_opcodes()
    return any(abs((end - start) - (to - since)) >= FITTED.piece for _, start, end, since, to in changes)


def letters_of(text: str) -> str:
    """Return the letters and digits of a text, case folded."""
    return "".join(char for char in text.casefold() if char.isalnum())
