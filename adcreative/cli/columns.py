"""Options for reading an export: number formats, and unknown columns, proposed and confirmed. No logic."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import typer

from adcreative import pipeline
from adcreative.cli.terminal import say
from adcreative.errors import ConfigError
from adcreative.options import Decimals, NamePattern, Rates, Sheet, Yes

MAX_SHOWN = 200  # length limit of an unknown name


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """How the numbers of a table are written."""

    rates: Rates = ""
    decimals: Decimals = ""

    def keep(self, out: Path, columns: Path | None) -> Path | None:
        """Return the mapping file for a table, with the number format added to its other settings.

        Raises:
            ConfigError: the mapping file is invalid, or OUT.columns.toml exists and is not ours.
        """
        if not self.rates and not self.decimals:
            return columns
        settings = pipeline.read_settings(columns, rates=self.rates, decimals=self.decimals)
        return pipeline.write_settings(settings, _mapping_of(out))


@dataclass(frozen=True, kw_only=True)
class Results(Numbers):
    """How an export of results is read whose columns may not be known by name."""

    yes: Yes = False
    sheet: Sheet = ""
    name_pattern: str = ""

    def confirm(
        self, data: Path, out: Path, columns: Path | None, *, model: Path | None = None, needs_results: bool = True
    ) -> Path | None:
        """Return the mapping file for `data`, None if none is needed; a log read by `model` needs none.

        A table with unknown columns gets a proposal, printed to stderr with a reason per column. The proposal is used with
        `yes`, or if the user agrees at the terminal; in any case it is written to OUT.columns.toml, for inspection, correction
        and reuse. sheet and name_pattern are written to the file too, and number formats as in `keep`.

        Raises:
            ConfigError: the user did not agree; the message names the written file. Or as `keep`.
            CatalogError: the table cannot be read, or lists no ads.
        """
        if pipeline.is_log_model(model):
            return columns
        return self.keep(out, self._confirm_names(data, out, columns, needs_results) if data.is_file() else columns)

    def _confirm_names(self, data: Path, out: Path, columns: Path | None, needs_results: bool) -> Path | None:
        settings = pipeline.read_settings(columns, sheet=self.sheet, name_pattern=self.name_pattern)
        proposal = pipeline.propose_mapping(data, columns=settings, needs_results=needs_results)
        if proposal.is_known:
            return pipeline.write_mapping(proposal, _mapping_of(out)) if self.sheet or self.name_pattern else columns
        say(f"{data.name[:MAX_SHOWN]} has columns that are not known by name:", err=True)
        path = pipeline.write_mapping(proposal, _mapping_of(out))
        for column in proposal.columns:
            taken = f"{column.target} ({column.confidence:.0%}: {column.reason})" if column.target else "not read"
            say(f"  {column.column[:MAX_SHOWN]}: {taken[:MAX_SHOWN]}", err=True)
        if self.yes or (sys.stdin.isatty() and typer.confirm(f"Read {data.name} so? (kept in {path})", err=True)):
            return path
        raise ConfigError(
            f"the columns of {data.name} are not known by name; look at the proposal in {path}, then give it with "
            f"--columns {path}, or agree with --yes."
        )


@dataclass(frozen=True, kw_only=True)
class Export(Results):
    """How an export of ads is read. Results, and what the names of the ads say."""

    name_pattern: NamePattern = ""


def _mapping_of(out: Path) -> Path:
    return out.with_name(f"{out.name}.columns.toml")
