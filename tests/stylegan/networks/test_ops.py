"""Each fast form against a slow twin that follows the published formula."""

from __future__ import annotations

import pytest
import torch

from stylegan.networks.ops import blur, modulated_conv2d, scaled_leaky_relu, upsample2x
from tests.bench import plain_synthesis as plain


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (5, 7)])
def test_upsample_equals_zero_insertion_and_blur(size: tuple[int, int], generator: torch.Generator) -> None:
    image = torch.randn(2, 3, *size, generator=generator, dtype=torch.float64)
    expected = plain.upfirdn(image, plain.blur_kernel(gain=4.0), up=2, pad=(2, 1))
    torch.testing.assert_close(upsample2x(image), expected)


def test_blur_equals_the_two_dimensional_kernel(generator: torch.Generator) -> None:
    image = torch.randn(2, 3, 6, 5, generator=generator, dtype=torch.float64)
    expected = plain.upfirdn(image, plain.blur_kernel(gain=4.0).double(), up=1, pad=(1, 1))
    torch.testing.assert_close(blur(image, gain=4.0, pad=(1, 1)), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("upsample", [True, False])
def test_modulated_conv_equals_one_kernel_per_sample(
    kernel_size: int, demodulate: bool, upsample: bool, generator: torch.Generator
) -> None:
    if upsample and kernel_size == 1:
        kernel_size = 3
    features = torch.randn(3, 4, 6, 6, generator=generator, dtype=torch.float64)
    weight = torch.randn(5, 4, kernel_size, kernel_size, generator=generator, dtype=torch.float64)
    style = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    expected = plain.modulated_conv2d(features, weight, style, demodulate=demodulate, upsample=upsample)
    found = modulated_conv2d(features, weight, style, demodulate=demodulate, upsample=upsample)
    assert found.shape[-1] == (12 if upsample else 6)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_scaled_leaky_relu_has_slope_and_gain() -> None:
    found = scaled_leaky_relu(torch.tensor([[[[1.0]], [[-1.0]]]]), torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(found.flatten(), torch.tensor([2.0, -0.2]) * 2**0.5)
