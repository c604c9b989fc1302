"""The names that stay through all versions 1.x: commands with their options, functions with their arguments, columns.

    python -m tests.promises     # adds what the code offers now to promised.json; nothing is ever taken out by it

`test_promises.py` fails when the code no longer keeps one of them. Loads no torch.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from typer.main import get_command

from adcreative import pipeline
from adcreative.cli.app import app
from adcreative.creative import Creative

PROMISED = Path(__file__).with_name("promised.json")
Names = dict[str, dict[str, list[str]]]


@cache
def read_names() -> Names:
    """Return what the code offers now: kind -> owner -> names. Private names and what a plain value is are left out."""
    commands: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
    functions = {name: getattr(pipeline, name) for name in pipeline.__all__}
    functions |= {f"Studio.{name}": value for name, value in vars(pipeline.Studio).items() if name[0] != "_"}
    return {
        "commands": {
            name: sorted(option for param in command.params for option in (*param.opts, *param.secondary_opts))
            for name, command in commands.items()
        },
        "functions": {
            name: list(inspect.signature(value).parameters) for name, value in functions.items() if inspect.isfunction(value)
        },
        "fields": {"Creative": [field.name for field in fields(Creative)]},
        "columns": {"score": list(pipeline.SCORE_COLUMNS)},
    }


def main() -> None:
    """Add the names of today to those that were promised."""
    promised: Names = json.loads(PROMISED.read_text()) if PROMISED.exists() else {}
    for kind, owners in read_names().items():
        for owner, names in owners.items():
            kept = promised.setdefault(kind, {}).setdefault(owner, [])
            kept.extend(name for name in names if name not in kept)
    PROMISED.write_text(json.dumps(promised, indent=1) + "\n")


if __name__ == "__main__":
    main()
