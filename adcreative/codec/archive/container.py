"""The file format of an archive: blobs, then an index of them, then a footer with the position of the index.

    magic (8 bytes) | blobs | index (LZMA of JSON) | index offset, index length (u64 each) | sha256 of the index | magic

Reading trusts no input: sizes are limited before anything is unpacked, each blob is checked against its hash, and every
violation is an ArtifactError of one sentence. At most one blob is in memory at a time.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from adcreative.errors import ArtifactError

MAGIC = b"ADCARC1\n"
FOOTER_BYTES = 16 + 32 + len(MAGIC)
MAX_BLOB_BYTES = 8 << 20
MAX_INDEX_BYTES = 32 << 20  # and no more than INDEX_START_BYTES and an eighth of the archive: a small file has a small index
INDEX_START_BYTES = 2 << 20
MEMORY_BYTES = 32 << 20  # memory limit of LZMA
PRESET = 6
CODINGS = ("raw", "lzma")


@dataclass(frozen=True)
class Blob:
    """Position of a blob, its coding, the number of unpacked bytes, and their sha256."""

    offset: int
    length: int
    coding: str
    size: int
    sha256: str


class BlobWriter:
    """Writes blobs to an open file, equal ones once, and finally the index."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._blobs, self._places = file, list[Blob](), dict[str, int]()
        file.write(MAGIC)

    def add(self, content: bytes, *, is_packed: bool = False) -> int:
        """Store a blob of at most MAX_BLOB_BYTES and return its number; is_packed: LZMA would gain nothing."""
        digest = hashlib.sha256(content).hexdigest()
        if digest in self._places:
            return self._places[digest]
        packed = content if is_packed else lzma.compress(content, preset=PRESET)
        coding = "raw" if is_packed or len(packed) >= len(content) else "lzma"
        payload = content if coding == "raw" else packed
        self._blobs.append(Blob(self._file.tell(), len(payload), coding, len(content), digest))
        self._file.write(payload)
        self._places[digest] = len(self._blobs) - 1
        return self._places[digest]

    def finish(self, index: dict[str, Any]) -> None:
        """Write the index, with the list of blobs added, and the footer."""
        blobs = [[blob.offset, blob.length, blob.coding, blob.size, blob.sha256] for blob in self._blobs]
        packed = lzma.compress(json.dumps({**index, "blobs": blobs}, separators=(",", ":")).encode(), preset=PRESET)
        place = self._file.tell()
        self._file.write(packed)
        self._file.write(place.to_bytes(8, "little") + len(packed).to_bytes(8, "little"))
        self._file.write(hashlib.sha256(packed).digest() + MAGIC)


class ArchiveReader:
    """Reads index and blobs of an untrusted archive; close it, or use it in a `with`."""

    def __init__(self, path: Path) -> None:
        """Open an archive and read its index.

        Raises:
            ArtifactError: the file is missing, no archive, damaged, or of a later version.
        """
        self.path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise ArtifactError(f"{path} cannot be read ({error.strerror or error}); name an archive") from error
        try:
            self.index = self._read_index()
            self._blobs = self._check_blobs()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> ArchiveReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def damaged(self, why: str) -> ArtifactError:
        """Return the error for a damaged archive, with the reason."""
        return ArtifactError(f"{self.path.name} is damaged ({why}); take another copy of the archive")

    def _read_index(self) -> dict[str, Any]:
        end = os.fstat(self._file.fileno()).st_size
        if self._file.read(len(MAGIC)) != MAGIC:
            raise ArtifactError(f"{self.path.name} is no archive of adcreative; name a file that archive wrote")
        if end < len(MAGIC) + FOOTER_BYTES:
            raise self.damaged("it is cut short")
        self._file.seek(end - FOOTER_BYTES)
        footer = self._file.read(FOOTER_BYTES)
        place, length = int.from_bytes(footer[:8], "little"), int.from_bytes(footer[8:16], "little")
        if not footer.endswith(MAGIC) or place < len(MAGIC) or place + length != end - FOOTER_BYTES:
            raise self.damaged("it is cut short")
        most = min(MAX_INDEX_BYTES, INDEX_START_BYTES + end // 8)
        if length > most:
            raise self.damaged(f"its index of {length:,} bytes is too large")
        self._file.seek(place)
        packed = self._file.read(length)
        if hashlib.sha256(packed).digest() != footer[16:48]:
            raise self.damaged("its index was changed")
        self._end = place
        try:
            index = json.loads(self._unpack(packed, most))
        except (ValueError, RecursionError) as error:
            raise self.damaged(f"its index cannot be read: {error}") from error
        if not isinstance(index, dict):
            raise self.damaged("its index is no table")
        if index.get("format") != 3:
            raise ArtifactError(
                f"{self.path.name} has format {index.get('format')!r}, this version reads 3; upgrade adcreative"
            )
        return index

    def _check_blobs(self) -> list[Blob]:
        rows, found = self.index.get("blobs"), []
        for row in rows if isinstance(rows, list) else [None]:
            if not isinstance(row, list) or [type(one) for one in row] != [int, int, str, int, str]:
                raise self.damaged("its list of blobs")
            blob = Blob(*row)
            is_inside = blob.offset >= len(MAGIC) and blob.length >= 0 and blob.offset + blob.length <= self._end
            if not is_inside or blob.coding not in CODINGS or not 0 <= blob.size <= MAX_BLOB_BYTES:
                raise self.damaged("its list of blobs")
            if blob.length > MAX_BLOB_BYTES + (MAX_BLOB_BYTES >> 4):
                raise self.damaged("its list of blobs")
            found.append(blob)
        return found

    def _unpack(self, packed: bytes, most: int) -> bytes:
        try:
            unpacker = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MEMORY_BYTES)
            content = unpacker.decompress(packed, max_length=most + 1)
        except lzma.LZMAError as error:
            raise self.damaged(str(error)) from error
        if len(content) > most or not unpacker.eof:
            raise self.damaged("a part is larger than it says, or cut short")
        return content

    def read(self, number: object) -> bytes:
        """Return the content of a blob.

        Raises:
            ArtifactError: there is no such blob, or its content does not match its hash.
        """
        if type(number) is not int or not 0 <= number < len(self._blobs):
            raise self.damaged(f"it has no blob {number!r:.40}")
        blob = self._blobs[number]
        self._file.seek(blob.offset)
        content = self._file.read(blob.length)
        if blob.coding == "lzma":
            content = self._unpack(content, blob.size)
        if len(content) != blob.size or hashlib.sha256(content).hexdigest() != blob.sha256:
            raise self.damaged("a blob was changed")
        return content
