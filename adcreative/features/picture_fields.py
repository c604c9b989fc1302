"""The words in an ad's picture, empty fields filled with them, and the advertiser's name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from adcreative.catalog.images import picture
from adcreative.creative import Creative
from adcreative.encoders.threads import iter_in_threads
from adcreative.errors import CreativeError
from adcreative.lettering import TextReading, Words, is_measured, is_same_text, read, says_words, words_of_rows

READ_NOTE = "read from the picture"
NO_HEADLINE = (
    "no headline was read for sure{guess}: type it; of a folder correct what adcreative read writes, and give that as --words"
)
MAX_GUESS = 60  # characters of an uncertain reading to show
# field -> roles of the blocks that fill it: of the first role found in the picture. A price in a badge is not joined with
# the text beside it: one field with both could be neither found nor set anew in one piece
FIELD_ROLES = (("headline", ("headline",)), ("description", ("subline", "offer", "price")), ("cta", ("button",)))
AMOUNTS = ("offer", "price")
MIN_FIELD_CONFIDENCE = 0.9  # confidence below which a reading fills no field: of less sure headlines 4 of 13 were right
MIN_LOGO_CONFIDENCE = 0.75  # confidence below which a logo names no brand


def words_of(creative: Creative, image_u8: np.ndarray, reader: TextReading | None) -> Words:
    """Return the words in a creative's own picture [H, W, 3]: from its words file, else as read; empty without a reader."""
    if creative.words:
        return words_of_rows(json.loads(creative.words), image_u8)
    return Words() if reader is None else read(image_u8, reader, brand=creative.brand)


def words_without_picture(creative: Creative) -> Words | None:
    """Return the words of a creative from a words file; None without a words file, or without measurements."""
    rows = json.loads(creative.words) if creative.words else []
    return words_of_rows(rows) if rows and is_measured(rows) else None


def fill_from_pictures(creatives: Iterable[Creative], reader: TextReading | None = None) -> Iterator[Creative]:
    """Yield the creatives, in order, with empty fields filled from their pictures.

    About a second of one core for each such picture not yet read, on all cores; other pictures are not opened, and their
    creatives are returned as the same objects, as are creatives with words from a words file. Errors of unreadable pictures are
    left to the code that needs the pixels. Without `reader` nothing is read.
    """
    yield from iter_in_threads(partial(_fill, reader=reader), creatives)


def _fill(creative: Creative, reader: TextReading | None) -> Creative:
    if not creative.has_image or not has_open_fields(creative):
        return creative
    if (known := words_without_picture(creative)) is not None:
        return fill_fields(creative, known)
    if reader is None:
        return creative
    try:
        image_u8 = picture(creative)
    except CreativeError:
        return creative
    return creative if image_u8 is None else fill_fields(creative, words_of(creative, image_u8, reader))


def name_brand_of(creative: Creative, reader: TextReading | None = None) -> str:
    """Return the advertiser's name in an ad's words or picture; "" where there is none.

    Raises:
        CreativeError: its picture cannot be read.
    """
    image_u8 = None if creative.brand else picture(creative)
    return name_brand(creative, Words() if image_u8 is None else words_of(creative, image_u8, reader))


def name_read_fields(creative: Creative) -> str:
    """Return the fields of a creative that were read from its picture, in a phrase; "" without any."""
    return f"{', '.join(creative.read_fields)} {READ_NOTE}" if creative.read_fields else ""


def describe_reading(creative: Creative) -> str:
    """Return what was read in an ad's picture and what could not be read, in phrases; "" without either."""
    return "; ".join(filter(None, (name_read_fields(creative), creative.read_note)))


def has_open_fields(creative: Creative) -> bool:
    """Return whether headline, text (primary text and description) or button is empty."""
    return not (creative.headline and creative.body and creative.cta)


def fill_fields(creative: Creative, words: Words) -> Creative:
    """Return the creative with its empty headline, description and button filled from the picture, and marked so.

    `read_fields` of the result names the filled fields, `read_note` what could not be read, `read_guess` an uncertain headline.
    The ad's own fields
    are unchanged, and picture words that repeat them fill no other field. Where large words were not read
    nothing is filled: the words read are then probably a logo, or a print on a shirt.
    """
    filled = creative if words.hides_words else _with_sure_words(creative, words)
    has_words = bool(words.blocks or words.unread)
    guess = next((block.text[:MAX_GUESS] for block in words.with_role("headline") if not filled.headline), "")
    unsure = NO_HEADLINE.format(guess=f', perhaps "{guess}"' if guess else "") if has_words and not filled.headline else ""
    note = "; ".join(filter(None, (words.unread_note, unsure)))
    is_told = (note, guess) == (filled.read_note, filled.read_guess)
    return filled if is_told else replace(filled, read_note=note, read_guess=guess)


def _with_sure_words(creative: Creative, words: Words) -> Creative:
    found: dict[str, Any] = {}
    own = {"headline": creative.headline, "description": creative.body, "cta": creative.cta}
    said = [creative.headline, creative.primary_text, creative.description, creative.cta]
    for field, roles in FIELD_ROLES:
        if own[field]:
            continue
        for role in roles:
            texts = [
                block.text
                for block in words.with_role(role)
                if block.confidence >= MIN_FIELD_CONFIDENCE
                and block.is_sure
                and (role in AMOUNTS or says_words(block.text))
                and not any(is_same_text(block.text, other) for other in said)
            ]
            if texts:
                found[field] = texts[0] if field == "cta" else join_texts(texts)
                break
    return replace(creative, **found, read_fields=tuple(found)) if found else creative


_LABELS = r"(?:[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?\.){1,3}"
_ENDS = "com|net|org|shop|store|eu|io|co|app|de|ch|fr|nl|lu|pt|pl|cz|sk|hu|ro|bg|gr|dk|se|fi|ie|uk|ca|mx|br|au|nz|jp|kr|tr"
_DOMAIN = re.compile(
    rf"(?<![\w@.-])(?:(?:https?://|www\.)+({_LABELS}[a-z]{{2,6}})|({_LABELS}(?:{_ENDS})(?:\.[a-z]{{2}})?))(?![\w@-])",
    re.IGNORECASE,
)  # ends that are also words ("in", "it", "es") count after "www." alone: a blank after a full stop is often lost


def find_domain(*texts: str) -> str:
    """Return the first web address in these texts, without "www." and without a path; "" without one.

    The end of an address is in small letters, unless all of it is in capitals.
    """
    for text in texts:
        for found in _DOMAIN.finditer(text):
            address = found[1] or found[2]
            if address.isupper() or address.rpartition(".")[2].islower():
                return address.casefold()
    return ""


def name_brand(creative: Creative, words: Words) -> str:
    """Return the advertiser's name: the ad's brand, else the logo in its picture, else its web address.

    One of several logo lines, or a logo read with low confidence, is left out; "" where no name is found.
    """
    if creative.brand:
        return creative.brand
    said = [creative.headline, creative.primary_text, creative.description, creative.cta]
    logos = [
        block.text
        for block in words.with_role("brand")
        if block.confidence >= MIN_LOGO_CONFIDENCE
        and says_words(block.text)
        and not find_domain(block.text)
        and not any(is_same_text(block.text, other) for other in said)
    ]
    domain = find_domain(*said, *(block.text for block in words.blocks))
    return _part_words(logos[0], domain) if len(logos) == 1 else domain


def _part_words(logo: str, domain: str) -> str:
    """Return a logo with blanks where its address has hyphens: the reader loses blanks between spaced letters."""
    parts = domain.split(".")[0].split("-")
    if " " in logo or logo.casefold() != "".join(parts):
        return logo
    ends = np.cumsum([0, *map(len, parts)])
    return " ".join(logo[start:end] for start, end in pairwise(ends))


def join_texts(texts: Sequence[str]) -> str:
    """Return separate texts joined as sentences: a full stop is inserted where the first has no end mark and the second does
    not begin with a small letter. Scripts without capitals are joined by a blank."""
    joined = texts[0]
    for text in texts[1:]:
        ends_open = joined[-1:].isdigit() or joined[-1:].islower() or joined[-1:].isupper() or joined[-1:] in "%€$£"
        joined += f"{'.' if ends_open and not text[:1].islower() else ''} {text}"
    return joined
