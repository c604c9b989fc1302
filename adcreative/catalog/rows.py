"""Build a Creative from one row of a table, or a list of the row's faults.

Knows cells, not files: PictureFolder resolves picture paths. All faults of a row are collected before the row fails.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from adcreative.catalog.names import clean_text, is_rounded
from adcreative.catalog.paths import PictureFolder
from adcreative.catalog.platforms.numbers import PLAIN, NumberReading
from adcreative.creative import SEGMENT_COLUMNS, TEXT_COLUMNS, Creative, FailedCreative
from adcreative.errors import CreativeError

MAX_HEADLINE_CHARS = 2_000
_MAX_CHARS: Mapping[str, int] = {"headline": MAX_HEADLINE_CHARS, "primary_text": 10_000, "description": 10_000}
_MAX_OTHER_CHARS = 1_000
_MULTILINE = ("primary_text", "description")
_WORDS = ("headline", "primary_text", "description")
DAY = "day"  # column of a table with one row per day
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MAX_COUNT = 10**12
_UNKNOWN = frozenset(("", "na", "n/a", "nan", "null", "none", "-", "--"))  # notations of exports for "no number"


def build_creative(
    cells: Mapping[str, Any],
    row: int,
    label: str,
    folder: PictureFolder,
    *,
    name_is_enough: bool = False,
    numbers: NumberReading = PLAIN,
) -> Creative | FailedCreative:
    """Build the creative of one data row.

    Args:
        cells: column name -> raw value (text, number, None). SEGMENT_COLUMNS become the creative's context, and so do the pairs
            of a mapping in the cell "context", which a reader fills from a platform's own columns. A cell "day" sets both
            dates; results of one day have the weekday in the context.
        row: number of the creative in the catalogue, from 1.
        label: name of the row in messages ("row 7").
        name_is_enough: accept an ad that has neither a picture nor words by its name, as in exports.
        numbers: number format of the table.
    Returns:
        The creative, or a FailedCreative whose problem lists every fault of the row.
    """
    faults: list[CreativeError] = []
    values: dict[str, Any] = {}
    for column in TEXT_COLUMNS:
        values[column] = _read_text(column, cells.get(column), faults)
    day = _read_text(DAY, cells.get(DAY), faults)[:10]
    for column in ("date_start", "date_end"):
        values[column] = values[column] or (day if _name_weekday(day, day) else "")
    values["context"] = _read_context(cells, faults)
    if weekday := _name_weekday(values["date_start"], values["date_end"]):
        values["context"].setdefault("weekday", weekday)
    for column in ("impressions", "clicks"):
        values[column] = _read_count(column, _read_text_number(column, cells.get(column), numbers), faults)
    values["spend"] = _read_spend(_read_text_number("spend", cells.get("spend"), numbers), faults)
    _check_counts(values["impressions"], values["clicks"], faults)
    if values["file_name"]:
        try:
            values["file_name"] = folder.normalise(values["file_name"])
            values["image_path"] = folder.locate(values["file_name"])
        except CreativeError as error:
            faults.append(error)
    elif not any(values[column] for column in (*_WORDS, *(("ad_name",) if name_is_enough else ()))) and not any(
        column in fault.problem for column in _WORDS for fault in faults
    ):
        problem = "it has neither a file_name nor a headline, primary_text or description."
        faults.append(CreativeError(problem, "Fill in one of them."))
    if faults:
        problem = f"{label}: " + " ".join(fault.problem for fault in faults)
        remedy = " ".join(dict.fromkeys(fault.remedy for fault in faults))
        return FailedCreative(
            file_name=values["file_name"][:200], ad_name=values["ad_name"][:200], problem=problem, remedy=remedy
        )
    return Creative(row=row, **values)


def _name_weekday(first: str, last: str) -> str:
    """Return the English name of the weekday if both dates are the same ISO day, else ""."""
    if first != last or not first[:4].isdecimal() or first[5:6] == "W":  # a week is not a day
        return ""
    try:
        return WEEKDAYS[date.fromisoformat(first[:10]).weekday()]
    except ValueError:
        return ""


def _read_context(cells: Mapping[str, Any], faults: list[CreativeError]) -> dict[str, str]:
    own = cells.get("context")
    raw = {column: cells.get(column) for column in SEGMENT_COLUMNS} | (dict(own) if isinstance(own, Mapping) else {})
    texts = {column: _read_text(column, value, faults) for column, value in raw.items()}
    return {column: text for column, text in texts.items() if text.casefold() not in _UNKNOWN}


def _read_text(column: str, value: object, faults: list[CreativeError]) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if is_rounded(value):
        faults.append(CreativeError(f"{column} is {value}, a number that a spreadsheet rounded.", "Export it as text."))
        return ""
    if isinstance(value, str):
        text = clean_text(value, keep_lines=column in _MULTILINE)
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, float) and value.is_integer():
        text = str(int(value))  # an id column that a missing value turned into floats
    elif isinstance(value, (datetime, date)):
        text = value.isoformat().removesuffix("T00:00:00")
    elif isinstance(value, (list, tuple, dict, bytes)):
        faults.append(CreativeError(f"{column} is a {type(value).__name__}, not text.", "Write one plain value in the cell."))
        return ""
    else:
        text = str(value)
    limit = _MAX_CHARS.get(column, _MAX_OTHER_CHARS)
    if len(text) > limit:
        problem = f"{column} has {len(text):,} characters; at most {limit:,} are read."
        faults.append(CreativeError(problem, f"Shorten the {column}."))
    return text


def _read_number(column: str, value: object, faults: list[CreativeError]) -> float | int | None:
    """Return the number in a cell; None for a blank cell or after appending a fault."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if not isinstance(value, int | float | Decimal) or isinstance(value, bool) or value != value:
        problem = f'{column} is "{str(value)[:40]}", which is not a number.'
        faults.append(CreativeError(problem, f"Write {column} as plain digits, or leave it empty."))
    elif not -_MAX_COUNT <= value <= _MAX_COUNT:
        faults.append(CreativeError(f"{column} is larger than can be.", f"Correct {column}."))
    else:
        return value if isinstance(value, int) else float(value)
    return None


def _read_text_number(column: str, cell: object, numbers: NumberReading) -> object:
    """Return the number in a text cell; for an invalid count the fractional number, so that the fault can name it."""
    found = numbers.amount(cell) if column == "spend" else numbers.count(cell)
    if column != "spend" and isinstance(found, str):
        amount = numbers.amount(found)
        return amount if isinstance(amount, float) and not amount.is_integer() else found
    return found


def _read_count(column: str, value: object, faults: list[CreativeError]) -> int | None:
    number = _read_number(column, value, faults)
    if number is None:
        return None
    if number < 0:
        faults.append(CreativeError(f"{column} is negative ({number:g}).", f"Correct {column}; it counts from 0."))
    elif number != int(number):  # finite: _read_number refuses numbers above _MAX_COUNT
        problem = f"{column} is {number:g}, but counts are whole."
        faults.append(CreativeError(problem, f"Write how many {column} there were, not a rate."))
    else:
        return int(number)
    return None


def _read_spend(value: object, faults: list[CreativeError]) -> float | None:
    number = _read_number("spend", value, faults)
    if number is not None and number < 0:
        faults.append(CreativeError(f"spend is negative ({number:g}).", "Correct spend, or leave it empty."))
        return None
    return None if number is None else float(number)


def _check_counts(impressions: int | None, clicks: int | None, faults: list[CreativeError]) -> None:
    if impressions is not None and clicks is not None and clicks > impressions:
        problem = f"clicks ({clicks:,}) are more than impressions ({impressions:,})."
        faults.append(CreativeError(problem, "Correct the two counts; are their columns swapped?"))
