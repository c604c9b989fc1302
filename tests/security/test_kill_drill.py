"""Small kill and memory drills; `python -m tests.security.kill_drill` and `.memory_drill` are the whole ones."""

from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path

import pytest

from tests import fake_models
from tests.runs.test_kills import training_stand_ins
from tests.security.kill_drill import race, read_files, works
from tests.security.memory_drill import SIDE_PX, drill, measure


@pytest.mark.parametrize("name", ["score", "optimize", "train"])
def test_of_two_writers_one_is_refused_or_both_end_right(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (*fake_models.modules().values(), *training_stand_ins(os.getpid, seconds=0.1).values()):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    vars(sys.modules["adcreative.features.builder"])["check_finite"] = lambda *_, **__: None
    monkeypatch.setenv("FAKE_DELAY_S", "0.02")
    ads = fake_models.write_ads(tmp_path / "ads", 12)
    found = race(name, works(ads)[name], tmp_path / name, 4)
    assert (found.mixed, found.num_refused + found.num_both) == ((), 4)


def test_a_draft_that_is_left_is_seen(tmp_path: Path) -> None:
    (tmp_path / ".a.csv.abcdefgh.part").write_text("half")
    assert list(read_files(tmp_path)) == [".a.csv.abcdefgh.part"]


def test_each_run_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in fake_models.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    found = drill(tmp_path, 200, 40)
    assert [(one.name, one.num_rows) for one in found] == [
        ("score a table", 200),
        ("check pictures", 40),
        ("optimize pictures", 40),
    ]
    assert all(0 < one.at_tenth <= one.at_most for one in found)


def test_a_run_that_keeps_its_pictures_is_seen() -> None:
    kept: list[mmap.mmap] = []  # pages of their own: what the process freed before is not used again for them

    def hoard(tell: object) -> None:
        for number in range(1000):
            kept.append(mmap.mmap(-1, 3 * SIDE_PX * SIDE_PX))
            kept[-1].write(b"x" * len(kept[-1]))
            tell("reading", number + 1, 1000)  # type: ignore[operator]

    held = measure("hoard", 1000, hoard)
    assert held.bytes_a_row == pytest.approx(3 * SIDE_PX * SIDE_PX, rel=0.2)
    assert not held.is_flat
