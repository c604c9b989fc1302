"""Floors of the board: what they see, what they reach, and that a network that loses to them is said to lose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from adcreative import pipeline
from adcreative.benchmarks.bars.board import MEAN, TREES, describe
from adcreative.benchmarks.bars.datasets import find_dataset
from adcreative.benchmarks.bars.floors import FLOORS, measure_floors, read_rows
from adcreative.benchmarks.bars.trials import open_roles, open_test
from adcreative.catalog.log_schema import LogSchema
from adcreative.ctr.training.log_stream import LogFile
from adcreative.progress import silent

from .conftest import make_rows

ROW: dict[str, Any] = {
    "setting": "",
    "valid": {"mean": 0.7, "std": None},
    "published": None,
    "num_seeds": 1,
    "settings_tried": 1,
    "spread": [0.7, 0.7],
    "choices_tested": 1,
    "num_parameters": None,
    "bytes": None,
    "rows_per_s": 0.0,
}


def one(line: str, auc: float, trials: list[str]) -> dict[str, Any]:
    test = {"auc": {"mean": auc, "std": 0.0}, "gauc": {"mean": None}, "log_loss": {"mean": 0.6, "std": None}}
    return {**ROW, "line": line, "test": test, "trials": trials}


def test_floors_stand_on_the_board_beside_the_networks(frozen: Path, tmp_path: Path) -> None:
    out = tmp_path / "board"
    found = pipeline.benchmark_bars(str(frozen), out, grid=str(frozen.parent / "grid.yaml"), networks=["linear"], num_seeds=1)
    by_line = {row["line"]: row for row in found.rows}
    assert set(by_line) == {"linear", *FLOORS}
    assert by_line[MEAN]["test"]["auc"]["mean"] == 0.5
    assert 0.9 < by_line[MEAN]["test"]["predicted_over_observed"]["mean"] < 1.1
    for name in ("board.md", "board.html", "board.csv"):
        assert TREES in (out / name).read_text()
    assert "Boosted trees alone reach" in (out / "board.md").read_text()
    assert "made-up: 1 networks" in (out / "board.md").read_text()
    kept = json.loads(next((out / "trials").glob("floors-*/test.json")).read_text())
    assert [floor["line"] for floor in kept] == list(FLOORS)


def test_trees_read_categories_they_have_not_seen_and_numbers_and_beat_the_mean(tmp_path: Path) -> None:
    rng, parts = np.random.default_rng(0), {}
    for role, num in (("train", 4_000), ("test", 1_000)):
        rows = make_rows(num, seed=num).assign(bid=rng.normal(size=num), tags="a^b")
        rows["click"] = (rng.random(num) < 1 / (1 + np.exp(-2 * rows["bid"]))).astype(int)
        if role == "test":
            rows.loc[:20, "style"] = "never seen"
        rows.to_parquet(tmp_path / f"{role}.parquet")
        parts[role] = tmp_path / f"{role}.parquet"
    schema = LogSchema(label="click", user="user", categorical=("placement", "style"), numeric=("bid",), multi_valued=("tags",))
    dataset = find_dataset("Frappe_x1", tmp_path)[0]
    train, valid = (LogFile(parts["train"], schema, role) for role in ("train", "valid"))
    floors = measure_floors(dataset, train, valid, LogFile(parts["test"], schema, ""), tmp_path / "trials", silent)
    trees = next(floor for floor in floors if floor["line"] == TREES)
    assert trees["test"]["auc"] > 0.8  # the number alone says it


def test_of_a_large_log_rows_evenly_spread_are_held(tmp_path: Path) -> None:
    pd.DataFrame({"click": [0, 1] * 5_000, "place": range(10_000)}).to_parquet(tmp_path / "log.parquet")
    schema = LogSchema(label="click", categorical=("place",))
    kept = read_rows(LogFile(tmp_path / "log.parquet", schema, ""), max_rows=3_000)
    assert list(kept["place"]) == [str(number) for number in range(0, 10_000, 4)]


def test_the_floors_of_a_data_set_are_measured_once(frozen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, folder = find_dataset(str(frozen), None)
    roles, test = open_roles(dataset, folder), open_test(dataset, folder)
    first = measure_floors(dataset, roles["train"], roles["valid"], test, tmp_path, silent)
    monkeypatch.setattr(LogFile, "tables", lambda self: pytest.fail("read again"))
    assert measure_floors(dataset, roles["train"], roles["valid"], test, tmp_path, silent) == first


def test_a_network_that_loses_to_a_floor_is_said_to_lose() -> None:
    rows = [one(TREES, 0.8, []), one("dnn", 0.79, ["dnn-1"]), one("linear", 0.7, ["linear-1"]), one(MEAN, 0.5, [])]
    said = " ".join(describe(rows))
    assert "Boosted trees alone reach 0.8000 AUC: no network is better here." in said
    assert "between the best and the last line of this table 0.0900" in said  # of the networks
    rows[1] = one("dnn", 0.83, ["dnn-1"])
    assert "the best network, dnn, is 0.0300 above" in " ".join(describe(rows))


def test_rates_that_are_worse_than_one_rate_for_all_are_said_to_be() -> None:
    rows = [one("din", 0.8, ["din-1"]), one("dnn", 0.7, ["dnn-1"]), one(MEAN, 0.5, [])]
    for row, loss in zip(rows, (0.8, 0.6, 0.69), strict=True):
        row["test"]["log_loss"] = {"mean": loss, "std": None}
    assert "By log-loss worse than the mean rate for all rows: din. They rank; calibrate" in " ".join(describe(rows))
    rows[0]["test"]["log_loss"]["mean"] = 0.69
    assert "By log-loss" not in " ".join(describe(rows))
