"""Which block of a picture says which field of an ad, and how a field's text is written there. Knows words; no pixels."""

from __future__ import annotations

import re
from collections.abc import Mapping

from adcreative.lettering.reading.blocks import TextBlock
from adcreative.lettering.reading.roles import is_same_text, lacks_a_piece
from adcreative.lettering.reading.words import PictureWords, with_known_words
from adcreative.lettering.setting.changes import FIELDS


def find_field_blocks(words: PictureWords, texts: Mapping[str, str]) -> dict[str, TextBlock]:
    """Return field -> the block of the picture that says it; fields that do not stand in the picture are left out."""
    field_blocks: dict[str, TextBlock] = {}
    for name in FIELDS:
        text = texts.get(name, "")
        if not text:
            continue
        for block in words.blocks:
            is_taken = any(block.box == other.box for other in field_blocks.values())
            if not is_taken and block.role != "logo" and is_same_text(block.text, text):
                field_blocks[name] = block if lacks_a_piece(block.text, text) else with_known_words(block, as_set(text, block))
                break
    return field_blocks


def as_set(text: str, block: TextBlock | None) -> str:
    """Return a text as it is set: in capitals where the old one was; SHOP_NOW as a word."""
    text = re.sub(r"\s+", " ", text.replace("_", " ")).strip()
    if block is not None and any(char.isalpha() for char in block.text) and block.text.upper() == block.text:
        return text.upper()
    return text.capitalize() if block is not None and block.plate is not None and text.isupper() and " " in text else text
