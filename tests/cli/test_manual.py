"""The manual says what the commands say, now; the shells complete what there is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adcreative.cli import manual as cli_docs
from adcreative.cli.app import app
from adcreative.cli.manual import command_docs, pages

ROOT = Path(__file__).parents[2]
DOCS = command_docs()


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_the_committed_manual_is_not_stale(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages()[path], f"{path.name} is stale: make docs, then commit it"


@pytest.mark.parametrize("doc", DOCS[1:], ids=lambda doc: doc.name)
def test_each_command_has_purpose_options_with_meaning_and_an_example_of_itself(doc: cli_docs.CommandDoc) -> None:
    assert doc.purpose.rstrip().endswith(".")
    assert all(meaning for _, meaning in (*doc.arguments, *doc.options))
    assert doc.example.startswith(f"{doc.name} ") or doc.example == doc.name
    for text in pages().values():
        plain = text.replace("\\-", "-")
        assert doc.synopsis in plain
        assert doc.example in plain


def test_every_variable_of_ours_is_in_the_manual() -> None:
    sources = [path.read_text() for top in ("adcreative", "stylegan", "apps") for path in (ROOT / top).rglob("*.py")]
    read = {name for text in sources for name in re.findall(r"environ[^\n]*?\"(ADCREATIVE_\w+|RAY_ADDRESS)\"", text)}
    assert read <= {name for name, _ in cli_docs.ENVIRONMENT}
    assert "ADCREATIVE_CACHE" in read


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_the_man_page_is_sound_roff() -> None:
    page = cli_docs.DOCS_DIR / "adcreative.1"
    made = subprocess.run(["groff", "-man", "-ww", "-Tascii", str(page)], capture_output=True, text=True, check=True)
    assert made.stderr == ""
    for heading in ("NAME", "SYNOPSIS", "COMMANDS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"):
        assert heading in made.stdout


def complete(shell: str, words: str) -> str:
    """Return what the program answers to a shell that asks for completions of `words`."""
    variables = {
        "_ADCREATIVE_COMPLETE": f"complete_{shell}", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")),
        "_TYPER_COMPLETE_ARGS": words,
    }  # fmt: skip
    return CliRunner().invoke(app, [], prog_name="adcreative", env=variables).output


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_program_completes_commands_and_options(shell: str) -> None:
    every = complete(shell, "adcreative ")
    assert all(re.search(rf"\b{doc.name.split()[1]}\b", every) for doc in DOCS[1:])
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
