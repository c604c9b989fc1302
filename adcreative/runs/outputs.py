"""Rules for output files: a verb never writes over its inputs, nor over files of another program or a person.

A file is ours when the folder's list (`.adcreative.json`, name -> sha256) has the file with its current content: a table edited
since belongs to the user again. During a run the hash of each file is written to the folder's journal before the file appears,
so that the files of a killed run are ours, and a file that somebody puts there later is not.
`--restart` also writes over other files, but never over inputs.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock

from adcreative.artifacts import DRAFT_LETTERS, hash_file, remove_drafts, watching, write_atomically
from adcreative.errors import CatalogError, ConfigError
from adcreative.runs.inputs import find_read

LIST_NAME = ".adcreative.json"
LOCK_SECONDS = 30
MAX_NAME_BYTES = 230  # a file system allows 255; the rest is for the name of the draft
JOURNAL_NAME = ".adcreative.jsonl"  # one [name, sha256] per line: files that an unfinished run is about to write


@contextmanager
def own_outputs(outputs: Sequence[Path], inputs: Sequence[Path | None], *, restart: bool = False) -> Iterator[None]:
    """Let the block write `outputs`, and record the written files, so that the next run may replace them.

    Args:
        outputs: every file that the block may write or delete. inputs: files, catalogues, runs and models that the block reads.
        restart: also write over files of others.
    Raises:
        ConfigError: an output is an input, or was written by somebody else.
        CatalogError: an output cannot be written: the path is a folder, or its folder cannot be made or written.
    """
    check_outputs(outputs, inputs, restart=restart)
    foreign = {output: hash_file(output) for output in outputs if output.exists() and not is_ours(output)}
    missing = [folder for folder in dict.fromkeys(output.parent for output in outputs) if not folder.exists()]
    _prepare(outputs)
    try:
        with watching(partial(_note_draft, {output.absolute() for output in outputs})):
            yield
    finally:
        untouched = [output for output, digest in foreign.items() if output.exists() and hash_file(output) == digest]
        _note(outputs, except_for=untouched)
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()  # removed only if empty


def check_outputs(outputs: Sequence[Path], inputs: Sequence[Path | None], *, restart: bool = False) -> None:
    """Raise as `own_outputs` when one of `outputs` must not or cannot be written; writes nothing."""
    if len(set(outputs)) < len(outputs):
        raise ConfigError(f"two results would have the name {max(outputs, key=list(outputs).count)}; choose another --out")
    for output in outputs:
        _check_place(output)
    check_not_read(outputs, inputs)
    for output in outputs:
        if not restart and output.exists() and not is_ours(output):
            raise ConfigError(
                f"{output} is there already and is not, or no longer, what this program wrote; choose another --out, or write "
                "over it with --restart"
            )


def _check_place(output: Path) -> None:
    """Raise CatalogError when no file can be written at this path."""
    try:
        output.name.encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(output.name).decode(errors="replace")
        raise CatalogError(f'the name "{shown[:80]}" is not UTF-8, so no list can hold it; choose another --out') from error
    if len(os.fsencode(output.name)) > MAX_NAME_BYTES:
        shown = output.name[:40]
        raise CatalogError(f"the name {shown}... has more than {MAX_NAME_BYTES} bytes; choose a shorter --out")
    try:
        mode = os.stat(output).st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = None
    except OSError as error:
        raise CatalogError(f"{output} cannot be written ({error.strerror or error}); choose another --out") from error
    if mode is not None and stat.S_ISDIR(mode):
        raise CatalogError(f"{output} is a folder; name the file to write, such as {output / 'result'}{output.suffix}")
    if mode is not None and not stat.S_ISREG(mode):
        raise CatalogError(f"{output} is a device or a pipe; choose a file as --out")
    if mode is not None and not mode & 0o222:
        raise CatalogError(f"{output} is read-only; choose another --out, or make it writable")
    folder = next(path for path in output.absolute().parents if path.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK) or not folder.stat().st_mode & 0o222:
        raise CatalogError(f"{output} cannot be written, since {folder} is no folder that can be written; choose another --out")


def check_not_read(outputs: Sequence[Path], inputs: Sequence[Path | None]) -> None:
    """Raise ConfigError when writing one of `outputs` would replace or change a file that is read from `inputs`."""
    if (found := find_read(outputs, inputs, is_ours)) is not None:
        raise ConfigError(
            f"{found[0]} would be written over, and it is what is read ({found[1]}); choose another name to write"
        )


def check_not_in_log(outputs: Sequence[Path], log: Path | None) -> None:
    """Raise ConfigError when one of `outputs` would become a file inside a log that is a folder."""
    for output in outputs:
        if log is not None and log.is_dir() and output.resolve().parent == log.resolve():
            raise ConfigError(f"{output} would become a part of the log {log}; choose another place to write")


def is_ours(output: Path) -> bool:
    """Return whether the list or journal of the folder names the file with its current content."""
    known = {digest for name, digest in _read_journal(output.parent) if name == output.name}
    known.add(str(_read_list(output.parent / LIST_NAME).get(output.name)))
    return known != {"None"} and hash_file(output) in known


def _prepare(outputs: Sequence[Path]) -> None:
    """Create the folders of outputs, and remove the drafts of killed runs there.

    Raises:
        CatalogError: a folder cannot be created.
    """
    for folder in dict.fromkeys(output.parent for output in outputs):
        names = {output.name[:DRAFT_LETTERS] for output in outputs if output.parent == folder} | {LIST_NAME}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            remove_drafts(folder, names.__contains__)
        except OSError as error:
            raise CatalogError(f"{folder} cannot be written ({error.strerror or error}). Choose another place.") from error


def _note_draft(outputs: Set[Path], draft: Path, path: Path) -> None:
    """Write the future content hash of a file to the journal."""
    if path.absolute() in outputs:
        handle = os.open(path.parent / JOURNAL_NAME, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)  # may name people
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps([path.name, hash_file(draft)]) + "\n")


def _read_journal(folder: Path) -> list[tuple[str, str]]:
    """Return the (name, hash) entries of a folder's journal; a half-written line, left by a kill, is skipped."""
    try:
        lines = (folder / JOURNAL_NAME).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
    found = []
    for line in lines:
        with suppress(ValueError, TypeError, RecursionError):
            name, digest = json.loads(line)
            found.append((str(name), str(digest)))
    return found


def _note(outputs: Sequence[Path], *, except_for: Sequence[Path] = ()) -> None:
    """Write the hashes of existing outputs, and the entries of the journals, to the lists of their folders.

    Raises:
        CatalogError: a list cannot be written.
    """
    for folder in dict.fromkeys(output.parent for output in outputs):
        path = folder / LIST_NAME
        names = [output.name for output in outputs if output.parent == folder]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / f"{LIST_NAME}.lock", timeout=LOCK_SECONDS):
                listed = _read_list(path)
                for name, digest in _read_journal(folder):
                    if Path(name).name == name and (folder / name).is_file() and hash_file(folder / name) == digest:
                        listed[name] = digest
                for name in names:
                    listed.pop(name, None)
                    if (folder / name).is_file() and folder / name not in except_for:
                        listed[name] = hash_file(folder / name)
                if listed:
                    text = json.dumps(listed, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
                    is_private = not folder.stat().st_mode & 0o077  # ad names may be names of people
                    write_atomically(path, text.encode(), is_private=is_private)
                else:
                    path.unlink(missing_ok=True)
                (folder / JOURNAL_NAME).unlink(missing_ok=True)
                (folder / f"{LIST_NAME}.lock").unlink(missing_ok=True)
        except OSError as error:
            raise CatalogError(f"{folder} cannot be written ({error.strerror or error}). Choose another place.") from error


def drop_outputs(*outputs: Path) -> None:
    """Remove the entries of deleted files from the lists of their folders."""
    _note(outputs)


def drop_missing(folder: Path) -> None:
    """Remove the entries of missing files from the list of a folder; an empty list file is deleted."""
    names = [name for name in _read_list(folder / LIST_NAME) if Path(name).name == name and not (folder / name).exists()]
    drop_outputs(*(folder / name for name in names))


def _read_list(path: Path) -> dict[str, Any]:
    """Return name -> hash; empty for a missing or damaged list, so that nothing is written over."""
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return listed if isinstance(listed, dict) else {}
