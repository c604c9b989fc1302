"""A small generator and encoder with random weights, the real face networks, and one public-domain portrait."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data

from stylegan.faces.analysis import FaceAnalyzer, FaceInPicture
from stylegan.networks.checkpoints import FaceModel
from stylegan.networks.encoder import EncoderConfig, FaceEncoder
from stylegan.networks.generator import Generator, GeneratorConfig


@pytest.fixture(scope="session")
def tiny_face_model() -> FaceModel:
    torch.manual_seed(3)
    channels = {4: 16, 8: 16, 16: 16, 32: 8}
    config = GeneratorConfig(
        size=32,
        z_dim=12,
        w_dim=16,
        num_mapping_layers=1,
        mapping_rows=8,
        normalize_z=False,
        mapping_lr_multiplier=1.0,
        channels=channels,
    )
    encoder = FaceEncoder(EncoderConfig(size=32, num_rows=8, w_dim=16, code_dim=12, level_width=4))
    generator = Generator(config)
    return FaceModel(generator.eval().requires_grad_(False), encoder.eval().requires_grad_(False), {})


@pytest.fixture(scope="session")
def analyzer() -> FaceAnalyzer:
    return FaceAnalyzer()


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut())


@pytest.fixture(scope="session")
def portrait(analyzer: FaceAnalyzer, astronaut: np.ndarray) -> FaceInPicture:
    (face,) = analyzer.analyze(astronaut)
    return face
