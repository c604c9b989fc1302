"""Fuzzed tables: whatever the bytes, the readers answer with creatives, failures or one CatalogError, and lose no row."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adcreative.catalog import read_catalog
from adcreative.catalog.images import decode_image
from adcreative.creative import COLUMNS, Creative
from adcreative.errors import CatalogError, CreativeError

QUICK = settings(max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
NAMES = [*COLUMNS, "Ad name", "Impressions", "", "headline ", "Überschrift", "\x00"]
HEADERS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=6)
ODD = ["", '"', '""', "a,b", "=1+1", "1e309", "-1", "nan", "../x.png", "x\ny", "\ufeff", "\x00", "1.234", "9" * 50, "\r", "'"]
CELLS = st.one_of(st.text(max_size=30), st.sampled_from(ODD))
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "cp1252"]
MAGIC = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\x10\0\0\0WEBPVP8 ", b"GIF89a", b"BM", b"II*\0", b""]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def read(path: Path) -> tuple[int, int] | None:
    """Return how many creatives and failures a file gives, None when it is refused as a whole."""
    try:
        catalog = read_catalog(path)
    except CatalogError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert "\n" not in refusal.strip()
        assert len(refusal) < 3_000
        return None
    for creative in catalog.creatives:
        assert isinstance(creative, Creative)
        assert creative.file_name or creative.has_words or creative.ad_name
        assert creative.clicks is None or creative.clicks >= 0
        assert not {"\x00", "\n"} & set(creative.headline + creative.ad_name)
    assert all(failure.problem and failure.remedy for failure in catalog.failures)
    return len(catalog.creatives), len(catalog.failures)


@QUICK
@given(suffix=st.sampled_from(["csv", "tsv", "jsonl", "parquet"]), content=st.binary(max_size=300))
def test_any_bytes(folder: Path, suffix: str, content: bytes) -> None:
    path = folder / f"a.{suffix}"
    path.write_bytes(content)
    read(path)


@QUICK
@given(
    header=HEADERS,
    rows=st.lists(st.lists(CELLS, max_size=7), max_size=6),
    mark=st.sampled_from([",", ";", "\t"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(ENCODINGS),
)
def test_unquoted_csv_of_any_cells(
    folder: Path, header: list[str], rows: list[list[str]], mark: str, end: str, encoding: str
) -> None:
    text = end.join(mark.join(cells) for cells in [header, *rows]) + end
    (folder / "b.csv").write_bytes(text.encode(encoding, "replace"))
    read(folder / "b.csv")


@QUICK
@given(rows=st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=8))
def test_quoted_csv_loses_no_row(folder: Path, rows: list[list[str]]) -> None:
    """Every row that is not blank is a creative or a failure."""
    import csv

    with (folder / "c.csv").open("w", newline="", encoding="utf-8", errors="replace") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["headline", "test_id"])
        writer.writerows(rows)
    found = read(folder / "c.csv")
    num_rows = sum(any(cell.strip() for cell in row) for row in rows)
    assert found is None or sum(found) == num_rows


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), CELLS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


@QUICK
@given(rows=st.lists(st.dictionaries(st.sampled_from(COLUMNS), VALUES, max_size=5), min_size=1, max_size=6))
def test_jsonl_of_any_values(folder: Path, rows: list[dict[str, object]]) -> None:
    (folder / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read(folder / "d.jsonl")
    assert found is None or sum(found) <= len(rows)


@QUICK
@given(start=st.sampled_from(MAGIC), rest=st.binary(max_size=200))
def test_any_picture_bytes(start: bytes, rest: bytes) -> None:
    """Only two ends are allowed: pixels, or a CreativeError with a remedy."""
    try:
        ending = decode_image(start + rest).shape[2] == 3
    except CreativeError as error:
        ending = bool(error.remedy)
    assert ending
