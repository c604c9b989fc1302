"""Commands of the help panel "Score": predicted click rates with intervals and reasons. No logic of their own."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Unpack

import typer

from adcreative import pipeline
from adcreative.cli.columns import Export
from adcreative.cli.commands import Done, flags, shown
from adcreative.cli.progress import EXIT_CODES, verb
from adcreative.cli.terminal import say, say_lines
from adcreative.creative import Creative
from adcreative.options import BaseRate, Csv, Data, Model, Overwrite, Words
from adcreative.pipeline import BatchConfig, ScoreSettings, WordsSettings
from adcreative.progress import Callbacks

PANEL = "Score"
commands = typer.Typer(rich_markup_mode="rich")


@commands.command(epilog=EXIT_CODES, rich_help_panel=PANEL)
@shown
def score(
    data: Data, out: Csv, settings: ScoreSettings, table: Export, batch: BatchConfig, **callbacks: Unpack[Callbacks]
) -> Done:
    """Predict a click rate with interval, evidence and reasons for each creative; or the rate of each row of a log.

    Example: adcreative score ads/ --out scores.csv
    """
    columns = table.confirm(data, out, settings.columns, model=settings.model, needs_results=False)
    summary = pipeline.score(data, out, replace(settings, columns=columns), batch=batch, **callbacks)
    return summary, f"{summary.unit}{{s}} scored"


@commands.command(epilog=EXIT_CODES, rich_help_panel=PANEL)
@shown
def read(
    data: Data, out: Csv, settings: WordsSettings, table: Export, batch: BatchConfig, **callbacks: Unpack[Callbacks]
) -> Done:
    """Read the words in pictures into a table to correct: one row a block, with its role; --words hands it to other commands.

    Example: adcreative read ads/ --out words.csv
    """
    settings = replace(settings, columns=table.confirm(data, out, settings.columns, needs_results=False))
    return pipeline.read(data, out, settings, batch=batch, **callbacks), "creative{s} read"


@dataclass(frozen=True, kw_only=True)
class Ad:
    """The words and the context of one ad."""

    headline: Annotated[str, typer.Option(help="Headline.")] = ""
    primary_text: Annotated[str, typer.Option(help="Text above the picture.")] = ""
    description: Annotated[str, typer.Option(help="Text below the headline.")] = ""
    cta: Annotated[str, typer.Option(help="Button.")] = ""
    brand: Annotated[str, typer.Option(help="Brand.")] = ""
    category: Annotated[str, typer.Option(help="Category.")] = ""
    platform: Annotated[str, typer.Option(help="Platform.")] = ""
    placement: Annotated[str, typer.Option(help="Placement.")] = ""
    audience: Annotated[str, typer.Option(help="Audience.")] = ""


@commands.command(rich_help_panel=PANEL)
@flags
def explain(
    words: Ad,
    ad: Annotated[Path | None, typer.Argument(metavar="AD", help="The picture; left out: words only.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for heat.png, explanation.json and .html.")] = Path("why"),
    model: Model = None,
    base_rate: BaseRate = None,
    words_file: Words = None,
    restart: Overwrite = False,
) -> None:
    """Say why an ad has the rate it has: parts, words, regions of the picture, nearest known creatives.

    With the model of an impression log, AD is a log: what its fields are worth, and what the network shows of itself.

    Example: adcreative explain ad.jpg --headline "Sleep better tonight" --out why/
    """
    creative = Creative(file_name=ad.name if ad else "", image_path=ad, **asdict(words))
    with verb() as (progress, should_stop):
        summary = pipeline.explain(
            creative,
            out,
            model=model,
            base_rate=base_rate,
            words=words_file,
            restart=restart,
            progress=progress,
            should_stop=should_stop,
        )
    if summary.stopped:
        say("stopped; nothing was written", err=True)
        raise typer.Exit(130)
    say_lines((*summary.lines, str(summary.path)))
