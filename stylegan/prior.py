"""The sampling prior: what a face code looks like, fitted to the codes of the training faces.

    code = mean + F z,   z ~ N(0, I),   F F^T = covariance of the training codes

The factor is folded into the generator's mapping network, so that `Generator.map(z)` gives W+ latents of new faces.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stylegan.encoder import FaceEncoder
from stylegan.generator import EqualLinear, MappingNetwork


@dataclass(frozen=True)
class GaussianPrior:
    """mean [C] and factor [C, Z] of a normal distribution over face codes, C = code_dim."""

    mean: Tensor
    factor: Tensor

    def sample(self, num_samples: int, *, generator: torch.Generator, truncation: float = 1.0) -> Tensor:
        """Draw codes [num_samples, C]; truncation < 1 stays nearer to the mean face."""
        z = torch.randn(num_samples, self.factor.shape[1], generator=generator)
        return self.mean + truncation * z @ self.factor.t()

    @torch.no_grad()
    def write_into(self, mapping: MappingNetwork, encoder: FaceEncoder) -> None:
        """Fold the prior and the encoder's last layer into a one-layer mapping network, in place."""
        (layer,) = mapping.layers
        assert isinstance(layer, EqualLinear)
        weight = encoder.to_rows.weight @ self.factor  # [R * w_dim, Z]
        bias = encoder.to_rows.weight @ self.mean + encoder.to_rows.bias
        layer.weight.copy_(weight / layer.weight_gain)
        layer.bias.copy_(bias / layer.bias_gain)
        mapping.w_avg.copy_(bias.reshape(mapping.w_avg.shape))


def fit_prior(codes: Tensor) -> GaussianPrior:
    """Fit a normal distribution to codes [N, C], N > C recommended; eigenvectors ordered from the largest variance."""
    mean = codes.mean(dim=0)
    covariance = (codes - mean).t() @ (codes - mean) / (codes.shape[0] - 1)
    values, vectors = torch.linalg.eigh(covariance.double())
    order = values.argsort(descending=True)
    factor = vectors[:, order] * values[order].clamp(min=0).sqrt()
    return GaussianPrior(mean=mean, factor=factor.float())
