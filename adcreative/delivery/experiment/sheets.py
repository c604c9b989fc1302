"""Bulk sheets of platforms as data (`sheets.yaml`), and the user's own template where a platform takes no other file.

A template is the sheet as the platform gives it: a header, reference rows that begin with "#", and perhaps one filled row.
Header and reference rows are written back unchanged; the filled row says what is not about the ad: campaign, budget, audience.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from adcreative.config import read_packaged_yaml
from adcreative.errors import CatalogError, ConfigError, CreativeError

FIELDS = ("name", "campaign", "ad_group", "url", "headline", "body", "picture", "headlines", "descriptions")
REFERENCE = "#"


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A platform's sheet; see `sheets.yaml`."""

    title: str
    cells: Mapping[str, str]
    columns: Sequence[str] = ()
    first: Mapping[str, str] = field(default_factory=dict)
    of_group: Mapping[str, str] = field(default_factory=dict)
    if_there: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    is_search: bool = False

    def fill(self, values: Mapping[str, str], template: Template) -> dict[str, str]:
        """Return the row of one ad in the columns of a template. values: the FIELDS.

        Raises:
            CreativeError: a cell exceeds the platform's limit.
        """
        there = {column: text for column, text in self.if_there.items() if column in template.columns}
        cells = {**(self.of_group if template.group is None else {}), **there, **self.cells}
        row = {**(template.group or {}), **{column: text.format_map(values) for column, text in cells.items()}}
        for column, limit in self.limits.items():
            if len(row[column]) > limit:
                problem = f'the cell "{column}" has {len(row[column]):,} letters, {self.title} allows {limit:,}.'
                raise CreativeError(problem, "Shorten it.")
        return row


@dataclass(frozen=True, kw_only=True)
class Template:
    """Header, the rows above the ads, and the filled row of a template, None for none."""

    columns: Sequence[str]
    above: Sequence[Mapping[str, str]]
    group: Mapping[str, str] | None


@cache
def sheets() -> Mapping[str, Sheet]:
    """Return format -> sheet."""
    content: Mapping[str, Any] = read_packaged_yaml(files(__package__) / "sheets.yaml")
    return {name: Sheet(**told) for name, told in content["sheets"].items()}


@cache
def refusals() -> Mapping[str, str]:
    """Return the sheets that cannot be written -> why, and what to do."""
    content: Mapping[str, Any] = read_packaged_yaml(files(__package__) / "sheets.yaml")
    refused: Mapping[str, str] = content["refusals"]
    return refused


def read_template(sheet: Sheet, path: Path | None) -> Template:
    """Return the template of a sheet: its own columns, or those of the user's file.

    Raises:
        ConfigError: the sheet needs a file. CatalogError: the file cannot be read, or lacks a column that an ad needs.
    """
    if sheet.columns:
        return Template(columns=sheet.columns, above=[sheet.first] if sheet.first else [], group=None)
    if path is None:
        raise ConfigError(
            f"{sheet.title} needs --template: the sheet as the platform gives it, best with one ad of the ad group"
        )
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise CatalogError(f"{path} cannot be read as a CSV with a header; download {sheet.title} again.") from error
    lacking = [column for column in (*sheet.of_group, *sheet.cells) if column not in header]
    if lacking:
        raise CatalogError(f'{path.name} is not {sheet.title}: it has no column "{lacking[0]}".')
    told = [dict(zip(header, row, strict=False)) for row in rows if any(row)]
    above = [row for row in told if row[header[0]].startswith(REFERENCE)]
    return Template(columns=header, above=above, group=next((row for row in told if row not in above), None))
