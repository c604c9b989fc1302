"""Data that says nothing, or says it wrongly: one sentence through the verbs, and nothing written, half or whole."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from adcreative import pipeline
from adcreative.catalog.tables import write_rows
from adcreative.creative import Creative
from adcreative.ctr.account import fitting as account_fitting
from adcreative.ctr.predictor import Predictor
from adcreative.encoders.labels import PictureLabeller
from adcreative.errors import AdCreativeError, ArtifactError, FeatureError, TrainingError
from adcreative.features.batch import CreativeFeatures
from adcreative.verbs import loading as tools
from data.make.predictor_fitting import fit_predictor
from tests.ctr.conftest import SMALL
from tests.ctr.planted import PlantedWorld, plant_market, plant_tests

COLUMNS = ("headline", "ad_name", "test_id", "brand", "impressions", "clicks")
Rows = Callable[[], list[dict[str, object]]]


def read_words(creatives: Sequence[Creative]) -> list[CreativeFeatures]:
    """Features that differ between headlines."""
    return [CreativeFeatures(text=np.full(4, len(c.headline) % 7, np.float32), appeal=len(c.headline) / 50) for c in creatives]


@pytest.fixture
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    extractor = SimpleNamespace(extract=read_words, hashes={"clip": "a" * 64})
    monkeypatch.setattr(tools, "load_tools", lambda **_: SimpleNamespace(extractor=extractor))


def ads(num: int, clicks: Callable[[int], int], **columns: str) -> list[dict[str, object]]:
    rows = [{"headline": f"words {i}", "ad_name": f"ad {i}", "impressions": 1000, "clicks": clicks(i)} for i in range(num)]
    return [row | columns for row in rows]


@pytest.mark.usefixtures("_planted")
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            lambda: ads(100, lambda i: 20),
            r"all 100 creatives have the same click rate \(0\.02\); there is no difference to learn",
        ),
        (lambda: ads(100, lambda i: 0), "0 clicks in all; at least 100 are needed to tell creatives apart"),
        (lambda: ads(100, lambda i: 1000), r"all 100 creatives have the same click rate \(1\); there is no difference"),
        (lambda: ads(12, lambda i: 20 + i), "12 creatives have results; at least 60 are needed to learn from"),
        (
            lambda: ads(100, lambda i: 20 + i % 9, test_id="t", ad_name="a"),
            "Different ads in these results: 1, .* 12 are needed",
        ),
    ],
    ids=["constant labels", "nobody clicked", "everybody clicked", "too few rows", "one group"],
)
def test_train_says_what_is_wrong_and_writes_nothing(rows: Rows, message: str, tmp_path: Path) -> None:
    write_rows(tmp_path / "ads.csv", rows(), COLUMNS)
    with pytest.raises(TrainingError, match=message) as caught:
        pipeline.train(tmp_path / "ads.csv", tmp_path / "model")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["ads.csv"]


@pytest.mark.usefixtures("_planted")
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lambda: ads(100, lambda i: 20), r"all 100 creatives have the same click rate \(0\.02\); there is no difference"),
        (lambda: ads(100, lambda i: 0), "0 clicks in all; at least 100 are needed to tell creatives apart"),
        (lambda: ads(100, lambda i: 1000), r"all 100 creatives have the same click rate \(1\); there is no difference"),
        (lambda: ads(12, lambda i: 20 + i), "12 creatives have results; at least 60 are needed to learn from"),
        (lambda: ads(100, lambda i: 20 + i % 9, test_id="t", ad_name="a"), "the creatives form 1 groups .* are needed"),
    ],
    ids=["constant labels", "nobody clicked", "everybody clicked", "too few rows", "one group"],
)
def test_benchmark_says_what_is_wrong_and_writes_nothing(
    rows: Rows, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PictureLabeller, "load", lambda: None)
    write_rows(tmp_path / "ads.csv", rows(), COLUMNS)
    with pytest.raises(TrainingError, match=message) as caught:
        pipeline.benchmark("adsee", tmp_path / "out", data=tmp_path / "ads.csv")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "verb",
    [
        lambda data, out: pipeline.score(data, out / "scores.csv"),
        lambda data, out: pipeline.benchmark("adsee", out / "table", data=data),
    ],
    ids=["score", "benchmark"],
)
def test_nan_features_end_a_verb_in_one_sentence_and_leave_no_table(
    verb: Callable[[Path, Path], object], predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extractor = SimpleNamespace(
        extract=lambda creatives: [CreativeFeatures(appeal=math.nan) for _ in creatives], cache=None, read_ahead=list
    )
    monkeypatch.setattr(tools, "load_tools", lambda *_, **__: SimpleNamespace(extractor=extractor))
    monkeypatch.setattr(tools, "load_scorer", lambda model=None, features=None: (extractor, predictor))
    monkeypatch.setattr(PictureLabeller, "load", lambda: None)
    write_rows(tmp_path / "ads.csv", ads(100, lambda i: 20 + i % 9), COLUMNS)
    with pytest.raises(FeatureError, match=r'creative "ad \d+": appeal holds NaN or infinite values; extract it again'):
        verb(tmp_path / "ads.csv", tmp_path)
    assert not (tmp_path / "scores.csv").exists()
    assert not (tmp_path / "table").exists()


@pytest.mark.usefixtures("_planted")
@pytest.mark.parametrize("broken", ["text", "appeal"])
def test_nan_features_are_named_and_nothing_is_written(broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_nan(creatives: Sequence[Creative]) -> list[CreativeFeatures]:
        nan = {"text": np.full(4, math.nan, np.float32), "appeal": math.nan}[broken]
        found = read_words(creatives)
        return [
            replace(one, **{broken: nan}) if int(c.headline.split()[1]) % 2 else one  # type: ignore[arg-type]
            for c, one in zip(creatives, found, strict=True)
        ]

    extractor = SimpleNamespace(extract=read_nan, hashes={"clip": "a" * 64})
    monkeypatch.setattr(tools, "load_tools", lambda **_: SimpleNamespace(extractor=extractor))
    write_rows(tmp_path / "ads.csv", ads(100, lambda i: 20 + i % 9), COLUMNS)
    with pytest.raises(FeatureError, match=rf'creative "ad \d+": {broken} holds NaN or infinite values; extract it again'):
        pipeline.train(tmp_path / "ads.csv", tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.usefixtures("_planted")
def test_nan_features_end_an_evaluation_before_anything_is_written(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extractor = SimpleNamespace(extract=lambda creatives: [CreativeFeatures(appeal=math.nan) for _ in creatives])
    monkeypatch.setattr(tools, "load_tools", lambda **_: SimpleNamespace(extractor=extractor))
    monkeypatch.setattr(tools, "load_scorer", lambda model=None, features=None: (extractor, predictor))
    write_rows(tmp_path / "ads.csv", ads(20, lambda i: 20 + i % 9), COLUMNS)
    with pytest.raises(FeatureError, match=r'creative "ad 0": appeal holds NaN or infinite values; extract it again'):
        pipeline.evaluate(tmp_path / "ads.csv", tmp_path / "out" / "metrics.json")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("_planted")
def test_a_judge_that_fails_leaves_no_lonely_predictor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit_model, num_fitted = account_fitting.AccountModel, 0

    def fit(*parts: object, **settings: object) -> object:
        nonlocal num_fitted
        num_fitted += 1
        if num_fitted == 2:
            raise TrainingError("training was stopped in epoch 1 of 20; nothing was saved")
        return fit_model(*parts, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(account_fitting, "AccountModel", fit)
    write_rows(tmp_path / "ads.csv", ads(100, lambda i: 20 + i % 9), COLUMNS)
    with pytest.raises(TrainingError, match="nothing was saved"):
        pipeline.train(tmp_path / "ads.csv", tmp_path / "model", from_scratch=True)
    assert num_fitted == 2
    assert not (tmp_path / "model").exists()


@pytest.mark.usefixtures("_planted")
@pytest.mark.parametrize("num_arms", [1, 2])
def test_training_on_tests_of_one_arm_warns_in_a_sentence(num_arms: int, tmp_path: Path) -> None:
    rows = [row | {"test_id": f"t{number // num_arms}"} for number, row in enumerate(ads(100, lambda i: 20 + i % 9))]
    write_rows(tmp_path / "ads.csv", rows, COLUMNS)
    found = pipeline.train(tmp_path / "ads.csv", tmp_path / "model", from_scratch=True)
    said = "none of the 100 tests has two arms: no order within tests can be told. Give all arms of one the same test_id."
    assert [one for one in found.warnings if "arms" in one] == ([said] if num_arms == 1 else [])


def test_tests_with_one_arm_teach_the_level_and_claim_no_order() -> None:
    """No pair can be formed: the figures within tests are None, the rest is measured."""
    world = plant_tests(160, seed=3).rows(np.arange(0, 640, 4))
    assert len({c.test_id for c in world.creatives}) == len(world.creatives)
    fitted = fit_predictor(world.creatives, world.features, replace(SMALL, num_members=1), seed=0)
    metrics = fitted.notes["metrics"]
    assert metrics["pairwise_accuracy"] is None
    assert metrics["pairwise_accuracy_significant"] is None
    assert metrics["log_loss"] > 0
    pooled = sum(c.clicks or 0 for c in world.creatives) / sum(c.impressions or 0 for c in world.creatives)
    rates = [one.ctr for one in fitted.predict(world.creatives, world.features)]
    assert np.mean(rates) == pytest.approx(pooled, rel=0.25)


def test_a_modality_that_training_never_had_changes_nothing_and_is_said() -> None:
    world = plant_market(160, seed=4)
    blind = [
        replace(
            one,
            image=None,
            look=None,
            face_codes=np.zeros((0, 512), np.float32),
            face_shares=np.zeros(0, np.float32),
            face_attributes=np.zeros((0, 8), np.float32),
        )
        for one in world.features
    ]
    fitted = fit_predictor(world.creatives, blind, replace(SMALL, num_members=1), seed=0)
    with_picture = replace(blind[0], image=world.features[0].image, look=world.features[0].look)
    (plain,), (pictured,) = (fitted.predict(world.creatives[:1], [one]) for one in (blind[0], with_picture))
    assert pictured.ctr == pytest.approx(plain.ctr, rel=1e-6)
    assert "picture: never seen in training" in pictured.evidence
    assert not [reason for reason in pictured.reasons if reason.startswith(("picture", "look"))]


def test_an_unseen_category_scores_as_an_unknown_one_and_is_said(predictor: Predictor, world: PlantedWorld) -> None:
    unseen = replace(world.creatives[0], category="umbrellas")
    blank = replace(world.creatives[0], category="")
    features = [world.features[0]] * 2
    (first, second) = predictor.predict([unseen, blank], features)
    assert first.ctr == second.ctr
    assert 'category "umbrellas" was not in the training data' in first.evidence


@pytest.mark.usefixtures("_planted")
@pytest.mark.parametrize(
    ("harm", "message"),
    [
        ("version", r"artefact format 99 in .*, this version reads .*\. Upgrade adcreative or re-fit"),
        ("hash", r"its manifest says .*: it was changed or cut short; re-fit"),
        (
            "encoder",
            "the model was fitted with clip bbbbbbbbbbbb, here it is aaaaaaaaaaaa; use the same weights or fit it again",
        ),
        ("judge", r"holds no judge; make it with: adcreative train"),
    ],
)
def test_a_model_that_is_not_what_it_was_is_refused_before_anything_is_written(
    harm: str, message: str, predictor: Predictor, tmp_path: Path
) -> None:
    for number, name in enumerate(tools.Judges._fields):  # three models: one in several roles is refused
        other = copy.deepcopy(predictor)
        with torch.no_grad():
            for parameter in other.members[0].parameters():
                parameter.add_(0.01 * number)
        other.save(tmp_path / "model" / name)
    folder = tmp_path / "model" / "predictor"
    manifest = json.loads((folder / "manifest.json").read_text())
    if harm == "version":
        (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    elif harm == "hash":
        weights = bytearray((folder / manifest["file"]).read_bytes())
        weights[-1] ^= 1
        (folder / manifest["file"]).write_bytes(bytes(weights))
    elif harm == "encoder":
        manifest["config"]["encoder_hashes"] = {"clip": "b" * 64}
        (folder / "manifest.json").write_text(json.dumps(manifest))
    else:
        (tmp_path / "model" / "judge").rename(tmp_path / "gone")
    write_rows(tmp_path / "ads.csv", ads(3, lambda i: 20 + i), COLUMNS)
    tools._load_model.cache_clear()
    for verb, out in ((pipeline.score, "scores.csv"), (pipeline.evaluate, "metrics.json")):
        with pytest.raises(ArtifactError, match=message):
            verb(tmp_path / "ads.csv", tmp_path / "out" / out, model=tmp_path / "model")
    with pytest.raises(AdCreativeError, match=message):
        pipeline.explain(Creative(headline="words 1"), tmp_path / "out" / "why", model=tmp_path / "model")
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
