"""The words of a picture: its blocks with their roles, what they say of the ad's empty fields, which blobs are letters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from adcreative.creative import Creative
from adcreative.encoders.latest import LatestAnswers
from adcreative.encoders.picture_words.blocks import TextBlock, build_blocks
from adcreative.encoders.picture_words.reader import TextLine, TextReading, pack_lines, unpack_lines
from adcreative.encoders.picture_words.roles import is_same_text, letters_of, name_roles, says_words
from adcreative.encoders.picture_words.spelling import mend_strokes

# field -> roles of the blocks that fill it: those of the first role that the picture has. A price in a badge is no part of the
# text beside it: with both in one field neither could be found, and set anew, in one piece
FIELD_ROLES = (("headline", ("headline",)), ("description", ("body", "price")), ("cta", ("button",)))
MIN_FIELD_CONFIDENCE = 0.75  # a field is not filled with what was hardly read
LETTER_CONFIDENCE, LETTER_OVERLAP = 0.8, 0.6  # of a face's box that a line covers before it is lettering
NUM_LATEST = 4  # pictures whose blocks are remembered


@dataclass(frozen=True)
class PictureWords:
    """The text blocks of one picture, with roles, and the lines they were built of. size: height and width of the picture."""

    blocks: tuple[TextBlock, ...] = ()
    lines: tuple[TextLine, ...] = ()
    size: tuple[int, int] = (1, 1)

    def with_role(self, *roles: str) -> list[TextBlock]:
        """Return the blocks with one of these roles, in reading order."""
        return [block for block in self.blocks if block.role in roles]

    def covers(self, box_xyxy_px: Sequence[float]) -> bool:
        """Return whether a box is mostly covered by one line of letters that were read for sure, so that it is no face."""
        x0, y0, x1, y1 = (float(edge) for edge in box_xyxy_px)
        area = max((x1 - x0) * (y1 - y0), 1e-9)
        for line in self.lines:
            a0, b0, a1, b1 = line.box_xyxy_px
            shared = max(0.0, min(x1, a1) - max(x0, a0)) * max(0.0, min(y1, b1) - max(y0, b0))
            if line.confidence >= LETTER_CONFIDENCE and shared >= LETTER_OVERLAP * area:
                return True
        return False


def read_words(image_u8: np.ndarray, reader: TextReading, *, brand: str = "") -> PictureWords:
    """Read the text in the picture [H, W, 3] uint8, as blocks with roles.

    The blocks of the latest NUM_LATEST pictures are remembered, until `forget_words`: the score, its reasons and the search of
    one ad ask alike.
    """
    lines = reader.read(image_u8)
    height, width = image_u8.shape[:2]
    blocks = name_roles(list(_latest(image_u8, *pack_lines(lines).values())), height, width, brand=brand)
    return PictureWords(tuple(blocks), tuple(lines), (height, width))


def forget_words() -> None:
    """Remember no picture's blocks any more."""
    _latest.forget()


def _find_blocks(image_u8: np.ndarray, *packed_lines: np.ndarray) -> tuple[TextBlock, ...]:
    lines = unpack_lines(*packed_lines)
    return tuple(mend_strokes(build_blocks(image_u8, lines)))


_latest = LatestAnswers(_find_blocks, NUM_LATEST)


def has_open_fields(creative: Creative) -> bool:
    """Return whether headline, text (primary text and description) or button are left empty."""
    return not (creative.headline and creative.body and creative.cta)


def fill_fields(creative: Creative, words: PictureWords) -> Creative:
    """Return the creative with its empty headline, description and button filled from the picture, and marked so.

    `read_fields` of the result names the fields that were filled. What the ad says itself is left as it is, and what the
    picture says again is not filled in another field.
    """
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
                and (role == "price" or says_words(block.text))
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
)  # ends that are words of their own ("in", "it", "es") count behind "www." alone: a blank after a full stop is often lost


def find_domain(*texts: str) -> str:
    """Return the first web address in these texts, without "www." and what follows its name; "" without one.

    The end of an address is in small letters, unless all of it is in capitals.
    """
    for text in texts:
        for found in _DOMAIN.finditer(text):
            address = found[1] or found[2]
            if address.isupper() or address.rpartition(".")[2].islower():
                return address.casefold()
    return ""


def name_brand(creative: Creative, words: PictureWords) -> str:
    """Return who an ad says it is from: its brand, else what stands as a logo in its picture, else the address that it tells.

    A logo that is one of several such lines, or was hardly read, is left out; "" where the ad does not say.
    """
    if creative.brand:
        return creative.brand
    said = [creative.headline, creative.primary_text, creative.description, creative.cta]
    logos = [
        block.text
        for block in words.with_role("logo")
        if block.confidence >= MIN_FIELD_CONFIDENCE and says_words(block.text) and not find_domain(block.text)
        and not any(is_same_text(block.text, other) for other in said)
    ]  # fmt: skip
    domain = find_domain(*said, *(block.text for block in words.blocks))
    return _part_words(logos[0], domain) if len(logos) == 1 else domain


def _part_words(logo: str, domain: str) -> str:
    """Return a logo with blanks where its address has hyphens: between spaced letters the reader loses them."""
    parts = domain.split(".")[0].split("-")
    if " " in logo or logo.casefold() != "".join(parts):
        return logo
    ends = np.cumsum([0, *map(len, parts)])
    return " ".join(logo[start:end] for start, end in pairwise(ends))


def join_texts(texts: Sequence[str]) -> str:
    """Return texts that stand apart as one, each a sentence: a full stop goes between two of which the first has no mark at its
    end and the second begins with no small letter. Scripts without capitals are joined by a blank."""
    joined = texts[0]
    for text in texts[1:]:
        ends_open = joined[-1:].isdigit() or joined[-1:].islower() or joined[-1:].isupper() or joined[-1:] in "%€$£"
        joined += f"{'.' if ends_open and not text[:1].islower() else ''} {text}"
    return joined


def with_known_words(block: TextBlock, text: str) -> TextBlock:
    """Return a block whose lines say what they are known to say, in place of what was read: blanks and marks are misread most.

    The words go to the lines in proportion to the letters that were read; the block comes back as it is where a line's words
    are not those that were read in it.
    """
    words = text.split()
    read = np.cumsum([len(letters_of(line.text)) for line in block.lines])
    known = np.cumsum([len(letters_of(word)) for word in words])
    if not len(known) or not read[-1] or not known[-1]:
        return block
    # of words as near the last, so that one without letters ("29 €") stays behind the one before it
    ends = [len(words) - int(np.argmin(np.abs(known / known[-1] - share)[::-1])) for share in read / read[-1]]
    lines = []
    for line, start, end in zip(block.lines, [0, *ends[:-1]], ends, strict=True):
        said = " ".join(words[start:end])
        if not is_same_text(line.text, said, 0.8):
            return block
        lines.append(replace(line, text=said))
    return replace(block, lines=tuple(lines))


def refuse_letters(faces: Sequence[Any], words: PictureWords) -> list[Any]:
    """Return the faces, with a refusal on those that are lettering ("é" has an eye and a mouth, too)."""
    refusal = "what was taken for a face is lettering"
    return [
        replace(face, refusal=refusal) if face.refusal is None and words.covers(face.box_xyxy_px) else face for face in faces
    ]
