"""Commands of the help panel "Keep the rules": platform rules, removal of a person. No logic of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Unpack

import typer

from adcreative import pipeline
from adcreative.cli.columns import Numbers
from adcreative.cli.commands import Done, shown
from adcreative.cli.progress import verb
from adcreative.cli.terminal import say
from adcreative.options import BrandKit, Columns, Csv, Data, Overwrite, ReadPictures, Words
from adcreative.progress import Callbacks

PANEL = "Keep the rules"
commands = typer.Typer(rich_markup_mode="rich")


@commands.command(rich_help_panel=PANEL)
@shown
def check(
    data: Data,
    out: Csv,
    table: Numbers,
    columns: Columns = None,
    brand_kit: BrandKit = None,
    read_pictures: ReadPictures = True,
    words: Words = None,
    restart: Overwrite = False,
    **callbacks: Unpack[Callbacks],
) -> Done:
    """Say yes or no to the words and picture of each creative by platform rules, without any model.

    Example: adcreative check ads/ --out checks.csv
    """
    done = pipeline.check(
        data,
        out,
        columns=table.keep(out, columns),
        brand_kit=brand_kit,
        read_pictures=read_pictures,
        words=words,
        restart=restart,
        **callbacks,
    )
    return done, "creative{s} checked"


@commands.command(rich_help_panel=PANEL)
def purge(
    run: Annotated[
        Path | None, typer.Argument(help="Folder that optimize or demo wrote, or an archive of it; left out: only the cache.")
    ] = None,
    consent_id: Annotated[str, typer.Option(help="Remove only the creatives that name this consent record.")] = "",
    creative: Annotated[str, typer.Option(help="Remove only this creative (file_name or ad_name).")] = "",
    originals: Annotated[
        bool, typer.Option("--originals", help="Also remove your own source pictures of the ads, and files behind links.")
    ] = False,
    keep_cache: Annotated[bool, typer.Option("--keep-cache", help="Keep the feature cache, which holds face codes.")] = False,
    also: Annotated[
        list[Path] | None, typer.Option(help="Also search this export, archive, file or folder of yours; repeat.")
    ] = None,
) -> None:
    """Remove faces, face codes and caches: of one person, of one creative, or of a whole run folder.

    Exports and archives of the run go with it where you made them on this machine and they are unchanged. What the run's folder
    alone names is listed, since somebody may have sent the folder: name it with --also when it is yours.

    Example: adcreative purge improved/ --consent-id c-17
    """
    with verb():
        summary = pipeline.purge(
            run, consent_id=consent_id, creative=creative, originals=originals, keep_cache=keep_cache, also=also or ()
        )
    for sentence in summary.sentences():
        say(sentence)
