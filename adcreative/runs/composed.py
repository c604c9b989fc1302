"""Removal of composed ads: a whole set that `compose` wrote, or the files of a set that show one person.

A set is a folder with parts/ (photos, cut-outs, fonts), one folder per ad, a report and a table; a set made from an existing ad
also has brief/. Sets of a feed share a parent folder with a table of the failed rows. Only unchanged files written by this
program are removed; others are listed. Photos of the brief belong to the user: they are listed, and removed only on request and
where the user named their folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image

from adcreative.artifacts import dump_json, open_atomically
from adcreative.creative import fold_consent_id, split_consent_ids
from adcreative.provenance.sidecar import write_whole
from adcreative.runs.outputs import JOURNAL_NAME, LIST_NAME, is_ours, own_outputs
from adcreative.runs.outside import walk
from adcreative.runs.people import fold_name, read_json
from adcreative.runs.purge_summary import PurgeSummary, is_plain_file
from adcreative.runs.purging import drop_rows

PARTS, TAKEN, AD, REPORT, TABLE = Path("parts", "parts.json"), "brief", "ad.json", "report.html", "metadata.csv"
FEED_FAILURES = "compose.failures.csv"  # next to the sets of a feed: rows that could not be used
BLANK_PX = 64  # side of the grey picture that replaces a removed photo, so that other ads can still be edited


def find_sets(folder: Path) -> list[Path]:
    """Return the folders of composed sets, or of briefs extracted from an ad: the folder itself and folders inside it."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    marks = [path for path in walk(folder) if path.name in (PARTS.name, "brief.toml") and path.parent.name in ("parts", TAKEN)]
    return sorted({path.parent.parent for path in marks if is_plain_file(path) and is_ours(path)})


def find_failure_tables(folder: Path) -> list[Path]:
    """Return the tables of failed rows that `compose` wrote for a feed, in the folder or inside it."""
    return [path for path in walk(folder) if path.name == FEED_FAILURES and is_plain_file(path) and is_ours(path)]


def purge_failure_table(path: Path, summary: PurgeSummary, *, consent_id: str = "", creative: str = "") -> None:
    """Remove a table of failed rows, or the rows of one picture. With a consent id, only list the table."""
    if creative:
        with own_outputs([path], (), restart=True):
            summary.num_failures += drop_rows(path, lambda cell: fold_name(cell) == fold_name(creative))
    elif consent_id:
        summary.left.append(f"{path} (names pictures of rows that failed, no consent records; remove one with --creative)")
    else:
        summary.remove(path)
        _drop_empty(path.parent, summary)


def purge_set(folder: Path, summary: PurgeSummary) -> None:
    """Remove a set: every file that this program wrote there, and the folders that become empty."""
    sources = _sources(folder)
    for path in list(_walk_set(folder)):
        if path.is_symlink() or path.name in (LIST_NAME, JOURNAL_NAME):
            continue
        if is_ours(path):
            summary.remove(path)
        else:
            summary.left.append(f"{path} (not written by compose, or changed since)")
    _drop_empty(folder, summary)
    _clear_sources(sources, folder, summary)


def purge_person_of_set(folder: Path, summary: PurgeSummary, *, consent_id: str = "", creative: str = "") -> None:
    """Remove one person from a set: photos with the consent record, or one photo by file name, every ad that shows such a
    photo, and the report. A blank picture replaces each photo, so that the other ads can still be edited.
    """
    content, sources = read_json(folder / PARTS), _sources(folder)
    photos = content.get("photos")
    shown = {
        number
        for number, record in enumerate(photos if isinstance(photos, list) else [])
        if _is_meant(record, sources[number] if number < len(sources) else Path(), fold_consent_id(consent_id), creative)
    }
    if not shown:
        return
    gone = [path.parent for path in walk(folder) if path.name == AD and path.parent.parent == folder and _shows(path, shown)]
    for path in [file for ad in gone for file in walk(ad) if is_plain_file(file)]:
        if is_ours(path):
            summary.remove(path)
        elif path.name not in (LIST_NAME, JOURNAL_NAME):
            summary.left.append(f"{path} (in the folder of an ad of the person; not written by compose, or changed since)")
    for ad in gone:
        _drop_empty(ad, summary)
    for path in (folder / REPORT, *(one for number in shown for one in (folder / PARTS.parent).glob(f"photo-{number}.*png"))):
        if is_plain_file(path):
            summary.remove(path)
    _blank(folder, content, shown)
    _filter_table(folder / TABLE, {ad.name for ad in gone}, summary)
    _clear_sources([sources[number] for number in shown if number < len(sources)], folder, summary)


def _is_meant(record: Mapping[str, Any], source: Path, consent_id: str, creative: str) -> bool:
    if consent_id:
        return consent_id in split_consent_ids(str(record.get("consent_id") or ""))
    return bool(creative) and fold_name(creative) in (fold_name(source.name), fold_name(source.stem))


def _shows(path: Path, numbers: set[int]) -> bool:
    """Return whether an ad shows one of the photos; True for an ad without a list of photos."""
    photos = read_json(path).get("photos")
    return not isinstance(photos, list) or not numbers.isdisjoint(photos)


def _sources(folder: Path) -> list[Path]:
    sources = read_json(folder / PARTS).get("sources")
    place = folder.resolve()
    return [Path(os.path.abspath(place / str(one))) if one else Path() for one in sources] if isinstance(sources, list) else []


def _blank(folder: Path, content: dict[str, Any], numbers: set[int]) -> None:
    """Overwrite removed photos with grey pictures, and delete their entries from parts.json."""
    pictures = [folder / PARTS.parent / f"photo-{number}.png" for number in sorted(numbers)]
    for name, empty in (("photos", {"focus": [], "words_may_lie": True}), ("sources", "")):
        listed = content.get(name)
        content[name] = [
            empty if number in numbers else one for number, one in enumerate(listed if isinstance(listed, list) else [])
        ]
    content["notes"] = []
    with own_outputs([folder / PARTS, *pictures], (), restart=True):
        for picture in pictures:
            with open_atomically(picture, is_private=True) as file:
                Image.new("RGB", (BLANK_PX, BLANK_PX), "#808080").save(file, "PNG")
        write_whole(folder / PARTS, (dump_json(content, indent=1) + "\n").encode())


def _filter_table(path: Path, names: set[str], summary: PurgeSummary) -> None:
    """Remove the rows of the named ads from the table."""
    if not is_plain_file(path) or not names:
        return
    if not is_ours(path):
        summary.left.append(f"{path} (may name ads of the person; changed since it was written)")
        return
    with own_outputs([path], (), restart=True):
        drop_rows(path, names.__contains__)


def _clear_sources(sources: list[Path], folder: Path, summary: PurgeSummary) -> None:
    """Remove photos extracted from an ad; list the user's own, or remove them on request where the user named their folder."""
    for path in dict.fromkeys(sources):
        if not is_plain_file(path):
            continue
        is_taken = path.parent == folder.resolve() / TAKEN and is_ours(path)
        if is_taken or (summary.removes_originals and summary.is_named(path)):
            summary.remove(path)
        else:
            said = "name its place with --also" if summary.removes_originals else "--originals removes it"
            summary.left.append(f"{path} (the brief's own photo; {said})")


def _walk_set(folder: Path) -> Iterator[Path]:
    """Yield the files of a set, without files of sets nested inside it."""
    inner = [one for one in find_sets(folder) if one != folder]
    for path in walk(folder):
        if not any(path.is_relative_to(one) for one in inner):
            yield path


def _drop_empty(folder: Path, summary: PurgeSummary) -> None:
    """Remove file lists without a remaining file of ours, and empty folders."""
    for where, _, names in os.walk(folder, topdown=False, followlinks=False):
        place, lists = Path(where), {LIST_NAME, JOURNAL_NAME}
        if not any(is_ours(place / name) for name in {*names} - lists if is_plain_file(place / name)):
            for name in lists:
                summary.remove(place / name)
        with suppress(OSError):
            place.rmdir()
