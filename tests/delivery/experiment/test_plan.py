"""Plans: sizes against published formulas, names that come back, warnings when a plan is unrealistic."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from adcreative.catalog.tables import unescape_cell
from adcreative.delivery.experiment.plan import plan_test, write_plan
from adcreative.delivery.experiment.sequential import fixed_sample_size, sequential_sample_size
from adcreative.delivery.experiment.settings import PlanSettings
from adcreative.delivery.experiment.shortening import MIN_EFFECT_SCALE, count_in_time, say_shorter, shorten
from adcreative.delivery.experiment.variants import build_name, build_variant_id, find_variant_id, read_variants
from adcreative.errors import CatalogError, ConfigError
from tests.delivery.conftest import HOSTILE, result_row

TEXTS = ("name", "campaign", "file_name", "headline", "description")


@pytest.mark.parametrize(
    ("control", "uplift", "thousands"),
    [(0.01, 0.1, 163), (0.01, 0.2, 42.7), (0.01, 0.3, 19.8), (0.02, 0.1, 80.7), (0.02, 0.2, 21.1), (0.02, 0.3, 9.8)],
)
def test_fixed_sizes_are_those_of_the_tables(control: float, uplift: float, thousands: float) -> None:
    size = fixed_sample_size(control, control * (1 + uplift), power=0.8, level=0.05)
    assert size / 1000 == pytest.approx(thousands, rel=0.005)


def test_a_plan_gives_days_for_the_traffic(make_run: Callable[..., Path]) -> None:
    plan = plan_test(read_variants(make_run(), "spring"), PlanSettings(daily_impressions=16_000))
    first, second = plan.arms  # the kept and the failed creative need no test
    assert first.uplift_predicted == pytest.approx(0.25)
    assert first.impressions_per_arm == fixed_sample_size(0.02, 0.025, power=0.8, level=0.05)
    assert first.days == -(-first.impressions_per_arm // 4_000)  # four arms share the traffic
    assert first.impressions_per_arm_peeking > first.impressions_per_arm  # type: ignore[operator]
    assert first.warnings == ()
    assert (first.uplift_low, first.uplift_high) == (0.1, 0.42)
    scale = math.log(1.25)
    needed = sequential_sample_size(0.02, 0.022, power=0.8, level=0.05, effect_scale=scale)
    assert first.impressions_per_arm_low == needed > first.impressions_per_arm_peeking  # type: ignore[operator]
    assert first.days_low == -(-needed // 4_000)
    assert (second.impressions_per_arm_low, second.days_low) == (None, None)  # at the low end there is no gain to find
    assert second.days_peeking > 28  # type: ignore[operator]
    assert any("more than 28" in warning and "tested alone" in warning for warning in second.warnings)
    assert any("may be zero or less: nine times in ten it lies between -5%" in warning for warning in second.warnings)
    assert "1 of 2 comparisons need more than 28 days" in plan.warnings[0]


def test_baseline_and_realised_share_change_the_expectation(make_run: Callable[..., Path]) -> None:
    variants = read_variants(make_run([result_row(1)]), "spring")
    settings = PlanSettings(daily_impressions=10_000, baseline_ctr=0.01, realised_share=0.4)
    arm = plan_test(variants, settings).arms[0]
    assert (arm.baseline_ctr, arm.expected_ctr) == (0.01, pytest.approx(0.011))
    assert arm.impressions_per_arm == fixed_sample_size(0.01, 0.011, power=0.8, level=0.05)


def test_hopeless_plans_say_so(make_run: Callable[..., Path]) -> None:
    worse = result_row(1, ctr_edited=0.019, ctr_edited_judge=0.018)
    huge = result_row(2, ctr_original=0.2, ctr_edited=0.4)
    plan = plan_test(read_variants(make_run([worse, huge]), "spring"), PlanSettings(daily_impressions=10_000))
    assert plan.arms[0].days is None
    assert "no uplift is predicted; there is nothing to test" in plan.arms[0].warnings
    assert "the second model predicts no uplift" in plan.arms[0].warnings
    assert any("clicks per arm are expected; fewer than 100" in warning for warning in plan.arms[1].warnings)
    sixfold = result_row(3, ctr_original=0.01, ctr_edited=0.06, ctr_original_judge=0.01, ctr_edited_judge=0.06)
    impossible = plan_test(read_variants(make_run([sixfold], "b"), "s"), PlanSettings(daily_impressions=10, baseline_ctr=0.25))
    assert any("cannot be" in warning for warning in impossible.arms[0].warnings)


def test_a_plan_reads_the_interval_of_the_change_not_of_the_rate(make_run: Callable[..., Path]) -> None:
    wide_rate = result_row(1, ctr_edited_low=0.001, ctr_edited_high=0.3)
    (arm,) = plan_test(read_variants(make_run([wide_rate]), "spring"), PlanSettings(daily_impressions=16_000)).arms
    assert arm.warnings == ()


def test_several_variants_share_the_level(make_run: Callable[..., Path]) -> None:
    control, edited = read_variants(make_run([result_row(1)]), "spring")
    settings = PlanSettings(daily_impressions=10_000)
    two, three = plan_test([control, edited], settings), plan_test([control, edited, edited], settings)
    assert three.arms[0].impressions_per_arm == fixed_sample_size(0.02, 0.025, power=0.8, level=0.025)
    assert three.arms[0].impressions_per_arm > two.arms[0].impressions_per_arm  # type: ignore[operator]


def test_files_of_a_plan_round_trip_and_execute_nothing(make_run: Callable[..., Path], tmp_path: Path) -> None:
    variants = read_variants(make_run(), "=cmd|'/c calc'!A1")
    path = write_plan(plan_test(variants, PlanSettings(daily_impressions=10_000)), tmp_path / "plan")
    plan = json.loads(path.read_text())
    assert [arm["variant_id"] for test in plan["tests"] for arm in test["arms"]] == [v.variant_id for v in variants]
    assert plan["tests"][1]["arms"][1]["headline"] == HOSTILE  # JSON is never escaped
    with path.with_name("plan.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert not [cell for row in rows for column, cell in row.items() if column in TEXTS and cell[:1] in tuple("=+-@\t\r")]
    assert [unescape_cell(row["headline"]) for row in rows] == [v.creative.headline for v in variants]
    assert {unescape_cell(row["campaign"]) for row in rows} == {"=cmd|'/c calc'!A1"}


def test_ids_are_stable_across_machines_and_differ_by_campaign_and_arm(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run_dir = make_run()
    ids = [variant.variant_id for variant in read_variants(run_dir, "spring")]
    assert len(set(ids)) == 4
    assert not set(ids) & {variant.variant_id for variant in read_variants(run_dir, "summer")}
    moved = shutil.move(run_dir, tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "ads")
    settings = json.loads((Path(moved) / "results.run.json").read_text())
    (Path(moved) / "results.run.json").write_text(json.dumps({**settings, "data": "/other/place"}))
    assert [variant.variant_id for variant in read_variants(Path(moved), "spring")] == ids
    assert build_variant_id("h", "c", "control") == "acv06f350282f26"  # ours: names in running campaigns must not change


def test_names_carry_the_id_through_a_platform(make_run: Callable[..., Path]) -> None:
    control, edited, _, hostile = read_variants(make_run(), "spring")
    assert edited.name == f"Ad-1_version-B_{edited.variant_id}"
    assert hostile.name.startswith("Summer-sale_version-B_acv")
    assert find_variant_id("", f"{control.name} - Copy 2") == control.variant_id
    assert find_variant_id(control.name.upper()) == control.variant_id
    assert find_variant_id("accommodation", f"x{control.variant_id}") == ""
    long = build_name(edited.creative.__class__(ad_name="ü" * 300), "edited", edited.variant_id)
    assert len(long) == 80
    assert find_variant_id(long) == edited.variant_id


def test_context_comes_from_the_catalogue_only_while_it_fits(make_run: Callable[..., Path], tmp_path: Path) -> None:
    run_dir = make_run()
    assert read_variants(run_dir, "s")[1].creative.brand == "Somnia"
    table = tmp_path / "ads" / "metadata.csv"
    table.write_text(table.read_text().replace("Old line 1", "Another line"))
    assert read_variants(run_dir, "s")[1].creative.brand == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"daily_impressions": 0, "power": 1.2}, r"at least 1, got 0; power must be in \[0.5, 1\), got 1.2"),
        ({"daily_impressions": 5, "level": 0.9}, "level must be in"),
        ({"daily_impressions": 5, "baseline_ctr": 1.2}, "write 1.2 % as 0.012"),
        ({"daily_impressions": 5, "baseline_ctr": 0.5}, "write 1.2 % as 0.012"),
        ({"daily_impressions": 5, "realised_share": 0}, "realised share"),
    ],
)
def test_settings_out_of_range_are_named_together(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PlanSettings(**options)


def test_folders_without_a_run_or_without_edits_are_refused(make_run: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="is not a folder written by optimize"):
        read_variants(tmp_path, "s")
    with pytest.raises(CatalogError, match=r"none of the 1 creatives in .* was edited"):
        read_variants(make_run([result_row(1, status="kept")]), "s")
    with pytest.raises(ConfigError, match="no variant to plan"):
        plan_test([], PlanSettings(daily_impressions=1))
    with pytest.raises(ConfigError, match="needs one control"):
        plan_test(read_variants(make_run(name="b"), "s")[1:2], PlanSettings(daily_impressions=1))


def untested_row(row: int, **values: object) -> dict[str, object]:
    rates = [name for name in result_row(row) if name.startswith(("ctr_", "uplift_"))]
    return result_row(row, **{**dict.fromkeys(rates), "is_untested": True, **values})


def test_untested_edits_are_planned_for_the_change_worth_finding(make_run: Callable[..., Path], tmp_path: Path) -> None:
    variants = read_variants(make_run([untested_row(1)]), "spring")
    assert [variant.ctr for variant in variants] == [None, None]
    with pytest.raises(ConfigError, match=r"states no click rates.*--baseline-ctr"):
        plan_test(variants, PlanSettings(daily_impressions=10_000))
    settings = PlanSettings(daily_impressions=10_000, baseline_ctr=0.01, detect=0.2, realised_share=0.5)
    plan = plan_test(variants, settings)
    (arm,) = plan.arms
    assert arm.uplift_predicted is None
    assert arm.impressions_per_arm == fixed_sample_size(0.01, 0.012, power=0.8, level=0.05)
    assert "find a change of 20%, not a prediction" in plan.warnings[0]
    assert arm.warnings == ()
    written = json.loads(write_plan(plan, tmp_path / "plan").read_text())
    assert written["tests"][0]["uplift_predicted"] is None
    with_level = read_variants(make_run([result_row(2, is_untested=True, ctr_edited=0.0201)], "leveled"), "spring")
    (arm,) = plan_test(with_level, PlanSettings(daily_impressions=10_000)).arms
    assert arm.impressions_per_arm == fixed_sample_size(0.02, 0.022, power=0.8, level=0.05)


@pytest.mark.parametrize("detect", [0.0, 3.0])
def test_a_change_worth_finding_is_a_share(detect: float) -> None:
    with pytest.raises(ConfigError, match=r"change worth finding must be in \[0.01, 2\]"):
        PlanSettings(daily_impressions=10, detect=detect)


def test_what_ends_a_long_test_in_time_does_so_when_it_is_done() -> None:
    base = {"rate": 0.012, "expected": 0.0132, "days": 28, "daily_impressions": 6_000, "num_ads": 2}
    sure = {"power": 0.8, "level": 0.05}
    ways = shorten(**base, **sure)  # type: ignore[arg-type]

    def days(rate: float, expected: float, daily: int) -> int:
        scale = max(math.log(expected / rate), MIN_EFFECT_SCALE)
        return math.ceil(2 * sequential_sample_size(rate, expected, **sure, effect_scale=scale) / daily)

    assert days(0.012, 0.0132, 6_000) > 80
    assert days(0.012, 0.0132, ways.daily_impressions) == 28
    assert days(0.012, 0.0132, ways.daily_impressions - 50) == 29
    assert ways.uplift is not None
    assert ways.frequency is not None
    assert [days(0.012, 0.012 * (1 + part * ways.uplift), 6_000) <= 28 for part in (1.001, 0.99)] == [True, False]
    often = [part * ways.frequency for part in (1.001, 0.99)]
    assert [days(times * 0.012, times * 0.0132, 6_000) <= 28 for times in often] == [True, False]
    hopeless = shorten(**{**base, "daily_impressions": 40}, **sure)  # type: ignore[arg-type]
    assert (hopeless.uplift, hopeless.frequency) == (None, None)
    assert say_shorter(hopeless) == f"{hopeless.daily_impressions:,} impressions a day"


def test_as_many_tests_as_end_in_time_are_counted_from_the_quickest() -> None:
    sizes = [30_000, 10_000, 90_000]
    found = [count_in_time(sizes, days=10, daily_impressions=daily) for daily in (1_000, 2_000, 12_000, 60_000)]
    assert found == [0, 1, 2, 3]
