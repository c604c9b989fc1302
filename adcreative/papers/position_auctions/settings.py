"""Settings of a placement. Imports no model code, for use by the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from adcreative.options import Decimals, WordEncoder


@dataclass(frozen=True, kw_only=True)
class PlaceSettings:
    """How ads are placed in a text. fit_weight: log-odds of a cosine of 1 between an ad and the words around it."""

    max_ads: Annotated[int, typer.Option(help="At most so many ads.")] = 3
    readers: Annotated[str, typer.Option(help="compare: they see all ads; cascade: they stop at the first click.")] = "compare"
    maximise: Annotated[str, typer.Option(help="welfare (value of clicks) or revenue (payments).")] = "welfare"
    past_bids: Annotated[Path | None, typer.Option(help="CSV with a column bid of earlier auctions, for revenue.")] = None
    min_fit: Annotated[float, typer.Option(help="Cosine between ad and text below which it does not stand there.")] = 0.15
    label: Annotated[str, typer.Option(help="What marks an ad as paid for.")] = "Sponsored"
    decimals: Decimals = ""
    text_encoder: WordEncoder = ""
    fit_weight: float = 3.0
