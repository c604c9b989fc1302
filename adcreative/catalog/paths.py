"""Resolve the file_name of a row to a picture inside the catalogue's folder, never outside of the folder.

file_name comes from untrusted tables: absolute paths, "..", URLs and symlinks out of the folder are refused. Folder listings
are cached, so that 100,000 rows need one listing per folder.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from adcreative.errors import CreativeError

PICTURE_SUFFIXES = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"))
# Unsupported picture formats that occur in such folders: they are reported, not skipped silently.
FOREIGN_PICTURE_SUFFIXES = frozenset((".heic", ".heif", ".avif", ".svg", ".psd", ".ai", ".eps", ".jxl", ".ico"))


def is_picture_name(name: str) -> bool:
    """Return whether a file is a picture by its suffix, including unsupported formats."""
    return os.path.splitext(name)[1].casefold() in PICTURE_SUFFIXES | FOREIGN_PICTURE_SUFFIXES


class PictureFolder:
    """The base folder of file names."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real_root = os.path.realpath(root)
        self._is_inside: dict[str, bool] = {}
        self._spellings: dict[str, dict[str, str]] = {}

    def normalise(self, file_name: str) -> str:
        """Return `file_name` with forward slashes and without "./".

        Raises:
            CreativeError: the name is an absolute path or a URL, or has "..".
        """
        shown = file_name[:100]
        remedy = "Write the path relative to the folder of the table, such as images/ad.jpg."
        if "://" in file_name or file_name.casefold().startswith("data:"):
            raise CreativeError(f'file_name "{shown}" is an address, not a file.', f"Download the picture first. {remedy}")
        slashed = file_name.replace("\\", "/")
        if slashed.startswith("/") or re.match(r"[A-Za-z]:", slashed):
            raise CreativeError(f'file_name "{shown}" is an absolute path.', remedy)
        if ".." in slashed.split("/"):
            raise CreativeError(f'file_name "{shown}" leads out of the folder ("..").', remedy)
        return PurePosixPath(slashed).as_posix()

    def locate(self, file_name: str) -> Path:
        """Return the path of the picture `file_name` (normalised), without reading the file.

        Raises:
            CreativeError: no such file, not a file, empty, or a symlink out of the folder.
        """
        path = self.root / file_name
        info = self._stat_link(path)
        if info is None and (respelled := self._respell(file_name)):
            path = self.root / respelled
            info = self._stat_link(path)
        if info is None:
            raise CreativeError(f'there is no file "{file_name[:100]}" in the folder.', self._hint(file_name))
        if not self._stays_inside(path, is_link=stat.S_ISLNK(info.st_mode)):
            remedy = "Copy the picture itself into the folder."
            raise CreativeError(f'"{file_name[:100]}" is a link that leads out of the folder.', remedy)
        if stat.S_ISLNK(info.st_mode):
            try:
                info = path.stat()
            except OSError:
                remedy = "Copy the picture itself into the folder."
                raise CreativeError(f'"{file_name[:100]}" is a broken link.', remedy) from None
        if not stat.S_ISREG(info.st_mode):
            raise CreativeError(f'"{file_name[:100]}" is not a file.', "Name the picture itself.")
        if info.st_size == 0:
            raise CreativeError(f'"{file_name[:100]}" is empty (0 bytes).', "Export or download the picture again.")
        return path

    def list_pictures(self) -> Iterator[str]:
        """Yield the file names of the pictures in the folder and its subfolders, sorted; hidden folders are skipped."""
        for folder, folder_names, file_names in os.walk(self.root):
            folder_names[:] = sorted(name for name in folder_names if not name.startswith("."))
            relative = Path(folder).relative_to(self.root)
            for name in sorted(file_names):
                if is_picture_name(name) and not name.startswith("."):
                    yield (relative / name).as_posix()

    @staticmethod
    def _stat_link(path: Path) -> os.stat_result | None:
        try:
            return os.lstat(path)
        except (OSError, ValueError):  # too long, a file instead of a folder, a forbidden character
            return None

    def _stays_inside(self, path: Path, *, is_link: bool) -> bool:
        if is_link:
            return self._contains(os.path.realpath(path))
        folder = str(path.parent)
        if folder not in self._is_inside:
            self._is_inside[folder] = self._contains(os.path.realpath(folder))
        return self._is_inside[folder]

    def _contains(self, real_path: str) -> bool:
        return real_path == self._real_root or real_path.startswith(self._real_root.rstrip(os.sep) + os.sep)

    def _respell(self, file_name: str) -> str | None:
        """Return the file with the same name in another Unicode form (macOS decomposes accented letters), if any."""
        for form in ("NFC", "NFD"):
            respelled = unicodedata.normalize(form, file_name)
            if respelled != file_name and self._stat_link(self.root / respelled):
                return respelled
        return None

    def _hint(self, file_name: str) -> str:
        """Return a remedy, with the file name that differs only in case or suffix, if any."""
        folder, name = os.path.split(file_name)
        if folder not in self._spellings:
            self._spellings[folder] = self._list_spellings(folder)
        spellings = self._spellings[folder]
        near = spellings.get(name.casefold()) or spellings.get(os.path.splitext(name)[0].casefold())
        if near:
            return f'Did you mean "{os.path.join(folder, near)}"?'
        return "Add the picture, or correct file_name."

    def _list_spellings(self, folder: str) -> dict[str, str]:
        spellings: dict[str, str] = {}
        try:
            for name in sorted(os.listdir(self.root / folder)):
                spellings.setdefault(os.path.splitext(name)[0].casefold(), name)
                spellings[name.casefold()] = name
        except (OSError, ValueError):
            return {}
        return spellings
