"""The read-out: right when looked at daily, decided when there is something to see, honest at the edges."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, norm

from adcreative.delivery.experiment.read_out import ArmDay, read_out
from adcreative.delivery.experiment.sequential import compare_rates, fixed_sample_size, sequential_sample_size
from adcreative.errors import ConfigError

NUM_EXPERIMENTS, NUM_DAYS, LEVEL = 400, 28, 0.05


def simulate(control: float, variant: float, per_day: int, *, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return cumulative impressions [T] and clicks of control and variant [N, T]."""
    rng = np.random.default_rng(seed)
    daily = [rng.binomial(per_day, rate, (NUM_EXPERIMENTS, NUM_DAYS)) for rate in (control, variant)]
    return per_day * np.arange(1, NUM_DAYS + 1), daily[0].cumsum(1), daily[1].cumsum(1)


def decided_share(n: np.ndarray, x0: np.ndarray, x1: np.ndarray, effect_scale: float = 0.2) -> float:
    looks = compare_rates(x0[..., None], x1[..., None], n[:, None], n[:, None], level=LEVEL, effect_scale=effect_scale)
    is_decided = (looks.log_ratio_low > 0) | (looks.log_ratio_high < 0)
    np.testing.assert_array_equal(is_decided, looks.log_evidence > math.log(1 / LEVEL))  # interval and evidence agree
    return float(is_decided.any(1).mean())


def test_daily_peeking_keeps_the_level_where_the_naive_test_breaks_it() -> None:
    n, x0, x1 = simulate(0.02, 0.02, 3000, seed=11)
    pooled = (x0 + x1) / (2 * n)
    z = (x1 - x0) / n / np.sqrt(2 * pooled * (1 - pooled) / n)
    naive = float((np.abs(z) > norm.ppf(1 - LEVEL / 2)).any(1).mean())
    assert naive > 4 * LEVEL
    assert decided_share(n, x0, x1) <= LEVEL


def test_level_holds_for_rare_clicks_and_unequal_traffic() -> None:
    rng = np.random.default_rng(5)
    n0, n1 = (np.arange(1, NUM_DAYS + 1) * per_day for per_day in (400, 130))
    x0 = rng.binomial(400, 0.004, (NUM_EXPERIMENTS, NUM_DAYS)).cumsum(1)
    x1 = rng.binomial(130, 0.004, (NUM_EXPERIMENTS, NUM_DAYS)).cumsum(1)
    looks = compare_rates(x0[..., None], x1[..., None], n0[:, None], n1[:, None], level=LEVEL)
    assert ((looks.log_ratio_low > 0) | (looks.log_ratio_high < 0)).any(1).mean() <= LEVEL


def test_power_at_the_planned_size() -> None:
    size = sequential_sample_size(0.02, 0.025, power=0.8, level=LEVEL, effect_scale=math.log(1.25))
    assert size > fixed_sample_size(0.02, 0.025, power=0.8, level=LEVEL)  # what peeking costs
    n, x0, x1 = simulate(0.02, 0.025, math.ceil(size / NUM_DAYS), seed=3)
    share = decided_share(n, x0, x1, effect_scale=math.log(1.25))
    assert 0.76 <= share <= 0.95


def test_interval_covers_the_true_ratio_at_all_looks_at_once() -> None:
    n, x0, x1 = simulate(0.02, 0.03, 2000, seed=8)
    looks = compare_rates(x0[..., None], x1[..., None], n[:, None], n[:, None], level=LEVEL)
    true_ratio = math.log(1.5)
    misses = (looks.log_ratio_low > true_ratio) | (looks.log_ratio_high < true_ratio)
    assert misses.any(1).mean() <= LEVEL
    assert (looks.log_ratio_high - looks.log_ratio_low)[:, -1].mean() < 0.4  # and says something


def test_evidence_equals_plain_numerical_integration_over_days() -> None:
    x0, x1, n0, n1 = np.array([12, 3]), np.array([20, 9]), np.array([900, 300]), np.array([1000, 250])
    u = np.linspace(-3, 3, 200_001)

    def likelihood(ratio: np.ndarray) -> np.ndarray:
        total = np.ones_like(ratio)
        for d in range(2):
            total = total * binom.pmf(x1[d], x0[d] + x1[d], n1[d] * np.exp(ratio) / (n1[d] * np.exp(ratio) + n0[d]))
        return total

    mixture = np.trapezoid(likelihood(u) * norm.pdf(u, scale=0.3), u)
    expected = math.log(mixture / likelihood(np.zeros(1))[0])
    found = compare_rates(x0, x1, n0, n1, level=0.05, effect_scale=0.3)
    assert float(found.log_evidence) == pytest.approx(expected, abs=1e-6)
    inside = u[likelihood(u) > mixture * 0.05]
    assert float(found.log_ratio_low) == pytest.approx(inside[0], abs=1e-3)
    assert float(found.log_ratio_high) == pytest.approx(inside[-1], abs=1e-3)


def test_a_day_that_is_better_for_both_arms_is_no_evidence() -> None:
    """Simpson: equal rates on each day, but the variant ran mostly on the good day."""
    rows = [
        ArmDay(arm="a", day="1", impressions=90_000, clicks=900),
        ArmDay(arm="b", day="1", impressions=10_000, clicks=100),
        ArmDay(arm="a", day="2", impressions=10_000, clicks=300),
        ArmDay(arm="b", day="2", impressions=90_000, clicks=2700),
    ]
    arm = read_out(rows, control="a").arms[0]
    assert arm.answer == "go on"
    assert arm.uplift_low < 0 < arm.uplift_high  # type: ignore[operator]
    pooled = [ArmDay(arm=r.arm, impressions=r.impressions, clicks=r.clicks) for r in rows]
    assert read_out(pooled, control="a").arms[0].answer == "winner"  # what the days protect from


def test_winner_loser_and_go_on() -> None:
    counts = {"old": 1000, "better": 1400, "worse": 700, "same": 1010}
    rows = [ArmDay(arm=arm, impressions=50_000, clicks=clicks) for arm, clicks in counts.items()]
    result = read_out(rows, control="old", planned_impressions=50_000)
    assert {arm.arm: arm.answer for arm in result.arms} == {"better": "winner", "worse": "loser", "same": "go on"}
    better = result.arms[0]
    assert better.uplift == pytest.approx(0.4)
    assert 0 < better.uplift_low < 0.4 < better.uplift_high < 0.7  # type: ignore[operator]
    assert better.p_value < 1e-6
    assert [arm.arm for arm in result.arms] == ["better", "same", "worse"]  # the best first
    assert "50,000 impressions are reached" in result.arms[1].note


def test_more_variants_need_more_evidence() -> None:
    rows = [ArmDay(arm="old", impressions=20_000, clicks=400), ArmDay(arm="new", impressions=20_000, clicks=500)]
    others = [ArmDay(arm=f"other {k}", impressions=20_000, clicks=400) for k in range(9)]
    alone, among = read_out(rows, control="old").arms[0], read_out(rows + others, control="old").arms[0]
    assert (alone.answer, among.answer) == ("winner", "go on")
    assert among.uplift_low < alone.uplift_low
    assert among.p_value == alone.p_value


def test_an_answer_once_given_stays_given() -> None:
    rows = []
    for day in range(20):
        lift = 1.5 if day < 10 else 0.93
        rows += [ArmDay(arm="a", day=f"{day:02}", impressions=5000, clicks=100)]
        rows += [ArmDay(arm="b", day=f"{day:02}", impressions=5000, clicks=round(100 * lift))]
    assert read_out(rows[:20], control="a").arms[0].answer == "winner"
    later = read_out(rows, control="a").arms[0]
    assert later.answer == "winner"
    assert later.uplift_low >= read_out(rows[:20], control="a").arms[0].uplift_low


def test_no_clicks_and_no_shared_day_are_no_answer() -> None:
    empty = [ArmDay(arm="a", impressions=100, clicks=0), ArmDay(arm="b", impressions=100, clicks=0)]
    arm = read_out(empty, control="a").arms[0]
    assert (arm.answer, arm.uplift, arm.uplift_low, arm.uplift_high) == ("go on", None, -1.0, None)
    apart = [ArmDay(arm="a", day="1", impressions=9, clicks=1), ArmDay(arm="b", day="2", impressions=9, clicks=1)]
    assert read_out(apart, control="a").arms[0].note == "no day on which both arms ran"


def test_a_split_that_the_platform_bent_is_named() -> None:
    rows = [ArmDay(arm="a", impressions=90_000, clicks=900), ArmDay(arm="b", impressions=10_000, clicks=100)]
    assert "did not split the traffic evenly" in read_out(rows, control="a").warnings[0]
    rows = [ArmDay(arm="a", impressions=90_000, clicks=900), ArmDay(arm="b", impressions=85_000, clicks=100)]
    assert read_out(rows, control="a").warnings == ()


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([ArmDay(arm="a", impressions=1, clicks=0)], {"control": "b"}, 'no arm "b"; they have a'),
        ([ArmDay(arm="a", impressions=1, clicks=0)], {"control": "a"}, "only the control"),
        ([ArmDay(arm="a", impressions=1, clicks=2)], {"control": "a"}, "2 clicks of 1 impressions"),
        ([ArmDay(arm="a", impressions=1, clicks=0)], {"control": "a", "level": 0.7}, "level must be in"),
    ],
)
def test_impossible_questions_are_refused(rows: list[ArmDay], options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_out(rows, **options)


def arm_days(arm: str, num_days: int, *, spend: float, conversions: float, value: float) -> list[ArmDay]:
    return [
        ArmDay(
            arm=arm,
            day=f"{day:02d}",
            impressions=5_000,
            clicks=100,
            spend=spend,
            conversions=conversions,
            revenue=conversions * value,
        )
        for day in range(num_days)
    ]


def test_arms_are_compared_by_cost_and_by_return() -> None:
    rows = [
        *arm_days("control", 20, spend=100, conversions=10, value=30.0),
        *arm_days("cheaper", 20, spend=50, conversions=10, value=30.0),
        *arm_days("dearer", 20, spend=200, conversions=10, value=30.0),
    ]
    by_clicks = read_out(rows, control="control")
    assert [arm.answer for arm in by_clicks.arms] == ["go on", "go on"]
    assert by_clicks.control_value == 0.02
    for metric, control_value, values in (
        ("cpc", 1.0, [0.5, 2.0]),
        ("cost_per_conversion", 10.0, [5.0, 20.0]),
        ("roas", 3.0, [6.0, 1.5]),
    ):
        found = read_out(rows, control="control", metric=metric)
        assert [(arm.arm, arm.answer) for arm in found.arms] == [("cheaper", "winner"), ("dearer", "loser")]
        assert found.control_value == pytest.approx(control_value)
        assert [arm.value for arm in found.arms] == pytest.approx(values)
        assert found.arms[0].uplift == pytest.approx(1.0)
        assert found.arms[0].clicks == 2_000


def test_return_is_less_certain_than_the_orders_it_comes_from() -> None:
    rows = [
        *arm_days("control", 10, spend=100, conversions=5, value=30.0),
        *arm_days("b", 10, spend=80, conversions=6, value=30.0),
    ]
    (by_orders,) = read_out(rows, control="control", metric="cost_per_conversion").arms
    (by_return,) = read_out(rows, control="control", metric="roas").arms
    assert by_return.uplift == pytest.approx(by_orders.uplift)
    assert by_return.uplift_low < by_orders.uplift_low
    assert by_return.uplift_high > by_orders.uplift_high  # type: ignore[operator]


def test_cents_and_large_amounts_are_compared_alike() -> None:
    dear = [
        *arm_days("control", 5, spend=900, conversions=5, value=1.0),
        *arm_days("b", 5, spend=700, conversions=9, value=1.0),
    ]
    cheap = [replace(row, spend=(row.spend or 0) / 1_000) for row in dear]
    found, other = (read_out(rows, control="control", metric="cost_per_conversion").arms[0] for rows in (dear, cheap))
    assert (found.uplift_low, found.uplift_high) == pytest.approx((other.uplift_low, other.uplift_high))


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("cpm", 'no metric named "cpm"; known: ctr, cpc'),
        ("cpc", "no spend, of which cpc"),
        ("roas", "no revenue and no spend, of which roas is made"),
    ],
)
def test_a_metric_without_its_columns_is_refused(metric: str, message: str) -> None:
    rows = [ArmDay(arm=arm, impressions=100, clicks=2) for arm in ("control", "b")]
    with pytest.raises(ConfigError, match=message):
        read_out(rows, control="control", metric=metric)
    if metric == "roas":
        told = [replace(row, spend=1.0, revenue=2.0) for row in rows]
        with pytest.raises(ConfigError, match="have no conversions, without which"):
            read_out(told, control="control", metric=metric)


def test_an_amount_that_cannot_be_is_named() -> None:
    rows = [ArmDay(arm=arm, impressions=100, clicks=2, spend=-1.0) for arm in ("control", "b")]
    with pytest.raises(ConfigError, match='arm "control" has spend -1 and clicks 2; correct the row'):
        read_out(rows, control="control", metric="cpc")
