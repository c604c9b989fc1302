"""A small codec whose weights are drawn, not trained: enough for what must hold whatever the weights are."""

from __future__ import annotations

import pytest
import torch

from adcreative.codec.config import CodecConfig
from adcreative.codec.network import ImageCodec

SMALL = CodecConfig(
    widths=(8, 12, 16), depths=(1, 1, 1), slices=(4, 8, 12), hyper_channels=8, context_channels=16,
    lambdas=(0.01, 0.1),
)  # fmt: skip


def build_small(seed: int, config: CodecConfig = SMALL) -> ImageCodec:
    """Return a network whose weights are drawn from `seed`, and whose symbols differ from their means."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = ImageCodec(config)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
            network.log_steps.sub_(1.5)
    return network


@pytest.fixture(scope="session")
def network() -> ImageCodec:
    return build_small(0)
