"""Tables we write: read back unchanged, harmless in a spreadsheet, whole or not there."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.catalog import read_catalog
from adcreative.catalog.columns import read_header
from adcreative.catalog.rows import clean_text
from adcreative.catalog.tables import atomic_file, escape_cell, failed_creative, unescape_cell, write_failures, write_rows
from adcreative.creative import Creative, FailedCreative
from adcreative.errors import CatalogError, CreativeError
from tests.catalog.conftest import RELAXED

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.text("'=+-@\t\r\n\"; ,x", max_size=8)


def read_cells(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@RELAXED
@given(st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT), min_size=1, max_size=6))
def test_written_words_are_read_back_unchanged(tmp_path_factory: pytest.TempPathFactory, texts) -> None:
    path = tmp_path_factory.getbasetemp() / "round_trip.csv"
    rows = [
        {
            "headline": clean_text("x" + headline if not clean_text(headline) else headline),
            "primary_text": clean_text(body, keep_lines=True),
            "brand": clean_text(brand),
            "ad_name": clean_text(name),
            "test_id": f"t{idx}",  # equal words are no repeat in another test
            "impressions": 10 * idx,
        }
        for idx, (headline, body, brand, name) in enumerate(texts)
    ]
    write_rows(path, rows, list(rows[0]))
    catalog = read_catalog(path)
    assert catalog.failures == ()
    assert [{column: getattr(creative, column) for column in rows[0]} for creative in catalog.creatives] == rows


@RELAXED
@given(TEXT)
def test_escaping_is_undone_exactly_and_leaves_no_formula(text: str) -> None:
    escaped = escape_cell(text)
    assert unescape_cell(escaped) == text
    assert not escaped.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"))


def test_cells_are_formatted_by_kind(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "scores.csv"
    row = {
        "name": "=HYPERLINK(1)",
        "rate": -0.5,
        "count": 3,
        "reasons": ("words +12 %", "face"),
        "blank": None,
        "file": Path("-a"),
    }
    assert write_rows(path, iter([row, {"name": "-5 today\r\nonly"}]), list(row)) == 2
    header, first, second = read_cells(path)
    assert header == list(row)
    assert first == ["'=HYPERLINK(1)", "-0.5", "3", "words +12 %; face", "", "'-a"]
    assert second == ["'-5 today\nonly", "", "", "", "", ""]


def test_failures_have_their_header_even_when_there_are_none(tmp_path: Path) -> None:
    path = tmp_path / "failures.csv"
    assert write_failures(path, []) == 0
    assert path.read_text() == "file_name,ad_name,problem,remedy\n"
    failure = FailedCreative(file_name="=cmd|x", ad_name="ünï", problem="row 3: 1, 2", remedy="Do it.")
    write_failures(path, [failure])
    assert read_cells(path)[1] == ["'=cmd|x", "ünï", "row 3: 1, 2", "Do it."]


def test_error_of_a_creative_becomes_its_failure_row() -> None:
    error = CreativeError("it is 1x1 px.", "Supply a larger picture.")
    failure = failed_creative(Creative(file_name="a.png", ad_name="A", row=4), error)
    assert failure == FailedCreative(
        file_name="a.png", ad_name="A", problem="row 4: it is 1x1 px.", remedy="Supply a larger picture."
    )
    assert failed_creative(Creative(headline="H"), error).problem == "it is 1x1 px."


def test_unknown_key_is_refused_and_the_older_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    write_rows(path, [{"ctr": 1}], ["ctr"])
    with pytest.raises(CatalogError, match=r"scores\.csv: no column \['ctrr'\]; expected \['ctr'\]"):
        write_rows(path, [{"ctr": 2}, {"ctrr": 3}], ["ctr"])
    assert path.read_text() == "ctr\n1\n"
    assert [item.name for item in tmp_path.iterdir()] == ["scores.csv"]


def test_a_crash_leaves_the_older_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "table.bin"
    with atomic_file(path, binary=True) as file:
        file.write(b"old")

    def crash() -> None:
        with atomic_file(path, binary=True) as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crash()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CatalogError, match=r"scores\.csv cannot be written .*Choose another place"):
        write_rows(tmp_path / "file" / "scores.csv", [], ["ctr"])
    (tmp_path / "folder").mkdir()
    with pytest.raises(CatalogError, match=r"folder cannot be written .*Choose another place"):
        write_rows(tmp_path / "folder", [], ["ctr"])
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("name", ["Filename", "Image", "image_file", "Picture"])
def test_the_column_of_pictures_may_be_called_as_people_call_it(name: str) -> None:
    header = read_header([name, "Headline"], "ads.csv")
    assert header.names == ("file_name", "headline")
    assert (header.faults, header.warnings) == ((), ())
    assert read_header(["file_name", name, "headline"], "ads.csv").names[0] == "file_name"
