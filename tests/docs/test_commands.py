"""Commands that pages, cards and the Makefile name exist, with the options that they name; links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from adcreative.cli.app import app
from data.make import measured
from data.make.measured import read_figures, render_page

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "Makefile",
    ROOT / "data" / "README.md",
    *sorted((ROOT / "adcreative" / "docs").glob("*.md")),
    *sorted((ROOT / "data" / "weights").glob("*/README.md")),
]
HAS_NO_PARSER = {
    "tests.bench.editing",
    "tests.bench.fuxictr",
    "tests.bench.long_history",
    "data.make.measured",
    "data.make.sample_ads",
    "tests.check_demo",
    "tests.check_install",
    "tests.check_audit",
    "tests.bench.check",
}

STAGES = ("pretrain", "sft", "dpo", "checkfree")


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8").replace("\\\n", " ")


def python_commands() -> list[tuple[str, tuple[str, ...]]]:
    """Return (module, options) of each `python -m ...`, each once; the stage of a module with stages follows its name."""
    found = set()
    for page in PAGES:
        for line in re.findall(r"(?:python|\$\(BIN\)/python) -m ([a-z][^`\n]*)", read(page)):
            module, *words = re.sub(r"\s(#|>|&&|;).*", "", line).replace('"', "").split()
            module = module.rstrip(".,;:)")
            if words and words[0] in STAGES:
                module = f"{module} {words[0]}"
            if module.split(".")[0] in ("adcreative", "data", "stylegan", "tests"):
                found.add((module, tuple(sorted({word.split("=")[0] for word in words if word.startswith("--")}))))
    return sorted(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_the_program_exist_with_their_options(page: Path) -> None:
    text = read(page)
    lines = re.findall(r"^ {4}(adcreative [a-z].*)$", text, flags=re.MULTILINE)
    lines += [
        line
        for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
        for line in block.splitlines()
        if line.startswith("adcreative ")
    ]
    lines += re.findall(r"`(adcreative [a-z][^`\n]*)`", text)
    commands = get_command(app).commands  # type: ignore[attr-defined]
    for line in lines:
        _, name, *words = shlex.split(line, comments=True)
        assert name in commands, line
        command = commands[name]
        if hasattr(command, "commands") and words[:1] and words[0] not in ("NAME", "--help"):
            assert words[0] in command.commands, line
            command = command.commands[words[0]]
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= known, line


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")  # other tests import what this one runs
@pytest.mark.parametrize(("module", "options"), python_commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_modules_run_and_know_their_options(
    module: str, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if module in HAS_NO_PARSER:
        assert importlib.util.find_spec(module) is not None
        assert not options
        return
    name, *stage = module.split()
    monkeypatch.setattr(sys, "argv", [name, *stage, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(name, run_name="__main__", alter_sys=False)
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(option in said for option in options), f"{options} of {module}:\n{said}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links {target}"


def test_the_readme_fits_in_one_reading() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 90


def test_the_page_of_figures_is_made_of_the_data_and_each_row_is_short() -> None:
    figures = read_figures()
    assert (measured.FOLDER / "measured.md").read_text(encoding="utf-8") == render_page(figures), "run make docs"
    for one in figures:
        assert one.low is None or one.high is None or one.low <= one.value <= one.high, one.claim
        assert re.match(r"(python -m |adcreative |make )", one.command), one.command
        assert len(one.claim) <= 120, one.claim
    assert len({(one.claim, one.data) for one in figures}) == len(figures) <= 60
