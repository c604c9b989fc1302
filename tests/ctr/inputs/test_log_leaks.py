"""Histories that know the future, vocabularies without end, tables that no memory holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adcreative import pipeline
from adcreative.catalog.log_schema import LogSchema
from adcreative.ctr.inputs.log_encoding import fit_encoding
from adcreative.ctr.inputs.log_leaks import find_late_histories
from adcreative.ctr.training import log_training
from adcreative.errors import ConfigError, TrainingError

SCHEMA = LogSchema(label="click", categorical=("item",), sequences={"past": "item"}, user="user", time="time")


def make_events(*, leak: str = "", seed: int = 0) -> pd.DataFrame:
    """Each user sees thirty items in turn; the history holds what was clicked before, or also this click, or all clicks."""
    rng, rows = np.random.default_rng(seed), []
    for user in range(30):
        items, clicks = rng.integers(0, 50, 30), rng.random(30) < 0.3
        all_clicked = [str(item) for item, click in zip(items, clicks, strict=True) if click]
        past: list[str] = []
        for time, (item, click) in enumerate(zip(items, clicks, strict=True)):
            before = list(past)
            past += [str(item)] if click else []
            history = {"": before, "own click": list(past), "all clicks": all_clicked}[leak]
            rows.append({"user": user, "time": time, "item": str(item), "click": int(click), "past": history})
    return pd.DataFrame(rows)


def test_a_history_before_the_impression_passes_and_later_ones_are_named() -> None:
    assert not list(find_late_histories(make_events(), SCHEMA))
    (own,) = find_late_histories(make_events(leak="own click"), SCHEMA)
    assert 'the history "past" ends with the row\'s own "item" in 100% of the clicked rows and' in own
    assert "so it was written after the impression; cut it before" in own
    (later,) = find_late_histories(make_events(leak="all clicks"), SCHEMA)
    assert 'the history "past" holds an item that the user clicked only later (by "time")' in later


def test_train_refuses_such_a_log_and_writes_nothing(tmp_path: Path) -> None:
    make_events(leak="all clicks").to_parquet(tmp_path / "log.parquet")
    (tmp_path / "schema.toml").write_text(
        'label = "click"\nuser = "user"\ntime = "time"\ncategorical = ["item"]\n[sequences]\npast = "item"\n'
    )
    with pytest.raises(TrainingError, match="clicked only later"):
        pipeline.train_log(tmp_path / "log.parquet", tmp_path / "out", schema=tmp_path / "schema.toml", network="din")
    assert not (tmp_path / "out").exists()


def test_a_vocabulary_without_end_is_hashed_as_soon_as_it_is_too_long() -> None:
    parts = [
        pd.DataFrame({"click": [0, 1] * 50, "item": [f"i{k}" for k in range(start, start + 100)]})
        for start in range(0, 500, 100)
    ]
    encoding = fit_encoding(parts, LogSchema(label="click", categorical=("item",), max_vocabulary=150))
    assert encoding.vocabularies["item"] == ()
    assert encoding.hashed == {"item": 150}
    ids = encoding.encode(parts[0]).arrays["ids"]
    assert ids.min() >= 2
    assert ids.max() < 152
    assert len(np.unique(ids)) > 50


def test_tables_that_no_memory_holds_are_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_events().to_parquet(tmp_path / "log.parquet")
    (tmp_path / "schema.toml").write_text('label = "click"\ncategorical = ["item", "user"]\nmax_vocabulary = 100_000_000\n')
    monkeypatch.setattr(
        log_training.LogEncoding,
        "_size",
        lambda self, name: 100_000_002 if name == "user" else 52,  # as if so many were found
    )
    (tmp_path / "s.toml").write_text("[inputs]\nembedding_dim = 64\n")
    with pytest.raises(
        ConfigError, match=r'the tables need .* GiB, this machine has .*; "user" alone has 100,000,002 rows\. Lower'
    ):
        pipeline.train_log(
            tmp_path / "log.parquet",
            tmp_path / "out",
            schema=tmp_path / "schema.toml",
            network="dnn",
            settings=tmp_path / "s.toml",
        )


def test_times_of_a_written_log_are_compared_as_days() -> None:
    """As text, 02/12/2025 comes before 13/11/2025."""
    events = make_events(leak="all clicks")
    start = pd.Timestamp("2025-11-15")
    written = events.assign(when=[f"{start + pd.Timedelta(days=int(when)):%d/%m/%Y}" for when in events[SCHEMA.time]])
    schema = replace(SCHEMA, time="when")
    assert len(list(find_late_histories(written, schema))) == 1
    assert not list(find_late_histories(make_events().assign(when=written["when"]), schema))
