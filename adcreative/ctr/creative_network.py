"""The networks of `ctr/networks` on creatives: one number that is linear in every field, plus what a network adds to it.

    logit = wide(fields) + network(inputs)

Each network starts at zero here, so an untrained one is the wide path: base rate plus the appeal of the words. The dict at the
foot is the registry of names that `train` takes; nothing registers itself.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from adcreative.ctr.config import CTRModelConfig
from adcreative.ctr.inputs.creative import CategoryInputs, FieldInputs, TargetInputs, WidePath
from adcreative.ctr.inputs.network_inputs import KeyValueCache, Network
from adcreative.ctr.networks.autoint import ADSEE_STD, AutoInt, AutoIntConfig
from adcreative.ctr.networks.din import DIN, DINConfig
from adcreative.ctr.networks.fgcnn import FGCNN, GENERATOR, FGCNNConfig
from adcreative.ctr.networks.finalmlp import FinalMLP, FinalMLPConfig
from adcreative.ctr.networks.qin import QIN, QINConfig
from adcreative.ctr.networks.sdim import SDIM, SDIMConfig
from adcreative.errors import ConfigError
from adcreative.features.batch import FeatureBatch, FeatureSpec
from stylegan.networks.unset import unset_weights

Inputs = CategoryInputs | FieldInputs | TargetInputs
Parts = tuple[Inputs, Network]
AUTOINT_HIDDEN_DIMS = (256, 128)  # AdSEE's sizes: three layers of two heads, DNN 256-128


class MeanRate(nn.Module):
    """One number for everybody: the floor that any network must beat before its opinion counts."""

    def __init__(self, spec: FeatureSpec, config: CTRModelConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.tensor(spec.base_log_odds))

    def forward(self, batch: FeatureBatch) -> Tensor:
        """Return logits [B], all equal."""
        return self.bias.expand(len(batch))


class CreativeNetwork(nn.Module):
    """Logits of creatives: the wide path, and a network unless the wide path is all."""

    def __init__(self, wide: WidePath, parts: Parts | None = None) -> None:
        super().__init__()
        self.wide = wide
        self.inputs: Inputs | None = None if parts is None else parts[0]
        self.network: Network | None = None if parts is None else parts[1]

    def encode_history(self, items: FeatureBatch, log_rate: Tensor) -> KeyValueCache | None:
        """Return what the network needs of history items and their log rates [U, 1]; None when it keeps nothing of them."""
        if not isinstance(self.network, QIN) or not isinstance(self.inputs, TargetInputs):
            return None
        return self.network.encode_sequence(self.inputs.encode_items(items, log_rate))

    def forward(self, batch: FeatureBatch, cache: KeyValueCache | None = None) -> Tensor:
        """Return logits [B], float32; rows do not influence each other in eval mode.

        Args:
            cache: what `encode_history` returned for the items of the batch's history; they are encoded afresh when None.
        """
        logits: Tensor = self.wide(batch)
        if self.network is None or self.inputs is None:
            return logits
        if cache is not None and isinstance(self.inputs, TargetInputs):
            return logits + self.network(self.inputs(batch, encodes_history=False), cache)
        return logits + self.network(self.inputs(batch))

    def fold(self) -> CreativeNetwork:
        """Switch to eval mode with the network in its form for serving; `train()` switches back. Returns self."""
        self.eval()
        if self.network is not None:
            self.network.fold()
        return self


def _build_qin(spec: FeatureSpec, config: CTRModelConfig, generator: torch.Generator) -> Parts:
    dim = config.embedding_dim
    inputs = TargetInputs(spec, dim, config.input_dropout_prob, log_rate_dim=dim, generator=generator)
    sizes = QINConfig(
        num_layers=config.num_layers, num_rows=config.num_rows, dropout_prob=config.dropout_prob, starts_at_zero=True
    )
    return inputs, QIN(inputs.shape, sizes, generator=generator)


def _build_din(spec: FeatureSpec, config: CTRModelConfig, generator: torch.Generator) -> Parts:
    inputs = TargetInputs(spec, config.embedding_dim, config.input_dropout_prob, log_rate_dim=1, generator=generator)
    return inputs, DIN(inputs.shape, DINConfig(dropout_prob=config.dropout_prob, starts_at_zero=True), generator=generator)


def _build_sdim(spec: FeatureSpec, config: CTRModelConfig, generator: torch.Generator) -> Parts:
    inputs = TargetInputs(spec, config.embedding_dim, config.input_dropout_prob, log_rate_dim=1, generator=generator)
    return inputs, SDIM(inputs.shape, SDIMConfig(dropout_prob=config.dropout_prob, starts_at_zero=True), generator=generator)


def _build_autoint(spec: FeatureSpec, config: CTRModelConfig, generator: torch.Generator) -> Parts:
    dim = config.embedding_dim + config.embedding_dim % 2  # two heads
    inputs = CategoryInputs(spec, dim, config.input_dropout_prob, hidden_dim=AUTOINT_HIDDEN_DIMS[0], generator=generator)
    sizes = AutoIntConfig(attention_dim=dim, hidden_dims=AUTOINT_HIDDEN_DIMS, weight_std=ADSEE_STD, starts_at_zero=True)
    return inputs, AutoInt(inputs.shape, sizes, generator=generator)


def _build_finalmlp(spec: FeatureSpec, config: CTRModelConfig, generator: torch.Generator) -> Parts:
    inputs = FieldInputs(spec, config.embedding_dim, config.input_dropout_prob, generator=generator)
    sizes = FinalMLPConfig(dropout_prob_1=config.dropout_prob, dropout_prob_2=config.dropout_prob, starts_at_zero=True)
    return inputs, FinalMLP(inputs.shape, sizes, generator=generator)


def _build_fgcnn(spec: FeatureSpec, config: CTRModelConfig, generator: torch.Generator) -> Parts:
    inputs = FieldInputs(spec, config.embedding_dim, config.input_dropout_prob, views=(GENERATOR,), generator=generator)
    sizes = FGCNNConfig(
        channels=(6, 8), kernel_heights=(7, 7), pool_sizes=(2, 2), new_maps=(2, 2), hidden_dims=(128, 64),
        dropout_prob=config.dropout_prob, starts_at_zero=True,
    )  # fmt: skip
    return inputs, FGCNN(inputs.shape, sizes, generator=generator)


BUILDERS: Mapping[str, Callable[[FeatureSpec, CTRModelConfig, torch.Generator], Parts] | None] = {
    "linear": None,  # the floor every other network must beat on held-out log-loss
    "qin": _build_qin,
    "din": _build_din,
    "sdim": _build_sdim,
    "autoint": _build_autoint,
    "finalmlp": _build_finalmlp,
    "fgcnn": _build_fgcnn,
}
CTR_MODELS = ("mean_rate", *BUILDERS)


def build_ctr_model(name: str, spec: FeatureSpec, config: CTRModelConfig, *, generator: torch.Generator) -> nn.Module:
    """Build the network registered as `name`: FeatureBatch -> logits [B], randomly initialised from `generator`.

    Raises:
        ConfigError: no such name; the message lists the known ones and the nearest.
    """
    if name not in CTR_MODELS:
        near = difflib.get_close_matches(name, CTR_MODELS, n=1)
        hint = f' Did you mean "{near[0]}"?' if near else ""
        raise ConfigError(f'no CTR model named "{name}"; known: {", ".join(sorted(CTR_MODELS))}.{hint}')
    if name == "mean_rate":
        return MeanRate(spec, config, generator=generator)
    wide, build = WidePath(spec, config.input_dropout_prob, generator=generator), BUILDERS[name]
    return CreativeNetwork(wide, None if build is None else build(spec, config, generator))


def restore_ctr_model(name: str, spec: FeatureSpec, config: CTRModelConfig, state: Mapping[str, Tensor]) -> nn.Module:
    """Build the network registered as `name` with saved weights; strict, and no random number is drawn.

    Raises:
        RuntimeError: the weights do not fit, as `load_state_dict`.
    """
    with unset_weights():
        network = build_ctr_model(name, spec, config, generator=torch.Generator())
    network.load_state_dict(state, strict=True)
    return network
