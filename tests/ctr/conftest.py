"""One small planted world and one small predictor, fitted once for the whole room."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from adcreative.ctr.config import CTRModelConfig, PredictorConfig, TrainingConfig
from adcreative.ctr.predictor import Predictor
from adcreative.features.batch import FeatureBatch
from adcreative.features.builder import FeatureBuilder
from data.make.predictor_fitting import fit_predictor
from tests.ctr.planted import PlantedWorld, join, plant_market, plant_tests

SMALL = PredictorConfig(
    num_members=2,
    model=CTRModelConfig(embedding_dim=6, num_layers=1),
    training=TrainingConfig(num_epochs=4, learning_rate=3e-3, embedding_learning_rate=3e-4),
)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def world() -> PlantedWorld:
    """480 ads with pictures of 40 brands and 60 headline tests of four arms."""
    return join(plant_market(480, seed=1, num_brands=40), plant_tests(60, seed=2))


@pytest.fixture(scope="session")
def builder(world: PlantedWorld) -> FeatureBuilder:
    return FeatureBuilder.fit(world.creatives, world.features, np.arange(len(world.creatives)))


@pytest.fixture(scope="session")
def batch(world: PlantedWorld, builder: FeatureBuilder) -> FeatureBatch:
    """The whole world, each row looking back at earlier rows of its brand."""
    everyone = np.ones(len(world.creatives), bool)
    return builder.encode_table(world.creatives, world.features, everyone)


@pytest.fixture(scope="session")
def predictor(world: PlantedWorld) -> Predictor:
    return fit_predictor(
        world.creatives,
        world.features,
        SMALL,
        seed=0,
        provenance={"words": "measured: real headline tests", "picture": "simulated", "faces": "simulated"},
    )
