from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from adcreative.creative import Creative, EditResult, Evidence, add_clause
from adcreative.ctr.evidence import OODScore, find_far, fit_ood_score, parse_provenance, render_evidence, render_reasons
from adcreative.errors import ConfigError
from adcreative.features.batch import MODALITIES, CreativeFeatures
from adcreative.features.builder import FeatureBuilder
from tests.ctr.planted import PlantedWorld

ALL = tuple(MODALITIES)


def render(builder: FeatureBuilder, creative: Creative, features: CreativeFeatures, **changes: object) -> str:
    provenance = {"words": "measured: real headline tests", "picture": "simulated", "faces": "simulated"}
    settings = {"grades": parse_provenance(provenance, ALL), "far": {}, "is_skilled": True} | changes
    return render_evidence(creative, features, builder=builder, **settings)  # type: ignore[arg-type]


def test_grades_follow_what_was_trained() -> None:
    grades = parse_provenance({"words": "measured: real headline tests", "picture": "simulated"}, ("words", "picture", "look"))
    assert grades["words"] == ("measured", "real headline tests")
    assert grades["look"] == grades["picture"] == ("simulated", "simulated market")
    assert grades["faces"] == grades["context"] == ("none", "never seen in training")
    assert parse_provenance({"words": "measured: x"}, ())["words"] == ("none", "never seen in training")


def test_unknown_modalities_and_grades_are_refused() -> None:
    with pytest.raises(ConfigError, match="provenance names no modality 'smell'; known: picture, look, faces, words, context"):
        parse_provenance({"smell": "measured"}, ALL)
    with pytest.raises(ConfigError, match="provenance of words has grade 'guessed'; known: measured, simulated, none"):
        parse_provenance({"words": "guessed"}, ALL)


def test_the_sentence_names_what_the_creative_has(world: PlantedWorld, builder: FeatureBuilder) -> None:
    row = next(i for i, one in enumerate(world.features) if len(one.face_shares))
    creative, features = world.creatives[row], world.features[row]
    assert render(builder, creative, features) == (
        "words: real headline tests; picture and faces: simulated market; context: real clicks."
    )
    words = Creative(headline="x")
    assert render(builder, words, CreativeFeatures(appeal=0.1)) == "words: real headline tests."
    assert render(builder, words, CreativeFeatures()) == "nothing to go by."
    assert "it did no better than the mean rate" in render(builder, creative, features, is_skilled=False)


def test_unseen_categories_are_named(world: PlantedWorld, builder: FeatureBuilder) -> None:
    creative = replace(world.creatives[0], platform="elsewhere", brand="New Co")
    sentence = render(builder, creative, world.features[0])
    assert 'brand "New Co" and platform "elsewhere" were not in the training data' in sentence


def test_drift_flags_what_is_far_from_all_clusters(builder: FeatureBuilder) -> None:
    rng = np.random.default_rng(0)
    centres = np.eye(16)[:2]
    embeddings = (centres[rng.integers(2, size=400)] + 0.05 * rng.normal(size=(400, 16))).astype(np.float32)
    drift = fit_ood_score(embeddings[:300], embeddings[300:], rng=rng)
    assert drift is not None
    assert drift.threshold < 0.2
    assert not drift.is_far(embeddings[350])
    far = np.eye(16, dtype=np.float32)[9]
    assert drift.distance(far) == pytest.approx(1.0, abs=0.3)  # at a right angle to both clusters
    features = CreativeFeatures(text=far)
    assert find_far(CreativeFeatures(text=embeddings[350]), {"words": drift}) == {}
    sentence = render(builder, Creative(headline="x"), features, far=find_far(features, {"words": drift}))
    assert sentence.endswith("; words far from anything it was trained on.")
    assert render(builder, Creative(headline="x"), features, far={"words": "too few letters"}).endswith("(too few letters).")
    between = centres.mean(axis=0).astype(np.float32)  # near the mean of the data, near no datum: a Gaussian would miss it
    assert drift.is_far(between)


def test_drift_needs_data() -> None:
    assert fit_ood_score(np.ones((19, 4), np.float32), np.ones((5, 4), np.float32), rng=np.random.default_rng(0)) is None
    assert OODScore(np.eye(3, dtype=np.float16), 0.5).distance(np.array([2.0, 0, 0], np.float32)) == pytest.approx(2 / 3)


def test_reasons_are_only_of_what_the_creative_has(world: PlantedWorld) -> None:
    effects = {name: np.array([0.1, 0.2]) for name in ("words", "picture", "look", "faces", "context")}
    pictured = next(one for one in world.features if len(one.face_shares))
    faceless = replace(pictured, face_shares=pictured.face_shares[:0])
    blind = replace(pictured, image=None, look=None, face_shares=pictured.face_shares[:0])
    first, second = render_reasons(effects, world.creatives[:2], [pictured, faceless])
    assert {reason.split()[0] for reason in first} == {"words", "picture", "look", "faces", "context"}
    assert {reason.split()[0] for reason in second} == {"words", "picture", "look", "context"}
    (third,) = render_reasons(effects, world.creatives[:1], [blind])
    assert third == ("words +10 %", "context +10 %")


def test_evidence_keeps_its_clauses_through_a_pickle_and_a_row_of_results() -> None:
    told = add_clause(
        Evidence("words: real tests", "far from both (letters; accents)"), "in French, in which it learnt nothing"
    )
    assert told == "words: real tests; far from both (letters; accents); in French, in which it learnt nothing."
    assert pickle.loads(pickle.dumps(told)).clauses == told.clauses
    row = EditResult(file_name="a.png", status="kept", evidence=told).as_dict()
    assert (row["evidence"], row["evidence_clauses"]) == (told, list(told.clauses))
    assert add_clause("a formula.", "more").clauses == ("a formula", "more")
