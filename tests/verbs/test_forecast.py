"""`forecast` on planted accounts by day: who ends is told, budget stops are not the ad's, small accounts get trends."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adcreative import pipeline
from adcreative.catalog import read_catalog
from adcreative.delivery.forecast.lifetimes import read_lifetimes
from adcreative.delivery.forecast.wear_out import remaining_days
from adcreative.errors import CatalogError, ConfigError

START = date(2026, 1, 1)


def plant_days(num_ads: int, num_days: int = 60, seed: int = 0) -> pd.DataFrame:
    """Ads of two kinds, launched over time: weak ones (0.5 %) are cut out early, strong ones (3 %) wear out late."""
    rng = np.random.default_rng(seed)
    rows = []
    for ad in range(num_ads):
        rate = 0.005 if ad % 2 else 0.03
        launch = int(rng.integers(0, num_days))
        life = int(np.ceil(rng.exponential(5 if ad % 2 else 30)))
        for age in range(min(life, num_days - launch)):
            shown = int(rng.integers(800, 1200))
            day = (START + timedelta(launch + age)).isoformat()
            rows.append({"ad_name": f"Ad {ad}", "day": day, "impressions": shown, "clicks": int(rng.binomial(shown, rate))})
    return pd.DataFrame(rows)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    plant_days(240).to_csv(tmp_path / "daily.csv", index=False)
    ads = pd.DataFrame({"ad_name": [f"Ad {ad}" for ad in range(240)], "headline": [f"Line {ad} of words" for ad in range(240)]})
    ads.to_csv(tmp_path / "ads.csv", index=False)
    return tmp_path


def test_weak_ads_are_told_from_strong_ones_and_the_queue_can_be_optimized(desk: Path) -> None:
    summary = pipeline.forecast(desk / "daily.csv", desk / "forecast.csv", creatives=desk / "ads.csv")
    found, sheet = pd.read_csv(desk / "forecast.csv"), json.loads((desk / "forecast.json").read_text())
    assert set(sheet["concordance"]) == {"kaplan-meier", "cox", "forest"}
    assert sheet["concordance"]["kaplan-meier"]["short"] == 0.5
    assert sheet["concordance"][sheet["method"]]["short"] > 0.6
    running = found[found.state == "running"].assign(weak=lambda rows: rows.creative.str[3:].astype(int) % 2)
    young = running[running.age_days < 8].groupby("weak").ends_in_7_days.mean()
    assert young[1] > young[0] + 0.2
    dated = running.dropna(subset=["retire_by", "retire_by_high"])
    assert (dated.retire_by_low <= dated.retire_by).all()
    assert (dated.retire_by <= dated.retire_by_high).all()
    assert (dated.retire_by_low >= max(plant_days(240).day)).all()
    assert sorted(running.refresh_rank) == list(range(1, len(running) + 1))
    curve = sheet["still_running_by_day"]
    assert curve == sorted(curve, reverse=True)
    queue = read_catalog(desk / "forecast.refresh.csv").creatives
    assert 0 < len(queue) < len(running)
    assert any("measured on" in line for line in summary.lines)


def test_small_accounts_get_the_trend_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = [
        {
            "ad_name": name,
            "day": (START + timedelta(age)).isoformat(),
            "impressions": 3000,
            "clicks": int(rng.binomial(3000, 0.03 * factor**age)),
        }
        for name, factor in (("Tired", 0.95), ("Steady", 1.0))
        for age in range(28)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "daily.csv", index=False)
    summary = pipeline.forecast(tmp_path / "daily.csv", tmp_path / "forecast.csv")
    found = pd.read_csv(tmp_path / "forecast.csv").set_index("creative")
    assert found.loc["Tired", "change_high"] < 0
    assert pd.isna(found.loc["Tired", "retire_by"])
    assert any("too few to learn lifetimes from" in warning and "the trend alone" in warning for warning in summary.warnings)
    assert any('refresh "Tired"' in line for line in summary.lines)
    assert not any("Steady" in line for line in summary.lines)


def test_ads_of_one_day_each_say_nothing_of_lifetimes(tmp_path: Path) -> None:
    rows = [
        {"ad_name": f"Ad {n}", "day": (START + timedelta(n % 30)).isoformat(), "impressions": 900, "clicks": 9}
        for n in range(200)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "daily.csv", index=False)
    summary = pipeline.forecast(tmp_path / "daily.csv", tmp_path / "forecast.csv")
    assert any("different numbers of days" in warning and "the trend alone" in warning for warning in summary.warnings)


def log_rows(*, reasons: bool = False) -> pd.DataFrame:
    days = plant_days(60).rename(columns={"ad_name": "creative", "day": "time"})
    return days.assign(context="feed")


def test_ends_by_the_budget_are_not_the_ads_own() -> None:
    rows = log_rows()
    plain = read_lifetimes(rows, "log")
    dark = (START + timedelta(40)).isoformat()
    cut = rows[rows.time < dark]
    later = rows[(rows.time >= dark)].head(30).assign(impressions=10, clicks=0)
    found = read_lifetimes(pd.concat([cut, later]), "log")
    last = found.start + found.duration - 1
    on_the_eve = last == date.fromisoformat(dark).toordinal() - 1
    assert on_the_eve.sum() > 5
    assert not found.ended[on_the_eve].any()
    assert found.ended[last < last[on_the_eve][0]].all()
    assert "fell by half or more" in found.screens[0]
    reasons = dict.fromkeys(plain.names, "Budget")
    assert read_lifetimes(rows, "log", reasons).ended.sum() == 0
    assert read_lifetimes(rows, "log", dict.fromkeys(plain.names, "Fatigue")).ended.sum() == plain.ended.sum()


@pytest.mark.parametrize("name", ["semicolons.csv", "utf16.csv", "german.csv", "daily.xlsx", "parts"])
def test_a_stop_reason_counts_in_every_table_that_is_read(name: str, tmp_path: Path) -> None:
    table = plant_days(30).assign(stop_reason="")
    table.loc[table.groupby("ad_name").tail(1).index, "stop_reason"] = "budget"
    table.to_csv(tmp_path / "plain.csv", index=False)
    path = tmp_path / name
    if name == "daily.xlsx":
        table.to_excel(path, index=False)
    elif name == "parts":
        path.mkdir()
        for number, part in enumerate(np.array_split(np.arange(len(table)), 3)):
            table.iloc[part].to_csv(path / f"{number}.csv", index=False)
    else:
        german = {"ad_name": "Anzeigenname", "day": "Tag", "impressions": "Impressionen", "clicks": "Link-Klicks"}
        told = table.rename(columns={**german, "stop_reason": "Stop reason"} if name == "german.csv" else {})
        told.to_csv(path, index=False, sep=";", encoding="utf-16" if name == "utf16.csv" else "utf-8")
    for source in (tmp_path / "plain.csv", path):
        pipeline.forecast(source, tmp_path / "out" / f"{source.stem}.csv")
    plain, other = (json.loads((tmp_path / "out" / f"{one}.json").read_text()) for one in ("plain", path.stem))
    assert plain["num_ended"] == 0
    assert {key: other[key] for key in ("num_ads", "num_ended")} == {key: plain[key] for key in ("num_ads", "num_ended")}


def test_a_change_of_audience_is_told() -> None:
    rows = log_rows()
    moved = rows.assign(context=np.where(rows.time < "2026-02-01", "feed", "story"))
    assert any("moved to other contexts" in line for line in read_lifetimes(moved, "log").screens)
    assert not read_lifetimes(rows, "log").screens


def test_what_was_known_early_does_not_look_ahead() -> None:
    rows = log_rows()
    first = rows.groupby("creative")["time"].transform("min")
    age = (pd.to_datetime(rows.time) - pd.to_datetime(first)).dt.days
    later = rows.assign(clicks=np.where(age >= 2, 0, rows.clicks))
    early, changed = (read_lifetimes(one, "log").early for one in (rows, later))
    base = np.log(rows.clicks.sum() / later.clicks.sum())
    assert np.abs(early[:, 0] - changed[:, 0]).max() == 0
    assert np.corrcoef(early[:, 1], changed[:, 1])[0, 1] > 0.95  # the account's mean changes, the ads' order does not
    assert base > 0


def test_remaining_days_are_given_what_was_lived() -> None:
    curve = 0.5 ** np.arange(0, 11)[None]
    assert remaining_days(curve, np.array([0.0]), (0.5, 0.9)).tolist() == [[1, 4]]
    assert remaining_days(curve, np.array([3.0]), (0.5,)).tolist() == [[1]]  # no memory
    assert np.isinf(remaining_days(np.ones((1, 11)), np.array([2.0]), (0.5,))).all()


def test_wrong_input_is_refused(desk: Path) -> None:
    table = pd.read_csv(desk / "daily.csv")
    table.drop(columns="day").to_csv(desk / "bad.csv", index=False)
    with pytest.raises(CatalogError, match="has no rows by day"):
        pipeline.forecast(desk / "bad.csv", desk / "forecast.csv")
    with pytest.raises(ConfigError, match="stopped before"):
        pipeline.forecast(desk / "daily.csv", desk / "forecast.csv", should_stop=lambda: True)
    assert not (desk / "forecast.csv").exists()


def test_beyond_what_the_log_knows_a_day_is_told_after_which_the_end_lies(tmp_path: Path) -> None:
    """Half of the ads end within days, the others within no log: for them no date is invented."""
    rng = np.random.default_rng(4)
    rows = []
    for ad in range(240):
        launch, life = int(rng.integers(0, 60)), int(np.ceil(rng.exponential(6))) if ad % 2 else 999
        rows += [
            {
                "ad_name": f"Ad {ad}",
                "day": (START + timedelta(day)).isoformat(),
                "impressions": 1000,
                "clicks": int(rng.binomial(1000, 0.005 if ad % 2 else 0.03)),
            }
            for day in range(launch, min(launch + life, 60))
        ]
    pd.DataFrame(rows).to_csv(tmp_path / "daily.csv", index=False)
    summary = pipeline.forecast(tmp_path / "daily.csv", tmp_path / "forecast.csv")
    found, sheet = pd.read_csv(tmp_path / "forecast.csv"), json.loads((tmp_path / "forecast.json").read_text())
    strong = found[(found.state == "running") & (found.creative.str[3:].astype(int) % 2 == 0)]
    later = strong[strong.later_than.notna()]
    assert len(later) > 0.9 * len(strong)
    assert later.retire_by.isna().all()
    age_then = (pd.to_datetime(later.later_than) - pd.Timestamp(START + timedelta(59))).dt.days + later.age_days
    assert (age_then[later.age_days <= sheet["known_age_days"]] == sheet["known_age_days"]).all()
    assert (pd.to_datetime(later.later_than) >= pd.Timestamp(START + timedelta(59))).all()
    assert len(sheet["still_running_by_day"]) == sheet["known_age_days"] + 1
    assert any("no date is told, but the day after which it lies" in line for line in summary.lines)
    assert set(sheet["level_gap"]) == set(sheet["concordance"])
