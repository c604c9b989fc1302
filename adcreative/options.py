"""Options shared by several commands and settings, each with one help text; and functions that take settings.

A settings record is a frozen dataclass with one field per option. A field annotated with one of these options, or with its own
option, becomes a command line flag (`cli.commands`); a function of the API accepts each field as a keyword (`takes`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from adcreative.config import did_you_mean
from adcreative.errors import ConfigError

Data = Annotated[Path, typer.Argument(help="Folder with images and metadata.csv, a table, or an ad platform's export.")]
Model = Annotated[Path | None, typer.Option("--model", help="Folder written by train; default: the shipped model.")]
BaseRate = Annotated[
    float | None,
    typer.Option("--base-rate", help="Mean click rate of the account (0.021: 2.1 %), where no model of its own is given."),
]
Restart = Annotated[bool, typer.Option("--restart", help="Start over; otherwise an earlier run at --out is continued.")]
Overwrite = Annotated[bool, typer.Option("--restart", help="Also overwrite files that this program did not write.")]
Resume = Annotated[bool, typer.Option("--resume", help="Only continue an earlier run; fail when there is none at --out.")]
Limit = Annotated[int | None, typer.Option(help="Only the first N creatives; a later run with the same --out adds more.")]
Workers = Annotated[int | None, typer.Option(help="Processes, each with its own models; 1 if not given, with Ray all cores.")]
Engine = Annotated[str, typer.Option(help="local, or ray: the cluster at RAY_ADDRESS, else one on this machine.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check all inputs, print the work to be done and its duration; write nothing.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")]
Consent = Annotated[Path | None, typer.Option("--consent", help="Consent records, TOML or JSON (see README).")]
Columns = Annotated[Path | None, typer.Option(help="TOML or JSON file: column of the table = our name.")]
Images = Annotated[
    Path | None, typer.Option("--images", help="Folder with the pictures of an export's ads, joined by name, id or hash.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Accept the proposed meaning of unknown columns of an export.")]
Sheet = Annotated[str, typer.Option("--sheet", help="Sheet of an Excel workbook; default: the sheet that lists ads.")]
NamePattern = Annotated[
    str,
    typer.Option("--name-pattern", help="How ads are named: {concept}_{format}_{placement}. The parts become context."),
]
Dates = Annotated[
    str, typer.Option("--dates", help="Order of day, month and year: dmy, mdy or ymd; default: inferred from the column.")
]
Rates = Annotated[str, typer.Option("--rates", help="Unit of the click rates of an export: percent or share.")]
Decimals = Annotated[str, typer.Option("--decimals", help="Decimal sign of a table: point or comma.")]
ReadPictures = Annotated[
    bool, typer.Option("--read-pictures/--no-read-pictures", help="Read the words that stand in a picture.")
]
Words = Annotated[
    Path | None, typer.Option("--words", help="Table written by adcreative read, corrected: the words of the pictures.")
]
Seed = Annotated[int, typer.Option(help="Same seed, same result.")]
WordEncoder = Annotated[
    str,
    typer.Option("--text-encoder", help="Text encoder instead of the shipped one: multilingual-e5-small, a folder, a hub id."),
]
Run = Annotated[Path, typer.Argument(help="Folder that optimize wrote.")]
Campaign = Annotated[str, typer.Option(help="Campaign the ads will run in; part of their ids.")]
Export = Annotated[Path, typer.Argument(help="Export of an ad platform (CSV, Excel), or a table with such columns.")]
C2paCertificate = Annotated[Path | None, typer.Option(help="PEM chain: sign edited pictures; needs --c2pa-key.")]
C2paKey = Annotated[Path | None, typer.Option(help="PEM key of that certificate.")]
CONFIG = typer.Option("--config", help="TOML file with settings of the search, the words and the picture.")
Settings = Annotated[Path | None, CONFIG]
Csv = Annotated[Path, typer.Option("--out", help="CSV to write.")]
CsvAndJson = Annotated[Path, typer.Option("--out", help="CSV to write; figures beside it as JSON.")]
Json = Annotated[Path, typer.Option("--out", help="JSON to write.")]
LogModel = Annotated[Path, typer.Argument(help="Folder that train --schema wrote for an impression log.")]
Llm = Annotated[str, typer.Option("--llm", help="template, smollm2, a model folder, or http://… (OpenAI-compatible).")]
BrandKit = Annotated[Path | None, typer.Option("--brand-kit", help="AdCP brand manifest, JSON: tone, words to use and avoid.")]

Result = TypeVar("Result")


def takes(record: type[Any]) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Let a function with a parameter `settings` of type `record` also accept the record's fields as keywords.

    Raises:
        ConfigError: the function is called with a keyword unknown to both the function and the record.
    """
    defaults = {one.name: Parameter.empty if one.default is MISSING else one.default for one in fields(record) if one.init}

    def spread(function: Callable[..., Result]) -> Callable[..., Result]:
        form = signature(function)
        known = {**form.parameters, **defaults}

        @wraps(function)
        def call(*args: object, **options: object) -> Result:
            if unknown := [name for name in options if name not in known]:
                raise ConfigError(f'{function.__name__} has no setting "{unknown[0]}". {did_you_mean(unknown[0], known)}')
            chosen = {name: options.pop(name) for name in defaults if name in options}
            bound = form.bind_partial(*args, **options)
            settings = bound.arguments.get("settings")
            if isinstance(settings, str | Path):  # version 1.0 called a TOML file so
                chosen["config"], settings = Path(settings), None
            bound.arguments["settings"] = record(**chosen) if settings is None else replace(settings, **chosen)
            return function(*bound.args, **bound.kwargs)

        own = [one if name != "settings" else one.replace(default=None) for name, one in form.parameters.items()]
        added = [Parameter(name, Parameter.KEYWORD_ONLY, default=default) for name, default in defaults.items()]
        named = [*own, *added]
        call.__signature__ = form.replace(parameters=sorted(named, key=lambda one: one.kind))  # type: ignore[attr-defined]
        return call

    return spread
