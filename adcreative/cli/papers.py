"""Commands of published systems outside of the main workflow: `adcreative papers NAME`. No logic.

Commands of version 1.0 keep their old names at the top level, hidden from the help.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Unpack

import typer

from adcreative import pipeline
from adcreative.cli.commands import Done, in_group, shown
from adcreative.cli.terminal import say, say_json
from adcreative.options import CsvAndJson, Data, Dates, LogModel, Overwrite, Seed, WordEncoder
from adcreative.pipeline import ExtendSettings, PlaceSettings, RotateSettings, TargetSettings
from adcreative.progress import Callbacks

PANEL = "Research"
commands = typer.Typer(rich_markup_mode="rich")
group = typer.Typer(rich_markup_mode="rich", invoke_without_command=True)
commands.add_typer(group, name="papers", rich_help_panel=PANEL, help="Published systems off the main way.")
paper = in_group(group, commands)


@group.callback()
def show(context: typer.Context) -> None:
    """List every published system, without a command of the group."""
    if context.invoked_subcommand is None:
        list_systems()


@group.command("list")
def list_systems(as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with claims and bars.")] = False) -> None:
    """List every published system: where it is used, our figure, what differs from the paper.

    Example: adcreative papers list
    """
    found = pipeline.list_systems()
    if as_json:
        say_json([asdict(one) for one in found], indent=1)
        return
    for one in found:
        say(str(one))


@paper("place")
@shown
def place(
    text: Annotated[Path, typer.Argument(help="Text with paragraphs (Markdown or plain).")],
    creatives: Annotated[Path, typer.Option(help="Ads: table or folder, with columns bid, ctr, url where known.")],
    out: Annotated[Path, typer.Option("--out", help="Markdown to write; OUT.json beside it holds the prices.")],
    settings: PlaceSettings,
    restart: Overwrite = False,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Place sponsored ads between the paragraphs of a text, labelled, with the price that each pays.

    Example: adcreative papers place article.md --creatives ads/ --out placed.md
    """
    return pipeline.place(text, out, settings, creatives=creatives, restart=restart, **callbacks), "ad{s} placed"


@paper("extend")
@shown
def extend(
    library: Annotated[Path, typer.Argument(help="Table of sets: set, item, and title where sets have one.")],
    out: CsvAndJson,
    settings: ExtendSettings,
    restart: Overwrite = False,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Continue a set of assets or keywords: more like these.

    Example: adcreative papers extend sets.csv --seeds "Ad 1" --seeds "Ad 2" --out more.csv
    """
    return pipeline.extend(library, out, settings, restart=restart, **callbacks), "item{s} named"


@paper("select")
@shown
def select(
    model: LogModel,
    data: Annotated[Path, typer.Option(help="Log that the model was trained on.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for values.csv, pairs.csv, schema.toml and optinter.toml.")],
    settings: Annotated[Path | None, typer.Option(help="TOML with [values] and [tuning].")] = None,
    seed: Seed = 0,
    restart: Overwrite = False,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Say which values of each field, and which pairs of fields, are worth keeping; write a schema to train with.

    Example: adcreative papers select log-model/ --data impressions.parquet --out selected/
    """
    return pipeline.select(model, data, out, settings=settings, seed=seed, restart=restart, **callbacks), "value{s} judged"


@paper("personas", old="audit-personas")
@shown
def audit_personas(
    answers: Annotated[Path, typer.Argument(help="Table of person, creative, rating or click, traits; or ADS-16.")],
    out: Annotated[Path, typer.Option("--out", help="JSON to write; effects beside it as CSV.")],
    creatives: Annotated[Path | None, typer.Option(help="The ads that were answered: folder or table.")] = None,
    personas: Annotated[Path | None, typer.Option(help="TOML: a table of traits for each persona to rank ads for.")] = None,
    seed: Seed = 0,
    restart: Overwrite = False,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Measure whether declared audience profiles say which ads are preferred, and which trait goes with which feature.

    Example: adcreative papers personas answers.csv --creatives account/ --personas personas.toml --out audit.json
    """
    summary = pipeline.audit_personas(
        answers, out, creatives=creatives, personas=personas, seed=seed, restart=restart, **callbacks
    )
    return summary, "person{s} asked"


@group.command("target")
@shown
def target_by_encoder(
    ads: Data,
    out: CsvAndJson,
    settings: TargetSettings,
    index: Annotated[Path, typer.Option(help="Folder to save the encoder's index into, where the encoder is best.")],
    pictures: Annotated[bool, typer.Option(help="Use pictures as well as words.")] = True,
    text_encoder: WordEncoder = "",
    restart: Overwrite = False,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Rank search queries, keywords or interests as target does, by a trained encoder too.

    Example: adcreative papers target ads.csv --labels pairs.csv --index index/ --out targets.csv
    """
    summary = pipeline.target(
        ads, out, settings, index=index, use_pictures=pictures, text_encoder=text_encoder, restart=restart, **callbacks
    )
    return summary, "creative{s} targeted"


@group.command("slates")
@shown
def slates_for_readers(
    account: Data,
    log: Annotated[Path, typer.Option(help="Log of impressions and clicks with columns user and slate: parquet or CSV.")],
    out: Annotated[Path, typer.Option("--out", help="CSV to write: slot, creative, share; OUT.slates.csv beside it.")],
    slots: Annotated[int, typer.Option(help="Creatives shown together.")],
    readers: Annotated[str, typer.Option(help="gru, linear (a running mean) or auto: the best on held-out slates.")] = "auto",
    seed: Seed = 0,
    restart: Overwrite = False,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Fill slates for each reader who comes back, by their clicks.

    Example: adcreative papers slates account/ --log pages.parquet --slots 4 --out readers.csv
    """
    settings = RotateSettings(slots=slots, readers=readers, seed=seed)
    return pipeline.rotate(account, out, settings, log=log, restart=restart, **callbacks), "share{s} planned"


@group.command("forecast")
@shown
def forecast_two_terms(
    account: Annotated[Path, typer.Argument(help="Export or log by day: ad, day, impressions, clicks.")],
    out: CsvAndJson,
    creatives: Annotated[Path | None, typer.Option(help="The ads: folder or table; gives the queue for optimize.")] = None,
    dates: Dates = "",
    seed: Seed = 0,
    restart: Overwrite = False,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Forecast when each ad ends as forecast does, by the two-term hazard too.

    Example: adcreative papers forecast daily.csv --creatives account/ --out forecast.csv
    """
    found = pipeline.forecast_two_terms(account, out, creatives=creatives, dates=dates, seed=seed, restart=restart, **callbacks)
    return found, "ad{s} forecast"
