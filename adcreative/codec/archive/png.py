"""PNG files as pixels and surrounding bytes, where our own encoder reproduces the bytes; other files are stored whole.

A PNG file is rebuilt as head + the compressed rows that Pillow writes for the pixels + tail. The result is compared with the
file before use. Pillow's rows depend on its version of zlib, so an archive records the versions.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, features

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PIXELS = 6_000_000  # of a picture to split; larger ones are stored as files
MAX_EDGE_BYTES = 1 << 16  # of the bytes around the rows; a longer PNG is not ours
SETTINGS: tuple[dict[str, int | bool], ...] = ({"compress_level": 3}, {}, {"optimize": True}, {"compress_level": 1})


@dataclass(frozen=True)
class PngFile:
    """One split PNG: pixels [H, W, 3] uint8, the bytes before and after the compressed rows, the encoder's setting."""

    image_u8: np.ndarray
    head: bytes
    tail: bytes
    setting: int


def encoder_versions() -> dict[str, str]:
    """Return the library versions that determine Pillow's PNG bytes for given pixels, and its pixels from JPEG."""
    names = ("pil", "zlib", "zlib_ng", "libjpeg_turbo")
    found = {name: features.version(name) for name in names}
    return {name: str(version) for name, version in found.items() if version}


def read_png(content: bytes) -> PngFile | None:
    """Split a PNG file; None when it is no plain RGB picture, is too large, or cannot be rebuilt byte for byte."""
    parts = _split(content)
    if parts is None:
        return None
    head, rows, tail = parts
    if len(head) + len(tail) > MAX_EDGE_BYTES:
        return None
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            if image.mode != "RGB" or "transparency" in image.info or image.width * image.height > MAX_PIXELS:
                return None
            image_u8 = np.asarray(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    for setting in range(len(SETTINGS)):
        if _rows(image_u8, setting) == rows:
            return PngFile(image_u8, head, tail, setting)
    return None


def write_png(image_u8: np.ndarray, head: bytes, tail: bytes, setting: int) -> bytes:
    """Return the file that `read_png` has split."""
    return head + _rows(image_u8, setting) + tail


def _rows(image_u8: np.ndarray, setting: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image_u8).save(buffer, "PNG", **SETTINGS[setting])
    parts = _split(buffer.getvalue())
    assert parts is not None
    return parts[1]


def _split(content: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Return the bytes before the IDAT chunks, the chunks, and the bytes after them; None without such a structure."""
    if not content.startswith(SIGNATURE):
        return None
    place, first, last = len(SIGNATURE), -1, -1
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        end = place + 12 + length
        if end > len(content):
            return None
        if content[place + 4 : place + 8] == b"IDAT":
            if first < 0:
                first = place
            elif last != place:
                return None
            last = end
        place = end
    return None if first < 0 else (content[:first], content[first:last], content[last:])
