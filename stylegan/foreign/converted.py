"""The result of every reader: sizes and tensors under our names, checked against the network that loads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stylegan.errors import CheckpointError, StyleGANError
from stylegan.networks.generator import Generator, GeneratorConfig, MappingNetwork
from stylegan.networks.ir_se50 import E4EConfig, E4EEncoder

NUM_AVERAGED = 10_000
LR_MULTIPLIER = 0.01
ASSUMED_LR_MULTIPLIER = (
    f"the file does not say the mapping's learning-rate multiplier; {LR_MULTIPLIER}, the default of the code that writes such "
    "files, was assumed"
)

LICENCES = {
    "rosinality": "set by whoever trained the weights; NVIDIA's own weights, also when converted, are non-commercial",
    "nvlabs": "set by whoever trained the weights; those published by NVIDIA are under its non-commercial source code licence",
    "tensorflow": "set by whoever trained the weights; those published by NVIDIA are under its non-commercial licence",
    "e4e": "e4e's code is MIT; its decoder was trained by NVIDIA on FFHQ, whose terms are non-commercial",
    "safetensors": "that of the model converted before; see its manifest",
}


@dataclass(frozen=True, kw_only=True)
class ConvertedWeights:
    """One foreign checkpoint in our names and orientation.

    source_format: key of `LICENCES`. generator_state, encoder_state: tensors under the names of `Generator` and
    `E4EEncoder`, float32. notes: assumptions about values missing in the file, one sentence each.
    """

    source_format: str
    config: GeneratorConfig
    generator_state: Mapping[str, Tensor]
    encoder_config: E4EConfig | None = None
    encoder_state: Mapping[str, Tensor] | None = None
    notes: tuple[str, ...] = ()

    def build(self) -> tuple[Generator, E4EEncoder | None]:
        """Build the networks and load the tensors, strictly.

        Raises:
            CheckpointError: a tensor is missing, unknown or has another shape.
        """
        with torch.device("meta"):
            generator = Generator(self.config)
            encoder = None if self.encoder_config is None else E4EEncoder(self.encoder_config)
        _load(generator, self.generator_state, f"{self.source_format} generator")
        if encoder is not None:
            _load(encoder, self.encoder_state or {}, f"{self.source_format} encoder")
        return generator.eval().requires_grad_(False), encoder if encoder is None else encoder.eval().requires_grad_(False)


def generator_config(what: str, channels: dict[int, int], **sizes: object) -> GeneratorConfig:
    """Build a config from a file's values; impossible sizes raise a CheckpointError with the file's kind."""
    try:
        return GeneratorConfig(size=max(channels), channels=channels, **sizes)  # type: ignore[arg-type]
    except (StyleGANError, ValueError, TypeError) as error:
        raise CheckpointError(f"{what} has sizes that fit no StyleGAN2 generator: {error}") from error


def estimate_w_avg(config: GeneratorConfig, state: Mapping[str, Tensor]) -> tuple[Tensor, str]:
    """Return the mean of w over 10,000 z drawn with seed 0, [1, w_dim], and a note about it.

    For checkpoints without a stored mean; the published generators average in the same way before truncation.
    """
    with torch.device("meta"):
        mapping = MappingNetwork(config)
    mapping_state = {k.removeprefix("mapping."): t for k, t in state.items() if k.startswith("mapping.")}
    _load(mapping, mapping_state | {"w_avg": torch.zeros(1, config.w_dim)}, "mapping network")
    z = torch.randn(NUM_AVERAGED, config.z_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        mean = torch.stack([mapping(batch).double().sum(dim=0) for batch in z.split(1000)]).sum(dim=0) / NUM_AVERAGED
    return mean.float()[None], f"the file stores no mean latent; it was averaged over {NUM_AVERAGED:,} draws"


def mean_latent_rows(latent_avg: object, *, num_rows: int, w_dim: int, what: str) -> Tensor:
    """Bring a stored mean latent, [w_dim], [R, w_dim] or either with leading ones, to [R, w_dim].

    Raises:
        CheckpointError: it is no tensor, has another size, or holds NaN.
    """
    if not isinstance(latent_avg, Tensor):
        raise CheckpointError(f"{what}: latent_avg is a {type(latent_avg).__name__}, expected a tensor")
    if latent_avg.numel() not in (w_dim, num_rows * w_dim) or latent_avg.shape[-1] != w_dim:
        raise CheckpointError(
            f"{what}: latent_avg has shape {list(latent_avg.shape)}, expected [{w_dim}] or [{num_rows}, {w_dim}]"
        )
    if not bool(torch.isfinite(latent_avg).all()):
        raise CheckpointError(f"{what}: latent_avg holds NaN or infinite weights; the run that wrote it had diverged")
    return latent_avg.detach().float().reshape(-1, w_dim).expand(num_rows, w_dim).clone()


def _load(module: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    expected = {name: list(tensor.shape) for name, tensor in module.state_dict().items()}
    for name in sorted(expected.keys() | state.keys()):
        if name not in state:
            raise CheckpointError(f"{what} lacks {name}")
        if name not in expected:
            raise CheckpointError(f"{what} has no place for {name}")
        if list(state[name].shape) != expected[name]:
            raise CheckpointError(f"{what}: {name} has shape {list(state[name].shape)}, expected {expected[name]}")
    module.load_state_dict({k: t.contiguous() for k, t in state.items()}, strict=True, assign=True)
