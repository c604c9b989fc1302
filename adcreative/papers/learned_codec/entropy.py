"""Symbol probabilities and their context models; bit-identical on every machine.

Grid: the decoder must compute exactly the encoder's means and scales, otherwise the range coder loses synchronisation.
Weights are multiples of 2^-14, activations of 2^-10 and at most 1024: products and sums of a convolution are then exact in
float64 (53 bits) in any order of addition. Inexact functions (exp, tanh) are rounded to the grid at once. In float32, for
training, nothing is rounded. The aim is that of Balle et al. 2019, "Integer Networks"; torch convolves no integers on a CPU.

Probabilities: Gaussians on a table of scales for y, a mixture of logistics for each channel of z. A coder uses integer
frequencies that add up to 2^24, none of them zero; tables are made once, when a model is saved.

Contexts: each slice is coded in two passes. Anchors, the positions with (row + column) odd, use the hyper latents and decoded
slices; the others use the anchors as well, near ones by attention in 5x5 windows and all of them by linear attention.

Shapes: B pictures, c channels of a slice, C context channels, H W latent positions.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor, nn
from torch.nn import functional

from adcreative.papers.learned_codec.transforms import MAX_SCALE, MIN_SCALE, NUM_SCALES, CodecConfig, upsample

ACTIVATION_STEPS = 2.0**10
WEIGHT_STEPS = 2.0**14
MAX_ACTIVATION = 1024.0
MAX_WEIGHT = 8.0
PRECISION = 24
MAX_Z = 48  # symbols of z are in -48..48
LOG_MIN = math.log(MIN_SCALE)
LOG_STEP = (math.log(MAX_SCALE) - LOG_MIN) / (NUM_SCALES - 1)
_LEAST = 2.0**-PRECISION
WINDOW = 5


def snap(values: Tensor) -> Tensor:
    """Round float64 activations to the grid and clip them to its range; leave float32 unchanged."""
    if values.dtype != torch.float64:
        return values
    return (values * ACTIVATION_STEPS).round().div(ACTIVATION_STEPS).clamp(-MAX_ACTIVATION, MAX_ACTIVATION)


@torch.no_grad()
def make_exact(module: nn.Module) -> None:
    """Turn a module of the entropy model into float64 with weights on the grid, in place."""
    module.double()
    for parameter in module.parameters():
        parameter.copy_((parameter * WEIGHT_STEPS).round().div(WEIGHT_STEPS).clamp(-MAX_WEIGHT, MAX_WEIGHT))


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
    """Return integer frequencies of at least 1 that add up to 2^24; the rounding remainder goes to the most probable symbol."""
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


class HyperAnalysis(nn.Module):
    """y [B, M, H/16, W/16] -> z [B, hyper_channels, H/64, W/64]."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        width, hyper = config.context_channels, config.hyper_channels
        self.layers = nn.Sequential(
            nn.Conv2d(config.latent_channels, width, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(width, hyper, 3, stride=2, padding=1),
        )

    def forward(self, latents: Tensor) -> Tensor:
        return self.layers(latents)


class HyperSynthesis(nn.Module):
    """z [B, hyper_channels, H/64, W/64] -> input of the entropy model, [B, 2 context_channels, H/16, W/16]; exact."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        width = config.context_channels
        self.first, self.second = upsample(config.hyper_channels, width), upsample(width, 2 * width)
        self.last = nn.Conv2d(2 * width, 2 * width, 1)

    def forward(self, hyper_latents: Tensor) -> Tensor:
        features = snap(functional.leaky_relu(self.first(hyper_latents), 0.125))
        features = snap(functional.leaky_relu(self.second(features), 0.125))
        return snap(self.last(features))


def anchor_mask(latents: Tensor) -> Tensor:
    """Return [1, 1, H, W] with 1 at anchors, (row + column) odd, in dtype and device of `latents`."""
    rows = torch.arange(latents.shape[-2], device=latents.device)[:, None]
    columns = torch.arange(latents.shape[-1], device=latents.device)[None, :]
    return ((rows + columns) % 2).to(latents.dtype)[None, None]


def symbol_sizes(latents: Tensor, steps: Tensor) -> Tensor:
    """Return the distance from zero in rounding steps [B, c, 1, 1] of latents [B, c, H, W], at most 8, halved.

    Scales are predicted from sizes of neighbours, since a mean over neighbours of both signs would carry no information.
    """
    return snap((latents.abs() / steps).clamp(max=8.0) / 2)


def _leaky(values: Tensor) -> Tensor:
    return functional.leaky_relu(values, 0.125)


class LocalContext(nn.Module):
    """Attention of each position over the anchors in its 5x5 window.

    score(q, k, d) = q . R(d) k / sqrt(c), where R(d) rotates the i-th pair of channels by the angle d . f_i for the offset d
    = (rows, columns) in the window; the frequencies f are learnt.
    """

    def __init__(self, guide_channels: int, slice_channels: int, context_channels: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(guide_channels, slice_channels, 1)
        self.key = nn.Conv2d(slice_channels, slice_channels, 1)
        self.value = nn.Conv2d(2 * slice_channels, slice_channels, 1)
        self.out = nn.Conv2d(slice_channels, context_channels, 1)
        base = 1.5 ** -torch.arange(slice_channels // 4, dtype=torch.float32)
        zeros = torch.zeros_like(base)
        pairs = torch.cat([torch.stack([base, zeros]), torch.stack([zeros, base])], dim=1)  # [2, c / 2]
        self.frequencies = nn.Parameter(pairs)

    def _rotate(self, keys: Tensor) -> Tensor:
        """Rotate keys [B, c, 25, L] by their offset in the window."""
        steps = torch.arange(WINDOW, device=keys.device, dtype=keys.dtype) - WINDOW // 2
        rows, columns = steps.repeat_interleave(WINDOW), steps.repeat(WINDOW)
        angles = torch.outer(self.frequencies[0], rows) + torch.outer(self.frequencies[1], columns)  # [c / 2, 25]
        cosine, sine = snap(angles.cos())[..., None], snap(angles.sin())[..., None]
        even, odd = keys.chunk(2, dim=1)
        return torch.cat([even * cosine - odd * sine, even * sine + odd * cosine], dim=1)

    def forward(self, guide: Tensor, anchors: Tensor, sizes: Tensor) -> Tensor:
        """Return [B, C, H, W] from guide [B, G, H, W] and anchors with their sizes (`symbol_sizes`), each [B, c, H, W]."""
        size, height, width = len(anchors), *anchors.shape[-2:]
        mask = functional.unfold(anchor_mask(anchors), WINDOW, padding=WINDOW // 2).view(1, 1, WINDOW**2, -1)
        query = snap(self.query(guide)).flatten(2)[:, :, None]  # [B, c, 1, L]
        key, value = (
            functional.unfold(snap(part), WINDOW, padding=WINDOW // 2).view(size, -1, WINDOW**2, height * width)
            for part in (self.key(anchors), self.value(torch.cat([anchors, sizes], dim=1)))
        )  # [B, c, 25, L]
        scores = snap((query * snap(self._rotate(key))).sum(dim=1, keepdim=True) / query.shape[1] ** 0.5)
        scores = scores.clamp(-30.0, 30.0).exp() * mask
        weights = snap(scores / (scores.sum(dim=2, keepdim=True) + 1e-9))
        mixed = snap((weights * value).sum(dim=2)).view(size, -1, height, width)
        return snap(self.out(mixed))


class GlobalContext(nn.Module):
    """Linear attention of every position over all anchors: softmax over positions for keys, over channels for queries.

    Queries and keys come from `guide`, which is known before the slice: the hyper latents for slice 0, the previously decoded
    slice (with the hyper latents) for the others; values are the anchors of this slice. Linear in the number of positions.
    """

    def __init__(self, guide_channels: int, slice_channels: int, context_channels: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(guide_channels, slice_channels, 1)
        self.key = nn.Conv2d(guide_channels, slice_channels, 1)
        self.value = nn.Conv2d(slice_channels, slice_channels, 1)
        self.out = nn.Conv2d(slice_channels, context_channels, 1)

    def forward(self, guide: Tensor, anchors: Tensor) -> Tensor:
        """Return [B, C, H, W]."""
        mask = anchor_mask(anchors).flatten(2)
        query = snap(self.query(guide)).flatten(2).clamp(-30.0, 30.0).exp()  # [B, c, L]
        query = snap(query / query.sum(dim=1, keepdim=True))
        key = snap(self.key(guide)).flatten(2).clamp(-30.0, 30.0).exp() * mask
        key = key / (key.sum(dim=2, keepdim=True) + 1e-9)
        value = snap(self.value(anchors)).flatten(2)
        summary = snap(torch.einsum("bkl,bvl->bkv", key, value))
        mixed = snap(torch.einsum("bkv,bkl->bvl", summary, query)).view_as(anchors)
        return snap(self.out(mixed))


class Reweighting(nn.Module):
    """Weigh the channels of the concatenated contexts by the whole picture, and gate them by position."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze, self.excite = nn.Conv2d(channels, channels // 8, 1), nn.Conv2d(channels // 8, channels, 1)
        self.gate = nn.Conv2d(channels, channels, 1, groups=4)

    def forward(self, contexts: Tensor) -> Tensor:
        """Return [B, C, H, W] of the same shape; weights are in 0..1 (piecewise linear, exact on the grid)."""
        pooled = snap(contexts.mean(dim=(2, 3), keepdim=True))
        channel = snap(functional.hardsigmoid(snap(self.excite(_leaky(snap(self.squeeze(pooled)))))))
        gate = snap(functional.hardsigmoid(snap(self.gate(contexts))))
        return snap(contexts * snap(channel + gate))


class SliceContext(nn.Module):
    """Mean and log standard deviation of one slice's latents, pass by pass, and the predicted rounding residual."""

    def __init__(self, config: CodecConfig, slice_idx: int) -> None:
        super().__init__()
        width, channels = config.context_channels, config.slices[slice_idx]
        hyper = 2 * width
        self.slice_idx = slice_idx
        if slice_idx:
            known_channels = 2 * sum(config.slices[:slice_idx])  # latents and their sizes
            self.channel_context = nn.Sequential(
                nn.Conv2d(known_channels, width, 3, padding=1), nn.LeakyReLU(0.125), nn.Conv2d(width, width, 3, padding=1)
            )
        guide = hyper + (config.slices[slice_idx - 1] if slice_idx else 0)
        known = hyper + (width if slice_idx else 0)
        self.local_context = LocalContext(guide, channels, width)
        self.global_context = GlobalContext(guide, channels, width)
        self.reweighting = Reweighting(known + 2 * width)
        self.anchor_net = _parameter_net(known, width, channels)
        self.other_net = _parameter_net(known + 2 * width, width, channels)
        self.residual_net = _parameter_net(known + channels, width, channels, num_out=1)

    def known(self, hyper: Tensor, decoded: list[Tensor], sizes: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the inputs known before the slice, [B, K, H, W], and the guide of attention, [B, G, H, W].

        Args:
            decoded, sizes: of every earlier slice, [B, c, H, W] each.
        """
        if not self.slice_idx:
            return hyper, hyper
        features = torch.cat([*decoded, *sizes], dim=1)
        for layer in self.channel_context:
            features = snap(layer(features))
        return torch.cat([hyper, features], dim=1), torch.cat([hyper, decoded[-1]], dim=1)

    def predict_anchors(self, known: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log standard deviation, each [B, c, H, W]; valid at anchors only."""
        return _run(self.anchor_net, known).chunk(2, dim=1)  # type: ignore[return-value]

    def predict_others(self, known: Tensor, guide: Tensor, anchors: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log standard deviation, each [B, c, H, W]; valid outside the anchors only."""
        near, far = self.local_context(guide, anchors, sizes), self.global_context(guide, anchors)
        contexts = torch.cat([known, near, far], dim=1)
        return _run(self.other_net, self.reweighting(contexts)).chunk(2, dim=1)  # type: ignore[return-value]

    def predict_residual(self, known: Tensor, symbols: Tensor) -> Tensor:
        """Return the expected rounding error, [B, c, H, W] in -0.5..0.5 steps."""
        return snap(0.5 * torch.tanh(_run(self.residual_net, torch.cat([known, symbols], dim=1))))


def _parameter_net(in_channels: int, width: int, channels: int, num_out: int = 2) -> nn.Sequential:
    net = nn.Sequential(
        nn.Conv2d(in_channels, 2 * width, 1),
        nn.LeakyReLU(0.125),
        nn.Conv2d(2 * width, width, 1),
        nn.LeakyReLU(0.125),
        nn.Conv2d(width, num_out * channels, 1),
    )
    last = net[-1]
    assert isinstance(last, nn.Conv2d)
    nn.init.normal_(last.weight, std=0.01)
    nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    return net


def _run(net: nn.Sequential, values: Tensor) -> Tensor:
    for layer in net:
        values = snap(layer(values))
    return values
