"""Rows of MicroLens drawn at random, with every item of a history spelled out."""

from __future__ import annotations

import torch
from torch import Tensor

from adcreative.ctr.inputs.fields import History, InputBatch
from adcreative.papers.microlens.model import ITEM, MicroLensConfig

SMALL = MicroLensConfig(num_items=20, num_tags=9, item_embedding_dim=5, embedding_dim=4)
Items = tuple[Tensor, Tensor, Tensor]  # ids [...], tags [..., 5], embeddings [..., E]


def spell_out(levels: Tensor, target: Items, history: Items) -> InputBatch:
    """Return B rows with levels [B, 2] (likes, views), target items [B] and history items [B, T] (id 0 = padding)."""
    ids, tags, embeddings = (part.flatten(0, 1) for part in history)
    place = torch.arange(len(ids)).view(history[0].shape)
    rows = _items(torch.cat([ids[:, None], torch.zeros(len(ids), 2, dtype=torch.int64)], dim=1), tags, embeddings)
    items = History(rows=rows, place=place, mask=(history[0] > 0).to(embeddings.dtype))
    return _items(torch.cat([target[0][:, None], levels], dim=1), target[1], target[2], items)


def _items(ids: Tensor, tags: Tensor, embeddings: Tensor, items: History | None = None) -> InputBatch:
    return InputBatch(ids=ids, values={ITEM[1]: tags}, vectors={ITEM[2]: embeddings}, items=items)
