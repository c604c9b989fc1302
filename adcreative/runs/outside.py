"""Removal of files outside of the run folder: exports with a seal in the audit trail, and files in paths of the user.

An exported file is removed when its bytes are the bytes that this user's export of this run wrote there. Files changed since,
files of another run under the same name, and files that only a run folder names are listed and left. In the paths of `--also`,
files are removed that show or name the person.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from adcreative.artifacts import hash_file
from adcreative.catalog.tables import failures_path
from adcreative.delivery.experiment.export_pictures import picture_dir
from adcreative.delivery.experiment.variants import find_variant_id
from adcreative.errors import AdCreativeError
from adcreative.progress import track
from adcreative.provenance.sidecar import SUFFIX, sidecar_path
from adcreative.runs.exports import Exported, read_exports, spells_draft
from adcreative.runs.outputs import LIST_NAME, drop_missing, drop_outputs, is_ours
from adcreative.runs.people import Person, read_json
from adcreative.runs.purge_summary import PICTURES, PurgeSummary, is_plain_file

CHANGED = "not, or no longer, what this run exported; remove the person from it by hand, or name it with --also"
UNVOUCHED = "an export that the run's folder alone names; when it is yours, name it with --also"
A_LINK = "a link; what lies behind it was not looked at"


def remove_exports(run_dir: Path, person: Person | None, summary: PurgeSummary) -> None:
    """Remove the exports of a run, tables and pictures; with a person only the files that show or name the person."""
    try:
        exports = read_exports(run_dir)
    except AdCreativeError as error:
        summary.left.append(f"exports of {run_dir}, if any ({error})")
        return
    ours = [one for one in exports if one.is_ours or _is_inside(one.path, run_dir)]
    for export in ours:
        _Removal(export, person, summary).remove()
    places = {one.path for one in ours}
    for export in exports:
        found = [path for path in (export.path, picture_dir(export.path)) if os.path.lexists(path)]
        if export not in ours and export.path not in places and not any(map(summary.is_named, found)):
            summary.left += [f"{path} ({UNVOUCHED})" for path in found]


def _is_inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


class _Removal:
    """Removal of one export, or of one person from an export."""

    def __init__(self, export: Exported, person: Person | None, summary: PurgeSummary) -> None:
        self.export, self.summary, self.is_whole = export, summary, person is None
        self.person = Person("", "") if person is None else person.with_exported(export)
        if person is None:
            self.person.ids = {ad.variant_id for ad in export.ads} | set(export.pictures)
        # by variant id: two ads may share one picture, and only one of them may be the person's
        self.pictures = {name: set(made) for name, made in export.pictures.items() if name in self.person.ids}

    def remove(self) -> None:
        folder = picture_dir(self.export.path)
        if folder.is_symlink() or folder.resolve() != folder:
            if os.path.lexists(folder):
                self.summary.left.append(f"{folder} ({A_LINK})")
        elif folder.is_dir():
            for path in list(walk(folder)):
                self._remove_picture(path)
            drop_missing(folder)
            if not os.listdir(folder):
                folder.rmdir()
        for path in (self.export.path, failures_path(self.export.path)):
            self._remove_table(path)

    def _remove_picture(self, path: Path) -> None:
        """Remove a picture with its sidecar, or a draft of it, if the audit trail says that the picture shows the person."""
        name = find_variant_id(path.name)
        has_picture = path.name.endswith(SUFFIX) and os.path.lexists(path.with_name(path.name.removesuffix(SUFFIX)))
        if path.name == LIST_NAME or has_picture or not os.path.lexists(path):
            return  # a sidecar is removed together with its picture
        if not is_plain_file(path):
            if name in self.person.ids:
                self.summary.left.append(f"{path} ({A_LINK})")
            return
        digest = str(read_json(path).get("picture_sha256")) if path.name.endswith(SUFFIX) else hash_file(path)
        theirs = self.pictures.get(name, set()) if name else set().union(*self.pictures.values())
        if digest in theirs or (spells_draft(path.name) and name in self.person.ids):
            remove_with_sidecar(path, digest, self.summary)
        elif name in self.person.ids:
            self.summary.left.append(f"{path} ({CHANGED})")
        elif self.is_whole:
            self.summary.left.append(f"{path} (beside an export, and none of the run's pictures)")

    def _remove_table(self, path: Path) -> None:
        if not is_plain_file(path):
            if path.is_symlink():
                self.summary.left.append(f"{path} ({A_LINK})")
        elif self.is_whole or self.person.is_in(path):
            if hash_file(path) in self.export.tables and path.resolve() == path:
                self.summary.remove(path)
                drop_outputs(path)
            else:
                self.summary.left.append(f"{path} ({CHANGED})")


def remove_with_sidecar(path: Path, digest: str, summary: PurgeSummary) -> None:
    """Remove a picture, and its sidecar if the sidecar has the picture's hash."""
    beside = sidecar_path(path)
    if read_json(beside).get("picture_sha256") == digest:
        summary.remove(beside)
    summary.remove(path)


def search_places(person: Person, summary: PurgeSummary) -> None:
    """Remove files in the paths of `--also` that show or name the person.

    A path that is a file is removed itself, with the pictures of its export; in a folder, pictures of the person and files
    written by this program are removed. Other files are listed.
    """
    for place in summary.also:
        if place.is_symlink():
            summary.left.append(f"{place} ({A_LINK})")
            continue
        named = [place] if place.is_file() else []
        beside = [failures_path(place), *walk(picture_dir(place))] if place.is_file() else list(walk(place))
        files = [path for path in (*named, *beside) if is_plain_file(path) and path.name != LIST_NAME]
        pictures = [path for path in files if path.suffix.casefold() in PICTURES]
        for path in pictures:
            digest = hash_file(path)
            is_there = person.is_shown(path, digest) or person.is_called(path, digest)
            if is_there:
                person.ids |= {find_variant_id(path.name)} - {""}
                remove_with_sidecar(path, digest, summary)
            elif is_there is None:
                summary.left.append(f"{path} (has the name of an ad of the person, and of another one)")
        for path in (one for one in files if one not in pictures and is_plain_file(one)):
            is_there = person.is_told_by(read_json(path)) if path.name.endswith(SUFFIX) else person.look_into(path)
            if is_there and (path in named or is_ours(path) or path.name.endswith(SUFFIX) or path == failures_path(place)):
                summary.remove(path)
                drop_outputs(path)
            elif is_there is None:
                summary.left.append(f"{path} (too large, encrypted or damaged to be searched, so it may hold the person)")
            elif is_there:
                summary.left.append(f"{path} (names the person; your own file)")
        for folder in {path.parent for path in files}:
            drop_missing(folder)


def walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder; symlinks are yielded themselves and never followed."""
    for where, folders, names in os.walk(folder, followlinks=False):
        yield from track((Path(where) / name for name in sorted(names)), "looking through files")
        yield from (Path(where) / name for name in sorted(folders) if (Path(where) / name).is_symlink())
