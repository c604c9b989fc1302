"""The people of a market; those of the demo are seen, awake, turned to the viewer, all different, and able to smile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from adcreative.encoders.faces import load_face_analyzer
from adcreative.encoders.weights import embedded_dir
from adcreative.errors import ArtifactError, ConfigError, WeightsError
from adcreative.market import load_face_pool
from adcreative.market.people import Casting
from adcreative.market.showcase import CAST
from adcreative.verbs.loading import load_demo_market, load_market
from stylegan.faces.analysis import FaceAnalyzer
from stylegan.faces.attributes import ATTRIBUTES
from stylegan.latents.people import FittedPeople
from tests.market.conftest import SmileDirection


def test_the_pool_is_read_as_it_was_written(tmp_path: Path, face_codes: np.ndarray):
    save_file({"codes": face_codes}, tmp_path / "pool.safetensors")
    np.testing.assert_array_equal(load_face_pool(tmp_path), face_codes)


def test_a_missing_pool_says_where_it_should_be(tmp_path: Path):
    with pytest.raises(WeightsError, match=r"no face pool at .*pool\.safetensors"):
        load_face_pool(tmp_path)


def test_a_damaged_pool_is_refused(tmp_path: Path):
    (tmp_path / "pool.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ArtifactError, match="is damaged"):
        load_face_pool(tmp_path)


@pytest.mark.parametrize(
    "tensors",
    [{"other": np.ones((3, 4))}, {"codes": np.ones(4)}, {"codes": np.ones((1, 4))}, {"codes": np.full((3, 4), np.nan)}],
)
def test_a_pool_without_codes_is_refused(tmp_path: Path, tensors: dict[str, np.ndarray]):
    save_file(tensors, tmp_path / "pool.safetensors")
    with pytest.raises(ArtifactError, match='must hold finite "codes"'):
        load_face_pool(tmp_path)


@pytest.mark.parametrize(("codes", "shape"), [(np.ones((1, 4)), r"\[1, 4\]"), (np.ones(4), r"\[4\]")])
def test_one_person_is_no_cast(codes: np.ndarray, shape: str):
    with pytest.raises(ConfigError, match=rf"face_codes must be \[N, C\].*got {shape}"):
        Casting(codes)


def test_people_stay_between_two_of_the_pool(face_codes: np.ndarray):
    casting, rng = Casting(face_codes), np.random.default_rng(0)
    people = np.stack([casting.draw_person(rng) for _ in range(300)])
    pooled = (people[:, None] == face_codes).all(axis=2).any(axis=1)
    assert 0.3 < pooled.mean() < 0.5
    assert (people >= face_codes.min(axis=0)).all()
    assert (people <= face_codes.max(axis=0)).all()
    assert len(np.unique(people, axis=0)) > 150


def test_expressions_stay_in_the_safe_range_and_none_changes_nothing(face_codes: np.ndarray):
    rng = np.random.default_rng(0)
    casting = Casting(face_codes, SmileDirection())
    moves = np.array([casting.vary(face_codes[0], rng)[0] - face_codes[0, 0] for _ in range(500)])
    assert np.abs(moves).max() <= 1.8 + 1e-5
    assert 0.45 < moves.std() < 0.8
    assert 0.3 < (moves == 0.0).mean() < 0.5
    assert abs(moves.mean()) < 0.1
    np.testing.assert_array_equal(Casting(face_codes).vary(face_codes[0], rng), face_codes[0])


def test_without_mixing_everybody_is_of_the_pool(face_codes: np.ndarray):
    casting, rng = Casting(face_codes, mixed_share=0.0), np.random.default_rng(0)
    people = np.stack([casting.draw_person(rng) for _ in range(50)])
    assert (people[:, None] == face_codes).all(axis=2).any(axis=1).all()


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
