"""Whatever a foreign file makes a parser raise leaves the catalogue as one sentence of ours."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from adcreative.catalog import read_catalog
from adcreative.catalog.boundary import typed
from adcreative.catalog.formats import csv as csv_format
from adcreative.catalog.images import read_image
from adcreative.catalog.mapping import read_settings
from adcreative.catalog.results import read_results
from adcreative.errors import CatalogError, ConfigError, CreativeError


@pytest.mark.parametrize(
    "error",
    [
        zlib.error("bad block"),
        EOFError(),
        KeyError("x"),
        RecursionError("deep\n\x1b[31m"),
        MemoryError(),
        NotImplementedError("lzma"),
        ValueError("v" * 5_000),
        AttributeError("none"),
        OverflowError("year 20000 is out of range"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_untyped_exception_becomes_one_sentence(error: Exception) -> None:
    def read() -> None:
        with typed("a.xlsx"):
            raise error

    with pytest.raises(CatalogError, match=rf"a\.xlsx cannot be read as a table \({type(error).__name__}") as caught:
        read()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_errors_of_ours_and_of_the_system_keep_their_reason() -> None:
    def read(error: Exception) -> None:
        with typed("a.csv"):
            raise error

    with pytest.raises(CatalogError, match=r"^ours$"):
        read(CatalogError("ours"))
    with pytest.raises(CatalogError, match=r"a\.csv cannot be read \(File name too long\)"):
        read(OSError(36, "File name too long"))


def test_an_exception_in_the_middle_of_a_table_is_caught_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ads.csv"
    path.write_text("headline\n" + "Sleep\n" * 900)
    original = csv_format.CsvSource.read_rows

    def break_late(self: csv_format.CsvSource) -> Iterator[Any]:
        for number, row in enumerate(original(self)):
            if number == 600:
                raise zlib.error("bad block")
            yield row

    monkeypatch.setattr(csv_format.CsvSource, "read_rows", break_late)
    with pytest.raises(CatalogError, match=r"ads\.csv cannot be read as a table \(error: bad block\)"):
        read_catalog(path)


def write_parquet(path: Path, columns: dict[str, pa.Array]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_with_impossible_dates_and_unknown_zones(tmp_path: Path) -> None:
    far = pa.array([10**18, 0], pa.timestamp("us"))
    zoned = pa.array([0, 1], pa.timestamp("us", tz="Mars/Olympus"))
    days = pa.array([10**8, 0], pa.date32())
    columns = {"headline": pa.array(["Sleep", "Rest"]), "date_start": far, "date_end": days, "brand": zoned}
    catalog = read_catalog(write_parquet(tmp_path / "a.parquet", columns))
    assert [(c.headline, c.date_start, c.date_end) for c in catalog.creatives] == [
        ("Sleep", "", ""),
        ("Rest", "1970-01-01", "1970-01-01"),
    ]


def test_parquet_with_repeated_and_broken_column_names(tmp_path: Path) -> None:
    table = pa.table([pa.array(["a"]), pa.array(["b"]), pa.array([[1, 2]])], names=["headline", "headline", "emb"])
    pq.write_table(table, tmp_path / "twice.parquet")
    with pytest.raises(CatalogError, match=r'has the column "headline" 2 times'):
        read_catalog(tmp_path / "twice.parquet")
    content = bytearray(
        (write_parquet(tmp_path / "b.parquet", {"headline": pa.array(["a"]), "naive": pa.array(["b"])})).read_bytes()
    )
    broken = bytes(content).replace(b"naive", b"na\xefve")
    (tmp_path / "b.parquet").write_bytes(broken)
    try:
        assert [creative.headline for creative in read_catalog(tmp_path / "b.parquet").creatives] == ["a"]
    except CatalogError as error:
        assert "b.parquet" in str(error)  # noqa: PT017 - either is right, an untyped exception is not


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400", "1e308"])
@pytest.mark.parametrize("column", ["impressions", "clicks", "spend"])
def test_non_finite_counts(tmp_path: Path, column: str, value: str) -> None:
    row = {"ad_name": '"Sea"', "impressions": "1000", "clicks": "10", "spend": "5"} | {column: value}
    path = tmp_path / "a.jsonl"
    good = '{"ad_name": "Sand", "impressions": 500, "clicks": 5, "spend": 2}\n'
    path.write_text("{" + ", ".join(f'"{name}": {cell}' for name, cell in row.items()) + "}\n" + good)
    rows = read_results(path).rows
    assert rows[-1].ad_name == "Sand"
    assert all(np.isfinite([row.impressions, row.clicks, row.spend or 0.0]).all() for row in rows)
    catalog = read_catalog(path)
    assert all(c.clicks is None or 0 <= c.clicks < 10**13 for c in catalog.creatives)


@pytest.mark.parametrize("length", [300, 5_000])
def test_names_longer_than_the_system_takes(tmp_path: Path, length: int) -> None:
    name = "a" * length
    for read in (read_catalog, read_results):
        with pytest.raises(CatalogError, match=r"cannot be read \(File name too long\)|there is no file"):
            read(tmp_path / f"{name}.csv")
    (tmp_path / "ads.csv").write_text(f"file_name,headline\n{name}.png,Sleep\n")
    (failure,) = read_catalog(tmp_path / "ads.csv").failures
    assert "there is no file" in failure.problem
    assert len(failure.problem) < 300
    (tmp_path / "meta.csv").write_text(f"Ad name,Impressions,Link clicks\n{name},1000,10\n")
    assert read_results(tmp_path / "meta.csv").rows[0].clicks == 10


def test_deeply_nested_mapping_files(tmp_path: Path) -> None:
    for name, text in (("a.toml", "a = " + "[" * 20_000 + "]" * 20_000), ("a.json", "[" * 100_000)):
        (tmp_path / name).write_text(text)
        with pytest.raises(ConfigError, match=rf"{name} is not valid TOML or JSON|{name} holds no pairs"):
            read_settings(tmp_path / name)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("damage", ["data", "name", "size", "cut"])
def test_damaged_archives(tmp_path: Path, method: int, damage: str) -> None:
    import openpyxl

    plain = io.BytesIO()
    book = openpyxl.Workbook()
    for line in (["Ad name", "Impressions", "Link clicks"], ["Sea", 1000, 10]):
        book.active.append(line)
    book.save(plain)
    packed = io.BytesIO()
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(packed, "w", method) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    content = bytearray(packed.getvalue())
    at = content.find(b"xl/worksheets/sheet1.xml")
    if damage == "data":
        content[at + 30 : at + 60] = bytes(30)
    elif damage == "name":
        content = bytearray(bytes(content).replace(b"xl/worksheets/sheet1.xml", b"\0" * 24))
    elif damage == "size":
        content[at - 8 : at - 4] = b"\xff\xff\xff\x7f"
    else:
        content = content[: len(content) // 2]
    (tmp_path / "a.xlsx").write_bytes(bytes(content))
    for read in (read_catalog, read_results):
        try:
            read(tmp_path / "a.xlsx")
        except CatalogError as error:
            assert "a.xlsx" in str(error)  # noqa: PT017 - a reader may also get past the damage


def test_a_small_float_picture_takes_no_gigabyte(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((5_000, 7_900), np.float32)).save(buffer, "TIFF", compression="tiff_adobe_deflate")
    path = tmp_path / "float.tif"
    path.write_bytes(buffer.getvalue())
    assert path.stat().st_size < 400_000
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom adcreative.catalog.images import read_image\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\nimage = read_image(Path(sys.argv[1]))\n"
        "grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\nprint(grown, image.shape)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    grown_kb = int(done.stdout.split()[0])
    assert "(5000, 7900, 3)" in done.stdout
    assert grown_kb < 650_000


def test_float_levels_are_as_before() -> None:
    levels = np.linspace(0, 1, 80 * 300, dtype=np.float32).reshape(300, 80)
    levels[7, 7] = np.nan
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "TIFF")
    from adcreative.catalog.images import decode_image

    expected = np.clip(np.rint(np.nan_to_num(levels.astype(np.float64)) * 255), 0, 255).astype(np.uint8)
    assert np.array_equal(decode_image(buffer.getvalue())[..., 0], expected)
    with pytest.raises(CreativeError):
        read_image(Path("nowhere.tif"))
