"""Workbooks of other programs: read as tables, refused in a sentence where damaged or hostile."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import xlwt

from adcreative.catalog import read_catalog
from adcreative.catalog.results import read_results
from adcreative.errors import CatalogError

_CONTENT = """<?xml version="1.0"?><office:document-content office:version="1.2"
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>{}</office:spreadsheet>
</office:body></office:document-content>"""


def write_ods(path: Path, sheets: dict[str, list[list[str | float]]], repeat: str = "", of_rows: str = "") -> Path:
    def cell(value: str | float) -> str:
        if isinstance(value, str):
            return f'<table:table-cell office:value-type="string"{repeat}><text:p>{value}</text:p></table:table-cell>'
        return f'<table:table-cell office:value-type="float" office:value="{value}"><text:p>{value}</text:p></table:table-cell>'

    tables = (
        f'<table:table table:name="{name}">'
        + "".join(f"<table:table-row{of_rows}>{''.join(map(cell, row))}</table:table-row>" for row in rows)
        + "</table:table>"
        for name, rows in sheets.items()
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        archive.writestr("META-INF/manifest.xml", '<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:m"/>')
        archive.writestr("content.xml", _CONTENT.format("".join(tables)))
    return path


ROWS: list[list[str | float]] = [
    ["Ad report", "", "", ""],
    ["Ad name", "Ad ID", "Impressions", "Link clicks"],
    ["Beach", 23850000000001.0, 1000.0, 10.0],
    ["Sand", 2.0, 500.0, 25.0],
]


def test_an_ods_gives_its_table_with_whole_numbers(tmp_path: Path) -> None:
    path = write_ods(tmp_path / "ads.ods", {"Notes": [["nothing"]], "Ads": ROWS})
    assert [(row.ad_name, row.ad_id, row.impressions, row.clicks) for row in read_results(path).rows] == [
        ("Beach", "23850000000001", 1000, 10),
        ("Sand", "2", 500, 25),
    ]
    assert len(read_catalog(path).creatives) == 2


@pytest.mark.parametrize("name", ["ads.xls", "ads.csv"])
def test_an_old_workbook_is_read_whatever_its_ending(tmp_path: Path, name: str) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Ads")
    for at, row in enumerate(ROWS):
        for column, value in enumerate(row):
            sheet.write(at, column, value)
    book.save(str(tmp_path / name))
    assert [(row.ad_name, row.ad_id, row.impressions, row.clicks) for row in read_results(tmp_path / name).rows] == [
        ("Beach", "23850000000001", 1000, 10),
        ("Sand", "2", 500, 25),
    ]


def test_a_sheet_that_claims_all_of_memory_ends_no_process_but_its_own(tmp_path: Path) -> None:
    rows = ' table:number-rows-repeated="1048576"'
    path = write_ods(tmp_path / "ads.ods", {"Ads": [["x"]]}, ' table:number-columns-repeated="16000"', rows)
    with pytest.raises(CatalogError, match=r"ads\.ods cannot be read as a workbook"):
        read_results(path)
