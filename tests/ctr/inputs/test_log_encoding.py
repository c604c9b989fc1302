"""Lists of a log as ids, read a part at a time: values as in columns, one history beside many candidates, bounded memory."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from adcreative.catalog.formats.logs import part_rows_of
from adcreative.catalog.log_schema import LogSchema
from adcreative.ctr.inputs.columns import split_lists
from adcreative.ctr.inputs.log_encoding import UNKNOWN, fit_encoding
from adcreative.ctr.training.log_stream import EncodedStream, LogFile


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([1, 2]), ["1", "2"]),
        (np.array([3.0, np.nan, 4.5]), ["3", "4.5"]),
        (["a", None, 7.0], ["a", "7"]),
        ("a^^b", ["a", "b"]),
        (None, []),
        (float("nan"), []),
        (np.array(["x"], object), ["x"]),
        ([], []),
    ],
)
def test_a_list_s_values_read_as_those_of_a_column(values: Any, expected: list[str]) -> None:
    assert split_lists(pd.Series([values], dtype=object), "^") == [expected]


def test_a_history_with_a_gap_still_names_items_of_its_column() -> None:
    """Lists with a missing value reach us as floats; 3.0 must stay the item 3, and nothing is no item."""
    log = pd.DataFrame({"click": [0, 1, 0], "item": [3, 4, 5], "past": [[3, 4], [3.0, float("nan"), 4.0], []]})
    encoding = fit_encoding([log], LogSchema(label="click", categorical=("item",), sequences={"past": "item"}, max_history=3))
    assert encoding.vocabularies["item"] == ("3", "4", "5")
    history = encoding.encode(log).arrays["history.past"]
    assert history.tolist() == [[0, 2, 3], [0, 2, 3], [0, 0, 0]]


def test_equal_lists_in_a_row_are_split_once_and_encoded_alike() -> None:
    rng = np.random.default_rng(0)
    pasts = [rng.integers(0, 9, k) for k in (4, 0, 7, 7, 1)]
    column = pd.Series([pasts[k].copy() for k in (0, 0, 1, 2, 3, 3, 3, 4, 0)])
    found = split_lists(column, "^")
    shared = [one is other for one, other in itertools.pairwise(found)]
    assert shared == [True, False, False, False, True, True, False, False]
    log = pd.DataFrame({"click": [0, 1] + [0] * 7, "item": range(9), "past": column})
    encoding = fit_encoding([log], LogSchema(label="click", categorical=("item",), sequences={"past": "item"}, max_history=5))
    alone = np.concatenate([encoding.encode(log.iloc[[k]]).arrays["history.past"] for k in range(9)])
    assert np.array_equal(encoding.encode(log).arrays["history.past"], alone)
    assert UNKNOWN not in alone


def test_parts_and_windows_have_fewer_rows_where_histories_are_long(tmp_path: Path) -> None:
    def schema(length: int) -> LogSchema:
        return LogSchema(label="click", categorical=("item",), sequences={"past": "item"}, max_history=length)

    log = pd.DataFrame({"click": [0, 1] * 500, "item": range(1000), "past": [[1, 2]] * 1000})
    log.to_parquet(tmp_path / "log.parquet")
    sizes = {}
    for length in (10, 5000):
        file = LogFile(tmp_path / "log.parquet", schema(length), "")
        stream = EncodedStream(file, fit_encoding([log], file.schema), 1000)
        sizes[length] = (max(map(len, file.tables())), stream.window_rows)
    assert sizes[10] == (1000, 524_288)
    assert sizes[5000] == (400, 6710)  # 2 and 34 million items
    assert part_rows_of(LogSchema(label="click", categorical=("item",))) == 131_072
