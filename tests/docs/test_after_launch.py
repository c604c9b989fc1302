"""The pages on what comes after launch and on published systems are followed as written, on one account."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from skimage import data

from adcreative.papers.learned_codec.model import freeze, save_codec
from tests.docs.test_recipes import desk, follow  # noqa: F401
from tests.papers.learned_codec.test_learned_codec import SMALL, build_small


@pytest.mark.planted
def test_after_launch(desk: Path) -> None:  # noqa: F811
    follow("how-to-after-launch.md", desk)
    network = build_small(0, replace(SMALL, lambdas=(0.01, 0.05, 0.1)))
    save_codec(freeze(network), network, desk / "runs" / "codec" / "weights", {})
    Image.fromarray(data.astronaut()[::8, ::8]).save(desk / "ad.png")
    found = follow("papers.md", desk)
    assert np.array_equal(found["image_u8"], found["coded"].image_u8)
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
    encoded = json.loads((shop / "encoded.json").read_text())
    print(encoded["method"], encoded["figures"])
    assert set(encoded["figures"]) == {"popular", "words", "neighbours", "encoder"}
    assert pd.read_csv(shop / "readers.slates.csv", keep_default_na=False)["user"].nunique() == 201
    assert "two-term hazard" in json.loads((shop / "lives.json").read_text())["concordance"]
    assert "**Sponsored:**" in (shop / "placed.md").read_text()
