"""Creatives from an ad platform's export: one per ad and segment, with its days summed.

An export lists an ad once a day, placement or age group. Rows with the same ad, texts and segments form one creative;
impressions, clicks and spend are summed, and the dates span all rows. The whole export is read before creatives are yielded.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from adcreative.catalog.formats.raw_rows import RawRow
from adcreative.catalog.naming import MIN_MATCH_RATE, NamePattern, propose_pattern
from adcreative.catalog.paths import PictureFolder
from adcreative.catalog.pictures import PictureJoin
from adcreative.catalog.platforms.layout import NO_DAY, TEXT_FIELDS, PlatformLayout, find_fault
from adcreative.catalog.platforms.totals import NOTHING, LeftOut
from adcreative.catalog.rows import build_creative
from adcreative.creative import Creative, FailedCreative

_KEY_FIELDS = (
    "ad_name",
    "ad_id",
    "headline",
    "description",
    "primary_text",
    "file_name",
    "image_hash",
    "cta",
    "brand",
    "category",
    "platform",
    "placement",
    "audience",
    "test_id",
    "currency",
)
_SUMMED = ("impressions", "clicks", "spend", "conversions", "revenue")


class ExportRows:
    """Collects the converted rows of one export; `creatives` then yields the combined creatives.

    dropped counts rows that are not ads, by reason; notes are sentences for the user, complete once `creatives` has ended.
    """

    def __init__(
        self, layout: PlatformLayout, folder: PictureFolder, pattern: NamePattern | None, left_out: LeftOut = NOTHING
    ) -> None:
        self._layout, self._folder, self._pattern, self._left_out = layout, folder, pattern, left_out
        self._groups: dict[tuple[Any, ...], tuple[int, str, dict[str, Any]]] = {}
        self._days: dict[tuple[Any, ...], list[tuple[str, str, int, int]]] = defaultdict(list)
        self._faults: list[FailedCreative] = []
        self._num_rows = 0
        self._num_ctr_off = [0, 0]  # read as percent, and as shares
        self.dropped: Counter[str] = Counter()
        self.notes: list[str] = []

    def add(self, raw: RawRow, row: int, label: str) -> None:
        """Add one row. row: its number in the catalogue; label: its name in messages."""
        if raw.fault is None and raw.row in self._left_out.rows:
            self.dropped[self._left_out.rows[raw.row]] += 1
            return
        fault = raw.fault or (raw.doubt if self._layout.has_results else None)
        values = "" if fault else self._layout.convert(raw.cells)
        if values == NO_DAY:
            fault = "its day does not fit how the others are written.", "Correct it, or say --dates."
        elif isinstance(values, dict) and (wrong := find_fault(values)):
            fault = f"{wrong}.", "Correct the number, or leave it empty."
        if fault:
            named = values["ad_name"][:200] if isinstance(values, dict) else ""
            problem = f"{label}: {fault[0]}"
            self._faults.append(FailedCreative(file_name="", ad_name=named, problem=problem, remedy=fault[1]))
            return
        if isinstance(values, str):
            self.dropped[values] += 1
            return
        self._num_rows += 1
        self._num_ctr_off = [number + is_off for number, is_off in zip(self._num_ctr_off, values["ctr_off"], strict=True)]
        key: tuple[Any, ...] = (
            *(str(values.get(name) or "") for name in _KEY_FIELDS),
            tuple(sorted(map(str, values["context"].items()))),
        )
        self._days[key].append(_day_of(values))
        if key in self._groups:
            _add(self._groups[key][2], values)
        else:
            self._groups[key] = (row, label, values)

    def creatives(self) -> Iterator[Creative | FailedCreative]:
        """Yield the creatives in the order of their ads' first appearance, then the rows that could not be read."""
        self._parse_names()
        join = PictureJoin(self._folder)
        by_name: set[str] = set()
        for key, (row, label, values) in self._groups.items():
            values["file_name"] = join.find(values)
            values["ad_name"] = values["ad_name"] or values["ad_id"]
            if not values["file_name"] and not any(values.get(name) for name in TEXT_FIELDS):
                by_name.add(values["ad_name"])
            one = build_creative(values, row, label, self._folder, name_is_enough=True, numbers=self._layout.numbers)
            days = tuple(self._days[key]) if len(self._days[key]) > 1 else ()
            won, worth = self._outcomes(values)
            yield one if isinstance(one, FailedCreative) else replace(one, by_day=days, conversions=won, revenue=worth)
        yield from self._faults
        self._note(join, len(by_name))

    def _outcomes(self, values: Mapping[str, Any]) -> tuple[float | None, float | None]:
        """Return the conversions and revenue of an ad, an empty cell being none; "results" of different kinds are left out."""
        won = None if self._layout.conversions_field in ("", "results") else float(values["conversions"] or 0)
        return won, float(values["revenue"] or 0) if self._layout.revenue_field else None

    def _parse_names(self) -> None:
        """Add the parts of names that follow a convention to the context; parts that identify single ads are left out."""
        names = [str(values.get("ad_name") or "") for _, _, values in self._groups.values()]
        distinct = list(dict.fromkeys(name for name in names if name))
        pattern = self._pattern or propose_pattern(distinct)
        if pattern is None or not distinct:
            return
        rate = pattern.match_rate(distinct)
        is_given = self._pattern is not None
        if is_given:
            self.notes.append(f'the given pattern "{pattern.template}" fits {rate:.0%} of {len(distinct)} names of ads.')
        else:
            done = "their parts are" if rate >= MIN_MATCH_RATE else "too few for their parts to be"
            self.notes.append(
                f"{rate:.0%} of {len(distinct)} names of ads are built alike; {done} compared like columns "
                f'(call them as you like: --name-pattern "{pattern.template}").'
            )
        if rate < MIN_MATCH_RATE and not is_given:
            return
        parsed = {name: fields for name in distinct if (fields := pattern.parse(name)) is not None}
        numbers = {field: len({fields[field] for fields in parsed.values()}) for field in pattern.fields}
        kept = [field for field in pattern.fields if is_given or 1 < numbers[field] <= max(2, len(parsed) // 2)]
        for name, (_, _, values) in zip(names, self._groups.values(), strict=True):
            fields = parsed.get(name, {})
            values["context"] = {field: fields[field] for field in kept if fields.get(field)} | values["context"]

    def _note(self, join: PictureJoin, num_by_name: int) -> None:
        if self.dropped:
            counts = ", ".join(f"{number} x {reason}" for reason, number in sorted(self.dropped.items()))
            self.notes.append(f"rows that are no ads were left out: {counts}.")
        self.notes += self._left_out.notes
        if num_off := min(self._num_ctr_off):
            self.notes.append(f"the click rate given in {num_off} rows does not fit their counts; it follows from the counts.")
        if self._num_rows > len(self._groups):
            self.notes.append(
                f"{self._num_rows} rows are {len(self._groups)} ads and segments; rows of the same one are added up."
            )
        if join.found_by:
            ways = ", ".join(f"{number} by {way}" for way, number in join.found_by.most_common())
            self.notes.append(f"pictures were found for {sum(join.found_by.values())} ads: {ways}.")
        if join.num_missing:
            self.notes.append(f"{join.num_missing} ads name a picture that is not there; their words alone are read.")
        if num_by_name:
            self.notes.append(
                f"{num_by_name} ads have a name only, neither words nor a picture; export the columns of their texts, or "
                "give the folder of their pictures (--images)."
            )


def _day_of(values: Mapping[str, Any]) -> tuple[str, str, int, int]:
    """Return the days of a row, one string for all rows of a day, with its impressions and clicks."""
    start, end = (sys.intern(str(values[name] or "")) for name in ("date_start", "date_end"))
    return start, end, int(values["impressions"] or 0), int(values["clicks"] or 0)


def _add(total: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Add the counts of another row of the same ad and segment, and extend the dates."""
    for name in _SUMMED:
        if values[name] is not None:
            total[name] = values[name] if total[name] is None else total[name] + values[name]
    starts = [day for day in (total["date_start"], values["date_start"]) if day]
    ends = [day for day in (total["date_end"], values["date_end"]) if day]
    total["date_start"], total["date_end"] = min(starts, default=""), max(ends, default="")
