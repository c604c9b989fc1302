"""Event logs under our names and under those of others; what cannot be is refused with its row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adcreative.catalog.event_log import build_event_log, read_event_log, read_propensities_needed, write_event_log
from adcreative.errors import CatalogError, ConfigError

ROWS = pd.DataFrame(
    {
        "slate": ["p1", "p2", "p1", "p2"],
        "position": [2, 1, 1, 2],
        "creative": ["b", "a", "a", "c"],
        "click": [1, 0, 0, 0],
        "propensity": [0.5, 0.25, 0.5, 0.25],
        "user": ["u", "v", "u", "v"],
    }
)


def test_rows_stand_by_slate_and_position() -> None:
    log = build_event_log(ROWS, "log")
    assert log.rows[["slate", "creative", "clicks"]].to_numpy().tolist() == [[0, "a", 0], [0, "b", 1], [1, "a", 0], [1, "c", 0]]
    assert log.has_slates
    assert log.rows.impressions.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("name", ["log.parquet", "log.csv"])
def test_a_written_log_is_read_back(name: str, tmp_path: Path) -> None:
    log = build_event_log(ROWS, "log")
    write_event_log(log, tmp_path / name)
    pd.testing.assert_frame_equal(read_event_log(tmp_path / name).rows, log.rows, check_dtype=False)


def test_a_creative_that_looks_like_a_formula_is_escaped_in_a_log_and_comes_back(tmp_path: Path) -> None:
    names = ["-50 % today", "shoe;=HYPERLINK(1)", "'=mine"]
    log = build_event_log(pd.DataFrame({"creative": names, "click": [0, 1, 0]}), "log")
    write_event_log(log, tmp_path / "log.csv")
    assert {"'-50 % today", "shoe;'=HYPERLINK(1)"} <= set(pd.read_csv(tmp_path / "log.csv").creative)
    assert read_event_log(tmp_path / "log.csv").rows.creative.tolist() == names


def test_open_bandit_is_read_as_it_is(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "timestamp": ["2019-11-24 00:00:16", "2019-11-25 01:00:00"],
            "item_id": [79, 14],
            "position": [2, 1],
            "click": [0, 1],
            "propensity_score": [0.0125, 0.5],
            "user_feature_0": ["81ce123456", "81ce123456"],
            "user_feature_1": ["2d03", "aaaa"],
        }
    )
    table.to_csv(tmp_path / "all.csv")
    log = read_event_log(tmp_path / "all.csv")
    assert log.rows.creative.tolist() == ["79", "14"]
    assert log.rows.context.tolist() == ["81ce12/2d03", "81ce12/aaaa"]
    assert not log.has_slates
    assert log.num_days == 2
    assert read_propensities_needed(log, "all.csv").tolist() == [0.0125, 0.5]


def test_finn_slates_keep_what_was_shown_and_leave_out_padding_and_unknown_clicks(tmp_path: Path) -> None:
    slate = np.array([[[1, 7, 8, 0], [1, 9, 7, 8]], [[1, 5, 2, 6], [1, 5, 6, 0]]])  # [U, T, S]
    np.savez(
        tmp_path / "data.npz",
        slate=slate,
        click_idx=np.array([[2, 0], [2, 1]]),
        slate_length=np.array([[3, 4], [4, 3]]),
        interaction_type=np.array([[1, 2], [2, 2]]),
        click=np.zeros((2, 2)),
    )
    log = read_event_log(tmp_path / "data.npz")
    by_slate = [list(zip(rows.creative, rows.clicks, strict=True)) for _, rows in log.rows.groupby("slate")]
    assert by_slate == [[("7", 0), ("8", 1)], [("9", 0), ("7", 0), ("8", 0)], [("5", 1), ("6", 0)]]
    assert log.rows.context.iloc[0] == "search"


def test_an_export_of_a_platform_is_a_log(tmp_path: Path) -> None:
    lines = ["Ad name,Impressions,Link clicks,Day", "Spring 1,1000,12,2026-03-01", "Spring 2,900,7,2026-03-01"]
    (tmp_path / "export.csv").write_text("\n".join([*lines, "Spring 1,500,3,2026-03-02"]))
    log = read_event_log(tmp_path / "export.csv")
    assert log.rows.groupby("creative").clicks.sum().to_dict() == {"Spring 1": 15, "Spring 2": 7}
    assert log.num_days == 2


def test_an_export_in_utf_16_with_a_preamble_is_a_log(tmp_path: Path) -> None:
    lines = [
        "Ad report",
        "1 March 2026 - 2 March 2026",
        "Ad name\tImpressions\tClicks",
        "Spring 1\t1,000\t12",
        "Spring 2\t900\t7",
    ]
    (tmp_path / "export.csv").write_bytes("\n".join(lines).encode("utf-16"))
    assert read_event_log(tmp_path / "export.csv").rows.clicks.tolist() == [12, 7]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"click": [2, 0, 0, 0]}, "row 1: clicks must lie between 0 and the impressions"),
        ({"propensity": [0.5, 0.0, 0.5, 0.25]}, "row 2: a propensity must be above 0"),
        ({"position": [0, 1, 1, 2]}, "positions count from 1"),
        ({"click": ["x", 0, 0, 0]}, 'row 1: "x" in the column click is no number'),
        ({"creative": ["", "a", "a", "c"]}, "the creative is not named"),
    ],
)
def test_impossible_rows_are_named(change: dict[str, list[object]], message: str) -> None:
    with pytest.raises(CatalogError, match=message):
        build_event_log(ROWS.assign(**change), "log")


def test_a_log_without_what_is_needed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no column that says which creative"):
        build_event_log(ROWS.drop(columns="creative"), "log")
    with pytest.raises(CatalogError, match="has no row"):
        build_event_log(ROWS.head(0), "log")
    with pytest.raises(ConfigError, match="has no propensities; an estimate"):
        read_propensities_needed(build_event_log(ROWS.drop(columns="propensity"), "log"), "log")
    with pytest.raises(CatalogError, match="is not there"):
        read_event_log(tmp_path / "none.csv")
    (tmp_path / "data.npz").write_bytes(b"PK no")
    with pytest.raises(CatalogError, match="cannot be read as FINN slates"):
        read_event_log(tmp_path / "data.npz")
    np.savez(tmp_path / "less.npz", slate=np.zeros((1, 1, 2)))
    with pytest.raises(CatalogError, match="has no array click_idx"):
        read_event_log(tmp_path / "less.npz")
    np.savez(tmp_path / "odd.npz", slate=np.zeros((1, 1, 2)), click_idx=np.zeros(3), slate_length=np.zeros((1, 1)))
    with pytest.raises(CatalogError, match="are needed"):
        read_event_log(tmp_path / "odd.npz")


def test_a_blank_count_is_nothing_shown_and_conversions_are_not_below_zero(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("creative,impressions,clicks\na,,0\nb,8000,20\n")
    assert read_event_log(path).rows.set_index("creative").impressions.to_dict() == {"a": 0.0, "b": 8000.0}
    path.write_text("creative,impressions,clicks,conversions\na,100,5,-3\n")
    with pytest.raises(CatalogError, match="conversions must be 0 or more"):
        read_event_log(path)


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("cells", "decimals", "shown"),
    [
        (("12.000", "900.500"), "", [12_000, 900_500]),
        (("12.000", "900.0"), "", [12, 900]),
        (('"12,000"', '"1,234,567"'), "", [12_000, 1_234_567]),
        (("12.000", "900"), "", [12_000, 900]),
        (("12.000", "900"), "point", [12, 900]),
        (("12.000", "900"), "comma", [12_000, 900]),
        (("1 234", "7"), "", [1234, 7]),
    ],
)
def test_counts_are_read_with_one_decimal_sign(tmp_path: Path, cells: tuple[str, str], decimals: str, shown: list[int]) -> None:
    path = write(tmp_path / "log.csv", "creative,impressions,clicks", f"a,{cells[0]},2", f"b,{cells[1]},3")
    log = read_event_log(path, decimals=decimals)
    assert log.rows.impressions.tolist() == shown
    is_told = cells == ("12.000", "900") and not decimals
    assert any('"12.000" (row 1, column "impressions") is read as 12,000' in note for note in log.notes) == is_told


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("impressions,clicks,propensity", "12.000,2,0.5", r'"12\.000" \(row 1, column "impressions"\) can mean 12 or 12,000'),
        ("impressions,clicks,conversions", '1200,2,"0,021"\nb,7,1,2.5', "writes numbers in two ways"),
        ("impressions,clicks,conversions", "1200,2,5%", 'row 1: "5%" in the column conversions is no number'),
        ("impressions,clicks", "1200,-2", "clicks must lie between 0"),
        ("impressions,clicks", "(1200),2", "impressions must be 0 or more"),
        ("impressions,clicks", "1200,2.5", 'row 1: "2.5" in the column clicks is no number'),
        ("impressions,clicks", "1200", "Expected 3 columns, got 2"),
        ("shown,views,clicks", "1200,1300,2", 'two columns for impressions, "shown" and "views", and they differ'),
        ("Clicks,clicks", "2,3", 'two columns for clicks, "Clicks" and "clicks"'),
        ("click,date,time", "1,2026-11-01,13:45", 'two columns for time, "time" and "date"'),
    ],
)
def test_what_can_be_read_two_ways_is_refused(tmp_path: Path, header: str, row: str, message: str) -> None:
    path = write(tmp_path / "log.csv", f"creative,{header}", f"a,{row}")
    with pytest.raises(CatalogError, match=message):
        read_event_log(path)


def test_a_second_column_of_one_meaning_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", "ad_name,ad_id,clicks,Clicks,date,timestamp", "Sea,7,1,1,2026-11-01,2026-11-01 13:45")
    log = read_event_log(path)
    assert log.notes == ('log.csv: creative is read from the column "ad_name", not from "ad_id", which differs.',)
    assert log.rows[["creative", "clicks", "time"]].to_numpy().tolist() == [["Sea", 1, "2026-11-01 13:45"]]


def test_rows_that_came_twice_are_counted_and_told(tmp_path: Path) -> None:
    rows = ["a,2026-11-01,1000,12", "b,2026-11-01,900,7"]
    write(tmp_path / "log.csv", "creative,day,impressions,clicks", *rows)
    assert read_event_log(tmp_path / "log.csv").warnings == ()
    (tmp_path / "log (1).csv").write_bytes((tmp_path / "log.csv").read_bytes())
    (said,) = read_event_log(tmp_path).warnings
    assert said.startswith("2 of 4 rows say the same as an earlier one, and each counts")


def test_a_part_without_clicks_is_not_one_without_any(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "creative,impressions,clicks", "a,100,5")
    write(tmp_path / "b.csv", "creative,impressions", "a,100")
    with pytest.raises(CatalogError, match='some of its files lack the column "clicks" that others have'):
        read_event_log(tmp_path)


def test_one_id_in_two_spellings_is_one_and_zeros_in_front_tell_ids_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", "creative,clicks", "7,1", "7.0,0", "007,1", "8.0,0")
    log = read_event_log(path)
    assert log.rows.creative.tolist() == ["7", "7", "007", "8"]
    assert log.notes == ('log.csv: the column "creative" writes ids as "7.0" and without decimals; both are one.',)


@pytest.mark.parametrize(("kind", "number"), [("float64", 1.2e17), ("float32", 2.0**24)])
def test_ids_that_a_float_has_rounded_are_refused(tmp_path: Path, kind: str, number: float) -> None:
    table = pd.DataFrame({"creative": np.array([number, 7], kind), "clicks": [0, 1]})
    table.to_parquet(tmp_path / "log.parquet")
    with pytest.raises(CatalogError, match='the column "creative" holds ids as rounded numbers'):
        read_event_log(tmp_path / "log.parquet")
    for text in ("1.2021000000000002e+17", "1202100000000017.0"):
        with pytest.raises(CatalogError, match="an id that a spreadsheet rounded"):
            build_event_log(pd.DataFrame({"creative": [text], "clicks": [0]}), "log")


def test_an_ad_named_all_that_the_exports_spend_tells_from_a_total_stays_in_the_log(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text("Ad name;Impressions;Link clicks;Amount spent (EUR)\nShoe;2800;14;20,50\nAll;2800;14;31,90\n")
    log = read_event_log(path)
    assert log.rows[["creative", "impressions"]].to_numpy().tolist() == [["Shoe", 2800], ["All", 2800]]
    assert "sum of others" not in " ".join([*log.warnings, *log.notes]).replace("not the sum of others", "")
