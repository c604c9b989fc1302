"""Options and arguments that several commands share, each with its one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path, typer.Argument(help="Folder with images and metadata.csv, a table, or an ad platform's export.")]
Model = Annotated[Path | None, typer.Option("--model", help="Folder written by train; default: the shipped model.")]
BaseRate = Annotated[
    float | None,
    typer.Option("--base-rate", help="Mean click rate of the account (0.021: 2.1 %), where no model of its own is given."),
]
Restart = Annotated[bool, typer.Option("--restart", help="Start over; otherwise an earlier run at --out is continued.")]
Overwrite = Annotated[bool, typer.Option("--restart", help="Write over files that this program did not write, too.")]
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
Images = Annotated[
    Path | None, typer.Option("--images", help="Folder with the pictures of an export's ads, joined by name, id or hash.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Agree to what unknown columns of an export are taken for.")]
Sheet = Annotated[str, typer.Option("--sheet", help="Sheet of an Excel workbook; else the one that lists ads.")]
NamePattern = Annotated[
    str,
    typer.Option("--name-pattern", help="How ads are named: {concept}_{format}_{placement}. The parts become context."),
]
Dates = Annotated[
    str, typer.Option("--dates", help="Order of day, month and year: dmy, mdy or ymd; else the whole column tells it.")
]
Rates = Annotated[str, typer.Option("--rates", help="What the click rates of an export are: percent or share.")]
Decimals = Annotated[str, typer.Option("--decimals", help="What stands before decimals in a table: point or comma.")]
ReadPictures = Annotated[
    bool, typer.Option("--read-pictures/--no-read-pictures", help="Read the words that stand in a picture.")
]
Look = Annotated[
    bool | None,
    typer.Option(
        "--look/--faces-and-words-only", help="Let exposure, warmth, contrast, saturation and crop change a little; on."
    ),
]
SetText = Annotated[
    bool | None,
    typer.Option("--set-text/--no-set-text", help="Read the words in the picture, and set new ones in their place; on."),
]
InpaintModel = Annotated[
    str, typer.Option(help="What fills the ground behind old letters: LaMa export (.onnx), or a pipeline as --scene-model.")
]
KeepControls = Annotated[bool, typer.Option("--keep-controls", help="Write the rebuilt, unedited faces too.")]
RiskAversion = Annotated[
    float | None, typer.Option(min=0, help="How sure a gain must be, in standard deviations; 1: five chances in six.")
]
Alternatives = Annotated[
    int, typer.Option(min=0, help="Write the pictures of the best N other versions of each ad, too, to be tested.")
]
Sizes = Annotated[
    str, typer.Option(help="Lay each ad out, edited or kept, in these shapes too: all, or some of 1:1,4:5,9:16,1.91:1.")
]
Seed = Annotated[int, typer.Option(help="Same seed, same result.")]
Run = Annotated[Path, typer.Argument(help="Folder that optimize wrote.")]
Campaign = Annotated[str, typer.Option(help="Campaign the ads will run in; part of their ids.")]
Export = Annotated[Path, typer.Argument(help="Export of an ad platform (CSV, Excel), or a table with such columns.")]
C2paCertificate = Annotated[Path | None, typer.Option(help="PEM chain: sign edited pictures; needs --c2pa-key.")]
C2paKey = Annotated[Path | None, typer.Option(help="PEM key of that certificate.")]
Settings = Annotated[
    Path | None, typer.Option("--config", help="TOML file with settings of the search, the words and the picture.")
]
OwnHeadline = Annotated[
    str, typer.Option("--headline", help="A headline of your own for every edit, used whatever the models say of it.")
]
OwnDescription = Annotated[str, typer.Option("--description", help="A description of your own for every edit, likewise.")]
