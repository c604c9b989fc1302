"""Settings of `rotate` with readers. Imports no model code, for use by the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from adcreative.verbs import settings

AUTO, ALIKE = "auto", "alike"


@dataclass(frozen=True, kw_only=True)
class RotateSettings(settings.RotateSettings):
    """How tomorrow's impressions are shared. readers: "gru" or "linear" models each reader in a log of slates with users by
    their clicks, and fills slates for the most recent readers; "alike": one model for all readers; "auto": the best on held-out
    slates; "": auto for a log with returning readers, else alike."""

    readers: Annotated[str, typer.Option(hidden=True, help="gru, linear, alike, auto (where readers come back).")] = ""
