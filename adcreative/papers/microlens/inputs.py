"""MicroLens_1M_x1 as `NetworkInputs`: sizes, items as tensors, the embedding layer, and a network on it.

Shapes: B rows, T history length, D embedding width, E item width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.inputs.network_inputs import InputShape, Network, NetworkInputs
from adcreative.ctr.nn.layers import build_linear, build_table

TABLE_STD = 1e-4


@dataclass(frozen=True, kw_only=True)
class MicroLensConfig:
    """Vocabularies of MicroLens_1M_x1 and widths of its embedding layer.

    projected_dim: width of the projected item embedding; embedding_dim when None.
    """

    num_items: int = 91_718
    num_tags: int = 11_740
    num_levels: int = 11
    item_embedding_dim: int = 128
    embedding_dim: int = 128
    projected_dim: int | None = None

    @property
    def item_dim(self) -> int:
        """Width E of an item: id, tags and projected embedding."""
        return 2 * self.embedding_dim + (self.projected_dim or self.embedding_dim)

    @property
    def row_dim(self) -> int:
        """Width of a row's likes and views."""
        return 2 * self.embedding_dim


@dataclass(frozen=True)
class MicroLensItems:
    """Items [..., ] as the data describes them: ids [...] int64, tags [..., 5] int64 (0 = pad), embeddings [..., 128].

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


class MicroLensEmbedding(nn.Module):
    """The embedding layer: item e = [id ; mean of tags ; projected embedding], row u = [likes ; views].

    Source:
        FuxiCTR's feature embedding, as the code of the WWW 2025 MMCTR challenge uses it: tables N(0, 1e-4), row 0 is
        padding and stays zero.
    """

    def __init__(self, config: MicroLensConfig, *, generator: torch.Generator) -> None:
        super().__init__()
        width = config.embedding_dim
        self.item_table = build_table(config.num_items, width, std=TABLE_STD, generator=generator)
        self.tag_table = build_table(config.num_tags, width, std=TABLE_STD, generator=generator)
        self.likes_table = build_table(config.num_levels, width, std=TABLE_STD, generator=generator)
        self.views_table = build_table(config.num_levels, width, std=TABLE_STD, generator=generator)
        self.projection = build_linear(
            config.item_embedding_dim, config.projected_dim or width, generator=generator, bias=False
        )

    def encode_items(self, items: MicroLensItems) -> Tensor:
        """Return item vectors [..., E]; tags are averaged over those that are not padding."""
        vectors = self.encode_once(items)
        return vectors if items.place is None else F.embedding(items.place, vectors)

    def encode_once(self, items: MicroLensItems) -> Tensor:
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


Build = Callable[..., Network]  # (shape, generator=...) -> network


class TargetNetwork(MicroLensEmbedding):
    """A network that compares the target item with the history; its fields are the levels of likes and views.

    Args:
        build: makes the network from an `InputShape` and a generator.
    """

    def __init__(self, config: MicroLensConfig, build: Build, *, generator: torch.Generator) -> None:
        super().__init__(config, generator=generator)
        shape = InputShape(
            num_fields=2, field_dim=config.embedding_dim, target_dim=config.item_dim, sequence_dim=config.item_dim
        )
        self.network = build(shape, generator=generator)

    def inputs(self, levels: Tensor, target: MicroLensItems, history: MicroLensItems) -> NetworkInputs:
        """Return levels [B, 2] (likes, views), target items [B] and history items [B, T] (id 0 = pad) as inputs."""
        return NetworkInputs(
            fields=self.encode_levels(levels).unflatten(1, (2, -1)), target=self.encode_items(target),
            sequence=self.encode_once(history), mask=history.mask, place=history.place,
        )  # fmt: skip

    def forward(self, levels: Tensor, target: MicroLensItems, history: MicroLensItems) -> Tensor:
        """Return logits [B]; see `inputs`."""
        return self.network(self.inputs(levels, target, history))


class FieldNetwork(MicroLensEmbedding):
    """A network without a history, beside a linear path: its fields are id, tags, likes and views, the embedding is dense.

    Args:
        hidden_dim: width of the network's first hidden layer, which the embedding is added to.
    """

    def __init__(self, config: MicroLensConfig, build: Build, *, hidden_dim: int, generator: torch.Generator) -> None:
        super().__init__(config, generator=generator)
        shape = InputShape(num_fields=4, field_dim=config.embedding_dim, hidden_dim=hidden_dim)
        dense_dim = self.projection.out_features
        self.linear = build_linear(shape.flat_dim + dense_dim, 1, generator=generator)
        self.to_hidden = build_linear(dense_dim, hidden_dim, generator=generator, bias=False)
        self.network = build(shape, generator=generator)

    def forward(self, levels: Tensor, target: MicroLensItems, history: MicroLensItems) -> Tensor:
        """Return logits [B]; the history is not looked at."""
        likes, views = self.encode_levels(levels).chunk(2, dim=1)
        fields = torch.stack([self.item_table(target.ids), self.encode_tags(target.tags), likes, views], dim=1)
        dense = self.projection(target.embeddings)
        linear: Tensor = self.linear(torch.cat([fields.flatten(1), dense], dim=1))[:, 0]
        return linear + self.network(NetworkInputs(fields=fields, dense=self.to_hidden(dense)))
