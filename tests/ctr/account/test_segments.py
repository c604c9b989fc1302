"""Segments: a rate for each device and weekday that the account knows; the weekday comes from the table's dates."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adcreative.catalog import read_catalog
from adcreative.ctr.account.fitting import fit_account
from adcreative.features.batch import CreativeFeatures
from adcreative.verbs.score import check_segments, score_segments

WEEKEND = ("saturday", "sunday")


def test_rates_by_device_and_by_the_weekday_of_a_date_column(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = []
    for number in range(168):
        day, device = date(2026, 3, 2) + timedelta(number % 28), "mobile" if number % 2 else "desktop"
        rate = 0.02 * (2.0 if day.weekday() >= 5 else 1.0) * (1.5 if device == "mobile" else 1.0)
        rows.append(
            {
                "ad_name": f"ad {number}",
                "headline": f"winter coats {number // 6}",
                "device": device,
                "date": day.isoformat(),
                "impressions": 4_000,
                "clicks": rng.binomial(4_000, rate),
            }
        )
    pd.DataFrame(rows).to_csv(tmp_path / "ads.csv", index=False)
    creatives = read_catalog(tmp_path / "ads.csv").creatives
    model, _, _ = fit_account(creatives, [CreativeFeatures()] * len(creatives), seed=0)
    for column in ("device", "weekday"):
        check_segments(model, column)
    by_device = score_segments(model, creatives[0], CreativeFeatures(), "device")
    assert by_device["mobile"][0] / by_device["desktop"][0] == pytest.approx(1.5, rel=0.15)
    by_weekday = score_segments(model, creatives[0], CreativeFeatures(), "weekday")
    assert len(by_weekday) == 7
    others = np.mean([rates[0] for name, rates in by_weekday.items() if name not in WEEKEND])
    assert all(by_weekday[name][0] / others == pytest.approx(2.0, rel=0.25) for name in WEEKEND)
    assert all(low < rate < high for rate, low, high in by_weekday.values())
