"""DIN, the deep interest network: the candidate decides which past items count, without softmax.

    z_j = [v ; e_j ; v - e_j ; v * e_j ; extra_j]          v: candidate, e_j: history item
    w_j = MLP(z_j) * mask_j                                  the weight is masked, since an MLP of zeros is not zero
    v_U = sum_j w_j [e_j ; extra_j],   logit = MLP([v_U ; v ; rest])

The weights are not normalised: their sum is meant to carry how strong the interest is. Knows tensors and the feature layout.
Shapes: B rows, T history length, E item width.
Source:
    Zhou et al., Deep Interest Network, KDD 2018, eqs. 2-3 (attention), 4-5 (Dice), section 6 for the sizes 36 and 200-80.
    Differs: extra_j (the log rate of an earlier creative); one logit in place of two with softmax, which is the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.config import CTRModelConfig
from adcreative.ctr.inputs.creative import FieldEmbedding, WidePath
from adcreative.ctr.inputs.microlens import ChallengeConfig, ChallengeEmbedding, ChallengeItems
from adcreative.ctr.networks.qin import ROW_FIELDS, TARGET_FIELDS
from adcreative.ctr.nn.layers import SeededDropout, SharedBatchNorm, build_linear
from adcreative.features.batch import FIELDS, FeatureBatch, FeatureSpec

ATTENTION_DIMS, HIDDEN_DIMS = (36,), (200, 80)
BASELINE = ChallengeConfig(embedding_dim=64, projected_dim=128)
BASELINE_ATTENTION_DIMS, BASELINE_HIDDEN_DIMS = (512, 256), (1024, 512, 256)
_ROW_IDX = [FIELDS.index(name) for name in ROW_FIELDS]
_TARGET_IDX = [FIELDS.index(name) for name in TARGET_FIELDS]


class Dice(nn.Module):
    """Activation that bends at the mean of the data: f(s) = p s + (1 - p) a s,  p = sigmoid((s - E[s]) / sqrt(Var[s] + eps)).

    Mean and variance are the batch's in training and running averages afterwards; masked entries are in neither.

    Args:
        width: channels, each with a slope `a` of its own, 0 at first.
    """

    def __init__(self, width: int, *, eps: float = 1e-8, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.slope = nn.Parameter(torch.zeros(width))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return [..., width] for values [..., width]; entries where mask [...] is 0 do not enter the statistics."""
        mean, variance = self.running_mean, self.running_var
        if self.training:
            rows = values.flatten(0, -2) if mask is None else values[mask > 0]
            if len(rows):
                mean, variance = rows.mean(dim=0), rows.var(dim=0, unbiased=False)
                with torch.no_grad():
                    self.running_mean.lerp_(mean, self.momentum)
                    self.running_var.lerp_(variance, self.momentum)
        share = torch.sigmoid((values - mean) / torch.sqrt(variance + self.eps))
        return share * values + (1 - share) * self.slope * values


class InterestAttention(nn.Module):
    """The attention unit: one unnormalised weight per history item, from an MLP of the pair.

    Args:
        item_dim: width E of candidate and items. extra_dim: width of what only items have.
        activation: "dice" as in the paper or "relu" as in the challenge's baseline.
    """

    def __init__(
        self, item_dim: int, extra_dim: int = 0, *, hidden_dims: Sequence[int] = ATTENTION_DIMS, activation: str = "dice",
        dropout_prob: float = 0.0, generator: torch.Generator,
    ) -> None:  # fmt: skip
        super().__init__()
        self.extra_dim = extra_dim
        widths = [4 * item_dim + extra_dim, *hidden_dims]
        self.linears = nn.ModuleList(build_linear(a, b, generator=generator) for a, b in itertools.pairwise(widths))
        self.activations = nn.ModuleList(Dice(width) if activation == "dice" else nn.ReLU() for width in hidden_dims)
        self.dropout = SeededDropout(dropout_prob, generator)
        self.to_weight = build_linear(widths[-1], 1, generator=generator)

    def forward(self, target: Tensor, items: Tensor, mask: Tensor, extra: Tensor | None = None) -> Tensor:
        """Return [B, E + X] for target [B, E], items [B, T, E], mask [B, T] (1 = real) and extra [B, T, X]."""
        place = torch.arange(mask.numel(), device=mask.device).view(mask.shape)
        return self.attend(target, items.flatten(0, 1), place, mask, None if extra is None else extra.flatten(0, 1))

    def attend(self, target: Tensor, vectors: Tensor, place: Tensor, mask: Tensor, extra: Tensor | None = None) -> Tensor:
        """Return the weighted sum [B, E + X] of items and extras for a history that points at vectors [U, E] and extra [U, X].

        Only real items are computed on, and of the first layer only what depends on the pair: with W = [W_v W_e W_d W_p W_x],
            W z_j + b = (W_v + W_d) v + b + (W_e - W_d) e_j + W_x extra_j + W_p (v * e_j)
        is formed once a row, once an item, and once a pair.

        Args:
            place: [B, T] int64, which of the U vectors stands there. mask: [B, T], 1 = real.
        """
        row, column = mask.nonzero(as_tuple=True)  # N real pairs
        idx = place[row, column]
        weight, bias = (self.linears[0].get_parameter(name) for name in ("weight", "bias"))
        width = target.shape[1]
        of_target, of_item, of_difference, of_product, of_extra = weight.split([width] * 4 + [self.extra_dim], dim=1)
        once = F.linear(vectors, of_item - of_difference)  # [U, H]
        if extra is not None:
            once = once + F.linear(extra, of_extra)
            vectors_and_extra = torch.cat([vectors, extra], dim=1)
        else:
            vectors_and_extra = vectors
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


class CreativeDIN(nn.Module):
    """DIN for creatives: the candidate's fields look at the brand's earlier creatives and their log rates.

    logit = wide(fields) + MLP([v_U ; target fields ; place fields])
    """

    def __init__(self, spec: FeatureSpec, config: CTRModelConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        width = config.embedding_dim
        self.wide = WidePath(spec, config.input_dropout_prob, generator=generator)
        self.fields = FieldEmbedding(spec, width, config.input_dropout_prob, generator=generator)
        self.target_idx = [*_TARGET_IDX, *range(len(FIELDS), self.fields.num_fields)]
        target_dim = len(self.target_idx) * width
        self.attention = InterestAttention(target_dim, 1, generator=generator)
        widths = [2 * target_dim + 1 + len(ROW_FIELDS) * width, *HIDDEN_DIMS]
        self.linears = nn.ModuleList(build_linear(a, b, generator=generator) for a, b in itertools.pairwise(widths))
        self.activations = nn.ModuleList(Dice(width) for width in HIDDEN_DIMS)
        self.dropout = SeededDropout(config.dropout_prob, generator)
        self.head = build_linear(HIDDEN_DIMS[-1], 1, generator=generator, bias=False)
        nn.init.zeros_(self.head.weight)

    def forward(self, batch: FeatureBatch) -> Tensor:
        """Return logits [B]; a creative without history has v_U = 0."""
        vectors = self.fields(batch)
        row, target = vectors[:, _ROW_IDX].flatten(1), vectors[:, self.target_idx].flatten(1)
        interest = target.new_zeros(len(batch), target.shape[1] + 1)
        if (history := batch.history) is not None:
            items = self.fields(history.items, drop_inputs=False)[:, self.target_idx].flatten(1)  # [M, E]
            interest = self.attention.attend(target, items, history.idx, history.mask, history.log_rate)
        values = torch.cat([interest, target, row], dim=1)
        for linear, activation in zip(self.linears, self.activations, strict=True):
            values = self.dropout(activation(linear(values)))
        return self.wide(batch) + self.head(values)[:, 0]


class ChallengeDIN(ChallengeEmbedding):
    """The challenge's own baseline: DIN with ReLU, wider layers and batch norm in the last MLP.

    Source:
        reczoo/WWW2025_MMCTR_Challenge: embeddings 64 (item 256), attention 512-256, DNN 1024-512-256 with batch norm,
        dropout 0.1, no softmax.
    """

    def __init__(
        self, config: ChallengeConfig = BASELINE, *, attention_dims: Sequence[int] = BASELINE_ATTENTION_DIMS,
        hidden_dims: Sequence[int] = BASELINE_HIDDEN_DIMS, generator: torch.Generator,
    ) -> None:  # fmt: skip
        super().__init__(config, generator=generator)
        self.attention = InterestAttention(
            config.item_dim, hidden_dims=attention_dims, activation="relu", dropout_prob=config.dropout_prob,
            generator=generator,
        )  # fmt: skip
        layers: list[nn.Module] = []
        width = config.row_dim + 2 * config.item_dim
        for hidden in hidden_dims:
            layers += [build_linear(width, hidden, generator=generator), SharedBatchNorm(hidden), nn.ReLU()]
            layers.append(SeededDropout(config.dropout_prob, generator))
            width = hidden
        self.hidden = nn.Sequential(*layers)
        self.head = build_linear(width, 1, generator=generator)

    def forward(self, levels: Tensor, target: ChallengeItems, history: ChallengeItems) -> Tensor:
        """Return logits [B]; see `ChallengeQIN.forward`."""
        vector = self.encode_items(target)
        vectors, place = self.encode_once(history), history.place
        if place is None:
            interest = self.attention(vector, vectors, history.mask)
        else:
            interest = self.attention.attend(vector, vectors, place, history.mask)
        return self.head(self.hidden(torch.cat([self.encode_levels(levels), vector, interest], dim=1)))[:, 0]
