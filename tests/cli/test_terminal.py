"""Names that others wrote cannot steer the terminal, whichever command prints them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from adcreative.cli.app import app
from adcreative.cli.terminal import plain, say_json, say_lines

CLI = Path(__file__).parents[2] / "adcreative" / "cli"
HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\u202egnp.\x9b31m"


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.text())
def test_what_is_printed_holds_no_control_character(text: str) -> None:
    shown = plain(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    assert shown.isascii() or not text.isascii()
    shown.encode("utf-8")
    if text.isprintable():
        assert shown == text


def test_line_ends_and_letters_of_all_scripts_stay() -> None:
    text = "Größe\t文字 עברית\nfamily: 👨\u200d👩\u200d👧"
    assert plain(text) == text
    assert plain(HOSTILE) == "\\x1b]0;owned\\x07\\x1b[2J\\r\\u202egnp.\\x9b31m"


@pytest.mark.parametrize("verb", ["check", "score"])
def test_hostile_column_and_file_names_are_printed_as_codes(tmp_path: Path, verb: str) -> None:
    table = tmp_path / "\x1b[2Jads.csv"
    table.write_text(f"{HOSTILE},impressions\na,3\n", newline="")
    result = CliRunner().invoke(app, [verb, str(table), "--out", str(tmp_path / "out.csv")])
    assert result.exit_code == 2
    assert "\\x1b" in result.stderr
    assert not set("\x1b\x07\x9b\u202e\r") & set(result.output + result.stderr)


def test_of_a_long_result_the_first_lines_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    say_lines([f"pair {k}" for k in range(24)])
    assert capsys.readouterr().out.splitlines()[-1] == "pair 23"
    say_lines([f"pair {k}" for k in range(100)])
    assert capsys.readouterr().out.splitlines()[-2:] == ["pair 23", "... and 76 lines more, in what was written"]


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"auc": float("nan"), "gain": [float("inf"), 0.1], "path": Path("a") / "b", "name": "Größe"})
    found = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert found == {"auc": None, "gain": [None, 0.1], "path": "a/b", "name": "Größe"}


def test_no_command_prints_json_otherwise() -> None:
    for path in CLI.glob("*.py"):
        if path.name != "terminal.py":
            assert "json.dump" not in path.read_text(encoding="utf-8"), path.name


def test_every_command_prints_through_one_function() -> None:
    for path in CLI.glob("*.py"):
        if path.name not in ("terminal.py", "manual.py"):
            assert not re.search(r"\btyper\.(echo|secho)\(|(?<![.\w])print\(", path.read_text(encoding="utf-8")), path.name
