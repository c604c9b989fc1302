"""Command line: one typer command per verb of `pipeline`, without logic.

Each help panel is a file: score, improve, launch, after_launch, learn, tools, rules; `tools` and `papers` are groups. Progress,
errors and exit codes are in `progress`. `--help` does not import torch.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from adcreative import __version__
from adcreative.cli import after_launch, improve, launch, learn, papers, rules, score, tools
from adcreative.cli.progress import EXIT_CODES
from adcreative.cli.terminal import say

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Score ad creatives with an interval and reasons, search edits of faces and words, and check the gain.",
    epilog=EXIT_CODES,
)
PANELS = (score, improve, launch, after_launch, learn, tools, papers, rules)  # in the order of the help


@app.callback(invoke_without_command=True)
def main(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    """Set what every command needs before any model loads."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if version:
        say(__version__)
        raise typer.Exit


for panel in PANELS:
    app.add_typer(panel.commands)


if __name__ == "__main__":
    sys.exit(app())
