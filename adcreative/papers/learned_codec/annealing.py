"""Better encoding of one picture with the same decoder: stochastic Gumbel annealing of its latents before rounding.

Each symbol is drawn from its two neighbouring whole numbers, the nearer one more probably, by a differentiable draw whose
temperature falls; the latents of this one picture follow the gradient of its rate-distortion cost. Slow: a step costs about
three encodings, and decoding is not affected.

    p(floor) ~ exp(-atanh(v - floor(v)) / t),   p(ceil) ~ exp(-atanh(ceil(v) - v) / t),   t = min(0.5, 0.5 exp(-2 (k/K - 0.35)))

Source:
    Yang, Bamler & Mandt 2020, "Improving Inference for Neural Image Compression", section 3.2; the temperature is that of
    MLICv2+ (Jiang et al. 2025) written for any number of steps K.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from adcreative.errors import ConfigError
from adcreative.papers.learned_codec.entropy import gaussian_bits
from adcreative.papers.learned_codec.model import CodecModel, Pass
from adcreative.papers.learned_codec.stream import Encoded, check_request, encode_latents, picture_latents, picture_tensor

LEARNING_RATE = 0.02  # of Adam, on z and on y in rounding steps
MAX_ANNEALED_PIXELS = 600_000  # gradients take about 4 kB a pixel


def anneal(model: CodecModel, image_u8: np.ndarray, rate: int, *, generator: torch.Generator, num_steps: int = 200) -> Encoded:
    """Return a stream of the picture whose cost is at most that of `encode`: annealed, or plain where annealing did not help.

    Args:
        image_u8, rate: as for `encode`, of at most MAX_ANNEALED_PIXELS.
        generator: draws the symbols.
        num_steps: gradient steps; the paper uses 2,000.
    Raises:
        ConfigError: as `encode`, or a picture too large.
    """
    image_u8 = check_request(model, image_u8, rate)
    if image_u8.shape[0] * image_u8.shape[1] > MAX_ANNEALED_PIXELS:
        raise ConfigError(
            f"annealing takes pictures up to {MAX_ANNEALED_PIXELS:,} px, got {list(image_u8.shape[:2])}; use encode"
        )
    y, z = picture_latents(model, image_u8, rate)
    plain = encode_latents(model, y, z, image_u8.shape[:2], rate)
    annealed = encode_latents(model, *_descend(model, image_u8, (y, z), rate, generator, num_steps), image_u8.shape[:2], rate)
    return min((annealed, plain), key=lambda coded: rate_distortion_cost(model, image_u8, coded, rate))


def rate_distortion_cost(model: CodecModel, image_u8: np.ndarray, coded: Encoded, rate: int) -> float:
    """Return bits per pixel of the stream + lambda * mean squared error on the scale 0..255: the training loss of the model."""
    error = np.square(coded.image_u8.astype(np.float64) - image_u8[..., :3]).mean()
    return 8 * len(coded.content) / (image_u8.shape[0] * image_u8.shape[1]) + model.config.lambdas[rate] * float(error)


def temperature(step: int, num_steps: int) -> float:
    """Return the temperature of the draws at a step of `num_steps`: 0.5 at first, then falling."""
    return min(0.5, 0.5 * math.exp(-2.0 * (step / num_steps - 0.35)))


def _descend(
    model: CodecModel, image_u8: np.ndarray, start: tuple[Tensor, Tensor], rate: int, generator: torch.Generator, num_steps: int
) -> tuple[Tensor, Tensor]:
    """Return y and z after `num_steps` of Adam on the cost of relaxed symbols."""
    network, rates = model.smooth, torch.tensor([rate])
    with torch.no_grad():
        all_steps = network.steps(rates)
    scaled, z = (start[0] / all_steps).clone().requires_grad_(), start[1].clone().requires_grad_()
    optimizer = torch.optim.Adam([scaled, z], lr=LEARNING_RATE)
    image = picture_tensor(image_u8)
    height, width = image_u8.shape[:2]
    for step in range(num_steps):
        heat = temperature(step, num_steps)
        bits: list[Tensor] = []
        y = scaled * all_steps

        def take(one: Pass, heat: float = heat, bits: list[Tensor] = bits, y: Tensor = y) -> Tensor:
            is_coded = one.log_scale >= math.log(model.config.skip_scale)
            symbols = _draw((y[:, one.channels] - one.mean) / one.steps, heat, generator)
            bits.append((gaussian_bits(symbols, one.log_scale) * one.mask * is_coded).sum())
            return torch.where(is_coded, symbols * one.steps + one.mean, one.mean)

        drawn_z = _draw(z, heat, generator)
        bits.append(network.prior.bits(drawn_z.flatten(2), rates).sum())
        rendered = network.render(network.walk_slices(network.hyper_features(drawn_z, rates), all_steps, take), rates)
        error = (rendered - image)[..., :height, :width].square().mean()
        cost = torch.stack(bits).sum() / (height * width) + model.config.lambdas[rate] * 255**2 * error
        optimizer.zero_grad(set_to_none=True)
        cost.backward()
        optimizer.step()
    return (scaled * all_steps).detach(), z.detach()


def _draw(values: Tensor, heat: float, generator: torch.Generator) -> Tensor:
    """Return relaxed draws between floor and ceiling of each value, the nearer one more probable; gradients pass."""
    floor = values.detach().floor()
    part = (values - floor).clamp(1e-4, 1 - 1e-4)
    logits = torch.stack([-torch.atanh(part), -torch.atanh(1 - part)]) / heat
    uniform = torch.rand(logits.shape, generator=generator, dtype=logits.dtype).clamp(1e-6, 1 - 1e-6)
    weights = ((logits - (-uniform.log()).log()) / heat).softmax(dim=0)
    return floor + weights[1]
