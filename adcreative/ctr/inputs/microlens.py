"""What every network for the challenge data MicroLens_1M_x1 shares: sizes, items as tensors, and the embedding layer.

Shapes: B rows, T history length, D embedding width, E item width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.nn.layers import build_linear, build_table

TABLE_STD = 1e-4


@dataclass(frozen=True, kw_only=True)
class ChallengeConfig:
    """Vocabularies and sizes of the challenge data MicroLens_1M_x1, and of the network that came second.

    num_rows=3 is the authors' stable fallback. projected_dim: width of the projected item embedding; embedding_dim when None.
    """

    num_items: int = 91_718
    num_tags: int = 11_740
    num_levels: int = 11
    item_embedding_dim: int = 128
    embedding_dim: int = 128
    projected_dim: int | None = None
    num_layers: int = 4
    num_rows: int = 4
    dropout_prob: float = 0.1

    @property
    def item_dim(self) -> int:
        """Width E of an item: id, tags and projected embedding."""
        return 2 * self.embedding_dim + (self.projected_dim or self.embedding_dim)

    @property
    def row_dim(self) -> int:
        """Width of a row's likes and views."""
        return 2 * self.embedding_dim


@dataclass(frozen=True)
class ChallengeItems:
    """Items [..., ] as the challenge describes them: ids [...] int64, tags [..., 5] int64 (0 = pad), embeddings [..., 128].

    Where the same items come again and again, ids [U], tags and embeddings may hold each once; place [...] then says which
    of the U stands where, and the items are of the shape of `place`.
    """

    ids: Tensor
    tags: Tensor
    embeddings: Tensor
    place: Tensor | None = None

    @property
    def mask(self) -> Tensor:
        """1 for a real item, 0 for padding, [...] float32."""
        mask = (self.ids > 0).float()
        return mask if self.place is None else mask[self.place]


class ChallengeEmbedding(nn.Module):
    """The embedding layer: item e = [id ; mean of tags ; projected embedding], row u = [likes ; views].

    Source:
        FuxiCTR's feature embedding as the challenge's code uses it: tables N(0, 1e-4), row 0 is padding and stays zero.
    """

    def __init__(self, config: ChallengeConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        width = config.embedding_dim
        self.item_table = build_table(config.num_items, width, std=TABLE_STD, generator=generator)
        self.tag_table = build_table(config.num_tags, width, std=TABLE_STD, generator=generator)
        self.likes_table = build_table(config.num_levels, width, std=TABLE_STD, generator=generator)
        self.views_table = build_table(config.num_levels, width, std=TABLE_STD, generator=generator)
        self.projection = build_linear(
            config.item_embedding_dim, config.projected_dim or width, generator=generator, bias=False
        )

    def encode_items(self, items: ChallengeItems) -> Tensor:
        """Return item vectors [..., E]; tags are averaged over those that are not padding."""
        vectors = self.encode_once(items)
        return vectors if items.place is None else F.embedding(items.place, vectors)

    def encode_once(self, items: ChallengeItems) -> Tensor:
        """Return the vectors of the ids as they are held, [U, E] where `place` says what stands where."""
        return torch.cat([self.item_table(items.ids), self.encode_tags(items.tags), self.projection(items.embeddings)], dim=-1)

    def encode_tags(self, tags: Tensor) -> Tensor:
        """Return the mean vector [..., D] of tags [..., 5]; zero where all are padding."""
        num_tags = (tags != 0).sum(dim=-1, keepdim=True).float()
        return self.tag_table(tags).sum(dim=-2) / (num_tags + 1e-12)

    def encode_levels(self, levels: Tensor) -> Tensor:
        """Return [B, 2D] for levels [B, 2] (likes, views)."""
        return torch.cat([self.likes_table(levels[:, 0]), self.views_table(levels[:, 1])], dim=1)

    def embedding_weights(self) -> list[Tensor]:
        """Return what the published embedding regulariser acts on: every table that it has, and the projection."""
        names = ("item_table", "tag_table", "likes_table", "views_table", "projection")
        return [getattr(self, name).weight for name in names if hasattr(self, name)]
