"""Mutated checkpoint files for the foreign reader, in a process that a crash would end.

    python -m tests.security.fuzz_checkpoints NUM [SEED]

Each file must be read, or refused with one CheckpointError on one line; prints how many of each. Mutations know pickles: they
flip, cut, repeat and move bytes, and splice in the parts that crash files are made of.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from stylegan.errors import CheckpointError
from stylegan.foreign.kinds import read_weights
from tests.security import crash_files as crash
from tests.stylegan.foreign import originals as o

PARTS = [
    crash.dtype("V8"),
    crash.dtype("O8"),
    crash.dtype("f4"),
    crash.name("numpy", "ndarray"),
    crash.name("numpy", "dtype"),
    crash.name("numpy.core.multiarray", "_reconstruct"),
    crash.name("numpy.core.numeric", "_frombuffer"),
    crash.name("torch._utils", "_rebuild_tensor_v2"),
    crash.name("torch.storage", "_load_from_bytes"),
    crash.tuple_of(crash.number(3), crash.text("|"), crash.NONE, crash.NONE, crash.NONE, crash.number(crash.FAR)),
    crash.tuple_of(crash.number(-1)),
    crash.tuple_of(crash.number(1 << 30), crash.number(1 << 30)),
    crash.kept(1),
    crash.kept(2),
    crash.REDUCE,
    crash.BUILD,
    crash.SET_ITEM,
    crash.DICT,
    crash.MARK,
    crash.TUPLE,
    crash.NONE,
    b"]",
    b"a",
    b"e",
    b"u",
    b"\x90",
    b"\x81",
    b"\x8f",
    b"(lp0\n",
    b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x8e\x00\x00\x00\x00\x00\x01\x00\x00",
    b"\x97",
]


def seeds() -> list[tuple[str, bytes]]:
    """Return small sound files: name and bytes, pickles oftener than the rest."""
    rosinality = o.random_rosinality(8, depth=1, seed=0)
    new, old = io.BytesIO(), io.BytesIO()
    torch.save({"g_ema": rosinality, "latent_avg": torch.zeros(o.W_DIM)}, new)
    torch.save({"g_ema": rosinality}, old, _use_new_zipfile_serialization=False)
    found = [("g.pt", new.getvalue()), ("g.pt", old.getvalue()), ("g.safetensors", save(rosinality))]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "g.pkl"
        for protocol in (2, 4, 5):
            o.save_nvlabs(path, o.random_nvlabs(8, depth=1, seed=0), patch, clamp=None, protocol=protocol)
            found.append(("g.pkl", path.read_bytes()))
        o.save_tensorflow(path, o.random_tensorflow(8, depth=1, seed=0), patch)
        found += [("g.pkl", path.read_bytes())] * 3
    return found + [("g.pkl", made()) for made in crash.CRASH_FILES.values()]


def mutate(content: bytes, *, rng: np.random.Generator) -> bytes:
    """Return the file with one to four changes, most of them in its head, where the structure is."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        end = max(1, len(changed) if rng.random() < 0.5 else min(len(changed), 600))
        at = int(rng.integers(end))
        match rng.integers(6):
            case 0:
                changed[at] = int(rng.integers(256))
            case 1:
                changed[at : at + int(rng.integers(1, 9))] = b""
            case 2:
                changed[at:at] = PARTS[rng.integers(len(PARTS))]
            case 3:
                part = PARTS[rng.integers(len(PARTS))]
                changed[at : at + len(part)] = part
            case 4:
                start = int(rng.integers(end))
                changed[at:at] = changed[start : start + int(rng.integers(1, 80))]
            case _ if rng.random() < 0.2:
                del changed[at:]
            case _:
                changed[at : at + 4] = rng.bytes(4)
        changed = changed or bytearray(b"\x80")
    return bytes(changed)


def main(arguments: list[str]) -> int:
    num, seed = int(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 0
    rng, sound, seen = np.random.default_rng(seed), seeds(), Counter[str]()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for i in range(num):
            name, content = sound[i % len(sound)]
            path = Path(folder) / name
            path.write_bytes(mutate(content, rng=rng))
            try:
                read_weights(path).build()
                seen["read"] += 1
            except CheckpointError as error:
                seen["refused" if str(error).isprintable() else "not on one line"] += 1
            except (MemoryError, RecursionError):
                seen["too large"] += 1
    print(json.dumps(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
