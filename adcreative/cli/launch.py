"""Commands of the help panel "Launch": from approved edits to a test that is read out. No logic of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adcreative.cli.options import Campaign, Columns, Dates, Decimals, Export, Overwrite, Rates, Run
from adcreative.cli.progress import print_outcome, verb

PANEL = "Launch"
commands = typer.Typer(rich_markup_mode="rich")


@commands.command("plan-test", rich_help_panel=PANEL)
def plan_test(
    run: Run,
    out: Annotated[Path, typer.Option("--out", help="Folder for plan.json and plan.csv.")],
    campaign: Campaign,
    daily_impressions: Annotated[int, typer.Option(help="Impressions a day of the whole campaign.")],
    power: Annotated[float, typer.Option(help="Chance to see an uplift of the predicted size.")] = 0.8,
    level: Annotated[float, typer.Option(help="Chance of a wrong answer, over all looks.")] = 0.05,
    baseline_ctr: Annotated[float | None, typer.Option(help="Your usual click rate, such as 0.012.")] = None,
    realised_share: Annotated[float, typer.Option(help="Part of a predicted uplift that comes true.")] = 1.0,
    max_days: Annotated[int, typer.Option(help="Warn of tests longer than this.")] = 28,
    detect: Annotated[float, typer.Option(help="For untested edits: the smallest change worth finding, 0.1: 10 %.")] = 0.1,
    also: Annotated[list[Path] | None, typer.Option(help="A further run folder whose edits join the test; repeat.")] = None,
    restart: Overwrite = False,
) -> None:
    """Say how many impressions and days the predicted uplifts need, and name the ads so that results come back.

    Example: adcreative plan-test improved/ --out plan/ --campaign spring --daily-impressions 20000
    """
    from adcreative import pipeline

    with verb():
        summary = pipeline.plan_test(
            run, out, campaign=campaign, daily_impressions=daily_impressions, power=power, level=level,
            baseline_ctr=baseline_ctr, realised_share=realised_share, max_days=max_days, detect=detect, also=also or (),
            restart=restart,
        )  # fmt: skip
    print_outcome(summary, "comparison{s} planned")


@commands.command("export", rich_help_panel=PANEL)
def export(
    run: Run,
    out: Annotated[Path, typer.Option("--out", help="File to write; pictures go into a folder beside it.")],
    format: Annotated[str, typer.Option(help="google-editor, meta-bulk or adcp.")],
    campaign: Campaign,
    url: Annotated[str, typer.Option(help="Landing page, https://...")],
    ad_group: Annotated[str, typer.Option(help="Ad group or ad set.")] = "adcreative test",
    extra_headline: Annotated[list[str] | None, typer.Option(help="Standing headline for Google; repeat.")] = None,
    extra_description: Annotated[list[str] | None, typer.Option(help="Standing description for Google; repeat.")] = None,
    image_url: Annotated[str, typer.Option(help="For adcp: address the pictures will lie under.")] = "",
    human_oversight: Annotated[str, typer.Option(help="For adcp: none, prompt_only, selected, edited, directed.")] = "selected",
    max_bytes: Annotated[
        int, typer.Option(help="Heaviest picture; a heavier one is written anew as well as fits. 0: what the platform takes.")
    ] = 0,
    picture_format: Annotated[list[str] | None, typer.Option(help="As png, jpeg, webp or avif; repeat.")] = None,
    approved_by: Annotated[
        str | None, typer.Option(help="Who looked at the edits and approves them; needed until someone did.")
    ] = None,
    market: Annotated[list[str] | None, typer.Option(help="Where they will run, as in disclosures; repeat.")] = None,
    restart: Overwrite = False,
) -> None:
    """Write originals and approved edits of a run as an upload file, every ad paused and named with its variant id.

    The approval is noted in the run's audit.jsonl and beside its pictures; without one nothing leaves.

    Example: adcreative export improved/ --format meta-bulk --campaign spring --url https://example.com --out meta.csv
    --approved-by "Ada Example" --market eu
    """
    from adcreative import pipeline

    with verb():
        summary = pipeline.export(
            run, out, format=format, campaign=campaign, url=url, ad_group=ad_group,
            extra_headlines=tuple(extra_headline or ()), extra_descriptions=tuple(extra_description or ()),
            image_url=image_url, human_oversight=human_oversight, approved_by=approved_by, markets=tuple(market or ()),
            max_bytes=max_bytes, picture_formats=tuple(picture_format or ("png", "jpeg")), restart=restart,
        )  # fmt: skip
    print_outcome(summary, "ad{s} written")


@commands.command("read-out", rich_help_panel=PANEL)
def read_out(
    results: Export,
    out: Annotated[Path, typer.Option("--out", help="JSON to write.")],
    plan: Annotated[Path | None, typer.Option(help="plan.json of plan-test, or its folder.")] = None,
    control: Annotated[str, typer.Option(help="Without a plan: name of the control ad.")] = "",
    level: Annotated[float, typer.Option(help="Without a plan: chance of a wrong answer, over all looks.")] = 0.05,
    metric: Annotated[str, typer.Option(help="What to compare by: ctr, cpc, cost_per_conversion or roas.")] = "ctr",
    columns: Columns = None,
    dates: Dates = "",
    rates: Rates = "",
    decimals: Decimals = "",
    restart: Overwrite = False,
) -> None:
    """Say winner, loser or go on for each variant; may be asked every day.

    Example: adcreative read-out results.csv --plan plan/ --out read-out.json
    """
    from adcreative import pipeline
    from adcreative.cli.columns import keep_numbers

    with verb():
        columns = keep_numbers(out, columns, rates=rates, decimals=decimals)
        summary = pipeline.read_out(
            results,
            out,
            plan=plan,
            control=control,
            level=level,
            columns=columns,
            dates=dates,
            metric=metric,
            restart=restart,
        )
    print_outcome(summary, "variant{s} compared")
