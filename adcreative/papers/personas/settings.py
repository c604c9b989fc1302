"""Settings of `score` with personas. Imports no model code, for use by the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from adcreative.verbs import settings


@dataclass(frozen=True, kw_only=True)
class ScoreSettings(settings.ScoreSettings):
    """How creatives are scored. persona: declared profiles to rank ads for; audit: file written by `audit_personas`."""

    persona: Annotated[Path | None, typer.Option(hidden=True, help="TOML: OUT.personas.csv ranks ads for these.")] = None
    audit: Annotated[Path | None, typer.Option(hidden=True, help="What papers personas wrote; with --persona.")] = None
