"""Commands of published systems off the main way: `adcreative papers NAME`. No logic of their own.

Each was a command of the program itself in 1.0 and still is, hidden from the help.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from adcreative import pipeline
from adcreative.cli.commands import Done, in_group, shown
from adcreative.options import CsvAndJson, LogModel, Overwrite, Seed
from adcreative.pipeline import PlaceSettings

PANEL = "Research"
commands = typer.Typer(rich_markup_mode="rich")
group = typer.Typer(rich_markup_mode="rich", no_args_is_help=True)
commands.add_typer(group, name="papers", rich_help_panel=PANEL, help="Published systems off the main way.")
paper = in_group(group, commands)


@paper("place")
@shown
def place(
    text: Annotated[Path, typer.Argument(help="Text with paragraphs (Markdown or plain).")],
    creatives: Annotated[Path, typer.Option(help="Ads: table or folder, with columns bid, ctr, url where known.")],
    out: Annotated[Path, typer.Option("--out", help="Markdown to write; OUT.json beside it holds the prices.")],
    settings: PlaceSettings,
    restart: Overwrite = False,
    **told: Any,
) -> Done:
    """Place sponsored ads between the paragraphs of a text, labelled, with the price that each pays.

    Example: adcreative papers place article.md --creatives ads/ --out placed.md
    """
    return pipeline.place(text, out, settings, creatives=creatives, restart=restart, **told), "ad{s} placed"


@paper("extend")
@shown
def extend(
    library: Annotated[Path, typer.Argument(help="Table of sets: set, item, and title where sets have one.")],
    out: CsvAndJson,
    seeds: Annotated[list[str] | None, typer.Option(help="Item the set begins with; repeat.")] = None,
    title: Annotated[str, typer.Option(help="Words of the set, instead of or beside seeds.")] = "",
    num: Annotated[int, typer.Option(help="Items to name.")] = 20,
    creatives: Annotated[Path | None, typer.Option(help="Ads whose words describe items of the same ad_name.")] = None,
    seed: Seed = 0,
    restart: Overwrite = False,
    **told: Any,
) -> Done:
    """Continue a set of assets or keywords: more like these.

    Example: adcreative papers extend sets.csv --seeds "Ad 1" --seeds "Ad 2" --out more.csv
    """
    summary = pipeline.extend(
        library, out, seeds=tuple(seeds or ()), title=title, num=num, creatives=creatives, seed=seed, restart=restart, **told
    )
    return summary, "item{s} named"


@paper("select")
@shown
def select(
    model: LogModel,
    data: Annotated[Path, typer.Option(help="The log that it was trained on.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for values.csv, pairs.csv, schema.toml and optinter.toml.")],
    settings: Annotated[Path | None, typer.Option(help="TOML with [values] and [tuning].")] = None,
    seed: Seed = 0,
    restart: Overwrite = False,
    **told: Any,
) -> Done:
    """Say which values of each field, and which pairs of fields, are worth keeping; write a schema to train with.

    Example: adcreative papers select log-model/ --data impressions.parquet --out selected/
    """
    return pipeline.select(model, data, out, settings=settings, seed=seed, restart=restart, **told), "value{s} judged"
