"""AutoInt: stacked multi-head self-attention over fields; with parallel hidden layers, AutoInt+.

    per layer and head h: q_m = W_Q e_m, k, v likewise;  a(m, .) = softmax_k <q_m, k_k>;  e~_m = sum_k a(m, k) v_k
    e'_m = ReLU([e~_m of all heads] + W_Res e_m)                                        eqs. 5-8 of the paper
    logit = w . [attention output of all fields ; DNN(all fields)] + b

Three different networks have this name; `variant` chooses:

    paper     as above: unscaled scores, no normalisation. AdSEE's code (deepctr-torch) is this one.
    official  the authors' code: ReLU on all four projections, scores / sqrt(head width), layer norm after each layer
    fuxictr   FuxiCTR's code: no ReLU on projections, W_Res only where widths differ, else the field itself

Shapes: B rows, M fields, D field width, H heads.
Source:
    Song et al., AutoInt, CIKM 2019. Differs: absent fields are left out of the softmax; the published codes have no absent
    fields.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.config import check_sizes
from adcreative.ctr.inputs.network_inputs import InputShape, Insight, Network, NetworkInputs
from adcreative.ctr.nn.layers import build_head, build_linear
from adcreative.ctr.nn.mlp import MLP
from adcreative.errors import ConfigError

VARIANTS = ("paper", "official", "fuxictr")
ADSEE_STD = 0.05  # initial attention weights in deepctr-torch and so in AdSEE


@dataclass(frozen=True, kw_only=True)
class AutoIntConfig:
    """attention_dim: width of a field after each layer, all heads together. hidden_dims: of the DNN; () = plain AutoInt.

    weight_std: attention weights start as N(0, weight_std); None: Xavier-normal. starts_at_zero: the head has no bias and
    starts at zero, for a network that is added to a linear path.
    """

    variant: str = "paper"
    num_layers: int = 3
    num_heads: int = 2
    attention_dim: int = 64
    hidden_dims: tuple[int, ...] = ()
    batch_norm: bool = False
    dropout_prob: float = 0.0
    weight_std: float | None = None
    starts_at_zero: bool = False

    def __post_init__(self) -> None:
        check_sizes(self)
        if self.variant not in VARIANTS:
            raise ConfigError(f'no AutoInt variant "{self.variant}"; known: {", ".join(VARIANTS)}.')
        if self.attention_dim % self.num_heads:
            raise ConfigError(f"attention_dim {self.attention_dim} must be a multiple of num_heads {self.num_heads}.")


class InteractingLayer(nn.Module):
    """One interacting layer: [B, M, in_dim] -> [B, M, out_dim], heads of width out_dim / H side by side."""

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        num_heads: int,
        *,
        variant: str = "paper",
        weight_std: float | None = None,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.num_heads, self.is_official = num_heads, variant == "official"
        self.to_query, self.to_key, self.to_value, self.residual = (
            build_linear(in_dim, out_dim, generator=generator, bias=False) for _ in range(4)
        )
        if weight_std is not None:
            for layer in (self.to_query, self.to_key, self.to_value, self.residual):
                nn.init.normal_(layer.weight, std=weight_std, generator=generator)
        if variant == "fuxictr" and in_dim == out_dim:
            self.residual = nn.Identity()  # type: ignore[assignment]
        self.norm = nn.LayerNorm(out_dim) if self.is_official else nn.Identity()

    def weights(self, fields: Tensor, present: Tensor | None = None) -> Tensor:
        """Return attention [B, H, M, M], rows summing to 1 over present fields; a row is 0 when none is present."""
        query, key = (self._split(self._project(layer, fields)) for layer in (self.to_query, self.to_key))
        scores = query @ key.transpose(2, 3)  # [B, H, M, M]
        if self.is_official:
            scores = scores / math.sqrt(query.shape[3])
        if present is None:
            return scores.softmax(dim=3)
        absent = (present == 0)[:, None, None, :]
        return scores.masked_fill(absent, -torch.inf).softmax(dim=3).masked_fill(absent, 0.0).nan_to_num(0.0)

    def forward(self, fields: Tensor, present: Tensor | None = None) -> Tensor:
        """Return [B, M, out_dim] for fields [B, M, in_dim]; present [B, M] 1 = present, absent fields get no attention."""
        value = self._split(self._project(self.to_value, fields))  # [B, H, M, D / H]
        if present is None:
            query, key = (self._split(self._project(layer, fields)) for layer in (self.to_query, self.to_key))
            mixed = F.scaled_dot_product_attention(query, key, value, scale=None if self.is_official else 1.0)
        else:
            mixed = self.weights(fields, present) @ value
        return self.norm(F.relu(mixed.transpose(1, 2).flatten(2) + self._project(self.residual, fields)))

    def _project(self, layer: nn.Module, fields: Tensor) -> Tensor:
        return F.relu(layer(fields)) if self.is_official else layer(fields)

    def _split(self, values: Tensor) -> Tensor:
        return values.unflatten(2, (self.num_heads, -1)).transpose(1, 2)  # [B, H, M, D / H]


class AutoInt(Network):
    """The network on the sizes of `shape`; ignores target and history."""

    def __init__(self, shape: InputShape, config: AutoIntConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        widths = [shape.field_dim, *[config.attention_dim] * config.num_layers]
        self.interacting = nn.ModuleList(
            InteractingLayer(
                in_dim,
                config.attention_dim,
                config.num_heads,
                variant=config.variant,
                weight_std=config.weight_std,
                generator=generator,
            )
            for in_dim in widths[:-1]
        )
        attended_dim = shape.num_fields * widths[-1]
        self.tower = None
        if config.hidden_dims:
            self.tower = MLP(
                shape.flat_dim,
                config.hidden_dims,
                batch_norm=config.batch_norm,
                dropout_prob=config.dropout_prob,
                generator=generator,
            )
            attended_dim += self.tower.out_dim
        self.head = build_head(attended_dim, starts_at_zero=config.starts_at_zero, generator=generator)

    def show(self, inputs: NetworkInputs) -> Insight:
        return Insight(pairs=self.pair_map(inputs).mean(dim=0))

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """Return logits [B]."""
        fields, present = inputs.fields, inputs.present
        for layer in self.interacting:
            fields = layer(fields, present)
            fields = fields if present is None else fields * present[..., None]
        parts = [fields.flatten(1)]
        if self.tower is not None:
            parts.append(self.tower(inputs.fields.flatten(1), inputs.dense))
        return self.head(torch.cat(parts, dim=1))[:, 0]

    def pair_map(self, inputs: NetworkInputs) -> Tensor:
        """Return the attention of field m to field k in the first layer, [B, M, M], the mean over heads; rows sum to 1."""
        first = self.interacting[0]
        assert isinstance(first, InteractingLayer)
        return first.weights(inputs.fields, inputs.present).mean(dim=1)
