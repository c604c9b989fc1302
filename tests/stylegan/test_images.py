"""Pictures as tensors and back; what `from stylegan import ...` offers, without torch before it is asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
import torch

import stylegan
from stylegan.errors import ShapeError
from stylegan.images import decode_image, encode_image


def test_every_level_survives_the_round_trip() -> None:
    image_u8 = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    assert np.array_equal(decode_image(encode_image(image_u8))[0], image_u8)


def test_range_is_minus_one_to_one() -> None:
    encoded = encode_image(np.array([[[0, 0, 0], [255, 255, 255]]], dtype=np.uint8))
    assert encoded.shape == (1, 3, 1, 2)
    assert (encoded.min(), encoded.max()) == (-1.0, 1.0)


def test_values_outside_are_clamped() -> None:
    assert decode_image(torch.full((1, 3, 1, 1), 7.0)).max() == 255


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((4, 4, 3), dtype=np.float32), "expected uint8"),
        (np.zeros((4, 4, 4), dtype=np.uint8), r"\[H, W, 3\]"),
        ([np.zeros((4, 4, 3), dtype=np.uint8), np.zeros((5, 4, 3), dtype=np.uint8)], "of one size"),
    ],
)
def test_what_is_not_a_picture_is_refused(images: object, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        encode_image(images)  # type: ignore[arg-type]


def test_decode_refuses_other_shapes() -> None:
    with pytest.raises(ShapeError, match=r"expected images \[B, 3, H, W\]"):
        decode_image(torch.zeros(3, 4, 4))


@pytest.mark.parametrize("name", stylegan.__all__)
def test_each_name_is_that_of_its_home(name: str) -> None:
    assert getattr(stylegan, name) is getattr(import_module(stylegan._HOMES[name]), name)
    assert name in dir(stylegan)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"has no attribute 'FaceAnalyser'; it offers DirectionSet, FaceAnalyzer"):
        _ = stylegan.FaceAnalyser


def test_torch_is_not_loaded_by_the_package_alone() -> None:
    code = "import stylegan, stylegan.errors, sys; assert 'torch' not in sys.modules; assert 'numpy' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
