"""The codec network: pixels -> latents -> symbols with their predicted means and scales -> pixels. Knows no bytes and no files.

One walk over the slices (`walk_slices`) serves training, encoding and decoding; they differ only in where the symbols of a
pass come from. One network serves several rates: each has its own step of rounding for each channel of y, which is learnt, and
gains of the decoded channels.

Shapes: B pictures, H W pixels (multiples of 64), M latent channels; rates [B] int64.
Source:
    Jiang et al. 2025 (MLICv2, arXiv 2504.19119); rates as in Cui et al. 2021, "Asymmetric Gained Deep Image Compression".
    Differs: y keeps its scale and the step of rounding changes, where they scale y and round to whole numbers; means and scales
    are then predicted from values that look alike at every rate.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from adcreative.codec.basis import block_basis
from adcreative.codec.config import CodecConfig
from adcreative.codec.context import SliceContext, anchor_mask, symbol_sizes
from adcreative.codec.entropy import MAX_Z, FactorizedPrior, gaussian_bits, max_symbol, scale_idx, scale_table
from adcreative.codec.grid import ACTIVATION_STEPS, make_exact, snap
from adcreative.codec.light import LightAnalysis, LightSynthesis
from adcreative.codec.transforms import Analysis, HyperAnalysis, HyperSynthesis, Synthesis

__all__ = ["Forward", "ImageCodec", "Pass", "first_coded_idx", "quantise", "quantise_z"]


@dataclass(frozen=True)
class Pass:
    """One of the two passes over one slice: which channels and positions are coded, and what is predicted for them.

    mean: [B, c, H, W], in units of y. log_scale: [B, c, H, W], of symbols. Both count where `mask` [1, 1, H, W] is 1. steps:
    [B, c, 1, 1]; a latent is its mean plus its symbol times the step.
    """

    channels: slice
    mask: Tensor
    mean: Tensor
    log_scale: Tensor
    steps: Tensor


@dataclass(frozen=True)
class Forward:
    """What training reads: reconstruction [B, 3, H, W], and bits of y and of z, each [B]."""

    image: Tensor
    y_bits: Tensor
    z_bits: Tensor


class ImageCodec(nn.Module):
    """Learned image codec of the MLIC family at the sizes of a config; random weights from `generator` via torch's default.

    Train in float32, then take `exact()`: a copy whose entropy model computes on a grid, as coding needs.
    """

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        is_light = config.transforms == "light"
        self.analysis = LightAnalysis(config) if is_light else Analysis(config)
        self.synthesis = LightSynthesis(config) if is_light else Synthesis(config)
        self.hyper_analysis, self.hyper_synthesis = HyperAnalysis(config), HyperSynthesis(config)
        self.prior = FactorizedPrior(config)
        self.contexts = nn.ModuleList(SliceContext(config, i) for i in range(len(config.slices)))
        self.log_steps = nn.Parameter(_first_steps(config).log())
        self.log_gains = nn.Parameter(torch.zeros_like(self.log_steps))
        self.rate_bias = nn.Parameter(torch.zeros(len(config.lambdas), 2 * config.context_channels))

    def exact(self) -> ImageCodec:
        """Return a copy in evaluation mode whose entropy model computes in float64 on the grid."""
        codec = copy.deepcopy(self).eval().requires_grad_(False)
        for module in (codec.hyper_synthesis, codec.contexts):
            make_exact(module)
        codec.rate_bias.data = snap(codec.rate_bias.data.double())
        codec.log_steps.data = codec.log_steps.data.double()
        return codec

    def steps(self, rates: Tensor) -> Tensor:
        """Return the rounding step of every channel, [B, M, 1, 1], at least one step of the grid."""
        return snap(self.log_steps[rates].exp()).clamp_min(1 / ACTIVATION_STEPS)[:, :, None, None]

    def latents(self, image: Tensor, rates: Tensor) -> tuple[Tensor, Tensor]:
        """Return y [B, M, H/16, W/16] and z [B, hyper, H/64, W/64], not rounded, of images [B, 3, H, W] in 0..1."""
        y = self.analysis(image)
        return y, self.hyper_analysis(torch.asinh(y / self.steps(rates).float()))

    def hyper_features(self, z: Tensor, rates: Tensor) -> Tensor:
        """Return what the entropy model reads of rounded z, [B, 2 context_channels, H/16, W/16]."""
        dtype = self.hyper_synthesis.last.weight.dtype
        return snap(self.hyper_synthesis(z.to(dtype)) + self.rate_bias[rates].to(dtype)[:, :, None, None])

    def walk_slices(self, hyper: Tensor, all_steps: Tensor, take: Callable[[Pass], Tensor]) -> Tensor:
        """Return the decoded latents [B, M, H, W].

        Args:
            hyper: what `hyper_features` returned. all_steps: what `steps` returned.
            take: gives the latents of one pass, [B, c, H, W], from its prediction.
        """
        decoded: list[Tensor] = []
        sizes: list[Tensor] = []
        log_steps = snap(all_steps.log())
        anchors_only = anchor_mask(hyper)
        for number, context in enumerate(self.contexts):
            assert isinstance(context, SliceContext)
            begin = sum(self.config.slices[:number])
            channels = slice(begin, begin + self.config.slices[number])
            known, guide = context.known(hyper, decoded, sizes)
            steps, log_step = all_steps[:, channels], log_steps[:, channels]
            mean, log_scale = context.predict_anchors(known)
            anchors = take(Pass(channels, anchors_only, mean, log_scale - log_step, steps)) * anchors_only
            mean, log_scale = context.predict_others(known, guide, anchors, symbol_sizes(anchors, steps))
            others = take(Pass(channels, 1 - anchors_only, mean, log_scale - log_step, steps))
            values = anchors + others * (1 - anchors_only)
            decoded.append(snap(values + steps * context.predict_residual(known, values)))
            sizes.append(symbol_sizes(values, steps))
        return torch.cat(decoded, dim=1)

    def render(self, latents: Tensor, rates: Tensor) -> Tensor:
        """Return pixels [B, 3, H, W], about 0..1, of decoded latents [B, M, H/16, W/16]."""
        return self.synthesis(latents.float() * self.log_gains[rates].exp()[:, :, None, None])

    def forward(
        self,
        image: Tensor,
        rates: Tensor,
        *,
        generator: torch.Generator | None = None,
        skips: bool = False,
        bits_only: bool = False,
    ) -> Forward:
        """Return reconstruction and bits as training sees them: noise for the bits, straight-through rounding for pixels.

        Args:
            skips: symbols predicted with a scale below `skip_scale` cost nothing and take their mean, as the coder does.
            bits_only: y and the rounding steps are taken as given and nothing is rendered (`image` is the input): cheap steps
                that teach the entropy model what the transforms of the start give it.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not bits_only):
            y, all_steps = self.analysis(image), self.steps(rates)
        z = self.hyper_analysis(torch.asinh(y / all_steps))
        bits: list[Tensor] = []

        def noise(values: Tensor) -> Tensor:
            return torch.rand(values.shape, generator=generator, device=values.device) - 0.5

        def take(one: Pass) -> Tensor:
            symbols = (y[:, one.channels] - one.mean) / one.steps
            cost = gaussian_bits(symbols + noise(symbols), one.log_scale) * one.mask
            rounded = y[:, one.channels] + one.steps * (symbols.round() - symbols).detach()
            if skips:
                is_coded = one.log_scale >= math.log(self.config.skip_scale)
                cost, rounded = cost * is_coded, torch.where(is_coded, rounded, one.mean)
            bits.append(cost.sum(dim=(1, 2, 3)))
            return rounded

        z_bits = self.prior.bits((z + noise(z)).flatten(2), rates).sum(dim=(1, 2))
        hyper = self.hyper_features(z + (z.round() - z).detach(), rates)
        latents = self.walk_slices(hyper, all_steps, take)
        return Forward(image if bits_only else self.render(latents, rates), torch.stack(bits).sum(dim=0), z_bits)


def _first_steps(config: CodecConfig) -> Tensor:
    """Return where the rounding steps start, [rates, M].

    At high rates, bits + lambda 255^2 mse of an orthonormal transform is least for the step sqrt(18 / (ln 2 lambda)) / 255: an
    error of step^2 / 12 a coefficient, a third of which is the mse of a pixel, against 1 bit for each halving of the step.
    """
    lambdas = torch.tensor(config.lambdas)[:, None]
    if config.transforms == "published":
        return (lambdas[0] / lambdas).sqrt().repeat(1, config.latent_channels) / 2
    _, deviation = block_basis(config.latent_channels)
    return (18 / (math.log(2) * lambdas)).sqrt() / 255 * torch.tensor(deviation) ** -0.5


_BOUNDS = torch.tensor([max_symbol(i) for i in range(len(scale_table()))], dtype=torch.float64)


def quantise(one: Pass, latents: Tensor, skip_scale: float) -> tuple[Tensor, Tensor, Tensor]:
    """Round one pass of latents [B, M, H, W] as the coder does.

    Returns:
        symbols (float64, whole numbers), entries of the table of scales (int64), and which are coded, each [B, c, H, W].
    """
    idx = scale_idx(one.log_scale)
    is_coded = (one.mask > 0) & (idx >= first_coded_idx(skip_scale))
    bound = _BOUNDS[idx]
    symbols = ((latents[:, one.channels].double() - one.mean) / one.steps).round()
    return torch.where(is_coded, symbols.clamp(-bound, bound), torch.zeros_like(symbols)), idx, is_coded


def first_coded_idx(skip_scale: float) -> int:
    """Return the first entry of the table of scales whose symbols are coded; those below take their mean."""
    return int((scale_table() >= skip_scale).argmax())


def quantise_z(z: Tensor) -> Tensor:
    """Return the symbols of z: whole numbers in -MAX_Z..MAX_Z."""
    return z.round().clamp(-MAX_Z, MAX_Z)
