"""SECURITY.md names tests that exist and the floors that pyproject.toml has."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_every_promise_names_tests_that_exist() -> None:
    named = re.findall(r"`(tests/[\w/.]+)`", TEXT)
    assert len(named) >= 12
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_floor_is_the_one_that_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [one for group in project["optional-dependencies"].values() for one in group]
    asked = {re.split(r"[<>=;\[ ]", one)[0]: one for one in (*extras, *project["dependencies"])}
    floors = re.findall(r"^\| (\w+) \| (\d[\d.]*) \|", TEXT, re.MULTILINE)
    assert len(floors) >= 7
    for name, floor in floors:
        assert re.search(rf">={re.escape(floor)}(,|$)", asked[name]), f"{name}: {asked[name]}"


def test_the_manual_leads_to_targets_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make (\w+)`", TEXT):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
