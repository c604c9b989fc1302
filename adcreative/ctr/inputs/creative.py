"""A FeatureBatch as vectors of one width, and as one number: the deep and the wide view of the same fields.

    vector of field f = present_f * (W_f standardised_f + b_f)        a category: its row of a table
    wide = base log-odds + sum over fields of present_f * (w_f . standardised_f + c_f) + exp(s) * appeal

Absent fields contribute zero to both. The headline model's score enters the wide view with a positive weight that starts
where a unit of it is worth a unit of log-odds, so an appeal learnt from real tests is not lost among hundreds of inputs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from adcreative.ctr.nn.layers import SeededDropout, build_linear, build_table
from adcreative.features.batch import CATEGORICAL_FIELDS, DENSE_FIELDS, FIELDS, LABELS, FeatureBatch, FeatureSpec

WIDE_INPUT = 64
_TABLE_STD = 0.05


def build_label_table(spec: FeatureSpec, dim: int, *, generator: torch.Generator) -> nn.Linear | None:
    """Build the map from label shares [B, K] (see `label_field`) to the mean of their vectors [B, D]; None without labels."""
    if not spec.widths.get(LABELS, 0):
        return None
    return build_linear(spec.widths[LABELS], dim, generator=generator, bias=False)


class FieldEmbedding(nn.Module):
    """Fields as vectors: FeatureBatch of B -> [B, F, D]; class labels, where the spec has them, come last.

    num_fields: F.
    """

    def __init__(self, spec: FeatureSpec, embedding_dim: int, input_dropout_prob: float, *, generator: torch.Generator) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.projections = nn.ModuleDict(
            {
                name: build_linear(spec.widths[name], embedding_dim, generator=generator)
                for name in DENSE_FIELDS
                if spec.widths[name]
            }
        )
        self.tables = nn.ModuleDict(
            {
                name: build_table(spec.vocab_sizes[name], embedding_dim, std=_TABLE_STD, generator=generator)
                for name in CATEGORICAL_FIELDS
            }
        )
        self.dropout = SeededDropout(input_dropout_prob, generator)
        self.labels = build_label_table(spec, embedding_dim, generator=generator)
        self.num_fields = len(FIELDS) + (self.labels is not None)

    def forward(self, batch: FeatureBatch, *, drop_inputs: bool = True) -> Tensor:
        """Return [B, F, D] in the order of FIELDS; absent fields are zero vectors.

        drop_inputs=False leaves out the training dropout on wide embeddings.
        """
        vectors = []
        for name in DENSE_FIELDS:
            if name not in self.projections:
                vectors.append(batch.present.new_zeros(len(batch), self.embedding_dim))
                continue
            values = batch.dense[name]
            is_dropped = drop_inputs and values.shape[1] >= WIDE_INPUT
            vectors.append(self.projections[name](self.dropout(values) if is_dropped else values))
        vectors += [self.tables[name](batch.categories[:, k]) for k, name in enumerate(CATEGORICAL_FIELDS)]
        fields = torch.stack(vectors, dim=1) * batch.present[:, :, None]  # [B, F, D]
        return fields if self.labels is None else torch.cat([fields, self.labels(batch.dense[LABELS])[:, None]], dim=1)


class WidePath(nn.Module):
    """Fields as one number: FeatureBatch of B -> log-odds [B], linear in every field."""

    def __init__(self, spec: FeatureSpec, input_dropout_prob: float, *, generator: torch.Generator) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.tensor(spec.base_log_odds))
        self.weights = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(spec.widths[name])) for name in DENSE_FIELDS if spec.widths[name]}
        )
        self.offsets = nn.Parameter(torch.zeros(len(FIELDS)))
        self.tables = nn.ModuleDict(
            {name: build_table(spec.vocab_sizes[name], 1, std=0.0, generator=generator) for name in CATEGORICAL_FIELDS}
        )
        self.dropout = SeededDropout(input_dropout_prob, generator)
        self.has_appeal = spec.widths["appeal"] > 0
        if self.has_appeal:
            del self.weights["appeal"]
            self.log_appeal_weight = nn.Parameter(torch.tensor(math.log(max(spec.appeal_scale, 1e-3))))
        num_labels = spec.widths.get(LABELS, 0)
        self.label_weights = nn.Parameter(torch.zeros(num_labels)) if num_labels else None

    def forward(self, batch: FeatureBatch) -> Tensor:
        """Return [B]; an unseen category contributes zero, and the appeal of the words can only raise it."""
        log_odds = self.bias + batch.present @ self.offsets
        for name, weight in self.weights.items():
            values = batch.dense[name]
            values = self.dropout(values) if values.shape[1] >= WIDE_INPUT else values
            log_odds = log_odds + batch.present[:, FIELDS.index(name)] * (values @ weight)
        for k, name in enumerate(CATEGORICAL_FIELDS):
            log_odds = log_odds + batch.present[:, FIELDS.index(name)] * self.tables[name](batch.categories[:, k])[:, 0]
        if self.has_appeal:
            appeal = batch.dense["appeal"][:, 0] * batch.present[:, FIELDS.index("appeal")]
            log_odds = log_odds + self.log_appeal_weight.exp() * appeal
        if self.label_weights is not None:
            log_odds = log_odds + batch.dense[LABELS] @ self.label_weights
        return log_odds
