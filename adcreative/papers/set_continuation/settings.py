"""Settings of a continued set. Imports no model code, for use by the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from adcreative.options import Seed, WordEncoder


@dataclass(frozen=True, kw_only=True)
class ExtendSettings:
    """What is continued, and by how many items. At least one of seeds and title is needed."""

    seeds: Annotated[Sequence[str], typer.Option(help="Item at the start of the set; repeat.")] = ()
    title: Annotated[str, typer.Option(help="Title of the set, instead of seeds or with them.")] = ""
    num: Annotated[int, typer.Option(help="Number of items to suggest.")] = 20
    creatives: Annotated[Path | None, typer.Option(help="Ads whose words describe the items with the same ad_name.")] = None
    text_encoder: WordEncoder = ""
    seed: Seed = 0
