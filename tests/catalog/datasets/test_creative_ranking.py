"""CreativeRanking's lists, as published (headerless, one line a day), are read as tests of pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from adcreative.catalog import read_catalog
from adcreative.catalog.splits import check_split, split_groups
from adcreative.errors import CatalogError

LINES = (
    "dress\ta.jpg\t20200701\t400\t20",
    "dress\tb.jpg\t20200701\t300\t3",
    "shoe\tc.jpg\t2020-07-02\t120\t0",
    "dress\ta.jpg\t20200703\t100\t5",
)


def write_list(folder: Path, lines: tuple[str, ...] = LINES, name: str = "train_data_list.txt") -> Path:
    """Write the published layout: list/ beside images/."""
    for number, picture in enumerate(("a.jpg", "b.jpg", "c.jpg")):
        (folder / "images").mkdir(exist_ok=True)
        Image.new("RGB", (80, 80), (number * 60, 0, 0)).save(folder / "images" / picture)
    (folder / "list").mkdir(exist_ok=True)
    (folder / "list" / name).write_text("\n".join(lines) + "\n")
    return folder / "list" / name


def test_days_are_added_up_and_a_product_is_a_test(tmp_path: Path) -> None:
    catalog = read_catalog(write_list(tmp_path))
    assert catalog.failures == ()
    first, second, third = catalog.creatives
    assert (first.test_id, first.file_name, first.impressions, first.clicks) == ("dress", "a.jpg", 500, 25)
    assert (first.date_start, first.date_end, first.platform) == ("2020-07-01", "2020-07-03", "creative ranking")
    assert first.image_path == tmp_path / "images" / "a.jpg"
    assert (second.test_id, second.clicks, third.test_id, third.clicks) == ("dress", 3, "shoe", 0)
    parts = split_groups(catalog.creatives, (0.5, 0.5), 0)
    check_split(catalog.creatives, parts)
    assert sorted(len(part) for part in parts) == [1, 2]


def test_pictures_beside_the_list_and_a_broken_line(tmp_path: Path) -> None:
    Image.new("RGB", (80, 80)).save(tmp_path / "a.jpg")
    (tmp_path / "ads.tsv").write_text("dress\ta.jpg\t20200701\t400\t20\nno line\n\ndress\tgone.jpg\t20200701\t9\t1\n")
    catalog = read_catalog(tmp_path / "ads.tsv")
    assert [c.file_name for c in catalog.creatives] == ["a.jpg"]
    gone, broken = catalog.failures
    assert 'there is no file "gone.jpg"' in gone.problem
    assert "line 2 is not product, picture, day, impressions and clicks" in broken.problem


def test_another_text_file_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("buy milk\n")
    with pytest.raises(CatalogError, match=r'has the suffix "\.txt", which is not a table we read'):
        read_catalog(tmp_path / "notes.txt")
    (tmp_path / "ads.tsv").write_text("headline\timpressions\tclicks\nhello\t10\t1\n")
    assert read_catalog(tmp_path / "ads.tsv").creatives[0].headline == "hello"
