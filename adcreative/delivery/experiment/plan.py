"""The plan of a test: impressions and days needed to detect a predicted uplift, and whether the test is worth the wait.

Several sizes are given. `impressions_per_arm` is the textbook size for a single look at the end; `impressions_per_arm_peeking`
is the size for the read-out with daily looks (see `sequential`), and should be used for planning; `impressions_per_arm_low` is
the size for the same read-out if only the low end of the uplift's interval is true. With two or more variants against one
control the error level is divided among the variants, as in the read-out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from adcreative.artifacts import write_atomically
from adcreative.catalog.tables import write_rows
from adcreative.delivery.experiment.sequential import fixed_sample_size, sequential_sample_size
from adcreative.delivery.experiment.settings import PlanSettings
from adcreative.delivery.experiment.shortening import MIN_EFFECT_SCALE, Shorter, count_in_time, say_shorter, shorten
from adcreative.delivery.experiment.variants import Variant
from adcreative.errors import ConfigError
from adcreative.problem import Problem

PLAN_COLUMNS = (
    "test",
    "arm",
    "variant_id",
    "name",
    "campaign",
    "file_name",
    "headline",
    "description",
    "ctr_predicted",
    "uplift_predicted",
    "uplift_low",
    "uplift_high",
    "impressions_per_arm",
    "impressions_per_arm_peeking",
    "impressions_per_arm_low",
    "days",
    "days_peeking",
    "days_low",
    "expected_clicks",
    "warnings",
)


@dataclass(frozen=True, kw_only=True)
class PlannedArm:
    """One variant against its control; sizes and days are None without a predicted uplift. uplift_predicted is None for an
    untested edit, whose sizes are for the smallest change worth finding.

    uplift_low, uplift_high: 90 % interval of the uplift (None if not in the run); impressions_per_arm_low, days_low: size and
    duration if only the low end is true, None if that is no gain. shorter: ways to finish a longer test within `max_days`.
    """

    test: str
    control: Variant
    variant: Variant
    baseline_ctr: float
    expected_ctr: float
    uplift_predicted: float | None
    uplift_low: float | None
    uplift_high: float | None
    effect_scale: float | None
    impressions_per_arm: int | None
    impressions_per_arm_peeking: int | None
    impressions_per_arm_low: int | None
    days: int | None
    days_peeking: int | None
    days_low: int | None
    expected_clicks: int | None
    warnings: tuple[Problem, ...]
    shorter: Shorter | None = None


@dataclass(frozen=True, kw_only=True)
class TestPlan:
    """The plan of all tests of a run in one campaign.

    num_in_time: number of tests, shortest first, that finish within `max_days` if only these tests run. searched_share: of the
    models' change that the predictions state (`ctr.search_shrinkage`); None where the first run does not tell.
    """

    __test__ = False  # pytest: not a test class

    campaign: str
    run_hash: str
    settings: PlanSettings
    arms: tuple[PlannedArm, ...]
    warnings: tuple[Problem, ...]
    num_in_time: int
    searched_share: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types with everything the read-out needs."""
        return {
            "campaign": self.campaign,
            "run_hash": self.run_hash,
            "searched_share": self.searched_share,
            "settings": asdict(self.settings),
            **_say(self.warnings),
            "num_in_time": self.num_in_time,
            "tests": [
                {
                    **{name: getattr(arm, name) for name in _ARM_NUMBERS},
                    **_say(arm.warnings),
                    "shorter": asdict(arm.shorter) if arm.shorter is not None else None,
                    "arms": [_arm_dict(arm.control), _arm_dict(arm.variant)],
                }
                for arm in self.arms
            ],
        }


def _say(warnings: Sequence[Problem]) -> dict[str, list[Any]]:
    return {"warnings": list(warnings), "problems": [one.as_dict() for one in warnings]}


_ARM_NUMBERS = tuple(one.name for one in fields(PlannedArm) if one.name not in ("control", "variant", "warnings", "shorter"))


def plan_test(variants: Sequence[Variant], settings: PlanSettings) -> TestPlan:
    """Plan the tests of all variants against their controls, running in parallel on one campaign's traffic.

    Raises:
        ConfigError: a test has no control or no variant, or there are no variants.
    """
    tests: dict[str, list[Variant]] = {}
    for variant in variants:
        tests.setdefault(variant.test, []).append(variant)
    if not tests:
        raise ConfigError("there is no variant to plan a test for; run optimize first")
    daily_per_arm = settings.daily_impressions / len(variants)
    arms: list[PlannedArm] = []
    for name, members in tests.items():
        controls = [member for member in members if member.is_control]
        if len(controls) != 1 or len(members) < 2:
            raise ConfigError(
                f"test {name} needs one control and at least one variant, it has {len(controls)} of {len(members)}"
            )
        others = [member for member in members if not member.is_control]
        arms += [_plan_arm(controls[0], other, settings, daily_per_arm, len(members)) for other in others]
    num_long = sum(arm.days_peeking is not None and arm.days_peeking > settings.max_days for arm in arms)
    sizes = [arm.impressions_per_arm_peeking for arm in arms if arm.impressions_per_arm_peeking is not None]
    num_in_time = count_in_time(sizes, days=settings.max_days, daily_impressions=settings.daily_impressions)
    warnings = []
    if num_long and len(tests) > 1:
        remedy = f"the quickest {num_in_time} alone end in time" if num_in_time > 1 else "test one after another"
        warnings.append(
            Problem(
                "long_comparisons",
                num=num_long,
                total=len(arms),
                days=settings.max_days,
                ads=len(variants),
                impressions=settings.daily_impressions,
                remedy=remedy,
            )
        )
    if any(arm.variant.is_untested for arm in arms):
        warnings.append(Problem("untested_sizes", change=settings.detect))
    first = variants[0]
    return TestPlan(
        campaign=first.campaign,
        run_hash=first.run_hash,
        searched_share=first.searched_share,
        settings=settings,
        arms=tuple(arms),
        warnings=tuple(warnings),
        num_in_time=num_in_time,
    )


def _plan_arm(control: Variant, variant: Variant, settings: PlanSettings, daily_per_arm: float, num_members: int) -> PlannedArm:
    """Plan one comparison with daily_per_arm impressions per arm and day, in a test of num_members arms."""
    baseline = settings.baseline_ctr or control.ctr
    if baseline is None:
        raise ConfigError(
            "the run states no click rates, because its models have seen no results of the account; give its usual click rate "
            "(--baseline-ctr 0.012), or learn from results first (adcreative train)"
        )
    uplift = variant.ctr / control.ctr - 1 if variant.ctr and control.ctr else None
    low, high = variant.uplift_low, variant.uplift_high
    is_planned_blind = variant.is_untested or uplift is None
    expected = baseline * (1 + (settings.detect if is_planned_blind else settings.realised_share * (uplift or 0.0)))
    warnings: list[Problem] = []
    size = size_peeking = size_low = days = days_peeking = days_low = clicks = scale = shorter = None
    if expected <= baseline:
        warnings.append(Problem("no_uplift"))
    elif expected >= 1:
        warnings.append(Problem("impossible_rate", rate=expected))
    else:
        level = settings.level / (num_members - 1)
        scale = max(math.log(expected / baseline), MIN_EFFECT_SCALE)
        size = fixed_sample_size(baseline, expected, power=settings.power, level=level)
        size_peeking = sequential_sample_size(baseline, expected, power=settings.power, level=level, effect_scale=scale)
        days, days_peeking = math.ceil(size / daily_per_arm), math.ceil(size_peeking / daily_per_arm)
        clicks = round(size_peeking * baseline)
        if low is not None and low > 0:
            expected_low = baseline * (1 + settings.realised_share * low)
            size_low = sequential_sample_size(baseline, expected_low, power=settings.power, level=level, effect_scale=scale)
            days_low = math.ceil(size_low / daily_per_arm)
        if days_peeking > settings.max_days:
            shorter = shorten(
                baseline,
                expected,
                days=settings.max_days,
                daily_impressions=settings.daily_impressions,
                num_ads=round(settings.daily_impressions / daily_per_arm),
                power=settings.power,
                level=level,
            )
            alone = math.ceil(size_peeking * num_members / settings.daily_impressions)
            if alone < days_peeking:
                remedy = f"tested alone it needs {alone:,} day{'s' if alone > 1 else ''}"
            else:
                remedy = f"in that time it takes {say_shorter(shorter)}"
            warnings.append(Problem("long_test", days=days_peeking, most=settings.max_days, remedy=remedy))
        if clicks < settings.min_clicks:
            warnings.append(Problem("few_clicks", clicks=clicks, least=settings.min_clicks))
    if low is not None and low <= 0 and not is_planned_blind:
        warnings.append(Problem("gain_maybe_none", low=low, high=high or 0))
    views = variant.ctr_judge, control.ctr_judge
    if not is_planned_blind and views[0] is not None and views[1] is not None and views[0] <= views[1]:
        warnings.append(Problem("second_sees_none"))
    return PlannedArm(
        test=variant.test,
        control=control,
        variant=variant,
        baseline_ctr=baseline,
        expected_ctr=expected,
        uplift_predicted=uplift,
        uplift_low=low,
        uplift_high=high,
        effect_scale=scale,
        impressions_per_arm=size,
        impressions_per_arm_peeking=size_peeking,
        impressions_per_arm_low=size_low,
        days=days,
        days_peeking=days_peeking,
        days_low=days_low,
        expected_clicks=clicks,
        warnings=tuple(warnings),
        shorter=shorter,
    )


def write_plan(plan: TestPlan, out_dir: Path) -> Path:
    """Write plan.json and plan.csv (one row per arm) into `out_dir`; return the path of plan.json."""
    path = Path(out_dir) / "plan.json"
    write_atomically(path, (json.dumps(plan.as_dict(), indent=1, ensure_ascii=False) + "\n").encode())
    rows: dict[str, dict[str, Any]] = {}
    for arm in plan.arms:
        rows.setdefault(arm.control.variant_id, _csv_row(arm.control))
        numbers = {name: getattr(arm, name) for name in _ARM_NUMBERS if name in PLAN_COLUMNS and name != "test"}
        numbers |= {
            name: round(numbers[name], 4) for name in ("uplift_predicted", "uplift_low", "uplift_high") if numbers[name]
        }
        rows[arm.variant.variant_id] = {**_csv_row(arm.variant), **numbers, "warnings": arm.warnings}
    write_rows(path.with_name("plan.csv"), rows.values(), PLAN_COLUMNS)
    return path


def _arm_dict(variant: Variant) -> dict[str, Any]:
    creative = variant.creative
    return {
        "variant_id": variant.variant_id,
        "arm": variant.arm,
        "name": variant.name,
        "ad_name": creative.ad_name,
        "file_name": creative.file_name,
        "headline": creative.headline,
        "description": creative.description,
        "ctr_predicted": variant.ctr,
        "edits": list(variant.edits),
    }


def _csv_row(variant: Variant) -> dict[str, Any]:
    creative = variant.creative
    return {
        "test": variant.test,
        "arm": variant.arm,
        "variant_id": variant.variant_id,
        "name": variant.name,
        "campaign": variant.campaign,
        "file_name": creative.file_name,
        "headline": creative.headline,
        "description": creative.description,
        "ctr_predicted": None if variant.ctr is None else round(variant.ctr, 6),
    }
