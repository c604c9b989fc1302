"""Command line for product descriptions: describe, on the same typer app as `cli`. No logic of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from adcreative.cli.progress import finish


def add_commands(app: typer.Typer, verb: Callable[..., Any]) -> None:
    """Add the command to `app`; `verb` turns our errors into one line and exit code 2."""

    @app.command()
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
