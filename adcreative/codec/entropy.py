"""How probable symbols are: Gaussians on a table of scales for y, a mixture of logistics per channel for z; integer tables.

A coder works with integer frequencies, never with floats computed anew: the tables are made once, when a model is saved, and
travel with its weights. Frequencies of a table add up to 2^24 and none is zero, so every symbol in range can be coded.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor, nn

from adcreative.codec.config import MAX_SCALE, MIN_SCALE, NUM_SCALES, CodecConfig

__all__ = ["FactorizedPrior", "gaussian_bits", "gaussian_table", "max_symbol", "scale_idx", "scale_table"]

PRECISION = 24
MAX_Z = 48  # symbols of z lie in -48..48
LOG_MIN = math.log(MIN_SCALE)
LOG_STEP = (math.log(MAX_SCALE) - LOG_MIN) / (NUM_SCALES - 1)
_LEAST = 2.0**-PRECISION


def scale_table() -> np.ndarray:
    """Return the NUM_SCALES standard deviations, ascending in equal log steps, float64."""
    return np.exp(LOG_MIN + LOG_STEP * np.arange(NUM_SCALES))


def scale_idx(log_scale: Tensor) -> Tensor:
    """Return the nearest entry of the table of scales, int64 of the same shape."""
    return ((log_scale - LOG_MIN) / LOG_STEP).round().clamp(0, NUM_SCALES - 1).long()


def max_symbol(idx: int) -> int:
    """Return the largest symbol that can be coded with this entry of the table of scales."""
    return min(math.ceil(6 * float(scale_table()[idx])) + 8, 1000)


def gaussian_table(idx: int) -> np.ndarray:
    """Return integer frequencies of the symbols -max_symbol..max_symbol, uint32, adding up to 2^24."""
    bound, scale = max_symbol(idx), float(scale_table()[idx])
    edges = ndtr((np.arange(-bound, bound + 2) - 0.5) / scale)
    return to_frequencies(np.diff(edges))


def to_frequencies(probabilities: np.ndarray) -> np.ndarray:
    """Return integer frequencies of at least 1 that add up to 2^24; what rounding leaves goes to the most probable symbol."""
    counts = np.maximum(np.round(probabilities / probabilities.sum() * 2**PRECISION), 1).astype(np.int64)
    counts[counts.argmax()] += 2**PRECISION - counts.sum()
    return counts.astype(np.uint32)


def gaussian_bits(residual: Tensor, log_scale: Tensor) -> Tensor:
    """Return -log2 of the probability of the unit interval around `residual` under N(0, exp(log_scale)), elementwise."""
    scale = log_scale.clamp(LOG_MIN, math.log(MAX_SCALE)).exp()
    distance = residual.abs()
    probability = torch.special.ndtr((0.5 - distance) / scale) - torch.special.ndtr((-0.5 - distance) / scale)
    return -probability.clamp_min(_LEAST).log2()


class FactorizedPrior(nn.Module):
    """Probability of z, independent over positions: for each rate and channel a mixture of three logistics."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        shape = (len(config.lambdas), config.hyper_channels, 3)
        self.means = nn.Parameter(torch.linspace(-2.0, 2.0, 3).expand(shape).clone())
        self.log_scales = nn.Parameter(torch.zeros(shape))
        self.weights = nn.Parameter(torch.zeros(shape))

    def cumulative(self, values: Tensor, rates: Tensor) -> Tensor:
        """Return P(z <= value) for values [B, channels, N] and rates [B]."""
        means, scales = self.means[rates][:, :, None], self.log_scales[rates][:, :, None].clamp(-3.0, 4.0).exp()
        shares = self.weights[rates].softmax(dim=-1)[:, :, None]
        return (shares * torch.sigmoid((values[..., None] - means) / scales)).sum(dim=-1)

    def bits(self, values: Tensor, rates: Tensor) -> Tensor:
        """Return -log2 of the probability of the unit interval around each value [B, channels, N]."""
        probability = self.cumulative(values + 0.5, rates) - self.cumulative(values - 0.5, rates)
        return -probability.clamp_min(_LEAST).log2()

    @torch.no_grad()
    def tables(self) -> np.ndarray:
        """Return integer frequencies [rates, channels, 2 MAX_Z + 1] of the symbols -MAX_Z..MAX_Z."""
        num_rates, num_channels, _ = self.means.shape
        edges = torch.arange(-MAX_Z, MAX_Z + 2, dtype=torch.float64) - 0.5
        rates = torch.arange(num_rates, device=self.means.device)
        values = edges.expand(num_rates, num_channels, -1)
        probabilities = np.diff(self.double().cumulative(values, rates).cpu().numpy(), axis=-1)
        self.float()
        flat = [to_frequencies(row) for row in probabilities.reshape(-1, probabilities.shape[-1])]
        return np.stack(flat).reshape(probabilities.shape)
