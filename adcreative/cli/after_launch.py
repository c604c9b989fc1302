"""Commands of the help panel "After launch": rotate, judge, retire and target. No logic of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adcreative.cli.options import Data, Dates, Overwrite, Seed
from adcreative.cli.progress import print_outcome, verb

PANEL = "After launch"
commands = typer.Typer(rich_markup_mode="rich")

Log = Annotated[Path, typer.Option("--log", help="What was shown and clicked: parquet, CSV, or an export by day.")]


@commands.command(rich_help_panel=PANEL)
def rotate(
    account: Data,
    log: Log,
    out: Annotated[Path, typer.Option("--out", help="CSV to write: context, slot, creative, share.")],
    policy: Annotated[
        str, typer.Option(help="ts, top-two, greedy, uniform; with several slots also in-slate (then the default).")
    ] = "",
    slots: Annotated[int, typer.Option(help="Creatives shown together.")] = 1,
    readers: Annotated[
        str, typer.Option(help="gru or linear: slates for each reader who comes back, by their clicks; several slots.")
    ] = "",
    scores: Annotated[Path | None, typer.Option(help="Table of score: where new creatives start.")] = None,
    explore: Annotated[float, typer.Option(help="Part of the impressions that all creatives share.")] = 0.0,
    forecast: Annotated[Path | None, typer.Option(help="Table of forecast: ads that probably end get less.")] = None,
    dates: Dates = "",
    half_life: Annotated[
        float | None,
        typer.Option(help="Results that are so many days old count half; 0: all alike. By evidence when left out."),
    ] = None,
    seed: Seed = 0,
    restart: Overwrite = False,
) -> None:
    """Plan tomorrow's share of impressions for each creative; log the shares, evaluate-policy needs them.

    Example: adcreative rotate account/ --log log.parquet --out plan.csv
    """
    from adcreative import pipeline

    with verb() as (progress, should_stop):
        summary = pipeline.rotate(
            account, out, log=log, policy=policy, slots=slots, readers=readers, scores=scores, explore=explore,
            half_life_days=half_life, forecast=forecast, dates=dates, seed=seed, restart=restart, progress=progress,
            should_stop=should_stop,
        )  # fmt: skip
    print_outcome(summary, "share{s} planned")


@commands.command("evaluate-policy", rich_help_panel=PANEL)
def evaluate_policy(
    log: Annotated[Path, typer.Argument(help="Log with propensities: parquet or CSV.")],
    out: Annotated[Path, typer.Option("--out", help="JSON to write.")],
    policy: Annotated[str, typer.Option(help="Plan that rotate wrote, or uniform.")] = "uniform",
    clip: Annotated[float, typer.Option(help="Importance weights above it are cut.")] = 100.0,
    dates: Dates = "",
    seed: Seed = 0,
    restart: Overwrite = False,
) -> None:
    """Estimate from a log what another rotation would have earned, or say why the log cannot tell.

    Example: adcreative evaluate-policy log.parquet --policy uniform --out judged.json
    """
    from adcreative import pipeline

    with verb() as (progress, should_stop):
        summary = pipeline.evaluate_policy(
            log, out, policy=policy, clip=clip, dates=dates, seed=seed, restart=restart, progress=progress,
            should_stop=should_stop,
        )  # fmt: skip
    print_outcome(summary, "row{s} read")


@commands.command("audit-personas", rich_help_panel=PANEL)
def audit_personas(
    answers: Annotated[Path, typer.Argument(help="Table of person, creative, rating or click, traits; or ADS-16.")],
    out: Annotated[Path, typer.Option("--out", help="JSON to write; effects beside it as CSV.")],
    creatives: Annotated[Path | None, typer.Option(help="The ads that were answered: folder or table.")] = None,
    personas: Annotated[Path | None, typer.Option(help="TOML: a table of traits for each persona to rank ads for.")] = None,
    seed: Seed = 0,
    restart: Overwrite = False,
) -> None:
    """Measure whether declared audience profiles say which ads are preferred, and which trait goes with which feature.

    Example: adcreative audit-personas answers.csv --creatives account/ --personas personas.toml --out audit.json
    """
    from adcreative import pipeline

    with verb() as (progress, should_stop):
        summary = pipeline.audit_personas(
            answers, out, creatives=creatives, personas=personas, seed=seed, restart=restart, progress=progress,
            should_stop=should_stop,
        )  # fmt: skip
    print_outcome(summary, "person{s} asked")


@commands.command(rich_help_panel=PANEL)
def target(
    ads: Data,
    labels: Annotated[Path, typer.Option(help="Table with query, keyword or interest; with creative: known pairs.")],
    out: Annotated[Path, typer.Option("--out", help="CSV to write; figures beside it as JSON.")],
    num: Annotated[int, typer.Option(help="How many labels for each ad.")] = 10,
    index: Annotated[Path | None, typer.Option(help="Folder to save the trained index into.")] = None,
    pictures: Annotated[bool, typer.Option(help="Read pictures beside the words.")] = True,
    seed: Seed = 0,
    restart: Overwrite = False,
) -> None:
    """Rank search queries, keywords or interests for each creative, among up to millions.

    Example: adcreative target account/ --labels queries.csv --out targets.csv
    """
    from adcreative import pipeline

    with verb() as (progress, should_stop):
        summary = pipeline.target(
            ads, out, labels=labels, num=num, index=index, use_pictures=pictures, seed=seed, restart=restart,
            progress=progress, should_stop=should_stop,
        )  # fmt: skip
    print_outcome(summary, "creative{s} targeted")


@commands.command(rich_help_panel=PANEL)
def forecast(
    account: Annotated[Path, typer.Argument(help="Export or log by day: ad, day, impressions, clicks.")],
    out: Annotated[Path, typer.Option("--out", help="CSV to write; figures beside it as JSON.")],
    creatives: Annotated[Path | None, typer.Option(help="The ads: folder or table; gives the queue for optimize.")] = None,
    dates: Dates = "",
    seed: Seed = 0,
    restart: Overwrite = False,
) -> None:
    """Forecast when each ad ends: cut-out chance, retire-by date with interval, refresh queue.

    Example: adcreative forecast daily.csv --creatives account/ --out forecast.csv
    """
    from adcreative import pipeline

    with verb() as (progress, should_stop):
        summary = pipeline.forecast(
            account,
            out,
            creatives=creatives,
            dates=dates,
            seed=seed,
            restart=restart,
            progress=progress,
            should_stop=should_stop,
        )
    print_outcome(summary, "ad{s} forecast")
