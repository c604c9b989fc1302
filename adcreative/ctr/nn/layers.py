"""Layers of the click-rate networks: seeded initialisation and dropout, sparse target attention, the quadratic network.

Knows tensors only. Shapes: B creatives, T history length, E item width, X width of the quadratic network, R rows of one of
its layers. Formulas are those of QIN (WWW 2025 EReL@MIR challenge, 2nd place) as computed by its released code.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.nn.distributed import all_reduce, shard_offset
from stylegan.networks.unset import build_unset


def build_linear(in_dim: int, out_dim: int, *, generator: torch.Generator, bias: bool = True) -> nn.Linear:
    """Build a linear layer with Xavier-normal weights drawn from `generator` and zero bias."""
    layer = build_unset(nn.Linear, in_dim, out_dim, bias=bias)
    if in_dim:
        nn.init.xavier_normal_(layer.weight, generator=generator)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def build_table(num_rows: int, dim: int, *, std: float, generator: torch.Generator) -> nn.Embedding:
    """Build an embedding table N(0, std); row 0 means "unknown" or "padding" and stays zero."""
    table = build_unset(nn.Embedding, num_rows, dim, padding_idx=0)
    nn.init.normal_(table.weight, std=std, generator=generator)
    with torch.no_grad():
        table.weight[0] = 0.0
    return table


def build_head(in_dim: int, *, starts_at_zero: bool, generator: torch.Generator) -> nn.Linear:
    """Build the last layer, in_dim -> 1; without a bias if `starts_at_zero`, since the linear path then sets the level."""
    head = build_linear(in_dim, 1, generator=generator, bias=not starts_at_zero)
    if starts_at_zero:
        nn.init.zeros_(head.weight)
    return head


class SeededDropout(nn.Module):
    """Dropout whose masks come from the generator given at construction, independent of the global seed.

    An entry is dropped when its 16 random bits, read as a number, are below prob * 2^16: a quarter of the cost of a float
    each. With several processes each draws the mask of the whole batch and uses its rows (see `distributed`).
    """

    def __init__(self, prob: float, generator: torch.Generator) -> None:
        super().__init__()
        self.prob, self.generator = prob, generator

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or self.prob == 0:
            return values
        start, total = shard_offset(len(values))
        per_row = values[:1].numel() if len(values) else 0
        words = torch.empty((total * per_row + 3) // 4, dtype=torch.int64).random_(-(2**63), None, generator=self.generator)
        bits = words.view(torch.int16)[start * per_row : (start + len(values)) * per_row].view(values.shape)
        is_dropped = bits < round(self.prob * 2**16) - 2**15
        return (values / (1 - self.prob)).masked_fill(is_dropped.to(values.device), 0.0)


class SharedBatchNorm(nn.BatchNorm1d):
    """Batch norm over [B, X] with the statistics of the whole batch, for any number of processes.

    With one process it is `nn.BatchNorm1d`. (torch's SyncBatchNorm has no CPU form.)
    """

    def forward(self, input: Tensor) -> Tensor:
        num_rows = shard_offset(len(input))[1]
        if not self.training or num_rows == len(input) or self.running_mean is None or self.running_var is None:
            return super().forward(input)
        values = input.float() if input.dtype == torch.bfloat16 else input
        mean = all_reduce(values.sum(dim=0)) / num_rows
        variance = all_reduce((values - mean).square().sum(dim=0)) / num_rows
        with torch.no_grad():
            momentum = 0.1 if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * num_rows / (num_rows - 1), momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        normed = (values - mean) / torch.sqrt(variance + self.eps) * self.weight + self.bias
        return normed.to(input.dtype)


class SparseTargetAttention(nn.Module):
    """Adaptive sparse target attention: the target attends to its history with ReLU weights.

        q = W_q t;  k_j = W_k s_j;  v_j = W_v s_j;  weight_j = ReLU(q . k_j / sqrt(a) * mask_j)
        output = W_o sum_j weight_j v_j + t

    No softmax and no division by length: all weights may be 0, and then the output is the target. a = 2 x target width.
    Source:
        QIN 2025, released code (one head, no biases, no dropout). Differs: history items may be wider than the target.
    """

    def __init__(self, target_dim: int, item_dim: int, *, generator: torch.Generator) -> None:
        super().__init__()
        self.attention_dim = 2 * target_dim
        self.to_query = build_linear(target_dim, self.attention_dim, generator=generator, bias=False)
        self.to_key = build_linear(item_dim, self.attention_dim, generator=generator, bias=False)
        self.to_value = build_linear(item_dim, self.attention_dim, generator=generator, bias=False)
        self.to_output = build_linear(self.attention_dim, target_dim, generator=generator, bias=False)

    def encode_items(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values of items [..., E], [..., a] each; both depend on the items only and can be cached."""
        return self.to_key(items), self.to_value(items)

    def weights(self, target: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        """Return attention weights [B, T] of target [B, E_t] on keys [B, T, a] under mask [B, T] (1 = real)."""
        scores = torch.einsum("ba,bta->bt", self.to_query(target), keys) / math.sqrt(self.attention_dim)
        return F.relu(scores * mask)

    def attend(self, target: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """Return [B, E_t] for cached keys and values [B, T, a]."""
        pooled = torch.einsum("bt,bta->ba", self.weights(target, keys, mask), values)
        return self.to_output(pooled) + target

    def forward(self, target: Tensor, items: Tensor, mask: Tensor) -> Tensor:
        """Attend from target [B, E_t] to items [B, T, E] under mask [B, T]; return [B, E_t].

        Keys and values are linear in the items, so neither is computed: 2 E multiplications per item instead of 2 E a.
            q . W_k s_j = (W_k^T q) . s_j,    sum_j weight_j W_v s_j = W_v sum_j weight_j s_j
        """
        query = self.to_query(target) @ self.to_key.weight / math.sqrt(self.attention_dim)  # [B, E]
        weights = F.relu(torch.einsum("be,bte->bt", query, items) * mask)
        pooled = torch.einsum("bt,bte->be", weights, items)
        return self.to_output(self.to_value(pooled)) + target


class QuadraticLayer(nn.Module):
    """One layer of the quadratic network; width X in and out.

    H = Dropout(W x + b) as [R, X];  z = x * sum_r H_r;  output = x + Dropout(PReLU(BatchNorm(z)))
    """

    def __init__(self, width: int, num_rows: int, dropout_prob: float, *, generator: torch.Generator) -> None:
        super().__init__()
        self.num_rows = num_rows
        self.to_rows = build_linear(width, width * num_rows, generator=generator)
        self.norm = SharedBatchNorm(width)
        self.activation = nn.PReLU()
        self.dropout = SeededDropout(dropout_prob, generator)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.dropout(self.to_rows(x)).unflatten(1, (self.num_rows, -1))  # [B, R, X]
        quadratic = x * rows.sum(dim=1)  # [B, X]
        return x + self.dropout(self.activation(self.norm(quadratic)))

    def fold(self) -> FoldedQuadraticLayer:
        """Return the serving form: without dropout the R rows are one matrix, and batch norm is a scale and a shift."""
        weight = self.to_rows.weight.unflatten(0, (self.num_rows, -1)).sum(dim=0)  # [X, X]
        bias = self.to_rows.bias.unflatten(0, (self.num_rows, -1)).sum(dim=0)
        mean, variance = self.norm.running_mean, self.norm.running_var
        if mean is None or variance is None:  # pragma: no cover - BatchNorm1d tracks statistics by default
            raise RuntimeError("the batch norm keeps no running statistics")
        scale = self.norm.weight / torch.sqrt(variance + self.norm.eps)
        return FoldedQuadraticLayer(
            (weight * scale[:, None]).detach(),
            (bias * scale).detach(),
            (self.norm.bias - mean * scale).detach(),
            self.activation.weight.detach().clone(),
        )


class FoldedQuadraticLayer(nn.Module):
    """A quadratic layer for inference: x + PReLU(x * (W x + b) + shift)."""

    def __init__(self, weight: Tensor, bias: Tensor, shift: Tensor, slope: Tensor) -> None:
        super().__init__()
        self.weight, self.bias, self.shift, self.slope = weight, bias, shift, slope

    def forward(self, x: Tensor) -> Tensor:
        return x + F.prelu(torch.addcmul(self.shift, x, F.linear(x, self.weight, self.bias)), self.slope)


class QuadraticNetwork(nn.Module):
    """L quadratic layers of one width; the order of interaction doubles with each."""

    def __init__(self, width: int, *, num_layers: int, num_rows: int, dropout_prob: float, generator: torch.Generator) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            QuadraticLayer(width, num_rows, dropout_prob, generator=generator) for _ in range(num_layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x  # [B, X]

    def fold(self) -> nn.Sequential:
        """Return the serving form; equal outputs in eval mode (to float rounding), R times fewer multiplications."""
        return nn.Sequential(*(layer.fold() for layer in self.layers if isinstance(layer, QuadraticLayer)))
