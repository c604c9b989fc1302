"""Commands of the help panel "Learn": from results to the next model. No logic of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Unpack

import typer

from adcreative import pipeline
from adcreative.cli.columns import Export, Results
from adcreative.cli.commands import Done, shown
from adcreative.options import Columns, Data, Dates, Overwrite
from adcreative.options import Export as ExportFile
from adcreative.pipeline import ConceptsSettings, TrainSettings
from adcreative.progress import Callbacks

PANEL = "Learn"
LOG_NETWORK = "finalmlp"
commands = typer.Typer(rich_markup_mode="rich")


@commands.command(rich_help_panel=PANEL)
@shown
def import_results(
    results: ExportFile,
    db: Annotated[Path, typer.Option(help="DuckDB file with variants and results.")],
    table: Results,
    run: Annotated[Path | None, typer.Option(help="Folder that optimize wrote; needed once a run.")] = None,
    campaign: Annotated[str, typer.Option(help="Campaign of the plan or export; goes with --run.")] = "",
    columns: Columns = None,
    dates: Dates = "",
    training: Annotated[Path | None, typer.Option(help="Folder to write for the next train.")] = None,
    restart: Overwrite = False,
) -> Done:
    """Join results to variants, hold them against the predictions, and make the next training folder.

    Example: adcreative import-results results.csv --db account.duckdb --run improved/ --campaign spring --training next/
    """
    columns = table.confirm(results, db, columns)
    summary = pipeline.import_results(
        results, db, run=run, campaign=campaign, columns=columns, dates=dates, training=training, restart=restart
    )
    return summary, "row{s} taken"


@commands.command(rich_help_panel=PANEL)
@shown
def train(
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="Model folder to write.")],
    settings: TrainSettings,
    table: Export,
    restart: Overwrite = False,
    schema: Annotated[
        Path | None, typer.Option(help="schema.toml of an impression log (see tools inspect): DATA is a log then.")
    ] = None,
    log_settings: Annotated[
        Path | None, typer.Option("--settings", help="TOML with [inputs], [training], [network], for a log.")
    ] = None,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Fit predictor, judge and auditor to creatives with results, on top of the shipped ones; or a network to a log.

    The export of an ad platform is read as it is (CSV, Excel); --images names the folder of its ads' pictures.

    Example: adcreative train account/ --out model/
    """
    if schema is not None:
        learnt = pipeline.train_log(
            data,
            out,
            schema=schema,
            network=settings.network or LOG_NETWORK,
            settings=log_settings,
            seed=settings.seed,
            restart=restart,
            **callbacks,
        )
        return learnt, "row{s} learnt from"
    settings = replace(settings, columns=table.confirm(data, out, settings.columns))
    return pipeline.train(data, out, settings, restart=restart, **callbacks), "creative{s} learnt from"


@commands.command(rich_help_panel=PANEL)
@shown
def concepts(
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="Folder to write: report.html, concepts.csv, next.toml.")],
    settings: ConceptsSettings,
    table: Export,
    restart: Overwrite = False,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Group an account's ads into concepts, say what each was worth, and write the briefs of what to make next.

    Example: adcreative concepts account/ --out concepts/
    """
    settings = replace(settings, columns=table.confirm(data, out, settings.columns))
    return pipeline.concepts(data, out, settings, restart=restart, **callbacks), "ad{s} grouped"
