"""Streams of the image codec for `fuzz_readers`: as files, and as strings and sizes whose checksum is right again."""

from __future__ import annotations

import struct
import zlib
from functools import cache
from pathlib import Path

import numpy as np

from adcreative.papers.learned_codec.model import CodecModel, freeze
from adcreative.papers.learned_codec.stream import HEADER, decode, encode

Files = list[tuple[str, bytes]]
BODY_HEAD = struct.Struct("<BHH")  # rate, height, width


@cache
def _model() -> CodecModel:
    from tests.papers.learned_codec.test_learned_codec import build_small

    return freeze(build_small(0))


@cache
def streams() -> Files:
    rng = np.random.default_rng(5)
    found = []
    for rate, shape in ((0, (70, 50, 3)), (1, (9, 130, 3))):
        image_u8 = np.clip(np.cumsum(rng.normal(0, 20, shape), axis=0) + 128, 0, 255).astype(np.uint8)
        found.append(("a.adic", encode(_model(), image_u8, rate).content))
    return found


def read_stream(path: Path) -> object:
    return decode(_model(), path.read_bytes())


def bodies() -> Files:
    """Return rate, size and strings of the streams without their headers."""
    found = []
    for name, content in streams():
        _, _, _, rate, height, width, _ = HEADER.unpack_from(content)
        found.append((name, BODY_HEAD.pack(rate, height, width) + content[HEADER.size :]))
    return found


def read_body(path: Path) -> object:
    """Decode the strings under a header that fits them, so that damage reaches the range coder."""
    content = path.read_bytes().ljust(BODY_HEAD.size, b"\0")
    rate, height, width = BODY_HEAD.unpack_from(content)
    body = content[BODY_HEAD.size :]
    _, version, model_id, *_ = HEADER.unpack_from(streams()[0][1])
    head = HEADER.pack(streams()[0][1][:4], version, model_id, rate, height, width, zlib.crc32(body))
    return decode(_model(), head + body)
