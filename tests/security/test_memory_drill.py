"""A small memory drill; `python -m tests.security.memory_drill` is the whole one."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import pytest

from tests import fake_models
from tests.security.memory_drill import SIDE_PX, drill, measure


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
