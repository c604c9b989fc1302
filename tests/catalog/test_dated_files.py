"""Whole files with days: an export, an own table and a log are each read in one order, or refused until it is said."""

from __future__ import annotations

import datetime
from pathlib import Path

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from adcreative.catalog.event_log import read_event_log
from adcreative.catalog.mapping import TableSettings, format_settings, read_settings
from adcreative.catalog.reader import read_catalog
from adcreative.catalog.results import read_results
from adcreative.creative import Creative
from adcreative.errors import CatalogError, ConfigError
from tests.catalog.conftest import write_csv

NOVEMBER = [datetime.date(2026, 11, day) for day in range(1, 29)]
FORMS = ["%d/%m/%Y", "%d-%m-%Y", "%d.%m.%y", "%m/%d/%Y", "%m/%d/%y", "%d-%b-%y", "%Y%m%d"]


def write_export(path: Path, days: list[str], num_ads: int = 40) -> Path:
    """An English export: a row for each ad and day, all ads of a day together."""
    return write_csv(
        path,
        [
            {"Ad name": f"Ad {ad:02}", "Day": day, "Impressions": 1000 + 7 * ad + at, "Link clicks": 20 + ad % 7}
            for at, day in enumerate(days)
            for ad in range(num_ads)
        ],
    )


def write_own(path: Path, days: list[str]) -> Path:
    return write_csv(
        path,
        [
            {"ad_name": f"Ad {at}", "headline": f"Words {at}", "date_start": day, "impressions": 100, "clicks": 1}
            for at, day in enumerate(days)
        ],
    )


def write_log(path: Path, days: list[str]) -> Path:
    return write_csv(path, [{"creative": "a", "time": f"{day} 13:45", "click": 0} for day in days])


@pytest.mark.parametrize("form", FORMS)
def test_forty_ads_over_november_are_read_in_one_order(tmp_path: Path, form: str) -> None:
    """The first 400 rows hold no day above the tenth."""
    days = [day.strftime(form) for day in NOVEMBER]
    found = read_results(write_export(tmp_path / "daily.csv", days))
    assert [row.date_start for row in found.rows[::40]] == [day.isoformat() for day in NOVEMBER]
    log = read_event_log(tmp_path / "daily.csv")
    assert (log.num_days, log.rows["time"].min(), log.rows["time"].max()) == (28, "2026-11-01", "2026-11-28")
    creatives = read_catalog(tmp_path / "daily.csv").creatives
    assert {(one.date_start, one.date_end) for one in creatives} == {("2026-11-01", "2026-11-28")}
    own = read_catalog(write_own(tmp_path / "own.csv", days)).creatives
    assert [one.date_start for one in own] == [day.isoformat() for day in NOVEMBER]
    moments = read_event_log(write_log(tmp_path / "log.csv", days)).rows["time"].tolist()
    assert moments == [f"{day} 13:45" for day in NOVEMBER]
    if "/" in form or "-%m" in form:
        order = "day first" if form.startswith("%d") else "month first"
        assert any(f'daily.csv: days are read {order}: "{days[0]}" is 1 November 2026' in note for note in log.notes)


def test_days_of_a_workbook_are_read_as_it_holds_them(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Ad name", "Day", "Impressions", "Clicks"])
    for at, day in enumerate([46327, 46328.0, datetime.datetime(2026, 11, 3), "04/11/2026", "13/11/2026", 99999, "2026-11-06"]):
        sheet.append([f"Ad {at}", day, 1000 + at * at, 5])
    book.save(tmp_path / "daily.xlsx")
    found = read_results(tmp_path / "daily.xlsx")
    days = [f"2026-11-{day:02}" for day in (1, 2, 3, 4, 13, 6)]
    assert [row.date_start for row in found.rows] == days
    assert found.dropped == {"day that does not fit the others": 1}


def test_bare_numbers_of_a_workbook_that_counts_from_1904_are_refused(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    sheet = book.active
    assert sheet is not None
    for row in (["Ad name", "Day", "Impressions", "Clicks"], ["A", datetime.datetime(2026, 11, 3), 1000, 5]):
        sheet.append(row)
    book.save(tmp_path / "daily.xlsx")
    assert read_results(tmp_path / "daily.xlsx").rows[0].date_start == "2026-11-03"
    sheet.append(["B", 44_865, 900, 4])
    book.save(tmp_path / "daily.xlsx")
    with pytest.raises(CatalogError, match=r"daily\.xlsx counts days from 1904 and holds some as bare numbers; format them"):
        read_results(tmp_path / "daily.xlsx")


@pytest.mark.parametrize("week", ["2026-W14", "30/03/2026 - 05/04/2026", "Mar 30, 2026 - Apr 5, 2026"])
def test_a_week_is_read_as_seven_days(tmp_path: Path, week: str) -> None:
    row = read_results(write_export(tmp_path / "a.csv", [week], 3)).rows[0]
    own = read_catalog(write_csv(tmp_path / "own.csv", [{"headline": "A", "date": week, "impressions": 9, "clicks": 1}]))
    for one in (row, own.creatives[0]):
        assert (one.date_start, one.date_end) == ("2026-03-30", "2026-04-05")
    assert "weekday" not in own.creatives[0].context


def test_rows_that_do_not_fit_fail_and_are_never_read_the_other_way(tmp_path: Path) -> None:
    days = [*(day.strftime("%d/%m/%Y") for day in NOVEMBER), "11/28/2026"]
    found = read_results(write_export(tmp_path / "daily.csv", days, 3))
    assert len(found.rows) == 84
    assert found.dropped == {"day that does not fit the others": 3}
    catalog = read_catalog(tmp_path / "daily.csv")
    assert {(one.date_start, one.date_end) for one in catalog.creatives} == {("2026-11-01", "2026-11-28")}
    assert ["its day does not fit how the others are written" in one.problem for one in catalog.failures] == [True] * 3
    own = read_catalog(write_own(tmp_path / "own.csv", days))
    assert [one.problem for one in own.failures] == [
        'row 29: date_start is "11/28/2026", which is no day as the others are written.'
    ]
    with pytest.raises(CatalogError, match=r'log\.csv row 29: "11/28/2026 13:45" is no day as the others are'):
        read_event_log(write_log(tmp_path / "log.csv", days))


@pytest.mark.parametrize("write", [write_export, write_own])
def test_a_table_that_can_be_read_two_ways_is_refused_until_the_order_is_said(tmp_path: Path, write: object) -> None:
    path = (write_export if write is write_export else write_own)(tmp_path / "a.csv", ["03/04/2026", "03/04/2026"])
    with pytest.raises(CatalogError, match=r"a\.csv: its days can be read two ways, .* say --dates dmy"):
        read_catalog(path)
    said = {order: read_catalog(path, columns=TableSettings(dates=order)).creatives[0] for order in ("dmy", "mdy")}
    assert [one.date_start for one in said.values()] == ["2026-04-03", "2026-03-04"]
    kept = read_catalog(path, with_days=False).creatives[0]
    assert isinstance(kept, Creative)
    assert kept.date_start == "03/04/2026"


def test_a_log_that_can_be_read_two_ways_is_refused_until_the_order_is_said(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.csv", ["03/04/2026"])
    with pytest.raises(CatalogError, match=r"log\.csv: its days can be read two ways"):
        read_event_log(path)
    assert read_event_log(path, dates="dmy").rows["time"].tolist() == ["2026-04-03 13:45"]
    with pytest.raises(ConfigError, match="--dates must be dmy, mdy or ymd"):
        read_event_log(path, dates="d/m/y")


@pytest.mark.parametrize(
    ("days", "message"),
    [
        (["2026-03-04", "2026-05-04", "13/04/2026"], "a spreadsheet has turned its days up to the 12th into dates"),
        (["2026-03-14", "13/04/2026"], 'written in two ways, "2026-03-14" and "13/04/2026"'),
        (["2026-03-14", "2026-13-45", "2026-03-15"], 'row 2: "2026-13-45 13:45" is no day'),
        (["21/11/20", "21/11/23", "21/11/26"], '"21/11/20" as 21 November 2020 or as 20 November 2021'),
        (["2026-11-01", "5"], 'row 2: "5 13:45" is no day'),
    ],
)
def test_days_of_a_log_that_need_not_be_of_one_order_are_refused(tmp_path: Path, days: list[str], message: str) -> None:
    path = write_log(tmp_path / "log.csv", days)
    with pytest.raises(CatalogError, match=message):
        read_event_log(path)


def test_the_order_of_days_that_need_one_may_be_said_beside_others(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.csv", ["2026-03-14", "03/04/2026"])
    assert read_event_log(path, dates="dmy").rows["time"].tolist() == ["2026-03-14 13:45", "2026-04-03 13:45"]
    path = write_log(tmp_path / "turned.csv", ["2026-03-04", "13/04/2026"])
    with pytest.raises(CatalogError, match="a spreadsheet has turned its days"):
        read_event_log(path, dates="dmy")
    path = write_log(tmp_path / "short.csv", ["21/11/20", "21/11/21"])
    assert read_event_log(path, dates="ymd").rows["time"].tolist() == ["2021-11-20 13:45", "2021-11-21 13:45"]
    path = write_log(tmp_path / "alike.csv", ["26.11.26"])
    assert read_event_log(path).rows["time"].tolist() == ["2026-11-26 13:45"]


def test_steps_and_seconds_of_a_log_are_no_days(tmp_path: Path) -> None:
    for times in (["1", "2"], ["46327", "46328"], ["1767225600", "1767225601"]):
        path = write_csv(tmp_path / "log.csv", [{"creative": "a", "time": one, "click": 0} for one in times])
        log = read_event_log(path)
        assert (log.rows["time"].tolist(), log.notes) == (times, ())
    path = write_csv(tmp_path / "log.csv", [{"creative": "a", "time": one, "click": 0} for one in ("20261101", "20261102")])
    log = read_event_log(path)
    assert log.rows["time"].tolist() == ["2026-11-01", "2026-11-02"]
    assert log.notes == ('log.csv: "20261101" is read as the day 2026-11-01.',)
    path = write_csv(tmp_path / "log.csv", [{"creative": "a", "day": one, "click": 0} for one in ("46327", "20261102")])
    assert read_event_log(path).rows["time"].tolist() == ["2026-11-01", "2026-11-02"]


def test_a_mapping_file_may_say_the_order(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(format_settings(TableSettings(dates="mdy")))
    assert read_settings(tmp_path / "a.toml").dates == "mdy"
    assert read_settings(tmp_path / "a.toml", dates="dmy").dates == "dmy"
    path = write_export(tmp_path / "a.csv", ["03/04/2026"], 4)
    assert read_results(path, columns=tmp_path / "a.toml").rows[0].date_start == "2026-03-04"


@pytest.mark.parametrize(
    ("line", "days"),
    [
        ("1 March 2026 - 30 March 2026", "2026-03-04"),
        ("01/03/2026 - 30/03/2026", "2026-03-04"),
        ("03/01/2026 - 03/30/2026", "2026-03-04"),
    ],
)
def test_days_above_the_table_tell_the_order_too(tmp_path: Path, line: str, days: str) -> None:
    day = "03/04/2026" if line.startswith("03/01") else "04/03/2026"
    path = tmp_path / "report.csv"
    path.write_text(f"Ad report\n{line}\nAd name,Day,Impressions,Clicks,Campaign\nA,{day},1000,10,x\nB,{day},900,9,x\n")
    assert {row.date_start for row in read_results(path).rows} == {days}


def test_days_above_a_table_that_can_be_read_two_ways_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text("Ad report\n01/03/2026 - 01/04/2026\nAd name,Impressions,Clicks,Campaign\nA,1000,10,x\nB,900,9,x\n")
    found = read_results(path)
    assert {row.date_start for row in found.rows} == {""}
    assert any("the days above the table can be read two ways and are left out (--dates" in note for note in found.warnings)
    assert read_results(path, columns=TableSettings(dates="mdy")).rows[0].date_end == "2026-01-04"
