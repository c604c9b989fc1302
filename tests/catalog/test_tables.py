"""Tables we write: read back unchanged, harmless in a spreadsheet, whole or not there."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcreative.catalog import read_catalog
from adcreative.catalog.columns import read_header
from adcreative.catalog.rows import clean_text
from adcreative.catalog.tables import (
    escape_cell,
    failed_creative,
    format_line,
    format_rows,
    is_our_header,
    parse_rows,
    unescape_cell,
    write_failures,
    write_rows,
)
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


def formulas_seen(table: str, separator: str) -> list[str]:
    """Return the cells that a spreadsheet takes for formulas when it reads `table` with a separator, in two ways of reading.

    One knows quotation marks only where a cell begins with one, as spreadsheets do; the other knows none at all.
    """
    cells = [cell for row in csv.reader(io.StringIO(table, newline=""), delimiter=separator) for cell in row]
    if separator != ",":  # of the table's own separator, the quotation marks are what makes cells
        cells += [cell.lstrip('"') for line in table.splitlines() for cell in line.split(separator)[1:]]
    starts = re.compile("[\\s\u200b\ufeff]*[=+\\-@\uff1d]")
    return [cell for cell in cells if starts.match(cell) and not re.fullmatch(r"-?[\d.e-]+", cell)]


@RELAXED
@given(st.lists(st.tuples(TEXT, st.floats(-9, 9, width=16), TEXT), min_size=1, max_size=4))
def test_no_spreadsheet_sees_a_formula_whatever_separates_its_cells(rows: list[tuple[str, float, str]]) -> None:
    names = ("first", "number", "last")
    table = "".join(format_rows((dict(zip(names, row, strict=True)) for row in rows), names))
    assert not [seen for separator in (",", ";", "\t") for seen in formulas_seen(table, separator)]
    read = [(row["first"], row["last"]) for row in parse_rows(table)]
    assert read == [(_as_written(first), _as_written(last)) for first, _, last in rows]


def _as_written(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def test_a_formula_behind_a_semicolon_is_none_where_semicolons_separate(tmp_path: Path) -> None:
    name = 'shoe;=HYPERLINK("http://evil";"x")'
    write_rows(tmp_path / "checks.csv", [{"ctr": 0.5, "ad_name": name}], ("ctr", "ad_name"))
    table = (tmp_path / "checks.csv").read_text()
    assert table == '"ctr","ad_name"\n0.5,"shoe;\'=HYPERLINK(""http://evil"";""x"")"\n'
    assert [cell[0] for cell in table.split(";")[1:]] == ["'", '"']
    assert parse_rows(table)[0]["ad_name"] == name


@pytest.mark.parametrize(
    "formula", ['=HYPERLINK("http://evil";"x")', "+cmd('x')", '@SUM("a")', "-2+3+IMPORTXML('http://evil')", "=Sheet2!A1"]
)
@pytest.mark.parametrize("before", ["", " ", '"', "\u200b", "'"])
def test_a_formula_behind_a_bar_is_none_where_bars_separate(formula: str, before: str) -> None:
    text = f"shoe|{before}{formula}"
    assert escape_cell(text) == f"shoe|'{before}{formula}"
    assert unescape_cell(escape_cell(text)) == text


@pytest.mark.parametrize("words", ["Sale | +20 %", "Sale |-20% (nur heute)", "Shoes | @brand", "Shoes |@brand!", "a | = b"])
def test_a_bar_between_parts_of_a_headline_stays_as_it_is(words: str) -> None:
    assert escape_cell(words) == words


@pytest.mark.parametrize("words", ["'=SUM is how a formula begins", "'- was ein Strich ist", "a;'-b", "'+1"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC])
def test_an_apostrophe_of_the_users_own_stays(tmp_path: Path, words: str, quoting: int) -> None:
    with (tmp_path / "ads.csv").open("w", newline="") as file:
        file.write("headline,brand\n")
        csv.writer(file, quoting=quoting).writerow((words, "x"))
    assert read_catalog(tmp_path / "ads.csv").creatives[0].headline == words
    write_rows(tmp_path / "ours.csv", [{"headline": words, "brand": "x"}], ("headline", "brand"))
    assert read_catalog(tmp_path / "ours.csv").creatives[0].headline == words


def test_a_table_of_ours_is_known_by_its_header() -> None:
    assert is_our_header(format_line(("headline", "+x", 'a "b"')))
    assert not is_our_header("headline,brand")
    assert not is_our_header('"headline",brand')
    assert not is_our_header('"headline";"brand"')
    assert not is_our_header("")
    assert not is_our_header('"headline')


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
    assert path.read_text() == '"file_name","ad_name","problem","remedy"\n'
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
    assert path.read_text() == '"ctr"\n1\n'
    assert [item.name for item in tmp_path.iterdir()] == ["scores.csv"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CatalogError, match=r"scores\.csv cannot be written .*choose another place"):
        write_rows(tmp_path / "file" / "scores.csv", [], ["ctr"])
    (tmp_path / "folder").mkdir()
    with pytest.raises(CatalogError, match=r"folder cannot be written .*choose another place"):
        write_rows(tmp_path / "folder", [], ["ctr"])
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("name", ["Filename", "Image", "image_file", "Picture"])
def test_the_column_of_pictures_may_be_called_as_people_call_it(name: str) -> None:
    header = read_header([name, "Headline"], "ads.csv")
    assert header.names == ("file_name", "headline")
    assert (header.faults, header.warnings) == ((), ())
    assert read_header(["file_name", name, "headline"], "ads.csv").names[0] == "file_name"
