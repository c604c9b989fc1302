"""Safe terminal output: every text of a command goes through `say`, so that no name in a file can control the terminal.

Column, file and ad names are untrusted. Escape codes in names could overwrite earlier output, rename the window, or type into
the shell; direction marks can disguise a file's suffix. Does not import torch.

Source: Unicode UAX 44 (general categories Cc, Cf, Cs, Co), Unicode TR 36, 3.1 (bidirectional text spoofing).
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence

import typer

_KEPT = "\n\t\u200d\u200c"  # line ends, tabs; joiners, needed by emoji and several scripts
MAX_LINES = 24
_SHOWN_AS_CODE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def plain(text: str) -> str:
    """Return text with control, direction and private characters replaced by codes such as \\x1b and \\u202e."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in _KEPT or unicodedata.category(character) not in _SHOWN_AS_CODE
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def say(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Print a sanitised text to stdout or stderr."""
    typer.echo(plain(str(text)), err=err, nl=nl)


def say_lines(lines: Sequence[str]) -> None:
    """Print the lines of a result: at most MAX_LINES, followed by the number of further lines in the written file."""
    for line in lines[:MAX_LINES]:
        say(line)
    if len(lines) > MAX_LINES:
        say(f"... and {len(lines) - MAX_LINES} lines more, in what was written")


def say_json(value: object, *, indent: int | None = None) -> None:
    """Print a value as JSON; NaN and infinities become null, and values of other types become text."""
    text = json.dumps(json.loads(json.dumps(value, default=str), parse_constant=lambda _: None), indent=indent)
    say(text)
