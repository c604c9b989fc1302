"""optimize without results of the account: no rate and no gain in any of its outputs; a base rate brings rates back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from adcreative import pipeline
from adcreative.errors import ConfigError

SMALL: dict[str, Any] = {"population": 4, "generations": 1, "copywriter": "template", "seed": 3}
LINES = ("Sleep better tonight", "Shoes for rainy days", "Buy now", "Fresh bread every morning")


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    (folder / "metadata.csv").write_text("headline,brand\n" + "".join(f"{line},Somnia\n" for line in LINES))
    return folder


@pytest.fixture(scope="module")
def run(words: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    pipeline.optimize(words, out, **SMALL)
    return out


def read(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def test_no_rate_and_no_gain_is_written(run: Path) -> None:
    rows = read(run)
    assert len(rows) == len(LINES)
    for row in rows:
        assert row["is_untested"]
        assert [name for name in row if name.startswith(("ctr_", "uplift_")) and row[name] is not None] == []
        assert all(one["change"] is None and one["uplift"] is None for one in row["alternatives"])
        assert "%" not in row["reason"]
    order = sorted(rows, key=lambda row: row["rank_score"])
    assert [row["strength_original"] for row in order] == pytest.approx([0.0, 0.333, 0.667, 1.0])
    page = (run / "report.html").read_text()
    shown = re.sub(r"<style>.*?</style>", "", page.split("<h2>Limits</h2>")[0], flags=re.DOTALL)
    assert "No click rate and no gain is stated" in shown
    assert "the strongest of 4" in shown
    assert "stronger than 2 of the 3 others" in shown
    assert not re.search(r"[+-]\d+(?:\.\d+)?\s?%", shown)


def test_a_base_rate_is_the_mean_of_the_originals_and_gains_are_shrunk(words: Path, tmp_path: Path) -> None:
    pipeline.optimize(words, tmp_path / "run", base_rate=0.04, **SMALL)
    rows = read(tmp_path / "run")
    assert sum(row["ctr_original"] for row in rows) / len(rows) == pytest.approx(0.04, rel=1e-3)
    for row in rows:
        assert row["is_untested"]
        assert row["ctr_edited"] / row["ctr_original"] - 1 == pytest.approx(0.0, abs=0.1)
    before = (tmp_path / "run" / "results.jsonl").read_text()
    pipeline.optimize(words, tmp_path / "run", base_rate=0.04, **SMALL)
    assert (tmp_path / "run" / "results.jsonl").read_text() == before
    with pytest.raises(ConfigError, match="base_rate"):
        pipeline.optimize(words, tmp_path / "run", base_rate=0.05, **SMALL)


def test_a_base_rate_that_is_none_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a click rate between 0 and 0\.3 is needed"):
        pipeline.optimize(tmp_path / "nothing", tmp_path / "run", base_rate=2.1)
