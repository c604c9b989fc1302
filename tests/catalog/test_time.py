"""Hostile headers, preambles and names cost no more than their length."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from adcreative.catalog.naming import propose_pattern
from adcreative.catalog.platforms.columns import fold_column
from adcreative.catalog.platforms.days import parse_day
from adcreative.catalog.platforms.numbers import PLAIN
from adcreative.catalog.platforms.totals import is_total
from adcreative.catalog.proposal import propose_mapping
from adcreative.catalog.results import read_results
from adcreative.errors import CatalogError

RUNS = ["- " * 25_000, " " * 50_000, "(" * 20_000, "_" * 50_000, "9" * 50_000, "1. " * 15_000, "[a]" * 9_000, "a1" * 22_000]
MAX_SECONDS = 10.0  # of processor time, which grows beside other programs; a square of the length takes longer


@pytest.mark.parametrize("run", RUNS, ids=lambda run: repr(run[:3]))
def test_long_runs_cost_their_length(tmp_path: Path, run: str) -> None:
    started = time.process_time()
    for read in (fold_column, PLAIN.count, PLAIN.amount, is_total, parse_day, lambda text: propose_pattern([text, "b"])):
        read(run)
    text = f"{run}\nReport {run}\nAd name,Impressions,Link clicks,{run[:25_000]}\n{run[:25_000]},1000,10,{run[:25_000]}\n"
    for encoding in ("utf-8", "utf-16"):
        (tmp_path / "a.csv").write_bytes(text.encode(encoding) + (b"\xe9" if encoding == "utf-8" else b""))
        for open_table in (read_results, propose_mapping):
            try:
                open_table(tmp_path / "a.csv")
            except CatalogError as error:
                assert len(str(error)) < 1_000  # noqa: PT017 - either is right, a hang is not
    assert time.process_time() - started < MAX_SECONDS


def test_wide_headers_in_an_unknown_encoding_are_judged_quickly(tmp_path: Path) -> None:
    line = ",".join(f"spalte {number}" for number in range(1_900))
    (tmp_path / "a.csv").write_bytes((f"{line}\n" * 60).encode() + b"\xff\xfe\x81")
    started = time.process_time()
    with pytest.raises(CatalogError, match=r"a\.csv"):
        read_results(tmp_path / "a.csv")
    assert time.process_time() - started < MAX_SECONDS


def test_a_giant_cell_is_folded_once_and_not_under_every_encoding_and_delimiter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"ad {number},100,{number},{'x é ' * 25_000 if number < 3 else ''}\n" for number in range(9))
    (tmp_path / "a.csv").write_bytes(f"Ad name,Impressions,Clicks,Note\n{rows}".encode("latin-1"))
    folded: list[str] = []

    def fold(name: str) -> str:
        folded.append(name)
        return fold_column(name)

    for module in ("sources", "platforms.columns"):
        monkeypatch.setattr(f"adcreative.catalog.{module}.fold_column", fold)
    assert len(read_results(tmp_path / "a.csv").rows) == 9
    assert sum(len(name) > 10_000 for name in folded) <= 3
