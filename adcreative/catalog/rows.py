"""One row of a table as a Creative, or everything that is wrong with it.

Knows cells, not files: where a picture is, is asked of the PictureFolder. All faults of a row are gathered before
it fails.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from adcreative.catalog.paths import PictureFolder
from adcreative.creative import SEGMENT_COLUMNS, TEXT_COLUMNS, Creative, FailedCreative
from adcreative.errors import CreativeError

MAX_HEADLINE_CHARS = 2_000
_MAX_CHARS: Mapping[str, int] = {"headline": MAX_HEADLINE_CHARS, "primary_text": 10_000, "description": 10_000}
_MAX_OTHER_CHARS = 1_000
_MULTILINE = ("primary_text", "description")
_WORDS = ("headline", "primary_text", "description")
DAY = "day"  # of a table with a row for each day
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MAX_COUNT = 10**12
_UNKNOWN = frozenset(("", "na", "n/a", "nan", "null", "none", "-", "--"))  # how exports write "no number"
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LINE_BREAK = re.compile("[ \t]*[\t\r\n\u2028\u2029]+[ \t]*")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:[, \u00a0\u202f']\d{3})+(?:\.\d*)?")
_POINT_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")


def build_creative(
    cells: Mapping[str, Any], row: int, label: str, folder: PictureFolder, *, name_is_enough: bool = False
) -> Creative | FailedCreative:
    """Build the creative of one data row.

    Args:
        cells: column name to raw value (text, number, None). SEGMENT_COLUMNS become the creative's context, and so do the
            pairs of a cell "context" that is itself a mapping, which a reader fills from a platform's own columns. A cell "day"
            is both dates; results of one day have its weekday in the context.
        row: number of the creative in the catalogue, from 1.
        label: what messages call the row ("row 7").
        name_is_enough: an ad that has neither a picture nor words is taken by its name, as exports list it.
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
        values[column] = _read_count(column, cells.get(column), faults)
    values["spend"] = _read_spend(cells.get("spend"), faults)
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
    """Return the English name of the weekday when both are one ISO day; "" else."""
    if not first or first != last:
        return ""
    try:
        return WEEKDAYS[date.fromisoformat(first[:10]).weekday()]
    except ValueError:
        return ""


def clean_text(text: str, *, keep_lines: bool = False) -> str:
    """Return `text` without control characters and outer white space; emoji and right-to-left text pass untouched.

    Line breaks and tabs become one space unless `keep_lines`. A surrogate half, which no file can hold, becomes
    U+FFFD.
    """
    if not text.isprintable():  # the quick way out for nearly every cell
        text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if _has_surrogate(text) else text
        text = text.replace("\r\n", "\n").replace("\r", "\n") if keep_lines else _LINE_BREAK.sub(" ", text)
        text = _CONTROL.sub("", text)
    return text.strip()


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _read_context(cells: Mapping[str, Any], faults: list[CreativeError]) -> dict[str, str]:
    own = cells.get("context")
    raw = {column: cells.get(column) for column in SEGMENT_COLUMNS} | (dict(own) if isinstance(own, Mapping) else {})
    texts = {column: _read_text(column, value, faults) for column, value in raw.items()}
    return {column: text for column, text in texts.items() if text.casefold() not in _UNKNOWN}


def _read_text(column: str, value: Any, faults: list[CreativeError]) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
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


def _read_number(column: str, value: Any, faults: list[CreativeError]) -> float | int | None:
    """Return the number in a cell, None when it is blank or after appending a fault."""
    number: Any = _parse_number(value) if isinstance(value, str) else value
    if number is None or (isinstance(number, float) and math.isnan(number)):
        return None
    is_number = isinstance(number, (int, float, Decimal)) and not isinstance(number, bool)
    if not is_number or number != number:
        problem = f'{column} is "{str(value)[:40]}", which is not a number.'
        faults.append(CreativeError(problem, f"Write {column} as plain digits, or leave it empty."))
    elif column != "spend" and isinstance(value, str) and _POINT_GROUPED.fullmatch(value.strip()):
        problem = f'{column} is "{value.strip()}", which can mean two numbers.'
        faults.append(CreativeError(problem, f"Write {column} as plain digits, without a point."))
    elif abs(number) > _MAX_COUNT:
        faults.append(CreativeError(f"{column} is larger than can be.", f"Correct {column}."))
    else:
        return number if isinstance(number, int) else float(number)
    return None


def _parse_number(text: str) -> float | int | str | None:
    """Return the number written in `text`, None when it says "unknown", or the text itself when it is neither."""
    text = clean_text(text)
    if text.casefold() in _UNKNOWN:
        return None
    plain = re.sub(r"[, \u00a0\u202f']", "", text) if _GROUPED.fullmatch(text) else text
    if re.fullmatch(r"[+-]?\d{1,15}", plain):
        return int(plain)
    return float(plain) if _NUMBER.fullmatch(plain) else text


def _read_count(column: str, value: Any, faults: list[CreativeError]) -> int | None:
    number = _read_number(column, value, faults)
    if number is None:
        return None
    if number < 0:
        faults.append(CreativeError(f"{column} is negative ({number:g}).", f"Correct {column}; it counts from 0."))
    elif number != int(number):  # finite: _read_number refuses what is larger than _MAX_COUNT
        problem = f"{column} is {number:g}, but counts are whole."
        faults.append(CreativeError(problem, f"Write how many {column} there were, not a rate."))
    else:
        return int(number)
    return None


def _read_spend(value: Any, faults: list[CreativeError]) -> float | None:
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d+,\d{1,2}\s*", value):
        value = value.replace(",", ".")  # a decimal comma
    number = _read_number("spend", value, faults)
    if number is not None and number < 0:
        faults.append(CreativeError(f"spend is negative ({number:g}).", "Correct spend, or leave it empty."))
        return None
    return None if number is None else float(number)


def _check_counts(impressions: int | None, clicks: int | None, faults: list[CreativeError]) -> None:
    if impressions is not None and clicks is not None and clicks > impressions:
        problem = f"clicks ({clicks:,}) are more than impressions ({impressions:,})."
        faults.append(CreativeError(problem, "Correct the two counts; are their columns swapped?"))
