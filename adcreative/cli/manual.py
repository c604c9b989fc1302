"""The manual, made from the commands themselves: docs/commands.md and the man page docs/adcreative.1.

`python -m adcreative.cli.manual` (make docs) writes both; a test renders them again and fails when they are stale. What the
commands cannot know, files and environment, is said here. Loads no torch.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import typer

from adcreative import __version__
from adcreative.cli.app import app
from adcreative.cli.progress import EXIT_CODES

DOCS_DIR = Path(__file__).parents[1] / "docs"
EXAMPLE = "Example: "
_KINDS = dict.fromkeys(("int", "integer", "int range", "integer range", "list[int]", "float"), "NUMBER")
_KINDS |= {"path": "PATH", "%y-%m-%d": "DATE"}
FILES = (
    ("metadata.csv", "In a folder of creatives: one row a picture, by file_name; a table alone may name pictures beside it."),
    ("X.failures.csv", "Beside each result X: the creatives that could not be used, why, and what to do."),
    (".adcreative.json", "In each folder written to: which files are ours, so that nobody else's is written over."),
    ("results.jsonl, report.html, images/", "In the folder that optimize writes: results row by row, report, pictures."),
    (".NAME.partial.jsonl", "Beside the CSV that score is writing: the rows so far; gone when the run is done."),
    ("predictor/, judge/", "In the folder that train writes: each a manifest.json and one safetensors file."),
    (
        "~/.cache/adcreative",
        "Features of pictures and words by content, face codes among them; adcreative purge empties it or removes a person's.",
    ),
)  # fmt: skip
ENVIRONMENT = (
    ("ADCREATIVE_AUTH", "user:password of the app; as --auth, but not seen by other users of the machine."),
    ("ADCREATIVE_CACHE", "Folder to keep features in, instead of $XDG_CACHE_HOME/adcreative or ~/.cache/adcreative."),
    (
        "ADCREATIVE_CONFIG",
        "Folder of the key that seals what runs leave outside of their folders, instead of $XDG_CONFIG_HOME/adcreative or "
        "~/.config/adcreative; purge removes there what that key vouches for.",
    ),
    ("ADCREATIVE_LLM_API_KEY", "Key for the server that --llm http://... names."),
    (
        "ADCREATIVE_OCR",
        "Which letters are read in pictures: a script (cyrillic, arabic, korean, th, ...), whose model rapidocr fetches once, "
        "or the path of a recognition model (.onnx). The installed model reads Latin, Chinese and Japanese.",
    ),
    ("OMP_NUM_THREADS", "Threads of each process; all cores if not given."),
    ("RAY_ADDRESS", "Cluster that --engine ray uses."),
    ("HF_HUB_OFFLINE", "1: ask no network for weights."),
)
SEE_ALSO = (
    ("README.md", "Purpose, first steps, limits."),
    ("adcreative models", "Weights, their licences, and where they come from."),
)


@dataclass(frozen=True)
class CommandDoc:
    """Help of one command; arguments and options are pairs of (spelling, meaning), panel is its group in the help."""

    name: str
    panel: str
    synopsis: str
    purpose: str
    example: str
    arguments: tuple[tuple[str, str], ...]
    options: tuple[tuple[str, str], ...]


def command_docs() -> tuple[CommandDoc, ...]:
    """Return the help of the program and of each command, in the order of the help."""
    program: Any = typer.main.get_command(app)
    with program.make_context("adcreative", [], resilient_parsing=True) as context:
        return (_describe(program, "adcreative", context), *_describe_group(program, "adcreative", context))


def _describe_group(group: Any, name: str, context: Any) -> Iterator[CommandDoc]:
    """Yield the help of each command of a group and of the groups in it; hidden ones are left out."""
    for command in map(functools.partial(group.get_command, context), group.list_commands(context)):
        if command.hidden:
            continue
        with command.make_context(command.name, [], parent=context, resilient_parsing=True) as inner:
            if hasattr(command, "list_commands"):
                yield from _describe_group(command, f"{name} {command.name}", inner)
            else:
                yield _describe(command, f"{name} {command.name}", inner)


def _describe(command: Any, name: str, context: Any) -> CommandDoc:
    purpose, _, example = (command.help or "").partition(EXAMPLE)
    arguments: list[tuple[str, str]] = []
    options: list[tuple[str, str]] = []
    synopsis = [name]
    for parameter in command.get_params(context):
        if (record := parameter.get_help_record(context)) is None:
            continue
        is_argument = parameter.param_type_name == "argument"
        spelling = str(parameter.name).upper() if is_argument else _spelling(record[0])
        if parameter.required or is_argument:
            synopsis.append(spelling if parameter.required else f"[{spelling}]")
        (arguments if is_argument else options).append((spelling, " ".join(record[1].split())))
    return CommandDoc(
        name=name,
        panel=getattr(command, "rich_help_panel", None) or "",
        synopsis=" ".join((*synopsis, "[OPTIONS]")),
        purpose=purpose.strip(),
        example=" ".join(example.split()),
        arguments=tuple(arguments),
        options=tuple(options),
    )


def _spelling(record: str) -> str:
    """Return "--out PATH" for what the help spells "--out <path>" or "--out PATH", as the version of typer has it."""
    names = [word.strip(",") for word in record.split() if word.startswith("-")]
    kind = record.removeprefix(", ".join(names)).strip(" <>").lower()
    return ", ".join(names) + (f" {_KINDS.get(kind, 'TEXT')}" if kind else "")


def render_markdown(docs: Sequence[CommandDoc]) -> str:
    """Return the manual as Markdown."""
    program, *commands = docs
    lines = [
        "# adcreative: commands",
        "",
        "Made by `make docs` from the commands themselves; do not edit.",
        "",
        program.purpose,
        "",
    ]
    for panel, grouped in groupby(commands, key=lambda one: one.panel):
        lines += [f"**{panel}**", ""]
        lines += [f"- [`{one.name}`](#{one.name.replace(' ', '-')}): {_first_sentence(one.purpose)}" for one in grouped]
        lines += [""]
    lines += ["    adcreative [--version] [--help] COMMAND ..."]
    lines += _table("Options of the program", program.options)
    for one in commands:
        lines += ["", f"## {one.name}", "", one.purpose, "", f"    {one.synopsis}"]
        lines += _table("Arguments", one.arguments) + _table("Options", one.options)
        lines += ["", "Example:", "", f"    {one.example}"]
    lines += ["", "## Exit codes", "", EXIT_CODES.removeprefix("Exit codes: ")]
    for title, pairs in (("Files", FILES), ("Environment", ENVIRONMENT), ("See also", SEE_ALSO)):
        lines += ["", f"## {title}", "", *(f"- `{name}`: {meaning}" for name, meaning in pairs)]
    return "\n".join(lines) + "\n"


def _table(title: str, pairs: Sequence[tuple[str, str]]) -> list[str]:
    if not pairs:
        return []
    rows = [f"| `{name}` | {_escape_cell(meaning)} |" for name, meaning in pairs]
    return ["", f"| {title} | |", "|---|---|", *rows]


def _escape_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _first_sentence(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split())


def render_man(docs: Sequence[CommandDoc]) -> str:
    """Return the manual as a man page (roff, section 1)."""
    program, *commands = docs
    lines = [
        f'.TH ADCREATIVE 1 "" "adcreative {__version__}" "User Commands"',
        ".SH NAME", f"adcreative \\- {_roff(program.purpose[0].lower() + program.purpose[1:].rstrip('.'))}",
        ".SH SYNOPSIS", ".B adcreative", "[\\-\\-version] [\\-\\-help] \\fICOMMAND\\fR ...",
        ".SH DESCRIPTION", _roff(program.purpose), *_items(program.options),
        ".SH COMMANDS",
    ]  # fmt: skip
    for one in commands:
        lines += [f".SS {_roff(one.name)}", f".B {_roff(one.synopsis)}", ".PP", _roff(one.purpose)]
        lines += [*_items(one.arguments), *_items(one.options)]
    lines += [".SH EXIT STATUS", _roff(EXIT_CODES.removeprefix("Exit codes: "))]
    lines += [".SH ENVIRONMENT", *_items(ENVIRONMENT), ".SH FILES", *_items(FILES), ".SH EXAMPLES"]
    for one in commands:
        lines += [".PP", f"{_roff(_first_sentence(one.purpose))}", ".PP", ".nf", ".RS", _roff(one.example), ".RE", ".fi"]
    return "\n".join([*lines, ".SH SEE ALSO", *_items(SEE_ALSO)]) + "\n"


def _items(pairs: Sequence[tuple[str, str]]) -> list[str]:
    return [line for name, meaning in pairs for line in (".TP", f".B {_roff(name)}", _roff(meaning))]


def _roff(text: str) -> str:
    """Return plain text as roff: its control characters mean themselves, and hyphens stay hyphens when copied."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in escaped.split("\n") if line)


def pages() -> dict[Path, str]:
    """Return the text of each page by where it lies."""
    docs = command_docs()
    return {DOCS_DIR / "commands.md": render_markdown(docs), DOCS_DIR / "adcreative.1": render_man(docs)}


def write_pages() -> None:
    """Write the pages into the package's docs folder."""
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_pages()
