"""Commands of the help panel "Learn": from results to the next model. No logic of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adcreative.cli.options import (
    AsJson,
    Columns,
    Data,
    Dates,
    Decimals,
    Export,
    Images,
    NamePattern,
    Overwrite,
    Rates,
    Seed,
    Sheet,
    Yes,
)
from adcreative.cli.progress import finish, print_outcome, verb
from adcreative.cli.terminal import say, say_lines

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
    dates: Dates = "",
    rates: Rates = "",
    decimals: Decimals = "",
) -> None:
    """Join results to variants, hold them against the predictions, and make the next training folder.

    Example: adcreative import-results results.csv --db account.duckdb --run improved/ --campaign spring --training next/
    """
    from adcreative import pipeline
    from adcreative.cli.columns import confirm_columns, keep_numbers

    with verb():
        columns = confirm_columns(results, db, columns, yes=yes, sheet=sheet)
        columns = keep_numbers(db, columns, rates=rates, decimals=decimals)
        summary = pipeline.import_results(
            results, db, run=run, campaign=campaign, columns=columns, dates=dates, training=training, restart=restart,
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
    dates: Dates = "",
    rates: Rates = "",
    decimals: Decimals = "",
    as_json: AsJson = False,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Learn from these results alone, not on top of the shipped models.")
    ] = False,
    text_encoder: Annotated[
        str,
        typer.Option(help="Further encoder of words, such as intfloat/multilingual-e5-small: a folder, a package, a hub id."),
    ] = "",
    restart: Overwrite = False,
    schema: Annotated[
        Path | None, typer.Option(help="schema.toml of an impression log (see inspect): DATA is a log then, not creatives.")
    ] = None,
    network: Annotated[str, typer.Option(help="Network for a log, such as finalmlp, autoint, din, esmm.")] = "finalmlp",
    settings: Annotated[Path | None, typer.Option(help="TOML with [inputs], [training], [network], for a log.")] = None,
) -> None:
    """Fit predictor, judge and auditor to creatives with results, on top of the shipped ones; or a network to a log.

    The export of an ad platform is read as it is (CSV, Excel); --images names the folder of its ads' pictures.

    Example: adcreative train account/ --out model/
    """
    from adcreative import pipeline
    from adcreative.cli.columns import confirm_columns, keep_numbers

    if schema is not None:
        with verb(as_json) as (progress, should_stop):
            learnt = pipeline.train_log(
                data,
                out,
                schema=schema,
                network=network,
                settings=settings,
                seed=seed,
                restart=restart,
                progress=progress,
                should_stop=should_stop,
            )
        finish(learnt, "row{s} learnt from", as_json=as_json)
        for line in () if as_json else learnt.lines:
            say(line)
        return
    with verb(as_json) as (progress, should_stop):
        columns = confirm_columns(data, out, columns, yes=yes, sheet=sheet, name_pattern=name_pattern)
        columns = keep_numbers(out, columns, rates=rates, decimals=decimals)
        summary = pipeline.train(
            data, out, columns=columns, images=images, dates=dates, seed=seed, from_scratch=from_scratch,
            text_encoder=text_encoder, restart=restart, progress=progress, should_stop=should_stop,
        )  # fmt: skip
    finish(summary, "creative{s} learnt from", as_json=as_json)


@commands.command("inspect", rich_help_panel=PANEL)
def inspect_log(
    log: Annotated[Path, typer.Argument(help="Impression log: CSV, parquet, libsvm, or a folder of such files.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write the schema to; otherwise it is printed only.")
    ] = None,
) -> None:
    """Propose which column of an impression log is the label, a category, a number, a history: a schema.toml to correct.

    Example: adcreative inspect impressions.parquet --out schema.toml
    """
    from adcreative import pipeline

    with verb():
        say(pipeline.inspect_log(log, out), nl=False)


@commands.command(rich_help_panel=PANEL)
def compress(
    model: Annotated[Path, typer.Argument(help="Folder that train --schema wrote for an impression log.")],
    data: Annotated[Path, typer.Option(help="The log that it was trained on.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write the smaller model and its report to.")],
    method: Annotated[
        str, typer.Option(help="values, dims, rows-dims, hash, low-rank, int8, distil; or several: hash,low-rank,int8.")
    ],
    budget: Annotated[float, typer.Option(help="Share that is to be left, such as 0.25, for dims, hash and low-rank.")] = 0.0,
    settings: Annotated[Path | None, typer.Option(help="TOML with a section for each method, and [tuning].")] = None,
    seed: Seed = 0,
    restart: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Make a model of an impression log smaller and faster, and report what that costs: compression.html in OUT.

    Example: adcreative compress log-model/ --data impressions.parquet --method low-rank --budget 0.5 --out small/
    """
    from adcreative import pipeline

    with verb(as_json) as (progress, should_stop):
        summary = pipeline.compress(
            model, data, out, method=method, budget=budget, settings=settings, seed=seed, restart=restart, progress=progress,
            should_stop=should_stop,
        )  # fmt: skip
    finish(summary, "method{s} applied", as_json=as_json)
    say_lines(() if as_json else summary.lines)


@commands.command("rank-features", rich_help_panel=PANEL)
def rank_features(
    data: Annotated[Path, typer.Argument(help="Impression log with a column of 0 and 1, or a folder or export with results.")],
    out: Annotated[Path, typer.Option("--out", help="CSV to write; .html and .json lie beside it.")],
    label: Annotated[str, typer.Option(help="The column of 0 and 1; looked for when it is not named.")] = "",
    columns: Columns = None,
    dates: Dates = "",
    rates: Rates = "",
    decimals: Decimals = "",
    schema: Annotated[Path | None, typer.Option(help="schema.toml as for train: its inputs are ranked.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Column of a log to leave out; repeat.")] = None,
    keep: Annotated[
        list[str] | None, typer.Option(help="Column to rank although it seems to be written after the click; repeat.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="permutation; or shift, the published score, which fails on rows sorted by the label.")
    ] = "permutation",
    order: Annotated[int, typer.Option(help="2 ranks pairs of columns too, 1 does not.")] = 2,
    seed: Seed = 0,
    restart: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Rank columns, and pairs of them, by what they say about clicks, beside columns of noise.

    Example: adcreative rank-features impressions.parquet --out ranks.csv
    """
    from adcreative import pipeline
    from adcreative.cli.columns import keep_numbers

    with verb(as_json) as (progress, should_stop):
        columns = keep_numbers(out, columns, rates=rates, decimals=decimals)
        summary = pipeline.rank_features(
            data, out, label=label, columns=columns, dates=dates, schema=schema, ignore=tuple(ignore or ()),
            keep=tuple(keep or ()), method=method, order=order, seed=seed, restart=restart,
            progress=progress, should_stop=should_stop,
        )  # fmt: skip
    finish(summary, "column{s} and pairs ranked", as_json=as_json)
    say_lines(() if as_json else summary.lines)


@commands.command(rich_help_panel=PANEL)
def select(
    model: Annotated[Path, typer.Argument(help="Folder that train --schema wrote for an impression log.")],
    data: Annotated[Path, typer.Option(help="The log that it was trained on.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for values.csv, pairs.csv, schema.toml and optinter.toml.")],
    settings: Annotated[Path | None, typer.Option(help="TOML with [values] and [tuning].")] = None,
    seed: Seed = 0,
    restart: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Say which values of each field, and which pairs of fields, are worth keeping; write a schema to train with.

    Example: adcreative select log-model/ --data impressions.parquet --out selected/
    """
    from adcreative import pipeline

    with verb(as_json) as (progress, should_stop):
        summary = pipeline.select(
            model, data, out, settings=settings, seed=seed, restart=restart, progress=progress, should_stop=should_stop
        )
    finish(summary, "value{s} judged", as_json=as_json)
    say_lines(() if as_json else summary.lines)
