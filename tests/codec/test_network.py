"""The network: what each pass may see, arithmetic on the grid, sizes, and that it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from adcreative.codec.config import CodecConfig, published_config
from adcreative.codec.context import LocalContext, anchor_mask
from adcreative.codec.entropy import PRECISION, gaussian_bits, gaussian_table, max_symbol, scale_idx, scale_table
from adcreative.codec.grid import ACTIVATION_STEPS, make_exact, snap
from adcreative.codec.network import ImageCodec, Pass
from adcreative.errors import ConfigError
from tests.codec.conftest import SMALL, build_small


def walk(network: ImageCodec, latents: torch.Tensor, hyper: torch.Tensor) -> list[Pass]:
    """Return the predictions of every pass over given latents [1, M, H, W]."""
    seen: list[Pass] = []

    def take(one: Pass) -> torch.Tensor:
        seen.append(one)
        return latents[:, one.channels]

    network.walk_slices(hyper, network.steps(torch.tensor([1])), take)
    return seen


def test_no_pass_sees_what_comes_after_it(network: ImageCodec) -> None:
    exact = network.exact()
    generator = torch.Generator().manual_seed(0)
    hyper = snap(torch.randn(1, 2 * SMALL.context_channels, 4, 6, generator=generator, dtype=torch.float64))
    latents = snap(3 * torch.randn(1, SMALL.latent_channels, 4, 6, generator=generator, dtype=torch.float64))
    before = walk(exact, latents, hyper)
    for number, changed in enumerate(before):
        other = latents.clone()
        other[:, changed.channels] += 5 * changed.mask
        after = walk(exact, other, hyper)
        for earlier in range(number + 1):  # its own prediction included
            difference = (after[earlier].mean - before[earlier].mean).abs() * before[earlier].mask
            assert difference.max() == 0
        if number + 1 < len(before):
            assert not torch.equal(after[number + 1].mean, before[number + 1].mean)


def test_anchors_are_odd() -> None:
    assert anchor_mask(torch.zeros(1, 1, 2, 3))[0, 0].tolist() == [[0, 1, 0], [1, 0, 1]]


def test_convolutions_on_the_grid_do_not_depend_on_the_order_of_addition() -> None:
    generator = torch.Generator().manual_seed(1)
    layer = torch.nn.Conv2d(64, 8, 3, padding=1)
    values = 30 * torch.randn(1, 64, 9, 9, generator=generator)
    order = torch.randperm(64, generator=generator)

    def outputs(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        weight, image = layer.weight.detach().to(dtype), values.to(dtype)
        return functional.conv2d(image, weight), functional.conv2d(image[:, order], weight[:, order])

    in_float = outputs(torch.float32)
    assert not torch.equal(*in_float)  # what the grid is for
    make_exact(layer)
    values = snap(values.double())
    assert torch.equal(*outputs(torch.float64))


def test_snap() -> None:
    values = torch.tensor([0.1, -2000.0, 3.0], dtype=torch.float64)
    assert snap(values).tolist() == [round(0.1 * ACTIVATION_STEPS) / ACTIVATION_STEPS, -1024.0, 3.0]
    assert torch.equal(snap(values.float()), values.float())


def test_local_context_against_a_loop() -> None:
    torch.manual_seed(3)
    context = LocalContext(6, 8, 5)
    guide, anchors = torch.randn(1, 6, 5, 7), torch.randn(1, 8, 5, 7)
    anchors = anchors * anchor_mask(anchors)
    sizes = anchors.abs()
    query, key, value = context.query(guide), context.key(anchors), context.value(torch.cat([anchors, sizes], dim=1))
    mixed = torch.zeros(1, 8, 5, 7)
    for row in range(5):
        for column in range(7):
            scores, values = [], []
            for i in range(max(row - 2, 0), min(row + 3, 5)):
                for j in range(max(column - 2, 0), min(column + 3, 7)):
                    if (i + j) % 2:
                        angle = (i - row) * context.frequencies[0] + (j - column) * context.frequencies[1]
                        even, odd = key[0, :4, i, j], key[0, 4:, i, j]
                        turned = torch.cat([even * angle.cos() - odd * angle.sin(), even * angle.sin() + odd * angle.cos()])
                        scores.append(query[0, :, row, column] @ turned / 8**0.5)
                        values.append(value[0, :, i, j])
            mixed[0, :, row, column] = torch.stack(scores).softmax(0) @ torch.stack(values)
    assert torch.allclose(context(guide, anchors, sizes), context.out(mixed), atol=1e-5)


@pytest.mark.parametrize("idx", [0, 9, 30, 63])
def test_tables_of_frequencies(idx: int) -> None:
    table, bound = gaussian_table(idx).astype(np.int64), max_symbol(idx)
    assert table.sum() == 2**PRECISION
    assert table.min() >= 1
    assert len(table) == 2 * bound + 1
    symbols = torch.arange(-2, 3, dtype=torch.float64)
    bits = gaussian_bits(symbols, torch.full((5,), float(np.log(scale_table()[idx])), dtype=torch.float64)).clamp(max=20)
    assert np.allclose(np.minimum(-np.log2(table[bound - 2 : bound + 3] / 2**PRECISION), 20), bits, atol=0.01)


def test_symbols_are_rounded_around_their_mean_and_easy_ones_may_be_left_out() -> None:
    """Gaussian latents with their true mean and scale: rounding what is left of the mean costs fewer bits and errs less."""
    generator = torch.Generator().manual_seed(0)
    log_scale = 0.3 + 1.2 * torch.randn(200_000, generator=generator, dtype=torch.float64)
    log_scale = log_scale.clamp_min(float(np.log(0.11)))
    mean = 2 * torch.randn(200_000, generator=generator, dtype=torch.float64)
    latent = mean + log_scale.exp() * torch.randn(200_000, generator=generator, dtype=torch.float64)

    def cost(decoded: torch.Tensor, is_coded: torch.Tensor) -> tuple[float, float]:
        bits = torch.where(is_coded, gaussian_bits(decoded - mean, log_scale), 0.0)
        return float(bits.mean()), float(((decoded - latent) ** 2).mean())

    everything = torch.ones_like(mean, dtype=torch.bool)
    around_mean, plain = (latent - mean).round() + mean, latent.round()
    bits, error = cost(around_mean, everything)
    assert cost(plain, everything)[0] > bits + 0.03
    assert cost(plain, everything)[1] > error + 0.003
    is_coded = log_scale > float(np.log(0.3))
    assert 0.05 < float((~is_coded).double().mean()) < 0.3
    fewer, worse = cost(torch.where(is_coded, around_mean, mean), is_coded)
    assert fewer < bits - 0.005
    assert error < worse < error + 0.01


def test_scales_are_rounded_to_the_nearest_entry() -> None:
    log_scales = torch.from_numpy(np.log(scale_table()))
    assert scale_idx(log_scales).tolist() == list(range(64))
    assert scale_idx(torch.tensor([-99.0, 99.0])).tolist() == [0, 63]


def test_published_size() -> None:
    with torch.device("meta"):
        network = ImageCodec(published_config())
    names = {name.split(".")[0] for name in network.state_dict()}
    assert names == {
        "analysis", "synthesis", "hyper_analysis", "hyper_synthesis", "prior", "contexts", "log_steps", "log_gains",
        "rate_bias",
    }  # fmt: skip
    assert network.analysis(torch.zeros(1, 3, 64, 64, device="meta")).shape == (1, 320, 4, 4)
    assert network.contexts[9].channel_context[0].weight.shape == (224, 576, 3, 3)


def test_the_cpu_size_is_below_eight_megabytes_in_half_precision() -> None:
    with torch.device("meta"):
        num = sum(parameter.numel() for parameter in ImageCodec(CodecConfig()).parameters())
    assert 2 * num < 8_000_000


def test_it_learns() -> None:
    """A few steps on one picture lower the loss of every rate, and no part of the network is left without a gradient."""
    network = build_small(5)
    generator = torch.Generator().manual_seed(0)
    image = functional.interpolate(torch.rand(2, 3, 8, 8, generator=generator), size=64, mode="bilinear")
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    rates, lambdas = torch.tensor([0, 1]), torch.tensor(SMALL.lambdas)
    losses = []
    for _ in range(40):
        found = network(image, rates, generator=generator)
        mse = (found.image - image).square().mean(dim=(1, 2, 3))
        loss = (found.y_bits + found.z_bits) / 64**2 + lambdas * 255**2 * mse
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
        losses.append(loss.detach())
    assert (losses[-1] < 0.5 * losses[0]).all()
    idle = [name for name, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert idle == []


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"slices \(=\[4, 6\]\) and context_channels \(=64\) must be divisible by 4"):
        CodecConfig(slices=(4, 6))
    with pytest.raises(ConfigError, match="lambdas must be positive and ascending"):
        CodecConfig(lambdas=(0.1, 0.01))
