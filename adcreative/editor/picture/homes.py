"""Which block of a picture says which field of the ad, and how a field's text is written there. Knows words; no pixels."""

from __future__ import annotations

import re

from adcreative.creative import Creative
from adcreative.editor.picture.changes import FIELDS
from adcreative.encoders.picture_words.blocks import TextBlock
from adcreative.encoders.picture_words.roles import is_same_text, lacks_a_piece
from adcreative.encoders.picture_words.words import PictureWords, with_known_words


def find_homes(words: PictureWords, creative: Creative) -> dict[str, TextBlock]:
    """Return field -> the block of the picture that says it; fields that do not stand in the picture are left out."""
    homes: dict[str, TextBlock] = {}
    for name in FIELDS:
        text = getattr(creative, name)
        if not text:
            continue
        for block in words.blocks:
            is_taken = any(block.box == other.box for other in homes.values())
            if not is_taken and block.role != "logo" and is_same_text(block.text, text):
                homes[name] = block if lacks_a_piece(block.text, text) else with_known_words(block, as_set(text, block))
                break
    return homes


def as_set(text: str, block: TextBlock | None) -> str:
    """Return a text as it is set: in capitals where the old one was; SHOP_NOW as a word."""
    text = re.sub(r"\s+", " ", text.replace("_", " ")).strip()
    if block is not None and any(char.isalpha() for char in block.text) and block.text.upper() == block.text:
        return text.upper()
    return text.capitalize() if block is not None and block.plate is not None and text.isupper() and " " in text else text
