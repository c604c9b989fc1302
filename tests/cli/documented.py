"""The commands as their help describes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from typer.main import get_command

from adcreative.cli.app import app

EXAMPLE = "Example: "


@dataclass(frozen=True)
class DocumentedCommand:
    """name: as typed, with the program's. help: without the example. meanings: of its arguments and options."""

    name: str
    help: str
    example: str
    meanings: tuple[str, ...]


def documented_commands() -> tuple[DocumentedCommand, ...]:
    """Return each command that the help shows, those of groups too, in its order."""
    return tuple(_walk(get_command(app), "adcreative"))


def _walk(group: Any, name: str) -> Iterator[DocumentedCommand]:
    for own, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from _walk(command, f"{name} {own}")
            continue
        purpose, _, example = (command.help or "").partition(EXAMPLE)
        meanings = tuple(parameter.help or "" for parameter in command.params)
        yield DocumentedCommand(f"{name} {own}", purpose.strip(), " ".join(example.split()), meanings)
