"""Eight-bit weights: errors of half a step, and files from which the same bits come back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adcreative.ctr.nn.int8 import LEVELS, pack_int8, quantise, unpack_int8
from adcreative.errors import ConfigError


@given(seed=st.integers(0, 10_000), axis=st.integers(0, 1), size=st.floats(-6, 6))
def test_what_is_quantised_is_packed_and_comes_back_bit_for_bit(seed: int, axis: int, size: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(seed % 6 + 1, seed % 5 + 1, generator=generator) * 10**size
    weight[0] *= seed % 2  # rows of zeros, such as that of padding
    rounded = quantise(weight, axis)
    step = weight.abs().amax(dim=1 - axis, keepdim=True) / LEVELS
    assert ((rounded - weight).abs() <= step * (0.5 + 1e-3)).all()
    packed = pack_int8({"a": rounded.numpy()})
    assert packed["a.int8"].dtype == np.int8
    assert np.array_equal(unpack_int8(packed)["a"], rounded.numpy())


def test_other_tensors_are_left_alone() -> None:
    tensors = {
        "a": np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32),
        "b": np.ones(3, np.float32),
        "c": np.ones((2, 2), np.int32),
    }
    assert all(np.array_equal(found, tensors[name]) for name, found in pack_int8(tensors).items())


@pytest.mark.parametrize(
    ("numbers", "scales"),
    [
        (np.ones((2, 3), np.int8), None),
        (np.ones((2, 3), np.int8), np.ones((3, 1), np.float32)),
        (np.ones((2, 3), np.int16), np.ones((2, 1), np.float32)),
        (np.ones(3, np.int8), np.ones((1, 3), np.float32)),
        (np.ones((2, 3), np.int8), np.full((2, 1), 3e38, np.float32)),
    ],
)
def test_damaged_files_are_refused(numbers: np.ndarray, scales: np.ndarray | None) -> None:
    packed = {"a.int8": numbers} | ({} if scales is None else {"a.int8_scales": scales})
    with pytest.raises(ConfigError, match=r"a has (eight-bit numbers without the scales|scales that are no numbers)"):
        unpack_int8(packed)
