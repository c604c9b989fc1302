"""Archives of run folders: which ones a run's audit trail names, and the removal of a person, or of everything, from them."""

from __future__ import annotations

import shutil
from pathlib import Path

from adcreative.codec.archive.container import MAGIC, ArchiveReader
from adcreative.codec.archive.packing import pack_folder
from adcreative.codec.archive.restoring import restore_folder
from adcreative.errors import AdCreativeError, ConfigError
from adcreative.progress import never, silent
from adcreative.provenance.approval import read_events
from adcreative.provenance.run_records import SETTINGS
from adcreative.runs.purge_summary import PurgeSummary, is_plain_file
from adcreative.runs.purging import purge_person

__all__ = ["LEFT_OUT", "is_archive", "list_archives", "purge_archive"]

LEFT_OUT = (".lock", ".part", ".draft")  # ends of names of files that exist only while something is written


def is_archive(path: Path) -> bool:
    """True for a plain file, no link, that begins as an archive does."""
    try:
        if not is_plain_file(path):
            return False
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def list_archives(run_dir: Path) -> list[Path]:
    """Return the archives that the audit trail of a run names, each once; none when it cannot be read (purge says so)."""
    try:
        events = read_events(run_dir)
    except AdCreativeError:
        return []
    names = [event.get("path") for event in events if event["event"] == "archived"]
    return [Path(name) for name in dict.fromkeys(names) if isinstance(name, str) and name and "\0" not in name]


def purge_archive(path: Path, summary: PurgeSummary, *, consent_id: str = "", creative: str = "") -> None:
    """Remove one person from an archive, or the archive itself when nobody is named.

    The archive is unpacked into a folder that only its owner may open, purged as a run folder is, and packed anew in one step;
    the folder goes in the end, and at the next purge when this one is killed. What is not there, or is no archive, is listed.

    Raises:
        ArtifactError: the archive is damaged, so that nobody can be taken out of it.
        ConfigError: what it holds is no run.
    """
    if not is_archive(path):
        summary.left.append(f"{path} (an archive of this run, which is not there any more; purge it where it is now)")
        return
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
        found = PurgeSummary()
        purge_person(folder, found, consent_id=consent_id, creative=creative)
        if not (found.removed or found.num_rows or found.num_failures):
            return
        if is_plain_file(folder / SETTINGS):
            pack_folder(folder, path, leave_out=LEFT_OUT, note=note if isinstance(note, dict) else None, progress=silent,
                        should_stop=never)  # fmt: skip
        else:
            summary.remove(path)  # the archive of this one person's ad
        summary.removed += [f"{path}: {Path(name).relative_to(folder)}" for name in found.removed]
        summary.num_bytes += found.num_bytes
        summary.num_rows, summary.num_failures = summary.num_rows + found.num_rows, summary.num_failures + found.num_failures
    finally:
        shutil.rmtree(folder, ignore_errors=True)
