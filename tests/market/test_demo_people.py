"""The people of the demo, as they ship: seen, awake, turned to the viewer, all different, and able to smile."""

from __future__ import annotations

import numpy as np
import pytest

from adcreative.encoders.faces import load_face_analyzer
from adcreative.encoders.weights import embedded_dir
from adcreative.market.showcase import CAST
from adcreative.verbs.loading import load_demo_market, load_market
from stylegan.faces.analysis import FaceAnalyzer
from stylegan.faces.attributes import ATTRIBUTES
from stylegan.latents.people import FittedPeople


@pytest.fixture(scope="module")
def people() -> FittedPeople:
    return FittedPeople.load(embedded_dir("cast"))


@pytest.fixture(scope="module")
def analyzer() -> FaceAnalyzer:
    return load_face_analyzer()


def test_everybody_can_be_seen_and_the_showcase_takes_rows_that_exist(people: FittedPeople, analyzer: FaceAnalyzer) -> None:
    drawn = people.render(people.codes)
    measured = analyzer.measure_aligned(drawn)
    assert np.isfinite(measured).all()
    assert np.abs(measured[:, ATTRIBUTES.index("head_yaw")]).max() < 18.0
    assert measured[:, ATTRIBUTES.index("eyes_open")].min() > 0.12, "laughing eyes, not closed ones"
    assert max(CAST) < len(people.codes) == people.face_model.manifest["people"]
    small = np.stack([image_u8[::8, ::8].astype(float).ravel() for image_u8 in drawn])
    gaps = np.abs(small[:, None] - small[None]).mean(axis=2) + 1000 * np.eye(len(small))
    assert gaps.min() > 10.0


def test_the_demo_market_draws_them_and_plants_what_any_market_does(people: FittedPeople, analyzer: FaceAnalyzer) -> None:
    market, plain = load_demo_market(0), load_market(0)
    casting = market._cast()
    drawn = casting.draw_person(np.random.default_rng(0))
    assert (drawn == people.codes).all(axis=1).any()
    ad = next(ad for ad in market.iter_creatives(8, seed=1, results=False) if ad.consent_id)
    assert market.true_ctr(ad) == plain.true_ctr(ad)


def test_their_smiles_grow_with_the_direction(people: FittedPeople, analyzer: FaceAnalyzer) -> None:
    directions = load_demo_market(0)._cast().expressions
    assert directions is not None
    strengths = np.zeros((len(people.codes), len(directions.low)))
    smiles = []
    for side in (-1.0, 1.0):
        strengths[:, 0] = side
        measured = analyzer.measure_aligned(people.render(directions.apply(people.codes, strengths)))
        smiles.append(measured[:, ATTRIBUTES.index("smile")])
    seen = np.isfinite(smiles).all(axis=0)
    assert seen.mean() > 0.9
    assert (smiles[1] > smiles[0])[seen].mean() > 0.8
