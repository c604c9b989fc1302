"""The column layout of one export, and the conversion of its rows to our columns.

A layout is matched to a header once (see `matching`); `convert` then turns the cells of one row into our columns, or returns
the reason why the row is left out. The click rate is read only when an export has no clicks: otherwise it is computed from
clicks and impressions, and disagreeing rates of the export are counted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from adcreative.catalog.formats.raw_rows import TableSource, read_unbroken
from adcreative.catalog.names import as_text, is_rounded
from adcreative.catalog.platforms.columns import PART_FIELDS, TABLES
from adcreative.catalog.platforms.dates import find_reading
from adcreative.catalog.platforms.days import UNORDERED, DateReading, find_range, split_span
from adcreative.catalog.platforms.number_votes import AMOUNTS, COUNTS, find_numbers
from adcreative.catalog.platforms.numbers import PLAIN, NumberReading, finite, is_blank
from adcreative.catalog.platforms.rates import PERCENT, SHARE, Rate, find_return_unit, find_unit
from adcreative.catalog.platforms.repeated import check_repeated
from adcreative.catalog.platforms.totals import LeftOut, Line, find_left_out, is_total, mark_row, means_all, say_when
from adcreative.config import read_packaged_yaml

FOOTER, NO_PART = "line below the table", "asset that is no headline, description or image"
NO_DAY, ROUNDED = "day that does not fit the others", "ad named by an id that a spreadsheet rounded"
IGNORE = "ignore"
TEXT_FIELDS = PART_FIELDS
IDENTITY_FIELDS = ("ad_name", "ad_id", *TEXT_FIELDS, "file_name", "asset")
# Breakdowns: whom, where, when and on what device an ad was shown. They become the creative's context.
SEGMENT_FIELDS = tuple(TABLES["fields"]["segments"])
_NAMES = ("ad_name", "ad_id")
_TEXTS = frozenset((*IDENTITY_FIELDS, *SEGMENT_FIELDS, *TABLES["fields"]["texts"]))
BREAKDOWN_FIELDS = ("age", "gender", "device", "country", "region", "placement", "publisher", "hour", "weekday", "network")
_MAX_COUNT = 1e12
HEADLINE_JOINT, _BODY_JOINT = " | ", " "


def find_fault(values: Mapping[str, Any]) -> str:
    """Return the fault in the figures of a row converted by `convert`, or ""."""
    for name in ("impressions", "clicks"):
        count = finite(values[name])
        if values[name] is not None and (count is None or not 0 <= count <= _MAX_COUNT or count != int(count)):
            return f"{name} must be a whole number from 0, got {_show(values[name])}"
    impressions, clicks = values["impressions"], values["clicks"]
    if impressions is not None and (clicks or 0) > impressions:
        return f"clicks ({clicks:,}) are more than impressions ({impressions:,})"
    for name in ("spend", "conversions", "revenue"):
        amount = finite(values[name])
        if values[name] is not None and (amount is None or amount < 0):
            return f"{name} must be a number from 0, got {_show(values[name])}"
    return ""


@cache
def _parts() -> Mapping[str, str]:
    names = read_packaged_yaml(Path(__file__).parents[1] / "reports.yaml")["assets"]
    return {name.casefold(): part for part, spellings in names.items() for name in spellings}


def find_part(asset_type: str) -> str:
    """Return the part of an ad that an asset is: headline, description, image; "" for other kinds, such as a sitelink."""
    return _parts().get(asset_type.casefold(), "")


def _read_asset(part: str, text: str) -> dict[str, str]:
    """Return a part as a separate ad: its words, or the id of its picture, which is the end of the picture's address."""
    text = " ".join(text.split())
    return {"ad_name": text, part: text} if part != "image" else {"ad_name": (name := text.rpartition("/")[2]), "ad_id": name}


def _show(value: object) -> str:
    return f'"{value[:40]}"' if isinstance(value, str) else f"{value}"


@dataclass(frozen=True, kw_only=True)
class PlatformLayout:
    """How to read one export: names has one entry per column ("" is not read), repeated when an ad has several headlines.

    parts: positions of text columns in reading order. clicks_from: "" if clicks are counted, else the rate ("ctr", "cpc") from
    which clicks are computed; rate_unit: factor from this rate to a share; roas_unit: the same for the return on ad spend.
    conversions_field, revenue_field: source fields of these figures. numbers, dates: how to read numbers and days; date_range:
    the dates of rows without days. broken_down: breakdown fields that most rows fill in. repeated: fields with several columns.
    """

    platform: str
    language: str
    names: tuple[str, ...]
    currency: str
    clicks_column: str
    ad_set_is: str = "audience"
    clicks_field: str = "clicks"
    clicks_from: str = ""
    rate_unit: float = PERCENT
    roas_unit: float = SHARE
    rate_field: str = ""
    conversions_field: str = ""
    revenue_field: str = ""
    parts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    date_range: tuple[str, str] = ("", "")
    numbers: NumberReading = PLAIN
    dates: DateReading = UNORDERED
    broken_down: tuple[str, ...] = ()
    repeated: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def has_results(self) -> bool:
        """Whether rows have impressions and clicks."""
        return "impressions" in self.names and bool(self.clicks_column)

    def read_dates(self, source: TableSource, given: str, name: str) -> PlatformLayout:
        """Return the layout with the date order of its file, inferred from all rows, or `given` by the user.

        Raises:
            CatalogError, ConfigError: as `find_reading`; `name` is the name of the file in messages.
        """
        found = find_reading(source, self.names, name=name, given=given, language=self.language, is_past=self.has_results)
        return replace(self, dates=found, date_range=find_range(getattr(source, "preamble", ()), found))

    def read_numbers(self, source: TableSource, name: str, *, decimals: str = "", rates: str = "") -> PlatformLayout:
        """Return the layout with the number format of its file, inferred from all rows; `decimals` and `rates` from the user.

        Raises:
            CatalogError, ConfigError: as `find_numbers` and `find_unit`; or two columns of one name hold different figures.
        """
        numbers = find_numbers(source, self.names, name=name, given=decimals)
        found = replace(self, numbers=numbers)
        notes = [*self.notes, *([numbers.note] if numbers.note else [])]
        notes += check_repeated(source, self.repeated, self._used_fields(), numbers, name)
        names = [at for at, name in enumerate(self.names) if name in _NAMES]
        if num := sum(any(is_rounded(raw.cells[at]) for at in names) for raw in read_unbroken(source)):
            notes.append(f"{num} rows name their ad by an id that a spreadsheet rounded, which is not read.")
        if self.clicks_from.startswith("ctr"):
            unit, why = find_unit(found.iter_rates(source), self.clicks_column, name=name, given=rates, platform=self.platform)
            found = replace(found, rate_unit=unit)
            holds = f"{'percent' if unit == PERCENT else 'shares'}{', ' if why else ''}{why}"
            notes.append(f'the column "{self.clicks_column}" holds {holds}.')
        if self.revenue_field == "roas":
            found = replace(found, roas_unit=find_return_unit(source, self.names.index("roas"), numbers, name))
        return replace(found, notes=tuple(notes))

    def iter_rates(self, source: TableSource) -> Iterator[Rate]:
        """Yield the click rate of each row, with its clicks estimated from the cost per click."""
        for raw in read_unbroken(source):
            row = self._by_field(raw.cells)
            number = finite(self.numbers.amount(row.get(self.clicks_from)))
            impressions = finite(self.numbers.count(row.get("impressions")))
            cost_per_click = self.clicks_from.replace("ctr", "cpc")
            spend, cost = (finite(self.numbers.amount(row.get(name))) for name in ("spend", cost_per_click))
            clicks = spend / cost if spend is not None and cost else None
            yield Rate(cell=row.get(self.clicks_from), number=number, impressions=impressions, clicks=clicks)

    def find_left_out(self, source: TableSource, name: str) -> LeftOut:
        """Return the rows of the file that are totals, subtotals, copies or unnamed. Raises as `find_left_out`."""
        lines = (line for raw in read_unbroken(source) if (line := self._line(raw.row, raw.cells)) is not None)
        return find_left_out(lines, table=name)

    def _line(self, row: int, cells: Sequence[Any]) -> Line | None:
        raw = self._by_field(cells)
        if self._is_footer(cells) or self._is_rounded(raw, cells):
            return None
        identity = [str(raw[name]) for name in IDENTITY_FIELDS if name in raw]
        if "ad_name" in self.names and "ad_name" not in raw and self.platform == "meta" and not self._has_own_text(raw):
            identity = []
        counts = self._counts(raw)
        figures = (
            counts["impressions"],
            None if self.clicks_from else counts["clicks"],
            counts["spend"],
            None if self.conversions_field == "results" else counts["conversions"],  # results of different kinds are not summed
            None if self.revenue_field == "roas" else counts["revenue"],
        )
        said = {name: "" if means_all(raw.get(name)) else str(raw.get(name, "")) for name in self._said}
        parts = tuple(said.pop(name) for name in self.broken_down)
        is_over_all = any(means_all(raw.get(name)) for name in self.broken_down) or not any(parts)
        return Line(
            row=row,
            name=next((text for text in identity if not is_total(text)), identity[0] if identity else ""),
            label=next((str(cell).strip() for cell in cells if not is_blank(cell)), ""),
            figures=tuple(map(finite, figures)),
            ad=tuple(map(sys.intern, said.values())),
            mark=mark_row(cells),
            parts=tuple(map(sys.intern, (say_when(raw, self.names), *(part or "-" * (not is_over_all) for part in parts)))),
        )

    @cached_property
    def _said(self) -> tuple[str, ...]:
        """Our names of the columns without figures or days."""
        others = COUNTS | AMOUNTS | {"", "day", "date_start", "date_end"}
        return tuple(name for name in dict.fromkeys(self.names) if name not in others)

    def _used_fields(self) -> tuple[str, ...]:
        """Return the fields whose columns give an ad's results and identity."""
        sources = (self.clicks_from or self.clicks_field, self.conversions_field, self.revenue_field)
        return ("impressions", "spend", "ad_name", "ad_id", *filter(None, sources))

    def _is_footer(self, cells: Sequence[Any]) -> bool:
        return self.has_results and len(cells) > 3 and sum(not is_blank(cell) for cell in cells) == 1

    def convert(self, cells: Sequence[Any]) -> dict[str, Any] | str:
        """Return our columns (with campaign, ad_set, ad_id, conversions, revenue, ctr_off) of a row, or the reason for no ad.

        "context" holds the row's segments; several headlines of an ad are joined by " | ".
        """
        raw = self._by_field(cells)
        if self._is_footer(cells):
            return FOOTER
        if self._is_rounded(raw, cells):
            return ROUNDED
        values: dict[str, Any] = {
            name: raw.get(name, "")
            for name in (
                "ad_name",
                "ad_id",
                "file_name",
                "image_hash",
                "cta",
                "brand",
                "category",
                "campaign",
                "ad_set",
                "test_id",
                "consent_id",
                "placement",
            )
        }
        values |= self._texts(cells)
        if "asset" in self.names:
            part = find_part(raw.get("asset_type", ""))
            if not part or "asset" not in raw:
                return NO_PART
            values |= _read_asset(part, str(raw["asset"]))
        values |= self._counts(raw)
        values["currency"] = raw.get("currency") or self.currency
        values["brand"] = values["brand"] or raw.get("business", "")
        self._place(values, raw)
        for at, (name, default) in enumerate(zip(("date_start", "date_end"), self.date_range, strict=True)):
            given = raw.get("day") or raw.get(name)  # a row of one day also has the date range of the whole report
            values[name] = self.dates.read(split_span(given)[at] if self.dates.is_dated else given) if given else default
        if values["date_start"] is None or values["date_end"] is None:
            return NO_DAY
        values["ctr_off"] = self._is_ctr_off(raw, values)
        return values

    def _by_field(self, cells: Sequence[Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, cell in zip(self.names, cells, strict=True):
            if name and name not in found and not is_blank(cell) and not (name in _TEXTS and is_rounded(cell)):
                text = as_text(cell) if name in _TEXTS else cell
                found[name] = text.strip() if isinstance(text, str) else text
        return found

    def _is_rounded(self, raw: Mapping[str, Any], cells: Sequence[Any]) -> bool:
        """Return whether the only identifier of an ad is an id rounded by a spreadsheet."""
        is_named = any(name in raw for name in IDENTITY_FIELDS)
        return not is_named and any(is_rounded(cell) for name, cell in zip(self.names, cells, strict=True) if name in _NAMES)

    @staticmethod
    def _has_own_text(raw: Mapping[str, Any]) -> bool:
        return any(name in raw for name in ("ad_id", *TEXT_FIELDS))

    def _texts(self, cells: Sequence[Any]) -> dict[str, str]:
        texts: dict[str, str] = {}
        for name, positions in self.parts.items():
            joint = _BODY_JOINT if name == "description" else HEADLINE_JOINT
            filled = [as_text(cells[at]).strip() for at in positions if not is_blank(cells[at])]
            texts[name] = joint.join(dict.fromkeys(filled))
        longer = texts.pop("long_headline", "")
        if longer and longer not in texts.get("headline", ""):
            texts["headline"] = HEADLINE_JOINT.join(text for text in (texts.get("headline", ""), longer) if text)
        return texts

    def _counts(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        counts: dict[str, Any] = {"impressions": self.numbers.count(raw.get("impressions"))}
        counts["spend"] = self.numbers.amount(raw.get("spend"))
        if self.clicks_from:
            counts["clicks"] = self._derive_clicks(raw, counts)
        else:
            counts["clicks"] = self.numbers.count(raw.get(self.clicks_field)) if self.clicks_column else None
        for name, source in (("conversions", self.conversions_field), ("revenue", self.revenue_field)):
            counts[name] = self.numbers.amount(raw.get(source)) if source else None
        if not self.has_results:  # an ad library says "<100"
            counts = {name: value if finite(value) is not None else None for name, value in counts.items()}
        spend = finite(counts["spend"])
        if self.revenue_field == "roas" and (returned := finite(counts["revenue"])) is not None:
            counts["revenue"] = returned * self.roas_unit * spend if spend is not None else None
        return counts

    def _derive_clicks(self, raw: Mapping[str, Any], counts: Mapping[str, Any]) -> int | None:
        rate = finite(self.numbers.amount(raw.get(self.clicks_from)))
        impressions, spend = finite(counts["impressions"]), finite(counts["spend"])
        if rate is None:
            return None
        if self.clicks_from.startswith("cpc"):
            return round(spend / rate) if spend is not None and rate > 0 else 0
        return round(impressions * rate * self.rate_unit) if impressions is not None else None

    def _place(self, values: dict[str, Any], raw: Mapping[str, Any]) -> None:
        """Set platform, placement, audience and context; with a known platform, the "platform" column is a placement."""
        publisher = raw.get("publisher", "")
        values["platform"] = self.platform or publisher
        values["placement"] = values["placement"] or (publisher if self.platform else "") or raw.get("network", "")
        values["audience"] = raw.get("audience", "")
        context = {name: raw[name] for name in SEGMENT_FIELDS if name in raw and name not in ("publisher", "business")}
        if self.platform and publisher and publisher != values["placement"]:
            context["publisher"] = publisher
        if "asset" in self.names:
            context["asset"] = str(raw["asset_type"]).casefold()
        if values["campaign"]:
            context["campaign"] = values["campaign"]
        if values["ad_set"] and (self.ad_set_is == "ad_group" or values["audience"]):
            context["ad_group"] = values["ad_set"]
        elif values["ad_set"]:
            values["audience"] = values["ad_set"]
        values["context"] = context

    def _is_ctr_off(self, raw: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[bool, bool]:
        """Return whether the export's click rate disagrees with the counts: read as percent, and read as a share."""
        if self.clicks_from or not self.rate_field:
            return False, False
        given = finite(self.numbers.amount(raw.get(self.rate_field)))
        impressions, clicks = values["impressions"], values["clicks"]
        if not given or not isinstance(impressions, int) or not isinstance(clicks, int) or not impressions:
            return False, False
        percent = 100 * clicks / impressions
        off = [abs(unit * given - percent) > 0.006 + 0.01 * percent for unit in (1, 100)]
        return off[0], off[1]
