"""Commands of the help panel "Research": `doctor`, and the group `adcreative tools NAME` for what is asked for rarely.

No logic. Commands of the group keep their names of version 1.0 at the top level, hidden from the help.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Unpack

import typer

from adcreative import pipeline
from adcreative.cli.columns import Numbers
from adcreative.cli.commands import Done, flags, in_group, shown
from adcreative.cli.progress import EXIT_CODES, verb
from adcreative.cli.terminal import say, say_json
from adcreative.options import (
    AsJson,
    BrandKit,
    Columns,
    Csv,
    CsvAndJson,
    Data,
    Dates,
    Json,
    Llm,
    LogModel,
    Model,
    Overwrite,
    Seed,
)
from adcreative.pipeline import BarsSettings, CompressSettings, RankSettings, ReadSettings, TargetSettings
from adcreative.progress import Callbacks

PANEL = "Research"
commands = typer.Typer(rich_markup_mode="rich")
group = typer.Typer(rich_markup_mode="rich", no_args_is_help=True)
commands.add_typer(
    group,
    name="tools",
    rich_help_panel=PANEL,
    help="Tools for models, logs, run folders, product texts, keywords and disclosures.",
)
tool = in_group(group, commands)
GET = """No language model was found here. One way to get one, with Ollama (https://ollama.com):
  ollama pull qwen2.5:7b       4.7 GB on disk, about 6 GB of memory, licence Apache-2.0
  adcreative optimize ads/ --out improved/ --llm http://127.0.0.1:11434/v1#qwen2.5:7b"""


@commands.command(epilog=EXIT_CODES, rich_help_panel=PANEL)
def doctor(
    llm: Annotated[str, typer.Option(help="Also ask this server: http://... (OpenAI-compatible).")] = "",
    as_json: AsJson = False,
) -> None:
    """Check versions, weights and their hashes, disk, memory, OCR and language model, and say what to do.

    Exit code 0 when every command can run, 2 when one would fail.

    Example: adcreative doctor
    """
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


@tool("models")
def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    writer: Annotated[bool, typer.Option("--writer", help="Language models found here for --llm, and how to get one.")] = False,
) -> None:
    """List each named weight: where it comes from, size, sha256, licence, and whether it is here.

    Example: adcreative tools models
    """
    if writer:
        found = pipeline.find_language_servers() | {name: str(path) for name, path in pipeline.list_language_models().items()}
        say_json(found, indent=1) if as_json else say("\n".join(f"{name}: --llm {spec}" for name, spec in found.items()) or GET)
        return
    rows = pipeline.models()
    if as_json:
        say_json(rows, indent=1)
        return
    for row in rows:
        say("  ".join(f"{key}={value}" for key, value in row.items()))


@tool("inspect")
def inspect_log(
    log: Annotated[Path, typer.Argument(help="Impression log: CSV, parquet, libsvm, or a folder of such files.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write the schema to; otherwise it is printed only.")
    ] = None,
) -> None:
    """Propose which column of an impression log is the label, a category, a number, a history: a schema.toml to correct.

    Example: adcreative tools inspect impressions.parquet --out schema.toml
    """
    with verb():
        say(pipeline.inspect_log(log, out), nl=False)


@tool("rank-features")
@shown
def rank_features(
    data: Annotated[Path, typer.Argument(help="Impression log with a column of 0 and 1, or a folder or export with results.")],
    out: Annotated[Path, typer.Option("--out", help="CSV to write; .html and .json lie beside it.")],
    settings: RankSettings,
    table: Numbers,
    restart: Overwrite = False,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Rank columns, and pairs of them, by what they say about clicks, beside columns of noise.

    Example: adcreative tools rank-features impressions.parquet --out ranks.csv
    """
    columns = table.keep(out, settings.columns)
    summary = pipeline.rank_features(data, out, settings, columns=columns, restart=restart, **callbacks)
    return summary, "column{s} and pairs ranked"


@tool("compress")
@shown
def compress(
    model: LogModel,
    data: Annotated[Path, typer.Option(help="Log that the model was trained on.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write the smaller model and its report to.")],
    settings: CompressSettings,
    restart: Overwrite = False,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Make a model of an impression log smaller and faster, and report what that costs: compression.html in OUT.

    Example: adcreative tools compress log-model/ --data impressions.parquet --method low-rank --budget 0.5 --out small/
    """
    return pipeline.compress(model, data, out, settings, restart=restart, **callbacks), "method{s} applied"


@tool("export-model")
def export_model(
    model: LogModel,
    out: Annotated[Path, typer.Option("--out", help="ONNX file to write.")] = Path("model.onnx"),
    restart: Overwrite = False,
) -> None:
    """Write a network of an impression log as ONNX, held against the model by onnxruntime (extra onnx).

    Example: adcreative tools export-model log-model/ --out model.onnx
    """
    with verb() as (progress, _):
        found = pipeline.export_model(model, out, restart=restart, progress=progress)
    say(f"{', '.join(found.inputs)} -> {', '.join(found.outputs)}, rates within {found.difference:.1e}: {found.path}")


@tool("convert-weights")
def convert_weights(
    source: Annotated[Path, typer.Argument(metavar="IN", help=".pt (rosinality, e4e), .pkl (NVlabs) or .safetensors.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Face-model folder to write; must not exist.")],
) -> None:
    """Convert a StyleGAN2 or e4e checkpoint into a face-model folder, without running code of the file.

    Example: adcreative tools convert-weights stylegan2-ffhq-config-f.pkl faces/
    """
    with verb() as (progress, _):
        progress("reading weights", 0, 1)
        summary = pipeline.convert_weights(source, out)
    for warning in summary.warnings:
        say(f"warning: {warning}", err=True)
    parts = "generator and encoder" if summary.has_encoder else "generator"
    say(f"{summary.source_format} {parts}, {summary.size_px} px: {summary.path}\nlicence: {summary.licence}")


@tool("evaluate-policy")
@shown
def evaluate_policy(
    log: Annotated[Path, typer.Argument(help="Log with propensities: parquet or CSV.")],
    out: Json,
    settings: ReadSettings,
    policy: Annotated[str, typer.Option(help="Plan that rotate wrote, or uniform.")] = "uniform",
    clip: Annotated[float, typer.Option(help="Largest importance weight; larger weights are cut to it.")] = 100.0,
    seed: Seed = 0,
    restart: Overwrite = False,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Estimate from a log what another rotation would have earned, or say why the log cannot tell.

    Example: adcreative tools evaluate-policy log.parquet --policy uniform --out judged.json
    """
    summary = pipeline.evaluate_policy(log, out, settings, policy=policy, clip=clip, seed=seed, restart=restart, **callbacks)
    return summary, "row{s} read"


@tool("archive")
@shown
def archive(
    source: Annotated[Path, typer.Argument(help="Folder that optimize or demo wrote; with --restore an archive.")],
    out: Annotated[Path, typer.Option("--out", help="Archive to write; with --restore the folder.")],
    restore: Annotated[bool, typer.Option("--restore", help="Restore the files of an archive.")] = False,
    restart: Overwrite = False,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Pack a run folder into one small file and back, every file byte for byte: pictures as what differs from their original.

    Example: adcreative tools archive improved/ --out improved.adc
    """
    summary = pipeline.archive(source, out, restore=restore, restart=restart, **callbacks)
    return summary, "file{s} restored" if restore else "file{s} packed"


@dataclass(frozen=True, kw_only=True)
class Markets:
    """Which creatives `benchmark adsee` compares models on."""

    market: Annotated[list[int] | None, typer.Option(help="Seed of a simulated market; repeat for several.")] = None
    num: Annotated[int, typer.Option(min=1, help="Creatives of each simulated market.")] = 240
    dates: Dates = ""


@tool("benchmark")
@flags
def benchmark(
    markets: Markets,
    board: BarsSettings,
    table: Numbers,
    name: Annotated[
        str, typer.Argument(help="adsee: the tables of AdSEE (KDD 2023). bars: networks on an impression log.")
    ] = "adsee",
    data: Annotated[
        str | None, typer.Option(help="adsee: creatives with results (default: simulated markets). bars: id or TOML of a log.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder to write.")] = Path("benchmark"),
    seeds: Annotated[int | None, typer.Option(min=1, help="Repetitions, each with networks started anew; 5, bars 3.")] = None,
    restart: Overwrite = False,
) -> None:
    """Compare models by one protocol: inputs and faces on creatives (adsee), or networks on an impression log (bars).

    Example: adcreative tools benchmark adsee --data account/ --out benchmark/
    """
    if name == "bars":
        with verb() as (progress, should_stop):
            board = replace(board, num_seeds=seeds or 3, networks=[one for one in board.networks if one != "all"])
            done = pipeline.benchmark_bars(data or "", out, board, restart=restart, progress=progress, should_stop=should_stop)
        say(done.table or "stopped; the same command goes on where it was")
        say(f"{done.path}")
        if done.stopped:
            raise typer.Exit(130)
        return
    with verb() as (progress, should_stop):
        found = pipeline.benchmark(
            name,
            out,
            data=None if data is None else Path(data),
            markets=markets.market or (1, 2),
            num=markets.num,
            num_seeds=seeds or 5,
            columns=table.keep(out, None),
            dates=markets.dates,
            restart=restart,
            progress=progress,
            should_stop=should_stop,
        )
    say(found.table)
    say(f"{found.num_creatives} creatives: {found.path}")


@tool("evaluate")
@flags
def evaluate(
    data: Data,
    out: Json,
    table: Numbers,
    model: Model = None,
    columns: Columns = None,
    dates: Dates = "",
    restart: Overwrite = False,
) -> None:
    """Measure a model on creatives with results, or on rows of a log, that it was not trained on.

    Example: adcreative tools evaluate held-out.parquet --out metrics.json
    """
    with verb() as (progress, should_stop):
        columns = table.keep(out, columns)
        metrics = pipeline.evaluate(
            data, out, columns=columns, dates=dates, model=model, restart=restart, progress=progress, should_stop=should_stop
        )
    say_json(metrics, indent=1)
    for gap in metrics["gaps"]:
        say(gap, err=True)
    say(f"{metrics['verdict']}: {out}", err=True)


@tool("ledger")
@shown
def ledger(
    path: Annotated[Path, typer.Argument(metavar="LEDGER", help="Parquet that read-out --ledger keeps.")],
    out: Json,
    share: Annotated[Path | None, typer.Option(help="CSV to write: the tests without ids and names, for sharing.")] = None,
    restart: Overwrite = False,
) -> Done:
    """Compare predicted with observed changes over all tests that were read out.

    Example: adcreative tools ledger ledger.parquet --out ledger.json
    """
    return pipeline.ledger(path, out, share=share, restart=restart), "tested version{s}"


@tool("target")
@shown
def target(
    ads: Data,
    out: CsvAndJson,
    settings: TargetSettings,
    index: Annotated[Path | None, typer.Option(hidden=True, help="As of papers target.")] = None,
    pictures: Annotated[bool, typer.Option(hidden=True, help="As of papers target.")] = True,
    restart: Overwrite = False,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Rank search queries, keywords or interests for each creative, among up to millions.

    Example: adcreative tools target account/ --labels queries.csv --out targets.csv
    """
    summary = pipeline.target(ads, out, settings, index=index, use_pictures=pictures, restart=restart, **callbacks)
    return summary, "creative{s} targeted"


@tool("describe")
@shown
def describe(
    data: Annotated[Path, typer.Argument(help="CSV, TSV, JSONL or parquet: one product a row, a column title.")],
    out: Csv,
    llm: Llm = "template",
    seed: Seed = 0,
    max_chars: Annotated[int | None, typer.Option(help="Longest description; 500 if not given.")] = None,
    brand_kit: BrandKit = None,
    restart: Annotated[bool, typer.Option("--restart", help="Start over instead of continuing.")] = False,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Write a description of each product from its attributes, and say how much of the record it says.

    Example: adcreative tools describe products.csv --out descriptions.csv
    """
    summary = pipeline.describe(
        data,
        out,
        llm=llm,
        seed=seed,
        max_chars=max_chars,
        brand_kit=brand_kit,
        restart=restart,
        **callbacks,
    )
    return summary, "product{s} described"


@tool("disclosures")
def disclosures(
    market: Annotated[list[str], typer.Option(help="eu, us-ny, meta, tiktok, google or all; repeat for several.")],
    run: Annotated[Path | None, typer.Option(help="A folder that optimize wrote; default: faces and words edited.")] = None,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day the ad runs; default: today.")] = None,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="The person shown does not exist.")] = False,
    rules: Annotated[Path | None, typer.Option(help="Folder of YAML rules that replace or add to ours.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what the law of a place or a platform's rules may ask you to disclose. Not legal advice.

    Example: adcreative tools disclosures --market eu --market meta --run improved/
    """
    with verb():
        found = pipeline.disclosures(market, run=run, on=on.date() if on else None, is_synthetic=synthetic, rules_dir=rules)
    if as_json:
        say_json([one.as_dict() for one in found], indent=1)
        return
    for one in found:
        since = "since" if one.is_in_force else "from"
        say(f"[ ] {one.market_name}: {one.title} ({one.level}, {since} {one.applies_from})")
        say(f"    {one.duty}\n    What to do: {one.how}")
        say(f"    Sources differ: {one.doubt}" if one.doubt else "", nl=bool(one.doubt))
        say(f"    Checked on {one.checked_on}: {', '.join(one.sources)}")
    if not found:
        say("no rule of these markets is touched by these edits")
    say(pipeline.NOT_LEGAL_ADVICE)
