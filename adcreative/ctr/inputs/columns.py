"""Columns of an impression log as plain values: text, lists, finite numbers, labels, vectors; unreadable values are refused.

A value has one form everywhere: 3, 3.0 and "3" are one category, in a column and in the lists of its values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from adcreative.catalog.log_schema import LogSchema
from adcreative.errors import TrainingError

LISTS = (list, tuple, np.ndarray)


def as_text(column: pd.Series) -> pd.Series:
    """Return a column as text, "" where a value is missing; 3 and 3.0 have the same text.

    Raises:
        TrainingError: the column holds lists, records or bytes.
    """
    if pd.api.types.is_object_dtype(column):
        wrong = next((one for one in column if isinstance(one, (*LISTS, dict, bytes))), None)
        if wrong is not None:
            raise TrainingError(
                f'the column "{column.name}" must hold one value a row, got {wrong!r}; lists belong under multi_valued, '
                "sequences or vectors"
            )
    if pd.api.types.is_float_dtype(column):
        whole = column.dropna()
        if len(whole) and (whole == whole.round()).all():
            column = column.astype("Int64")
    elif pd.api.types.is_string_dtype(column) and column.str.endswith(".0").any():  # written by a program with floats only
        column = column.str.replace(r"^(-?\d{1,15})\.0$", r"\1", regex=True)
    return column.astype(str).where(column.notna(), "")


def categories_of(schema: LogSchema, name: str, table: pd.DataFrame) -> pd.Series:
    """Return a column of categories, numbers as their buckets where the schema defines buckets."""
    if name not in schema.bucketed:
        return table[name]
    values = pd.to_numeric(table[name], errors="coerce")
    large = values > 2
    return values.where(~large, np.floor(np.log(values.where(large, 3.0)) ** 2))


def count_values(column: pd.Series) -> dict[str, int]:
    """Return the count of each value of a column, as text."""
    return {str(value): int(count) for value, count in as_text(column).value_counts().items()}


def split_lists(column: pd.Series, separator: str) -> list[list[str]]:
    """Return the values of each row of a column of lists, or of text with a separator between values.

    A row with the same list as the row before shares the object, since many candidates are ranked against one history.

    Raises:
        TrainingError: a value is no list, or a list holds lists or records.
    """
    found: list[list[str]] = []
    before: Any = None
    for value in column:
        if not found or not _is_same(value, before):
            found.append(_split(value, separator, str(column.name)))
        else:
            found.append(found[-1])
        before = value
    return found


def _is_same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.shape == other.shape and bool((one == other).all())
    return isinstance(one, str) and isinstance(other, str) and one == other


def _split(value: str | float | list[object] | tuple[object, ...] | np.ndarray | None, separator: str, name: str) -> list[str]:
    if isinstance(value, str):
        return [one for one in value.split(separator) if one]
    if not isinstance(value, LISTS):
        if pd.api.types.is_scalar(value) and pd.isna(value):
            return []
        raise TrainingError(f'the column "{name}" must hold lists, or text with {separator} between values, got {value}')
    if isinstance(value, np.ndarray) and value.dtype.kind in "iuU":
        return list(map(str, value.tolist()))
    if nested := next((one for one in value if isinstance(one, (*LISTS, dict))), None):
        raise TrainingError(f'the lists of "{name}" must hold single values, got {nested} in one')
    real = (one for one in value if one is not None and one == one)  # NaN is not equal to itself
    return [one if isinstance(one, str) else _one_text(one) for one in real]


def _one_text(value: object) -> str:
    """Return a list value in the form of `as_text`: 3.0 as 3."""
    return str(int(value)) if isinstance(value, float | np.floating) and value.is_integer() else str(value)


def read_numbers(name: str, column: pd.Series) -> np.ndarray:
    """Return a column as float64. Raises TrainingError: a value is missing, infinite or no number."""
    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    broken = int((~np.isfinite(values)).sum())
    if broken:
        raise TrainingError(f'the column "{name}" has {broken} values that are no finite number; fill them or leave it out')
    return values


def read_labels(name: str, column: pd.Series) -> np.ndarray:
    """Return labels as float32. Raises TrainingError: one is neither 0 nor 1."""
    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    wrong = ~np.isin(values, (0.0, 1.0))
    if wrong.any():
        raise TrainingError(f'the label "{name}" must be 0 or 1, got {column.iloc[int(np.argmax(wrong))]}')
    return values.astype(np.float32)


def vector_width(name: str, first: object) -> int:
    """Return the number of numbers in the first vector of a column. Raises TrainingError: it is no vector."""
    if not isinstance(first, LISTS) or not len(first):
        raise TrainingError(f'the vectors of "{name}" must be lists of numbers, the first is {first}')
    return len(first)


def read_vectors(name: str, column: pd.Series, width: int) -> np.ndarray:
    """Return a column of vectors as [N, width] float32. Raises TrainingError: one has another width, or no finite numbers."""
    try:
        values = [np.asarray(value, np.float32) for value in column]
    except (TypeError, ValueError) as error:
        raise TrainingError(f'the vectors of "{name}" must hold numbers ({error})') from error
    wrong = next((one for one in values if one.shape != (width,) or not np.isfinite(one).all()), None)
    if wrong is not None:
        raise TrainingError(f'the vectors of "{name}" must have {width} finite numbers, one has shape {list(wrong.shape)}')
    return np.stack(values) if values else np.zeros((0, width), np.float32)
