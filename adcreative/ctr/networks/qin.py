"""QIN: sparse target attention over the account's history, then the quadratic network, then one logit.

`CreativeQIN` is ours, for creatives with results per creative; `ChallengeQIN` is the published network for MicroLens_1M_x1,
with its embedding layer. Both are the same two layers. Knows the feature layout; does not know files, pixels, training or
probabilities. Shapes: B creatives, F fields, D embedding width, T history length, M history items.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from adcreative.ctr.config import CTRModelConfig
from adcreative.ctr.inputs.creative import FieldEmbedding, WidePath
from adcreative.ctr.inputs.microlens import ChallengeConfig as ChallengeConfig
from adcreative.ctr.inputs.microlens import ChallengeEmbedding
from adcreative.ctr.inputs.microlens import ChallengeItems as ChallengeItems
from adcreative.ctr.nn.layers import QuadraticNetwork, SparseTargetAttention, build_linear
from adcreative.features.batch import FIELDS, FeatureBatch, FeatureSpec

ROW_FIELDS = ("placement", "platform", "audience")
TARGET_FIELDS = tuple(name for name in FIELDS if name not in ROW_FIELDS)
_ROW_IDX = [FIELDS.index(name) for name in ROW_FIELDS]
_TARGET_IDX = [FIELDS.index(name) for name in TARGET_FIELDS]


@dataclass(frozen=True)
class Memory:
    """Keys and values of history items, [M, a] each; what serving keeps per account."""

    keys: Tensor
    values: Tensor


class CreativeQIN(nn.Module):
    """Logit of a creative from its fields and its brand's earlier creatives.

        u = fields of the place (placement, platform, audience); t = all other fields; s_j = [t_j ; log-rate field of j]
        o = attention(t, s);  x = quadratic network([u ; t ; o]);  logit = wide(fields) + w . x

    `w` starts at zero, so an untrained network is the wide path: base rate plus the appeal of the words. A history with
    no real item gives o = t exactly.
    Source:
        QIN 2025 for the layers. Differs: fields and widths are ours, the log-rate field, the wide path.
    """

    def __init__(self, spec: FeatureSpec, config: CTRModelConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        width = config.embedding_dim
        self.wide = WidePath(spec, config.input_dropout_prob, generator=generator)
        self.fields = FieldEmbedding(spec, width, config.input_dropout_prob, generator=generator)
        self.target_idx = [*_TARGET_IDX, *range(len(FIELDS), self.fields.num_fields)]
        target_dim, row_dim = len(self.target_idx) * width, len(ROW_FIELDS) * width
        self.log_rate = build_linear(1, width, generator=generator)
        self.attention = SparseTargetAttention(target_dim, target_dim + width, generator=generator)
        self.quadratic = QuadraticNetwork(
            row_dim + 2 * target_dim, num_layers=config.num_layers, num_rows=config.num_rows,
            dropout_prob=config.dropout_prob, generator=generator,
        )  # fmt: skip
        self.head = build_linear(row_dim + 2 * target_dim, 1, generator=generator, bias=False)
        nn.init.zeros_(self.head.weight)
        self._folded: list[nn.Module] = []  # a list, so that it is no submodule: derived, never saved

    def encode_memory(self, items: FeatureBatch, log_rate: Tensor) -> Memory:
        """Encode history items and their log rates [M, 1] once, for any number of targets."""
        vectors = self.fields(items, drop_inputs=False)[:, self.target_idx].flatten(1)  # [M, E]
        return Memory(*self.attention.encode_items(torch.cat([vectors, self.log_rate(log_rate)], dim=1)))

    def forward(self, batch: FeatureBatch, memory: Memory | None = None) -> Tensor:
        """Return logits [B]; rows do not influence each other in eval mode.

        Args:
            memory: what `encode_memory` returned for the batch's history; encoded afresh when None.
        """
        vectors = self.fields(batch)
        row, target = vectors[:, _ROW_IDX].flatten(1), vectors[:, self.target_idx].flatten(1)
        attended = target
        if batch.history is not None:
            history = batch.history
            memory = memory or self.encode_memory(history.items, history.log_rate)
            keys, values = memory.keys[history.idx], memory.values[history.idx]  # [B, T, a]
            attended = self.attention.attend(target, keys, values, history.mask)
        quadratic = self._folded[0] if self._folded else self.quadratic
        return self.wide(batch) + self.head(quadratic(torch.cat([row, target, attended], dim=1)))[:, 0]

    def fold(self) -> CreativeQIN:
        """Switch to eval mode with the folded quadratic network; `train()` switches back. Returns self."""
        self.eval()
        self._folded = [self.quadratic.fold()]
        return self

    def train(self, mode: bool = True) -> CreativeQIN:
        self._folded = []
        super().train(mode)
        return self


class ChallengeQIN(ChallengeEmbedding):
    """The published network: likes and views level of the row, target item, history of items -> logit.

        item e = [id ; mean of tags ; projected embedding];  u = [likes ; views]
        logit = w . quadratic network([u ; e ; attention(e, history)]) + b

    31,244,293 parameters at R = 4, 27,045,893 at R = 3, as logged by the authors.
    Source:
        QIN 2025, released code; embedding layer of FuxiCTR.
    """

    def __init__(self, config: ChallengeConfig, *, generator: torch.Generator) -> None:
        super().__init__(config, generator=generator)
        width, total = config.item_dim, config.row_dim + 2 * config.item_dim
        self.attention = SparseTargetAttention(width, width, generator=generator)
        self.quadratic = QuadraticNetwork(
            total, num_layers=config.num_layers, num_rows=config.num_rows, dropout_prob=config.dropout_prob,
            generator=generator,
        )  # fmt: skip
        self.head = build_linear(total, 1, generator=generator)

    def forward(self, levels: Tensor, target: ChallengeItems, history: ChallengeItems) -> Tensor:
        """Return logits [B] for levels [B, 2] (likes, views), target items [B] and history items [B, T] (id 0 = pad)."""
        row = self.encode_levels(levels)  # [B, 2D]
        vector = self.encode_items(target)  # [B, 3D]
        attended = self.attention(vector, self.encode_items(history), history.mask)
        return self.head(self.quadratic(torch.cat([row, vector, attended], dim=1)))[:, 0]
