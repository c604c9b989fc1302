"""What the contexts are for: the same pictures at the same error in fewer bits than from the hyper latents alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from adcreative.codec.config import CodecConfig
from adcreative.codec.context import SliceContext
from adcreative.codec.network import ImageCodec

CONFIG = CodecConfig(
    widths=(8, 12, 16), depths=(1, 1, 1), slices=(8, 24, 64), hyper_channels=8, context_channels=32,
    lambdas=(0.05,),
)  # fmt: skip


class HyperOnly(SliceContext):
    """Predicts from the hyper latents alone: decoded slices and anchors are hidden from it."""

    def known(self, hyper: Tensor, decoded: list[Tensor], sizes: list[Tensor]) -> tuple[Tensor, Tensor]:
        return super().known(hyper, [torch.zeros_like(one) for one in decoded], [torch.zeros_like(one) for one in sizes])

    def predict_others(self, known: Tensor, guide: Tensor, anchors: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        return super().predict_others(known, guide, torch.zeros_like(anchors), torch.zeros_like(sizes))


def draw_pictures(num: int, rng: np.random.Generator) -> Tensor:
    """Return [num, 3, 128, 128]: overlapping boxes and stripes of two colours each, whose edges go on from block to block."""
    rows, columns = np.mgrid[:128, :128].astype(np.float32)
    pictures = np.empty((num, 3, 128, 128), np.float32)
    for picture in pictures:
        picture[:] = rng.random((3, 1, 1))
        for _ in range(6):
            angle, offset, period = rng.uniform(0, np.pi), rng.uniform(0, 128), rng.uniform(16, 64)
            height = np.cos(angle) * rows + np.sin(angle) * columns - offset
            inside = (height > 0) if rng.random() < 0.5 else (height % period < period / 2)
            top, left = rng.integers(0, 96, 2)
            inside &= (rows >= top) & (rows < top + 64) & (columns >= left) & (columns < left + 64)
            picture[:, inside] = rng.random((3, 1))
    return torch.from_numpy(pictures)


def learn(pictures: Tensor, held_out: Tensor, num_steps: int, *, has_contexts: bool) -> tuple[float, float]:
    """Return bits a pixel and mean squared error on held-out pictures after training the entropy model alone."""
    torch.manual_seed(0)
    network = ImageCodec(CONFIG)
    if not has_contexts:
        for context in network.contexts:
            context.__class__ = HyperOnly
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    generator, rates = torch.Generator().manual_seed(1), torch.zeros(4, dtype=torch.int64)
    for step in range(num_steps):
        optimizer.param_groups[0]["lr"] = 3e-3 * min(1.0, 2 * (1 - step / num_steps))
        image = pictures[torch.randint(len(pictures), (4,), generator=generator)]
        found = network(image, rates, generator=generator, bits_only=True)
        optimizer.zero_grad()
        (found.y_bits + found.z_bits).mean().backward()
        optimizer.step()
    with torch.no_grad():
        found = network(held_out, torch.zeros(len(held_out), dtype=torch.int64), generator=generator)
    bits = (found.y_bits + found.z_bits).mean() / 128**2
    return float(bits), float((found.image - held_out).square().mean())


@pytest.mark.planted
def test_contexts_save_bits_at_the_same_error() -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    pictures, held_out = draw_pictures(64, rng), draw_pictures(16, rng)
    (bits, error), (hyper_bits, hyper_error) = (learn(pictures, held_out, 150, has_contexts=has) for has in (True, False))
    assert error < 1.02 * hyper_error
    assert bits < 0.97 * hyper_bits
