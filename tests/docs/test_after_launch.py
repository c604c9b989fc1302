"""The page on what comes after launch is followed as written, on the account that it makes."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.docs.test_recipes import desk, follow  # noqa: F401


@pytest.mark.planted
def test_after_launch(desk: Path) -> None:  # noqa: F811
    follow("how-to-after-launch.md", desk)
    shop = desk / "shop"
    truth = json.loads((shop / "account-truth.json").read_text())["creatives"]
    assert len(truth) == 200
    assert not any("true" in column for path in shop.glob("account/*.csv") for column in pd.read_csv(path).columns)
    plan = pd.read_csv(shop / "plan.csv")
    rates = pd.Series({name: one["true_ctr_new"] for name, one in truth.items()})
    planned = float((plan["share"] * plan.creative.map(rates)).sum() / plan["share"].sum())
    print(f"planned {planned:.4f}, mean {rates.mean():.4f}, best {rates.max():.4f}")
    assert planned > 1.2 * rates.mean()
    assert len(pd.read_csv(shop / "page.slates.csv")) == 12_000  # three contexts, a thousand slates of four places each
    judged = json.loads((shop / "judged.json").read_text())
    assert judged["estimates"][0]["low"] < judged["estimates"][0]["value"] < judged["estimates"][0]["high"]
    forecast = json.loads((shop / "forecast.json").read_text())
    print(forecast["method"], forecast["concordance"])
    assert forecast["num_ended"] > 40
    targets = json.loads((shop / "targets.json").read_text())
    print(targets["method"], targets["figures"])
    assert targets["figures"][targets["method"]]["P@1"] > targets["figures"]["popular"]["P@1"]
    assert len(pd.read_csv(shop / "more.csv")) == 20
    assert json.loads((shop / "audit.json").read_text())["is_useful"]
    assert len(pd.read_csv(shop / "scores.personas.csv")) == 2 * 200
    assert "**Sponsored:**" in (shop / "placed.md").read_text()
