"""Join rows of a platform's export to the arms of a plan: by the variant id in the ad's name, else by the exact name."""

from __future__ import annotations

import json
import math
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
    """Read a plan.json written by `write_plan`, given as a file or its folder.

    Raises:
        ConfigError: the file is missing or not a plan.
    """
    path = Path(path) / "plan.json" if Path(path).is_dir() else Path(path)
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
        _check_shape(plan)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"{path} is not a plan written by plan-test. Give its plan.json.") from error
    if not any(test["arms"] for test in plan["tests"]):
        raise ConfigError(f"{path} plans no test. Make it again with plan-test.")
    return plan


def _check_shape(plan: object) -> None:
    """Raise TypeError, ValueError or KeyError when a plan lacks a value needed by the read-out."""
    known = _need(plan, tests=list, settings=dict)
    if not 0 < _need(known["settings"], level=float)["level"] <= 0.5:
        raise ValueError("level")
    for test in known["tests"]:
        _need(test, test=str, arms=list)
        for name, least in (("effect_scale", 0.0), ("impressions_per_arm_peeking", 1)):
            if test[name] is not None and not least <= _need(test, **{name: float})[name] < math.inf:
                raise ValueError(name)
        for arm in test["arms"]:
            _need(arm, variant_id=str, arm=str, name=str)


def _need(content: object, **types: type) -> dict[str, Any]:
    """Return a JSON object after checking its value types; a float may be an integer, but not a boolean."""
    if not isinstance(content, dict):
        raise TypeError(f"{content!r:.40} is no object")
    for name, wanted in types.items():
        value = content[name]
        is_number = wanted is float and isinstance(value, int) and not isinstance(value, bool)
        if not isinstance(value, wanted) and not is_number:
            raise TypeError(f"{name} is {value!r:.40}")
    return content


def join_to_plan(rows: Sequence[ResultRow], plan: Mapping[str, Any]) -> tuple[dict[str, list[ArmDay]], Counter[str]]:
    """Return test -> counts by arm and day, and the names of rows that match no arm, with the number of rows each."""
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
    """Return the counts of a row; rows of several days stay whole and are compared with the same days of the control."""
    day = row.date_start if row.date_start == row.date_end else f"{row.date_start}..{row.date_end}"
    return ArmDay(
        arm=arm,
        day=day,
        impressions=row.impressions,
        clicks=row.clicks,
        spend=row.spend,
        conversions=row.conversions,
        revenue=row.revenue,
    )
