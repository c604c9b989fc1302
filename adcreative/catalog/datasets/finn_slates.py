"""FINN.no slates: items shown to users of a marketplace, and the clicked item of each slate, or none.

Arrays of data.npz: click_idx [U, T] (position in the slate), slate [U, T, S], slate_length [U, T],
interaction_type [U, T] (1 search, 2 recommendation). Does not import torch. Ids 0, 1, 2 are padding, no-click and unknown;
no-click is always at position 0 of a slate.

Source: Eide, Leslie, Frigessi, Rishaug, Jenssen & Verrewaere, FINN.no Slates Dataset, RecSys 2021.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from adcreative.catalog.zips import Allowance, PackedError, ZipReader
from adcreative.errors import CatalogError

PADDING, NO_CLICK, UNKNOWN = 0, 1, 2
CONTEXTS = {0: "", 1: "search", 2: "recommendation"}
MAX_BYTES = 16 << 30  # the whole data set unpacks to a third of this size
NEEDED = ("click_idx", "slate", "slate_length")


def read_finn_slates(path: Path) -> pd.DataFrame:
    """Return one row per shown item, in the columns of an event log; steps with an unknown click are left out.

    Raises:
        CatalogError: the file is missing or of another kind, lacks an array, or has arrays of inconsistent shapes.
    """
    try:
        with ZipReader(path, Allowance(MAX_BYTES)) as archive:
            archive.check()
            for member in archive.members:
                _check_size(archive, member)
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in (*NEEDED, "interaction_type") if name in arrays}
    except (PackedError, OSError, ValueError, KeyError, zlib.error, zipfile.BadZipFile) as error:
        raise CatalogError(f"{path} cannot be read as FINN slates ({error}); give the data.npz of that data set") from error
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise CatalogError(f"{path} has no array {missing[0]}; give the data.npz of the FINN slates")
    slate, clicked = found["slate"], found["click_idx"]
    if slate.ndim != 3 or clicked.shape != slate.shape[:2]:
        raise CatalogError(
            f"{path}: slate is {list(slate.shape)}, click_idx {list(clicked.shape)}; [U, T, S] and [U, T] are needed"
        )
    kind = found.get("interaction_type", np.zeros(clicked.shape, int))
    num_steps, width = slate.shape[1:]
    place = np.broadcast_to(np.arange(width), slate.shape)
    chosen_id = np.take_along_axis(slate, np.clip(clicked, 0, width - 1)[..., None], axis=2)[..., 0]
    is_known = (chosen_id != PADDING) & (chosen_id != UNKNOWN)
    is_item = (slate > UNKNOWN) & (place < found["slate_length"][..., None]) & is_known[..., None]
    user, step, at = np.nonzero(is_item)
    return pd.DataFrame(
        {
            "user": user.astype(str),
            "time": step.astype(str),
            "slate": user * num_steps + step,
            "position": at,
            "creative": slate[user, step, at].astype(str),
            "clicks": (clicked[user, step] == at).astype(int),
            "context": [CONTEXTS.get(int(one), "") for one in kind[user, step]],
        }
    )


def _check_size(archive: ZipReader, member: zipfile.ZipInfo) -> None:
    """Raise ValueError when an array's header declares more values than its file holds: numpy allocates the declared size."""
    with closing(archive.stream(member, MAX_BYTES)) as parts:
        start = io.BytesIO(next(parts, b""))
    version = np.lib.format.read_magic(start)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(start)
    if start.tell() + math.prod(shape) * dtype.itemsize != member.file_size:
        raise ValueError(f"{member.filename[:80]} does not hold the {list(shape)} values that it claims")
