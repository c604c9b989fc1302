"""Embedding tables of ids of a log: a table for each field, which another module may replace.

    tables = EmbeddingTables({"user": 1000, "item": 5000}, 10, std=1e-4, generator=generator)
    vectors = tables.look_up("item", ids)                                # [...] int64 -> [..., 10]
    tables.replace("item", LowRankTable(tables.table("item"), rank=2))   # compression, hashing, gates, masks

A replacement maps ids [...] to vectors [..., D]; `fold()` returns the plain `nn.Embedding` with the same vectors, for
serving, and `penalised_weights()` the parameters of the embedding regulariser. Every reader of a log (fields, histories,
contexts, factors, crossed pairs) uses this module and no other; `find_tables` finds all tables of a network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from adcreative.ctr.nn.layers import build_table
from adcreative.errors import ConfigError
from stylegan.networks.unset import build_unset


@runtime_checkable
class TableLike(Protocol):
    """Interface of a replacement of a plain table."""

    def __call__(self, ids: Tensor) -> Tensor:
        """Return vectors [..., D] for ids [...] int64."""

    def fold(self) -> nn.Embedding:
        """Return the plain table with the same vectors."""

    def penalised_weights(self) -> list[Tensor]:
        """Return the parameters of the embedding regulariser."""


class EmbeddingTables(nn.Module):
    """Tables of one width, by field.

    Args:
        sizes: field -> rows, padding (0) and unknown (1) included. dim: width D. std: of the initial weights; row 0 is zero.
        keeps_padding: whether row 0 is padding, which stays zero; crossed pairs have no padding.
    """

    def __init__(
        self, sizes: Mapping[str, int], dim: int, *, std: float, generator: torch.Generator, keeps_padding: bool = True
    ) -> None:
        super().__init__()
        self.dim, self.sizes = dim, dict(sizes)
        self.by_field = nn.ModuleDict()
        for name, num_rows in sizes.items():
            if keeps_padding:
                table = build_table(num_rows, dim, std=std, generator=generator)
            else:
                table = build_unset(nn.Embedding, num_rows, dim)
                nn.init.normal_(table.weight, std=std, generator=generator)
            self.by_field[field_key(name)] = table

    def __contains__(self, name: str) -> bool:
        return name in self.sizes

    def look_up(self, name: str, ids: Tensor) -> Tensor:
        """Return the vectors [..., D] of a field's ids [...] int64."""
        found: Tensor = self.by_field[field_key(name)](ids)
        return found

    def table(self, name: str) -> nn.Module:
        """Return the table of a field, or its replacement.

        Raises:
            ConfigError: there is no such field.
        """
        if name not in self.sizes:
            raise ConfigError(f'no table for a field "{name}"; known: {", ".join(self.sizes)}.')
        return self.by_field[field_key(name)]

    def replace(self, name: str, module: nn.Module) -> None:
        """Replace the table of a field by a module.

        Raises:
            ConfigError: there is no such field, the module is no `TableLike`, or its vectors have another width.
        """
        self.table(name)
        if not isinstance(module, nn.Embedding | TableLike):
            raise ConfigError(f"{type(module).__name__} cannot stand for a table; it needs fold() and penalised_weights().")
        width = module(torch.zeros(1, dtype=torch.int64)).shape[-1]
        if width != self.dim:
            raise ConfigError(f'the tables have width {self.dim}, what shall replace "{name}" has {width}.')
        self.by_field[field_key(name)] = module

    def fold(self) -> None:
        """Replace all replacements by plain tables with the same vectors, to rounding."""
        for key, module in self.by_field.items():
            if not isinstance(module, nn.Embedding):
                self.by_field[key] = module.fold()  # type: ignore[operator]

    def penalised_weights(self) -> list[Tensor]:
        """Return the parameters of the embedding regulariser."""
        found: list[Tensor] = []
        for module in self.by_field.values():
            found += [module.weight] if isinstance(module, nn.Embedding) else module.penalised_weights()  # type: ignore[operator]
        return found


def find_tables(module: nn.Module) -> Iterator[tuple[str, EmbeddingTables]]:
    """Yield every EmbeddingTables inside a network, with its module name."""
    return ((name, one) for name, one in module.named_modules() if isinstance(one, EmbeddingTables))


def field_key(name: str) -> str:
    """Return a field's name as a valid torch module name: without dots, and not an attribute of a module."""
    return "f_" + name.replace(".", "_dot_")
