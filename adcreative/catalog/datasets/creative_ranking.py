"""CreativeRanking (Tianchi 93585): daily impressions and clicks of the pictures of each product.

A list is tab-separated without a header: product, picture, day, impressions, clicks. Days are summed per product and picture. A
product becomes a test (its pictures competed for the same position), so that splits keep products whole; ads have no words. The
pictures are in `images` next to the folder of the lists, as published, or next to the list. AdSEE keeps only pictures with a
click and 101 to 999 impressions; here every picture stays, since dropping pictures without a click raises all rates.
Source: Wang et al. 2021, "A hybrid bandit model with visual priors for creative ranking in display advertising".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from adcreative.catalog.formats.raw_rows import RawRow
from adcreative.errors import CatalogError

SUFFIXES = (".txt", ".tsv")
_LINE = re.compile(r"([^\t\n]+)\t([^\t\n]+)\t(\d{4}-?\d\d-?\d\d)[^\t\n]*\t(\d{1,12})(?:\.0+)?\t(\d{1,12})(?:\.0+)?\r?\n?")


def is_creative_ranking(path: Path) -> bool:
    """Return whether the first line of a file is a line of such a list. Raises OSError when the file cannot be read."""
    if path.suffix.casefold() not in SUFFIXES:
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return _LINE.fullmatch(file.readline(10_000)) is not None


class CreativeRankingSource:
    """One list; holds the sums of every picture of a product in memory. picture_dir is the folder of its pictures."""

    header: tuple[str, ...] = (
        "test_id",
        "file_name",
        "ad_name",
        "platform",
        "date_start",
        "date_end",
        "impressions",
        "clicks",
    )

    def __init__(self, path: Path) -> None:
        self._path = path
        beside = path.parent.parent / "images"
        self.picture_dir = beside if beside.is_dir() else path.parent
        self.warnings: tuple[str, ...] = ()

    def read_rows(self) -> Iterator[RawRow]:
        """Yield one row per picture of a product, in order of first appearance, then the lines that cannot be read."""
        sums: dict[tuple[str, str], tuple[str, str, int, int]] = {}
        broken: list[int] = []
        with self._path.open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                if (found := _LINE.fullmatch(line)) is None:
                    broken.append(number)
                    continue
                product, picture, day = found.group(1).strip(), found.group(2).strip(), _iso(found.group(3))
                first, last, shown, clicked = sums.get((product, picture), (day, day, 0, 0))
                shown, clicked = shown + int(found.group(4)), clicked + int(found.group(5))
                sums[product, picture] = (min(first, day), max(last, day), shown, clicked)
        if not sums:
            raise CatalogError(f"{self._path.name} holds no line of product, picture, day, impressions and clicks.")
        for row, ((product, picture), (first, last, shown, clicked)) in enumerate(sums.items(), start=1):
            name = f"{product} {PurePosixPath(picture).stem}"
            yield RawRow(row=row, cells=(product, picture, name, "creative ranking", first, last, shown, clicked))
        for row, number in enumerate(broken, start=len(sums) + 1):
            fault = (f"line {number} is not product, picture, day, impressions and clicks, with tabs between.", "Correct it.")
            yield RawRow(row=row, fault=fault)


def _iso(day: str) -> str:
    digits = day.replace("-", "")
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
