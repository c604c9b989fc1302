"""`target` on a small account: learnt pairs carry over to new creatives, floors stand beside, bad input is one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from adcreative import pipeline
from adcreative.artifacts import save_artifact
from adcreative.delivery.targeting import ranking
from adcreative.delivery.targeting.index import LabelIndex
from adcreative.delivery.targeting.network import TargetingConfig
from adcreative.errors import ArtifactError, CatalogError, ConfigError
from adcreative.verbs import loading

PRODUCTS = {"shoe": "sneaker store", "bed": "sleep help", "pan": "cook at home", "bank": "save money", "tent": "camp trip"}
SMALL = TargetingConfig(dim=24, num_epochs=12, batch_size=32, max_cluster=8, num_label_epochs=4)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = SimpleNamespace(encode_texts=lambda texts: np.zeros((len(texts), 2), np.float32))
    monkeypatch.setattr(loading, "load_tools", lambda: SimpleNamespace(clip=zeros))
    monkeypatch.setattr(ranking, "TargetingConfig", lambda: SMALL)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
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


def test_new_creatives_get_the_queries_of_their_product(desk: Path) -> None:
    summary = pipeline.target(desk / "ads.csv", desk / "targets.csv", labels=desk / "queries.csv", num=3)
    found, sheet = pd.read_csv(desk / "targets.csv"), json.loads((desk / "targets.json").read_text())
    first = found[found["rank"] == 1].set_index("creative").label
    for number in range(55, 60):  # without any known pair
        assert first[f"Ad {number}"] == list(PRODUCTS.values())[number % 5]
    assert set(sheet["figures"]) == {"popular", "words", "neighbours", "encoder"}
    assert sheet["figures"]["popular"]["P@1"] < 0.5 < sheet["figures"][sheet["method"]]["P@1"]
    assert sheet["num_held_out"] == 11
    assert found.groupby("creative").size().eq(3).all()
    assert "creatives left out" in summary.lines[-1]


def test_an_index_is_saved_where_the_encoder_is_used(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "MIN_GAIN", -2.0)
    pipeline.target(desk / "ads.csv", desk / "targets.csv", labels=desk / "queries.csv", index=desk / "index")
    assert "sleep help" in LabelIndex.load(desk / "index").names
    monkeypatch.setattr(ranking, "MIN_GAIN", 2.0)
    summary = pipeline.target(desk / "ads.csv", desk / "targets.csv", labels=desk / "queries.csv", index=desk / "other")
    assert "there is no index to save" in summary.warnings[0]
    assert not (desk / "other").exists()


@pytest.mark.parametrize("name", ["manifest.json", "labels.jsonl"])
def test_an_index_is_not_saved_over_files_of_others(desk: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(ranking, "MIN_GAIN", -2.0)
    (desk / "index").mkdir()
    (desk / "index" / name).write_text("{}")
    with pytest.raises(ConfigError, match=rf"{name} is there already and is not"):
        pipeline.target(desk / "ads.csv", desk / "targets.csv", labels=desk / "queries.csv", index=desk / "index")
    assert [path.name for path in (desk / "index").iterdir()] == [name]
    assert not (desk / "targets.csv").exists()
    for _ in range(2):  # its own index it saves anew
        pipeline.target(desk / "ads.csv", desk / "targets.csv", labels=desk / "queries.csv", index=desk / "own")


def test_an_index_does_not_replace_a_model_of_another_kind(desk: Path) -> None:
    save_artifact(desk / "model", kind="predictor", format_version=4, tensors={"w": np.ones(2)}, notes={})
    with pytest.raises(ArtifactError, match=r"holds a predictor; save the label index into another folder"):
        pipeline.target(desk / "ads.csv", desk / "t.csv", labels=desk / "queries.csv", index=desk / "model", restart=True)
    assert not (desk / "t.csv").exists()


def test_without_known_pairs_labels_with_like_words_are_named(desk: Path) -> None:
    (desk / "keywords.csv").write_text("keyword\nshoe shop\nbed frame\nloan\nbest shoes\n")
    summary = pipeline.target(desk / "ads.csv", desk / "targets.csv", labels=desk / "keywords.csv", num=9)
    found = pd.read_csv(desk / "targets.csv")
    assert found[(found.creative == "Ad 0") & (found["rank"] == 1)].label.item() in ("shoe shop", "best shoes")
    assert found.groupby("creative").size().eq(4).all()  # there are no more labels
    assert "nothing was measured" in summary.lines[0]


def test_wrong_input_is_refused(desk: Path) -> None:
    for content, message in (("text\na\n", "no column of labels"), ("query\none\none\n", "has 1 label; at least 2")):
        (desk / "bad.csv").write_text(content)
        with pytest.raises(CatalogError, match=message):
            pipeline.target(desk / "ads.csv", desk / "targets.csv", labels=desk / "bad.csv")
    with pytest.raises(ConfigError, match="num must be at least 1"):
        pipeline.target(desk / "ads.csv", desk / "targets.csv", labels=desk / "queries.csv", num=0)
    (desk / "keywords.csv").write_text("keyword\na\nb\n")
    with pytest.raises(ConfigError, match="an index needs a trained encoder"):
        pipeline.target(desk / "ads.csv", desk / "targets.csv", labels=desk / "keywords.csv", index=desk / "index")
    with pytest.raises(ConfigError, match="stopped before"):
        pipeline.target(desk / "ads.csv", desk / "targets.csv", labels=desk / "queries.csv", should_stop=lambda: True)
    assert not (desk / "targets.csv").exists()
    (desk / "other.csv").write_text("ad_name,query\nNobody,a\nAd 1,b\n")
    summary = pipeline.target(desk / "ads.csv", desk / "targets.csv", labels=desk / "other.csv")
    assert summary.warnings[0].startswith("1 rows of other.csv name creatives")
