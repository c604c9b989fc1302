"""Commands of the help panel "Launch": from approved edits to the read-out of a test. No logic of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adcreative import pipeline
from adcreative.cli.columns import Numbers
from adcreative.cli.commands import Done, shown
from adcreative.options import Campaign, Columns, Dates, Export, Json, Overwrite, Run
from adcreative.pipeline import ExportSettings, PlanSettings

PANEL = "Launch"
commands = typer.Typer(rich_markup_mode="rich")


@commands.command(rich_help_panel=PANEL)
@shown
def plan_test(
    run: Run,
    out: Annotated[Path, typer.Option("--out", help="Folder for plan.json and plan.csv.")],
    campaign: Campaign,
    settings: PlanSettings,
    also: Annotated[list[Path] | None, typer.Option(help="A further run folder whose edits join the test; repeat.")] = None,
    restart: Overwrite = False,
) -> Done:
    """Say how many impressions and days the predicted uplifts need, and name the ads so that results come back.

    Example: adcreative plan-test improved/ --out plan/ --campaign spring --daily-impressions 20000
    """
    summary = pipeline.plan_test(run, out, settings, campaign=campaign, also=also or (), restart=restart)
    return summary, "comparison{s} planned"


@commands.command(rich_help_panel=PANEL)
@shown
def export(
    run: Run,
    out: Annotated[Path, typer.Option("--out", help="File to write; pictures go into a folder beside it.")],
    format: Annotated[str, typer.Option(help="google-editor, meta-bulk, microsoft-bulk, pinterest-bulk, tiktok-bulk or adcp.")],
    campaign: Campaign,
    settings: ExportSettings,
    approved_by: Annotated[
        str | None, typer.Option(help="Person who reviewed and approves the edits; required unless they are approved.")
    ] = None,
    market: Annotated[
        list[str] | None, typer.Option(help="Market where the ads will run, as in tools disclosures; repeat.")
    ] = None,
    restart: Overwrite = False,
) -> Done:
    """Write originals and approved edits of a run as an upload file, every ad paused and named with its variant id.

    The approval is noted in the run's audit.jsonl and beside its pictures; without one nothing leaves.

    Example: adcreative export improved/ --format meta-bulk --campaign spring --url https://example.com --out meta.csv
    --approved-by "Ada Example" --market eu
    """
    summary = pipeline.export(
        run, out, settings, format=format, campaign=campaign, approved_by=approved_by, markets=market or (), restart=restart
    )
    return summary, "ad{s} written"


@commands.command(rich_help_panel=PANEL)
@shown
def read_out(
    results: Export,
    out: Json,
    table: Numbers,
    plan: Annotated[Path | None, typer.Option(help="plan.json of plan-test, or its folder.")] = None,
    control: Annotated[str, typer.Option(help="Without a plan: name of the control ad.")] = "",
    level: Annotated[float, typer.Option(help="Without a plan: chance of a false result over all read-outs.")] = 0.05,
    metric: Annotated[str, typer.Option(help="Metric of the comparison: ctr, cpc, cost_per_conversion or roas.")] = "ctr",
    columns: Columns = None,
    dates: Dates = "",
    ledger: Annotated[Path | None, typer.Option(help="Parquet file that collects predicted and observed changes.")] = None,
    restart: Overwrite = False,
) -> Done:
    """Say winner, loser or go on for each variant; may be asked every day.

    Example: adcreative read-out results.csv --plan plan/ --out read-out.json
    """
    summary = pipeline.read_out(
        results,
        out,
        plan=plan,
        control=control,
        level=level,
        columns=table.keep(out, columns),
        dates=dates,
        metric=metric,
        ledger=ledger,
        restart=restart,
    )
    return summary, "variant{s} compared"
