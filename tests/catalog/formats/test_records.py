"""JSON lines and parquet."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adcreative.catalog import CatalogReader, read_catalog
from adcreative.errors import CatalogError
from tests.catalog.conftest import write_jsonl


def test_broken_json_lines_fail_alone(tmp_path: Path) -> None:
    path = tmp_path / "ads.jsonl"
    path.write_text('{"headline": "A"}\n{broken\n[1]\n\n' + "[" * 100_000 + '\n{"brand": "B", "headline": "C"}\n')
    catalog = read_catalog(path)
    assert [(item.headline, item.brand, item.row) for item in catalog.creatives] == [("A", "", 1), ("C", "B", 6)]
    problems = [item.problem for item in catalog.failures]
    assert problems[0].startswith("row 2: it is not JSON (")
    assert problems[1:] == ["row 3: it is a JSON list, not an object.", "row 5: it is nested too deeply."]


def test_json_columns_are_the_keys_of_all_lines(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "ads.jsonl", [{"headline": "A"}, {"headline": "B", "cliks": 1}])
    assert read_catalog(path).warnings == ('ads.jsonl: unknown column "cliks" was ignored. Did you mean "clicks"?',)


def test_json_with_a_different_key_in_every_line_is_refused(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "ads.jsonl", [{f"key{idx}": 1} for idx in range(600)])
    with pytest.raises(CatalogError, match=r"has more than 500 different keys\. Write one object a creative"):
        read_catalog(path)


def test_parquet_streams_over_batches_and_ignores_foreign_columns(tmp_path: Path) -> None:
    table = pa.table(
        {
            "headline": pa.array([f"H{idx}" for idx in range(10_000)]).dictionary_encode(),
            "impressions": pa.array([float(idx) if idx % 2 else None for idx in range(10_000)]),
            "picture": [{"bytes": b"x" * 10}] * 10_000,
        }
    )
    pq.write_table(table, tmp_path / "ads.parquet", row_group_size=3_000)
    catalog = read_catalog(tmp_path / "ads.parquet")
    assert len(catalog.creatives) == 10_000
    assert catalog.creatives[9_999].row == 10_000
    assert [creative.impressions for creative in catalog.creatives[:4]] == [None, 1, None, 3]
    assert catalog.warnings == ('ads.parquet: the column "picture" holds no plain values and was ignored.',)


def test_parquet_damaged_behind_its_start_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ads.parquet"
    pd.DataFrame({"headline": [f"Headline number {idx}" for idx in range(50_000)]}).to_parquet(path, compression="snappy")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2_000] = b"\xff" * 2_000
    path.write_bytes(content)
    with pytest.raises(CatalogError, match=r"ads\.parquet is damaged behind row \d+\. Export it again"):
        list(CatalogReader(path))


def test_json_with_a_key_twice_fails_its_line(tmp_path: Path) -> None:
    path = tmp_path / "ads.jsonl"
    path.write_text('{"headline": "A", "clicks": 1, "impressions": 9, "clicks": 2}\n{"headline": "B", "clicks": 1}\n')
    catalog = read_catalog(path)
    assert [item.headline for item in catalog.creatives] == ["B"]
    assert [item.problem for item in catalog.failures] == ['row 1: it has the key "clicks" twice.']


@pytest.mark.parametrize(("kind", "start"), [(pa.float32(), 2**24), (pa.float64(), 10**15)])
def test_ids_that_parquet_holds_as_floats_are_read_while_they_are_exact(tmp_path: Path, kind: pa.DataType, start: int) -> None:
    for number, num_ads in ((start - 1, 1), (start * 2, 0)):
        table = pa.table({"ad_name": pa.array([float(number)], kind), "headline": ["A"]})
        pq.write_table(table, tmp_path / "ads.parquet")
        catalog = read_catalog(tmp_path / "ads.parquet")
        assert [one.ad_name for one in catalog.creatives] == [str(number)] * num_ads
        assert len(catalog.failures) == 1 - num_ads
