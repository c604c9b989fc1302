"""Archives for `fuzz_readers`: as files, and as an index that is damaged while every hash around it is right."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from adcreative.codec.archive.container import FOOTER_BYTES, MAGIC
from adcreative.codec.archive.packing import pack_folder
from adcreative.codec.archive.restoring import check_archive, restore_folder
from adcreative.errors import ArtifactError, CatalogError
from adcreative.progress import never, silent

Files = list[tuple[str, bytes]]


@cache
def _archive() -> bytes:
    """Return an archive of two files, and of two pictures, one of which is told by what differs from the other."""
    rng = np.random.default_rng(3)
    original = (rng.integers(0, 4, (12, 16, 3)) * 60).astype(np.uint8)
    adjusted = (original * 0.8 + 9).astype(np.uint8)
    adjusted[2:5, 3:9] = rng.integers(0, 255, (3, 6, 3))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "run")
        folder.mkdir()
        for kind, image_u8 in (("original", original), ("edited", adjusted)):
            Image.fromarray(image_u8).save(folder / f"a.{kind}.png", compress_level=3)
        Image.fromarray(original).save(folder / "b.webp", lossless=True)
        (folder / "results.jsonl").write_text('{"row": 1}\n')
        pack_folder(folder, Path(name, "a.adc"), progress=silent, should_stop=never)
        return Path(name, "a.adc").read_bytes()


def archives() -> Files:
    return [("a.adc", _archive())]


def indexes() -> Files:
    content = _archive()
    place = int.from_bytes(content[-FOOTER_BYTES:][:8], "little")
    return [("a.json", lzma.decompress(content[place:-FOOTER_BYTES]))]


def rewrap(index: bytes) -> bytes:
    """Return the sound archive with another index, and a footer that fits it."""
    content = _archive()
    place = int.from_bytes(content[-FOOTER_BYTES:][:8], "little")
    packed = lzma.compress(index)
    file = io.BytesIO()
    file.write(content[:place] + packed + place.to_bytes(8, "little") + len(packed).to_bytes(8, "little"))
    file.write(hashlib.sha256(packed).digest() + MAGIC)
    return file.getvalue()


def read_archive(path: Path) -> object:
    """Check an archive and restore it; nothing may appear outside of the folder."""
    try:
        return restore_folder(path, path.parent / "out", progress=silent, should_stop=never).num_files
    finally:
        assert {one.name for one in path.parent.iterdir()} <= {path.name, "out"}


def read_archive_index(path: Path) -> object:
    path.write_bytes(rewrap(path.read_bytes()))
    return read_archive(path)


def refused(content: bytes, folder: Path) -> str:
    """Return the sentence with which an archive is refused; "" when it is read."""
    path = folder / "a.adc"
    path.write_bytes(content)
    try:
        check_archive(path, progress=silent, should_stop=never)
    except (ArtifactError, CatalogError) as error:
        return str(error)
    return ""


def index() -> dict[str, object]:
    """Return the index of the sound archive."""
    return json.loads(indexes()[0][1])
