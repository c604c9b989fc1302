"""Each command explains itself; variables and files are in the reference; the shells complete what there is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adcreative.cli.app import app
from tests.cli.documented import DocumentedCommand, documented_commands

ROOT = Path(__file__).parents[2]
DOCS = documented_commands()


@pytest.mark.parametrize("doc", DOCS, ids=lambda doc: doc.name)
def test_each_command_has_purpose_options_with_meaning_and_an_example_of_itself(doc: DocumentedCommand) -> None:
    assert doc.help.rstrip().endswith(".")
    assert all(doc.meanings)
    assert doc.example.startswith(f"{doc.name} ") or doc.example == doc.name


def test_every_variable_of_ours_is_in_the_reference() -> None:
    sources = [path.read_text() for top in ("adcreative", "stylegan", "apps") for path in (ROOT / top).rglob("*.py")]
    read = {name for text in sources for name in re.findall(r"environ[^\n]*?\"(ADCREATIVE_\w+|RAY_ADDRESS)\"", text)}
    page = (ROOT / "adcreative" / "docs" / "reference.md").read_text(encoding="utf-8")
    assert "ADCREATIVE_CACHE" in read
    assert all(f"`{name}`" in page for name in read)


def complete(shell: str, words: str) -> str:
    """Return what the program answers to a shell that asks for completions of `words`."""
    variables = {
        "_ADCREATIVE_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
        "_TYPER_COMPLETE_ARGS": words,
    }
    return CliRunner().invoke(app, [], prog_name="adcreative", env=variables).output


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_program_completes_commands_and_options(shell: str) -> None:
    every = complete(shell, "adcreative ")
    assert all(re.search(rf"\b{doc.name.split()[1]}\b", every) for doc in DOCS)
    some = complete(shell, "adcreative sc")
    assert re.search(r"\bscore\b", some)
    assert "train" not in some
    assert "--restart" in complete(shell, "adcreative score --re")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_completion_script_loads_in_its_shell_and_asks_the_program(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shellingham.detect_shell", lambda: (shell, shell))
    script = CliRunner().invoke(app, ["--show-completion"], prog_name="adcreative").output
    assert f"_ADCREATIVE_COMPLETE=complete_{shell}" in script
    assert "adcreative" in script.splitlines()[-1]
    if shutil.which(shell) is not None:
        (tmp_path / "script").write_text(script)
        subprocess.run([shell, "-n", str(tmp_path / "script")], check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_score_with_the_installed_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed into a home of its own, then asked as bash asks it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("shellingham.detect_shell", lambda: ("bash", "bash"))
    installed = CliRunner().invoke(app, ["--install-completion"], prog_name="adcreative")
    assert installed.exit_code == 0, installed.output
    (script,) = (path for path in tmp_path.rglob("*.sh"))
    program = "import sys; sys.argv[0] = 'adcreative'; from adcreative.cli.app import app; app()"
    (tmp_path / "adcreative").write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{program}" "$@"\n')
    (tmp_path / "adcreative").chmod(0o755)
    function = re.findall(r"-F (\w+)|(\w+_completion)\s*\(\)", script.read_text())[0]
    call = f'{next(filter(None, function))} "{tmp_path}/adcreative"'
    ask = f'source "{script}"; COMP_WORDS=(adcreative sc); COMP_CWORD=1; {call}; echo "${{COMPREPLY[@]}}"'
    found = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, cwd=ROOT, check=True)
    assert found.stdout.split() == ["score"]
