from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from scipy.optimize import minimize

from adcreative.catalog.results import ResultRow
from adcreative.delivery.forecast.trend import fit_trend, measure_fatigue


def make_rows(name: str, weekly: float, *, seed: int, days: int = 28, shown: int = 3000, noise: float = 0.0) -> list[ResultRow]:
    rng = np.random.default_rng(seed)
    rows = []
    for day in range(days):
        odds = 0.02 * np.exp(weekly * day / 7 + noise * rng.standard_normal())
        clicks = int(rng.binomial(shown, odds / (1 + odds)))
        start = (date(2026, 1, 1) + timedelta(days=day)).isoformat()
        rows.append(ResultRow(ad_name=name, impressions=shown, clicks=clicks, date_start=start, date_end=start))
    return rows


def test_a_falling_ad_is_seen_and_its_interval_holds_the_truth() -> None:
    (found,) = measure_fatigue(make_rows("a", -0.2, seed=0))
    assert found.is_falling
    assert found.low is not None
    assert found.high is not None
    assert found.low < np.expm1(-0.2) < found.high
    assert (found.age_days, len(found.series)) == (27, 28)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_of_steady_ads_about_one_in_twenty_is_called_falling(noise: float) -> None:
    found = [measure_fatigue(make_rows("a", 0.0, seed=seed, shown=800, noise=noise))[0] for seed in range(400)]
    for share in (np.mean([one.is_falling for one in found]), np.mean([one.is_rising for one in found])):
        assert 0.02 < share < 0.085
    assert np.mean([one.low <= 0 <= one.high for one in found]) > 0.85  # type: ignore[operator]


def test_of_the_ads_called_falling_together_at_most_a_tenth_is_so_by_chance() -> None:
    """Ninety steady ads and ten that fall, ten times: alone, five of the steady ones would be called falling each time."""
    false, called = 0, 0
    for seed in range(10):
        rows = [
            row
            for number in range(100)
            for row in make_rows(
                f"{'falls' if number < 10 else 'steady'} {number}", -0.3 * (number < 10), seed=1000 * seed + number
            )
        ]
        found = [one.name for one in measure_fatigue(rows) if one.is_falling or one.is_rising]
        false, called = false + sum("steady" in name for name in found), called + len(found)
    assert called > 80
    assert false / called < 0.2


def test_the_slope_is_that_of_the_likelihood() -> None:
    series = [(float(day), 1000 + 50 * day, 25 - day) for day in range(12)]
    age, shown, clicked = (np.array(column) for column in zip(*series, strict=True))

    def loss(weights: np.ndarray) -> float:
        logit = weights[0] + weights[1] * age / 7
        return float((shown * np.log1p(np.exp(logit)) - clicked * logit).sum())

    expected = minimize(loss, np.array([-4.0, 0.0]), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-9}).x[1]
    assert fit_trend(series)[0] == pytest.approx(expected, abs=1e-5)


def test_too_little_data_is_said_and_listed_last() -> None:
    rows = [
        *make_rows("short", -0.5, seed=1, days=4),
        *make_rows("few", -0.5, seed=2, shown=20),
        *make_rows("falls", -0.3, seed=3),
        *make_rows("steady", 0.0, seed=4),
        ResultRow(ad_name="undated", impressions=1000, clicks=90),
    ]
    found = {one.name: one for one in measure_fatigue(rows)}
    assert list(found)[:2] == ["falls", "steady"]
    assert found["short"].missing == "4 periods over 3 days"
    assert "clicks" in found["few"].missing
    assert (found["undated"].missing, found["undated"].change) == ("no dates", None)
    assert not found["undated"].is_falling


def test_rows_of_one_day_are_added_up_and_the_account_is_one_ad() -> None:
    rows = make_rows("a", -0.2, seed=5)
    halves = [
        ResultRow(ad_name=n, impressions=row.impressions, clicks=row.clicks, date_start=row.date_start)
        for row in rows
        for n in ("a", "b")
    ]
    (together,) = measure_fatigue(halves, together="all ads")
    assert together.name == "all ads"
    assert together.series[0][1:] == (6000, 2 * rows[0].clicks)
    assert together.change == pytest.approx(measure_fatigue(rows)[0].change)


def test_an_ad_without_a_click_at_the_end_is_still_fitted() -> None:
    found = fit_trend([(float(day), 1000, 40 if day < 3 else 0) for day in range(10)])
    assert found is not None
    assert np.isfinite(found).all()
    assert found[2] < 0


def test_clicks_in_the_first_period_only_have_no_slope() -> None:
    rows = [replace(row, clicks=40 if number == 0 else 0) for number, row in enumerate(make_rows("a", 0.0, seed=6))]
    (found,) = measure_fatigue(rows)
    assert (found.change, found.missing) == (None, "clicks in the first or the last period only")
