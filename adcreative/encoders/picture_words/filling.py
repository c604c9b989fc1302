"""Fields that an ad leaves empty, read from its picture: one call for every verb; the reader loads at the first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from adcreative.catalog.images import picture
from adcreative.creative import Creative
from adcreative.encoders.picture_words.reader import TextReading
from adcreative.encoders.picture_words.words import PictureWords, fill_fields, has_open_fields, name_brand, read_words
from adcreative.errors import CreativeError

READ_NOTE = "read from the picture"


def fill_from_pictures(creatives: Iterable[Creative], reader: TextReading | None = None) -> Iterator[Creative]:
    """Yield the creatives, in order; those with empty fields have them filled from their pictures.

    About a second for each such picture that was not read before; the others are not opened, and come back as the same objects.
    A picture that cannot be opened is left to whoever needs its pixels. Without `reader` nothing is read.
    """
    for creative in creatives:
        if reader is None or not creative.has_image or not has_open_fields(creative):
            yield creative
            continue
        try:
            image_u8 = picture(creative)
        except CreativeError:
            image_u8 = None
        yield creative if image_u8 is None else fill_fields(creative, read_words(image_u8, reader, brand=creative.brand))


def name_brand_of(creative: Creative, reader: TextReading | None = None) -> str:
    """Return who an ad says it is from, in its words or in its picture; "" where it does not say.

    Raises:
        CreativeError: its picture cannot be read.
    """
    image_u8 = None if creative.brand or reader is None else picture(creative)
    return name_brand(creative, PictureWords() if image_u8 is None or reader is None else read_words(image_u8, reader))


def name_read_fields(creative: Creative) -> str:
    """Return which fields of a creative were read from its picture, in a phrase; "" when none was."""
    return f"{', '.join(creative.read_fields)} {READ_NOTE}" if creative.read_fields else ""
