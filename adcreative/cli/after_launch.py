"""Commands of the help panel "After launch": rotate and retire. No logic of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Unpack

import typer

from adcreative import pipeline
from adcreative.cli.commands import Done, shown
from adcreative.options import CsvAndJson, Data, Overwrite, Seed
from adcreative.pipeline import ReadSettings, RotateSettings
from adcreative.progress import Callbacks

PANEL = "After launch"
commands = typer.Typer(rich_markup_mode="rich")


@commands.command(rich_help_panel=PANEL)
@shown
def rotate(
    account: Data,
    log: Annotated[Path, typer.Option("--log", help="Log of impressions and clicks: parquet, CSV, or an export by day.")],
    out: Annotated[Path, typer.Option("--out", help="CSV to write: context, slot, creative, share.")],
    settings: RotateSettings,
    restart: Overwrite = False,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Plan tomorrow's share of impressions for each creative; log the shares, evaluate-policy needs them.

    Example: adcreative rotate account/ --log log.parquet --out plan.csv
    """
    return pipeline.rotate(account, out, settings, log=log, restart=restart, **callbacks), "share{s} planned"


@commands.command(rich_help_panel=PANEL)
@shown
def forecast(
    account: Annotated[Path, typer.Argument(help="Export or log by day: ad, day, impressions, clicks.")],
    out: CsvAndJson,
    settings: ReadSettings,
    creatives: Annotated[Path | None, typer.Option(help="The ads: folder or table; gives the queue for optimize.")] = None,
    seed: Seed = 0,
    restart: Overwrite = False,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Forecast when each ad ends: cut-out chance, retire-by date with interval, refresh queue.

    Example: adcreative forecast daily.csv --creatives account/ --out forecast.csv
    """
    summary = pipeline.forecast(account, out, settings, creatives=creatives, seed=seed, restart=restart, **callbacks)
    return summary, "ad{s} forecast"
