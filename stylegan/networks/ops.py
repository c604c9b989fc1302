"""StyleGAN2's building blocks in plain torch: modulated convolution, resampling, scaled activation.

Written from the published formulas (Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN"); no
compiled kernels. `modulated_conv2d` is the fast form (activations are scaled, the weight is shared by the batch); its slow
twin, one weight per sample, lives in the tests.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

ACTIVATION_GAIN = math.sqrt(2.0)
BLUR_TAPS = (1.0, 3.0, 3.0, 1.0)


def scaled_leaky_relu(features: Tensor, bias: Tensor) -> Tensor:
    """Add a bias per channel, apply leaky ReLU with slope 0.2, multiply by sqrt(2).

    Args:
        features: [B, C, H, W] or [B, C].
        bias: [C].
    """
    shape = (1, -1) + (1,) * (features.ndim - 2)
    return F.leaky_relu(features + bias.reshape(shape), 0.2) * ACTIVATION_GAIN


def blur(features: Tensor, *, gain: float, pad: tuple[int, int]) -> Tensor:
    """Low-pass filter every channel, as two one-dimensional passes.

    Args:
        features: [B, C, H, W].
        gain: sum of the 2-D kernel; 4 after inserting zeros between pixels, 1 otherwise.
        pad: zeros before and after, on both axes.
    Returns:
        [B, C, H + pad[0] + pad[1] - 3, W + pad[0] + pad[1] - 3].
    """
    num_channels = features.shape[1]
    taps = torch.tensor(BLUR_TAPS, dtype=features.dtype, device=features.device)
    taps = taps * (math.sqrt(gain) / taps.sum())
    features = F.pad(features, (pad[0], pad[1], pad[0], pad[1]))
    features = F.conv2d(features, taps.reshape(1, 1, 1, 4).expand(num_channels, 1, 1, 4), groups=num_channels)
    return F.conv2d(features, taps.reshape(1, 1, 4, 1).expand(num_channels, 1, 4, 1), groups=num_channels)


def upsample2x(image: Tensor) -> Tensor:
    """Double a picture's size with the [1, 3, 3, 1] kernel (zero insertion, blur with gain 4).

    Equal to the published polyphase filter: even output pixels are (x[i-1] + 3 x[i]) / 4, odd ones (3 x[i] + x[i+1]) / 4,
    with zeros outside; written with slices so that no zeros are multiplied.

    Args:
        image: [B, C, H, W].
    Returns:
        [B, C, 2H, 2W].
    """
    for axis in (2, 3):
        size = image.shape[axis]
        padding = (1, 1, 0, 0) if axis == 3 else (0, 0, 1, 1)
        padded = F.pad(image, padding)
        before, centre, after = (padded.narrow(axis, start, size) for start in (0, 1, 2))
        pair = torch.stack((before + 3.0 * centre, 3.0 * centre + after), dim=axis + 1) * 0.25
        image = pair.flatten(axis, axis + 1)
    return image


def modulated_conv2d(
    features: Tensor, weight: Tensor, style: Tensor, *, demodulate: bool = True, upsample: bool = False
) -> Tensor:
    """Convolve with a kernel whose input channels are scaled by a style, per sample.

    Scaling the activations before, and normalising after, equals scaling the weights (Karras et al. 2020, section 2.2):
        y_o = d_o * conv(s_i * x_i, W),   d_o = 1 / sqrt(sum_i,k (s_i W_oik)^2 + 1e-8)

    Args:
        features: [B, C_in, H, W].
        weight: [C_out, C_in, k, k], already scaled by its equalised learning rate.
        style: [B, C_in], 1 leaves a channel unchanged.
        demodulate: normalise each output channel to unit expected variance.
        upsample: double the size (transposed convolution, then blur).
    Returns:
        [B, C_out, H, W], or twice the size.
    """
    features = features * style[:, :, None, None].to(features.dtype)
    if upsample:
        # Zero insertion followed by a "full" convolution; the published form correlates, conv_transpose2d convolves, hence
        # the swap of axes only (the kernel is stored in the orientation conv_transpose2d expects).
        features = F.conv_transpose2d(features, weight.to(features.dtype).transpose(0, 1), stride=2)
        features = blur(features, gain=4.0, pad=(1, 1))
    else:
        features = F.conv2d(features, weight.to(features.dtype), padding=weight.shape[-1] // 2)
    if demodulate:
        squared_norm = style.float().square() @ weight.float().square().sum(dim=(2, 3)).t()  # [B, C_out]
        features = features * torch.rsqrt(squared_norm + 1e-8)[:, :, None, None].to(features.dtype)
    return features
