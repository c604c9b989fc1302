"""Atomic writes of a model folder's files: all of them are new, or all are unchanged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from stylegan.errors import CheckpointError


@contextmanager
def drafts(folder: Path, *names: str) -> Iterator[list[Path]]:
    """Yield a temporary path for each file; after a successful block, the files are renamed in this order.

    Raises:
        CheckpointError: the disk is full, or the folder cannot be written.
    """
    paths = [folder / f".{name}.part" for name in names]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield paths
        for path in paths:
            with path.open("rb") as file:
                os.fsync(file.fileno())
            path.chmod(0o644)  # safetensors writes files that only the owner can read
        for path, name in zip(paths, names, strict=True):
            os.replace(path, folder / name)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(
            f"{str(folder)!r} cannot be written ({reason}); free some space, or choose another place"
        ) from error
    finally:
        for path in paths:
            path.unlink(missing_ok=True)
