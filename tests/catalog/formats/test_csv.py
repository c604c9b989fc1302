"""CSV as it comes out of spreadsheets, and broken CSV that must not swallow its neighbours."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from adcreative.catalog import read_catalog
from adcreative.catalog.formats.csv import detect_delimiter, detect_encoding
from adcreative.catalog.results import read_results


def read_headlines(path: Path, content: bytes) -> tuple[list[str], list[str], tuple[str, ...]]:
    path.write_bytes(content)
    catalog = read_catalog(path)
    return [item.headline for item in catalog.creatives], [item.problem for item in catalog.failures], catalog.warnings


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfheadline,brand\nHi,B\n",
        "headline,brand\r\nHi,B\r\n".encode("utf-16"),
        b"headline;brand\nHi;B\n",
        b"sep=;\nheadline;brand\nHi;B\n",
        b"headline\tbrand\nHi\tB\n",
        b"headline|brand\nHi|B\n",
        b"\n\nheadline,brand\n\n , \nHi,B\n\n",
        b"headline,brand\rHi,B\r",
        b"headline,brand,,\nHi,B,,,,\n",
    ],
)
def test_dialects_of_one_table(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ads.csv"
    path.write_bytes(content)
    catalog = read_catalog(path)
    assert [(item.headline, item.brand) for item in catalog.creatives] == [("Hi", "B")]
    assert catalog.failures == ()
    assert catalog.warnings == ()


def test_short_rows_are_filled_up(tmp_path: Path) -> None:
    assert read_headlines(tmp_path / "ads.csv", b"headline,brand,clicks\nHi\nHo,B\n")[0] == ["Hi", "Ho"]


def test_semicolon_table_reads_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "ads.csv"
    path.write_text("headline;impressions;spend\nHi;1 000;2,50\nHo;1000;2,5\n")
    catalog = read_catalog(path)
    assert [creative.spend for creative in catalog.creatives] == [2.5, 2.5]


@pytest.mark.parametrize(
    ("content", "headline", "label"),
    [
        ("headline\nÇa coûte 5 €\n".encode("cp1252"), "Ça coûte 5 €", "Windows-1252"),
        (b"headline\ncaf\xe9\x81\n", "café", "Latin-1"),
    ],
)
def test_older_encodings_are_read_with_a_warning(tmp_path: Path, content: bytes, headline: str, label: str) -> None:
    headlines, _, (warning,) = read_headlines(tmp_path / "ads.csv", content)
    assert headlines == [headline]
    assert warning.startswith(f"ads.csv is not UTF-8; it was read as {label}")
    assert "save it as UTF-8" in warning


def test_encoding_is_judged_by_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "ads.csv"
    path.write_bytes(b"headline\n" + b"plain\n" * 300_000 + b"caf\xe9\n")
    assert detect_encoding(path)[0] == "cp1252"
    path.write_bytes(b"headline\n" + b"x" * (2**20 - 10) + "é".encode() + b"\n")  # a letter across a chunk's edge
    assert detect_encoding(path) == ("utf-8", None)


def test_delimiter_is_the_one_that_yields_known_columns() -> None:
    assert detect_delimiter('"headline; with, commas",a,b;file_name', lambda name: name == "file_name") == ";"
    assert detect_delimiter("headline") == ","


def test_quoted_cells_keep_delimiters_quotes_and_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "ads.csv"
    path.write_bytes(b'headline,description\n"Say ""hi"", now","one\ntwo"\n')
    (creative,) = read_catalog(path).creatives
    assert (creative.headline, creative.description) == ('Say "hi", now', "one\ntwo")


@pytest.mark.parametrize("broken", ['"never closed,B', '"closed" and more,B', 'a,"open'])
@pytest.mark.parametrize("quoted", ["Good {}", '"Good {}"'])
def test_a_broken_row_fails_alone(tmp_path: Path, broken: str, quoted: str) -> None:
    good = [quoted.format(idx) + ",B" for idx in range(4)]
    lines = ["headline,brand", *good[:2], broken, *good[2:]]
    headlines, problems, _ = read_headlines(tmp_path / "ads.csv", "\n".join(lines).encode() + b"\n")
    assert headlines == ["Good 0", "Good 1", "Good 2", "Good 3"]
    assert len(problems) == 1
    assert problems[0].startswith("row 3: ")
    assert "quotation mark" in problems[0]


def test_an_unclosed_quotation_mark_does_not_swallow_a_long_table(tmp_path: Path) -> None:
    rows = [f"Good {idx},B" for idx in range(3_000)]
    rows[100] = '"never closed,B'
    headlines, problems, _ = read_headlines(tmp_path / "ads.csv", "\n".join(["headline,brand", *rows]).encode())
    assert len(headlines) == 2_999
    assert problems == ["row 101: a quotation mark is opened and not closed."]


def test_the_rest_of_a_broken_record_is_not_taken_for_a_creative(tmp_path: Path) -> None:
    headlines, problems, _ = read_headlines(tmp_path / "ads.csv", b'headline,brand\nA,"one\ntwo" and more\nHo,B\n')
    assert headlines == ["Ho"]
    assert problems[1] == "row 2: it has 1 cells, the header has 2."


def test_a_cell_of_many_lines_is_read(tmp_path: Path) -> None:
    body = "\n".join(f"line {idx}" for idx in range(1_000))
    path = tmp_path / "ads.csv"
    path.write_text(f'headline,primary_text\nHi,"{body}"\n')
    assert read_catalog(path).creatives[0].primary_text == body


def test_too_many_cells_fail_the_row(tmp_path: Path) -> None:
    headlines, problems, _ = read_headlines(tmp_path / "ads.csv", b"headline,brand\nHi, there,B\nHo,B\n")
    assert headlines == ["Ho"]
    assert problems == ["row 1: it has 3 cells, the header has 2."]


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_monstrous_cell_fails_the_row(tmp_path: Path, quote: str) -> None:
    content = f"headline,brand\n{quote}{'x' * 3_000_000}{quote},B\nHo,B\n".encode()
    headlines, problems, _ = read_headlines(tmp_path / "ads.csv", content)
    assert headlines == ["Ho"]
    assert problems == [f"row 1: a cell has more than {csv.field_size_limit():,} characters."]


@pytest.mark.parametrize(
    ("header", "row"),
    [("headline,brand,impressions,clicks", "Hi,1000,10"), ("Ad name,Campaign,Impressions,Link clicks", "Hi,1000,10")],
)
def test_a_short_row_with_figures_fails(tmp_path: Path, header: str, row: str) -> None:
    (tmp_path / "a.csv").write_text(f"{header}\n{row}\nHo,x,2000,10\n")
    catalog = read_catalog(tmp_path / "a.csv")
    assert [one.impressions for one in catalog.creatives] == [2000]
    assert [one.problem for one in catalog.failures] == ["row 1: it has 3 cells, the header has 4."]
    if header.startswith("Ad"):
        assert read_results(tmp_path / "a.csv").dropped == {"broken row": 1}
    (tmp_path / "a.csv").write_text(f"{header},,\nHi,x,1000,10\n")
    assert read_catalog(tmp_path / "a.csv").failures == ()
