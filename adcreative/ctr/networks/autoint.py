"""AutoInt: stacked multi-head self-attention over fields, in the form in which AdSEE used it.

    per layer and head h: q_m = W_Q e_m, k, v likewise;  a(m, .) = softmax_k <q_m, k_k>;  e~_m = sum_k a(m, k) v_k
    e'_m = ReLU([e~_m of all heads] + W_Res e_m)                                        eqs. 5-8 of the paper
    logit = linear(all fields) + w . [attention output of all fields ; DNN(all fields)] + b

As in AdSEE's code (deepctr-torch), self-attention sees the categorical fields only, class labels (the mean of their vectors)
among them where the spec has them; dense inputs reach the output through
the linear term and the DNN. Its sizes: width 4, three layers of two heads, DNN 256-128, unscaled scores, no batch norm.
Shapes: B rows, M fields in attention, D field width, H heads.
Source:
    Song et al., AutoInt, CIKM 2019; AdSEE (Jiang et al., KDD 2023), released code.
    Differs: fields that are absent are left out of the softmax, where the ancestors know no absence.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.config import CTRModelConfig
from adcreative.ctr.inputs.creative import WIDE_INPUT, WidePath, build_label_table
from adcreative.ctr.inputs.microlens import ChallengeConfig, ChallengeEmbedding, ChallengeItems
from adcreative.ctr.nn.layers import SeededDropout, build_linear, build_table
from adcreative.features.batch import CATEGORICAL_FIELDS, DENSE_FIELDS, FIELDS, LABELS, FeatureBatch, FeatureSpec

FIELD_DIM, NUM_LAYERS, NUM_HEADS = 4, 3, 2
HIDDEN_DIMS = (256, 128)
ATTENTION_STD, TABLE_STD = 0.05, 0.05
ADSEE = ChallengeConfig(embedding_dim=FIELD_DIM)
_CATEGORICAL_IDX = [FIELDS.index(name) for name in CATEGORICAL_FIELDS]


class InteractingLayer(nn.Module):
    """One interacting layer: [B, M, D] -> [B, M, D], heads of width D / H side by side.

    Args:
        width: D, divisible by num_heads.
    """

    def __init__(self, width: int, num_heads: int = NUM_HEADS, *, generator: torch.Generator) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.to_query, self.to_key, self.to_value, self.residual = (
            build_linear(width, width, generator=generator, bias=False) for _ in range(4)
        )
        for layer in (self.to_query, self.to_key, self.to_value, self.residual):
            nn.init.normal_(layer.weight, std=ATTENTION_STD, generator=generator)

    def weights(self, fields: Tensor, present: Tensor | None = None) -> Tensor:
        """Return attention [B, H, M, M], rows summing to 1 over present fields; a row is 0 when none is present."""
        query, key = (self._split(layer(fields)) for layer in (self.to_query, self.to_key))
        scores = query @ key.transpose(2, 3)  # [B, H, M, M]
        if present is None:
            return scores.softmax(dim=3)
        absent = (present == 0)[:, None, None, :]
        return scores.masked_fill(absent, -torch.inf).softmax(dim=3).masked_fill(absent, 0.0).nan_to_num(0.0)

    def forward(self, fields: Tensor, present: Tensor | None = None) -> Tensor:
        """Return [B, M, D] for fields [B, M, D]; present [B, M] 1 = there, absent fields are not looked at."""
        mixed = self.weights(fields, present) @ self._split(self.to_value(fields))  # [B, H, M, D / H]
        return F.relu(mixed.transpose(1, 2).flatten(2) + self.residual(fields))

    def _split(self, values: Tensor) -> Tensor:
        return values.unflatten(2, (self.num_heads, -1)).transpose(1, 2)  # [B, H, M, D / H]


class DenseSum(nn.Module):
    """The part of the DNN's first layer that reads dense fields: sum over fields of present_f * (W_f x_f + b_f)."""

    def __init__(self, spec: FeatureSpec, width: int, input_dropout_prob: float, *, generator: torch.Generator) -> None:
        super().__init__()
        self.width = width
        self.projections = nn.ModuleDict(
            {name: build_linear(spec.widths[name], width, generator=generator) for name in DENSE_FIELDS if spec.widths[name]}
        )
        self.dropout = SeededDropout(input_dropout_prob, generator)

    def forward(self, batch: FeatureBatch) -> Tensor:
        """Return [B, width]."""
        total = batch.present.new_zeros(len(batch), self.width)
        for name, projection in self.projections.items():
            values = batch.dense[name]
            values = self.dropout(values) if values.shape[1] >= WIDE_INPUT else values
            total = total + batch.present[:, FIELDS.index(name), None] * projection(values)
        return total


class AutoIntCTR(nn.Module):
    """AutoInt for creatives. Field width and dropout on wide inputs come from the configuration, the rest is AdSEE's.

    The first layer of the DNN is kept per field, so that absent fields drop out of its sum and wide embeddings are learnt at
    their own rate.
    """

    def __init__(self, spec: FeatureSpec, config: CTRModelConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        width = config.embedding_dim + config.embedding_dim % NUM_HEADS
        self.wide = WidePath(spec, config.input_dropout_prob, generator=generator)
        self.tables = nn.ModuleDict(
            {
                name: build_table(spec.vocab_sizes[name], width, std=TABLE_STD, generator=generator)
                for name in CATEGORICAL_FIELDS
            }
        )
        self.interacting = nn.ModuleList(InteractingLayer(width, generator=generator) for _ in range(NUM_LAYERS))
        self.fields = DenseSum(spec, HIDDEN_DIMS[0], config.input_dropout_prob, generator=generator)
        self.labels = build_label_table(spec, width, generator=generator)
        attended_dim = (len(CATEGORICAL_FIELDS) + (self.labels is not None)) * width
        self.first = build_linear(attended_dim, HIDDEN_DIMS[0], generator=generator)
        self.second = build_linear(*HIDDEN_DIMS, generator=generator)
        self.head = build_linear(attended_dim + HIDDEN_DIMS[1], 1, generator=generator, bias=False)
        nn.init.zeros_(self.head.weight)

    def forward(self, batch: FeatureBatch) -> Tensor:
        """Return logits [B]; the history is not looked at."""
        present = batch.present[:, _CATEGORICAL_IDX]
        vectors = [self.tables[name](batch.categories[:, k]) for k, name in enumerate(CATEGORICAL_FIELDS)]
        if self.labels is not None:
            shares = batch.dense[LABELS]
            vectors.append(self.labels(shares))
            present = torch.cat([present, (shares.sum(dim=1, keepdim=True) > 0).float()], dim=1)
        fields = torch.stack(vectors, dim=1) * present[..., None]  # [B, M, D]
        hidden = self.first(fields.flatten(1))
        hidden = F.relu(self.second(F.relu(hidden + self.fields(batch))))
        for layer in self.interacting:
            fields = layer(fields, present) * present[..., None]
        return self.wide(batch) + self.head(torch.cat([fields.flatten(1), hidden], dim=1))[:, 0]


class ChallengeAutoInt(ChallengeEmbedding):
    """AutoInt as AdSEE used it, on the challenge's columns: id, tags, likes and views in attention, the embedding dense.

    It has no place for a history, as AdSEE had none.
    """

    def __init__(self, config: ChallengeConfig = ADSEE, *, generator: torch.Generator) -> None:
        super().__init__(config, generator=generator)
        width, dense_dim, sparse_dim = config.embedding_dim, self.projection.out_features, 4 * config.embedding_dim
        self.interacting = nn.ModuleList(InteractingLayer(width, generator=generator) for _ in range(NUM_LAYERS))
        self.linear = build_linear(sparse_dim + dense_dim, 1, generator=generator)
        self.hidden = nn.Sequential(
            build_linear(sparse_dim + dense_dim, HIDDEN_DIMS[0], generator=generator), nn.ReLU(),
            build_linear(*HIDDEN_DIMS, generator=generator), nn.ReLU(),
        )  # fmt: skip
        self.head = build_linear(sparse_dim + HIDDEN_DIMS[1], 1, generator=generator, bias=False)

    def forward(self, levels: Tensor, target: ChallengeItems, history: ChallengeItems) -> Tensor:
        """Return logits [B]; the history is not looked at."""
        likes, views = self.encode_levels(levels).chunk(2, dim=1)
        fields = torch.stack([self.item_table(target.ids), self.encode_tags(target.tags), likes, views], dim=1)
        flat = torch.cat([fields.flatten(1), self.projection(target.embeddings)], dim=1)
        for layer in self.interacting:
            fields = layer(fields)
        return (self.linear(flat) + self.head(torch.cat([fields.flatten(1), self.hidden(flat)], dim=1)))[:, 0]
