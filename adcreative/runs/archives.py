"""Archives of run folders: find the archives of a run, and remove one person or the whole archive."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from adcreative.artifacts import hash_file
from adcreative.codec.archive.container import MAGIC, ArchiveReader
from adcreative.codec.archive.packing import pack_folder
from adcreative.codec.archive.restoring import restore_folder
from adcreative.errors import AdCreativeError, ConfigError
from adcreative.progress import never, silent
from adcreative.provenance.run_records import SETTINGS
from adcreative.runs.exports import read_archives
from adcreative.runs.purge_summary import PurgeSummary, is_plain_file
from adcreative.runs.purging import purge_person

UNVOUCHED = (
    "an archive that the run's folder alone names, or that was changed since; purge it by itself, or name it with --also"
)
LEFT_OUT = (".lock", ".part", ".draft")  # suffixes of temporary files, which exist only during a write


def is_archive(path: Path) -> bool:
    """Return whether the path is a regular file (no symlink) that starts with the magic bytes of an archive."""
    try:
        if not is_plain_file(path):
            return False
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def list_archives(run_dir: Path, summary: PurgeSummary) -> list[Path]:
    """Return the unchanged archives of a run with this user's seal, except paths in `--also`. Archives that are missing,
    changed, or noted without a seal are added to `summary.left`."""
    try:
        noted = read_archives(run_dir)
    except AdCreativeError:  # purge reports the damaged trail
        noted = {}
    found = []
    for path, digests in noted.items():
        if summary.is_named(path):
            continue
        if not is_archive(path):
            if digests or os.path.lexists(path):
                summary.left.append(f"{path} (an archive of this run, which is not there any more; purge it where it is now)")
        elif hash_file(path) in digests:
            found.append(path)
        else:
            summary.left.append(f"{path} ({UNVOUCHED})")
    return found


def purge_archive(path: Path, summary: PurgeSummary, *, consent_id: str = "", creative: str = "") -> None:
    """Remove one person from an archive, or the whole archive when neither a consent id nor a creative is given.

    The archive is unpacked into a folder with owner-only permissions, purged like a run folder, and repacked in one step. The
    temporary folder is removed at the end, or by the next purge after a kill. Missing files and non-archives are listed.

    Raises:
        ArtifactError: the archive is damaged, so no person can be removed from it.
        ConfigError: the archive does not contain a run.
    """
    if not consent_id and not creative:
        summary.remove(path)
        return
    folder = path.with_name(f".{path.name}.purging")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with ArchiveReader(path) as reader:
            note = reader.index.get("note")
        restore_folder(path, folder, progress=silent, should_stop=never)
        if not is_plain_file(folder / SETTINGS):
            raise ConfigError(f"{path} holds no run of optimize or demo; remove the file when it shows the person")
        found = PurgeSummary(removes_originals=summary.removes_originals, also=summary.also)
        purge_person(folder, found, consent_id=consent_id, creative=creative)
        if not (found.removed or found.num_rows or found.num_failures):
            return
        if is_plain_file(folder / SETTINGS):
            pack_folder(
                folder,
                path,
                leave_out=LEFT_OUT,
                note=note if isinstance(note, dict) else None,
                progress=silent,
                should_stop=never,
            )
        else:
            summary.remove(path)  # the archive held only this person's ad
        inside = f"{folder}{os.sep}"
        summary.removed += [f"{path}: {name.removeprefix(inside)}" if inside in name else name for name in found.removed]
        summary.left += [name for name in found.left if not name.startswith(inside)]
        summary.num_bytes += found.num_bytes
        summary.num_rows, summary.num_failures = summary.num_rows + found.num_rows, summary.num_failures + found.num_failures
    finally:
        shutil.rmtree(folder, ignore_errors=True)
