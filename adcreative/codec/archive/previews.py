"""Pages whose embedded JPEGs are small copies of pictures of the archive: kept as text, the copies drawn again on restoring.

A report embeds every picture once more as a data URI, which is most of its bytes. A copy is left out when a picture of the
archive, made as small and compressed in one of SETTINGS, gives the same bytes; whether a page comes back byte for byte is
tried before anything relies on it. Knows bytes and pixels; no reports.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

PAGE_SUFFIXES = (".html",)
MAX_PAGE_BYTES = 24 << 20  # larger ones are kept whole
MAX_PREVIEWS, MAX_PREVIEW_PX = 2_000, 2_000
MAX_SIZES = 8  # different sizes of previews that pictures are made small to
SETTINGS: tuple[dict[str, int | bool], ...] = ({"quality": 86, "optimize": True},)  # of Pillow's JPEG; as our reports have
_URI = re.compile(rb"data:image/jpeg;base64,([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True)
class Preview:
    """A copy of a picture of the archive: its number, the longer side in px, which of SETTINGS."""

    picture: int
    side_px: int
    setting: int


def write_preview(image_u8: np.ndarray, side_px: int, setting: int) -> bytes:
    """Return a picture [H, W, 3] as a JPEG whose longer side is at most `side_px`."""
    small = Image.fromarray(image_u8)
    small.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", **SETTINGS[setting])
    return buffer.getvalue()


class PreviewFinder:
    """Finds which embedded JPEGs of some pages are copies of pictures that are shown to it one by one."""

    def __init__(self, pages: Iterable[Path]) -> None:
        self._wanted: set[str] = set()
        self._found: dict[str, Preview] = {}
        sides: dict[int, int] = {}
        for page in pages:
            for jpeg in _embedded(_read_page(page)):
                side = _side(jpeg)
                if 0 < side <= MAX_PREVIEW_PX:
                    self._wanted.add(_hash(jpeg))
                    sides[side] = sides.get(side, 0) + 1
        self._sides = sorted(sides, key=lambda side: -sides[side])[:MAX_SIZES]

    def look(self, image_u8: np.ndarray, number: int) -> None:
        """Note the copies that the picture `number` of the archive explains."""
        for side in self._sides:
            for setting in range(len(SETTINGS)):
                digest = _hash(write_preview(image_u8, side, setting))
                if digest in self._wanted:
                    self._found.setdefault(digest, Preview(number, side, setting))
                    break

    def split(self, page: bytes) -> tuple[bytes, list[tuple[int, Preview]]]:
        """Return a page without the copies that were found, and where in it each of them stood."""
        text, previews, end = bytearray(), list[tuple[int, Preview]](), 0
        for match in _URI.finditer(page):
            jpeg = _decode(match[1])
            preview = None if jpeg is None or len(previews) >= MAX_PREVIEWS else self._found.get(_hash(jpeg))
            if preview is None or jpeg is None or base64.b64encode(jpeg) != match[1]:
                continue
            text += page[end : match.start(1)]
            previews.append((len(text), preview))
            end = match.end(1)
        return bytes(text + page[end:]), previews


def fill_page(text: bytes, places: Sequence[int], jpegs: Iterable[bytes]) -> bytes:
    """Return a page with JPEGs put in at places of the text, which ascend."""
    page, start = bytearray(), 0
    for place, jpeg in zip(places, jpegs, strict=True):
        page += text[start:place] + base64.b64encode(jpeg)
        start = place
    return bytes(page + text[start:])


def _read_page(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.stat().st_size <= MAX_PAGE_BYTES else b""
    except OSError:  # told when the page itself is packed
        return b""


def _embedded(page: bytes) -> Iterable[bytes]:
    for match in _URI.finditer(page):
        jpeg = _decode(match[1])
        if jpeg is not None:
            yield jpeg


def _decode(text: bytes) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def _side(jpeg: bytes) -> int:
    """Return the longer side in px by the head of the file, 0 when it is no JPEG."""
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
            return max(image.size)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return 0


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
