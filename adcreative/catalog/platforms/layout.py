"""One export's columns, and how a row of it becomes our columns.

A layout is matched to a header once (see `matching`); `convert` then turns the cells of one row into our columns, or says why
the row is left out. The click rate is read only where an export has no clicks: otherwise it follows from clicks and
impressions, and a given one that disagrees is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from adcreative.catalog.formats.raw_rows import TableSource
from adcreative.catalog.names import as_text, is_rounded
from adcreative.catalog.platforms.dates import find_reading
from adcreative.catalog.platforms.days import UNORDERED, DateReading, find_range
from adcreative.catalog.platforms.numbers import finite, is_blank, read_amount, read_count
from adcreative.catalog.platforms.totals import is_total, means_all

TOTAL_ROW, NO_NAME, SUBTOTAL, FOOTER = "total row", "no ad name", "subtotal over a breakdown", "line below the table"
NO_DAY, ROUNDED = "day that does not fit the others", "ad named by an id that a spreadsheet rounded"
IGNORE = "ignore"
TEXT_FIELDS = ("headline", "long_headline", "description", "primary_text")
IDENTITY_FIELDS = ("ad_name", "ad_id", *TEXT_FIELDS, "file_name")
# Breakdowns: whom, where and when an ad was shown to, in and on. They become the creative's context.
SEGMENT_FIELDS = (
    "age", "gender", "device", "country", "region", "language", "weekday", "hour", "interest", "objective", "keyword",
    "search_term", "match_type", "network", "publisher", "ad_type", "business",
)  # fmt: skip
_NAMES = ("ad_name", "ad_id")
_TEXTS = frozenset(
    (*IDENTITY_FIELDS, *SEGMENT_FIELDS, "campaign", "ad_set", "placement", "audience", "brand", "category", "cta", "image_hash",
     "test_id", "consent_id", "currency")
)  # fmt: skip
BREAKDOWN_FIELDS = ("age", "gender", "device", "country", "region", "placement", "publisher", "hour", "weekday", "network")
_HEADLINE_JOINT, _BODY_JOINT = " | ", " "


@dataclass(frozen=True, kw_only=True)
class PlatformLayout:
    """How to read one export: names has one entry a column ("" is not read), several where an ad has several headlines.

    parts holds the positions of text columns in reading order. clicks_from is "" where clicks are counted, else the rate
    ("ctr", "cpc") they are computed from; rate_unit is what that rate is multiplied by. outcomes says which field conversions
    and revenue come from. dates: how days are read; date_range covers rows without. broken_down: breakdown fields that most
    rows fill in.
    """

    platform: str
    language: str
    names: tuple[str, ...]
    currency: str
    clicks_column: str
    ad_set_is: str = "audience"
    clicks_field: str = "clicks"
    clicks_from: str = ""
    rate_unit: float = 0.01
    rate_field: str = ""
    conversions_field: str = ""
    revenue_field: str = ""
    parts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    date_range: tuple[str, str] = ("", "")
    decimal_comma: bool = False
    dates: DateReading = UNORDERED
    broken_down: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def has_results(self) -> bool:
        """True when rows tell impressions and clicks."""
        return "impressions" in self.names and bool(self.clicks_column)

    def read_dates(self, source: TableSource, given: str, name: str) -> PlatformLayout:
        """Return the layout with how the days of its file are read, by all rows; `given` where the user said the order.

        Raises:
            CatalogError, ConfigError: as `find_reading`; `name` is what messages call the file.
        """
        found = find_reading(source, self.names, name=name, given=given, language=self.language, is_past=self.has_results)
        return replace(self, dates=found, date_range=find_range(getattr(source, "preamble", ()), found))

    def convert(self, cells: Sequence[Any]) -> dict[str, Any] | str:
        """Return our columns (with campaign, ad_set, ad_id, conversions, revenue, is_ctr_off) of a row, or why it is no ad.

        "context" holds the row's segments; texts of an ad's several headlines are joined by " | ".
        """
        raw = self._by_field(cells)
        if isinstance(reason := self._find_reason(raw, cells), str):
            return reason
        values: dict[str, Any] = {
            name: raw.get(name, "") for name in ("ad_name", "ad_id", "file_name", "image_hash", "cta", "brand", "category",
                                                 "campaign", "ad_set", "test_id", "consent_id", "placement")
        }  # fmt: skip
        values |= self._texts(cells)
        values |= self._counts(raw)
        values["currency"] = raw.get("currency") or self.currency
        values["brand"] = values["brand"] or raw.get("business", "")
        self._place(values, raw)
        day = raw.get("day", "")
        for name, default in zip(("date_start", "date_end"), self.date_range, strict=True):
            given = day or raw.get(name)  # a row of one day also says the span of the whole report
            values[name] = self.dates.read(given) if given else default
        if values["date_start"] is None or values["date_end"] is None:
            return NO_DAY
        values["is_ctr_off"] = self._is_ctr_off(raw, values)
        return values

    def _by_field(self, cells: Sequence[Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, cell in zip(self.names, cells, strict=True):
            if name and name not in found and not is_blank(cell) and not (name in _NAMES and is_rounded(cell)):
                text = as_text(cell) if name in _TEXTS else cell
                found[name] = text.strip() if isinstance(text, str) else text
        return found

    def _find_reason(self, raw: Mapping[str, Any], cells: Sequence[Any]) -> str | None:
        identity = [raw[name] for name in IDENTITY_FIELDS if name in raw]
        if not identity and any(is_rounded(cell) for name, cell in zip(self.names, cells, strict=True) if name in _NAMES):
            return ROUNDED
        if not any(not is_total(text) for text in identity):
            first = next((cell for cell in cells if not is_blank(cell)), "")
            is_sum = is_total(first) or any(is_total(cell) for cell in cells) or bool(identity)
            return TOTAL_ROW if is_sum or (self.platform == "meta" and "ad_name" in self.names) else NO_NAME
        if "ad_name" in self.names and "ad_name" not in raw and self.platform == "meta" and not self._has_own_text(raw):
            return TOTAL_ROW
        if self.has_results and len(cells) > 3 and sum(not is_blank(cell) for cell in cells) == 1:
            return FOOTER
        if any(means_all(raw.get(name)) for name in self.broken_down):
            return SUBTOTAL
        if self.broken_down and not any(name in raw for name in self.broken_down):
            return SUBTOTAL
        return None

    @staticmethod
    def _has_own_text(raw: Mapping[str, Any]) -> bool:
        return any(name in raw for name in ("ad_id", *TEXT_FIELDS))

    def _texts(self, cells: Sequence[Any]) -> dict[str, str]:
        texts: dict[str, str] = {}
        for name, positions in self.parts.items():
            joint = _BODY_JOINT if name == "description" else _HEADLINE_JOINT
            filled = [as_text(cells[at]).strip() for at in positions if not is_blank(cells[at])]
            texts[name] = joint.join(dict.fromkeys(text for text in filled if not is_total(text) or len(filled) > 1))
        longer = texts.pop("long_headline", "")
        if longer and longer not in texts.get("headline", ""):
            texts["headline"] = _HEADLINE_JOINT.join(text for text in (texts.get("headline", ""), longer) if text)
        return texts

    def _counts(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        counts: dict[str, Any] = {"impressions": read_count(raw.get("impressions"))}
        amounts = {
            name: read_amount(raw.get(name), decimal_comma=self.decimal_comma) for name in ("spend", "roas", "cpc", "ctr")
        }
        counts["spend"] = amounts["spend"]
        if self.clicks_from:
            counts["clicks"] = self._derive_clicks(raw, counts)
        else:
            counts["clicks"] = read_count(raw.get(self.clicks_field)) if self.clicks_column else None
        for name, source in (("conversions", self.conversions_field), ("revenue", self.revenue_field)):
            counts[name] = finite(read_amount(raw.get(source), decimal_comma=self.decimal_comma)) if source else None
        spend = finite(counts["spend"])
        if self.revenue_field == "roas":
            counts["revenue"] = None if counts["revenue"] is None or spend is None else counts["revenue"] * spend
        return counts

    def _derive_clicks(self, raw: Mapping[str, Any], counts: Mapping[str, Any]) -> int | None:
        rate = finite(read_amount(raw.get(self.clicks_from), decimal_comma=self.decimal_comma))
        impressions, spend = finite(counts["impressions"]), finite(counts["spend"])
        if rate is None:
            return None
        if self.clicks_from.startswith("cpc"):
            return round(spend / rate) if spend is not None and rate > 0 else 0
        return round(impressions * rate * self.rate_unit) if impressions is not None else None

    def _place(self, values: dict[str, Any], raw: Mapping[str, Any]) -> None:
        """Fill in platform, placement, audience and context; where the platform is known, its own "platform" is a placement."""
        publisher = raw.get("publisher", "")
        values["platform"] = self.platform or publisher
        values["placement"] = values["placement"] or (publisher if self.platform else "") or raw.get("network", "")
        values["audience"] = raw.get("audience", "")
        context = {name: raw[name] for name in SEGMENT_FIELDS if name in raw and name not in ("publisher", "business")}
        if self.platform and publisher and publisher != values["placement"]:
            context["publisher"] = publisher
        if values["campaign"]:
            context["campaign"] = values["campaign"]
        if values["ad_set"] and (self.ad_set_is == "ad_group" or values["audience"]):
            context["ad_group"] = values["ad_set"]
        elif values["ad_set"]:
            values["audience"] = values["ad_set"]
        values["context"] = context

    def _is_ctr_off(self, raw: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
        """True when the export's own click rate is neither the percentage nor the share that the counts give."""
        if self.clicks_from or not self.rate_field:
            return False
        given = finite(read_amount(raw.get(self.rate_field), decimal_comma=self.decimal_comma))
        impressions, clicks = values["impressions"], values["clicks"]
        if not given or not isinstance(impressions, int) or not isinstance(clicks, int) or not impressions:
            return False
        percent = 100 * clicks / impressions
        return min(abs(given - percent), abs(100 * given - percent)) > 0.006 + 0.01 * percent
