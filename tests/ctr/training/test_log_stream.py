"""Batches of a log that is read in windows: those of a plain form, and one window at a time in memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adcreative.catalog.log_schema import LogSchema
from adcreative.ctr.inputs.log_encoding import LogRows, fit_encoding, join_rows
from adcreative.ctr.training import log_stream
from adcreative.ctr.training.log_stream import Cut, EncodedStream, LogFile, find_cut, read_moments

SCHEMA = LogSchema(label="click", categorical=("creative",), numeric=("bid",), user="user")
PART = 700


def write_log(path: Path, num: int) -> Path:
    rng = np.random.default_rng(0)
    columns = {"click": np.arange(num) % 2, "creative": rng.integers(0, 40, num), "bid": rng.normal(size=num)}
    pd.DataFrame(columns | {"user": np.arange(num)}).to_parquet(path)
    return path


def open_stream(path: Path, num: int, window_rows: int) -> EncodedStream:
    file = LogFile(path, SCHEMA, "")
    return EncodedStream(file, fit_encoding(file.tables(), SCHEMA), num, window_rows=window_rows)


def plain_batches(stream: EncodedStream, size: int, rng: np.random.Generator | None) -> Iterator[LogRows]:
    """Shuffle whole windows, join them with what was left of the one before, and cut."""
    left: list[LogRows] = []
    for window in stream._windows():
        order = np.arange(len(window)) if rng is None else rng.permutation(len(window))
        rows = join_rows([*left, window.rows(order)])
        whole = len(rows) - len(rows) % size
        yield from (rows.rows(slice(start, start + size)) for start in range(0, whole, size))
        left = [rows.rows(slice(whole, None))] if whole < len(rows) else []
    yield from left


@pytest.mark.parametrize(("num", "size"), [(5000, 256), (5000, 701), (5000, 3000), (2100, 2100), (600, 1024), (2, 4)])
def test_batches_are_those_of_the_plain_form(num: int, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_stream, "part_rows_of", lambda schema: PART)
    path = write_log(tmp_path / "log.parquet", num)
    for seed in (None, 3):
        rngs = [None if seed is None else np.random.default_rng(seed) for _ in range(2)]
        stream = open_stream(path, num, 2 * PART)
        ours, plain = list(stream.iter_batches(size, rng=rngs[0])), list(plain_batches(stream, size, rngs[1]))
        assert [len(one) for one in ours] == [len(one) for one in plain]
        for one, other in zip(ours, plain, strict=True):
            assert (one.users == other.users).all()
            assert (one.labels == other.labels).all()
            assert all((one.arrays[name] == other.arrays[name]).all() for name in one.arrays)


def test_memory_holds_two_windows_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    num, window = 120_000, 20_000
    monkeypatch.setattr(log_stream, "part_rows_of", lambda schema: 1000)
    stream = open_stream(write_log(tmp_path / "log.parquet", num), num, window)
    held = window * (8 + 4 + 4 + 8)  # ids, numbers, labels, users
    batches = stream.iter_batches(512, rng=np.random.default_rng(0))
    next(batches)
    tracemalloc.start()
    peaks = []
    for _ in range(4):
        for _ in range(window // 512):
            next(batches)
        peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert max(peaks) < 3 * held, (peaks, held)  # parts and the window they become; a shuffled and a joined copy gave more


def write_days(path: Path, times: list[str] | list[float] | pd.Series) -> Path:
    pd.DataFrame({"click": np.arange(len(times)) % 2, "creative": 1, "bid": 0.0, "user": 7, "at": times}).to_csv(
        path, index=False
    )
    return path


def test_the_last_tenth_in_time_stops_a_training_early_and_says_so(tmp_path: Path) -> None:
    schema = LogSchema(label="click", categorical=("creative",), user="user", time="at")
    days = [f"2026-03-{1 + day:02}" for day in np.random.default_rng(0).permutation(np.repeat(np.arange(20), 10))]
    path = write_days(tmp_path / "log.csv", [*days, "", "unknown"])
    cut = find_cut(path, schema)
    assert cut is not None
    assert cut.said == "2026-03-19"
    train, valid = (LogFile(path, schema, role, cut) for role in ("train", "valid"))
    assert {day for table in valid.tables() for day in table["at"]} == {"2026-03-19", "2026-03-20"}
    assert sum(map(len, train.tables())) == 182
    assert valid.stops_by == "the rows from at 2026-03-19 on"
    assert LogFile(path, schema, "valid").stops_by == "a tenth of the users"


def test_times_that_part_nothing_off_leave_users_or_rows_to_it(tmp_path: Path) -> None:
    schema = LogSchema(label="click", categorical=("creative",), time="at")
    for times in (["2026-03-01"] * 50, ["2026-03-01"] * 50 + ["2026-03-02"] * 50, ["noon", "later"] * 20):
        assert find_cut(write_days(tmp_path / "log.csv", times), schema) is None
    steps = write_days(tmp_path / "log.csv", [float(step) for step in range(100)])
    assert find_cut(steps, schema) == Cut(90.0, "90.0")
    assert find_cut(steps, LogSchema(label="click", categorical=("creative",))) is None
    assert find_cut(steps, LogSchema(label="click", categorical=("creative",), time="at", split="split")) is None


def test_moments_of_dates_numbers_and_columns_of_dates_grow_with_time() -> None:
    assert read_moments(pd.Series(["1970-01-02", "1970-01-01T00:01:00+00:00", "x"])).tolist()[:2] == [86_400, 60]
    assert np.isnan(read_moments(pd.Series(["x", None]))).all()
    assert read_moments(pd.Series([3, 1])).tolist() == [3, 1]
    assert read_moments(pd.Series(pd.to_datetime(["1970-01-01", "1970-01-02"]))).tolist() == [0, 86_400]


def test_users_that_are_learnt_by_heart_are_known_where_training_stops(tmp_path: Path) -> None:
    """All new users would stop the training of a table of users before it has learnt any."""
    table = pd.DataFrame({"click": np.arange(4_000) % 2, "creative": 1, "bid": 0.0, "user": np.arange(4_000) % 40})
    table.to_parquet(tmp_path / "log.parquet")
    for categorical, names_users in ((("creative",), False), (("creative", "user"), True)):
        schema = LogSchema(label="click", categorical=categorical, numeric=("bid",), user="user")
        roles = {role: LogFile(tmp_path / "log.parquet", schema, role) for role in ("train", "valid")}
        users = {role: set(pd.concat(file.tables())["user"]) for role, file in roles.items()}
        assert bool(users["train"] & users["valid"]) == names_users
        assert roles["valid"].stops_by == ("a tenth of the rows" if names_users else "a tenth of the users")
