"""Weights of eight bits: whole numbers -127..127 and one scale for each row or column.

    scale = max |w| / 127, rounded up to 16 significant bits,     w^ = round(w / scale) * scale

127 times such a scale is exact in float32, so that a quantised tensor is recognized by its values alone: `pack_int8` recovers
the whole numbers, and `unpack_int8` gives the same bits. In memory weights stay float32; only the file shrinks.
`torch.quantize_per_channel`, which does the same, is to be removed from torch.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from adcreative.errors import ConfigError

LEVELS, SCALE_BITS, MAX_SCALE = 127, 16, 1e30
_NUMBERS, _SCALES = ".int8", ".int8_scales"


def quantise(weight: Tensor, axis: int) -> Tensor:
    """Return weight [A, B] as the nearest values of eight bits, one scale along `axis`; float32."""
    values = weight.detach().cpu().numpy()
    scales = _scales(values, axis)
    return torch.from_numpy(np.rint(values / scales).astype(np.float32) * scales)


def pack_int8(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return tensors, results of `quantise` as whole numbers and scales, all others unchanged."""
    packed: dict[str, np.ndarray] = {}
    for name, values in tensors.items():
        is_matrix = values.ndim == 2 and values.dtype == np.float32 and values.size and np.isfinite(values).all()
        for axis in (0, 1) if is_matrix else ():
            scales = _scales(values, axis)
            numbers = np.rint(values / scales)
            if np.abs(numbers).max() <= LEVELS and np.array_equal(numbers.astype(np.float32) * scales, values):
                packed |= {f"{name}{_NUMBERS}": numbers.astype(np.int8), f"{name}{_SCALES}": scales}
                break
        else:
            packed[name] = values
    return packed


def unpack_int8(packed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the tensors given to `pack_int8`, bit for bit.

    Raises:
        ConfigError: numbers and scales do not fit.
    """
    tensors: dict[str, np.ndarray] = {}
    for name, values in packed.items():
        if name.endswith(_SCALES):
            continue
        if not name.endswith(_NUMBERS):
            tensors[name] = values
            continue
        plain = name.removesuffix(_NUMBERS)
        scales = packed.get(f"{plain}{_SCALES}")
        is_whole = values.ndim == 2 and values.dtype == np.int8
        if scales is None or not is_whole or scales.shape not in ((len(values), 1), (1, values.shape[1])):
            raise ConfigError(f"{plain} has eight-bit numbers without the scales that belong to them")
        if not (np.isfinite(scales).all() and np.abs(scales).max() < MAX_SCALE):
            raise ConfigError(f"{plain} has scales that are no numbers, or too large")
        tensors[plain] = values.astype(np.float32) * scales.astype(np.float32)
    return tensors


def _scales(values: np.ndarray, axis: int) -> np.ndarray:
    """Return float32 scales, [A, 1] along axis 0 and [1, B] along axis 1; 1 where all values are zero."""
    largest = np.abs(values).max(axis=1 - axis, keepdims=True).astype(np.float64) / LEVELS
    share, exponent = np.frexp(largest)
    # recovering the scale of a quantised tensor may lose the last bits, so they are rounded off first
    rounded = np.ldexp(np.ceil(share * 2**SCALE_BITS * (1 - 2.0**-40)) / 2**SCALE_BITS, exponent)
    return np.where(largest > 0, rounded, 1.0).astype(np.float32)
