"""Commands of the help panel "Research": compare networks, see and convert weights. No logic of their own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from adcreative.cli.options import AsJson, Dates, Engine, Overwrite, Workers
from adcreative.cli.progress import EXIT_CODES, verb
from adcreative.cli.terminal import say, say_json

PANEL = "Research"
commands = typer.Typer(rich_markup_mode="rich")


@commands.command(rich_help_panel=PANEL)
def benchmark(
    name: Annotated[
        str, typer.Argument(help="adsee: the tables of AdSEE (KDD 2023). bars: networks on an impression log.")
    ] = "adsee",
    data: Annotated[
        str | None, typer.Option(help="adsee: creatives with results (default: simulated markets). bars: id or TOML of a log.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder to write.")] = Path("benchmark"),
    market: Annotated[list[int] | None, typer.Option(help="Seed of a simulated market; repeat for several.")] = None,
    num: Annotated[int, typer.Option(min=1, help="Creatives of each simulated market.")] = 240,
    seeds: Annotated[int | None, typer.Option(min=1, help="Repetitions, each with networks started anew; 5, bars 3.")] = None,
    dates: Dates = "",
    restart: Overwrite = False,
    files: Annotated[Path | None, typer.Option(help="bars: folder of the log's files.")] = None,
    network: Annotated[
        list[str] | None, typer.Option(help="bars: network of the grid; repeat for several; all if not given.")
    ] = None,
    grid: Annotated[str, typer.Option(help="bars: settings to try: small, sequences or a YAML file.")] = "small",
    workers: Workers = None,
    engine: Engine = "local",
) -> None:
    """Compare models by one protocol: inputs and faces on creatives (adsee), or networks on an impression log (bars).

    Example: adcreative benchmark adsee --data account/ --out benchmark/
    """
    from adcreative import pipeline

    if name == "bars":
        with verb() as (progress, should_stop):
            board = pipeline.benchmark_bars(
                data or "",
                out,
                files=files,
                networks=[one for one in network or () if one != "all"],
                grid=grid,
                num_seeds=seeds or 3,
                workers=workers,
                engine=engine,
                restart=restart,
                progress=progress,
                should_stop=should_stop,
            )
        say(board.table or "stopped; the same command goes on where it was")
        say(f"{board.path}")
        if board.stopped:
            raise typer.Exit(130)
        return
    with verb() as (progress, should_stop):
        found = pipeline.benchmark(
            name,
            out,
            data=None if data is None else Path(data),
            markets=market or (1, 2),
            num=num,
            num_seeds=seeds or 5,
            dates=dates,
            restart=restart,
            progress=progress,
            should_stop=should_stop,
        )
    say(found.table)
    say(f"{found.num_creatives} creatives: {found.path}")


@commands.command(rich_help_panel=PANEL)
def models(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List each named weight: where it comes from, size, sha256, licence, and whether it is here.

    Example: adcreative models
    """
    from adcreative import pipeline

    rows = pipeline.models()
    if as_json:
        say_json(rows, indent=1)
        return
    for row in rows:
        say("  ".join(f"{key}={value}" for key, value in row.items()))


@commands.command(epilog=EXIT_CODES, rich_help_panel=PANEL)
def doctor(
    llm: Annotated[str, typer.Option(help="Also ask this server: http://... (OpenAI-compatible).")] = "",
    as_json: AsJson = False,
) -> None:
    """Check versions, weights and their hashes, disk, memory, OCR and language model, and say what to do.

    Exit code 0 when every command can run, 2 when one would fail.

    Example: adcreative doctor
    """
    from adcreative import pipeline

    with verb(as_json) as (progress, _):
        findings = pipeline.doctor(llm=llm, progress=progress)
    if as_json:
        say_json([asdict(finding) for finding in findings], indent=1)
    for finding in () if as_json else findings:
        say(f"{finding.status:8} {finding.name}: {finding.found}")
        if finding.remedy:
            say(f"         {finding.remedy}")
    if any(finding.status == "problem" for finding in findings):
        raise typer.Exit(2)


@commands.command("convert-weights", rich_help_panel=PANEL)
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
        say(f"warning: {warning}", err=True)
    parts = "generator and encoder" if summary.has_encoder else "generator"
    say(f"{summary.source_format} {parts}, {summary.size_px} px: {summary.path}\nlicence: {summary.licence}")


@commands.command("export-model", epilog=EXIT_CODES, rich_help_panel=PANEL)
def export_model(
    model: Annotated[Path, typer.Argument(help="Folder that train --schema wrote.")],
    out: Annotated[Path, typer.Option("--out", help="ONNX file to write.")] = Path("model.onnx"),
    restart: Overwrite = False,
) -> None:
    """Write a network of an impression log as ONNX, held against the model by onnxruntime (extra onnx).

    Example: adcreative export-model log-model/ --out model.onnx
    """
    from adcreative import pipeline

    with verb() as (progress, _):
        found = pipeline.export_model(model, out, restart=restart, progress=progress)
    say(f"{', '.join(found.inputs)} -> {', '.join(found.outputs)}, rates within {found.difference:.1e}: {found.path}")
