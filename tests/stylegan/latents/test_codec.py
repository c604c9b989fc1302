"""The codec's plumbing: shapes, batches, rows that do not depend on each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stylegan.images import encode_image
from stylegan.latents.codec import FaceCodec
from stylegan.networks.checkpoints import FaceModel
from stylegan.networks.encoder import EncoderConfig, FaceEncoder
from stylegan.networks.generator import Generator, GeneratorConfig


@pytest.fixture(scope="module")
def tiny_codec() -> FaceCodec:
    config = GeneratorConfig(
        size=32,
        z_dim=12,
        w_dim=16,
        num_mapping_layers=1,
        mapping_rows=8,
        normalize_z=False,
        channels={4: 16, 8: 16, 16: 16, 32: 8},
    )
    encoder = FaceEncoder(EncoderConfig(size=32, num_rows=8, w_dim=16, code_dim=12, level_width=4))
    return FaceCodec(FaceModel(Generator(config).eval(), encoder.eval(), {}))


def test_codec_shapes_batches_and_row_independence(tiny_codec: FaceCodec) -> None:
    rng = np.random.default_rng(0)
    crops = list(rng.integers(0, 256, (19, 32, 32, 3), dtype=np.uint8))
    codes = tiny_codec.encode(crops)
    assert codes.shape == (19, 12)
    assert codes.dtype == np.float32
    np.testing.assert_allclose(tiny_codec.encode(crops[17:18])[0], codes[17], atol=1e-4)
    renders = tiny_codec.render(codes)
    assert len(renders) == 19
    assert renders[0].shape == (32, 32, 3)
    assert renders[0].dtype == np.uint8
    assert tiny_codec.encode([]).shape == (0, 12)
    assert tiny_codec.render(np.zeros((0, 12), dtype=np.float32)) == []


def test_codes_are_the_encoders_own_and_do_not_depend_on_the_other_crops() -> None:
    config = GeneratorConfig(
        size=32,
        z_dim=12,
        w_dim=16,
        num_mapping_layers=1,
        mapping_rows=8,
        normalize_z=False,
        channels={4: 16, 8: 16, 16: 16, 32: 8},
    )
    torch.manual_seed(0)
    encoder = FaceEncoder(EncoderConfig(size=128, num_rows=8, w_dim=16)).eval()
    codec = FaceCodec(FaceModel(Generator(config).eval(), encoder, {}))
    crops = list(np.random.default_rng(0).integers(0, 256, (7, 128, 128, 3), dtype=np.uint8))
    codes = codec.encode(crops)
    with torch.inference_mode():
        expected = encoder.encode(encode_image(crops)).numpy()  # naive twin: norms apart, all at once
    np.testing.assert_allclose(codes, expected, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_array_equal(codes[::-1], codec.encode(crops[::-1]))
    for first, last in ((0, 1), (3, 6), (6, 7)):
        np.testing.assert_array_equal(codes[first:last], codec.encode(crops[first:last]))


def test_codec_resizes_other_crops(tiny_codec: FaceCodec) -> None:
    large = np.full((64, 64, 3), 77, dtype=np.uint8)
    np.testing.assert_array_equal(tiny_codec.encode([large]), tiny_codec.encode([large[:32, :32]]))
