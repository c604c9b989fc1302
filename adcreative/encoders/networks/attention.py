"""Attention of both language models: within a row, or within each text of a row with several texts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    is_causal: bool = False,
    mask: Tensor | None = None,
    groups: Sequence[Tensor] | None = None,
) -> Tensor:
    """Return softmax(q k^T / sqrt(d)) v, [B, T, heads * d].

    Args:
        query: [B, heads, T, d]. key, value: [B, key heads, T, d]; each key head serves heads / key heads neighbours.
        mask: [B, T] bool, True for visible tokens; None: all tokens.
        groups: positions in the row (B = 1) of texts of one length, [texts, length] int64 each; together all T tokens. Each
            text then attends to itself alone.
    """
    if groups is None:
        seen = None if mask is None else mask[:, None, None, :]
        return _attend(query, key, value, is_causal=is_causal, mask=seen).flatten(2)
    found = torch.empty_like(query[0].transpose(0, 1))  # [T, heads, d]
    for places in groups:
        q, k, v = (one[0][:, places].transpose(0, 1) for one in (query, key, value))  # [texts, heads, length, d]
        found[places] = _attend(q, k, v, is_causal=is_causal)
    return found.flatten(1).unsqueeze(0)


def _attend(query: Tensor, key: Tensor, value: Tensor, *, is_causal: bool, mask: Tensor | None = None) -> Tensor:
    """Return [B, T, heads, d]."""
    is_grouped = query.shape[1] != key.shape[1]
    found = F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=is_causal and query.shape[2] > 1, enable_gqa=is_grouped
    )
    return found.transpose(1, 2).contiguous()
