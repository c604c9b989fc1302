"""Rows of a platform's export joined to the arms of a plan: by the variant id in the ad's name, else by the exact name."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adcreative.catalog.platforms.columns import fold_column
from adcreative.catalog.results import ResultRow
from adcreative.delivery.experiment.read_out import ArmDay
from adcreative.delivery.experiment.variants import find_variant_id
from adcreative.errors import ConfigError


def read_plan(path: Path) -> dict[str, Any]:
    """Read a plan.json that `write_plan` wrote, or the one in a folder.

    Raises:
        ConfigError: there is none, or it is something else.
    """
    path = Path(path) / "plan.json" if Path(path).is_dir() else Path(path)
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
        arms = [arm["variant_id"] for test in plan["tests"] for arm in test["arms"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"{path} is not a plan written by plan-test. Give its plan.json.") from error
    if not arms:
        raise ConfigError(f"{path} plans no test. Make it again with plan-test.")
    return plan


def join_to_plan(rows: Sequence[ResultRow], plan: Mapping[str, Any]) -> tuple[dict[str, list[ArmDay]], Counter[str]]:
    """Return test -> counts by arm and day, and the names of rows that belong to no arm, with how many rows each."""
    by_id = {arm["variant_id"]: (test["test"], arm["arm"]) for test in plan["tests"] for arm in test["arms"]}
    by_name = {fold_column(arm["name"]): arm["variant_id"] for test in plan["tests"] for arm in test["arms"]}
    tests: dict[str, list[ArmDay]] = {}
    strangers: Counter[str] = Counter()
    for row in rows:
        variant_id = find_variant_id(row.ad_name, row.ad_id)
        variant_id = variant_id if variant_id in by_id else by_name.get(fold_column(row.ad_name), "")
        if not variant_id:
            strangers[row.ad_name] += 1
            continue
        test, arm = by_id[variant_id]
        tests.setdefault(test, []).append(count_row(row, arm))
    return tests, strangers


def count_row(row: ResultRow, arm: str) -> ArmDay:
    """Return the counts of a row; spans of several days stay together and are compared with the same span of the control."""
    day = row.date_start if row.date_start == row.date_end else f"{row.date_start}..{row.date_end}"
    return ArmDay(
        arm=arm, day=day, impressions=row.impressions, clicks=row.clicks, spend=row.spend, conversions=row.conversions,
        revenue=row.revenue,
    )  # fmt: skip
