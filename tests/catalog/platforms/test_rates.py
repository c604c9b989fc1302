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


def test_a_column_of_which_some_cells_have_a_sign_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "CTR", ["0.12", "12 %", "0.3", "0"])
    with pytest.raises(
        CatalogError, match=r'the column "CTR" holds rates with a percent sign and without one; write them alike'
    ):
        read_results(path)
    percent = read_results(path, columns=TableSettings(rates="percent"))
    assert [row.clicks for row in percent.rows] == [120, 12_000, 300, 0]
    with pytest.raises(CatalogError, match="shows percent otherwise than --rates share says"):
        read_results(path, columns=TableSettings(rates="share"))
    assert [row.clicks for row in read_results(write(tmp_path / "b.csv", "CTR", ["1.2%", "0"])).rows] == [1200, 0]
    head = "Ad name,Impressions,Link clicks,Amount spent,Purchase ROAS (return on ad spend)\n"
    (tmp_path / "c.csv").write_text(f"{head}A,1000,10,5.5,340%\nB,1000,10,5.5,3.4\n")
    with pytest.raises(
        CatalogError, match=r'"Purchase ROAS \(return on ad spend\)" holds rates with a percent sign and without'
    ):
        read_results(tmp_path / "c.csv")


def test_a_workbook_that_shows_some_shares_in_percent_is_refused(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Ad name", "Impressions", "CTR"])
    for number in range(80):
        sheet.append([f"A{number}", 100_000, 0.0012])
        sheet.cell(sheet.max_row, 3).number_format = "0.00%" if number < 70 else "General"
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(CatalogError, match="with a percent sign and without one"):
        read_results(tmp_path / "a.xlsx")


@pytest.mark.parametrize(("first", "second"), [("Impressions", "Impr."), ("Amount spent", "Cost")])
def test_two_columns_of_one_meaning_must_agree(tmp_path: Path, first: str, second: str) -> None:
    cells = {"Ad name": "A", "Impressions": "1,000", "Link clicks": "10", "Amount spent": "1,000.50"}
    path = tmp_path / "a.csv"
    again = cells[first].replace(",", "")
    path.write_text(f"{','.join([*cells, second])}\n" + ",".join(f'"{cell}"' for cell in [*cells.values(), again]))
    told = " ".join(read_results(path).warnings)
    assert f'the columns "{first}" and "{second}" are taken for the same; "' in told
    path.write_text(path.read_text().replace(f'"{again}"', '"900"'))
    for read in (read_results, read_catalog):
        with pytest.raises(CatalogError, match=rf'has the columns "{first}" and "{second}", with different cells \(row 1\)'):
            read(path)
    chosen = read_results(path, columns=TableSettings(columns={second: first.casefold().replace("amount spent", "spend")}))
    assert 900 in (chosen.rows[0].impressions, chosen.rows[0].spend)


def test_kinds_of_clicks_may_differ_and_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Ad name,Impressions,Unique link clicks,Link clicks\nA,1000,8,10\n")
    found = read_results(tmp_path / "a.csv")
    assert found.rows[0].clicks == 10
    assert any(
        '"Link clicks" and "Unique link clicks" are taken for the same; "Link clicks" is' in one for one in found.warnings
    )
