"""Commands of the help panel "Learn": from results to the next model. No logic of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adcreative.cli.options import AsJson, Columns, Data, Export, Images, NamePattern, Overwrite, Seed, Sheet, Yes
from adcreative.cli.progress import finish, print_outcome, verb

PANEL = "Learn"
commands = typer.Typer(rich_markup_mode="rich")


@commands.command("import-results", rich_help_panel=PANEL)
def import_results(
    results: Export,
    db: Annotated[Path, typer.Option(help="DuckDB file that keeps variants and results.")],
    run: Annotated[Path | None, typer.Option(help="Folder that optimize wrote; needed once a run.")] = None,
    campaign: Annotated[str, typer.Option(help="Campaign of the plan or export; goes with --run.")] = "",
    columns: Columns = None,
    training: Annotated[Path | None, typer.Option(help="Folder to write for the next train.")] = None,
    restart: Overwrite = False,
    yes: Yes = False,
    sheet: Sheet = "",
) -> None:
    """Join results to variants, hold them against the predictions, and make the next training folder.

    Example: adcreative import-results results.csv --db account.duckdb --run improved/ --campaign spring --training next/
    """
    from adcreative import pipeline
    from adcreative.cli.columns import confirm_columns

    with verb():
        columns = confirm_columns(results, db, columns, yes=yes, sheet=sheet)
        summary = pipeline.import_results(
            results, db, run=run, campaign=campaign, columns=columns, training=training, restart=restart
        )  # fmt: skip
    print_outcome(summary, "row{s} taken")


@commands.command(rich_help_panel=PANEL)
def train(
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="Model folder to write.")],
    seed: Seed = 0,
    columns: Columns = None,
    images: Images = None,
    yes: Yes = False,
    sheet: Sheet = "",
    name_pattern: NamePattern = "",
    as_json: AsJson = False,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Learn from these results alone, not on top of the shipped models.")
    ] = False,
    restart: Overwrite = False,
) -> None:
    """Fit predictor, judge and auditor to creatives with impressions and clicks, on top of the shipped ones.

    The export of an ad platform is read as it is (CSV, Excel); --images names the folder of its ads' pictures.

    Example: adcreative train account/ --out model/
    """
    from adcreative import pipeline
    from adcreative.cli.columns import confirm_columns

    with verb(as_json) as (progress, should_stop):
        columns = confirm_columns(data, out, columns, yes=yes, sheet=sheet, name_pattern=name_pattern)
        summary = pipeline.train(
            data, out, columns=columns, images=images, seed=seed, from_scratch=from_scratch, restart=restart,
            progress=progress, should_stop=should_stop,
        )  # fmt: skip
    finish(summary, "creative{s} learnt from", as_json=as_json)
