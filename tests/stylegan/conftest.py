"""A small generator and encoder with random weights: enough for shapes, files and gradients."""

from __future__ import annotations

import pytest
import torch

from stylegan.checkpoints import FaceModel
from stylegan.encoder import EncoderConfig, FaceEncoder
from stylegan.generator import Generator, GeneratorConfig


@pytest.fixture(scope="session")
def tiny_face_model() -> FaceModel:
    torch.manual_seed(0)
    channels = {4: 16, 8: 16, 16: 16, 32: 8}
    config = GeneratorConfig(size=32, z_dim=12, w_dim=16, num_mapping_layers=1, mapping_rows=8, normalize_z=False,
                             mapping_lr_multiplier=1.0, channels=channels)  # fmt: skip
    encoder = FaceEncoder(EncoderConfig(size=32, num_rows=8, w_dim=16, code_dim=12, level_width=4))
    generator = Generator(config)
    return FaceModel(generator.eval().requires_grad_(False), encoder.eval().requires_grad_(False), {})
