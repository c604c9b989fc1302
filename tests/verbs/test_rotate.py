"""`rotate` and `evaluate_policy` on small tables: plans that can be logged and judged, and bad input in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from adcreative import pipeline
from adcreative.cli.app import app
from adcreative.errors import CatalogError, ConfigError
from adcreative.verbs.rotate import _read_scores

NAMES = [f"Ad {number}" for number in range(6)]
RATES = np.array([0.02, 0.02, 0.05, 0.02, 0.02, 0.02])


@pytest.fixture
def account(tmp_path: Path) -> Path:
    table = pd.DataFrame(
        {
            "ad_name": [*NAMES, "New edit"],
            "headline": [f"Line number {n} of words" for n in range(7)],
            "brand": ["A"] * 3 + ["B"] * 3 + ["A"],
        }
    )
    table.to_csv(tmp_path / "account.csv", index=False)
    return tmp_path / "account.csv"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """12,000 single showings, equally likely, with one creative that is better than the others."""
    rng = np.random.default_rng(0)
    shown = rng.integers(0, 6, 12_000)
    table = pd.DataFrame(
        {
            "time": [f"2026-03-{day:02d}" for day in rng.integers(1, 29, 12_000)],
            "user": rng.integers(0, 3000, 12_000),
            "context": rng.choice(["feed", "story"], 12_000),
            "creative": np.array(NAMES)[shown],
            "click": rng.random(12_000) < RATES[shown],
            "propensity": 1 / 6,
        }
    )
    table["click"] = table["click"].astype(int)
    table.to_parquet(tmp_path / "log.parquet")
    return tmp_path / "log.parquet"


@pytest.fixture
def slate_log(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    rows = []
    for number in range(3000):
        shown = rng.choice(6, 3, replace=False)
        appeal = np.append(np.exp(np.log(RATES[shown] * 20)), 6.0)
        pick = rng.choice(4, p=appeal / appeal.sum())
        rows += [
            {"slate": number, "position": at + 1, "creative": NAMES[item], "click": int(at == pick), "propensity": 1 / 6}
            for at, item in enumerate(shown)
        ]
    pd.DataFrame(rows).to_csv(tmp_path / "slates.csv", index=False)
    return tmp_path / "slates.csv"


def test_the_better_creative_gets_most_and_the_plan_can_be_judged(account: Path, log: Path, tmp_path: Path) -> None:
    summary = pipeline.rotate(account, tmp_path / "plan.csv", log=log)
    plan = pd.read_csv(tmp_path / "plan.csv")
    assert plan.groupby("context")["share"].sum().to_numpy() == pytest.approx([1, 1], abs=1e-4)
    best = plan[plan.creative == "Ad 2"].set_index("context")
    assert (best["share"] > 0.8).all()
    assert ((best.ctr_low < 0.05) & (best.ctr_high > 0.045)).all()
    assert summary.lines[0].startswith("all results count alike: neither half-lives of 2 to 30 days nor trends")
    assert all('"Ad 2" is ' in line and " the best" in line for line in summary.lines[1:])
    pipeline.rotate(account, tmp_path / "seen.csv", log=log, policy="greedy")
    judged = pipeline.evaluate_policy(log, tmp_path / "judged.json", policy=tmp_path / "seen.csv")
    found = json.loads((tmp_path / "judged.json").read_text())
    assert {one["name"] for one in found["estimates"]} == {"IPS", "SNIPS", "DR"}
    for one in found["estimates"]:
        assert one["low"] < 0.05 < one["high"], one
    assert found["logged"]["value"] == pytest.approx(RATES.mean(), abs=0.004)
    assert found["effective_rows"] == pytest.approx(2000, rel=0.1)
    assert "more clicks than what ran" in judged.lines[-1]


def test_a_new_edit_is_planned_from_its_family_and_from_scores(account: Path, log: Path, tmp_path: Path) -> None:
    pipeline.rotate(account, tmp_path / "plan.csv", log=log, explore=0.1)
    plan = pd.read_csv(tmp_path / "plan.csv").groupby("creative").first()
    assert plan.loc["New edit", "impressions"] == 0
    assert plan["share"].min() >= 0.1 / 7 - 1e-6
    scores = pd.DataFrame({"ad_name": ["New edit", *NAMES], "ctr": ["level unknown"] * 7, "strength": [0.95] + [0.5] * 6})
    scores.to_csv(tmp_path / "scores.csv", index=False)
    pipeline.rotate(account, tmp_path / "told.csv", log=log, explore=0.1, scores=tmp_path / "scores.csv")
    told = pd.read_csv(tmp_path / "told.csv").groupby("creative").first()
    assert told.loc["New edit", "share"] > plan.loc["New edit", "share"]


def write_forecast(path: Path, **chances: float) -> Path:
    columns = ("creative", "state", "ends_in_7_days", "weekly_change", "change_high")
    rows = [
        dict(zip(columns, (name.replace("_", " "), "running", chance, None, None), strict=True))
        for name, chance in chances.items()
    ]
    rows.append(dict(zip(columns, ("Ad 5", "running", None, -0.2, -0.1), strict=True)))
    rows.append(dict(zip(columns, ("Ad 4", "ended", 0.99, -0.5, -0.1), strict=True)))
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_ads_that_probably_end_get_fewer_impressions(account: Path, log: Path, tmp_path: Path) -> None:
    plans = {}
    told = write_forecast(tmp_path / "forecast.csv", Ad_0=0.9)
    for name, forecast in (("plain", None), ("told", told)):
        summary = pipeline.rotate(account, tmp_path / "plan.csv", log=log, policy="uniform", forecast=forecast)
        plan = pd.read_csv(tmp_path / "plan.csv")
        plans[name] = plan[plan.context == "feed"].set_index("creative")["share"]
        assert plans[name].sum() == pytest.approx(1, abs=1e-4)
    ratio = plans["told"] / plans["plain"]
    assert ratio["Ad 0"] / ratio["Ad 1"] == pytest.approx(0.1, rel=1e-3)  # the chance to last the week
    assert ratio["Ad 5"] == ratio["Ad 1"]  # the log has days, and tells trends itself: they count once
    assert ratio["Ad 4"] == ratio["Ad 1"]  # it does not run, so the forecast says nothing of it
    assert summary.lines[-1].endswith("of the impressions; 1 ads more likely than not end within a week")
    undated = pd.read_parquet(log).drop(columns="time")
    undated.to_parquet(tmp_path / "undated.parquet")
    pipeline.rotate(account, tmp_path / "plan.csv", log=tmp_path / "undated.parquet", policy="uniform", forecast=told)
    shares = pd.read_csv(tmp_path / "plan.csv").query("context == 'feed'").set_index("creative")["share"]
    assert shares["Ad 5"] / shares["Ad 1"] == pytest.approx(0.8, rel=1e-3)  # what a falling rate leaves after a week


def test_what_explores_is_not_taken_by_a_forecast(account: Path, log: Path, tmp_path: Path) -> None:
    told = write_forecast(tmp_path / "forecast.csv", **{name.replace(" ", "_"): 1.0 for name in NAMES})
    pipeline.rotate(account, tmp_path / "plan.csv", log=log, policy="uniform", explore=0.7, forecast=told)
    plan = pd.read_csv(tmp_path / "plan.csv")
    assert plan["share"].min() == pytest.approx(0.1, abs=0.005)
    assert plan[plan.creative == "New edit"]["share"].min() > 0.25


def test_a_table_that_is_no_forecast_is_refused(account: Path, log: Path, tmp_path: Path) -> None:
    pd.DataFrame({"creative": ["Ad 0"], "state": ["running"]}).to_csv(tmp_path / "f.csv", index=False)
    with pytest.raises(ConfigError, match='is no table of forecast: it has no column "ends_in_7_days"'):
        pipeline.rotate(account, tmp_path / "plan.csv", log=log, forecast=tmp_path / "f.csv")


def test_slates_lean_away_from_ads_that_probably_end(account: Path, slate_log: Path, tmp_path: Path) -> None:
    told = write_forecast(tmp_path / "forecast.csv", Ad_2=0.95)
    first = []
    for forecast in (None, told):
        summary = pipeline.rotate(account, tmp_path / "plan.csv", log=slate_log, slots=3, forecast=forecast)
        plan = pd.read_csv(tmp_path / "plan.csv")
        first.append(float(plan[(plan.creative == "Ad 2") & (plan.slot == 1)]["share"].sum()))
    assert first[1] < 0.1 < 0.9 < first[0]
    assert "and are shown less" in summary.lines[-1]


def test_each_context_has_its_own_slates(account: Path, tmp_path: Path) -> None:
    """In stories the best creative of the feed is the worst, and a rare context borrows from all."""
    rng = np.random.default_rng(5)
    rows = []
    for number in range(6000):
        context = "rare" if number % 200 == 0 else ("feed", "story")[number % 2]
        appeal = np.log(np.array([0.5, 0.5, 2.0, 0.5, 0.5, 0.5]))
        appeal = -appeal if context == "story" else appeal
        shown = rng.choice(6, 3, replace=False)
        weights = np.exp(np.append(appeal[shown], 2.0))
        pick = rng.choice(4, p=weights / weights.sum())
        rows += [
            {"slate": number, "position": at + 1, "context": context, "creative": NAMES[item], "click": int(at == pick)}
            for at, item in enumerate(shown)
        ]
    pd.DataFrame(rows).to_csv(tmp_path / "slates.csv", index=False)
    pipeline.rotate(account, tmp_path / "plan.csv", log=tmp_path / "slates.csv", slots=2)
    plan, slates = pd.read_csv(tmp_path / "plan.csv").fillna({"context": ""}), pd.read_csv(tmp_path / "plan.slates.csv")
    assert sorted(plan.context.unique()) == ["", "feed", "story"]
    assert plan.groupby(["context", "slot"])["share"].sum().to_numpy() == pytest.approx(np.ones(6), abs=1e-4)
    first = plan[(plan.creative == "Ad 2") & (plan.slot == 1)].groupby("context")["share"].sum()
    assert first["feed"] > 0.8
    assert first.get("story", 0.0) < 0.05
    assert slates.fillna({"context": ""}).groupby("context").size().tolist() == [2000, 2000, 2000]
    page = (tmp_path / "plan.html").read_text()
    assert "story, slot 2" in page


def test_slates_are_planned_with_propensities_and_judged_as_wholes(account: Path, slate_log: Path, tmp_path: Path) -> None:
    pipeline.rotate(account, tmp_path / "plan.csv", log=slate_log, slots=3)
    plan, slates = pd.read_csv(tmp_path / "plan.csv"), pd.read_csv(tmp_path / "plan.slates.csv")
    assert plan.groupby("slot")["share"].sum().to_numpy() == pytest.approx([1, 1, 1], abs=1e-4)
    assert plan[plan.slot == 1].iloc[0].creative == "Ad 2"
    assert not slates.duplicated(["slate", "creative"]).any()
    joined = slates.merge(plan, on=["slot", "creative"])
    assert joined.propensity.to_numpy() == pytest.approx(joined["share"].to_numpy(), abs=1e-6)
    known = plan[plan.creative != "New edit"]
    known.assign(share=known["share"] / known.groupby("slot")["share"].transform("sum")).to_csv(tmp_path / "k.csv", index=False)
    pipeline.evaluate_policy(slate_log, tmp_path / "judged.json", policy=tmp_path / "k.csv")
    found = json.loads((tmp_path / "judged.json").read_text())
    assert [one["name"] for one in found["estimates"]][:2] == ["IIPS", "independent DR"]
    assert found["lift"] > 0
    again = tmp_path / "again.csv"
    pipeline.rotate(account, again, log=slate_log, slots=3)
    assert again.read_bytes() == (tmp_path / "plan.csv").read_bytes()  # same seed, same plan


def test_the_policy_that_ran_is_worth_what_it_earned(log: Path, tmp_path: Path) -> None:
    pipeline.evaluate_policy(log, tmp_path / "judged.json", policy="uniform")
    found = json.loads((tmp_path / "judged.json").read_text())
    assert found["effective_rows"] == pytest.approx(12_000)
    assert all(one["value"] == pytest.approx(found["logged"]["value"], rel=0.02) for one in found["estimates"])


def sequential_log(path: Path, *, noted: str) -> float:
    """Write slates of 3 of 5 chosen one after the other with known chances; return the true clicks of the uniform policy.

    noted: "given the places before" notes the chance of each place given those before it, "marginal" one that is too small.
    """
    rng = np.random.default_rng(7)
    names, rates, weight = (
        np.array([f"Ad {n}" for n in range(5)]),
        np.array([0.05, 0.1, 0.2, 0.1, 0.3]),
        np.array([3.0, 2, 1, 1, 1]),
    )
    rows = []
    for number in range(6000):
        for at in range(3):  # with replacement, so that the uniform policy is a table of shares
            item = rng.choice(5, p=weight / weight.sum())
            chance = weight[item] / weight.sum() * (1.0 if noted == "given the places before" else 0.5)
            rows.append(
                {
                    "slate": number,
                    "position": at + 1,
                    "creative": names[item],
                    "propensity": chance,
                    "click": int(rng.random() < rates[item] * (1 - 0.2 * at)),
                }
            )
    pd.DataFrame(rows).to_csv(path, index=False)
    return float(rates.mean() * (1 + 0.8 + 0.6))


def test_whole_slates_are_judged_only_where_their_chances_multiply(tmp_path: Path) -> None:
    truth = sequential_log(tmp_path / "good.csv", noted="given the places before")
    summary = pipeline.evaluate_policy(tmp_path / "good.csv", tmp_path / "judged.json")
    found = json.loads((tmp_path / "judged.json").read_text())
    assert [one["name"] for one in found["estimates"]] == ["IIPS", "independent DR", "SIPS", "RIPS", "cascade DR"]
    for one in found["estimates"]:
        assert one["low"] - 0.01 < truth < one["high"] + 0.01, one
    assert [said for said in summary.warnings if "repeat a creative within one slate" not in said] == []
    sequential_log(tmp_path / "bad.csv", noted="marginal")
    with pytest.raises(ConfigError, match=r"weights average 2\.\d\d where 1 is expected"):
        pipeline.evaluate_policy(tmp_path / "bad.csv", tmp_path / "judged.json", restart=True)


def test_shares_are_those_of_the_creatives_that_ran_that_day(tmp_path: Path) -> None:
    """Two ads a day, other ones each day: uniform over all ten would show what was not running."""
    rng = np.random.default_rng(8)
    rows = [
        {"day": f"2026-03-{day:02d}", "creative": f"Ad {2 * day + pick}", "click": int(rng.random() < 0.2), "propensity": 0.5}
        for day in range(1, 6)
        for pick in rng.integers(0, 2, 800)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "log.csv", index=False)
    pipeline.evaluate_policy(tmp_path / "log.csv", tmp_path / "judged.json")
    found = json.loads((tmp_path / "judged.json").read_text())
    assert found["effective_rows"] == pytest.approx(4000)
    assert all(one["value"] == pytest.approx(found["logged"]["value"], rel=1e-6) for one in found["estimates"][:2])


def test_old_results_can_count_less(account: Path, tmp_path: Path) -> None:
    rows = [
        {"day": day, "ad_name": name, "impressions": 5000, "clicks": clicks}
        for day, name, clicks in (("2026-01-01", "Ad 0", 300), ("2026-03-01", "Ad 0", 50), ("2026-03-01", "Ad 1", 100))
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "days.csv", index=False)
    leads = []
    for half_life in (0.0, 7.0):
        pipeline.rotate(account, tmp_path / "plan.csv", log=tmp_path / "days.csv", half_life_days=half_life)
        leads.append(pd.read_csv(tmp_path / "plan.csv").iloc[0].creative)
    assert leads == ["Ad 0", "Ad 1"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"policy": "best"}, 'no policy named "best"'),
        ({"slots": 0}, "slots must be at least 1"),
        ({"half_life_days": float("nan")}, "the half-life 0 or more"),
        ({"slots": 2}, "needs a log of slates"),
        ({"explore": -1.0}, "explore must lie in 0 to 1"),
    ],
)
def test_wrong_settings_write_nothing(
    settings: dict[str, object], message: str, account: Path, log: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ConfigError, match=message):
        pipeline.rotate(account, tmp_path / "plan.csv", log=log, **settings)
    assert sorted(tmp_path.iterdir()) == before


def test_what_a_log_cannot_tell_is_refused(account: Path, log: Path, slate_log: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.csv"
    pipeline.rotate(account, plan, log=log, explore=0.2)
    with pytest.raises(ConfigError, match="never shown in that context and slot"):
        pipeline.evaluate_policy(log, tmp_path / "judged.json", policy=plan)  # a fifth goes to seven, one of them new
    few = pd.read_parquet(log).head(40)
    few.to_parquet(tmp_path / "few.parquet")
    pd.DataFrame({"creative": ["Ad 2"], "share": [1.0]}).to_csv(plan, index=False)
    with pytest.raises(ConfigError, match="worth only"):
        pipeline.evaluate_policy(tmp_path / "few.parquet", tmp_path / "judged.json", policy=plan)
    pd.DataFrame({"creative": ["Ad 2"], "share": [0.4]}).to_csv(plan, index=False)
    with pytest.raises(ConfigError, match=r"sum to 0\.400"):
        pipeline.evaluate_policy(log, tmp_path / "judged.json", policy=plan)
    pd.DataFrame({"creative": ["Ad 2"]}).to_csv(plan, index=False)
    with pytest.raises(ConfigError, match='no column "share"'):
        pipeline.evaluate_policy(log, tmp_path / "judged.json", policy=plan)
    with pytest.raises(ConfigError, match='neither a plan that rotate wrote nor "uniform"'):
        pipeline.evaluate_policy(log, tmp_path / "judged.json", policy="random")
    with pytest.raises(ConfigError, match="clip must be above 0"):
        pipeline.evaluate_policy(log, tmp_path / "judged.json", clip=0)
    with pytest.raises(ConfigError, match="stopped before"):
        pipeline.evaluate_policy(log, tmp_path / "judged.json", should_stop=lambda: True)
    pd.read_parquet(log).drop(columns="propensity").to_parquet(tmp_path / "bare.parquet")
    with pytest.raises(ConfigError, match="has no propensities"):
        pipeline.evaluate_policy(tmp_path / "bare.parquet", tmp_path / "judged.json")
    assert not (tmp_path / "judged.json").exists()


def test_another_accounts_log_is_refused(account: Path, log: Path, tmp_path: Path) -> None:
    table = pd.read_parquet(log)
    table.assign(creative="Stranger").to_parquet(tmp_path / "other.parquet")
    with pytest.raises(CatalogError, match='the log has "Stranger", the account "Ad 0"'):
        pipeline.rotate(account, tmp_path / "plan.csv", log=tmp_path / "other.parquet")
    table.loc[:10, "creative"] = "Stranger"
    table.to_parquet(tmp_path / "some.parquet")
    summary = pipeline.rotate(account, tmp_path / "plan.csv", log=tmp_path / "some.parquet")
    assert '1 creatives of the log are not in the account and are not planned, such as "Stranger".' in summary.warnings
    pd.DataFrame({"x": [1]}).to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(ConfigError, match="no table of score"):
        pipeline.rotate(account, tmp_path / "plan.csv", log=log, scores=tmp_path / "bad.csv")


def test_slates_leave_an_ad_that_wears_with_and_without_a_forecast(account: Path, tmp_path: Path) -> None:
    """The best of all days is no longer the best: slates carry its fall on, and a forecast of it counts no second time."""
    rng = np.random.default_rng(3)
    rows = []
    for number in range(6000):
        day = number // 250
        appeal = np.array([1.0, 1, 4.0 * 0.85**day, 1, 1, 1])
        shown = rng.choice(6, 3, replace=False)
        weights = np.append(appeal[shown], 6.0)
        pick = rng.choice(4, p=weights / weights.sum())
        rows += [
            {
                "slate": number,
                "day": f"2026-03-{day + 1:02d}",
                "position": at + 1,
                "creative": NAMES[item],
                "click": int(at == pick),
            }
            for at, item in enumerate(shown)
        ]
    pd.DataFrame(rows).to_csv(tmp_path / "slates.csv", index=False)
    told = tmp_path / "forecast.csv"
    columns = ("creative", "state", "ends_in_7_days", "weekly_change", "change_high")
    pd.DataFrame([dict(zip(columns, ("Ad 2", "running", None, -0.6, -0.5), strict=True))]).to_csv(told, index=False)
    shares = []
    for half_life, forecast in ((0.0, None), (None, None), (None, told)):
        summary = pipeline.rotate(
            account, tmp_path / "plan.csv", log=tmp_path / "slates.csv", slots=2, half_life_days=half_life, forecast=forecast
        )
        plan = pd.read_csv(tmp_path / "plan.csv")
        shares.append(float(plan[(plan.creative == "Ad 2") & (plan.slot == 1)]["share"].sum()))
    assert shares[1] < 0.1 < shares[0]
    assert shares[2] == shares[1]
    assert "fell better than all results alike" in summary.lines[0]


def test_how_a_log_is_written_can_be_said_to_each_verb(account: Path, tmp_path: Path) -> None:
    """Without --decimals the counts can be read two ways: rates have a point."""
    rows = [f"{name},2026-11-{day:02},1.234,{day},0.5" for name in NAMES[:2] for day in range(1, 9)]
    log = tmp_path / "log.csv"
    log.write_text("creative,day,impressions,clicks,propensity\n" + "\n".join(rows) + "\n")
    verbs = {"rotate": [str(account), "--log", str(log)], "evaluate-policy": [str(log)], "forecast": [str(log)]}
    for verb, arguments in verbs.items():
        said = CliRunner().invoke(app, [verb, *arguments, "--out", str(tmp_path / f"{verb}.csv")])
        assert said.exit_code == 2
        assert "say which is right with --decimals point or --decimals comma" in " ".join(said.output.split())
    said = CliRunner().invoke(app, ["forecast", str(log), "--out", str(tmp_path / "f.csv"), "--decimals", "point"])
    assert 'row 1: "1.234" in the column impressions is no number' in " ".join(said.output.split())
    for verb, arguments in verbs.items():
        said = CliRunner().invoke(app, [verb, *arguments, "--out", str(tmp_path / "x.csv"), "--rates", "per mille"])
        assert "--rates must be percent or share" in " ".join(said.output.split())


def test_scores_with_a_decimal_comma_are_read_and_words_refused(account: Path, log: Path, tmp_path: Path) -> None:
    scores = tmp_path / "scores.csv"
    scores.write_text('ad_name,ctr\nAd 0,"0,021"\nNew edit,"0,3"\n')
    assert _read_scores(scores) == {"Ad 0": 0.021, "New edit": 0.3}
    scores.write_text("ad_name,ctr\nAd 0,high\n")
    with pytest.raises(CatalogError, match='row 1: "high" in the column ctr is no number'):
        pipeline.rotate(account, tmp_path / "plan.csv", log=log, scores=scores)
