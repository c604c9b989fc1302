"""Generators in the names of rosinality/stylegan2-pytorch, which e4e's and pSp's decoders share.

Kernels are oriented as ours (the up-sampling one as for `conv_transpose2d`); equalised learning rates are applied at run
time in both, so no tensor is scaled. The blur kernels carry the gain 4 and are compared, not copied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from stylegan.errors import CheckpointError
from stylegan.foreign.converted import (
    ASSUMED_LR_MULTIPLIER,
    ConvertedWeights,
    estimate_w_avg,
    generator_config,
    mean_latent_rows,
)
from stylegan.foreign.tensor_table import TensorTable
from stylegan.networks.generator import GeneratorConfig


def read_checkpoint(checkpoint: Mapping[str, object]) -> ConvertedWeights:
    """Read a saved training state or a converted file: the averaged generator `g_ema`, and `latent_avg` if stored.

    Raises:
        CheckpointError: g_ema is missing, or is not a complete StyleGAN2 generator.
    """
    g_ema = checkpoint.get("g_ema")
    if g_ema is None:
        raise CheckpointError(
            "this is a rosinality training checkpoint without g_ema (it has "
            f"{', '.join(sorted(map(str, checkpoint)))}); use one saved with the averaged generator"
        )
    if not isinstance(g_ema, Mapping):
        raise CheckpointError(f"rosinality checkpoint: g_ema is a {type(g_ema).__name__}, expected a state dict")
    return read_generator(g_ema, checkpoint.get("latent_avg"), what="rosinality checkpoint")


def read_generator(tensors: Mapping[str, object], latent_avg: object, *, what: str) -> ConvertedWeights:
    """Convert a generator's state dict.

    Args:
        latent_avg: stored mean latent, or None to average over draws of the mapping network.
        what: the source in words, for messages.
    """
    table = TensorTable(tensors, what=what)
    config = read_config(table)
    state: dict[str, Tensor] = {"synthesis.const": table.take("input.input", config.channels[4], 4, 4)}
    for i in range(config.num_mapping_layers):
        for part in ("weight", "bias"):
            state[f"mapping.layers.{i}.{part}"] = table.take(f"style.{i + 1}.{part}")
    for i in range(config.num_rows - 1):  # convolutions: 4 px, then two for each resolution
        theirs = "conv1" if i == 0 else f"convs.{i - 1}"
        side = 2 ** ((i + 5) // 2)
        if i % 2 == 1:
            table.take_blur_kernel(f"{theirs}.conv.blur.kernel", gain=4.0)
        here, below = config.channels[side], config.channels[side // 2] if i % 2 == 1 else config.channels[side]
        ours = f"synthesis.convs.{i}"
        state[f"{ours}.weight"] = table.take(f"{theirs}.conv.weight", here, below, 3, 3)
        state[f"{ours}.affine.weight"] = table.take(f"{theirs}.conv.modulation.weight")
        state[f"{ours}.affine.bias"] = table.take(f"{theirs}.conv.modulation.bias")
        state[f"{ours}.noise_strength"] = table.take(f"{theirs}.noise.weight").reshape(())
        state[f"{ours}.bias"] = table.take(f"{theirs}.activate.bias")
        state[f"{ours}.noise_const"] = table.take(f"noises.noise_{i}", side, side)
    for j, side in enumerate(config.resolutions):
        theirs = "to_rgb1" if j == 0 else f"to_rgbs.{j - 1}"
        if j:
            table.take_blur_kernel(f"{theirs}.upsample.kernel", gain=4.0)
        ours = f"synthesis.to_rgbs.{j}"
        state[f"{ours}.weight"] = table.take(f"{theirs}.conv.weight", 3, config.channels[side], 1, 1)
        state[f"{ours}.affine.weight"] = table.take(f"{theirs}.conv.modulation.weight")
        state[f"{ours}.affine.bias"] = table.take(f"{theirs}.conv.modulation.bias")
        state[f"{ours}.bias"] = table.take(f"{theirs}.bias", 3)
    table.check_empty()
    notes: tuple[str, ...] = (ASSUMED_LR_MULTIPLIER,)
    if latent_avg is None:
        state["mapping.w_avg"], note = estimate_w_avg(config, state)
        notes += (note,)
    else:
        rows = mean_latent_rows(latent_avg, num_rows=config.num_rows, w_dim=config.w_dim, what=what)
        state["mapping.w_avg"] = rows[:1] if bool((rows == rows[:1]).all()) else rows.mean(dim=0, keepdim=True)
    return ConvertedWeights(source_format="rosinality", config=config, generator_state=state, notes=notes)


def read_config(table: TensorTable) -> GeneratorConfig:
    """Infer all sizes from the shapes; no size is stored by name."""
    num_upsampled = _count(table, r"to_rgbs\.(\d+)\.conv\.weight")
    num_layers = _count(table, r"style\.(\d+)\.weight", first=1)
    channels = {4: table.size("input.input", 1)}
    channels |= {2 ** (j + 3): table.size(f"to_rgbs.{j}.conv.weight", 2) for j in range(num_upsampled)}
    if table.size("to_rgb1.conv.weight", 1) != 3:
        raise CheckpointError(f"{table.what} writes {table.size('to_rgb1.conv.weight', 1)} image channels, expected 3")
    return generator_config(
        table.what,
        channels,
        z_dim=table.size("style.1.weight", 1),
        w_dim=table.size(f"style.{num_layers}.weight", 0),
        num_mapping_layers=num_layers,
    )


def _count(table: TensorTable, pattern: str, *, first: int = 0) -> int:
    """Return the number of layers numbered without a gap from `first`."""
    numbers = {int(match[1]) for name in table.names() if (match := re.fullmatch(pattern, name))}
    if not numbers or numbers != set(range(first, first + len(numbers))):
        found = ", ".join(map(str, sorted(numbers))) or "missing"
        layers = pattern.split("\\")[0]
        raise CheckpointError(f"{table.what}: layers {layers}.* are {found}, expected all from {first} on; it is incomplete")
    return len(numbers)
