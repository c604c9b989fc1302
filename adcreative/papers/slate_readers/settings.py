"""Settings of `rotate` with readers. Loads no model code, so that the command line can name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from adcreative.verbs import settings

AUTO, ALIKE = "auto", "alike"


@dataclass(frozen=True, kw_only=True)
class RotateSettings(settings.RotateSettings):
    """How tomorrow's impressions are shared. readers: "gru" or "linear" follows each reader of a log of slates with users by
    their clicks, and fills slates for those who were seen last; "alike" takes all to be alike; "auto": whichever tells slates
    left out best; "": auto where the log follows readers who come back, alike elsewhere."""

    readers: Annotated[str, typer.Option(hidden=True, help="gru, linear, alike, auto (where readers come back).")] = ""
