"""Recognise reports that list no ads, and name the report to export instead. Report names are data (`reports.yaml`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from adcreative.catalog.platforms.columns import fold_column
from adcreative.catalog.platforms.layout import IDENTITY_FIELDS
from adcreative.catalog.platforms.matching import count_known, find_fields, find_platform
from adcreative.config import read_packaged_yaml

_FIGURES = ("impressions", "clicks", "clicks_link", "clicks_all", "clicks_outbound", "spend", "conversions", "results")
_MIN_KNOWN = 3  # columns of a table without figures that make it an export


@cache
def _names() -> Mapping[str, Mapping[str, str]]:
    content: Mapping[str, Any] = read_packaged_yaml(Path(__file__).parents[1] / "reports.yaml")
    return content


def describe_missing(header: Sequence[str], table_name: str) -> str:
    """Return one sentence: what the file lists instead of ads or lacks, and what to export; "" when neither is clear."""
    found, platform = find_fields(header), find_platform(header)
    num_figures = sum(name in found for name in _FIGURES)
    named = next((found[name] for name in IDENTITY_FIELDS if name in found), "")
    if not (num_figures or count_known(header) >= _MIN_KNOWN):
        return ""
    if named and not platform.clicks_order:
        return f"{table_name} is {platform.name}: it tells when ads ran, and no clicks; export {platform.ad_report} instead."
    if named:
        lacking = [] if "impressions" in found else ["impressions"]
        if not any(name.startswith(("clicks", "ctr")) for name in found):
            lacking.append("clicks (or a click rate)")
        columns = "these columns" if len(lacking) > 1 else "this column"
        return (
            (
                f'{table_name} lists ads (column "{named}") without {" and ".join(lacking)}; export it again with {columns}: '
                f"{platform.ad_report}."
            )
            if lacking
            else ""
        )
    names = _names()["reports" if num_figures else "lists"]
    level = next((name for name in names if name in found), "")
    if level and (num_figures != 1 or 2 * len(found) >= len(header)):
        is_campaign = fold_column(found[level]).startswith(("campaign", "campagn"))  # LinkedIn's name of its ad sets
        what = names["campaign" if level == "ad_set" and is_campaign else level]
        return f'{table_name} is {what} (column "{found[level]}"): it lists no ads; export {platform.ad_report} instead.'
    if num_figures > 1:
        return f"{table_name} has figures, but no column that names an ad or holds its words; export {platform.ad_report}."
    return ""
