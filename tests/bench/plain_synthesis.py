"""StyleGAN2 synthesis written layer by layer from the published formulas: the slow twin of the fast forms.

One modulated and demodulated kernel per sample, one grouped convolution for the batch, zero insertion as a transposed
convolution, low-pass filters as full 4x4 kernels (Karras et al. 2020, "Analyzing and Improving the Image Quality of
StyleGAN", section 2.2 and appendix B). Reads the parameters of a `SynthesisNetwork`; shares no arithmetic with it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegan.networks.generator import EqualLinear, StyledConv, SynthesisNetwork, ToRGB


def blur_kernel(*, gain: float) -> Tensor:
    """The two-dimensional [1, 3, 3, 1] kernel, [4, 4], that sums to `gain`."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = taps[:, None] * taps[None, :]
    return kernel * (gain / kernel.sum())


def upfirdn(image: Tensor, kernel: Tensor, *, up: int, pad: tuple[int, int]) -> Tensor:
    """Insert zeros, pad, correlate with the flipped kernel: [B, C, H, W] -> [B, C, H up + pad - 3, W up + pad - 3]."""
    batch, channels, height, width = image.shape
    stretched = image
    if up > 1:
        stretched = torch.zeros(batch, channels, height * up, width * up, dtype=image.dtype)
        stretched[:, :, ::up, ::up] = image
    stretched = F.pad(stretched, (pad[0], pad[1], pad[0], pad[1]))
    weight = kernel.flip(0, 1)[None, None].expand(channels, 1, -1, -1).to(image.dtype)
    return F.conv2d(stretched, weight, groups=channels)


def modulated_conv2d(features: Tensor, weight: Tensor, style: Tensor, *, demodulate: bool, upsample: bool) -> Tensor:
    """One kernel per sample (eq. 1 and 3), the samples of a batch as groups of one convolution.

    Args:
        features: [B, C_in, H, W].
        weight: [C_out, C_in, k, k].
        style: [B, C_in].
    """
    batch, in_channels, height, width = features.shape
    out_channels, _, size, _ = weight.shape
    kernels = weight[None] * style[:, None, :, None, None]  # [B, C_out, C_in, k, k]
    if demodulate:
        kernels = kernels * torch.rsqrt(kernels.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8)
    joined = features.reshape(1, batch * in_channels, height, width)
    if upsample:
        flat = kernels.transpose(1, 2).reshape(batch * in_channels, out_channels, size, size)
        images = F.conv_transpose2d(joined, flat, stride=2, groups=batch)
    else:
        images = F.conv2d(joined, kernels.reshape(-1, in_channels, size, size), padding=size // 2, groups=batch)
    images = images.reshape(batch, out_channels, *images.shape[2:])
    return upfirdn(images, blur_kernel(gain=4.0), up=1, pad=(1, 1)) if upsample else images


def affine(layer: EqualLinear, w: Tensor) -> Tensor:
    return w @ (layer.weight / math.sqrt(layer.weight.shape[1])).t() + layer.bias


def styled_conv(layer: StyledConv, features: Tensor, w: Tensor) -> Tensor:
    """Modulated convolution, noise, bias, leaky ReLU times sqrt(2), clamp."""
    weight = layer.weight / math.sqrt(layer.weight[0].numel())
    features = modulated_conv2d(features, weight, affine(layer.affine, w), demodulate=True, upsample=layer.upsample)
    features = features + layer.noise_const * layer.noise_strength
    features = F.leaky_relu(features + layer.bias[:, None, None], 0.2) * math.sqrt(2.0)
    return features if layer.clamp is None else features.clamp(-layer.clamp, layer.clamp)


def to_rgb(layer: ToRGB, features: Tensor, w: Tensor) -> Tensor:
    weight = layer.weight / math.sqrt(layer.weight.shape[1])
    rgb = modulated_conv2d(features, weight, affine(layer.affine, w), demodulate=False, upsample=False)
    rgb = rgb + layer.bias[:, None, None]
    return rgb if layer.clamp is None else rgb.clamp(-layer.clamp, layer.clamp)


def plain_synthesis(synthesis: SynthesisNetwork, w_plus: Tensor) -> Tensor:
    """Render W+ latents [B, R, w_dim] as images [B, 3, size, size]."""
    features = synthesis.const[None].repeat(w_plus.shape[0], 1, 1, 1)
    features = styled_conv(synthesis.convs[0], features, w_plus[:, 0])
    rgb = to_rgb(synthesis.to_rgbs[0], features, w_plus[:, 1])
    for j in range(1, len(synthesis.to_rgbs)):
        features = styled_conv(synthesis.convs[2 * j - 1], features, w_plus[:, 2 * j - 1])
        features = styled_conv(synthesis.convs[2 * j], features, w_plus[:, 2 * j])
        skip = upfirdn(rgb, blur_kernel(gain=4.0), up=2, pad=(2, 1))
        rgb = skip + to_rgb(synthesis.to_rgbs[j], features, w_plus[:, 2 * j + 1])
    return rgb
