"""The verb `archive`: pack a run folder into one small file and restore it byte for byte. Imports no torch."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from adcreative.artifacts import make_private_dir
from adcreative.codec.archive.packing import PackSummary, pack_folder
from adcreative.codec.archive.restoring import RestoreSummary, restore_folder
from adcreative.errors import AdCreativeError, ConfigError
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.provenance.run_records import RESULTS, SETTINGS, read_rows
from adcreative.provenance.seals import why_unsealed
from adcreative.runs.archives import LEFT_OUT, is_archive
from adcreative.runs.batch import RunSummary
from adcreative.runs.exports import note_archive
from adcreative.runs.log import lock_run, unlock_run
from adcreative.runs.originals import find_originals
from adcreative.runs.outputs import own_outputs


def archive(
    source: Path,
    out: Path,
    *,
    restore: bool = False,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Pack a run folder into one file, or restore the folder from the file, byte for byte.

    Of the pictures of one ad the original is stored once, and the others as differences from the original; equal files are
    stored once. A new archive is unpacked and compared before it is renamed to `out`; the folder is not changed. The path of
    the archive is recorded in the audit trail, so that `purge` finds the archive.

    Args:
        source: a folder that `optimize`, `demo` or the app wrote; with `restore` the archive.
        out: the archive to write, such as run.adc; with `restore` the folder, where files of equal content are left alone.
        restart: replace a file `out` that is not ours.
    Raises:
        ConfigError: the folder is no run, is being written, or contains `out`.
        CatalogError: a file cannot be read or written, or exists already with other content.
        ArtifactError: the archive is damaged.
    """
    source, out = Path(source), Path(out)
    if restore:
        return _restore(source, out, progress, should_stop)
    if not source.is_dir() or not (source / SETTINGS).is_file():
        remedy = "to unpack an archive, add --restore" if is_archive(source) else "name a folder that optimize or demo wrote"
        raise ConfigError(f"{source} is no run folder (no {SETTINGS} in it); {remedy}")
    if out.resolve().is_relative_to(source.resolve()):
        raise ConfigError(f"{out} lies in the folder that is packed; choose an --out outside of {source}")
    lock = lock_run(source / RESULTS)
    try:
        with own_outputs((out,), (source,), restart=restart):
            summary = pack_folder(
                source,
                out,
                sources=find_sources(source),
                leave_out=LEFT_OUT,
                note={"run": source.resolve().name},
                progress=progress,
                should_stop=should_stop,
            )
    finally:
        unlock_run(lock)
    if not summary.stopped:
        note_archive(source, out)
    packed = _packed(summary, out)
    return replace(packed, warnings=(*packed.warnings, *filter(None, (why_unsealed(),))))


def find_sources(run: Path) -> list[Path]:
    """Return the user's own pictures that a run was made from; empty when the rows or settings cannot be read."""
    try:
        settings = json.loads((run / SETTINGS).read_text(encoding="utf-8"))
        rows = list(read_rows(run)) if (run / RESULTS).is_file() else []
    except (AdCreativeError, OSError, ValueError, RecursionError):
        return []
    return find_originals(settings, rows, run) if isinstance(settings, dict) else []


def _packed(summary: PackSummary, out: Path) -> RunSummary:
    links = tuple(f"{name} is a link and was left out; pack what it leads to by itself" for name in summary.links)
    if summary.stopped:
        return RunSummary(path=out, done=0, stopped=True, warnings=links)
    times = summary.num_bytes / max(summary.packed_bytes, 1)
    said = f"{summary.num_bytes:,} bytes are {summary.packed_bytes:,} in the archive ({times:.1f} times smaller)"
    return RunSummary(path=out, done=summary.num_files, warnings=links, lines=(said,))


def _restore(source: Path, out: Path, progress: Progress, should_stop: ShouldStop) -> RunSummary:
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise ConfigError(f"{out} is no folder; choose a folder as --out")
    make_private_dir(out)
    summary: RestoreSummary = restore_folder(source, out, progress=progress, should_stop=should_stop)
    lines = (f"{summary.num_there} files were there already",) if summary.num_there else ()
    warnings = tuple(
        f"{name} has other bytes, since another version of Pillow packed it: its pixels are the same"
        for name in summary.changed
    )
    done = summary.num_files + summary.num_there
    return RunSummary(path=out, done=done, stopped=summary.stopped, warnings=warnings, lines=lines)
