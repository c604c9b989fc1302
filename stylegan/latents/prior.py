"""The sampling prior: the distribution of latent codes, fitted to the codes of the training faces.

    code = mean + F z,   z ~ N(0, I),   F F^T = covariance of the training codes

The factor is folded into the generator's mapping network, so that `Generator.map(z)` gives W+ latents of new faces; it is
recovered from there to measure the distance of a code from the training faces (`realism.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stylegan.networks.encoder import FaceEncoder
from stylegan.networks.generator import EqualLinear, MappingNetwork

SAME_SHARE = 0.01  # maximum relative error of a mapping's weights for recovering a prior (rounding leaves 0.0002)


@dataclass(frozen=True)
class GaussianPrior:
    """mean [C] and factor [C, Z] of a normal distribution over latent codes, C = code_dim."""

    mean: Tensor
    factor: Tensor

    def sample(self, num_samples: int, *, generator: torch.Generator, truncation: float = 1.0) -> Tensor:
        """Draw codes [num_samples, C]; truncation < 1 stays closer to the mean face."""
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

    @classmethod
    @torch.no_grad()
    def read_from(cls, mapping: MappingNetwork, encoder: FaceEncoder) -> GaussianPrior:
        """Return the prior folded into a mapping network by `write_into`, float64 on the CPU.

        A mapping without one (a trained mapping) gives the standard normal distribution, since the encoder's
        codes have mean 0 and deviation 1 in each dimension.
        """
        rows, offset = (part.detach().cpu().double() for part in (encoder.to_rows.weight, encoder.to_rows.bias))
        layers: nn.ModuleList = mapping.layers
        if len(layers) == 1 and isinstance(layers[0], EqualLinear) and len(layers[0].weight) == len(rows):
            weight, bias = layers[0].weight.detach().cpu().double(), layers[0].bias.detach().cpu().double()
            weight, bias = weight * layers[0].weight_gain, bias * layers[0].bias_gain
            factor = torch.linalg.lstsq(rows, weight).solution  # [C, Z]
            is_whole = factor.shape[0] == factor.shape[1] and int(torch.linalg.matrix_rank(factor)) == len(factor)
            if is_whole and torch.linalg.norm(rows @ factor - weight) < SAME_SHARE * torch.linalg.norm(weight):
                return cls(mean=torch.linalg.lstsq(rows, (bias - offset)[:, None]).solution[:, 0], factor=factor)
        code_dim = rows.shape[1]
        return cls(mean=torch.zeros(code_dim, dtype=torch.float64), factor=torch.eye(code_dim, dtype=torch.float64))


def fit_prior(codes: Tensor) -> GaussianPrior:
    """Fit a normal distribution to codes [N, C], N > C recommended; eigenvectors ordered from the largest variance."""
    mean = codes.mean(dim=0)
    covariance = (codes - mean).t() @ (codes - mean) / (codes.shape[0] - 1)
    values, vectors = torch.linalg.eigh(covariance.double())
    order = values.argsort(descending=True)
    factor = vectors[:, order] * values[order].clamp(min=0).sqrt()
    return GaussianPrior(mean=mean, factor=factor.float())
