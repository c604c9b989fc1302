"""Names and ids come out of every reader as they were written: 007 is not 7, and a blank is no ad."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adcreative.catalog.datasets.open_bandit import add_open_bandit_context
from adcreative.catalog.event_log import build_event_log, read_event_log, write_event_log
from adcreative.catalog.formats.logs import iter_log, read_names, read_whole_log
from adcreative.catalog.log_schema import LogSchema
from adcreative.catalog.names import as_text, is_rounded, read_name
from adcreative.catalog.platforms.numbers import is_blank
from adcreative.catalog.reader import read_catalog
from adcreative.catalog.results import read_results
from adcreative.ctr.inputs.columns import as_text as as_category
from adcreative.errors import CatalogError
from tests.catalog.conftest import RELAXED, write_csv, write_jsonl

DIGITS = st.one_of(
    st.from_regex(r"[0-9]{1,25}", fullmatch=True),
    st.integers(0, 10**22).map(str),
    st.from_regex(r"[+-]?[0-9]{1,3}(\.[0-9]{1,2})?(e[0-9])?", fullmatch=True),
)
WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=30).filter(
    lambda text: text == read_name(text) and not is_rounded(text)
)
NAMES = st.lists(st.one_of(DIGITS, WORDS), min_size=1, max_size=8, unique=True)
HARD = ["007", "7", "7.0", "1e5", "120210000000000017", "120210000000000018", "true", "2026-11-01", "0x1F", "+7", "Na"]
Reader = Callable[[Path, Sequence[str]], Sequence[str]]


def counts(names: Sequence[str], column: str) -> list[dict[str, Any]]:
    return [{column: name, "impressions": 1000 + at, "clicks": 10} for at, name in enumerate(names)]


def log_csv(folder: Path, names: Sequence[str]) -> Sequence[str]:
    return read_event_log(write_csv(folder / "log.csv", counts(names, "creative"))).rows["creative"].tolist()


def log_parquet(folder: Path, names: Sequence[str]) -> Sequence[str]:
    pd.DataFrame(counts(names, "item_id")).to_parquet(folder / "log.parquet")
    return read_event_log(folder / "log.parquet").rows["creative"].tolist()


def log_written(folder: Path, names: Sequence[str]) -> Sequence[str]:
    write_event_log(build_event_log(pd.DataFrame(counts(names, "creative")), "log"), folder / "own.csv")
    return read_event_log(folder / "own.csv").rows["creative"].tolist()


def log_users_and_slates(folder: Path, names: Sequence[str]) -> Sequence[str]:
    rows = [row | {"creative": "a", "slate": row["user_id"]} for row in counts(names, "user_id")]
    log = read_event_log(write_csv(folder / "log.csv", rows)).rows
    assert log["slate"].tolist() == list(range(len(names)))
    return log["user"].tolist()


def schema_csv(folder: Path, names: Sequence[str]) -> Sequence[str]:
    schema = LogSchema(label="clicks", categorical=("item",), user="user")
    rows = [row | {"item": row["user"]} for row in counts(names, "user")]
    parts = iter_log(write_csv(folder / "log.csv", rows), schema.columns, part_rows=2, is_text=schema.is_text)
    table = pd.concat(parts, ignore_index=True)
    assert table["user"].tolist() == table["item"].tolist()
    return table["item"].tolist()


def whole_table(folder: Path, names: Sequence[str]) -> Sequence[str]:
    return read_names(read_whole_log(write_csv(folder / "plan.csv", counts(names, "creative")))["creative"]).tolist()


def account_csv(folder: Path, names: Sequence[str]) -> Sequence[str]:
    rows = [{"ad_name": name, "headline": f"Words {at}"} for at, name in enumerate(names)]
    return [one.ad_name for one in read_catalog(write_csv(folder / "ads.csv", rows)).creatives]


def account_jsonl(folder: Path, names: Sequence[str]) -> Sequence[str]:
    rows = [{"ad_name": name, "headline": f"Words {at}"} for at, name in enumerate(names)]
    return [one.ad_name for one in read_catalog(write_jsonl(folder / "ads.jsonl", rows)).creatives]


def account_parquet(folder: Path, names: Sequence[str]) -> Sequence[str]:
    pd.DataFrame({"ad_name": list(names), "headline": [f"Words {at}" for at in range(len(names))]}).to_parquet(
        folder / "a.parquet"
    )
    return [one.ad_name for one in read_catalog(folder / "a.parquet").creatives]


def results_csv(folder: Path, names: Sequence[str]) -> Sequence[str]:
    rows = [
        {"Ad ID": n, "Ad name": "same", "Impressions": 10**at, "Link clicks": at % 2} for at, n in enumerate(names, start=1)
    ]
    return [row.ad_id for row in read_results(write_csv(folder / "export.csv", rows)).rows]


def results_xlsx(folder: Path, names: Sequence[str]) -> Sequence[str]:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Ad ID", "Ad name", "Impressions", "Link clicks"])
    for at, name in enumerate(names, start=1):
        sheet.append([None, "same", 10**at, at % 2])
        sheet.cell(at + 1, 1).value = name
        sheet.cell(at + 1, 1).data_type = "s"  # text, whatever it looks like
    book.save(folder / "export.xlsx")
    return [row.ad_id for row in read_results(folder / "export.xlsx").rows]


READERS: dict[str, Reader] = {
    reader.__name__: reader
    for reader in (
        log_csv,
        log_parquet,
        log_written,
        log_users_and_slates,
        schema_csv,
        whole_table,
        account_csv,
        account_jsonl,
        account_parquet,
        results_csv,
        results_xlsx,
    )
}


@pytest.mark.parametrize("reader", READERS)
@RELAXED
@given(names=NAMES)
@example(names=HARD)
def test_any_id_comes_back_as_it_was_written(reader: str, names: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    if reader.startswith("log"):  # of 7 and 7.0, which are one ad there, see test_event_log
        names = [name for name in names if not re.fullmatch(r"\d+\.0+", name)]
    if reader.startswith("results"):  # an export writes "n/a" and dashes where there is nothing
        names = [name for name in names if not is_blank(name)]
    if names:
        assert list(READERS[reader](tmp_path_factory.mktemp("names"), names)) == names


@RELAXED
@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=8, unique=True), st.booleans())
def test_whole_numbers_of_typed_files_keep_every_digit(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], has_gap: bool
) -> None:
    """Also beside a gap, for which pandas would make them floats."""
    folder = tmp_path_factory.mktemp("typed")
    user = pd.array([*numbers, *([None] if has_gap else [])], dtype="Int64")
    table = pd.DataFrame({"creative": "a", "user": user, "clicks": 0})
    table.to_parquet(folder / "log.parquet")
    assert read_event_log(folder / "log.parquet").rows["user"].tolist() == [*map(str, numbers), *([""] if has_gap else [])]
    rows = [{"ad_name": number, "headline": f"Words {at}"} for at, number in enumerate(numbers)]
    (folder / "ads.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [one.ad_name for one in read_catalog(folder / "ads.jsonl").creatives] == [*map(str, numbers)]
    pd.DataFrame(rows).to_parquet(folder / "ads.parquet")
    assert [one.ad_name for one in read_catalog(folder / "ads.parquet").creatives] == [*map(str, numbers)]


def test_cells_of_a_workbook_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Ad ID", "Ad name", "Impressions", "Link clicks"])
    for row in (
        [7, "same", 1000, 5],
        ["007", "same", 900, 9],
        [7.5, 2026, 10, 1],
        [0, "zero", 30, 1],
        [12 * 10**16, "long", 3, 1],
    ):
        sheet.append(row)
    book.save(tmp_path / "export.xlsx")
    rows = read_results(tmp_path / "export.xlsx").rows
    assert [row.ad_id for row in rows] == ["7", "007", "7.5", "0", ""]  # of eighteen digits a workbook keeps fifteen
    assert rows[2].ad_name == "2026"


@pytest.mark.parametrize("blank", ["", "  ", "nan", "NaN", "null", "None"])
def test_a_row_without_a_name_is_no_ad(tmp_path: Path, blank: str) -> None:
    ids = ["120210000000000017", blank, "120210000000000018"]
    with pytest.raises(CatalogError, match=r"log\.csv row 2: the creative is not named"):
        read_event_log(write_csv(tmp_path / "log.csv", counts(ids, "creative")))
    pd.DataFrame(counts([7, None, 8], "creative")).to_parquet(tmp_path / "log.parquet")  # type: ignore[list-item]
    with pytest.raises(CatalogError, match="row 2: the creative is not named"):
        read_event_log(tmp_path / "log.parquet")
    rows = [row | {"Day": "2026-11-01"} for row in counts(["a", blank, "b", "c"], "Ad name")]
    found = read_results(write_csv(tmp_path / "export.csv", rows))
    assert [row.ad_name for row in found.rows] == ["a", "b", "c"]
    assert sum(found.dropped.values()) == 1


def test_ids_that_a_spreadsheet_rounded_are_no_names(tmp_path: Path) -> None:
    """Excel keeps fifteen digits: ids of eighteen become one."""
    with pytest.raises(
        CatalogError, match="row 1: the creative is an id that a spreadsheet rounded, so several ads may share it"
    ):
        read_event_log(write_csv(tmp_path / "log.csv", counts(["1.2021E+17", "b"], "creative")))
    ids = ["1.2021E+17", "1.2021E+17", "120210000000000017"]
    found = read_results(write_csv(tmp_path / "export.csv", counts(ids, "Ad ID")))
    assert [row.ad_name for row in found.rows] == ["120210000000000017"]
    assert found.dropped == {"ad named by an id that a spreadsheet rounded": 2}


def test_rows_that_name_no_slate_are_slates_of_their_own() -> None:
    table = pd.DataFrame({"creative": ["a", "b", "c", "d"], "clicks": 0, "slate": ["p", None, "p", None]})
    assert build_event_log(table, "log").rows["slate"].tolist() == [0, 0, 1, 2]


def test_features_of_open_bandit_are_text() -> None:
    table = pd.DataFrame(
        {"item_id": [1], "click": [0], "propensity_score": [0.5], "user_feature_0": ["00123"], "user_feature_1": [12]}
    )
    assert add_open_bandit_context(table)["context"].tolist() == ["00123/12"]


def test_a_category_reads_alike_whether_a_gap_made_it_a_float() -> None:
    assert as_category(pd.Series(["7.0", "", "8.00", "007", "7.5", "1.0b"])).tolist() == ["7", "", "8.00", "007", "7.5", "1.0b"]


def test_lists_and_bytes_are_no_names() -> None:
    with pytest.raises(CatalogError, match='the column "ad" holds lists or records; it needs one name a row'):
        read_names(pd.Series([["a"], ["b"]], name="ad"))
    with pytest.raises(CatalogError, match="a name holds bytes that are no text"):
        read_names(pd.Series([b"\xff"], name="ad"))
    assert [as_text(cell) for cell in (7, 7.0, 7.5, None, float("nan"), "007", True)] == [
        "7",
        "7",
        "7.5",
        "",
        "",
        "007",
        "True",
    ]
