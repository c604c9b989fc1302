"""Command line: one typer command per verb of `pipeline`, no logic of its own.

Progress, errors and exit codes are in `cli_progress`. `--help` loads no torch.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from adcreative import __version__
from adcreative.cli.delivery import add_commands as add_delivery_commands
from adcreative.cli.description import add_commands as add_description_commands
from adcreative.cli.explanation import add_commands as add_explanation_commands
from adcreative.cli.progress import EXIT_CODES, finish, verb
from adcreative.cli.provenance import add_commands

app = typer.Typer(
    no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Score ad creatives with an interval and reasons, search edits of faces and words, and check the gain.",
    epilog=EXIT_CODES,
)  # fmt: skip

Data = Annotated[Path, typer.Argument(help="Folder with images and metadata.csv, or one CSV or parquet file.")]
Model = Annotated[Path | None, typer.Option("--model", help="Folder written by train; default: the shipped model.")]
Restart = Annotated[bool, typer.Option("--restart", help="Start over; otherwise an earlier run at --out is continued.")]
Resume = Annotated[bool, typer.Option("--resume", help="Only continue; refuse when there is no run at --out.")]
Limit = Annotated[int | None, typer.Option(help="Only the first N creatives; more of them later with the same --out.")]
Workers = Annotated[int | None, typer.Option(help="Processes, each with its own models; 1 if not given, with Ray all cores.")]
Engine = Annotated[str, typer.Option(help="local, or ray: the cluster at RAY_ADDRESS, else one on this machine.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything, say what would be done and how long; write nothing.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")]
Consent = Annotated[Path | None, typer.Option("--consent", help="Consent records, TOML or JSON (see README).")]
Columns = Annotated[Path | None, typer.Option(help="TOML or JSON file: column of the table = our name.")]
Seed = Annotated[int, typer.Option(help="Same seed, same result.")]
Settings = Annotated[
    Path | None, typer.Option("--config", help="TOML file with settings of the search, the words and the picture.")
]


@app.callback(invoke_without_command=True)
def main(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    """Set what every command needs before any model loads."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def train(
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="Model folder to write.")],
    seed: Seed = 0,
    columns: Columns = None,
    as_json: AsJson = False,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Learn from these results alone, not on top of the shipped models.")
    ] = False,
) -> None:
    """Fit predictor, judge and auditor to creatives with impressions and clicks, on top of the shipped ones.

    Example: adcreative train account/ --out model/
    """
    from adcreative import pipeline

    with verb(as_json) as (progress, should_stop):
        summary = pipeline.train(
            data, out, columns=columns, seed=seed, from_scratch=from_scratch, progress=progress, should_stop=should_stop
        )
    finish(summary, "creative{s} learnt from", as_json=as_json)


@app.command(epilog=EXIT_CODES)
def score(
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="CSV to write.")],
    model: Model = None,
    columns: Columns = None,
    limit: Limit = None,
    resume: Resume = False,
    restart: Restart = False,
    workers: Workers = None,
    engine: Engine = "local",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Predict a click rate with interval, evidence and reasons for each creative.

    Example: adcreative score ads/ --out scores.csv
    """
    from adcreative import pipeline

    with verb(as_json) as (progress, should_stop):
        batch = pipeline.BatchConfig(
            limit=limit, resume=resume, restart=restart, workers=workers, engine=engine, dry_run=dry_run
        )
        summary = pipeline.score(
            data, out, columns=columns, model=model, batch=batch, progress=progress, should_stop=should_stop
        )
    finish(summary, "creative{s} scored", as_json=as_json)


@app.command()
def check(
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="CSV to write.")],
    columns: Columns = None,
    brand_kit: Annotated[Path | None, typer.Option(help="AdCP brand manifest, JSON: words to avoid.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say yes or no to the words and picture of each creative by platform rules, without any model.

    Example: adcreative check ads/ --out checks.csv
    """
    from adcreative import pipeline

    with verb(as_json) as (progress, should_stop):
        summary = pipeline.check(data, out, columns=columns, brand_kit=brand_kit, progress=progress, should_stop=should_stop)
    finish(summary, "creative{s} checked", as_json=as_json)


@app.command(epilog=EXIT_CODES)
def optimize(
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="Folder for results, images and report.")],
    model: Model = None,
    config: Settings = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same result; 0 if neither this nor --config says.")] = None,
    population: Annotated[int | None, typer.Option(min=1, help="Candidates per generation.")] = None,
    generations: Annotated[int | None, typer.Option(min=0, help="Generations of the search.")] = None,
    algorithm: Annotated[str | None, typer.Option(help="nsga2, adsee, random, hill-climbing or cma-es.")] = None,
    risk_aversion: Annotated[
        float | None, typer.Option(min=0, help="How sure a gain must be, in standard deviations; 0.8: four chances in five.")
    ] = None,
    llm: Annotated[str, typer.Option(help="smollm2, template, a model folder, or http://… (OpenAI-compatible).")] = "smollm2",
    direction: Annotated[list[str] | None, typer.Option(help="Allow only this face edit; repeat for several.")] = None,
    look: Annotated[bool, typer.Option("--look", help="Let exposure, warmth, contrast, saturation and crop change.")] = False,
    scene_model: Annotated[str, typer.Option(help="Inpainting pipeline, folder or hub id: paint other grounds.")] = "",
    brand_kit: Annotated[Path | None, typer.Option(help="AdCP brand manifest, JSON: tone, words to use and avoid.")] = None,
    consent: Consent = None,
    c2pa_certificate: Annotated[Path | None, typer.Option(help="PEM chain: sign edited pictures; needs --c2pa-key.")] = None,
    c2pa_key: Annotated[Path | None, typer.Option(help="PEM key of that certificate.")] = None,
    columns: Columns = None,
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

    with verb(as_json) as (progress, should_stop):
        batch = pipeline.BatchConfig(
            limit=limit, resume=resume, restart=restart, workers=workers, engine=engine, dry_run=dry_run
        )
        summary = pipeline.optimize(
            data, out, columns=columns, model=model, config=config, seed=seed, population=population, generations=generations,
            algorithm=algorithm, risk_aversion=risk_aversion, copywriter=llm, directions=direction, consent=consent,
            brand_kit=brand_kit, signing=pipeline.signing_config(c2pa_certificate, c2pa_key), look=look or None,
            scene_model=scene_model or None, batch=batch, progress=progress, should_stop=should_stop,
        )  # fmt: skip
    finish(summary, "creative{s} optimized", as_json=as_json)


@app.command()
def evaluate(
    data: Data, out: Annotated[Path, typer.Option("--out", help="JSON to write.")], model: Model = None, columns: Columns = None
) -> None:
    """Measure a model on creatives with results that it was not trained on.

    Example: adcreative evaluate held-out.parquet --out metrics.json
    """
    from adcreative import pipeline

    with verb() as (progress, should_stop):
        metrics = pipeline.evaluate(data, out, columns=columns, model=model, progress=progress, should_stop=should_stop)
    typer.echo(json.dumps(metrics, indent=1))
    for gap in metrics["gaps"]:
        typer.echo(gap, err=True)
    typer.echo(f"{metrics['verdict']}: {out}, {out.with_suffix('.png')}", err=True)


@app.command()
def benchmark(
    name: Annotated[str, typer.Argument(help="adsee: the tables of AdSEE (KDD 2023).")] = "adsee",
    data: Annotated[Path | None, typer.Option(help="Creatives with results; default: simulated markets.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for NAME.json and NAME.csv.")] = Path("benchmark"),
    market: Annotated[list[int] | None, typer.Option(help="Seed of a simulated market; repeat for several.")] = None,
    num: Annotated[int, typer.Option(min=1, help="Creatives of each simulated market.")] = 240,
    seeds: Annotated[int, typer.Option(min=1, help="Splits by group, each with networks started anew.")] = 5,
) -> None:
    """Compare models, inputs and ways to pool faces, with intervals, on splits by group only.

    Example: adcreative benchmark adsee --data account/ --out benchmark/
    """
    from adcreative import pipeline

    with verb() as (progress, should_stop):
        found = pipeline.benchmark(
            name, out, data=data, markets=market or (1, 2), num=num, num_seeds=seeds, progress=progress, should_stop=should_stop
        )
    typer.echo(found.table)
    typer.echo(f"{found.num_creatives} creatives: {found.path}")


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder to write.")] = Path("demo"), seed: Seed = 0, as_json: AsJson = False
) -> None:
    """Make a folder of simulated ads, optimize it, and compare the gain with the planted truth.

    Example: adcreative demo --out demo
    """
    from adcreative import pipeline

    with verb(as_json) as (progress, should_stop):
        summary = pipeline.demo(out, seed=seed, progress=progress, should_stop=should_stop)
    finish(summary, "creative{s} optimized", as_json=as_json)


@app.command()
def models(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List each named weight: where it comes from, size, sha256, licence, and whether it is here.

    Example: adcreative models
    """
    from adcreative import pipeline

    rows = pipeline.models()
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        typer.echo("  ".join(f"{key}={value}" for key, value in row.items()))


@app.command("convert-weights")
def convert_weights(
    source: Annotated[Path, typer.Argument(metavar="IN", help=".pt (rosinality, e4e), .pkl (NVlabs) or .safetensors.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Face-model folder to write; must not exist.")],
) -> None:
    """Convert a StyleGAN2 or e4e checkpoint into a face-model folder, without running code of the file.

    Example: adcreative convert-weights stylegan2-ffhq-config-f.pkl faces/
    """
    from adcreative import pipeline

    with verb() as (progress, _):
        progress("reading weights", 0, 1)
        summary = pipeline.convert_weights(source, out)
    for warning in summary.warnings:
        typer.echo(f"warning: {warning}", err=True)
    parts = "generator and encoder" if summary.has_encoder else "generator"
    typer.echo(f"{summary.source_format} {parts}, {summary.size_px} px: {summary.path}\nlicence: {summary.licence}")


@app.command("app")
def app_command(
    host: Annotated[str, typer.Option(help="Address to bind; use --auth with anything but 127.0.0.1.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port.")] = 7860,
    model: Model = None,
    auth: Annotated[str | None, typer.Option(help="user:password.")] = None,
    config: Settings = None,
    consent: Consent = None,
    c2pa_certificate: Annotated[Path | None, typer.Option(help="PEM chain: sign edited pictures; needs --c2pa-key.")] = None,
    c2pa_key: Annotated[Path | None, typer.Option(help="PEM key of that certificate.")] = None,
) -> None:
    """Open the web app on this machine.

    Example: adcreative app --port 7860
    """
    from adcreative import pipeline

    with verb() as (progress, _):
        progress("loading models", 0, 1)
        studio = pipeline.Studio(
            model, consent=consent, signing=pipeline.signing_config(c2pa_certificate, c2pa_key), config=config
        )
    pipeline.launch_app(studio, host=host, port=port, auth=auth)


add_commands(app, verb)
add_delivery_commands(app, verb)
add_explanation_commands(app, verb)
add_description_commands(app, verb)


if __name__ == "__main__":
    sys.exit(app())
