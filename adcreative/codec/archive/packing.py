"""Packs a folder into an archive: PNG pictures as lossless WebP of the difference to the first picture of their ad, other files
compressed, equal content once.

The archive is unpacked and compared before it is complete. Knows files, not runs: the caller
chooses the folder, further files that the pictures were made from, and names to leave out.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adcreative.artifacts import DRAFT_LETTERS, hash_file, open_atomically, put_in_place, remove_drafts
from adcreative.codec.archive.container import MAX_BLOB_BYTES, BlobWriter
from adcreative.codec.archive.png import MAX_PIXELS, encoder_versions, read_png
from adcreative.codec.archive.restoring import check_archive
from adcreative.errors import CatalogError
from adcreative.progress import Progress, ShouldStop

BUNDLED_BYTES = 1 << 20  # smaller files are compressed together
WEBP = {"lossless": True, "quality": 100, "method": 4, "exact": True}  # the format fixes every decoded byte
SOURCE_SUFFIXES = (".jpg", ".jpeg", ".webp")


@dataclass(kw_only=True)
class PackSummary:
    """Number of files in an archive, and bytes before and after; links are left out and listed."""

    num_files: int = 0
    num_bytes: int = 0
    packed_bytes: int = 0
    num_pictures: int = 0
    links: list[str] = field(default_factory=list)
    stopped: bool = False


def pack_folder(
    folder: Path,
    out: Path,
    *,
    sources: Sequence[Path] = (),
    leave_out: Sequence[str] = (),
    note: dict[str, Any] | None = None,
    progress: Progress,
    should_stop: ShouldStop,
) -> PackSummary:
    """Write an archive of a folder's files, in one step: a killed or stopped call leaves no archive and changes no file.

    Args:
        sources: files outside of the folder from which its pictures may have been decoded; stored where they save space.
        leave_out: suffixes of file names to leave out.
        note: metadata of the archive, JSON.
    Raises:
        CatalogError: a file cannot be read, or changed while it was read.
    """
    summary = PackSummary()
    paths = sorted(_files(folder, leave_out, summary), key=_order)
    draft = out.with_name(f".{out.name}.draft")
    remove_drafts(out.parent, draft.name[:DRAFT_LETTERS].__eq__)
    try:
        with open_atomically(draft, is_private=True) as file:
            own = [one for one in paths if one.suffix in SOURCE_SUFFIXES]
            packer = _Packer(BlobWriter(file), folder, [*sources, *own])
            for number, path in enumerate(paths):
                progress("packing", number, len(paths))
                if should_stop():
                    summary.stopped = True
                    break
                packer.add(path)
            packer.finish({"format": 3, "mode": "lossless", "versions": encoder_versions(), "note": note or {}})
            summary.packed_bytes = file.tell()
        changed = [] if summary.stopped else check_archive(draft, progress=progress, should_stop=should_stop)
        if changed:
            raise CatalogError(f"{changed[0]} did not come back byte for byte; {out} was not written, report this as a fault")
        if summary.stopped or should_stop():
            summary.stopped = True
            return summary
        put_in_place(draft, out)
    finally:
        draft.unlink(missing_ok=True)
    progress("packing", len(paths), len(paths))
    summary.num_files, summary.num_bytes, summary.num_pictures = len(paths), packer.num_bytes, len(packer.pictures)
    return summary


def _files(folder: Path, leave_out: Sequence[str], summary: PackSummary) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in [*sorted(names), *folders]:
            path = Path(where) / name
            if path.is_symlink():
                summary.links.append(path.relative_to(folder).as_posix())
            elif name in names and stat.S_ISREG(path.lstat().st_mode) and not name.endswith(tuple(leave_out)):
                yield path


def _group(path: Path) -> str:
    """Return the common key of an ad's pictures: folder and name up to the first dot, as in ad.original.png, ad.edited.png."""
    return f"{path.parent}/{path.name.split('.')[0]}"


def _order(path: Path) -> tuple[str, bool, str]:
    """Sort key of pictures: by ad, the original first, since the others are derived from it."""
    return _group(path), ".original." not in path.name, path.name


class _Packer:
    """Adds files one by one; keeps the first picture of the current ad, as reference of the ad's others."""

    def __init__(self, writer: BlobWriter, folder: Path, sources: Sequence[Path]) -> None:
        self._writer, self._folder = writer, folder
        self._sources = _index_sources(sources)
        self.files: list[dict[str, Any]] = []
        self.pictures: list[dict[str, Any]] = []
        self.num_bytes = 0
        self._by_hash: dict[str, dict[str, Any]] = {}  # file content -> its position
        self._picture_numbers: dict[str, int] = {}  # pixels -> number
        self._group, self._base = "", (-1, np.zeros((0, 0, 3), np.uint8))  # number and pixels of the ad's first picture
        self._bundle, self._bundled = bytearray(), list[dict[str, Any]]()

    def add(self, path: Path) -> None:
        size = path.stat().st_size
        digest = _hash_file(path)
        entry: dict[str, Any] = {
            "path": path.relative_to(self._folder).as_posix(),
            "mode": stat.S_IMODE(path.stat().st_mode),
            "size": size,
            "sha256": digest,
        }
        self.num_bytes += size
        self.files.append(entry)
        if digest not in self._by_hash:
            place: dict[str, Any] = {}
            is_png = path.suffix.casefold() == ".png" and size <= 4 * MAX_PIXELS
            if not (is_png and self._add_png(path, digest, place)):
                self._add_content(path, digest, place)
            self._by_hash[digest] = place
        entry["content"] = self._by_hash[digest]

    def finish(self, index: dict[str, Any]) -> None:
        self._flush()
        self._writer.finish({**index, "pictures": self.pictures, "files": self.files})

    def _add_content(self, path: Path, digest: str, place: dict[str, Any]) -> None:
        """Record the position of a file's bytes: pieces of blobs, in order; fill `place` now, or when its bundle is full."""
        if path.stat().st_size < BUNDLED_BYTES:
            content = path.read_bytes()
            _check_same(content, digest, path)
            if len(self._bundle) + len(content) > MAX_BLOB_BYTES:
                self._flush()
            place["pieces"] = [[-1, len(self._bundle), len(content)]]
            self._bundle += content
            self._bundled.append(place)
            return
        pieces, whole = [], hashlib.sha256()
        with path.open("rb") as file:
            while content := file.read(MAX_BLOB_BYTES):
                whole.update(content)
                pieces.append([self._writer.add(content), 0, len(content)])
        if whole.hexdigest() != digest:
            raise CatalogError(f"{path} changed while it was read; pack the folder again when nothing writes it")
        place["pieces"] = pieces

    def _flush(self) -> None:
        if self._bundled:
            number = self._writer.add(bytes(self._bundle))
            for place in self._bundled:
                place["pieces"][0][0] = number
        self._bundle, self._bundled = bytearray(), []

    def _add_png(self, path: Path, digest: str, place: dict[str, Any]) -> bool:
        content = path.read_bytes()
        _check_same(content, digest, path)
        png = read_png(content)
        number = None if png is None else self._add_picture(path, png.image_u8)
        if png is None or number is None:
            return False
        place["png"] = {
            "picture": number,
            "setting": png.setting,
            "head": base64.b64encode(png.head).decode(),
            "tail": base64.b64encode(png.tail).decode(),
        }
        return True

    def _add_picture(self, path: Path, image_u8: np.ndarray) -> int | None:
        """Store a picture once and return its number; None when it exceeds one blob."""
        digest = _hash_pixels(image_u8)
        if digest not in self._picture_numbers:
            said: dict[str, Any] = {"size": [image_u8.shape[1], image_u8.shape[0]], "sha256": digest}
            content, source = _encode_webp(image_u8), self._sources.get(digest)
            if _group(path) == self._group and self._base[1].shape == image_u8.shape:
                difference = _encode_webp(image_u8 - self._base[1])  # modulo 256
                if len(difference) < len(content):
                    content, said["base"] = difference, self._base[0]
            if source is not None and source.stat().st_size < len(content):
                content, said = source.read_bytes(), {**said, "is_file": True}
                said.pop("base", None)
            if len(content) > MAX_BLOB_BYTES:
                return None
            self.pictures.append({**said, "blob": self._writer.add(content, is_packed=True)})
            self._picture_numbers[digest] = len(self.pictures) - 1
        number = self._picture_numbers[digest]
        if _group(path) != self._group and "base" not in self.pictures[number]:
            self._group, self._base = _group(path), (number, image_u8)
        return number


def _encode_webp(image_u8: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image_u8)).save(buffer, "WEBP", **WEBP)
    return buffer.getvalue()


def _index_sources(paths: Sequence[Path]) -> dict[str, Path]:
    """Return hash of pixels -> picture file, for files that decode to RGB without conversion."""
    found: dict[str, Path] = {}
    for path in paths:
        try:
            if path.suffix.casefold() not in SOURCE_SUFFIXES or path.stat().st_size > MAX_BLOB_BYTES:
                continue
            with Image.open(io.BytesIO(path.read_bytes()), formats=["JPEG", "WEBP"]) as image:
                if image.width * image.height <= MAX_PIXELS:
                    found.setdefault(_hash_pixels(np.asarray(image.convert("RGB"))), path)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue
    return found


def _hash_pixels(image_u8: np.ndarray) -> str:
    return hashlib.sha256(repr(image_u8.shape).encode() + np.ascontiguousarray(image_u8).tobytes()).hexdigest()


def _hash_file(path: Path) -> str:
    try:
        return hash_file(path)
    except OSError as error:
        raise CatalogError(f"{path} cannot be read ({error.strerror or error}); make it readable, then pack again") from error


def _check_same(content: bytes, digest: str, path: Path) -> None:
    if hashlib.sha256(content).hexdigest() != digest:
        raise CatalogError(f"{path} changed while it was read; pack the folder again when nothing writes it")
