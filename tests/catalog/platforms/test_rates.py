"""Click rates are percent or shares, throughout a column; where nothing tells which, the user is asked."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from adcreative.catalog import read_catalog
from adcreative.catalog.mapping import TableSettings
from adcreative.catalog.results import read_results
from adcreative.errors import CatalogError, ConfigError


def write(path: Path, column: str, rates: list[str], more: str = "", cells: str = "") -> Path:
    rows = "".join(f"A{n},100000,{rate}{cells}\n" for n, rate in enumerate(rates))
    path.write_text(f"Ad name,Impressions,{column}{more}\n{rows}", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("column", "rates", "clicks", "why"),
    [
        ("CTR (%)", ["0.12", "0.10", "0.05"], [120, 100, 50], '"CTR (%)" holds percent, as its name says'),
        ("CTR (all) %", ["0.12", "0.012"], [120, 12], "holds percent, as its name says"),
        ("CTR", ["0.12%", "0.1%"], [120, 100], "holds percent, as the sign in its cells says"),
        ("CTR", ["0.12", "1.5"], [120, 1500], "holds percent, since no rate is above 1"),
    ],
)
def test_what_tells_the_unit(tmp_path: Path, column: str, rates: list[str], clicks: list[int], why: str) -> None:
    results = read_results(write(tmp_path / "a.csv", column, rates))
    assert [row.clicks for row in results.rows] == clicks
    assert any(why in note for note in results.warnings)
    catalog = read_catalog(tmp_path / "a.csv")
    assert [one.clicks for one in catalog.creatives] == clicks
    assert any(why in note for note in catalog.warnings)


@pytest.mark.parametrize(("cost", "clicks"), [("0.5", [120, 100]), ("0.005", [12000, 10000])])
def test_spend_and_cost_per_click_tell_the_unit(tmp_path: Path, cost: str, clicks: list[int]) -> None:
    rows = f"A,100000,0.12,60,{cost}\nB,100000,0.1,50,{cost}\n"
    (tmp_path / "a.csv").write_text(f"Ad name,Impressions,CTR,Amount spent,CPC\n{rows}")
    assert [row.clicks for row in read_results(tmp_path / "a.csv").rows] == clicks


@pytest.mark.parametrize("rates", [["0.12", "0.10", "0.05"], ["0.012", "0.01"], ["0.9", "0.3"]])
def test_without_a_clue_it_is_asked(tmp_path: Path, rates: list[str]) -> None:
    path = write(tmp_path / "a.csv", "CTR", rates)
    for read in (read_results, read_catalog):
        with pytest.raises(
            CatalogError, match=r'a\.csv: the column "CTR" may hold percent or shares .*--rates percent or --rates'
        ):
            read(path)
    percent = read_results(path, columns=TableSettings(rates="percent"))
    assert percent.rows[0].clicks == round(1000 * float(rates[0]))
    assert any('"CTR" holds percent, as --rates percent says' in note for note in percent.warnings)
    share = read_catalog(path, columns=TableSettings(rates="share"))
    assert share.creatives[0].clicks == round(100_000 * float(rates[0]))
    with pytest.raises(ConfigError, match=r'--rates must be percent or share, got "permille"'):
        read_results(path, columns=TableSettings(rates="permille"))


@pytest.mark.parametrize("column", ["CTR", "CTR (%)"])
def test_a_workbook_shows_shares_in_percent(tmp_path: Path, column: str) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Ad name", "Impressions", column])
    for name, rate in (("A", 0.0012), ("B", 0.001)):
        sheet.append([name, 100_000, rate])
        sheet.cell(sheet.max_row, 3).number_format = "0.00%"
    book.save(tmp_path / "a.xlsx")
    assert [row.clicks for row in read_results(tmp_path / "a.xlsx").rows] == [120, 100]


def test_a_rate_beside_clicks_is_held_against_them_in_one_unit(tmp_path: Path) -> None:
    rows = "A,1000,10,0.01\nB,1000,20,2\nC,1000,30,0.03\n"
    (tmp_path / "a.csv").write_text(f"Ad name,Impressions,Clicks,CTR\n{rows}")
    assert any("the click rate given in 1 rows" in note for note in read_results(tmp_path / "a.csv").warnings)


def test_a_return_in_percent_is_a_hundredth(tmp_path: Path) -> None:
    head = "Ad name,Impressions,Link clicks,Amount spent,Purchase ROAS (return on ad spend)\n"
    (tmp_path / "a.csv").write_text(f"{head}A,1000,10,5.5,340%\n")
    assert read_results(tmp_path / "a.csv").rows[0].revenue == pytest.approx(18.7)


@pytest.mark.parametrize("name", ["Impressions", "Link clicks", "Ad name", "Amount spent"])
def test_two_columns_of_one_name_must_agree(tmp_path: Path, name: str) -> None:
    head = ["Ad name", "Impressions", "Link clicks", "Amount spent"]
    cells = ["A", "1000", "10", "5.5"]
    at = head.index(name)
    path = tmp_path / "a.csv"
    path.write_text(f"{','.join([*head, name])}\n{','.join([*cells, cells[at]])}\n")
    assert any(f'the column "{name}" stands 2 times; the first is read' in note for note in read_results(path).warnings)
    path.write_text(f"{','.join([*head, name])}\n{','.join([*cells, '7'])}\n")
    for read in (read_results, read_catalog):
        with pytest.raises(CatalogError, match=rf'a.csv has the column "{name}" 2 times, with different cells \(row 1\)'):
            read(path)
