"""`target` on a small account: learnt pairs carry over to new creatives, floors stand beside, bad input is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adcreative import pipeline
from adcreative.creative import Creative
from adcreative.errors import CatalogError, ConfigError
from adcreative.verbs.target import _read_labels

PRODUCTS = {"shoe": "sneaker store", "bed": "sleep help", "pan": "cook at home", "bank": "save money", "tent": "camp trip"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """60 creatives of five products; queries share no word with the ads, so that only known pairs tell."""
    rng = np.random.default_rng(0)
    fill = ["today", "now", "better", "simple", "new", "yours", "again", "finally"]
    ads, pairs = [], []
    for number in range(60):
        product, query = list(PRODUCTS.items())[number % 5]
        ads.append({"ad_name": f"Ad {number}", "headline": f"{product} {' '.join(rng.choice(fill, 3, replace=False))}"})
        if number < 55:
            pairs.append({"ad_name": f"Ad {number}", "query": query})
    pd.DataFrame(ads).to_csv(tmp_path / "ads.csv", index=False)
    extra = [{"ad_name": "", "query": f"unrelated {number}"} for number in range(10)]
    pd.DataFrame(pairs + extra).to_csv(tmp_path / "queries.csv", index=False)
    return tmp_path


def test_new_creatives_get_the_queries_of_their_product(shop: Path) -> None:
    summary = pipeline.target(shop / "ads.csv", shop / "targets.csv", labels=shop / "queries.csv", num=3)
    found, sheet = pd.read_csv(shop / "targets.csv"), json.loads((shop / "targets.json").read_text())
    first = found[found["rank"] == 1].set_index("creative").label
    for number in range(55, 60):  # without any known pair
        assert first[f"Ad {number}"] == list(PRODUCTS.values())[number % 5]
    assert set(sheet["figures"]) == {"popular", "words", "neighbours"}
    assert sheet["figures"]["popular"]["P@1"] < 0.5 < sheet["figures"][sheet["method"]]["P@1"]
    assert sheet["num_held_out"] == 11
    assert found.groupby("creative").size().eq(3).all()
    assert "creatives left out" in summary.lines[-1]


def test_without_known_pairs_labels_with_like_words_are_named(shop: Path) -> None:
    (shop / "keywords.csv").write_text("keyword\nshoe shop\nbed frame\nloan\nbest shoes\n")
    summary = pipeline.target(shop / "ads.csv", shop / "targets.csv", labels=shop / "keywords.csv", num=9)
    found = pd.read_csv(shop / "targets.csv")
    assert found[(found.creative == "Ad 0") & (found["rank"] == 1)].label.item() in ("shoe shop", "best shoes")
    assert found.groupby("creative").size().eq(4).all()  # there are no more labels
    assert "nothing was measured" in summary.lines[0]


def test_wrong_input_is_refused(shop: Path) -> None:
    for content, message in (("text\na\n", "no column of labels"), ("query\none\none\n", "has 1 label; at least 2")):
        (shop / "bad.csv").write_text(content)
        with pytest.raises(CatalogError, match=message):
            pipeline.target(shop / "ads.csv", shop / "targets.csv", labels=shop / "bad.csv")
    with pytest.raises(ConfigError, match="num must be at least 1"):
        pipeline.target(shop / "ads.csv", shop / "targets.csv", labels=shop / "queries.csv", num=0)
    with pytest.raises(ConfigError, match="stopped before"):
        pipeline.target(shop / "ads.csv", shop / "targets.csv", labels=shop / "queries.csv", should_stop=lambda: True)
    assert not (shop / "targets.csv").exists()
    (shop / "other.csv").write_text("ad_name,query\nNobody,a\nAd 1,b\n")
    summary = pipeline.target(shop / "ads.csv", shop / "targets.csv", labels=shop / "other.csv")
    assert summary.warnings[0].startswith("1 rows of other.csv name creatives")


def test_clicks_of_known_pairs_are_numbers_as_people_write_them(tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text('ad_name,query,clicks\nSea,shoes,"1,000"\nSea,hats,0\nSea,socks,\n')
    names, pairs, unknown = _read_labels(labels, {"Sea": Creative(ad_name="Sea")})
    assert (names, pairs, unknown) == (["shoes", "hats", "socks"], [("Sea", "shoes")], 0)
    labels.write_text("ad_name,query,clicks\nSea,shoes,many\nSea,hats,0\n")
    with pytest.raises(CatalogError, match='row 1: "many" in the column clicks is no number'):
        _read_labels(labels, {})
