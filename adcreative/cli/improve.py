"""Commands of the help panel "Improve": edit ads, describe products, see it done, open the app. No logic of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adcreative.cli.options import (
    Alternatives,
    AsJson,
    BaseRate,
    C2paCertificate,
    C2paKey,
    Columns,
    Consent,
    Data,
    Dates,
    Decimals,
    DryRun,
    Engine,
    Images,
    InpaintModel,
    KeepControls,
    Limit,
    Look,
    Model,
    NamePattern,
    OwnDescription,
    OwnHeadline,
    Rates,
    Restart,
    Resume,
    RiskAversion,
    Seed,
    SetText,
    Settings,
    Sheet,
    Sizes,
    Workers,
    Yes,
)
from adcreative.cli.progress import EXIT_CODES, finish, one_line_errors, print_outcome, verb

PANEL = "Improve"
commands = typer.Typer(rich_markup_mode="rich")


@commands.command(epilog=EXIT_CODES, rich_help_panel=PANEL)
def optimize(
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="Folder for results, images and report.")],
    model: Model = None,
    base_rate: BaseRate = None,
    config: Settings = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same result; 0 if neither this nor --config says.")] = None,
    population: Annotated[int | None, typer.Option(min=1, help="Candidates per generation.")] = None,
    generations: Annotated[int | None, typer.Option(min=0, help="Generations of the search.")] = None,
    algorithm: Annotated[str | None, typer.Option(help="nsga2, adsee, random, hill-climbing or cma-es.")] = None,
    risk_aversion: RiskAversion = None,
    llm: Annotated[str, typer.Option(help="template, smollm2, a model folder, or http://… (OpenAI-compatible).")] = "template",
    direction: Annotated[list[str] | None, typer.Option(help="Allow only this face edit; repeat for several.")] = None,
    look: Look = None,
    set_text: SetText = None,
    scene_model: Annotated[str, typer.Option(help="Inpainting pipeline, folder or hub id: paint other grounds.")] = "",
    inpaint_model: InpaintModel = "",
    sizes: Sizes = "",
    alternatives: Alternatives = 5,
    keep_controls: KeepControls = False,
    headline: OwnHeadline = "",
    description: OwnDescription = "",
    brand_kit: Annotated[Path | None, typer.Option(help="AdCP brand manifest, JSON: tone, words to use and avoid.")] = None,
    consent: Consent = None,
    c2pa_certificate: C2paCertificate = None,
    c2pa_key: C2paKey = None,
    columns: Columns = None,
    images: Images = None,
    yes: Yes = False,
    sheet: Sheet = "",
    name_pattern: NamePattern = "",
    dates: Dates = "",
    rates: Rates = "",
    decimals: Decimals = "",
    limit: Limit = None,
    resume: Resume = False,
    restart: Restart = False,
    workers: Workers = None,
    engine: Engine = "local",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Search edits of faces and words for each creative, re-render, re-score and judge them.

    Example: adcreative optimize ads/ --out improved/ --seed 1
    """
    from adcreative import pipeline
    from adcreative.cli.columns import confirm_columns, keep_numbers

    with verb(as_json) as (progress, should_stop):
        columns = confirm_columns(data, out, columns, yes=yes, sheet=sheet, name_pattern=name_pattern, needs_results=False)
        columns = keep_numbers(out, columns, rates=rates, decimals=decimals)
        batch = pipeline.BatchConfig(
            limit=limit, resume=resume, restart=restart, workers=workers, engine=engine, dry_run=dry_run
        )
        summary = pipeline.optimize(
            data, out, columns=columns, images=images, dates=dates, model=model, base_rate=base_rate, config=config, seed=seed,
            population=population, generations=generations, algorithm=algorithm, risk_aversion=risk_aversion, copywriter=llm,
            directions=direction, consent=consent, brand_kit=brand_kit, look=look, set_text=set_text,
            signing=pipeline.signing_config(c2pa_certificate, c2pa_key), keep_controls=keep_controls, sizes=sizes,
            scene_model=scene_model or None, inpaint_model=inpaint_model or None, alternatives=alternatives,
            headline=headline, description=description, batch=batch, progress=progress, should_stop=should_stop,
        )  # fmt: skip
    finish(summary, "creative{s} optimized", as_json=as_json)


@commands.command(rich_help_panel=PANEL)
def describe(
    data: Annotated[Path, typer.Argument(help="CSV, TSV, JSONL or parquet: one product a row, a column title.")],
    out: Annotated[Path, typer.Option("--out", help="CSV to write.")],
    llm: Annotated[
        str, typer.Option(help="template, smollm2 (drafts), a model folder, or http://… (OpenAI-compatible).")
    ] = "template",
    seed: Annotated[int, typer.Option(help="Same seed, same result.")] = 0,
    max_chars: Annotated[int | None, typer.Option(help="Longest description; 500 if not given.")] = None,
    rank_by: Annotated[str, typer.Option(help="record: what is said of it; predictor: the predicted rate too.")] = "record",
    model: Annotated[Path | None, typer.Option(help="Folder written by train, for --rank-by predictor.")] = None,
    brand_kit: Annotated[Path | None, typer.Option(help="AdCP brand manifest, JSON: words to avoid and more.")] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Start over instead of continuing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Write a description of each product from its attributes, and say how much of the record it says.

    Example: adcreative describe products.csv --out descriptions.csv
    """
    from adcreative import pipeline

    with verb(as_json) as (progress, should_stop):
        summary = pipeline.describe(
            data, out, llm=llm, seed=seed, max_chars=max_chars, rank_by=rank_by, model=model, brand_kit=brand_kit,
            restart=restart, progress=progress, should_stop=should_stop,
        )  # fmt: skip
    finish(summary, "product{s} described", as_json=as_json)


@commands.command(rich_help_panel=PANEL)
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder to write.")] = Path("demo"),
    seed: Seed = 0,
    as_json: AsJson = False,
    account: Annotated[
        bool, typer.Option("--account", help="Instead make an account after launch: 200 ads, sixty days of log.")
    ] = False,
) -> None:
    """Make a folder of simulated ads, optimize it, and compare the gain with their true click rates.

    Example: adcreative demo --out demo
    """
    from adcreative import pipeline

    if account:
        with verb(as_json) as (progress, should_stop):
            made = pipeline.demo_account(out, seed=seed, progress=progress, should_stop=should_stop)
        print_outcome(made, "creative{s} made")
        return
    with verb(as_json) as (progress, should_stop):
        summary = pipeline.demo(out, seed=seed, progress=progress, should_stop=should_stop)
    finish(summary, "creative{s} optimized", as_json=as_json)


@commands.command("app", rich_help_panel=PANEL)
def app_command(
    host: Annotated[str, typer.Option(help="Address to bind; use --auth-file with anything but 127.0.0.1.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port.")] = 7860,
    model: Model = None,
    auth: Annotated[
        str | None, typer.Option(envvar="ADCREATIVE_AUTH", help="user:password; other users of this machine can read options.")
    ] = None,
    auth_file: Annotated[Path | None, typer.Option(help="File with user:password in its first line.")] = None,
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="Further name that leads here, such as a proxy's; repeat for several.")
    ] = None,
    mcp: Annotated[
        bool, typer.Option("--mcp", help="Offer score, check, explain, improve, plan and read-out as tools to agents.")
    ] = False,
    config: Settings = None,
    consent: Consent = None,
    c2pa_certificate: C2paCertificate = None,
    c2pa_key: C2paKey = None,
) -> None:
    """Open the web app on this machine.

    Example: adcreative app --port 7860
    """
    from adcreative import pipeline

    with verb():
        studio = pipeline.Studio(
            model, consent=consent, signing=pipeline.signing_config(c2pa_certificate, c2pa_key), config=config
        )  # fmt: skip
    with one_line_errors():
        pipeline.launch_app(
            studio, host=host, port=port, auth=auth, auth_file=auth_file, allowed_hosts=tuple(allowed_host or ()), mcp=mcp
        )  # fmt: skip
