"""Arithmetic of the entropy model that gives the same bits on every machine: numbers on a grid, in float64.

The decoder must compute exactly the means and scales that the encoder computed, or the range coder loses step. Weights are
multiples of 2^-14, activations of 2^-10 and at most 1024, so that the products and sums of a convolution are exact in
float64 (53 bits) whatever the order in which a machine adds them. Functions that are not exact (exp, tanh) are rounded to the
grid at once. In float32, which is what training uses, nothing is rounded.

Source:
    The aim is that of Balle et al. 2019, "Integer Networks for Data Compression with Latent-Variable Models"; integers are
    held in float64 here, since torch convolves no integers on a CPU.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["make_exact", "snap"]

ACTIVATION_STEPS = 2.0**10
WEIGHT_STEPS = 2.0**14
MAX_ACTIVATION = 1024.0
MAX_WEIGHT = 8.0


def snap(values: Tensor) -> Tensor:
    """Round float64 activations to the grid and cut them to its range; leave float32 as it is."""
    if values.dtype != torch.float64:
        return values
    return (values * ACTIVATION_STEPS).round().div(ACTIVATION_STEPS).clamp(-MAX_ACTIVATION, MAX_ACTIVATION)


@torch.no_grad()
def make_exact(module: nn.Module) -> None:
    """Turn a module of the entropy model into float64 with weights on the grid, in place."""
    module.double()
    for parameter in module.parameters():
        parameter.copy_((parameter * WEIGHT_STEPS).round().div(WEIGHT_STEPS).clamp(-MAX_WEIGHT, MAX_WEIGHT))
