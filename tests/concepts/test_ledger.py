from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from adcreative.concepts.ledger import NAMED, append, calibrate, read, rows_of
from adcreative.errors import CatalogError, ConfigError
from adcreative.pipeline import ledger, read_out


def told(number: int, predicted: float, realised: float, shown: int = 400_000, share: float = 1.0) -> dict[str, Any]:
    """Return the row of a test of so many impressions an arm at a rate of two percent. share: then in force."""
    plan = {
        "searched_share": share,
        "run_hash": "r",
        "campaign": "spring",
        "tests": [
            {
                "test": str(number),
                "uplift_predicted": predicted,
                "uplift_low": predicted - 0.1,
                "uplift_high": predicted + 0.1,
                "arms": [{"arm": "edited", "variant_id": f"v{number}", "edits": ["headline"]}],
            }
        ],
    }
    arm = {
        "arm": "edited",
        "uplift": realised,
        "uplift_low": realised - 0.05,
        "uplift_high": realised + 0.05,
        "answer": "winner",
        "impressions": shown,
        "clicks": round(0.02 * shown * (1 + realised)),
    }
    read = {"test": str(number), "arms": [arm], "control_impressions": shown, "control_clicks": round(0.02 * shown)}
    return rows_of(plan, [read])[0]


def test_the_share_that_comes_true_is_learnt_from_the_tests(tmp_path: Path) -> None:
    path = tmp_path / "ledger.parquet"
    append(path, [])
    assert calibrate(read(path)).share == pytest.approx(0.58)  # nothing is known: as measured elsewhere
    append(path, [told(number, 0.3, 0.06) for number in range(20)])
    found = calibrate(read(path))
    assert found.num == 20
    assert found.share == pytest.approx(np.log(1.06) / np.log(1.3), abs=0.05)
    assert found.share_low < found.share < found.share_high < 0.58
    assert found.num_gains == 20
    assert found.covered == 0.0  # 0.06 lies below 0.2


def test_a_share_that_was_right_stays_however_often_the_model_is_trained_again(tmp_path: Path) -> None:
    """What is stated holds the share in force, so tests that come out as stated confirm it."""
    path = tmp_path / "ledger.parquet"
    append(path, [told(number, 0.1, 0.1, share=0.4) for number in range(40)])
    found = calibrate(read(path))
    assert found.share == pytest.approx(0.4, abs=0.03)
    assert found.stated_share == pytest.approx(0.4)
    append(path, [told(number, 0.05, 0.05, share=0.2) for number in range(100, 140)])
    assert 0.2 < calibrate(read(path), prior=0.3).share < 0.4


def test_a_ledger_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.parquet"
    append(path, [told(1, 0.3, 0.06)])
    pd.read_parquet(path).drop(columns="share").to_parquet(path)
    append(path, [told(2, 0.3, 0.06)])
    assert read(path)["share"].tolist()[1] == 1.0
    assert calibrate(read(path)).stated_share == pytest.approx((0.58 + 1) / 2)


def test_a_later_look_replaces_the_earlier(tmp_path: Path) -> None:
    path = tmp_path / "ledger.parquet"
    append(path, [told(1, 0.1, 0.5), told(2, 0.1, 0.1)])
    append(path, [told(1, 0.1, 0.08)])
    rows = read(path)
    assert sorted(rows["variant_id"]) == ["v1", "v2"]
    assert rows.set_index("variant_id").loc["v1", "realised"] == 0.08
    assert set(rows["kind"]) == {"headline"}


def test_a_second_test_of_a_version_is_evidence_of_its_own(tmp_path: Path) -> None:
    path, first = tmp_path / "ledger.parquet", told(1, 0.1, 0.5)
    append(path, [first, first | {"variant_id": "", "test": "9"}])
    append(path, [first | {"run_hash": "autumn"}, first | {"variant_id": "", "test": "8"}])
    assert sorted(zip(read(path)["run_hash"], read(path)["test"], strict=True)) == [
        ("autumn", "1"),
        ("r", "1"),
        ("r", "8"),
        ("r", "9"),
    ]


def test_the_verb_writes_figures_and_a_table_without_names(tmp_path: Path) -> None:
    path = tmp_path / "ledger.parquet"
    append(path, [told(number, 0.1, 0.1) for number in range(3)])
    summary = ledger(path, tmp_path / "ledger.json", share=tmp_path / "tests.csv")
    assert json.loads((tmp_path / "ledger.json").read_text())["num"] == 3
    shared = pd.read_csv(tmp_path / "tests.csv")
    assert not set(NAMED) & set(shared.columns)
    assert len(shared) == 3
    assert any("mostly what was measured elsewhere" in line for line in summary.lines)


def test_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(CatalogError, match="has no column variant_id"):
        ledger(tmp_path / "other.parquet", tmp_path / "out.json")
    with pytest.raises(CatalogError, match="is no ledger"):
        ledger(tmp_path / "missing.parquet", tmp_path / "out.json")
    with pytest.raises(ConfigError, match="give --plan with --ledger"):
        read_out(tmp_path / "results.csv", tmp_path / "out.json", control="A", ledger=tmp_path / "ledger.parquet")
