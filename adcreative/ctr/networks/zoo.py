"""Every click-rate network by name. Nothing registers itself: the dict at the foot is the whole registry."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from adcreative.ctr.config import CTRModelConfig
from adcreative.ctr.inputs.creative import WidePath
from adcreative.ctr.networks.autoint import AutoIntCTR
from adcreative.ctr.networks.din import CreativeDIN
from adcreative.ctr.networks.qin import CreativeQIN
from adcreative.errors import ConfigError
from adcreative.features.batch import FeatureBatch, FeatureSpec


class MeanRate(nn.Module):
    """One number for everybody: the floor that any network must beat before its opinion counts."""

    def __init__(self, spec: FeatureSpec, config: CTRModelConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.tensor(spec.base_log_odds))

    def forward(self, batch: FeatureBatch) -> Tensor:
        """Return logits [B], all equal."""
        return self.bias.expand(len(batch))


class LinearCTR(nn.Module):
    """Weighted sum of fields: the floor every other network must beat on held-out log-loss."""

    def __init__(self, spec: FeatureSpec, config: CTRModelConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        self.wide = WidePath(spec, config.input_dropout_prob, generator=generator)

    def forward(self, batch: FeatureBatch) -> Tensor:
        """Return logits [B]; an unseen category contributes zero; the history is not looked at."""
        return self.wide(batch)


CTR_MODELS: Mapping[str, Callable[..., nn.Module]] = {
    "mean_rate": MeanRate,
    "linear": LinearCTR,
    "qin": CreativeQIN,
    "din": CreativeDIN,
    "autoint": AutoIntCTR,
}


def build_ctr_model(name: str, spec: FeatureSpec, config: CTRModelConfig, *, generator: torch.Generator) -> nn.Module:
    """Build the network registered as `name`: FeatureBatch -> logits [B], randomly initialised from `generator`.

    Raises:
        ConfigError: no such name; the message lists the known ones and the nearest.
    """
    if name not in CTR_MODELS:
        near = difflib.get_close_matches(name, CTR_MODELS, n=1)
        hint = f' Did you mean "{near[0]}"?' if near else ""
        raise ConfigError(f'no CTR model named "{name}"; known: {", ".join(sorted(CTR_MODELS))}.{hint}')
    return CTR_MODELS[name](spec, config, generator=generator)
