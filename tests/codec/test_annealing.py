"""Annealing one picture's latents: a lower cost, a stream that the untouched decoder reads, and draws as they are described."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from adcreative.codec.annealing import _draw, anneal, rate_distortion_cost, temperature
from adcreative.codec.model import CodecModel, freeze
from adcreative.codec.stream import decode, encode, picture_latents
from adcreative.errors import ConfigError
from tests.codec.conftest import SMALL, build_small


def smooth_picture(seed: int) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    image = functional.interpolate(torch.rand(1, 3, 8, 8, generator=generator), size=64, mode="bilinear")
    return (image[0] * 255).byte().permute(1, 2, 0).numpy()


@pytest.fixture(scope="module")
def model() -> CodecModel:
    """A small network trained for a moment on pictures other than those that are annealed."""
    network = build_small(5)
    image = torch.stack([torch.from_numpy(smooth_picture(seed)).permute(2, 0, 1) / 255 for seed in (1, 2)])
    optimizer, lambdas = torch.optim.Adam(network.parameters(), lr=2e-3), torch.tensor(SMALL.lambdas)
    for _ in range(100):
        found = network(image, torch.tensor([0, 1]), generator=torch.Generator().manual_seed(0))
        mse = (found.image - image).square().mean(dim=(1, 2, 3))
        loss = ((found.y_bits + found.z_bits) / 64**2 + lambdas * 255**2 * mse).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return freeze(network)


@pytest.mark.parametrize("rate", [0, 1])
def test_the_cost_falls_on_a_held_out_picture_and_the_stream_decodes_to_the_annealed_latents(
    model: CodecModel, rate: int
) -> None:
    image_u8 = smooth_picture(7)
    plain, annealed = (
        encode(model, image_u8, rate),
        anneal(model, image_u8, rate, generator=torch.Generator().manual_seed(0), num_steps=60),
    )
    costs = [rate_distortion_cost(model, image_u8, coded, rate) for coded in (plain, annealed)]
    assert costs[1] < 0.99 * costs[0]
    assert np.array_equal(decode(model, annealed.content), annealed.image_u8)
    again = anneal(model, image_u8, rate, generator=torch.Generator().manual_seed(0), num_steps=60)
    assert again.content == annealed.content


def test_annealing_that_does_not_help_is_left_out(model: CodecModel, monkeypatch: pytest.MonkeyPatch) -> None:
    image_u8 = smooth_picture(9)
    y, z = picture_latents(model, image_u8, 1)
    monkeypatch.setattr("adcreative.codec.annealing._descend", lambda *_: (torch.zeros_like(y), z))
    annealed = anneal(model, image_u8, 1, generator=torch.Generator(), num_steps=1)
    assert annealed.content == encode(model, image_u8, 1).content


def test_draws_lie_between_the_neighbours_and_mostly_near_the_nearer() -> None:
    values = torch.full((20_000,), -1.8, requires_grad=True)
    drawn = _draw(values, 0.05, torch.Generator().manual_seed(0))
    assert ((drawn >= -2) & (drawn <= -1)).all()
    assert ((drawn + 2).abs() < 0.01).float().mean() > 0.95
    odds = np.exp((np.arctanh(0.8) - np.arctanh(0.2)) / 0.5)
    warm = _draw(values, 0.5, torch.Generator().manual_seed(0))
    assert float((warm < -1.5).float().mean()) == pytest.approx(odds / (1 + odds), abs=0.01)
    warm.sum().backward()
    assert values.grad is not None
    assert values.grad.any()


def test_temperature_stays_and_falls() -> None:
    assert [temperature(step, 2000) for step in (0, 700)] == [0.5, 0.5]
    assert temperature(2000, 2000) == pytest.approx(0.5 * np.exp(-1e-3 * (2000 - 0.35 * 2000)))


def test_a_picture_that_is_too_large_is_refused(model: CodecModel) -> None:
    with pytest.raises(ConfigError, match=r"annealing takes pictures up to 600,000 px, got \[1000, 601\]; use encode"):
        anneal(model, np.zeros((1000, 601, 3), np.uint8), 0, generator=torch.Generator())
