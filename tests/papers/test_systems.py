"""The table of published systems: what it names is there, its page is made of it, the command prints it."""

from __future__ import annotations

import ast
import importlib
import json
import re
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from adcreative.cli.app import app
from adcreative.ctr.networks.registry import NETWORKS
from adcreative.papers.systems import TABLE, System, list_systems
from data.make.measured import render_systems
from tests.fake_models import ROOT

SYSTEMS = list_systems()
NUMBER = r"\d+(?:\.\d+)?(?:e-?\d+)?"


def test_there_are_twenty_eight_and_the_page_is_made_of_them() -> None:
    assert len({one.name for one in SYSTEMS}) == len(SYSTEMS) == 28
    assert (TABLE.parent / "systems.md").read_text(encoding="utf-8") == render_systems(SYSTEMS), "run make docs"
    assert all(max(map(len, (one.claim, one.bar, one.figure, one.differs))) <= 150 for one in SYSTEMS)


def read_test(test: str) -> tuple[str, set[float]]:
    """Return the source of a test, and the numbers in it and in the constants of its file that it names."""
    file, name = test.split("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    (found,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    used = {node.id for node in ast.walk(found) if isinstance(node, ast.Name)}
    parts = [node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in used]
    written = {str(node.value) for part in (found, *parts) for node in ast.walk(part) if isinstance(node, ast.Constant)}
    return ast.unparse(found), {float(one) for one in written if re.fullmatch(NUMBER, one)}


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda one: one.name)
def test_the_bar_of_each_is_asserted_by_tests_that_run_and_its_place_is_there(system: System) -> None:
    sources, stated = zip(*map(read_test, system.tests), strict=True)
    assert not any(word in source.split("def ")[0] for source in sources for word in ("skip", "xfail"))
    assert all("assert" in source for source in sources)
    bar = re.findall(rf"({NUMBER})( %)?", system.bar.replace(",", ""))
    assert bar, "a bar is a number"
    assert {float(one) / (100 if percent else 1) for one, percent in bar} <= set().union(*stated)
    words = system.where.split()
    if words[0] == "python":
        importlib.import_module(words[2])
        return
    command: Any = get_command(app)
    for word in words[1:]:
        if word.startswith("--") or not hasattr(command, "commands"):
            break
        command = command.commands[word]
    if "--network" in words:
        assert words[-1] in NETWORKS
    assert {word for word in words if word.startswith("--")} <= {flag for one in command.params for flag in one.opts}


def test_the_command_prints_all() -> None:
    for command in (["papers"], ["papers", "list"]):
        said = CliRunner().invoke(app, command).output
        assert all(f"{one.name} (" in said for one in SYSTEMS)
    rows = json.loads(CliRunner().invoke(app, ["papers", "list", "--json"]).output)
    assert [row["name"] for row in rows] == [one.name for one in SYSTEMS]
    assert all(row["bar"] and row["claim"] for row in rows)
