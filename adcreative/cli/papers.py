"""Commands of published systems off the main way: `adcreative papers NAME`. No logic of their own.

Each was a command of the program itself in 1.0 and still is, hidden from the help.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from adcreative.cli.options import Overwrite, Seed
from adcreative.cli.progress import print_outcome, verb

PANEL = "Research"
Command = TypeVar("Command", bound=Callable[..., None])
commands = typer.Typer(rich_markup_mode="rich")
group = typer.Typer(rich_markup_mode="rich", no_args_is_help=True)
commands.add_typer(group, name="papers", rich_help_panel=PANEL, help="Published systems off the main way.")


def paper(function: Command) -> Command:
    """Register a command as `adcreative papers NAME`, and under its name of 1.0."""
    group.command()(function)
    commands.command(hidden=True)(function)
    return function


@paper
def place(
    text: Annotated[Path, typer.Argument(help="Text with paragraphs (Markdown or plain).")],
    creatives: Annotated[Path, typer.Option(help="Ads: table or folder, with columns bid, ctr, url where known.")],
    out: Annotated[Path, typer.Option("--out", help="Markdown to write; OUT.json beside it holds the prices.")],
    max_ads: Annotated[int, typer.Option(help="At most so many ads.")] = 3,
    readers: Annotated[str, typer.Option(help="compare: they see all ads; cascade: they stop at the first click.")] = "compare",
    maximise: Annotated[str, typer.Option(help="welfare (value of clicks) or revenue (payments).")] = "welfare",
    past_bids: Annotated[Path | None, typer.Option(help="CSV with a column bid of earlier auctions, for revenue.")] = None,
    min_fit: Annotated[float, typer.Option(help="Cosine between ad and text below which it does not stand there.")] = 0.15,
    label: Annotated[str, typer.Option(help="What marks an ad as paid for.")] = "Sponsored",
    restart: Overwrite = False,
) -> None:
    """Place sponsored ads between the paragraphs of a text, labelled, with the price that each pays.

    Example: adcreative papers place article.md --creatives ads/ --out placed.md
    """
    from adcreative import pipeline

    with verb() as (progress, should_stop):
        summary = pipeline.place(
            text, out, creatives=creatives, max_ads=max_ads, readers=readers, maximise=maximise, past_bids=past_bids,
            min_fit=min_fit, label=label, restart=restart, progress=progress, should_stop=should_stop,
        )  # fmt: skip
    print_outcome(summary, "ad{s} placed")


@paper
def extend(
    library: Annotated[Path, typer.Argument(help="Table of sets: set, item, and title where sets have one.")],
    out: Annotated[Path, typer.Option("--out", help="CSV to write; figures beside it as JSON.")],
    seeds: Annotated[list[str] | None, typer.Option(help="Item the set begins with; repeat.")] = None,
    title: Annotated[str, typer.Option(help="Words of the set, instead of or beside seeds.")] = "",
    num: Annotated[int, typer.Option(help="Items to name.")] = 20,
    creatives: Annotated[Path | None, typer.Option(help="Ads whose words describe items of the same ad_name.")] = None,
    seed: Seed = 0,
    restart: Overwrite = False,
) -> None:
    """Continue a set of assets or keywords: more like these.

    Example: adcreative papers extend sets.csv --seeds "Ad 1" --seeds "Ad 2" --out more.csv
    """
    from adcreative import pipeline

    with verb() as (progress, should_stop):
        summary = pipeline.extend(
            library, out, seeds=tuple(seeds or ()), title=title, num=num, creatives=creatives, seed=seed, restart=restart,
            progress=progress, should_stop=should_stop,
        )  # fmt: skip
    print_outcome(summary, "item{s} named")
