"""Extract many uploads into one folder for the catalogue: pictures, one table, zip archives. Archives are untrusted.

A member of an archive is written under its own cleaned name inside the folder or not at all: no "..", no absolute path,
no link, no encrypted member, only pictures and tables, with number and size limited by `catalog.zips`.
"""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from adcreative.catalog.zips import Allowance, TooLargeError, ZipReader, find_problem
from adcreative.errors import AdCreativeError

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
TABLES = (".csv", ".tsv", ".jsonl", ".parquet", ".xlsx", ".xls", ".xlsb", ".ods")
MAX_FILES = 2000
MAX_MEMBER_BYTES, MAX_BYTES = 60 * 1024**2, 1024**3
MAX_DEPTH = 4


def gather(uploads: Sequence[Path], folder: Path) -> dict[str, int]:
    """Write the uploads into the empty folder `folder`; return the number of omitted files by reason.

    A single table becomes metadata.csv (or .tsv, ...) next to its pictures.

    Raises:
        AdCreativeError: nothing usable, limits exceeded, or two tables in one folder.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    left_out: Counter[str] = Counter()
    allowance = Allowance(MAX_BYTES, MAX_FILES)
    for upload in uploads:
        if upload.suffix.casefold() == ".zip":
            _unpack(upload, folder, left_out, allowance)
        elif upload.suffix.casefold() in (*PICTURES, *TABLES):
            allowance.spend_file()
            allowance.spend_bytes(upload.stat().st_size)
            shutil.copyfile(upload, _free_name(folder / _clean(upload.name)))
        else:
            left_out["neither a picture nor a table"] += 1
    _name_tables(folder)
    if not any(path.is_file() for path in folder.rglob("*")):
        raise AdCreativeError("There is no picture and no table among these files. Choose pictures, a table, or a zip of both.")
    return dict(left_out)


def _unpack(archive_path: Path, folder: Path, left_out: Counter[str], allowance: Allowance) -> None:
    with ZipReader(archive_path, allowance) as archive:
        for member in archive.members:
            if member.is_dir():
                continue
            if reason := _why_not(member):
                left_out[reason] += 1
                continue
            parts = [_clean(part) for part in PurePosixPath(member.filename.replace("\\", "/")).parts]
            path = _free_name(folder.joinpath(*parts))
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                with path.open("xb") as target:
                    target.writelines(archive.stream(member, MAX_MEMBER_BYTES))
            except TooLargeError:
                path.unlink()
                left_out["too large"] += 1


def _why_not(member: zipfile.ZipInfo) -> str:
    """Return why a member is omitted, or ""."""
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", member.filename) or len(path.parts) > MAX_DEPTH:
        return "a path that leads elsewhere"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link"
    if problem := find_problem(member):
        return problem
    if path.parts[0] == "__MACOSX" or path.name.startswith("."):
        return "hidden"
    return "" if path.suffix.casefold() in (*PICTURES, *TABLES) else "neither a picture nor a table"


def _clean(name: str) -> str:
    """Return a name that is safe on every file system and still matches the name in a table."""
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
    """Rename the table of each folder to the name expected by the catalogue."""
    tables: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix.casefold() in TABLES:
            tables.setdefault(path.parent, []).append(path)
    for place, found in tables.items():
        if len(found) > 1:
            names = " and ".join(path.name for path in found[:3])
            raise AdCreativeError(f"There are several tables ({names}). Bring one: it holds a row for each ad.")
        found[0].rename(place / f"metadata{found[0].suffix.casefold()}")
