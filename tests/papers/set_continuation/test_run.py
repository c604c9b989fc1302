"""`extend` on small libraries: what belongs together is named, seeds are not, bad input is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adcreative import pipeline
from adcreative.errors import CatalogError, ConfigError

TOPICS = {"running": "shoe", "kitchen": "pan", "bedroom": "pillow"}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """150 sets of three topics, each of six of the topic's twenty items, with a title that names the topic."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(150):
        topic, thing = list(TOPICS.items())[number % 3]
        for item in rng.choice(20, 6, replace=False):
            rows.append({"set": f"S{number}", "title": f"my {topic} things", "item": f"{thing} {item}"})
    pd.DataFrame(rows).to_csv(tmp_path / "sets.csv", index=False)
    return tmp_path / "sets.csv"


def test_seeds_are_continued_by_their_own_kind(library: Path, tmp_path: Path) -> None:
    summary = pipeline.extend(library, tmp_path / "more.csv", seeds=("pan 1", "pan 2"), num=10)
    found, sheet = pd.read_csv(tmp_path / "more.csv"), json.loads((tmp_path / "more.json").read_text())
    assert found.item.str.startswith("pan").all()
    assert not {"pan 1", "pan 2"} & set(found.item)
    assert found["rank"].tolist() == list(range(1, 11))
    assert set(sheet["figures"]) == {"two stages", "stage one", "popular"}
    assert sheet["figures"][sheet["method"]]["NDCG (code)"] > sheet["figures"]["popular"]["NDCG (code)"] + 0.1
    assert "by popularity" in summary.lines[-1]


def test_a_title_alone_is_enough_when_it_shares_words_with_items(library: Path, tmp_path: Path) -> None:
    pipeline.extend(library, tmp_path / "more.csv", title="pillow", num=5)
    assert pd.read_csv(tmp_path / "more.csv").item.str.startswith("pillow").all()


def test_a_few_sets_are_not_measured(library: Path, tmp_path: Path) -> None:
    pd.read_csv(library).head(60).to_csv(tmp_path / "few.csv", index=False)
    summary = pipeline.extend(tmp_path / "few.csv", tmp_path / "more.csv", seeds=("pan 18",), num=3)
    assert "10 sets are too few to measure" in summary.lines[-1]


def test_words_of_creatives_describe_items(library: Path, tmp_path: Path) -> None:
    items = sorted(pd.read_csv(library).item.unique())
    ads = pd.DataFrame(
        {"ad_name": items, "headline": [f"Sale of {'garden hoses' if one == 'pan 3' else one}" for one in items]}
    )
    ads.to_csv(tmp_path / "ads.csv", index=False)
    pipeline.extend(library, tmp_path / "more.csv", title="garden hoses", num=5, creatives=tmp_path / "ads.csv")
    assert pd.read_csv(tmp_path / "more.csv").item.iloc[0] == "pan 3"


def test_wrong_input_is_refused(library: Path, tmp_path: Path) -> None:
    out = tmp_path / "more.csv"
    with pytest.raises(ConfigError, match=r'"pan 99" is no item of sets\.csv'):
        pipeline.extend(library, out, seeds=("pan 99",))
    with pytest.raises(ConfigError, match="nothing to continue"):
        pipeline.extend(library, out)
    with pytest.raises(ConfigError, match="num must be at least 1"):
        pipeline.extend(library, out, title="x", num=0)
    with pytest.raises(ConfigError, match="stopped before"):
        pipeline.extend(library, out, title="x", should_stop=lambda: True)
    for content, message in (("a,item\n1,2\n", "no column of sets"), ("set,b\n1,2\n", "no column of items"),
                             ("set,item\n1,2\n", "1 sets of 1 items")):  # fmt: skip
        (tmp_path / "bad.csv").write_text(content)
        with pytest.raises(CatalogError, match=message):
            pipeline.extend(tmp_path / "bad.csv", out, title="x")
    assert not out.exists()
