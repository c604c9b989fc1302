"""Command line for reasons: explain, on the same typer app as `cli`. No logic of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from adcreative.creative import Creative


def add_commands(app: typer.Typer, verb: Callable[[], Any]) -> None:
    """Add the commands to `app`; `verb` turns our errors into one line and exit code 2."""

    @app.command()
    def explain(
        ad: Annotated[Path | None, typer.Argument(metavar="AD", help="The picture; left out: words only.")] = None,
        out: Annotated[Path, typer.Option("--out", help="Folder for heat.png, explanation.json and .html.")] = Path("why"),
        headline: Annotated[str, typer.Option(help="Headline.")] = "",
        primary_text: Annotated[str, typer.Option(help="Text above the picture.")] = "",
        description: Annotated[str, typer.Option(help="Text below the headline.")] = "",
        cta: Annotated[str, typer.Option(help="Button.")] = "",
        brand: Annotated[str, typer.Option(help="Brand.")] = "",
        category: Annotated[str, typer.Option(help="Category.")] = "",
        platform: Annotated[str, typer.Option(help="Platform.")] = "",
        placement: Annotated[str, typer.Option(help="Placement.")] = "",
        audience: Annotated[str, typer.Option(help="Audience.")] = "",
        model: Annotated[Path | None, typer.Option(help="Folder written by train; default: the shipped model.")] = None,
    ) -> None:
        """Say why an ad has the rate it has: parts, words, regions of the picture, nearest known creatives.

        Example: adcreative explain ad.jpg --headline "Sleep better tonight" --out why/
        """
        from adcreative import pipeline

        creative = Creative(
            file_name=ad.name if ad else "", image_path=ad, headline=headline, primary_text=primary_text, cta=cta,
            description=description, brand=brand, category=category, platform=platform, placement=placement,
            audience=audience,
        )  # fmt: skip
        with verb() as (progress, should_stop):
            summary = pipeline.explain(creative, out, model=model, progress=progress, should_stop=should_stop)
        if summary.stopped:
            typer.echo("stopped; nothing was written", err=True)
            raise typer.Exit(130)
        found = summary.explanation
        rate = f"{found['ctr']:.2%} ({found['ctr_low']:.2%} to {found['ctr_high']:.2%})" if found["enough_data"] else ""
        typer.echo(f"{found['name']}: {rate or 'not enough data'}")
        for part in found["parts"]:
            typer.echo(f"  {part['part']}: {part['share']:+.1%} of the odds ({part['ablation']:+.1%} by leaving it out)")
        for word in found["strongest_words"]:
            slope = "" if word["gradient"] is None else f" ({word['gradient']:+.1%} by gradients)"
            typer.echo(f"  “{word['word']}”: {word['change']:+.1%}{slope}")
        typer.echo(str(summary.path))
