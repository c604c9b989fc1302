"""Rows as `NetworkInputs`, one way for creatives, impression logs and MicroLens: a table or a projection for each field.

    categorical: its row of a table;  numeric: v x;  multi-valued: mean of its rows;  dense vector: W x + b;  linear: W x
    all of them times their presence, where fields may be absent
    target: the fields that a history is compared with, side by side; a history item reads the same tables

Row 0 of a table is padding and stays zero, row 1 of a log's table represents every value unknown in training.
Shapes: B rows, F fields, D field width, T history length, L values of a multi-valued field, P pairs of fields, U distinct
items of histories.
Source:
    FuxiCTR's feature embedding for the initialisation N(0, 1e-4) of logs, which the figures of BARS-CTR rest on.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from adcreative.ctr.inputs.embedding_tables import EmbeddingTables, field_key, find_tables
from adcreative.ctr.inputs.network_inputs import InputShape, NetworkInputs
from adcreative.ctr.nn.layers import SeededDropout, build_linear
from adcreative.errors import ConfigError

TABLE_STD = 1e-4
CROSSED_FIELD = "crossed"
WIDE_INPUT = 64  # width from which on a vector is an embedding: dropped out in training, learnt slowly


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """The fields of a row as network inputs, in this order unless `order` says otherwise: categorical to linear.

    categorical, multi_valued: name -> rows of the table, padding and unknown included. vectors, linear: name -> width, 0 for a
    field that no row of the fit had. widths: of the vectors of some target fields, where they differ from the others.
    sequences: history column -> the categorical field that its items are compared with. targets: the fields of an item where
    the items of histories are rows of their own (`History`). num_domains: 0 when none are given. crossed: rows of the crossed
    table of each pair of categorical fields, in the order of `itertools.combinations`; () = none.
    """

    categorical: Mapping[str, int] = field(default_factory=dict)
    numeric: tuple[str, ...] = ()
    multi_valued: Mapping[str, int] = field(default_factory=dict)
    vectors: Mapping[str, int] = field(default_factory=dict)
    linear: Mapping[str, int] = field(default_factory=dict)
    widths: Mapping[str, int] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    sequences: Mapping[str, str] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    num_domains: int = 0
    crossed: tuple[int, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of all fields in order."""
        return self.order or (*self.categorical, *self.numeric, *self.multi_valued, *self.vectors, *self.linear)


@dataclass(frozen=True, kw_only=True, eq=False)
class InputBatch:
    """B encoded rows.

    ids [B, number of categorical fields] int64. numbers [B, number of numeric fields] float32, standardised.
    values: multi-valued field -> [B, L] int64, 0 = padding. vectors: name -> [B, width], also of linear fields. present [B, F]
    in the order of `InputSpec.fields`: 1 = present, 0 = absent; None: all are present. history: column -> [B, T] int64, 0 =
    padding, oldest item first; or items, for histories of whole rows. domain [B] int64. crossed [B, P] int64: row of each
    pair's table.
    """

    ids: Tensor
    numbers: Tensor | None = None
    values: Mapping[str, Tensor] = field(default_factory=dict)
    vectors: Mapping[str, Tensor] = field(default_factory=dict)
    present: Tensor | None = None
    history: Mapping[str, Tensor] = field(default_factory=dict)
    items: History | None = None
    domain: Tensor | None = None
    crossed: Tensor | None = None

    def __len__(self) -> int:
        return self.ids.shape[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class History:
    """The histories of B rows, each distinct item once: U rows, and their results [U, 1] where these are known.

    place [B, T] int64: rows of `rows`. mask [B, T]: 1 = a real item, 0 = padding.
    """

    rows: InputBatch
    place: Tensor
    mask: Tensor
    results: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class View:
    """Further tables of a network. fields: names, () = all fields; is_crossed: one table per pair of fields instead."""

    dim: int
    fields: tuple[str, ...] = ()
    is_crossed: bool = False


class FieldTables(nn.Module):
    """Some fields of a row as vectors: InputBatch -> [B, F, D], in the order of `names`.

    Args:
        std: of the tables and slopes at the start. dropout_prob: on wide vectors before their projection.
    """

    def __init__(
        self,
        spec: InputSpec,
        dim: int,
        names: tuple[str, ...],
        *,
        std: float = TABLE_STD,
        dropout_prob: float = 0.0,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.spec, self.dim, self.names = spec, dim, names
        self.place = {name: number for number, name in enumerate(spec.fields)}
        self.column = {name: number for part in (spec.categorical, spec.numeric) for number, name in enumerate(part)}
        sizes, widths = {**spec.categorical, **spec.multi_valued}, {**spec.vectors, **spec.linear}
        self.tables = EmbeddingTables({name: sizes[name] for name in names if name in sizes}, dim, std=std, generator=generator)
        self.slopes = nn.ParameterDict(
            {
                field_key(name): nn.Parameter(std * torch.randn(dim, generator=generator))
                for name in names
                if name in spec.numeric
            }
        )
        self.projections = nn.ModuleDict(
            {
                field_key(name): build_linear(
                    widths[name], spec.widths.get(name, dim), generator=generator, bias=name in spec.vectors
                )
                for name in names
                if widths.get(name)
            }
        )
        self.dropout = SeededDropout(dropout_prob, generator)

    def read(self, batch: InputBatch, names: tuple[str, ...] = (), *, drops: bool = True) -> list[Tensor]:
        """Return the vectors [B, D] of some fields, () = all; drops=False disables the training dropout."""
        vectors = [self._read(batch, name, drops) for name in names or self.names]
        if batch.present is None:
            return vectors
        return [v * batch.present[:, self.place[name], None] for v, name in zip(vectors, names or self.names, strict=True)]

    def _read(self, batch: InputBatch, name: str, drops: bool) -> Tensor:
        if name in self.spec.categorical:
            return self.tables.look_up(name, batch.ids[:, self.column[name]])
        if name in self.spec.numeric and batch.numbers is not None:
            return batch.numbers[:, self.column[name], None] * self.slopes[field_key(name)]
        if name in self.spec.multi_valued:
            ids = batch.values[name]
            return self.tables.look_up(name, ids).sum(dim=1) / (ids > 0).sum(dim=1, keepdim=True).clamp_min(1)
        values = batch.vectors[name]
        if not values.shape[1]:
            return values.new_zeros(len(values), self.dim)
        found: Tensor = self.projections[field_key(name)](
            self.dropout(values) if drops and values.shape[1] >= WIDE_INPUT else values
        )
        return found

    def forward(self, batch: InputBatch) -> Tensor:
        return torch.stack(self.read(batch), dim=1)  # [B, F, D]


class CrossedTables(nn.Module):
    """One table a pair of categorical fields: InputBatch -> [B, P, D]."""

    def __init__(self, spec: InputSpec, dim: int, *, generator: torch.Generator) -> None:
        super().__init__()
        offsets = [0, *itertools.accumulate(spec.crossed)]
        self.offsets: Tensor
        self.register_buffer("offsets", torch.tensor(offsets[:-1], dtype=torch.int64), persistent=False)
        sizes = {CROSSED_FIELD: max(offsets[-1], 1)}
        self.tables = EmbeddingTables(sizes, dim, std=TABLE_STD, generator=generator, keeps_padding=False)

    def forward(self, batch: InputBatch) -> Tensor:
        if batch.crossed is None:
            raise ConfigError("this network memorises pairs; fit the encoding with crossed values (`crossed=True`).")
        return self.tables.look_up(CROSSED_FIELD, batch.crossed + self.offsets)


class FieldInputs(nn.Module):
    """The inputs of a network: InputBatch -> NetworkInputs. shape: the sizes for which the network is built.

    Args:
        reads_history: whether target and history are separate from the other fields, for networks that compare them.
        views: further tables that the network needs.
        dense_dim: width of the network's first hidden layer, into which vectors go, summed; 0: they are fields.
        result_dim: width of an item's result; 1 = unchanged, more = projected, 0 = items have none.
        std, dropout_prob: as in `FieldTables`.
    Raises:
        ConfigError: a history is needed and the rows have none, a view names a missing field, or two fields would share a
            table.
    """

    def __init__(
        self,
        spec: InputSpec,
        dim: int,
        *,
        reads_history: bool,
        views: Mapping[str, View] | None = None,
        dense_dim: int = 0,
        result_dim: int = 0,
        std: float = TABLE_STD,
        dropout_prob: float = 0.0,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        targets = spec.targets or tuple(dict.fromkeys(spec.sequences.values()))
        if reads_history and not targets:
            raise ConfigError("this network compares a candidate with a history; the schema names no sequence.")
        keys = [field_key(name) for name in spec.fields]
        if alike := next((name for name in spec.fields if keys.count(field_key(name)) > 1), ""):
            raise ConfigError(f'another field has a name too like "{alike}" (a dot is written _dot_); rename one.')
        self.spec, self.targets = spec, targets if reads_history else ()
        dense = tuple(name for name in spec.fields if dense_dim and name in spec.vectors)
        self.others = tuple(name for name in spec.fields if name not in (*self.targets, *dense))

        def build(width: int, names: tuple[str, ...]) -> FieldTables:
            return FieldTables(spec, width, names, std=std, dropout_prob=dropout_prob, generator=generator)

        self.tables = build(dim, (*self.others, *self.targets))
        self.dense = build(dense_dim, dense) if dense else None
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
                self.views[name] = build(view.dim, names)
                shapes[name] = (len(names), view.dim)
        self.result = build_linear(1, result_dim, generator=generator) if result_dim > 1 else nn.Identity()
        target_dim = sum(spec.widths.get(name, dim) for name in self.targets)
        item_dim = target_dim if spec.targets else len(spec.sequences) * dim
        self.shape = InputShape(
            num_fields=len(self.others),
            field_dim=dim,
            hidden_dim=dense_dim,
            target_dim=target_dim,
            sequence_dim=item_dim + result_dim if self.targets else 0,
            num_domains=spec.num_domains,
            views=shapes,
        )

    def ids_by_field(self, batch: InputBatch) -> dict[str, Tensor]:
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

    def encode_items(self, rows: InputBatch, results: Tensor | None = None) -> Tensor:
        """Return items [U, S] of U rows and their results [U, 1], without dropout on wide vectors."""
        vectors = self.tables.read(rows, self.targets, drops=False)
        return torch.cat(vectors if results is None else [*vectors, self.result(results)], dim=1)

    def forward(self, batch: InputBatch, *, encodes_history: bool = True) -> NetworkInputs:
        """Return the inputs of a batch; encodes_history=False leaves out the sequence, which a cache replaces."""
        vectors = self.tables.read(batch)
        num, present = len(self.others), batch.present
        found = NetworkInputs(
            fields=torch.stack(vectors[:num], dim=1) if num else vectors[0].new_zeros(len(batch), 0, self.shape.field_dim),
            present=None if present is None else present[:, [self.tables.place[name] for name in self.others]],
            dense=None if self.dense is None else self.dense(batch).sum(dim=1),
            domain=batch.domain,
            views={name: module(batch) for name, module in self.views.items()},
        )
        if not self.targets:
            return found
        target, items = torch.cat(vectors[num:], dim=1), batch.items
        if items is not None:
            sequence = self.encode_items(items.rows, items.results) if encodes_history else None
            return replace(found, target=target, sequence=sequence, mask=items.mask, place=items.place)
        if not self.spec.sequences:
            return replace(found, target=target)
        mask = (batch.history[next(iter(self.spec.sequences))] > 0).to(target.dtype)
        return replace(found, target=target, sequence=self.encode_history(batch.history), mask=mask)

    def embedding_weights(self) -> list[Tensor]:
        """Return the parameters of the embedding regulariser: every table, slope and projection."""
        tables = [weight for _, one in find_tables(self) for weight in one.penalised_weights()]
        others = [p for name, p in self.named_parameters() if ".by_field." not in name and not name.endswith(".bias")]
        return [*tables, *others]
