"""DIN, the deep interest network: the candidate determines the weights of past items, without softmax.

    z_j = [v ; e_j ; v - e_j ; v * e_j ; extra_j]          v: candidate, [e_j ; extra_j]: history item
    w_j = MLP(z_j) * mask_j                                  the weight is masked, since an MLP of zeros is not zero
    v_U = sum_j w_j [e_j ; extra_j],   logit = MLP([fields ; v ; v_U])

The weights are not normalised: their sum expresses the intensity of the interest. Knows tensors only.
Shapes: B rows, T history length, E item width.
Source:
    Zhou et al., Deep Interest Network, KDD 2018, eqs. 2-3 (attention), 4-5 (Dice), section 6 for the sizes 36 and 200-80.
    Differs: extra_j, numbers that only a past item has (such as the log rate of an earlier creative); one logit in place of two
    with softmax, which is the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.config import check_sizes
from adcreative.ctr.inputs.network_inputs import InputShape, Insight, Network, NetworkInputs, PaddedPart
from adcreative.ctr.nn.layers import SeededDropout, build_head, build_linear
from adcreative.ctr.nn.mlp import MLP, Dice, build_activation
from adcreative.errors import ConfigError

DENSE_SHARE = 0.5  # share of real items above which computing on padding too is faster


@dataclass(frozen=True, kw_only=True)
class DINConfig:
    """Widths of the attention unit and of the last MLP; the defaults are the paper's.

    activation: "dice" as in the paper, "prelu" or "relu". batch_norm: in the last MLP only.
    starts_at_zero: the head has no bias and starts at zero, for a network that is added to a linear path.
    """

    attention_dims: tuple[int, ...] = (36,)
    hidden_dims: tuple[int, ...] = (200, 80)
    activation: str = "dice"
    batch_norm: bool = False
    attention_dropout_prob: float = 0.0
    dropout_prob: float = 0.0
    starts_at_zero: bool = False

    def __post_init__(self) -> None:
        check_sizes(self)
        check_attention(self.attention_dims)


def check_attention(attention_dims: Sequence[int]) -> None:
    """Refuse an attention unit without a hidden layer, which cannot compare items. Raises ConfigError."""
    if not attention_dims:
        raise ConfigError("attention_dims must name at least one hidden layer, got none.")


class InterestAttention(PaddedPart):
    """The attention unit: one unnormalised weight per history item, from an MLP of the pair.

    Args:
        item_dim: width E of candidate and items. extra_dim: width of the numbers that only items have.
        activation: "dice" as in the paper, or another of `mlp.ACTIVATIONS`.
    """

    def __init__(
        self,
        item_dim: int,
        extra_dim: int = 0,
        *,
        hidden_dims: Sequence[int] = (36,),
        activation: str = "dice",
        dropout_prob: float = 0.0,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.extra_dim = extra_dim
        widths = [4 * item_dim + extra_dim, *hidden_dims]
        self.linears = nn.ModuleList(build_linear(a, b, generator=generator) for a, b in itertools.pairwise(widths))
        self.activations = nn.ModuleList(build_activation(activation, width) for width in hidden_dims)
        self.dropout = SeededDropout(dropout_prob, generator)
        self.to_weight = build_linear(widths[-1], 1, generator=generator)

    def forward(self, target: Tensor, items: Tensor, mask: Tensor, extra: Tensor | None = None) -> Tensor:
        """Return [B, E + X] for target [B, E], items [B, T, E], mask [B, T] (1 = real) and extra [B, T, X]."""
        if self.is_dense or float(mask.mean()) > DENSE_SHARE:
            return self._attend_padded(target, items, mask, extra)
        place = torch.arange(mask.numel(), device=mask.device).view(mask.shape)
        return self.attend(target, items.flatten(0, 1), place, mask, None if extra is None else extra.flatten(0, 1))

    def encode_items(self, items: Tensor, extra: Tensor | None = None) -> Tensor:
        """Return the first layer's sums of items [..., E] and extra [..., X] that do not depend on the target: [..., H]."""
        _, of_item, of_difference, _, of_extra = self._first_layer(items.shape[-1])
        once = F.linear(items, of_item - of_difference)
        return once if extra is None else once + F.linear(extra, of_extra)

    def weigh_kept(self, target: Tensor, kept: Tensor, items: Tensor, mask: Tensor) -> Tensor:
        """Return the weights [B, T] of items [B, T, E]; 0 on padding, and not normalised."""
        of_target, _, of_difference, of_product, _ = self._first_layer(target.shape[1])
        values = kept + F.linear(items * target[:, None], of_product)
        values = values + F.linear(target, of_target + of_difference, self._first.bias)[:, None]
        return self._to_weights(values, mask)

    def _attend_padded(self, target: Tensor, items: Tensor, mask: Tensor, extra: Tensor | None) -> Tensor:
        """Return the same for [B, T, E]: one product with [W_e - W_d ; W_p ; W_x], computed on padding too."""
        of_target, of_item, of_difference, of_product, of_extra = self._first_layer(target.shape[1])
        parts, weights = [items, items * target[:, None]], [of_item - of_difference, of_product]
        if extra is not None:
            parts, weights = [*parts, extra], [*weights, of_extra]
        values = F.linear(torch.cat(parts, dim=2), torch.cat(weights, dim=1))
        values = values.add_(F.linear(target, of_target + of_difference, self._first.bias)[:, None])
        vectors = items if extra is None else torch.cat([items, extra], dim=2)
        return torch.einsum("bt,bts->bs", self._to_weights(values, mask), vectors)

    def _to_weights(self, values: Tensor, mask: Tensor) -> Tensor:
        """Return the weights [B, T] from the first layer's sums [B, T, H]."""
        for number, activation in enumerate(self.activations):
            values = values if number == 0 else self.linears[number](values)
            values = self.dropout(activation(values, mask) if isinstance(activation, Dice) else activation(values))
        return self.to_weight(values)[..., 0] * mask

    @property
    def _first(self) -> nn.Linear:
        return cast(nn.Linear, self.linears[0])  # not get_parameter: in an unrolled step weights are results, not parameters

    def _first_layer(self, width: int) -> tuple[Tensor, ...]:
        """Return W_v, W_e, W_d, W_p and W_x of the first layer."""
        weight = self._first.weight
        return weight.split([width] * 4 + [self.extra_dim], dim=1)

    def attend(self, target: Tensor, vectors: Tensor, place: Tensor, mask: Tensor, extra: Tensor | None = None) -> Tensor:
        """Return the weighted sum [B, E + X] of items and extras for a history of indices into vectors [U, E] and extra [U, X].

        Only real items are computed, and of the first layer only the parts that depend on the pair: with W = [W_v W_e W_d W_p
        W_x],
            W z_j + b = (W_v + W_d) v + b + (W_e - W_d) e_j + W_x extra_j + W_p (v * e_j)
        is computed once per row, once per item, and once per pair.

        Args:
            place: [B, T] int64, indices of the U vectors. mask: [B, T], 1 = real.
        """
        row, column = mask.nonzero(as_tuple=True)  # N real pairs
        idx = place[row, column]
        bias = self._first.bias
        of_target, _, of_difference, of_product, _ = self._first_layer(target.shape[1])
        once = self.encode_items(vectors, extra)  # [U, H]
        vectors_and_extra = vectors if extra is None else torch.cat([vectors, extra], dim=1)
        product = F.embedding(idx, vectors) * F.embedding(row, target)  # [N, E]
        values = F.linear(product, of_product) + F.embedding(idx, once)
        values = values + F.embedding(row, F.linear(target, of_target + of_difference, bias))
        for number, activation in enumerate(self.activations):
            values = self.dropout(activation(values if number == 0 else self.linears[number](values)))
        weights = self.to_weight(values)[:, 0]
        offsets = F.pad(mask.count_nonzero(dim=1).cumsum(dim=0), (1, 0))[:-1]
        return F.embedding_bag(
            idx, vectors_and_extra, offsets, mode="sum", per_sample_weights=weights.to(vectors_and_extra.dtype)
        )


class DIN(Network):
    """The network on the sizes of `shape`, which includes a target and a history."""

    def __init__(self, shape: InputShape, config: DINConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        self.target_dim, self.sequence_dim = shape.target_dim, shape.sequence_dim
        self.attention = InterestAttention(
            shape.target_dim,
            shape.sequence_dim - shape.target_dim,
            hidden_dims=config.attention_dims,
            activation=config.activation,
            dropout_prob=config.attention_dropout_prob,
            generator=generator,
        )
        self.tower = MLP(
            shape.flat_dim + shape.target_dim + shape.sequence_dim,
            config.hidden_dims,
            activation=config.activation,
            batch_norm=config.batch_norm,
            dropout_prob=config.dropout_prob,
            generator=generator,
        )
        self.head = build_head(self.tower.out_dim, starts_at_zero=config.starts_at_zero, generator=generator)

    def pool(self, inputs: NetworkInputs) -> Tensor:
        """Return the user vector v_U [B, S]; zero for a row without a history.

        Raises:
            ValueError: the inputs have no target.
        """
        target = inputs.find_target()
        if inputs.mask is None or inputs.sequence is None:
            return inputs.fields.new_zeros(inputs.fields.shape[0], self.sequence_dim)
        place, items = inputs.place, inputs.sequence
        if place is None or self.attention.is_dense:
            vectors, extra = inputs.spread_sequence().split([self.target_dim, self.sequence_dim - self.target_dim], dim=2)
            return self.attention(target, vectors, inputs.mask, extra if extra.shape[2] else None)
        vectors, extra = items.split([self.target_dim, self.sequence_dim - self.target_dim], dim=1)
        return self.attention.attend(target, vectors, place, inputs.mask, extra if extra.shape[1] else None)

    def show(self, inputs: NetworkInputs) -> Insight:
        if inputs.mask is None:
            return Insight()
        vectors, extra = inputs.spread_sequence().split([self.target_dim, self.sequence_dim - self.target_dim], dim=2)
        kept = self.attention.encode_items(vectors, extra if extra.shape[2] else None)
        return Insight(weights=self.attention.weigh_kept(inputs.find_target(), kept, vectors, inputs.mask))

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """Return logits [B]."""
        joined = torch.cat([inputs.fields.flatten(1), inputs.find_target(), self.pool(inputs)], dim=1)
        return self.head(self.tower(joined))[:, 0]
