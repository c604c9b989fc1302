"""The columns of an export that are not known by name: what they are taken for is shown and confirmed. No logic of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from adcreative import pipeline
from adcreative.cli.terminal import say
from adcreative.errors import ConfigError

MAX_SHOWN = 200  # characters of a foreign name


def keep_numbers(out: Path, columns: Path | None, *, rates: str, decimals: str) -> Path | None:
    """Return the mapping file that a table is read with, with how its numbers are written beside what it said already.

    Raises:
        ConfigError: the mapping file is wrong, or OUT.columns.toml is another file than one of ours.
    """
    if not rates and not decimals:
        return columns
    settings = pipeline.read_settings(columns, rates=rates, decimals=decimals)
    return pipeline.write_settings(settings, out.with_name(f"{out.name}.columns.toml"))


def confirm_columns(
    data: Path,
    out: Path,
    columns: Path | None,
    *,
    yes: bool,
    sheet: str = "",
    name_pattern: str = "",
    needs_results: bool = True,
) -> Path | None:
    """Return the mapping file that `data` is read with, None where nothing needs one.

    A table whose columns are not known gets a proposal, which is printed to stderr with a reason a column. It is used when
    `yes`, or when the user agrees at the terminal; either way it is written to OUT.columns.toml, so that it can be looked at,
    corrected and given again. sheet and name_pattern are written there too.

    Raises:
        ConfigError: nobody agreed; the message names the written file.
        CatalogError: the table cannot be read, or lists no ads.
    """
    if not data.is_file():
        return columns
    settings = pipeline.read_settings(columns, sheet=sheet, name_pattern=name_pattern)
    proposal = pipeline.propose_mapping(data, columns=settings, needs_results=needs_results)
    if proposal.is_known and not sheet and not name_pattern:
        return columns
    if not proposal.is_known:
        say(f"{data.name[:MAX_SHOWN]} has columns that are not known by name:", err=True)
    path = pipeline.write_mapping(proposal, out.with_name(f"{out.name}.columns.toml"))
    if proposal.is_known:
        return path
    for column in proposal.columns:
        taken = f"{column.target} ({column.confidence:.0%}: {column.reason})" if column.target else "not read"
        say(f"  {column.column[:MAX_SHOWN]}: {taken[:MAX_SHOWN]}", err=True)
    if yes or (sys.stdin.isatty() and typer.confirm(f"Read {data.name} so? (kept in {path})", err=True)):
        return path
    raise ConfigError(
        f"the columns of {data.name} are not known by name; look at the proposal in {path}, then give it with "
        f"--columns {path}, or agree with --yes."
    )
