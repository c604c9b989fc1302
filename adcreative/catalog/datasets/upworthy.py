"""The Upworthy Research Archive: packages (headline + picture) of real A/B tests, recognised by column names.

One row is one package. The archive has no pictures, so a package becomes a creative of words only; packages of a test with the
same headline stay separate rows, and models of words pool them. The editors' own marks (winner, first_place, significance) are
not labels and are not read.
Source: Matias, Munger, Le Quere & Ebersole, Scientific Data 2021 (CC BY 4.0).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from html.parser import HTMLParser
from typing import Any

COLUMNS = (
    "clickability_test_id",
    "lede",
    "excerpt",
    "significance",
    "winner",
    "first_place",
    "test_week",
    "eyecatcher_id",
    "slug",
    "share_text",
    "share_image",
    "square",
    "created_at",
    "updated_at",
)
_MARKS = frozenset(("clickability_test_id", "headline", "impressions", "clicks"))
_BLOCK_TAGS = frozenset(("p", "br", "div", "li", "ul", "ol", "h1", "h2", "h3", "blockquote", "tr", "td"))


def is_upworthy(columns: Iterable[str]) -> bool:
    """Return whether the normalised column names are those of the archive and not our own."""
    names = set(columns)
    return names >= _MARKS and "file_name" not in names and "test_id" not in names


def rename_cells(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cells of one package under our column names; HTML of the lede becomes plain text."""
    lede = cells.get("lede")
    week_start, week_end = _read_week(cells.get("test_week"))
    return {
        "test_id": cells.get("clickability_test_id"),
        "headline": cells.get("headline"),
        "description": plain_text(lede) if isinstance(lede, str) else "",
        "platform": "upworthy",
        "date_start": week_start,
        "date_end": week_end,
        "impressions": cells.get("impressions"),
        "clicks": cells.get("clicks"),
    }


def plain_text(html: str) -> str:
    """Return the text of an HTML fragment: no tags, scripts or styles; entities decoded, white space collapsed."""
    collector = _TextCollector()
    try:
        collector.feed(html)
        collector.close()
    except AssertionError:  # html.parser raises this for declarations such as "<![x"
        return " ".join(re.sub(r"<[^>]*>?", " ", html).split())
    return " ".join("".join(collector.parts).split())


def _read_week(week: str | float | None) -> tuple[str, str]:
    """Return Monday and Sunday of a week written YYYYWW, or empty strings for any other value."""
    try:
        number = int(week or 0)
        start, end = (date.fromisocalendar(number // 100, number % 100, day) for day in (1, 7))
    except (TypeError, ValueError, OverflowError):
        return "", ""
    return start.isoformat(), end.isoformat()


class _TextCollector(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self._hidden += 1
        elif tag in _BLOCK_TAGS:
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._hidden = max(0, self._hidden - 1)
        elif tag in _BLOCK_TAGS:
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)
