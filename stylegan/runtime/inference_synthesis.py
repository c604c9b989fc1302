"""Rendering without gradients: the synthesis network optimised for a CPU.

`InferenceSynthesis` precomputes the constants of a `SynthesisNetwork`: kernels in channels-last order with their gains, squared
norms for demodulation, noise times its strength. The pictures equal those of the network; only the order of the arithmetic
differs:

    modulation    up to 64 px the activations are scaled and the batch shares one kernel; above, kernels are smaller than
                  activations, so each sample gets its own kernel with style, demodulation and gain in it
    blur          demodulation, gain and bias are part of its per-channel kernel and bias
    activation    noise and leaky ReLU in place; sqrt(2) is part of the kernel, the noise and the bias
    memory        above 64 px a resolution is computed in bands of rows that fit in the cache

Milliseconds for one picture, one thread of an EPYC with AVX-512 BF16:

                                  shipped, 128 px    config-f, 256 px
    the network, float32               20.0                877
    the network, bfloat16              18.4                459
    torch.compile, float32             12.4                530
    torch.compile, bfloat16            11.1                280
    onnxruntime, float32               12.1                454
    this file, bfloat16                 9.5                216

torch.compile also needs a C++ compiler on the user's machine, and half a minute at the first picture.
Measured and rejected: the blur fused into the transposed convolution, as four 3x3 kernels at the low resolution and a pixel
shuffle. It costs four times the multiplications; on one core 3 to 5 times the time up to 128 px, 1.1 times at 1024 px.
Source: Karras et al. 2020 (StyleGAN2), section 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylegan.errors import ShapeError
from stylegan.networks.generator import EqualLinear, StyledConv, SynthesisNetwork, ToRGB
from stylegan.networks.ops import ACTIVATION_GAIN, BLUR_TAPS, upsample2x

LARGEST_SHARED_PX = 64
BAND_ELEMENTS = 1 << 22


class InferenceSynthesis:
    """w_plus [B, R, w_dim] -> image [B, 3, size, size] float32, without gradients.

    Has the network's call signature. Safe to share between threads as long as no weight changes.
    """

    def __init__(self, synthesis: SynthesisNetwork, dtype: torch.dtype = torch.float32) -> None:
        """Prepare a synthesis network for rendering.

        Args:
            synthesis: not modified, but still referenced: after a change of its weights, the next call prepares again.
            dtype: of the convolutions, float32 or bfloat16; skip pictures are summed in float32 either way.
        """
        self.synthesis, self.dtype = synthesis, dtype
        self._prepare()

    def _prepare(self) -> None:
        with torch.inference_mode():
            self._seen = _versions(self.synthesis)
            self._const = self.synthesis.const.to(self.dtype).permute(1, 2, 0).contiguous()
            convs, to_rgbs = cast(list[StyledConv], self.synthesis.convs), cast(list[ToRGB], self.synthesis.to_rgbs)
            self._convs = [_Conv(conv, self.dtype) for conv in convs]
            self._to_rgbs = [_ToRGB(to_rgb, self.dtype) for to_rgb in to_rgbs]

    @torch.inference_mode()
    def __call__(self, w_plus: Tensor, *, size: int | None = None) -> Tensor:
        """Render; equal to the network within 1e-4 in float32, within bfloat16's rounding otherwise.

        size: of the pictures; None is the network's own, a smaller power of two stops at that resolution and costs less.

        In-place changes of a weight (optimiser step, running average, `load_state_dict`) are detected; writes through
        `.data` are not, since torch does not count them.

        Raises:
            ShapeError: w_plus does not have this network's rows and width, or the network has no picture of this size.
        """
        config = self.synthesis.config
        if w_plus.ndim != 3 or list(w_plus.shape[1:]) != [config.num_rows, config.w_dim]:
            raise ShapeError(f"expected w_plus [B, {config.num_rows}, {config.w_dim}], got {list(w_plus.shape)}")
        if _versions(self.synthesis) != self._seen:
            self._prepare()
        w_plus, size = w_plus.float(), config.size if size is None else size
        num_steps = config.num_steps_to(size)
        if w_plus.shape[0] == 0:
            return w_plus.new_zeros(0, 3, size, size)
        with torch.autocast(w_plus.device.type, enabled=False):
            features = self._const.expand(w_plus.shape[0], -1, -1, -1)
            features = self._convs[0].convolve(features, self._convs[0].modulate(w_plus[:, 0]))
            rgb = self._to_rgbs[0](features, w_plus[:, 1])
            for j in range(1, num_steps + 1):
                if 2 ** (j + 2) <= LARGEST_SHARED_PX:
                    features, rgb = self._step_shared(j, features, rgb, w_plus)
                else:
                    features, rgb = self._step_bands(j, features, rgb, w_plus, is_last=j == num_steps)
        return rgb

    def _step_shared(self, j: int, features: Tensor, rgb: Tensor, w_plus: Tensor) -> tuple[Tensor, Tensor]:
        """Double the resolution of a batch with shared kernels, [B, h, w, C] -> [B, 2h, 2w, C']."""
        grow, refine = self._convs[2 * j - 1], self._convs[2 * j]
        features = grow.convolve(features, grow.modulate(w_plus[:, 2 * j - 1]))
        features = refine.convolve(features, refine.modulate(w_plus[:, 2 * j]))
        return features, upsample2x(rgb).add_(self._to_rgbs[j](features, w_plus[:, 2 * j + 1]))

    def _step_bands(self, j: int, features: Tensor, rgb: Tensor, w_plus: Tensor, *, is_last: bool) -> tuple[Tensor, Tensor]:
        """Double the resolution sample by sample, in bands of rows; the last resolution's features are discarded."""
        grow, refine, to_rgb = self._convs[2 * j - 1], self._convs[2 * j], self._to_rgbs[j]
        batch, height, width, _ = features.shape
        size, channels = 2 * height, refine.out_channels
        num_rows = min(size, max(8, BAND_ELEMENTS // (2 * width * channels) // 2 * 2))
        rgb = upsample2x(rgb)
        kept = features.new_empty(0 if is_last else batch, size, 2 * width, channels)
        for b in range(batch):
            row = w_plus[b : b + 1]
            grow_by, refine_by = grow.modulate(row[:, 2 * j - 1]), refine.modulate(row[:, 2 * j])
            for top in range(0, size, num_rows):
                bottom = min(top + num_rows, size)
                band = grow.convolve_band(features[b : b + 1], grow_by, top, bottom)
                band = refine.convolve(band, refine_by, top=top, has_margin=True)
                rgb[b : b + 1, :, top:bottom].add_(to_rgb(band, row[:, 2 * j + 1]))
                if not is_last:
                    kept[b, top:bottom] = band[0]
        return kept, rgb


@dataclass
class _Modulation:
    """One layer's applied style: either a kernel that contains it, or scales for the activations before and after."""

    weight: Tensor
    before: Tensor | None
    after: Tensor | None


class _Affine:
    def __init__(self, affine: EqualLinear) -> None:
        self._weight, self._bias = affine.weight.float() * affine.weight_gain, affine.bias.float() * affine.bias_gain

    def __call__(self, w: Tensor) -> Tensor:
        return F.linear(w, self._weight, self._bias)


class _Conv:
    """A `StyledConv` on channels-last activations [B, H, W, C]."""

    def __init__(self, conv: StyledConv, dtype: torch.dtype) -> None:
        weight = conv.weight.float() * conv.weight_gain  # [C_out, C_in, 3, 3]
        self.out_channels = weight.shape[0]
        self.size = conv.noise_const.shape[0]
        self.dtype, self.upsample, self.clamp = dtype, conv.upsample, conv.clamp
        self._affine = _Affine(conv.affine)
        self._squared = weight.square().sum(dim=(2, 3)).t()  # [C_in, C_out]
        self._has_own_kernel = self.size > LARGEST_SHARED_PX
        if self.upsample:
            weight = weight.transpose(0, 1)
        if not self._has_own_kernel:
            weight = weight.to(dtype)
        self._weight = weight.contiguous(memory_format=torch.channels_last)
        self._bias = (conv.bias.float() * ACTIVATION_GAIN).to(dtype)
        noise = conv.noise_const.float() * (conv.noise_strength.float() * ACTIVATION_GAIN)
        self._noise = noise.to(dtype)[:, :, None] if bool(noise.any()) else None
        taps = torch.tensor(BLUR_TAPS, device=weight.device)
        self._blur = (taps[:, None] * taps * (4.0 / taps.sum().square())).expand(self.out_channels, 1, 4, 4)

    def modulate(self, w: Tensor) -> _Modulation:
        """Convert w [B, w_dim] to scales; B must be 1 for a kernel per sample."""
        style = self._affine(w)  # [B, C_in]
        after = torch.rsqrt(style.square() @ self._squared + 1e-8) * ACTIVATION_GAIN  # [B, C_out]
        if not self._has_own_kernel:
            return _Modulation(self._weight, style[:, None, None].to(self.dtype), after)
        if self.upsample:  # [C_in, C_out, 3, 3]; the blur carries `after`
            return _Modulation((self._weight * style[0][:, None, None, None]).to(self.dtype), None, after)
        return _Modulation((self._weight * (after.t() * style)[:, :, None, None]).to(self.dtype), None, None)

    def convolve(self, features: Tensor, by: _Modulation, *, top: int = 0, has_margin: bool = False) -> Tensor:
        """Convolve a batch and activate.

        Args:
            features: [B, H, W, C_in]; contents may be overwritten.
            by: from `modulate`.
            top: the picture row of the first row returned, for the noise.
            has_margin: features have one row more above and below than the result.
        """
        if self.upsample:
            scaled = features if by.before is None else features * by.before
            grown = F.conv_transpose2d(scaled.permute(0, 3, 1, 2), by.weight, stride=2)
            return self._activate(self._blur_and_scale(grown, by, pad_rows=1), top)
        scaled = (features if by.before is None else features * by.before).permute(0, 3, 1, 2)
        pad_rows = 0 if has_margin else 1
        if by.after is None:
            result = F.conv2d(scaled, by.weight, self._bias, padding=(pad_rows, 1)).permute(0, 2, 3, 1)
        else:
            result = F.conv2d(scaled, by.weight, padding=(pad_rows, 1)).permute(0, 2, 3, 1)
            result = result.mul_(by.after[:, None, None].to(result.dtype)).add_(self._bias)
        return self._activate(result, top)

    def convolve_band(self, features: Tensor, by: _Modulation, top: int, bottom: int) -> Tensor:
        """Return rows top - 1 .. bottom (inclusive) of the doubled picture; rows outside it are zero.

        Row p of the blurred picture reads rows p - 1 .. p + 2 of the transposed convolution, and row q of that reads input
        rows (q - 2) / 2 .. q / 2: input rows top / 2 - 2 .. bottom / 2 + 1 suffice.
        """
        height = features.shape[1]
        first, last = top // 2 - 2, bottom // 2 + 2
        rows = features[:, max(first, 0) : min(last, height)]
        rows = F.pad(rows, (0, 0, 0, 0, max(-first, 0), max(last - height, 0)))
        grown = F.conv_transpose2d(rows.permute(0, 3, 1, 2), by.weight, stride=2)  # first row is 2 * first = top - 4
        band = self._blur_and_scale(grown[:, :, 2 : bottom - top + 7], by, pad_rows=0)
        band = self._activate(band, top - 1)
        if top == 0:
            band[:, 0].zero_()
        if bottom == self.size:
            band[:, -1].zero_()
        return band

    def _blur_and_scale(self, grown: Tensor, by: _Modulation, *, pad_rows: int) -> Tensor:
        """Blur [B, C, H, W] with the demodulation in the kernel and the bias added; returned channels-last."""
        assert by.after is not None
        batch, channels = grown.shape[:2]
        if batch == 1:
            kernels = (self._blur * by.after[0, :, None, None, None]).to(self.dtype)
            blurred = F.conv2d(grown, kernels, self._bias, padding=(pad_rows, 1), groups=channels)
            return blurred.permute(0, 2, 3, 1)
        blurred = F.conv2d(grown, self._blur.to(self.dtype), padding=(pad_rows, 1), groups=channels).permute(0, 2, 3, 1)
        return blurred.mul_(by.after[:, None, None].to(blurred.dtype)).add_(self._bias)

    def _activate(self, features: Tensor, top: int) -> Tensor:
        """Add the noise of picture rows from `top` on, leaky ReLU, clamp; in place. Rows outside the picture get none."""
        if self._noise is not None:
            first, last = max(top, 0), min(top + features.shape[1], self.size)
            features[:, first - top : last - top].add_(self._noise[first:last])
        F.leaky_relu_(features, 0.2)
        return features if self.clamp is None else features.clamp_(-self.clamp, self.clamp)


class _ToRGB:
    """A `ToRGB` on channels-last activations: [B, H, W, C] -> [B, 3, H, W] float32."""

    def __init__(self, to_rgb: ToRGB, dtype: torch.dtype) -> None:
        self._weight = to_rgb.weight.float()[:, :, 0, 0] * to_rgb.weight_gain  # [3, C]
        self._bias, self.clamp, self.dtype = to_rgb.bias.float()[:, None, None], to_rgb.clamp, dtype
        self._affine = _Affine(to_rgb.affine)

    def __call__(self, features: Tensor, w: Tensor) -> Tensor:
        batch, height, width, channels = features.shape
        weight = (self._weight * self._affine(w)[:, None]).to(self.dtype)  # [B, 3, C]
        rgb = torch.bmm(features.reshape(batch, -1, channels), weight.transpose(1, 2)).float()
        rgb = rgb.view(batch, height, width, 3).permute(0, 3, 1, 2) + self._bias
        return rgb if self.clamp is None else rgb.clamp(-self.clamp, self.clamp)


def _versions(network: nn.Module) -> list[tuple[int, int]]:
    """Return address and version of every parameter and buffer, which change on replacement or in-place writes."""
    tensors = [*network.parameters(), *network.buffers()]
    return [(tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version) for tensor in tensors]
