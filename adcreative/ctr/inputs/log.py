"""Rows of an impression log as `NetworkInputs`: tables for ids, one vector a number, means of several values.

    categorical: its row of a table;  numeric: v x;  multi-valued: mean of its rows;  dense vector: W x + b
    target: the fields that a history is compared with, side by side; a history item reads the same tables

Tables start as N(0, 1e-4), row 0 is padding and stays zero, row 1 represents every value unknown in training.
Shapes: B rows, F fields, D field width, T history length, L values of a multi-valued field, P pairs of fields.
Source:
    FuxiCTR's feature embedding for the initialisation, which the figures of BARS-CTR rest on.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from adcreative.ctr.inputs.embedding_tables import EmbeddingTables, field_key, find_tables
from adcreative.ctr.inputs.network_inputs import InputShape, NetworkInputs
from adcreative.ctr.nn.layers import build_linear
from adcreative.errors import ConfigError

TABLE_STD = 1e-4
CROSSED_FIELD = "crossed"


@dataclass(frozen=True, kw_only=True)
class LogSpec:
    """The fields of a log as network inputs, in this order: categorical, numeric, multi-valued, dense vectors.

    categorical, multi_valued: name -> rows of the table, padding and unknown included. vectors: name -> width.
    sequences: history column -> the categorical field that its items are compared with. num_domains: 0 when none are given.
    crossed: rows of the crossed table of each pair of categorical fields, in the order of `itertools.combinations`; () = none.
    """

    categorical: Mapping[str, int] = field(default_factory=dict)
    numeric: tuple[str, ...] = ()
    multi_valued: Mapping[str, int] = field(default_factory=dict)
    vectors: Mapping[str, int] = field(default_factory=dict)
    sequences: Mapping[str, str] = field(default_factory=dict)
    num_domains: int = 0
    crossed: tuple[int, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of all fields in order."""
        return (*self.categorical, *self.numeric, *self.multi_valued, *self.vectors)


@dataclass(frozen=True, kw_only=True, eq=False)
class LogBatch:
    """B encoded rows.

    ids [B, number of categorical fields] int64. numbers [B, number of numeric fields] float32, standardised.
    values: multi-valued field -> [B, L] int64, 0 = padding. vectors: name -> [B, width]. history: column -> [B, T] int64, 0 =
    padding, oldest item first. domain [B] int64. crossed [B, P] int64: row of each pair's table.
    """

    ids: Tensor
    numbers: Tensor
    values: Mapping[str, Tensor] = field(default_factory=dict)
    vectors: Mapping[str, Tensor] = field(default_factory=dict)
    history: Mapping[str, Tensor] = field(default_factory=dict)
    domain: Tensor | None = None
    crossed: Tensor | None = None

    def __len__(self) -> int:
        return self.ids.shape[0]


@dataclass(frozen=True, kw_only=True)
class View:
    """Further tables of a network. fields: names, () = all fields; is_crossed: one table per pair of fields instead."""

    dim: int
    fields: tuple[str, ...] = ()
    is_crossed: bool = False


class FieldTables(nn.Module):
    """Some fields of a log as vectors of one width: LogBatch -> [B, F, D], in the order of `names`."""

    def __init__(self, spec: LogSpec, dim: int, names: tuple[str, ...], *, generator: torch.Generator) -> None:
        super().__init__()
        self.spec, self.names = spec, names
        sizes = {**spec.categorical, **spec.multi_valued}
        self.tables = EmbeddingTables(
            {name: sizes[name] for name in names if name in sizes}, dim, std=TABLE_STD, generator=generator
        )
        self.slopes = nn.ParameterDict(
            {
                field_key(name): nn.Parameter(TABLE_STD * torch.randn(dim, generator=generator))
                for name in names
                if name in spec.numeric
            }
        )
        self.projections = nn.ModuleDict(
            {
                field_key(name): build_linear(spec.vectors[name], dim, generator=generator)
                for name in names
                if name in spec.vectors
            }
        )

    def forward(self, batch: LogBatch) -> Tensor:
        columns = {name: number for number, name in enumerate(self.spec.categorical)}
        places = {name: number for number, name in enumerate(self.spec.numeric)}
        vectors = []
        for name in self.names:
            if name in columns:
                vectors.append(self.tables.look_up(name, batch.ids[:, columns[name]]))
            elif name in places:
                vectors.append(batch.numbers[:, places[name], None] * self.slopes[field_key(name)])
            elif name in self.spec.multi_valued:
                ids = batch.values[name]
                vectors.append(self.tables.look_up(name, ids).sum(dim=1) / (ids > 0).sum(dim=1, keepdim=True).clamp_min(1))
            else:
                vectors.append(self.projections[field_key(name)](batch.vectors[name]))
        return torch.stack(vectors, dim=1)  # [B, F, D]


class CrossedTables(nn.Module):
    """One table a pair of categorical fields: LogBatch -> [B, P, D]."""

    def __init__(self, spec: LogSpec, dim: int, *, generator: torch.Generator) -> None:
        super().__init__()
        offsets = [0, *itertools.accumulate(spec.crossed)]
        self.offsets: Tensor
        self.register_buffer("offsets", torch.tensor(offsets[:-1], dtype=torch.int64), persistent=False)
        sizes = {CROSSED_FIELD: max(offsets[-1], 1)}
        self.tables = EmbeddingTables(sizes, dim, std=TABLE_STD, generator=generator, keeps_padding=False)

    def forward(self, batch: LogBatch) -> Tensor:
        if batch.crossed is None:
            raise ConfigError("this network memorises pairs; fit the encoding with crossed values (`crossed=True`).")
        return self.tables.look_up(CROSSED_FIELD, batch.crossed + self.offsets)


class LogInputs(nn.Module):
    """The inputs of a network: LogBatch -> NetworkInputs.

    Args:
        reads_history: whether target and history are separate from the other fields, for networks that compare them.
        views: further tables that the network needs.
    Raises:
        ConfigError: a history is needed and the log has none, a view names a missing field, or two fields would share a table.
    """

    def __init__(
        self,
        spec: LogSpec,
        dim: int,
        *,
        reads_history: bool,
        views: Mapping[str, View] | None = None,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if reads_history and not spec.sequences:
            raise ConfigError("this network compares a candidate with a history; the schema names no sequence.")
        keys = [field_key(name) for name in spec.fields]
        if alike := next((name for name in spec.fields if keys.count(field_key(name)) > 1), ""):
            raise ConfigError(f'another field has a name too like "{alike}" (a dot is written _dot_); rename one.')
        self.spec, self.reads_history = spec, reads_history
        self.targets = tuple(dict.fromkeys(spec.sequences.values())) if reads_history else ()
        others = tuple(name for name in spec.fields if name not in self.targets)
        self.tables = FieldTables(spec, dim, (*others, *self.targets), generator=generator)
        self.num_others = len(others)
        self.views = nn.ModuleDict()
        shapes: dict[str, tuple[int, int]] = {}
        for name, view in (views or {}).items():
            names = view.fields or spec.fields
            unknown = sorted(set(names) - set(spec.fields))
            if unknown:
                raise ConfigError(f'no field "{unknown[0]}" for {name}; known: {", ".join(spec.fields)}.')
            if view.is_crossed:
                self.views[name] = CrossedTables(spec, view.dim, generator=generator)
                shapes[name] = (len(spec.crossed), view.dim)
            else:
                self.views[name] = FieldTables(spec, view.dim, names, generator=generator)
                shapes[name] = (len(names), view.dim)
        target_dim = len(self.targets) * dim
        sequence_dim = len(spec.sequences) * dim if target_dim else 0
        self.shape = InputShape(
            num_fields=len(others),
            field_dim=dim,
            target_dim=target_dim,
            sequence_dim=sequence_dim,
            num_domains=spec.num_domains,
            views=shapes,
        )

    def ids_by_field(self, batch: LogBatch) -> dict[str, Tensor]:
        """Return field -> ids [B, L] that a batch looks up in the field's table, ids of histories included."""
        found = {name: batch.ids[:, number, None] for number, name in enumerate(self.spec.categorical)}
        found |= {name: batch.values[name] for name in self.spec.multi_valued}
        for name, target in self.spec.sequences.items():
            if name in batch.history:
                found[target] = torch.cat([found[target], batch.history[name]], dim=1)
        return found

    def encode_history(self, history: Mapping[str, Tensor]) -> Tensor:
        """Return items [..., S] of history ids, column -> [...]."""
        tables = self.tables.tables
        return torch.cat([tables.look_up(target, history[name]) for name, target in self.spec.sequences.items()], dim=-1)

    def forward(self, batch: LogBatch) -> NetworkInputs:
        vectors = self.tables(batch)
        views = {name: module(batch) for name, module in self.views.items()}
        if not self.reads_history:
            return NetworkInputs(fields=vectors, domain=batch.domain, views=views)
        mask = (batch.history[next(iter(self.spec.sequences))] > 0).to(vectors.dtype)
        return NetworkInputs(
            fields=vectors[:, : self.num_others],
            target=vectors[:, self.num_others :].flatten(1),
            sequence=self.encode_history(batch.history),
            mask=mask,
            domain=batch.domain,
            views=views,
        )

    def embedding_weights(self) -> list[Tensor]:
        """Return the parameters of the embedding regulariser: every table, slope and projection."""
        tables = [weight for _, one in find_tables(self) for weight in one.penalised_weights()]
        others = [p for name, p in self.named_parameters() if ".by_field." not in name and not name.endswith(".bias")]
        return [*tables, *others]
