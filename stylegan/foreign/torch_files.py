"""Read a torch.save file with torch's own allow-list, with one sentence for each error."""

from __future__ import annotations

import argparse
import io
import re
import zipfile
from pathlib import Path

import torch

from stylegan.errors import CheckpointError


def load_tensors(file: Path | io.BytesIO) -> object:
    """Read a torch.save file with torch's own allow-list plus `argparse.Namespace`, which is part of training checkpoints.

    Raises:
        CheckpointError: the file asks to run code, is a TorchScript program, or is truncated or damaged.
    """
    if _is_torchscript(file):
        raise CheckpointError(
            "the file is a TorchScript archive, a program and not weights alone; "
            "save the network's state_dict() with torch.save and convert that"
        )
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(file, map_location="cpu", weights_only=True)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # torch raises many kinds for damaged files
        found = re.search(r"(?:unsupported|global:) GLOBAL (\S+)|unrecognized function (.+)|instances of (.+)", str(error))
        if found:
            name = next(filter(None, found.groups()))
            raise CheckpointError(
                f"the file asks for {name} on loading, which no StyleGAN2 weights need; refused without running it"
            ) from error
        reason = str(error).rpartition("WeightsUnpickler error: ")[2].strip().split("\n")[0]
        raise CheckpointError(f"the file is truncated or damaged ({reason[:120]}); download it again") from error


def _is_torchscript(file: Path | io.BytesIO) -> bool:
    """Return whether a complete zip holds compiled code besides its tensors, as written by torch.jit.save."""
    try:
        with zipfile.ZipFile(file) as archive:
            parts = {name.partition("/")[2] for name in archive.namelist()}
    except Exception:  # no zip, or a damaged one: torch's reader reports it
        return False
    finally:
        if isinstance(file, io.BytesIO):
            file.seek(0)
    return "constants.pkl" in parts and any(part.startswith("code/") for part in parts)
