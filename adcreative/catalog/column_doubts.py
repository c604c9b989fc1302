"""Find columns of a log that a model should not learn from: written after the click, row keys, constants, free text. No torch.

Columns are judged by name (whole words of `post_click.yaml`), by role (the schema's conversion), and by values: values only in
clicked rows, or values that predict clicks nearly perfectly. Only a sample of rows is judged, so a person decides in the end.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from adcreative.config import read_packaged_yaml

MIN_ROWS, MIN_VALUES = 50, 20
KEY_SHARE = 0.9  # distinct values per row, from which a column is a key
MAX_VALUES_A_ROW = 0.1  # distinct values per row, up to which a column is compared with clicks: a key would predict every click
PERFECT = 0.95  # share of the entropy of clicks explained by the column
TEXT_WORDS = 4
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+")


@cache
def _words() -> tuple[frozenset[str], frozenset[str]]:
    content = read_packaged_yaml(Path(__file__).parent / "post_click.yaml")
    return frozenset(content["words"]), frozenset(content["not"])


def names_post_click(name: str) -> bool:
    """Return whether a column's name implies that the column was written after the click."""
    parts = {part.casefold() for part in WORD.findall(name)}
    wanted, other = _words()
    return bool(parts & wanted) and not parts & other


def find_post_click(
    sample: pd.DataFrame, label: str, names: Iterable[str], *, conversion: str = "", kept: Collection[str] = ()
) -> dict[str, str]:
    """Return column -> reason why the column was probably written after the click.

    Args:
        sample: rows with the label, 0 and 1. names: columns to judge. conversion: the column with the outcome of a click. kept:
            columns confirmed by a person, which are not judged.
    """
    clicked = pd.to_numeric(sample[label], errors="coerce").to_numpy(float) > 0
    found = {}
    for name in names:
        if name in kept or name == label or name not in sample.columns:
            continue
        if name == conversion:
            found[name] = "the schema calls it the conversion"
        elif names_post_click(name):
            found[name] = "its name says so"
        elif reason := _tells_clicks(sample[name], clicked):
            found[name] = reason
    return found


def say_left_out(found: dict[str, str], how: str) -> str:
    """Return one sentence with the columns left out, the reasons, and how to keep the columns."""
    said = ", ".join(f'"{name}" ({reason})' for name, reason in found.items())
    return f"written after the click, it seems, and left out: {said}; {how}"


def _tells_clicks(column: pd.Series, clicked: np.ndarray) -> str:
    """Return the reason why a column's values give clicks away, or ""."""
    if len(column) < MIN_ROWS or not 0 < clicked.sum() < len(clicked):
        return ""
    codes, values = pd.factorize(column.map(str, na_action="ignore"))
    filled = codes >= 0
    if pd.api.types.is_numeric_dtype(column):
        filled = filled & (column.fillna(0).to_numpy() != 0)
    share = clicked.mean()
    if filled.sum() >= MIN_VALUES and clicked[filled].all() and share < PERFECT and not filled.all():
        return "it has values only where a row was clicked"
    if len(values) > MAX_VALUES_A_ROW * len(column):
        return ""
    total = np.bincount(codes + 1, minlength=len(values) + 1)
    rate = np.bincount(codes + 1, clicked, len(values) + 1) / np.maximum(total, 1)
    left = float((total * _entropy(rate)).sum() / len(column))
    return "it tells clicks nearly perfectly" if left < (1 - PERFECT) * float(_entropy(np.array(share))) else ""


def _entropy(rate: np.ndarray) -> np.ndarray:
    inside = np.clip(rate, 1e-12, 1 - 1e-12)
    found: np.ndarray = -inside * np.log(inside) - (1 - inside) * np.log1p(-inside)
    return found


def why_not_a_category(column: pd.Series) -> str:
    """Return the reason why a column of a sample cannot be used as a category, or ""."""
    values = column.dropna().astype(str)
    num = values.nunique()
    if num <= 1 and len(column) > 1:
        return f"it has {'one value' if num else 'no value'} in the first {len(column):,} rows"
    if len(values) < MIN_ROWS:
        return ""
    if num / len(values) > 0.5 and values.str.count(r"\S+").mean() >= TEXT_WORDS:
        return "free text, which no two rows share"
    if num >= KEY_SHARE * len(values):
        rows = "every row has a value of its own" if num == len(values) else f"{num:,} values in {len(values):,} rows"
        return f"{rows}: a key of rows, of which new rows have none that was learnt"
    return ""
