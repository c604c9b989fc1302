"""The state file for resuming a training run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


def write_state(state: Mapping[str, Any], path: Path) -> None:
    """Write a training state atomically: a kill leaves either the old or the new one."""
    temporary = path.with_suffix(".tmp")
    torch.save(dict(state), temporary)
    os.replace(temporary, path)


def read_state(path: Path) -> dict[str, Any] | None:
    """Read the state written by `write_state`; None without a file."""
    return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else None
