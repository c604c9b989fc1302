"""Excel workbooks, written by the tests with openpyxl or byte by byte."""

from __future__ import annotations

import datetime
import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.catalog import read_catalog
from adcreative.catalog.formats import xlsx
from adcreative.catalog.mapping import TableSettings
from adcreative.catalog.results import read_results
from adcreative.errors import CatalogError
from tests.catalog.conftest import RELAXED

META: list[Any] = [
    "Início dos relatórios",
    "Encerramento dos relatórios",
    "Nome do anúncio",
    "Valor usado (BRL)",
    "Impressões",
    "Cliques no link",
]
ROWS = [["2026-05-01", "2026-05-02", "Praia", 33.1, 2550, 22], ["2026-05-01", "2026-05-02", "Pão", 12.77, 990, 9]]


def write_book(path: Path, sheets: dict[str, list[list[Any]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def repack(path: Path, change: dict[str, bytes]) -> Path:
    """Replace entries of a workbook by other bytes."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (entries | change).items():
            archive.writestr(name, content)
    return path


def test_a_localised_meta_workbook_with_preamble_and_dates(tmp_path: Path) -> None:
    day = datetime.datetime(2026, 5, 1)
    rows = [["Relatório"], [], META, [day, day, "Praia", 33.1, 2550, 22], [None, None, None, 33.1, 2550, 22]]
    results = read_results(write_book(tmp_path / "meta.xlsx", {"Worksheet": rows}))
    (row,) = results.rows
    assert (row.ad_name, row.impressions, row.clicks, row.spend, row.currency) == ("Praia", 2550, 22, 33.1, "BRL")
    assert (row.date_start, row.date_end, row.platform) == ("2026-05-01", "2026-05-01", "meta")
    assert results.dropped == {"total row": 1}


def test_the_sheet_that_lists_ads_is_read_and_another_can_be_named(tmp_path: Path) -> None:
    other = [META, ["2026-05-01", "2026-05-02", "Outro", 1.0, 100, 1]]
    path = write_book(tmp_path / "meta.xlsx", {"Notes": [["Made by hand"]], "Raw data": [META, *ROWS], "Copy": other})
    results = read_results(path)
    assert [row.ad_name for row in results.rows] == ["Praia", "Pão"]
    assert any('the sheet "Raw data" was read; "Copy" hold tables too' in note for note in results.warnings)
    assert read_results(path, columns=TableSettings(sheet="Copy")).rows[0].ad_name == "Outro"
    with pytest.raises(CatalogError, match=r'has no sheet "Ads"; its sheets are "Notes", "Raw data", "Copy"'):
        read_results(path, columns=TableSettings(sheet="Ads"))


def test_formulas_give_their_saved_value_and_are_never_evaluated(tmp_path: Path) -> None:
    path = write_book(tmp_path / "meta.xlsx", {"A": [META, [*ROWS[0][:5], "=11*2"], ROWS[1]]})  # openpyxl saves no value
    catalog = read_catalog(path)
    assert [creative.ad_name for creative in catalog.creatives] == ["Pão"]
    assert 'formula in column "Cliques no link" was saved without its value' in catalog.failures[0].problem
    with zipfile.ZipFile(path) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    assert b"<f>11*2</f><v />" in sheet or b"<f>11*2</f><v></v>" in sheet or b"<f>11*2</f><v/>" in sheet
    saved = sheet.replace(b"<v />", b"<v>77</v>").replace(b"<v></v>", b"<v>77</v>").replace(b"<v/>", b"<v>77</v>")
    repack(path, {"xl/worksheets/sheet1.xml": saved})
    assert read_catalog(path).creatives[0].clicks == 77  # as saved, though 11*2 is 22


def test_error_cells_say_nothing(tmp_path: Path) -> None:
    results = read_results(write_book(tmp_path / "a.xlsx", {"A": [META, [*ROWS[0][:3], "#DIV/0!", 2550, 22]]}))
    assert results.rows[0].spend is None


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = write_book(tmp_path / "bomb.xlsx", {"A": [META, *ROWS]})
    repack(path, {"xl/worksheets/sheet1.xml": b" " * 50_000_000})
    assert path.stat().st_size < 200_000
    with pytest.raises(CatalogError, match=r"bomb\.xlsx would unpack to 50 MB.*no export does"):
        read_results(path)


@pytest.mark.parametrize(("limit", "value"), [("MAX_ENTRIES", 3), ("MAX_UNPACKED_BYTES", 100), ("MAX_SHARED_BYTES", 100)])
def test_every_limit_of_an_archive_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    monkeypatch.setattr(xlsx, limit, value)
    with pytest.raises(CatalogError, match="would unpack to"):
        read_results(write_book(tmp_path / "a.xlsx", {"A": [META, *ROWS]}))


def test_other_archives_and_protected_workbooks_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("report.csv", "x")
    with pytest.raises(CatalogError, match=r"a\.xlsx is a zip archive but no Excel workbook"):
        read_results(path)
    path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(600))
    with pytest.raises(CatalogError, match=r"it is damaged or protected by a password"):
        read_results(path)
    write_book(path, {"Empty": [[None]]})
    with pytest.raises(CatalogError, match="has no sheet with text in it"):
        read_results(path)


def test_a_workbook_under_another_suffix_is_known_by_its_bytes(tmp_path: Path) -> None:
    path = write_book(tmp_path / "meta.xlsx", {"A": [META, *ROWS]})
    path = path.rename(tmp_path / "meta.csv")
    assert len(read_results(path).rows) == 2


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    path = write_book(tmp_path / "a.xlsx", {"A": [META, *ROWS]})
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    hostile = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]><worksheet>&l9;</worksheet>'
    repack(path, {"xl/worksheets/sheet1.xml": hostile.encode()})
    with pytest.raises(CatalogError, match=r"a\.xlsx"):
        read_results(path)


@RELAXED
@given(places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=12))
def test_changed_bytes_are_a_table_or_one_error(
    tmp_path_factory: pytest.TempPathFactory, places: list[tuple[float, int]]
) -> None:
    folder = tmp_path_factory.mktemp("xlsx")
    content = bytearray(write_book(folder / "a.xlsx", {"A": [META, *ROWS]}).read_bytes())
    for share, byte in places:
        content[min(int(share * len(content)), len(content) - 1)] = byte
    (folder / "b.xlsx").write_bytes(bytes(content))
    for read in (read_catalog, read_results):
        refusal = ""
        try:
            read(folder / "b.xlsx")
        except CatalogError as error:
            refusal = str(error)
        assert "\n" not in refusal


LETTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
CELLS = st.one_of(
    st.none(),
    st.text(LETTERS, max_size=30),
    st.integers(-(10**15), 10**15),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.datetimes(datetime.datetime(1901, 1, 1), datetime.datetime(2200, 1, 1)),
)


@RELAXED
@given(rows=st.lists(st.lists(CELLS, max_size=8), max_size=5))
def test_any_cells_are_creatives_or_failures(tmp_path_factory: pytest.TempPathFactory, rows: list[list[Any]]) -> None:
    path = tmp_path_factory.mktemp("xlsx") / "a.xlsx"
    write_book(path, {"A": [META, *rows]})
    catalog, refusal = None, "no rows"
    try:
        catalog = read_catalog(path)
    except CatalogError as error:
        refusal = str(error)
    assert "no rows" in refusal or "name no ads" in refusal
    if catalog is not None:
        assert all(creative.ad_name for creative in catalog.creatives)
        assert all(failure.problem and failure.remedy for failure in catalog.failures)


def test_columns_and_memory_are_bounded(tmp_path: Path) -> None:
    wide = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append([f"column {at}" for at in range(2_100)])
    book.save(wide)
    (tmp_path / "wide.xlsx").write_bytes(wide.getvalue())
    with pytest.raises(CatalogError, match="more than 2,000 columns"):
        read_results(tmp_path / "wide.xlsx")


@pytest.mark.parametrize(
    ("shape", "value", "shown"),
    [
        ("000", 7, "007"),
        ("0000", 12345, "12345"),
        ('"AD-"000', 7, "AD-007"),
        (r"\A0", 7, "A7"),
        ("000-000", 7123, "007-123"),
        ("0", 7, "7"),
        ("General", 7, "7"),
        ("#,##0", 7000, "7000"),
        ("000", 7.0, "007"),
        ("0.00", 7, "7"),
    ],
)
def test_a_number_reads_as_its_format_shows_it(tmp_path: Path, shape: str, value: float, shown: str) -> None:
    path = write_book(tmp_path / "a.xlsx", {"A": [["Ad name", "Impressions", "Link clicks"], [value, 1000, 7]]})
    book = openpyxl.load_workbook(path)
    for column in "AC":
        book["A"][f"{column}2"].number_format = shape
    book.save(path)
    (row,) = read_results(path).rows
    assert (row.ad_name, row.clicks) == (shown, 7)


def test_a_number_of_more_digits_than_a_spreadsheet_keeps_names_no_ad(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["Ad name", "Impressions", "Link clicks"], [120210000000000000, 1000, 7], [120210000000007, 9, 1]]
    found = read_results(write_book(tmp_path / "a.xlsx", {"A": rows}))
    assert [row.ad_name for row in found.rows] == ["120210000000007"]
    assert found.dropped == {"ad named by an id that a spreadsheet rounded": 1}
