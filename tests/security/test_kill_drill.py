"""A small kill drill of each command; `python -m tests.security.kill_drill` is the whole one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests import fake_models
from tests.runs.test_kills import training_stand_ins
from tests.security.kill_drill import race, read_files, works


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
