"""Many uploads as one folder that the catalogue reads: pictures, one table, zip archives. What strangers pack is not trusted.

A member of an archive is written under its own cleaned name inside the folder or not at all: no "..", no absolute path,
no link, no encrypted member, none but pictures and tables, a bounded number of them. Bytes are counted while they are unpacked,
since what an archive says of its sizes may be a lie.
"""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from adcreative.errors import AdCreativeError

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
TABLES = (".csv", ".tsv", ".jsonl", ".parquet", ".xlsx")
MAX_FILES = 2000
MAX_MEMBER_BYTES, MAX_BYTES = 60 * 1024**2, 1024**3
MAX_DEPTH = 4
CHUNK_BYTES = 1024**2


def gather(uploads: Sequence[Path], folder: Path) -> dict[str, int]:
    """Write the uploads into the empty folder `folder`; return, by reason, how many files were left out.

    A single table becomes metadata.csv (or .tsv, ...) beside the pictures it names.

    Raises:
        AdCreativeError: nothing usable, too much, or two tables in one place.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    left_out: Counter[str] = Counter()
    budget = _Budget()
    for upload in uploads:
        if upload.suffix.casefold() == ".zip":
            _unpack(upload, folder, left_out, budget)
        elif upload.suffix.casefold() in (*PICTURES, *TABLES):
            budget.spend_file()
            budget.spend_bytes(upload.stat().st_size)
            shutil.copyfile(upload, _free_name(folder / _clean(upload.name)))
        else:
            left_out["neither a picture nor a table"] += 1
    _name_tables(folder)
    if not any(path.is_file() for path in folder.rglob("*")):
        raise AdCreativeError("There is no picture and no table among these files. Choose pictures, a table, or a zip of both.")
    return dict(left_out)


class _Budget:
    """What may still be written."""

    def __init__(self) -> None:
        self.num_files, self.num_bytes = MAX_FILES, MAX_BYTES

    def spend_file(self) -> None:
        self.num_files -= 1
        if self.num_files < 0:
            raise AdCreativeError(f"These are more than {MAX_FILES:,} files. Use the command line for folders of that size.")

    def spend_bytes(self, number: int) -> None:
        self.num_bytes -= number
        if self.num_bytes < 0:
            raise AdCreativeError(f"Unpacked, these files are larger than {MAX_BYTES // 1024**2:,} MB. Bring fewer at once.")


def _unpack(archive_path: Path, folder: Path, left_out: Counter[str], budget: _Budget) -> None:
    try:
        with zipfile.ZipFile(archive_path) as archive:
            for member in archive.infolist():
                if member.is_dir():
                    continue
                if reason := _why_not(member):
                    left_out[reason] += 1
                    continue
                budget.spend_file()
                parts = [_clean(part) for part in PurePosixPath(member.filename.replace("\\", "/")).parts]
                path = _free_name(folder.joinpath(*parts))
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                if not _write_member(archive, member, path, budget):
                    left_out["too large"] += 1
    except AdCreativeError:
        raise
    except Exception as error:  # unpackers raise dozens of types for a damaged file
        raise AdCreativeError(f"{archive_path.name} cannot be unpacked: it is damaged or no zip. Pack it again.") from error


def _why_not(member: zipfile.ZipInfo) -> str:
    """Return why a member is not taken, or ""."""
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", member.filename) or len(path.parts) > MAX_DEPTH:
        return "a path that leads elsewhere"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link"
    if member.flag_bits & 1:
        return "encrypted"
    if path.parts[0] == "__MACOSX" or path.name.startswith("."):
        return "hidden"
    return "" if path.suffix.casefold() in (*PICTURES, *TABLES) else "neither a picture nor a table"


def _write_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, budget: _Budget) -> bool:
    """Unpack one member, counting; False, and nothing stays, when it is too large."""
    num_bytes = 0
    with archive.open(member) as source, path.open("xb") as target:
        while chunk := source.read(CHUNK_BYTES):
            num_bytes += len(chunk)
            budget.spend_bytes(len(chunk))
            if num_bytes > MAX_MEMBER_BYTES:
                break
            target.write(chunk)
    if num_bytes > MAX_MEMBER_BYTES:
        path.unlink()
    return num_bytes <= MAX_MEMBER_BYTES


def _clean(name: str) -> str:
    """Return a name that is safe on every file system and still found by a table that names it."""
    name = re.sub(r"[\x00-\x1f\x7f/\\:*?\"<>|]", "_", name).strip(". ")
    return name[-200:] or "file"


def _free_name(path: Path) -> Path:
    """Return `path`, or the first of path-2, path-3, ... that is free."""
    number, free = 2, path
    while free.exists():
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return free


def _name_tables(folder: Path) -> None:
    """Give the one table of each folder the name that the catalogue looks for."""
    tables: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix.casefold() in TABLES:
            tables.setdefault(path.parent, []).append(path)
    for place, found in tables.items():
        if len(found) > 1:
            names = " and ".join(path.name for path in found[:3])
            raise AdCreativeError(f"There are several tables ({names}). Bring one: it holds a row for each ad.")
        found[0].rename(place / f"metadata{found[0].suffix.casefold()}")
