"""Commands of the help panel "Improve": edit and compose ads, run the demo, open the app. No logic of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Unpack

import typer

from adcreative import pipeline
from adcreative.cli.columns import Export
from adcreative.cli.commands import Done, flags, shown
from adcreative.cli.progress import EXIT_CODES, one_line_errors, verb
from adcreative.errors import ConfigError
from adcreative.options import C2paCertificate, C2paKey, Consent, Data, Model, Overwrite, Seed, Settings
from adcreative.pipeline import AppSettings, BatchConfig, ComposeSettings, OptimizeSettings
from adcreative.progress import Callbacks

PANEL = "Improve"
commands = typer.Typer(rich_markup_mode="rich")


@commands.command(epilog=EXIT_CODES, rich_help_panel=PANEL)
@shown
def optimize(
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="Folder for results, images and report.")],
    settings: OptimizeSettings,
    table: Export,
    batch: BatchConfig,
    c2pa_certificate: C2paCertificate = None,
    c2pa_key: C2paKey = None,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Search edits of faces and words for each creative, re-render, re-score and judge them.

    Example: adcreative optimize ads/ --out improved/ --seed 1
    """
    columns = table.confirm(data, out, settings.columns, needs_results=False)
    settings = replace(settings, columns=columns, signing=pipeline.signing_config(c2pa_certificate, c2pa_key))
    return pipeline.optimize(data, out, settings, batch=batch, **callbacks), "creative{s} optimized"


@commands.command(epilog=EXIT_CODES, rich_help_panel=PANEL)
@shown
def compose(
    out: Annotated[Path, typer.Option("--out", help="Folder for the ads, a folder each, and report.html.")] = Path("ads"),
    brief: Annotated[Path | None, typer.Argument(help="brief.toml, or the folder that holds it.")] = None,
    settings: ComposeSettings = ComposeSettings(),  # noqa: B008  # frozen
    from_ad: Annotated[Path | None, typer.Option("--from", help="Picture of an ad whose parts are used.")] = None,
    feed: Annotated[
        Path | None,
        typer.Option(help="Product feed (CSV, XML, ...), one set of ads per row; the brief holds what the rows share."),
    ] = None,
    new: Annotated[Path | None, typer.Option("--new", help="Only write an empty brief into this folder.")] = None,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Compose new ads from a brief, a product feed or the parts of an ad, in every shape, a set of concepts to test.

    Example: adcreative compose brief.toml --out new-ads/
    """
    if new is not None:
        return pipeline.new_brief(new), "brief{s} written"
    if from_ad is not None:
        return pipeline.compose_from(from_ad, out, settings, **callbacks), "ad{s} composed"
    if feed is not None:
        return pipeline.compose_feed(feed, out, settings, brief=brief, **callbacks), "ad{s} composed"
    if brief is None:
        raise ConfigError("compose needs a brief, --from, --feed, or --new to write a brief; see adcreative compose --help")
    return pipeline.compose(brief, out, settings, **callbacks), "ad{s} composed"


@commands.command(rich_help_panel=PANEL)
@shown
def edit(
    ad: Annotated[Path, typer.Argument(help="Folder of a composed ad, such as ads/03.")],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help='Field and value: headline="...", accent="#0a6", layout=split (or another); repeat.'),
    ] = None,
    restart: Overwrite = False,
) -> Done:
    """Change words, colours or layout of a composed ad; all its shapes are rendered anew.

    Example: adcreative edit new-ads/03 --set headline="Sleep better" --set accent="#0a6"
    """
    summary = pipeline.edit(ad, changes or [], restart=restart)
    pipeline.report_ads(ad.resolve().parent)
    return summary, "ad{s} rendered"


@commands.command(rich_help_panel=PANEL)
@shown
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder to write.")] = Path("demo"),
    seed: Seed = 0,
    account: Annotated[
        bool, typer.Option("--account", help="Instead make an account after launch: 200 ads, sixty days of log.")
    ] = False,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Make a folder of simulated ads, optimize it, and compare the gain with their true click rates.

    Example: adcreative demo --out demo
    """
    if account:
        return pipeline.demo_account(out, seed=seed, **callbacks), "creative{s} made"
    return pipeline.demo(out, seed=seed, **callbacks), "creative{s} optimized"


@commands.command("app", rich_help_panel=PANEL)
@flags
def app_command(
    settings: AppSettings,
    model: Model = None,
    config: Settings = None,
    consent: Consent = None,
    c2pa_certificate: C2paCertificate = None,
    c2pa_key: C2paKey = None,
) -> None:
    """Open the web app on this machine.

    Example: adcreative app --port 7860
    """
    with verb():
        studio = pipeline.Studio(
            model, consent=consent, signing=pipeline.signing_config(c2pa_certificate, c2pa_key), config=config
        )
    with one_line_errors():
        pipeline.launch_app(studio, settings)
