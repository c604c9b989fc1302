"""Restores the files of an archive, byte for byte, into a folder; accepts untrusted archives. Knows no runs."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import os
import shutil
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from adcreative.artifacts import hash_file, make_private_dir, open_atomically
from adcreative.codec.archive.container import ArchiveReader
from adcreative.codec.archive.png import MAX_PIXELS, SETTINGS, write_png
from adcreative.errors import ArtifactError, CatalogError
from adcreative.progress import Progress, ShouldStop

CACHED_BYTES = 6 * MAX_PIXELS


@dataclass(kw_only=True)
class RestoreSummary:
    """Numbers of files written and of files that existed already; `changed` pictures have equal pixels but other bytes."""

    num_files: int = 0
    num_there: int = 0
    changed: list[str] = field(default_factory=list)
    stopped: bool = False


def restore_folder(path: Path, out: Path, *, progress: Progress, should_stop: ShouldStop) -> RestoreSummary:
    """Write every file of an archive below `out`, each in one step; a killed call can be continued.

    Raises:
        ArtifactError: the archive is damaged, or was made with versions of the picture libraries that decode differently.
        CatalogError: a file exists already with other content, or cannot be written.
    """
    summary = RestoreSummary()
    with ArchiveReader(path) as reader:
        archive = _Archive(reader)
        total = sum(entry["size"] for entry in archive.files)
        make_private_dir(out)
        if total > shutil.disk_usage(out).free:
            raise CatalogError(f"{path.name} unpacks to {total:,} bytes, more than is free at {out}; choose another --out")
        for number, entry in enumerate(archive.files):
            progress("restoring", number, len(archive.files))
            if should_stop():
                summary.stopped = True
                return summary
            _restore(archive, entry, out, summary)
        progress("restoring", len(archive.files), len(archive.files))
    return summary


def check_archive(path: Path, *, progress: Progress, should_stop: ShouldStop) -> list[str]:
    """Unpack every file of an archive in memory; return the paths of pictures whose bytes would differ (equal pixels).

    Raises:
        ArtifactError: the archive is damaged.
    """
    changed = []
    with ArchiveReader(path) as reader:
        archive = _Archive(reader)
        for number, entry in enumerate(archive.files):
            progress("checking", number, len(archive.files))
            if should_stop():
                break
            digest = hashlib.sha256()
            for part in archive.content(entry):
                digest.update(part)
            if digest.hexdigest() != entry["sha256"]:
                archive.check_content(entry)
                changed.append(entry["path"])
    return changed


def _restore(archive: _Archive, entry: dict[str, Any], out: Path, summary: RestoreSummary) -> None:
    target = out / entry["path"]
    try:
        inside = target.parent.resolve().is_relative_to(out.resolve())
        if not inside or target.is_symlink():
            raise CatalogError(f"{target} leads out of {out} by a link; choose an empty folder as --out")
        if target.exists():
            if not target.is_file() or hash_file(target) != entry["sha256"]:
                raise CatalogError(f"{target} is there already with other content; choose an empty folder as --out")
            summary.num_there += 1
            return
        make_private_dir(target.parent)
        digest = hashlib.sha256()
        with open_atomically(target, is_private=True, is_durable=False) as file:
            for part in archive.content(entry):
                digest.update(part)
                file.write(part)
            if digest.hexdigest() != entry["sha256"]:
                archive.check_content(entry)
                summary.changed.append(entry["path"])
        target.chmod(entry["mode"])
    except OSError as error:
        if isinstance(error, (ArtifactError, CatalogError)):
            raise
        raise CatalogError(f"{target} cannot be written ({error.strerror or error}); choose another --out") from error
    summary.num_files += 1


class _Archive:
    """The files and pictures of an open archive, with a validated index."""

    def __init__(self, reader: ArchiveReader) -> None:
        self._reader = reader
        self.files = self._check_files()
        pictures = reader.index.get("pictures")
        if not isinstance(pictures, list) or not all(isinstance(one, dict) for one in pictures):
            raise reader.damaged("its list of pictures")
        self._pictures: list[dict[str, Any]] = pictures
        self._cache: OrderedDict[int, np.ndarray] = OrderedDict()

    def _check_files(self) -> list[dict[str, Any]]:
        files = self._reader.index.get("files")
        if not isinstance(files, list):
            raise self._reader.damaged("its list of files")
        seen: set[str] = set()
        for entry in files:
            if not (isinstance(entry, dict) and _is_safe(entry.get("path")) and isinstance(entry.get("content"), dict)):
                raise self._reader.damaged("a file without a place, or with an unsafe one")
            if type(entry.get("size")) is not int or type(entry.get("mode")) is not int or entry["size"] < 0:
                raise self._reader.damaged("a file without size or mode")
            if not isinstance(entry.get("sha256"), str):
                raise self._reader.damaged("a file without hash")
            entry["mode"] = entry["mode"] & 0o777 | 0o600
            if entry["path"] in seen:
                raise self._reader.damaged(f"{entry['path']} is in it twice")
            seen.add(entry["path"])
        return files

    def content(self, entry: dict[str, Any]) -> Iterator[bytes]:
        """Yield the bytes of a file in parts."""
        content = entry["content"]
        if isinstance(content.get("png"), dict):
            yield self._png(content["png"])
            return
        left = entry["size"]
        for part in self._pieces(content.get("pieces")):
            left -= len(part)
            if left < 0:
                raise self._reader.damaged(f"{entry['path']} is larger than it says")
            yield part

    def check_content(self, entry: dict[str, Any]) -> None:
        """Raise unless a file with other bytes is a picture with the right pixels (another version of the encoder)."""
        if not isinstance(entry["content"].get("png"), dict):
            raise self._reader.damaged(f"{entry['path']} was changed")
        self._picture(entry["content"]["png"].get("picture"))

    def _pieces(self, pieces: object) -> Iterator[bytes]:
        if not isinstance(pieces, list):
            raise self._reader.damaged("a file without content")
        for piece in pieces:
            if not (isinstance(piece, list) and len(piece) == 3 and all(type(one) is int and one >= 0 for one in piece)):
                raise self._reader.damaged("a piece of a file")
            number, start, length = piece
            content = self._reader.read(number)
            if start + length > len(content):
                raise self._reader.damaged("a piece of a file")
            yield content[start : start + length]

    def _png(self, said: dict[str, Any]) -> bytes:
        setting = said.get("setting")
        if type(setting) is not int or not 0 <= setting < len(SETTINGS):
            raise self._reader.damaged("the setting of a picture")
        try:
            head, tail = (base64.b64decode(said.get(name, ""), validate=True) for name in ("head", "tail"))
        except (binascii.Error, TypeError, ValueError) as error:
            raise self._reader.damaged("the head of a picture") from error
        return write_png(self._picture(said.get("picture")), head, tail, setting)

    def _picture(self, number: object, *, is_base: bool = False) -> np.ndarray:
        """Return [H, W, 3] of a picture; a base picture has no base itself."""
        if type(number) is not int or not 0 <= number < len(self._pictures):
            raise self._reader.damaged(f"it has no picture {number!r:.40}")
        if number in self._cache:
            self._cache.move_to_end(number)
            return self._cache[number]
        said = self._pictures[number]
        if is_base and "base" in said:
            raise self._reader.damaged("how a picture is coded")
        size = self._size(said)
        image_u8 = self._decode(self._reader.read(said.get("blob")), size, is_file=said.get("is_file") is True)
        if "base" in said:
            base_u8 = self._picture(said["base"], is_base=True)
            if base_u8.shape != image_u8.shape:
                raise self._reader.damaged("a picture and its base differ in size")
            image_u8 = base_u8 + image_u8  # modulo 256
        pixels = hashlib.sha256(repr(image_u8.shape).encode() + np.ascontiguousarray(image_u8).tobytes())
        if pixels.hexdigest() != said.get("sha256"):
            raise self._changed()
        self._cache[number] = image_u8
        while len(self._cache) > 1 and sum(one.size for one in self._cache.values()) > CACHED_BYTES:
            self._cache.popitem(last=False)
        return image_u8

    def _changed(self) -> ArtifactError:
        versions = self._reader.index.get("versions")
        pil = versions.get("pil") if isinstance(versions, dict) else None
        return ArtifactError(
            f"{self._reader.path.name}: a picture comes out with other pixels than were packed; it is damaged, or was packed "
            f"with another version of Pillow: install pillow=={pil!s:.20} and restore again"
        )

    def _size(self, said: dict[str, Any]) -> tuple[int, int]:
        size = said.get("size")
        if not (isinstance(size, list) and len(size) == 2 and all(type(one) is int and one > 0 for one in size)):
            raise self._reader.damaged("the size of a picture")
        if size[0] * size[1] > MAX_PIXELS:
            raise self._reader.damaged(f"a picture of {size[0]} x {size[1]} px is too large")
        return size[0], size[1]

    def _decode(self, content: bytes, size: tuple[int, int], *, is_file: bool) -> np.ndarray:
        try:
            with Image.open(io.BytesIO(content), formats=["JPEG", "WEBP"] if is_file else ["WEBP"]) as image:
                if image.size != size:
                    raise self._reader.damaged("the size of a picture")
                return np.array(image.convert("RGB"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            if isinstance(error, ArtifactError):
                raise
            raise self._reader.damaged(f"a picture cannot be read: {error}") from error


def _is_safe(path: object) -> bool:
    """True for a relative path that stays below its folder on every system."""
    if not isinstance(path, str) or not path or "\0" in path or (os.sep != "/" and os.sep in path):
        return False
    if PurePosixPath(path).as_posix() != path or PurePosixPath(path).is_absolute() or Path(path).drive:
        return False
    try:
        return all(part != ".." and len(os.fsencode(part)) <= 255 for part in PurePosixPath(path).parts)
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
