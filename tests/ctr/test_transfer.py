"""Training that goes on from another predictor: what few rows do not contradict stays, the base rate follows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adcreative.ctr.config import PredictorConfig, TrainingConfig
from adcreative.ctr.predictor import Predictor
from adcreative.errors import ConfigError
from data.make.predictor_fitting import fit_predictor
from tests.ctr.planted import PlantedWorld, plant_market

CONFIG = PredictorConfig(num_members=1, ignored_categories=("brand",), training=TrainingConfig(num_epochs=12))


@pytest.fixture(scope="module")
def broad() -> Predictor:
    world = plant_market(1500, seed=1)
    return fit_predictor(world.creatives, world.features, CONFIG, seed=0)


@pytest.fixture(scope="module")
def small() -> PlantedWorld:
    return plant_market(160, seed=2)


def error_of(predictor: Predictor, world: PlantedWorld) -> float:
    """Root mean square error of predicted log-odds."""
    found, _ = predictor.predict_log_odds(world.creatives, world.features)
    return float(np.sqrt(np.mean((found - world.true_log_odds) ** 2)))


@pytest.mark.slow
def test_a_small_account_keeps_what_was_learnt_elsewhere(broad: Predictor, small: PlantedWorld) -> None:
    fresh = plant_market(400, seed=3)
    alone = fit_predictor(small.creatives, small.features, CONFIG, seed=0)
    continued = fit_predictor(small.creatives, small.features, CONFIG, seed=0, start=broad)
    assert error_of(continued, fresh) < error_of(alone, fresh) - 0.03
    assert error_of(continued, fresh) < error_of(broad, fresh) + 0.05


def test_base_rate_follows_the_account(broad: Predictor, small: PlantedWorld) -> None:
    richer = [replace(one, clicks=min(one.impressions or 0, 3 * (one.clicks or 0))) for one in small.creatives]
    continued = fit_predictor(richer, small.features, CONFIG, seed=0, start=broad)
    before, _ = broad.predict_log_odds(small.creatives, small.features)
    after, _ = continued.predict_log_odds(small.creatives, small.features)
    assert (after - before).mean() == pytest.approx(np.log(3), abs=0.25)


def test_encoding_is_that_of_the_start_and_steps_are_smaller(broad: Predictor, small: PlantedWorld, tmp_path: Path) -> None:
    continued = fit_predictor(small.creatives, small.features, PredictorConfig(num_members=2), seed=0, start=broad)
    assert continued.builder is broad.builder
    assert continued.config.training.learning_rate == pytest.approx(0.3 * TrainingConfig().learning_rate)
    assert len(continued.members) == 2
    continued.save(tmp_path / "m")
    loaded = Predictor.load(tmp_path / "m")
    for ours, theirs in zip(
        continued.predict_log_odds(small.creatives, small.features),
        loaded.predict_log_odds(small.creatives, small.features),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_an_ignored_category_changes_no_prediction(broad: Predictor, small: PlantedWorld) -> None:
    renamed = [replace(one, brand="brand 3") for one in small.creatives]
    np.testing.assert_array_equal(
        broad.predict_log_odds(small.creatives, small.features)[0], broad.predict_log_odds(renamed, small.features)[0]
    )
    assert broad.builder.vocabularies["brand"] == ()
    assert broad.builder.vocabularies["category"]


@pytest.mark.parametrize("rate", [0.0, -1.0, 1.5])
def test_a_transfer_rate_out_of_range_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match="transfer_rate must be in"):
        PredictorConfig(transfer_rate=rate)
