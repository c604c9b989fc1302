"""Creatives as `NetworkInputs`, and as one number: the deep and the wide view of the same fields.

    vector of field f = present_f * (W_f standardised_f + b_f)        a category: its row of a table
    wide = base log-odds + sum over fields of present_f * (w_f . standardised_f + c_f) + exp(s) * appeal

Words without a picture have weights of their own (v_f in place of w_f, s + t in place of s): their effects come from headline
tests, effects of words beside a picture from ads, and shared weights would fit both worse. A picture that is masked still
counts as present; a model that was fitted without pictures has one set of weights.
Absent fields contribute zero to both. The headline model's score enters the wide view with a positive weight that starts
where a unit of it is worth a unit of log-odds, so that an appeal learnt from real tests is not lost among hundreds of inputs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from adcreative.ctr.inputs.network_inputs import InputShape, KeyValueCache, Network, NetworkInputs
from adcreative.ctr.nn.layers import SeededDropout, build_linear, build_table
from adcreative.features.batch import CATEGORICAL_FIELDS, DENSE_FIELDS, FIELDS, LABELS, FeatureBatch, FeatureSpec

WIDE_INPUT = 64
ALONE_FIELDS = ("text", "body", "wording", "body_wording")  # fields with separate weights for ads without a picture
ROW_FIELDS = ("placement", "platform", "audience")  # the context of an ad, which its history does not describe
TARGET_FIELDS = tuple(name for name in FIELDS if name not in ROW_FIELDS)
_ROW_IDX = [FIELDS.index(name) for name in ROW_FIELDS]
_TARGET_IDX = [FIELDS.index(name) for name in TARGET_FIELDS]
_CATEGORICAL_IDX = [FIELDS.index(name) for name in CATEGORICAL_FIELDS]
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

        drop_inputs=False disables the training dropout on wide embeddings.
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
        self.alone = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(spec.widths[name])) for name in ALONE_FIELDS if spec.widths[name]}
        )
        self.has_appeal = spec.widths["appeal"] > 0
        if self.has_appeal:
            del self.weights["appeal"]
            self.log_appeal_weight = nn.Parameter(torch.tensor(math.log(max(spec.appeal_scale, 1e-3))))
            self.alone_log_appeal = nn.Parameter(torch.zeros(()))
        num_labels = spec.widths.get(LABELS, 0)
        self.label_weights = nn.Parameter(torch.zeros(num_labels)) if num_labels else None

    def forward(self, batch: FeatureBatch) -> Tensor:
        """Return [B]; an unseen category contributes zero, and the appeal of the words has a positive weight."""
        is_alone = has_no_picture(batch)
        log_odds = self.bias + batch.present @ self.offsets
        for name, weight in self.weights.items():
            values = batch.dense[name]
            values = self.dropout(values) if values.shape[1] >= WIDE_INPUT else values
            worth = values @ weight
            if name in self.alone:
                worth = torch.where(is_alone > 0, values @ self.alone[name], worth)
            log_odds = log_odds + batch.present[:, FIELDS.index(name)] * worth
        for k, name in enumerate(CATEGORICAL_FIELDS):
            log_odds = log_odds + batch.present[:, FIELDS.index(name)] * self.tables[name](batch.categories[:, k])[:, 0]
        if self.has_appeal:
            appeal = batch.dense["appeal"][:, 0] * batch.present[:, FIELDS.index("appeal")]
            log_odds = log_odds + (self.log_appeal_weight + is_alone * self.alone_log_appeal).exp() * appeal
        if self.label_weights is not None:
            log_odds = log_odds + batch.dense[LABELS] @ self.label_weights
        return log_odds


def has_no_picture(batch: FeatureBatch) -> Tensor:
    """Return [B] float32: 1 for an ad without a picture, 0 for an ad with a picture, masked or not.

    0 for all where no ad of the fit had a picture.
    """
    if not batch.dense["image"].shape[1]:
        return torch.zeros_like(batch.present[:, 0])
    return (batch.dense["image"].abs().sum(dim=1) == 0).to(batch.present.dtype)


class CreativeInputs(nn.Module):
    """Network inputs of creatives: FeatureBatch -> NetworkInputs. shape: the sizes for which the network is built."""

    shape: InputShape

    def encode_history(self, network: Network, items: FeatureBatch, log_rate: Tensor) -> KeyValueCache | None:
        """Return the network's cache of history items and their log rates [U, 1]; None where no history is read."""
        return None

    def forward(self, batch: FeatureBatch, *, encodes_history: bool = True) -> NetworkInputs:
        """Return the inputs of a batch; encodes_history=False leaves out the sequence, which a cache replaces."""
        raise NotImplementedError


class TargetInputs(CreativeInputs):
    """A creative and its brand's earlier creatives, for networks that compare the two.

        fields = the context (placement, platform, audience);   target t = all other fields side by side
        sequence s_j = [t_j ; log rate of j]

    Args:
        log_rate_dim: width of the log rate in an item; 1 = unchanged, more = projected.
    """

    def __init__(
        self, spec: FeatureSpec, dim: int, input_dropout_prob: float, *, log_rate_dim: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.fields = FieldEmbedding(spec, dim, input_dropout_prob, generator=generator)
        self.target_idx = [*_TARGET_IDX, *range(len(FIELDS), self.fields.num_fields)]
        self.log_rate = build_linear(1, log_rate_dim, generator=generator) if log_rate_dim > 1 else nn.Identity()
        target_dim = len(self.target_idx) * dim
        self.shape = InputShape(
            num_fields=len(ROW_FIELDS), field_dim=dim, target_dim=target_dim, sequence_dim=target_dim + log_rate_dim
        )

    def encode_history(self, network: Network, items: FeatureBatch, log_rate: Tensor) -> KeyValueCache | None:
        return network.encode_sequence(self.encode_items(items, log_rate))

    def encode_items(self, items: FeatureBatch, log_rate: Tensor) -> Tensor:
        """Return history items [U, S] for their features and log rates [U, 1], without dropout on wide embeddings."""
        vectors = self.fields(items, drop_inputs=False)[:, self.target_idx].flatten(1)
        return torch.cat([vectors, self.log_rate(log_rate)], dim=1)

    def forward(self, batch: FeatureBatch, *, encodes_history: bool = True) -> NetworkInputs:
        vectors = self.fields(batch)
        fields, target = vectors[:, _ROW_IDX], vectors[:, self.target_idx].flatten(1)
        history = batch.history
        if history is None:
            return NetworkInputs(fields=fields, target=target)
        sequence = self.encode_items(history.items, history.log_rate) if encodes_history else None
        return NetworkInputs(fields=fields, target=target, sequence=sequence, mask=history.mask, place=history.idx)


class FieldInputs(CreativeInputs):
    """All fields of a creative, for networks without a history.

    Args:
        views: names of further tables over the same fields that the network needs.
    """

    def __init__(
        self, spec: FeatureSpec, dim: int, input_dropout_prob: float, *, views: tuple[str, ...] = (), generator: torch.Generator
    ) -> None:
        super().__init__()
        self.fields = FieldEmbedding(spec, dim, input_dropout_prob, generator=generator)
        self.views = nn.ModuleDict({name: FieldEmbedding(spec, dim, input_dropout_prob, generator=generator) for name in views})
        num_fields = self.fields.num_fields
        self.shape = InputShape(num_fields=num_fields, field_dim=dim, views=dict.fromkeys(views, (num_fields, dim)))

    def forward(self, batch: FeatureBatch, *, encodes_history: bool = True) -> NetworkInputs:
        return NetworkInputs(
            fields=self.fields(batch),
            present=_presence(batch, has_labels=self.fields.labels is not None),
            views={name: embed(batch) for name, embed in self.views.items()},
        )


class CategoryInputs(CreativeInputs):
    """Only categories (and class labels, where the spec has them) are fields; dense inputs go to the first hidden layer.

    As in AdSEE's code, self-attention then sees the categories alone.
    """

    def __init__(
        self, spec: FeatureSpec, dim: int, input_dropout_prob: float, *, hidden_dim: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.tables = nn.ModuleDict(
            {name: build_table(spec.vocab_sizes[name], dim, std=_TABLE_STD, generator=generator) for name in CATEGORICAL_FIELDS}
        )
        self.dense = DenseSum(spec, hidden_dim, input_dropout_prob, generator=generator)
        self.labels = build_label_table(spec, dim, generator=generator)
        num_fields = len(CATEGORICAL_FIELDS) + (self.labels is not None)
        self.shape = InputShape(num_fields=num_fields, field_dim=dim, hidden_dim=hidden_dim)

    def forward(self, batch: FeatureBatch, *, encodes_history: bool = True) -> NetworkInputs:
        columns = _CATEGORICAL_IDX if self.labels is None else [*_CATEGORICAL_IDX, len(FIELDS)]
        present = _presence(batch, has_labels=self.labels is not None)[:, columns]
        vectors = [self.tables[name](batch.categories[:, k]) for k, name in enumerate(CATEGORICAL_FIELDS)]
        if self.labels is not None:
            vectors.append(self.labels(batch.dense[LABELS]))
        return NetworkInputs(fields=torch.stack(vectors, dim=1) * present[..., None], present=present, dense=self.dense(batch))


class DenseSum(nn.Module):
    """Dense fields in the first hidden layer of a network: sum over fields of present_f * (W_f x_f + b_f).

    Kept per field, so that absent fields drop out of the sum and wide embeddings are learnt at their own rate.
    """

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


def _presence(batch: FeatureBatch, *, has_labels: bool) -> Tensor:
    """Return [B, F], class labels last where a network has them."""
    if not has_labels:
        return batch.present
    return torch.cat([batch.present, (batch.dense[LABELS].sum(dim=1, keepdim=True) > 0).float()], dim=1)
