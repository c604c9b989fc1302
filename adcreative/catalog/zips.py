"""Open untrusted zip archives: workbooks, packs of the app, uploads, arrays. No other module opens archives.

The declared size of a member limits zipfile only for stored and deflated members, so other compression methods are refused (4
KB of bzip2 unpack to 90 MB in one step). Sizes, their sum over one archive or several, numbers of members and compression
ratios are checked before unpacking; so is the list of members, which alone can fill memory. Knows no tables and no pictures.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Generator
from pathlib import Path, PurePosixPath

from adcreative.errors import CatalogError

MAX_FILES = 10_000
MAX_RATIO = 200  # unpacked to packed size of a member above RATIO_FROM_BYTES; real sheets stay below 60
RATIO_FROM_BYTES = 5_000_000
MAX_LIST_BYTES = 4 << 20  # limit of the list of members, and of a single read
CHUNK_BYTES = 1 << 20
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    EOFError,
    zlib.error,
    struct.error,
    OSError,
    ValueError,
    LookupError,
    OverflowError,
)


class PackedError(CatalogError):
    """An archive is damaged or not a zip, lacks a member, or exceeds a limit."""


class TooLargeError(PackedError):
    """One member is larger than its reader accepts, or has too high a compression ratio."""


class TooMuchError(PackedError):
    """All members together exceed the limit of number or size."""


class Allowance:
    """Remaining budget for unpacking, shared by one or several archives; also spent by uncompressed files."""

    def __init__(self, num_bytes: int, num_files: int = MAX_FILES) -> None:
        self._most_files, self._most_bytes = num_files, num_bytes
        self.num_files, self.num_bytes = num_files, num_bytes

    def spend_file(self) -> None:
        """Count one file.

        Raises:
            TooMuchError: too many files.
        """
        self.num_files -= 1
        if self.num_files < 0:
            raise TooMuchError(
                f"These are more than {self._most_files:,} files. Use the command line for folders of that size."
            )

    def spend_bytes(self, number: int) -> None:
        """Count unpacked bytes.

        Raises:
            TooMuchError: too many bytes.
        """
        self.num_bytes -= number
        if self.num_bytes < 0:
            raise TooMuchError(
                f"Unpacked, these files are larger than {self._most_bytes // 1024**2:,} MB. Bring fewer at once."
            )


class ZipReader:
    """An open archive, used as a context manager; `members` lists its entries in archive order.

    Args:
        allowance: budget shared with other archives, to limit their sum.
    Raises:
        PackedError: not a zip, damaged, or its list of members is too long.
    """

    def __init__(self, path: Path, allowance: Allowance) -> None:
        self.name, self._allowance = path.name, allowance
        try:
            self._file = _ShortReads(io.FileIO(path))
        except OSError as error:
            raise PackedError(f"{path.name} cannot be read ({error.strerror or error}).") from error
        try:
            self._archive = zipfile.ZipFile(self._file)
        except _DAMAGED as error:
            self._file.close()
            raise self._damaged(error) from error
        self.members = tuple(self._archive.infolist())

    def __enter__(self) -> ZipReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()
        self._file.close()

    @property
    def names(self) -> list[str]:
        return [member.filename for member in self.members]

    def read(self, name: str | zipfile.ZipInfo, max_bytes: int) -> bytes:
        """Return the content of a member.

        Raises:
            PackedError: as `stream`.
        """
        content = io.BytesIO()
        content.writelines(self.stream(name, max_bytes))
        return content.getvalue()

    def stream(self, name: str | zipfile.ZipInfo, max_bytes: int) -> Generator[bytes, None, None]:
        """Yield the content of a member in chunks, counted against the limits.

        Raises:
            TooLargeError: the member is larger than max_bytes, or has too high a compression ratio.
            TooMuchError: all members together exceed the limit.
            PackedError: the member is missing, damaged, encrypted or compressed by another method.
        """
        try:
            member = self._archive.getinfo(name) if isinstance(name, str) else name
        except KeyError as error:
            raise PackedError(f"{self.name} holds no {str(name)[:80]}.") from error
        self._check_member(member, max_bytes)
        self._allowance.spend_file()
        try:
            with self._archive.open(member) as file:
                while chunk := file.read(CHUNK_BYTES):
                    self._allowance.spend_bytes(len(chunk))
                    yield chunk
        except PackedError:
            raise
        except _DAMAGED as error:
            raise self._damaged(error) from error

    def check(self) -> None:
        """Check all members against the limits, for a reader that unpacks the file itself.

        Raises:
            PackedError: as `stream`.
        """
        for member in self.members:
            self._allowance.spend_file()
            self._allowance.spend_bytes(member.file_size)
            self._check_member(member, member.file_size)

    def _check_member(self, member: zipfile.ZipInfo, max_bytes: int) -> None:
        called = f"{PurePosixPath(member.filename).name[:80]} in {self.name}"
        if problem := find_problem(member):
            raise PackedError(f"{called} is {problem}, which is not unpacked. Pack it again.")
        if member.file_size > max_bytes:
            raise TooLargeError(f"{called} is too large.")
        if member.file_size > max(RATIO_FROM_BYTES, MAX_RATIO * max(member.compress_size, 1)):
            raise TooLargeError(f"{called} would unpack to more than {MAX_RATIO} times its size, which no real file does.")

    def _damaged(self, error: Exception) -> PackedError:
        return PackedError(f"{self.name} cannot be unpacked: it is damaged or no zip ({str(error)[:120]}). Pack it again.")


def find_problem(member: zipfile.ZipInfo) -> str:
    """Return the reason why a member is not unpacked, such as "encrypted", or ""."""
    if member.flag_bits & 1:
        return "encrypted"
    return "" if member.compress_type in METHODS else "packed by a method other than deflate"


class _ShortReads(io.BufferedReader):
    """A file that reads at most MAX_LIST_BYTES at once: zipfile reads the whole list of members in one step."""

    def read(self, size: int | None = -1, /) -> bytes:
        most = MAX_LIST_BYTES + 1
        content = super().read(most if size is None or size < 0 else min(size, most))
        if len(content) > MAX_LIST_BYTES:
            raise zipfile.BadZipFile(f"its list of files is longer than {MAX_LIST_BYTES:,} bytes")
        return content
