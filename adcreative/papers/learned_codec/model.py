"""The codec network, pixels -> latents -> symbols with predicted means and scales -> pixels; and its form for coding.

One iteration over the slices (`walk_slices`) serves training, encoding and decoding; they differ only in the source of the
symbols of a pass. One network serves several rates: each has its own learnt step of rounding for each channel of y, and
gains of the decoded channels. A model is saved with its integer tables, so that no machine computes them again.

Shapes: B pictures, H W pixels (multiples of 64), M latent channels; rates [B] int64.
"""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from adcreative.artifacts import load_artifact, save_artifact
from adcreative.errors import ArtifactError
from adcreative.papers.learned_codec.entropy import (
    ACTIVATION_STEPS,
    MAX_Z,
    PRECISION,
    FactorizedPrior,
    HyperAnalysis,
    HyperSynthesis,
    SliceContext,
    anchor_mask,
    gaussian_bits,
    gaussian_table,
    make_exact,
    max_symbol,
    scale_idx,
    scale_table,
    snap,
    symbol_sizes,
)
from adcreative.papers.learned_codec.transforms import NUM_SCALES, Analysis, CodecConfig, Synthesis

KIND, FORMAT_VERSION = "image-codec", 1
NUM_BYTES_OF_HASH = 8


@dataclass(frozen=True)
class Pass:
    """One of the two passes over one slice: the coded channels and positions, and their predictions.

    mean: [B, c, H, W], in units of y. log_scale: [B, c, H, W], of symbols. Both are valid where `mask` [1, 1, H, W] is 1.
    steps: [B, c, 1, 1]; a latent is its mean plus its symbol times the step.
    """

    channels: slice
    mask: Tensor
    mean: Tensor
    log_scale: Tensor
    steps: Tensor


@dataclass(frozen=True)
class Forward:
    """Outputs for training: reconstruction [B, 3, H, W], and bits of y and of z, each [B]."""

    image: Tensor
    y_bits: Tensor
    z_bits: Tensor


class ImageCodec(nn.Module):
    """Learned image codec of the MLIC family at the sizes of a config; random weights from `generator` via torch's default.

    Train in float32, then use `exact()`: a copy whose entropy model computes on a grid, as coding requires.
    """

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        self.analysis, self.synthesis = Analysis(config), Synthesis(config)
        self.hyper_analysis, self.hyper_synthesis = HyperAnalysis(config), HyperSynthesis(config)
        self.prior = FactorizedPrior(config)
        self.contexts = nn.ModuleList(SliceContext(config, i) for i in range(len(config.slices)))
        lambdas = torch.tensor(config.lambdas)[:, None]
        self.log_steps = nn.Parameter(((lambdas[0] / lambdas).sqrt().repeat(1, config.latent_channels) / 2).log())
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
        """Return the input of the entropy model from rounded z, [B, 2 context_channels, H/16, W/16]."""
        dtype = self.hyper_synthesis.last.weight.dtype
        return snap(self.hyper_synthesis(z.to(dtype)) + self.rate_bias[rates].to(dtype)[:, :, None, None])

    def walk_slices(self, hyper: Tensor, all_steps: Tensor, take: Callable[[Pass], Tensor]) -> Tensor:
        """Return the decoded latents [B, M, H, W].

        Args:
            hyper: result of `hyper_features`. all_steps: result of `steps`.
            take: returns the latents of one pass, [B, c, H, W], from its prediction.
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
        self, image: Tensor, rates: Tensor, *, generator: torch.Generator | None = None, skips: bool = False
    ) -> Forward:
        """Return reconstruction and bits for training: noise for the bits, straight-through rounding for pixels.

        Args:
            skips: symbols predicted with a scale below `skip_scale` cost nothing and take their mean, as in the coder.
        """
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
        return Forward(self.render(latents, rates), torch.stack(bits).sum(dim=0), z_bits)


_BOUNDS = torch.tensor([max_symbol(i) for i in range(len(scale_table()))], dtype=torch.float64)


def quantise(one: Pass, latents: Tensor, skip_scale: float) -> tuple[Tensor, Tensor, Tensor]:
    """Round one pass of latents [B, M, H, W] as the coder does.

    Returns:
        symbols (float64, whole numbers), entries of the table of scales (int64), and the coding mask, each [B, c, H, W].
    """
    idx = scale_idx(one.log_scale)
    is_coded = (one.mask > 0) & (idx >= first_coded_idx(skip_scale))
    bound = _BOUNDS[idx]
    symbols = ((latents[:, one.channels].double() - one.mean) / one.steps).round()
    return torch.where(is_coded, symbols.clamp(-bound, bound), torch.zeros_like(symbols)), idx, is_coded


def first_coded_idx(skip_scale: float) -> int:
    """Return the first coded entry of the table of scales; symbols of lower entries take their mean."""
    return int((scale_table() >= skip_scale).argmax())


def quantise_z(z: Tensor) -> Tensor:
    """Return the symbols of z: whole numbers in -MAX_Z..MAX_Z."""
    return z.round().clamp(-MAX_Z, MAX_Z)


@dataclass(frozen=True)
class CodecModel:
    """A model for encoding and decoding.

    network: exact (`ImageCodec.exact`). smooth: the same weights in float32, for gradients. z_tables: frequencies [rates,
    channels, 2 MAX_Z + 1]. y_tables: frequencies of each entry of the table of scales. model_id: the first bytes of the sha256
    over all of it.
    """

    network: ImageCodec
    smooth: ImageCodec
    z_tables: np.ndarray
    y_tables: tuple[np.ndarray, ...]
    model_id: bytes

    @property
    def config(self) -> CodecConfig:
        return self.network.config


def freeze(network: ImageCodec) -> CodecModel:
    """Return the coding model of a trained network; weights are rounded to half precision first."""
    state = {name: value.detach().half().cpu().numpy() for name, value in network.state_dict().items()}
    rounded = _build(network.config, state)
    tables = tuple(gaussian_table(i) for i in range(NUM_SCALES))
    return _assemble(network.config, state, rounded.prior.tables(), tables)


def save_codec(model: CodecModel, state: ImageCodec, folder: Path, notes: dict[str, object]) -> None:
    """Write a model folder; `state` is the network before `freeze`."""
    tensors = {f"network.{name}": value.detach().half().cpu().numpy() for name, value in state.state_dict().items()}
    tensors |= {"z_tables": model.z_tables, "y_tables": np.concatenate(model.y_tables)}
    save_artifact(
        folder, kind=KIND, format_version=FORMAT_VERSION, tensors=tensors, notes={"config": asdict(model.config), **notes}
    )


def load_codec(folder: Path) -> CodecModel:
    """Read a model folder.

    Raises:
        ArtifactError: the folder holds no codec, is incomplete, or its tables do not fit.
    """
    artifact = load_artifact(folder, kind=KIND, formats=(FORMAT_VERSION,))
    try:
        said: dict[str, Any] = artifact.manifest["config"]
        values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}
        config = CodecConfig(**values)
        state = {
            name.removeprefix("network."): value for name, value in artifact.tensors.items() if name.startswith("network.")
        }
        z_tables, flat = artifact.tensors["z_tables"], artifact.tensors["y_tables"]
        tables = tuple(np.split(flat, np.cumsum([2 * max_symbol(i) + 1 for i in range(NUM_SCALES)])[:-1]))
        return _assemble(config, state, z_tables, tables)
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        if isinstance(error, ArtifactError):
            raise
        raise ArtifactError(f"{folder} is no codec that this version can use ({error}); train it again") from error


def _build(config: CodecConfig, state: dict[str, np.ndarray]) -> ImageCodec:
    network = ImageCodec(config)
    network.load_state_dict({name: torch.from_numpy(value.astype(np.float32)) for name, value in state.items()})
    return network


def _assemble(
    config: CodecConfig, state: dict[str, np.ndarray], z_tables: np.ndarray, y_tables: tuple[np.ndarray, ...]
) -> CodecModel:
    shape = (len(config.lambdas), config.hyper_channels, 2 * MAX_Z + 1)
    if z_tables.shape != shape or len(y_tables) != NUM_SCALES:
        raise ArtifactError(f"the tables of z have the shape {z_tables.shape}, expected {shape}; train the codec again")
    for table in (*y_tables, *z_tables.reshape(-1, shape[-1])):
        if int(table.sum(dtype=np.int64)) != 2**PRECISION or not (table > 0).all():
            raise ArtifactError("a table of frequencies does not add up; train the codec again")
    digest = hashlib.sha256(repr(asdict(config)).encode())
    for name in sorted(state):
        digest.update(name.encode() + state[name].tobytes())
    for table in (z_tables, *y_tables):
        digest.update(np.ascontiguousarray(table.astype("<u4")).tobytes())
    network = _build(config, state)
    return CodecModel(
        network.exact(), network.eval().requires_grad_(False), z_tables, y_tables, digest.digest()[:NUM_BYTES_OF_HASH]
    )
