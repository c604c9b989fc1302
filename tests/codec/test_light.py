"""The light transforms start as a cosine transform of blocks: orthonormal, exact with all functions, networks at zero."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.fft import dctn

from adcreative.codec.basis import block_basis
from adcreative.codec.config import CodecConfig
from adcreative.codec.light import LightAnalysis, LightSynthesis
from adcreative.errors import ConfigError
from tests.codec.conftest import SMALL


def test_the_basis_is_orthonormal_and_strongest_first() -> None:
    functions, deviation = block_basis(768)
    flat = functions.reshape(768, -1)
    assert np.allclose(flat @ flat.T, np.eye(768), atol=1e-5)
    assert (np.diff(deviation) <= 0).all()
    assert np.allclose(functions[0], functions[0, 0, 0, 0])  # the mean brightness
    grey = np.random.default_rng(0).normal(size=(16, 16))
    coefficients = np.sort(np.abs(flat @ np.stack([grey] * 3).ravel()))[-256:]
    assert np.allclose(coefficients, np.sort(np.abs(dctn(grey, norm="ortho")).ravel()) * 3**0.5, atol=1e-4)


def test_all_functions_give_the_picture_back_before_any_training() -> None:
    config = replace(SMALL, slices=(8, 760))
    image = torch.rand(2, 3, 64, 128, generator=torch.Generator().manual_seed(0))
    latents = LightAnalysis(config)(image)
    assert latents.shape == (2, 768, 4, 8)
    assert torch.allclose(LightSynthesis(config)(latents), image, atol=1e-4)


def test_networks_begin_as_nothing_and_can_learn() -> None:
    analysis = LightAnalysis(SMALL)
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(analysis(image), analysis.linear(image - 0.5))
    analysis(image).square().sum().backward()
    assert analysis.last.weight.grad is not None
    assert analysis.last.weight.grad.any()


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match='transforms are "light" or "published", got "heavy"; choose one of them'):
        CodecConfig(transforms="heavy")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="light transforms have slices of up to 768 channels in all, got 800"):
        CodecConfig(slices=(400, 400))
