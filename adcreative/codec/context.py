"""What a slice of the latents can be predicted from: hyper latents, decoded slices, decoded neighbours, the whole picture.

Each slice is coded in two passes. Anchors, the positions with (row + column) odd, see the hyper latents and the decoded
slices; the others see the anchors as well, near ones through attention in 5x5 windows and all of them through linear
attention. All of it is arithmetic on the grid (`grid.snap`), so that encoder and decoder agree to the bit.

Shapes: B pictures, c channels of a slice, C context channels, H W latent positions.
Source:
    Jiang et al. 2023 (MLIC++) for the contexts; Jiang et al. 2025 (MLICv2) for context re-weighting, the context of slice 0
    guided by the hyper latents, and learnt 2-D rotary positions in place of a relative bias.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from adcreative.codec.basis import block_basis
from adcreative.codec.config import CodecConfig
from adcreative.codec.grid import snap

__all__ = ["GlobalContext", "LocalContext", "Reweighting", "SliceContext", "anchor_mask", "symbol_sizes"]

WINDOW = 5


def anchor_mask(latents: Tensor) -> Tensor:
    """Return [1, 1, H, W] with 1 at anchors, (row + column) odd, in dtype and device of `latents`."""
    rows = torch.arange(latents.shape[-2], device=latents.device)[:, None]
    columns = torch.arange(latents.shape[-1], device=latents.device)[None, :]
    return ((rows + columns) % 2).to(latents.dtype)[None, None]


def symbol_sizes(latents: Tensor, steps: Tensor) -> Tensor:
    """Return how many rounding steps [B, c, 1, 1] from zero latents [B, c, H, W] lie, at most 8, halved.

    Scales are predicted from sizes of neighbours, and a mean over neighbours of both signs would tell nothing of them.
    """
    return snap((latents.abs() / steps).clamp(max=8.0) / 2)


def _leaky(values: Tensor) -> Tensor:
    return functional.leaky_relu(values, 0.125)


class LocalContext(nn.Module):
    """Attention of each position over the anchors in the 5x5 window around it.

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

    Queries and keys come from `guide`, which is known before the slice: the hyper latents for slice 0, the decoded slice before
    it (with the hyper latents) for the others; values are the anchors of this slice. Linear in the number of positions.
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
    """Weigh the channels of the joined contexts by the picture as a whole, and gate them by position."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze, self.excite = nn.Conv2d(channels, channels // 8, 1), nn.Conv2d(channels // 8, channels, 1)
        self.gate = nn.Conv2d(channels, channels, 1, groups=4)

    def forward(self, contexts: Tensor) -> Tensor:
        """Return [B, C, H, W] of the same shape; weights lie in 0..1 (piecewise linear, exact on the grid)."""
        pooled = snap(contexts.mean(dim=(2, 3), keepdim=True))
        channel = snap(functional.hardsigmoid(snap(self.excite(_leaky(snap(self.squeeze(pooled)))))))
        gate = snap(functional.hardsigmoid(snap(self.gate(contexts))))
        return snap(contexts * snap(channel + gate))


class SliceContext(nn.Module):
    """Mean and log standard deviation of one slice's latents, pass by pass, and what was lost by rounding them."""

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
        if config.transforms == "light":
            _, deviation = block_basis(config.latent_channels)  # of the coefficients; latents are these over its square root
            own = torch.tensor(deviation[sum(config.slices[:slice_idx]) :][:channels]).sqrt().log()
            for net in (self.anchor_net, self.other_net):
                last = net[-1]
                assert isinstance(last, nn.Conv2d)
                assert last.bias is not None
                last.bias.data[channels:] = own - math.log(4.0)  # of what is left over the mean

    def known(self, hyper: Tensor, decoded: list[Tensor], sizes: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Return what is known before the slice, [B, K, H, W], and what guides attention, [B, G, H, W].

        Args:
            decoded, sizes: of every slice before it, [B, c, H, W] each.
        """
        if not self.slice_idx:
            return hyper, hyper
        features = torch.cat([*decoded, *sizes], dim=1)
        for layer in self.channel_context:
            features = snap(layer(features))
        return torch.cat([hyper, features], dim=1), torch.cat([hyper, decoded[-1]], dim=1)

    def predict_anchors(self, known: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log standard deviation, each [B, c, H, W]; only those at anchors count."""
        return _run(self.anchor_net, known).chunk(2, dim=1)  # type: ignore[return-value]

    def predict_others(self, known: Tensor, guide: Tensor, anchors: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log standard deviation, each [B, c, H, W]; only those beside the anchors count."""
        near, far = self.local_context(guide, anchors, sizes), self.global_context(guide, anchors)
        contexts = torch.cat([known, near, far], dim=1)
        return _run(self.other_net, self.reweighting(contexts)).chunk(2, dim=1)  # type: ignore[return-value]

    def predict_residual(self, known: Tensor, symbols: Tensor) -> Tensor:
        """Return what rounding is expected to have taken away, [B, c, H, W] in -0.5..0.5 steps."""
        return snap(0.5 * torch.tanh(_run(self.residual_net, torch.cat([known, symbols], dim=1))))


def _parameter_net(in_channels: int, width: int, channels: int, num_out: int = 2) -> nn.Sequential:
    net = nn.Sequential(
        nn.Conv2d(in_channels, 2 * width, 1), nn.LeakyReLU(0.125), nn.Conv2d(2 * width, width, 1), nn.LeakyReLU(0.125),
        nn.Conv2d(width, num_out * channels, 1),
    )  # fmt: skip
    last = net[-1]
    assert isinstance(last, nn.Conv2d)
    nn.init.normal_(last.weight, std=0.01)
    nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    return net


def _run(net: nn.Sequential, values: Tensor) -> Tensor:
    for layer in net:
        values = snap(layer(values))
    return values
