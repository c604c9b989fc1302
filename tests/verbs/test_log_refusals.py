"""Columns and settings that no log can be learnt with are refused in one sentence, and nothing is half written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from adcreative import pipeline
from adcreative.catalog.formats.logs import read_sample
from adcreative.errors import AdCreativeError, CatalogError
from tests.verbs.test_train_log import QUICK, make_log

PLAIN = 'label = "click"\nuser = "user_id"\ncategorical = ["placement", "style"]\nnumeric = ["bid"]\n'
WITH_HISTORY = PLAIN + '[sequences]\nstyle_history = "style"\n'
NUM = 300

COLUMNS: dict[str, tuple[dict[str, Any], str, str]] = {
    "history of numbers": ({"style_history": 3}, WITH_HISTORY, r'"style_history" must hold lists, or text with \^ .*, got 3'),
    "history of times": ({"style_history": pd.Timestamp(0)}, WITH_HISTORY, r'"style_history" must hold lists'),
    "history of lists": ({"style_history": [[["a"]]] * NUM}, WITH_HISTORY, r'the lists of "style_history" must hold single'),
    "history of records": (
        {"style_history": [[{"a": 1}]] * NUM},
        WITH_HISTORY,
        r'the lists of "style_history" must hold single',
    ),
    "tags that are numbers": ({"tags": 7}, PLAIN + 'multi_valued = ["tags"]', r'"tags" must hold lists'),
    "lists as categories": ({"placement": [["a"]] * NUM}, PLAIN, r'"placement" must hold one value a row, got .*multi_valued'),
    "records as categories": ({"placement": [{"a": 1}] * NUM}, PLAIN, r'"placement" must hold one value a row'),
    "bytes as categories": ({"placement": [b"\xff"] * NUM}, PLAIN, r'"placement" must hold one value a row'),
    "no first vector": ({"v": [None] + [[1.0] * 9] * (NUM - 1)}, PLAIN + 'vectors = ["v"]', r'"v" must be lists of numbers'),
    "a number as vector": ({"v": 1.0}, PLAIN + 'vectors = ["v"]', r'"v" must be lists of numbers, the first is 1\.0'),
    "empty vectors": ({"v": [[]] * NUM}, PLAIN + 'vectors = ["v"]', r'"v" must be lists of numbers'),
    "vectors of words": ({"v": [["a"] * 9] * NUM}, PLAIN + 'vectors = ["v"]', r'the vectors of "v" must hold numbers'),
    "too large": ({"bid": 1e308}, PLAIN, r'"bid" has numbers too large for a scale'),
    "nobody named": ({"user_id": None}, PLAIN, r'no row to learn from; check the column "user_id" \(a tenth of its users'),
    "no role": ({"split": "foo"}, PLAIN + 'split = "split"', r'no row to learn from; check the column "split"'),
    "history without end": (
        {},
        "max_history = 1000000000\n" + WITH_HISTORY,
        r"max_history must be at most 100000, got 1000000000",
    ),
    "no separator": ({}, 'separator = ""\n' + PLAIN, r"separator must name the character"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_that_cannot_be_read_is_named(name: str, tmp_path: Path) -> None:
    changes, schema, message = COLUMNS[name]
    make_log(NUM).assign(**changes).to_parquet(tmp_path / "log.parquet")
    (tmp_path / "schema.toml").write_text(schema)
    with pytest.raises(AdCreativeError, match=message) as found:
        pipeline.train_log(tmp_path / "log.parquet", tmp_path / "out", schema=tmp_path / "schema.toml", network="linear")
    assert "\n" not in str(found.value)
    assert not (tmp_path / "out").exists()


def test_two_names_that_torch_cannot_tell_apart_share_no_table(tmp_path: Path) -> None:
    log = make_log(NUM).rename(columns={"placement": "a.b", "style": "a_dot_b"})
    log.to_parquet(tmp_path / "log.parquet")
    (tmp_path / "schema.toml").write_text('label = "click"\ncategorical = ["a.b", "a_dot_b"]\n')
    with pytest.raises(AdCreativeError, match=r'another field has a name too like "a\.b"'):
        pipeline.train_log(tmp_path / "log.parquet", tmp_path / "out", schema=tmp_path / "schema.toml", network="dnn")


SETTINGS = {
    "[inputs]\nembedding_dim = 0": "embedding_dim must be at least 1, got 0",
    "[training]\nlearning_rate = -1.0": r"learning_rate must be a number above 0, got -1\.0",
    "[training]\nlearning_rate = 0.0": "learning_rate must be a number above 0",
    "[training]\nlearning_rate = nan": "learning_rate must be a number above 0, got nan",
    "[training]\nembedding_regularizer = -1.0": "embedding_regularizer must be a number from 0 on",
    "[training]\nembedding_regularizer = inf": "embedding_regularizer must be a number from 0 on",
    "[training]\nmax_gradient_norm = 0.0": "max_gradient_norm must be a number above 0",
    "[training]\nfactor = 2.0": "factor must be at most 1",
}


@pytest.mark.parametrize("text", SETTINGS)
def test_settings_that_cannot_be_are_refused_before_the_log_is_read(text: str, tmp_path: Path) -> None:
    make_log(20).to_parquet(tmp_path / "log.parquet")
    (tmp_path / "schema.toml").write_text(PLAIN)
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(AdCreativeError, match=SETTINGS[text]):
        pipeline.train_log(
            tmp_path / "log.parquet",
            tmp_path / "out",
            schema=tmp_path / "schema.toml",
            network="dnn",
            settings=tmp_path / "settings.toml",
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("line", ["", "one 3:1 4:1", "1 3", "1 3:x", "1 x:1"])
def test_a_line_of_a_libfm_file_that_is_none_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "log.libfm").write_text(f"1 3:1 7:1\n{line}\n")
    with pytest.raises(CatalogError, match=r'log\.libfm line 2 must be a label and "index:1" for each category'):
        read_sample(tmp_path / "log.libfm")


def test_a_scored_log_is_refused_as_the_learnt_one_is(tmp_path: Path) -> None:
    make_log(NUM).to_parquet(tmp_path / "log.parquet")
    make_log(NUM).assign(bid=np.nan).to_parquet(tmp_path / "new.parquet")
    (tmp_path / "schema.toml").write_text(PLAIN)
    (tmp_path / "settings.toml").write_text(QUICK)
    pipeline.train_log(
        tmp_path / "log.parquet",
        tmp_path / "model",
        schema=tmp_path / "schema.toml",
        network="linear",
        settings=tmp_path / "settings.toml",
    )
    with pytest.raises(AdCreativeError, match='the column "bid" has 300 values that are no finite number'):
        pipeline.score_log(tmp_path / "new.parquet", tmp_path / "rates.csv", model=tmp_path / "model")
    assert not (tmp_path / "rates.csv").exists()
