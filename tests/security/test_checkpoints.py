"""Hostile checkpoints: files that once crashed the reader, 10,000 mutated ones, and names that would reach a terminal."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stylegan.errors import CheckpointError
from stylegan.foreign import convert_weights
from stylegan.foreign.kinds import read_weights
from tests.security.crash_files import CRASH_FILES

SEED, ROOT = 20261125, Path(__file__).parents[2]


READ_EACH = """
import sys
from pathlib import Path
from stylegan.errors import CheckpointError
from stylegan.foreign.kinds import read_weights
for name in sys.argv[1:]:
    try:
        read_weights(Path(name)).build()
    except CheckpointError as error:
        print(error)
"""


def test_files_that_crashed_the_reader_are_refused(tmp_path: Path) -> None:
    """In a process of its own, as when weights are converted."""
    for kind, made in CRASH_FILES.items():
        (tmp_path / f"{kind}.pkl").write_bytes(made())
    command = [sys.executable, "-c", READ_EACH, *(str(tmp_path / f"{kind}.pkl") for kind in CRASH_FILES)]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert finished.returncode == 0, finished.stderr
    said = finished.stdout.splitlines()
    assert len(said) == len(CRASH_FILES)
    assert all(re.search(r"the file holds something else than weights: .*; refused$", line) for line in said), said


@pytest.mark.parametrize("kind", CRASH_FILES)
def test_the_crash_files_are_whole_pickles(kind: str) -> None:
    """A reader that stops at their first byte would pass the test above for the wrong reason."""
    import pickletools

    names = [code.name for code, _, _ in pickletools.genops(CRASH_FILES[kind]())]
    assert names[0] == "PROTO"
    assert names[-1] == "STOP"
    assert {"BUILD", "SETITEM", "REDUCE"} <= set(names)


@pytest.mark.parametrize("num", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_mutated_files_are_read_or_refused(num: int) -> None:
    """In a process of its own, so that a crash fails this test and does not end the run."""
    command = [sys.executable, "-m", "tests.security.fuzz_checkpoints", str(num), str(SEED)]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=280, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    seen = json.loads(finished.stdout)
    assert sum(seen.values()) == num
    assert "not on one line" not in seen
    assert seen["read"] > num / 100  # some changes meet numbers only
    assert seen["refused"] > num / 2


def test_names_from_a_file_and_of_a_file_are_printed_without_escape_codes(tmp_path: Path) -> None:
    torch.save({"g_ema": {"\x1b[2J\x1b]0;owned\x07\u202egnp": torch.ones(1)}}, tmp_path / "\x1b[31mred.pt")
    with pytest.raises(CheckpointError) as caught:
        convert_weights(tmp_path / "\x1b[31mred.pt", tmp_path / "model")
    assert str(caught.value).isprintable()
    assert str(caught.value).startswith("'\\x1b[31mred.pt': ")


def test_a_name_asked_for_is_printed_without_escape_codes(tmp_path: Path) -> None:
    (tmp_path / "g.pkl").write_bytes(b"\x80\x04cos\x1b[2J\nsystem" + b"x" * 900 + b"\n.")
    with pytest.raises(CheckpointError, match=r"asks for os\\x1b\[2J\.systemx+") as caught:
        read_weights(tmp_path / "g.pkl")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 700


def test_a_length_that_is_not_there_takes_no_memory(tmp_path: Path) -> None:
    """Two terabytes are announced in a file of twenty bytes."""
    for code in (b"\x8e", b"\x96", b"\x8d", b"\x95"):
        (tmp_path / "g.pkl").write_bytes(b"\x80\x05" + code + (1 << 41).to_bytes(8, "little") + b"x.")
        with pytest.raises(CheckpointError, match=r"damaged \(EOFError: 2199023255552 bytes were announced, 2 are"):
            read_weights(tmp_path / "g.pkl")


def test_a_tensor_may_not_reach_beyond_its_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.stylegan.foreign import originals as o

    storage = pickle.dumps(torch.zeros(4), protocol=4)
    assert storage.count(b"K\x04\x85") == 1  # its size, (4,)
    beyond = storage.replace(b"K\x04\x85", b"K\x05\x85")
    state = o.random_nvlabs(8, depth=1, seed=0)
    o.save_nvlabs(tmp_path / "sound.pkl", state, monkeypatch, clamp=None)
    (tmp_path / "g.pkl").write_bytes(b"\x80\x04}X\x05\x00\x00\x00G_ema" + beyond[2:-1] + b"s.")
    with pytest.raises(CheckpointError, match=r"a tensor of shape \[5\] reaches beyond its storage"):
        read_weights(tmp_path / "g.pkl")
