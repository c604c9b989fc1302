"""Creatives as rows of `inputs.fields`, and as one number: the deep and the wide view of the same fields.

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
from typing import cast

import torch
from torch import Tensor, nn

from adcreative.ctr.inputs.fields import WIDE_INPUT, History, InputBatch, InputSpec
from adcreative.ctr.nn.layers import SeededDropout, build_table
from adcreative.features.batch import CATEGORICAL_FIELDS, DENSE_FIELDS, FIELDS, LABELS, FeatureBatch, FeatureSpec

ALONE_FIELDS = ("text", "body", "wording", "body_wording")  # fields with separate weights for ads without a picture
ROW_FIELDS = ("placement", "platform", "audience")  # the context of an ad, which its history does not describe
TABLE_STD = 0.05


def input_spec(spec: FeatureSpec) -> InputSpec:
    """Return the fields of a creative; its target, with which earlier creatives are compared, is all but the context."""
    labels = {LABELS: spec.widths[LABELS]} if spec.widths.get(LABELS) else {}  # shares, whose field is the mean of the vectors
    order = (*FIELDS, *labels)
    return InputSpec(
        categorical={name: spec.vocab_sizes[name] for name in CATEGORICAL_FIELDS},
        vectors={name: spec.widths[name] for name in DENSE_FIELDS},
        linear=labels,
        order=order,
        targets=tuple(name for name in order if name not in ROW_FIELDS),
    )


def input_rows(batch: FeatureBatch) -> InputBatch:
    """Return a batch as rows of `input_spec`, with the histories and the log rates of their items."""
    present, history = batch.present, batch.history
    if LABELS in batch.dense:
        present = torch.cat([present, (batch.dense[LABELS].sum(dim=1, keepdim=True) > 0).float()], dim=1)
    items = None
    if history is not None:
        items = History(rows=input_rows(history.items), results=history.log_rate, place=history.idx, mask=history.mask)
    return InputBatch(ids=batch.categories, vectors=batch.dense, present=present, items=items)


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

    def table(self, name: str) -> Tensor:
        """Return the weights [V, 1] of a categorical field."""
        return cast(Tensor, self.tables[name].weight)

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
