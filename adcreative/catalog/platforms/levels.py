"""Reports that list no ads: what such a file is, and which report to export instead."""

from __future__ import annotations

from collections.abc import Sequence

from adcreative.catalog.platforms.layout import IDENTITY_FIELDS
from adcreative.catalog.platforms.matching import find_fields, find_platform

# field -> what the rows of a report are whose finest column it is; the first that is there names the report
_LEVELS = (
    ("search_term", "search terms"), ("keyword", "keywords"), ("hour", "hours of the day"), ("age", "age groups"),
    ("gender", "genders"), ("interest", "interests"), ("region", "regions"), ("country", "countries"),
    ("device", "devices"), ("placement", "placements"), ("publisher", "platforms"), ("network", "networks"),
    ("ad_set", "ad sets or ad groups"), ("campaign", "campaigns"), ("day", "days"), ("date_start", "an account"),
)  # fmt: skip
_FIGURES = ("impressions", "clicks", "clicks_link", "clicks_all", "clicks_outbound", "spend", "conversions", "results")


def describe_missing(header: Sequence[str], table_name: str) -> str:
    """Return one sentence or two: what the file lists instead of ads or lacks, and what to export; "" when neither is clear."""
    found = find_fields(header)
    figures = [name for name in _FIGURES if name in found]
    has_identity = any(name in found for name in IDENTITY_FIELDS)
    platform = find_platform(header)
    if not has_identity and len(figures) >= 2:
        for name, rows in _LEVELS:
            if name in found:
                return (
                    f'{table_name} is a report of {rows} (column "{found[name]}"): it has figures, but no column that names an '
                    f"ad or holds its words. Export {platform.ad_report}."
                )
        return f"{table_name} has figures, but no column that names an ad or holds its words. Export {platform.ad_report}."
    if has_identity and figures:
        lacking = [] if "impressions" in found else ["impressions"]
        if not any(name.startswith(("clicks", "ctr")) for name in found):
            lacking.append("clicks (or a click rate)")
        if lacking:
            named = next(found[name] for name in IDENTITY_FIELDS if name in found)
            return (
                f'{table_name} lists ads (column "{named}") without {" and ".join(lacking)}. Export it again with '
                f"{'these columns' if len(lacking) > 1 else 'this column'}: {platform.ad_report}."
            )
    return ""
