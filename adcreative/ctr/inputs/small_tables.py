"""A compressed table: fewer rows, fewer numbers per row, and the description needed to rebuild a network.

    vector(id) = mean + basis . sum_k weight[place_k(id)]        basis and mean where the table is of low rank
               = [sum_k weight[place_k(id)], 0 ... 0]            where it only has fewer dimensions

`place` is the row of an id (its own when it is None): clusters of a hash, or row 0, which is zero, for a dropped id. Every
method of `ctr/compression` gives one of these; `read_structure` and `build_structure` are the description stored in an
artefact, so that a loaded network has the same tables and layers.
Shapes: V ids, K kept rows, W numbers a row, D field width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.inputs.embedding_tables import find_tables
from adcreative.ctr.nn.low_rank import FactoredLinear, factored_layers, replace_layer
from adcreative.errors import ConfigError

SPARSE_SHARE = 0.6  # share of non-zero numbers, below which a tensor is packed
_BITS, _VALUES = ".packed_bits", ".packed_values"


class SmallTable(nn.Module):
    """A table of K rows of W numbers for V ids, with vectors of width D; see the module.

    Args:
        places: [k, V] int64 rows whose sum is an id's vector; None: its own row. basis: [D, W]; None: zeros are appended.
    """

    places: Tensor | None

    def __init__(
        self, weight: Tensor, dim: int, *, places: Tensor | None = None, basis: Tensor | None = None, mean: Tensor | None = None
    ) -> None:
        super().__init__()
        if basis is None and weight.shape[1] > dim:
            raise ConfigError(f"a table of width {weight.shape[1]} cannot stand for one of width {dim}")
        self.dim = dim
        self.weight = nn.Parameter(weight.detach().clone())
        self.register_buffer("places", None if places is None else places.to(torch.int32))
        self.basis = None if basis is None else nn.Parameter(basis.detach().clone())
        self.mean = None if basis is None else nn.Parameter(torch.zeros(dim) if mean is None else mean.detach().clone())

    def codes(self, ids: Tensor) -> Tensor:
        """Return [..., W]: the stored code of an id, before basis and mean."""
        if self.places is None:
            return F.embedding(ids, self.weight)
        found = F.embedding(self.places[0][ids].long(), self.weight)
        for place in self.places[1:]:
            found = found + F.embedding(place[ids].long(), self.weight)
        return found

    def forward(self, ids: Tensor) -> Tensor:
        """Return vectors [..., D]; id 0 is padding, whose vector is zero."""
        codes = self.codes(ids)
        if self.basis is None:
            return F.pad(codes, (0, self.dim - codes.shape[-1])) if codes.shape[-1] < self.dim else codes
        return F.linear(codes, self.basis, self.mean) * (ids > 0).unsqueeze(-1)

    @property
    def num_ids(self) -> int:
        """Number of ids."""
        return len(self.weight) if self.places is None else self.places.shape[1]

    def fold(self) -> nn.Embedding:
        """Return the plain table with the same vectors."""
        with torch.no_grad():
            return plain_table(self(torch.arange(self.num_ids)))

    def penalised_weights(self) -> list[Tensor]:
        """Return the parameters of the embedding regulariser."""
        return [self.weight]

    def describe(self) -> dict[str, int]:
        """Return the sizes that `build_table` needs."""
        num_places = 0 if self.places is None else len(self.places)
        return {
            "num_ids": self.num_ids,
            "num_places": num_places,
            "num_rows": len(self.weight),
            "width": self.weight.shape[1],
            "dim": self.dim,
            "has_basis": int(self.basis is not None),
        }


def plain_table(vectors: Tensor) -> nn.Embedding:
    """Return vectors [V, D] as a plain table whose row 0 is padding."""
    num_rows, dim = vectors.shape
    return nn.Embedding(num_rows, dim, padding_idx=0, _weight=vectors.detach().clone())


def as_small(table: nn.Module) -> SmallTable:
    """Return a table as a `SmallTable`; a plain one has a row for each id."""
    if isinstance(table, SmallTable):
        return table
    if isinstance(table, nn.Embedding):
        return SmallTable(table.weight, table.embedding_dim)
    raise ConfigError(f"{type(table).__name__} is a table in training; fold it first")


def build_table(sizes: Mapping[str, int]) -> SmallTable:
    """Return an empty table of the sizes from `SmallTable.describe`.

    Raises:
        ConfigError: the sizes are impossible.
    """
    num_ids, num_places, num_rows, width, dim, has_basis = (
        int(sizes[name]) for name in ("num_ids", "num_places", "num_rows", "width", "dim", "has_basis")
    )
    if min(num_ids, num_rows, width, dim) < 1 or num_places < 0 or (not num_places and num_rows != num_ids):
        raise ConfigError(f"no table has the sizes {dict(sizes)}")
    places = torch.zeros(num_places, num_ids, dtype=torch.int64) if num_places else None
    return SmallTable(torch.zeros(num_rows, width), dim, places=places, basis=torch.zeros(dim, width) if has_basis else None)


def read_structure(network: nn.Module) -> dict[str, Any]:
    """Return the small tables and factored layers of a network; {} for an uncompressed network."""
    tables = {
        f"{place}/{name}": table.describe()
        for place, group in find_tables(network)
        for name in group.sizes
        if isinstance(table := group.table(name), SmallTable)
    }
    layers = {name: layer.rank for name, layer in factored_layers(network)}
    return {"tables": tables, "layers": layers} if tables or layers else {}


def build_structure(network: nn.Module, structure: Mapping[str, Any]) -> None:
    """Install the tables and layers of a structure in an uncompressed network, without their weights.

    Raises:
        ConfigError: a table or a layer is missing, or the sizes do not fit.
    """
    groups = dict(find_tables(network))
    for key, sizes in structure.get("tables", {}).items():
        place, _, name = key.partition("/")
        if place not in groups:
            raise ConfigError(f'there are no tables "{place}"; known: {", ".join(groups)}.')
        groups[place].replace(name, build_table(sizes))
    for name, rank in structure.get("layers", {}).items():
        layer = dict(network.named_modules()).get(name)
        if not isinstance(layer, nn.Linear) or not 0 < int(rank) <= min(layer.weight.shape):
            raise ConfigError(f'there is no layer "{name}" of rank {rank} or more')
        replace_layer(network, name, FactoredLinear.empty(layer.in_features, layer.out_features, int(rank)))


def check_places(network: nn.Module) -> None:
    """Refuse tables with row indices out of range, as in a damaged file.

    Raises:
        ConfigError: an index is out of range.
    """
    for where, group in find_tables(network):
        for name in group.sizes:
            table = group.table(name)
            places = table.places if isinstance(table, SmallTable) else None
            if places is not None and (int(places.min()) < 0 or int(places.max()) >= len(table.weight)):  # type: ignore[arg-type]
                raise ConfigError(f'the table of "{name}" in {where} names rows that it does not have')


def pack_zeros(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return tensors, mostly-zero ones as their non-zero numbers and a bit mask; `unpack_zeros` is the inverse."""
    packed: dict[str, np.ndarray] = {}
    for name, values in tensors.items():
        is_there = values != 0
        if values.ndim == 2 and values.dtype == np.float32 and is_there.mean() < SPARSE_SHARE:
            packed[f"{name}{_BITS}"] = np.packbits(is_there, axis=1)
            packed[f"{name}{_VALUES}"] = values[is_there]
        else:
            packed[name] = values
    return packed


def unpack_zeros(packed: Mapping[str, np.ndarray], shapes: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
    """Return the tensors given to `pack_zeros`; shapes: of the tensors by name.

    Raises:
        ConfigError: bits and values do not fit.
    """
    tensors: dict[str, np.ndarray] = {}
    for name, values in packed.items():
        if name.endswith(_VALUES):
            continue
        if not name.endswith(_BITS):
            tensors[name] = values
            continue
        plain = name.removesuffix(_BITS)
        shape, found = tuple(shapes.get(plain, ())), packed.get(f"{plain}{_VALUES}")
        if len(shape) != 2 or values.shape != (shape[0], -(-shape[1] // 8)) or values.dtype != np.uint8 or found is None:
            raise ConfigError(f"{plain} is packed in another shape than it has")
        is_there = np.unpackbits(values, axis=1, count=shape[1]).astype(bool)
        if found.shape != (int(is_there.sum()),):
            raise ConfigError(f"{plain} has {found.size} packed numbers for {int(is_there.sum())} places")
        tensors[plain] = np.zeros(shape, np.float32)
        tensors[plain][is_there] = found
    return tensors
