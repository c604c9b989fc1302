"""The networks of `ctr/networks` on creatives: a linear function of every field, plus a network.

    logit = wide(fields) + network(inputs)

Each network starts at zero here, so an untrained model is the wide path: base rate plus the appeal of the words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from adcreative.config import did_you_mean
from adcreative.ctr.config import CTRModelConfig
from adcreative.ctr.inputs.creative import TABLE_STD, WidePath, input_rows, input_spec
from adcreative.ctr.inputs.fields import FieldInputs
from adcreative.ctr.inputs.network_inputs import KeyValueCache, Network
from adcreative.ctr.networks.registry import NETWORKS
from adcreative.errors import ConfigError
from adcreative.features.batch import FeatureBatch, FeatureSpec
from stylegan.networks.unset import unset_weights

CHUNK_ROWS = 1024


class CreativeNetwork(nn.Module):
    """Logits of creatives: the wide path, plus a network unless the model is the wide path alone."""

    def __init__(self, wide: WidePath | None, inputs: FieldInputs | None = None, network: Network | None = None) -> None:
        super().__init__()
        self.wide, self.inputs, self.network = wide, inputs, network

    def encode_history(self, items: FeatureBatch, log_rate: Tensor) -> KeyValueCache | None:
        """Return the network's keys and values of history items and their log rates [U, 1]; None when it caches none."""
        if self.network is None or self.inputs is None or not self.inputs.targets:
            return None
        return self.network.encode_sequence(self.inputs.encode_items(input_rows(items), log_rate))

    def forward(self, batch: FeatureBatch, cache: KeyValueCache | None = None) -> Tensor:
        """Return logits [B], float32; rows do not influence each other in eval mode.

        Args:
            cache: result of `encode_history` for the items of the batch's history; None: they are encoded here.
        """
        assert self.wide is not None
        logits: Tensor = self.wide(batch)
        if self.network is None or self.inputs is None:
            return logits
        inputs = self.inputs(input_rows(batch), encodes_history=cache is None)
        return logits + (self.network(inputs) if cache is None else self.network(inputs, cache))

    @torch.no_grad()
    def log_odds(self, batch: FeatureBatch, chunk_rows: int = CHUNK_ROWS) -> np.ndarray:
        """Return logits [N] float64, computed in chunks so that memory stays flat."""
        chunks = torch.arange(len(batch)).split(chunk_rows)
        return np.asarray(torch.cat([self(batch.index_select(idx)) for idx in chunks]).double().numpy())

    @torch.no_grad()
    def round_weights(self) -> CreativeNetwork:
        """Round weights to float16, the saved precision, before any calibration of their outputs. Returns self."""
        for tensor in self.state_dict().values():
            tensor.copy_(tensor.half())
        return self

    def fold(self) -> CreativeNetwork:
        """Switch to eval mode with the network in its form for serving; `train()` switches back. Returns self."""
        self.eval()
        if self.network is not None:
            self.network.fold()
        return self


class MeanRate(CreativeNetwork):
    """One rate for all creatives: the floor that any network must beat before its predictions count."""

    def __init__(self, spec: FeatureSpec) -> None:
        super().__init__(None)
        self.bias = nn.Parameter(torch.tensor(spec.base_log_odds))

    def forward(self, batch: FeatureBatch, cache: KeyValueCache | None = None) -> Tensor:
        """Return logits [B], all equal."""
        return self.bias.expand(len(batch))


CTR_MODELS = ("mean_rate", "linear", *(name for name, entry in NETWORKS.items() if entry.is_for_creatives))


def build_ctr_model(name: str, spec: FeatureSpec, config: CTRModelConfig, *, generator: torch.Generator) -> CreativeNetwork:
    """Build the network registered as `name`: FeatureBatch -> logits [B], randomly initialised from `generator`.

    "mean_rate" and "linear" are the floors that every other network must beat on held-out log-loss.

    Raises:
        ConfigError: no such name; the message suggests the nearest.
    """
    if name not in CTR_MODELS:
        raise ConfigError(f'no CTR model named "{name}". {did_you_mean(name, CTR_MODELS)}')
    if name == "mean_rate":
        return MeanRate(spec)
    wide = WidePath(spec, config.input_dropout_prob, generator=generator)
    if name == "linear":
        return CreativeNetwork(wide)
    entry, dim, fields = NETWORKS[name], config.embedding_dim, input_spec(spec)
    settings = entry.config_on_creatives(config)
    inputs = FieldInputs(
        fields,
        dim,
        reads_history=entry.reads_history,
        views=entry.views(settings, dim, fields),
        dense_dim=entry.dense_dim,
        result_dim=dim if entry.projects_log_rate else 1,
        std=TABLE_STD,
        dropout_prob=config.input_dropout_prob,
        generator=generator,
    )
    return CreativeNetwork(wide, inputs, entry.build(inputs.shape, settings, generator=generator))


def restore_ctr_model(name: str, spec: FeatureSpec, config: CTRModelConfig, state: Mapping[str, np.ndarray]) -> CreativeNetwork:
    """Build the network registered as `name` with saved weights, float16 or float32; strict, and no random number is drawn.

    Raises:
        RuntimeError: the weights do not fit, as `load_state_dict`.
    """
    with unset_weights():
        network = build_ctr_model(name, spec, config, generator=torch.Generator())
    network.load_state_dict({_renamed(key): torch.from_numpy(values).float() for key, values in state.items()}, strict=True)
    return network


def _renamed(key: str) -> str:
    """Return the name of a weight; models saved before creatives and logs had the same inputs call their fields otherwise."""
    key = re.sub(r"^inputs\.fields\.(?=projections\.|tables\.)", "inputs.tables.", key)
    key = re.sub(r"^(inputs\.\w+\.projections\.)(?!f_)", r"\1f_", key)
    return re.sub(r"^(inputs\.tables\.tables\.)(?!by_field)", r"\1by_field.f_", key).replace(
        "inputs.log_rate.", "inputs.result."
    )
