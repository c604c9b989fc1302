"""From columns of an impression log to arrays: vocabularies and scales, fitted to training rows only, saved with the model.

Row 0 of a vocabulary is padding, row 1 represents every value with fewer than `min_count` training rows. A field
with more values than `max_vocabulary` is hashed and has no vocabulary. Knows no network and no torch.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from adcreative.catalog.log_schema import LogSchema
from adcreative.ctr.inputs.columns import (
    as_text,
    categories_of,
    count_values,
    read_labels,
    read_numbers,
    read_vectors,
    split_lists,
    vector_width,
)
from adcreative.ctr.inputs.fields import InputSpec
from adcreative.errors import TrainingError

PADDING, UNKNOWN, FIRST = 0, 1, 2
MAX_VALUES = 20  # values read of a multi-valued field


@dataclass(frozen=True, eq=False)
class LogRows:
    """N encoded rows as arrays; see `InputBatch` for the fields. labels [N] or [N, 2]; users [N] int64, -1 = not given."""

    arrays: Mapping[str, np.ndarray]
    labels: np.ndarray
    users: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def clicks(self) -> np.ndarray:
        """Labels [N] without the column of conversions."""
        return self.labels if self.labels.ndim == 1 else self.labels[:, 0]

    def rows(self, idx: slice | np.ndarray) -> LogRows:
        """Return the rows `idx` (a slice or an array of numbers)."""
        return LogRows({name: values[idx] for name, values in self.arrays.items()}, self.labels[idx], self.users[idx])


def join_rows(parts: Sequence[LogRows]) -> LogRows:
    """Return all rows, in order."""
    arrays = {name: np.concatenate([part.arrays[name] for part in parts]) for name in parts[0].arrays}
    return LogRows(arrays, np.concatenate([p.labels for p in parts]), np.concatenate([p.users for p in parts]))


@dataclass(frozen=True, kw_only=True, eq=False)
class LogEncoding:
    """Fitted to the training rows of a log.

    vocabularies: column -> values, id = position + 2; a hashed column has none, its number of rows is in `hashed`. means, stds:
    of numeric columns. widths: of dense vectors. domains: values of the domain column. crossed: pairs of categorical columns,
    "a x b" -> known pairs of ids.
    """

    schema: LogSchema
    vocabularies: Mapping[str, tuple[str, ...]]
    hashed: Mapping[str, int]
    means: Mapping[str, float]
    stds: Mapping[str, float]
    widths: Mapping[str, int]
    domains: tuple[str, ...] = ()
    crossed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    num_labels: int = 1

    @property
    def spec(self) -> InputSpec:
        """The network inputs of this log."""
        schema = self.schema
        return InputSpec(
            categorical={name: self._size(name) for name in schema.categories},
            numeric=schema.numeric,
            multi_valued={name: self._size(name) for name in schema.multi_valued},
            vectors=dict(self.widths),
            sequences=dict(sorted(schema.sequences.items())),
            num_domains=len(self.domains) + 1 if schema.domain else 0,
            crossed=tuple(len(keys) + 1 for keys in self.crossed.values()),
        )

    def encode(self, table: pd.DataFrame, *, has_labels: bool = True) -> LogRows:
        """Encode rows of the log; has_labels=False does not read label and conversion, and gives zeros.

        Raises:
            TrainingError: a label is neither 0 nor 1, a number is missing or infinite, or a vector has another width.
        """
        schema = self.schema
        arrays: dict[str, np.ndarray] = {
            "ids": _stack([self._ids(name, categories_of(schema, name, table)) for name in schema.categories], len(table)),
            "numbers": np.stack([self._scale(name, table[name]) for name in schema.numeric], axis=1)
            if schema.numeric
            else np.zeros((len(table), 0), np.float32),
        }
        for name in schema.multi_valued:
            arrays[f"values.{name}"] = self._lists(name, name, table[name], MAX_VALUES)
        for name, target in sorted(schema.sequences.items()):
            arrays[f"history.{name}"] = self._lists(target, name, table[name], schema.max_history)
        for name, width in self.widths.items():
            arrays[f"vectors.{name}"] = read_vectors(name, table[name], width)
        if schema.domain:
            arrays["domain"] = _positions(as_text(table[schema.domain]), self.domains) + 1  # 0 = an unknown domain
        if self.crossed:
            arrays["crossed"] = self._cross(arrays["ids"])
        labels = read_labels(schema.label, table[schema.label]) if has_labels else np.zeros(len(table), np.float32)
        if self.num_labels == 2 and has_labels:
            labels = np.stack([labels, read_labels(schema.conversion, table[schema.conversion])], axis=1)
            if wrong := int((labels[:, 1] > labels[:, 0]).sum()):
                raise TrainingError(
                    f"{wrong} rows have a conversion without a click; attribute it to the click, or leave it out"
                )
        users = np.full(len(table), -1, np.int64)
        if schema.user and schema.user in table:
            users = pd.util.hash_array(as_text(table[schema.user]).to_numpy(object)).view(np.int64)
        return LogRows(arrays, labels, users)

    def _size(self, name: str) -> int:
        return FIRST + (self.hashed.get(name) or len(self.vocabularies[name]))

    def _ids(self, name: str, column: pd.Series) -> np.ndarray:
        text = as_text(column)
        if name in self.hashed:
            hashes = pd.util.hash_array(text.to_numpy(object))
            return (hashes % np.uint64(self.hashed[name])).astype(np.int64) + FIRST
        return np.where((found := _positions(text, self.vocabularies[name])) < 0, UNKNOWN, found + FIRST)

    def _lists(self, vocabulary: str, name: str, column: pd.Series, most: int) -> np.ndarray:
        """Return [N, L] ids, right-aligned, so that the last value is in the last column; 0 = padding."""
        rows = split_lists(column, self.schema.separator)
        starts = [number for number, one in enumerate(rows) if number == 0 or one is not rows[number - 1]]
        lists = [rows[start][-most:] for start in starts]  # identical lists once
        flat = pd.Series([value for one in lists for value in one], dtype=object)
        ids = self._ids(vocabulary, flat) if len(flat) else np.zeros(0, np.int64)
        lengths = np.array([len(one) for one in lists], np.int64)
        row = np.repeat(np.arange(len(lists)), lengths)
        start = np.repeat(np.cumsum(lengths) - lengths, lengths)
        wide = np.zeros((len(lists), most), np.int64)
        wide[row, most - lengths[row] + np.arange(len(ids)) - start] = ids
        return np.repeat(wide, np.diff([*starts, len(rows)]), axis=0) if starts else wide

    def _scale(self, name: str, column: pd.Series) -> np.ndarray:
        return ((read_numbers(name, column) - self.means[name]) / self.stds[name]).astype(np.float32)

    def _cross(self, ids: np.ndarray) -> np.ndarray:
        """Return [N, P] rows of the crossed tables; 0 = a pair rare in training."""
        found = []
        pairs = combinations(enumerate(self.schema.categories), 2)
        for ((a, _), (b, second)), known in zip(pairs, self.crossed.values(), strict=True):
            keys = ids[:, a] * self._size(second) + ids[:, b]
            place = np.searchsorted(known_array := np.asarray(known, np.int64), keys)
            place = np.minimum(place, max(len(known) - 1, 0))
            is_known = known_array[place] == keys if len(known) else np.zeros(len(keys), bool)
            found.append(np.where(is_known, place + 1, 0))
        return _stack(found, len(ids))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; `from_dict` of them equals this encoding."""
        plain = {name: value for name, value in vars(self).items() if name != "schema"}
        return {"schema": dict(vars(self.schema)), **plain}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LogEncoding:
        """Rebuild an encoding from its `as_dict`, also after JSON, which may have sorted keys: the order is the schema's."""
        parts: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in values["schema"].items()}
        schema, crossed = LogSchema(**parts), values["crossed"]
        pairs = _crossed_names(schema) if crossed else ()
        return cls(
            schema=schema,
            vocabularies={k: tuple(v) for k, v in values["vocabularies"].items()},
            hashed=values["hashed"],
            means=values["means"],
            stds=values["stds"],
            domains=tuple(values["domains"]),
            widths={name: values["widths"][name] for name in schema.vectors},
            crossed={k: tuple(crossed[k]) for k in pairs},
            num_labels=values["num_labels"],
        )


def fit_encoding(parts: Iterable[pd.DataFrame], schema: LogSchema, *, num_labels: int = 1) -> LogEncoding:
    """Fit vocabularies and scales to the training rows of a log, in one pass.

    Raises:
        TrainingError: as `LogEncoding.encode`, there is no row, or all rows have one label.
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in (*schema.categories, *schema.multi_valued)}
    domains: Counter[str] = Counter()
    sums, squares = dict.fromkeys(schema.numeric, 0.0), dict.fromkeys(schema.numeric, 0.0)
    widths: dict[str, int] = {}
    hashed: dict[str, int] = {}
    num_rows = num_clicks = 0
    for table in parts:
        num_rows += len(table)
        num_clicks += int(read_labels(schema.label, table[schema.label]).sum())
        for name in schema.categories:
            if name not in hashed:
                counts[name].update(count_values(categories_of(schema, name, table)))
        for name, table_of in (*((one, one) for one in schema.multi_valued), *schema.sequences.items()):
            if table_of not in hashed:
                counts[table_of].update(value for one in split_lists(table[name], schema.separator) for value in one)
        for name in schema.numeric:
            values = read_numbers(name, table[name])
            with np.errstate(over="ignore"):  # infinite sums are refused below
                sums[name] += float(values.sum())
                squares[name] += float(np.square(values).sum())
        for name in schema.vectors:
            widths.setdefault(name, vector_width(name, table[name].iloc[0]))
        if schema.domain:
            domains.update(count_values(table[schema.domain]))
        for name, one in counts.items():
            if len(one) > schema.max_vocabulary:  # many values are hashed: no more counting
                hashed[name] = schema.max_vocabulary
                one.clear()
    if not num_rows:
        asked = f'"{schema.split}"' if schema.split else f'"{schema.user}" (a tenth of its users stops the training)'
        raise TrainingError(f"the log has no row to learn from; check the column {asked}")
    if num_clicks in (0, num_rows):
        raise TrainingError(f'all {num_rows} rows have the label {num_clicks > 0:d} in "{schema.label}"; nothing can be learnt')
    vocabularies = {name: () if name in hashed else _frequent(one, schema.min_count) for name, one in counts.items()}
    if too_large := next((name for name in schema.numeric if not np.isfinite(sums[name] + squares[name])), ""):
        raise TrainingError(f'the column "{too_large}" has numbers too large for a scale; give it in another unit')
    means = {name: total / num_rows for name, total in sums.items()}
    stds = {name: float(np.sqrt(max(squares[name] / num_rows - means[name] ** 2, 0.0))) or 1.0 for name in schema.numeric}
    return LogEncoding(
        schema=schema,
        vocabularies=vocabularies,
        hashed=hashed,
        means=means,
        stds=stds,
        widths=widths,
        domains=tuple(sorted(domains)),
        num_labels=num_labels,
    )


def _crossed_names(schema: LogSchema) -> tuple[str, ...]:
    return tuple(f"{a} x {b}" for a, b in combinations(schema.categories, 2))


def fit_crossed(encoding: LogEncoding, parts: Iterable[LogRows]) -> LogEncoding:
    """Return the encoding with the crossed values of every pair of categorical fields that occur at least twice in training."""
    names = list(combinations(encoding.schema.categories, 2))
    counts: list[Counter[int]] = [Counter() for _ in names]
    for rows in parts:
        ids = rows.arrays["ids"]
        for number, (a, b) in enumerate(combinations(range(ids.shape[1]), 2)):
            values, found = np.unique(ids[:, a] * encoding._size(names[number][1]) + ids[:, b], return_counts=True)
            counts[number].update(dict(zip(values.tolist(), found.tolist(), strict=True)))
    crossed = {
        name: tuple(sorted(key for key, count in one.items() if count >= 2))
        for name, one in zip(_crossed_names(encoding.schema), counts, strict=True)
    }
    return replace(encoding, crossed=crossed)


def _frequent(counts: Counter[str], min_count: int) -> tuple[str, ...]:
    return tuple(sorted(value for value, count in counts.items() if value and count >= min_count))


def digest_schema(encoding: LogEncoding) -> str:
    """Return a hash of all fitted state of an encoding."""
    return hashlib.sha256(repr(sorted(encoding.as_dict().items())).encode()).hexdigest()[:16]


def _positions(text: pd.Series, vocabulary: Sequence[str]) -> np.ndarray:
    """Return the position of each value in a vocabulary, -1 for missing values."""
    known: Any = pd.Index(np.asarray(vocabulary, object))
    found: np.ndarray = known.get_indexer(text.to_numpy(object)).astype(np.int64)
    return found


def _stack(columns: Sequence[np.ndarray], num_rows: int) -> np.ndarray:
    return np.stack(columns, axis=1).astype(np.int64) if columns else np.zeros((num_rows, 0), np.int64)


def draw_rows(encoding: LogEncoding, num: int, *, rng: np.random.Generator) -> LogRows:
    """Draw random encoded rows of every possible shape, including unknown values and empty histories."""
    schema, spec = encoding.schema, encoding.spec

    def ids(name: str, *shape: int, lowest: int) -> np.ndarray:
        sizes = {**spec.categorical, **spec.multi_valued}
        return rng.integers(lowest, max(sizes[name], lowest + 1), shape)

    arrays: dict[str, np.ndarray] = {
        "ids": _stack([ids(name, num, lowest=UNKNOWN) for name in spec.categorical], num),
        "numbers": rng.normal(size=(num, len(spec.numeric))).astype(np.float32),
    }
    for name in spec.multi_valued:
        arrays[f"values.{name}"] = _right_aligned(ids(name, num, MAX_VALUES, lowest=UNKNOWN), rng)
    for name, target in spec.sequences.items():
        arrays[f"history.{name}"] = _right_aligned(ids(target, num, schema.max_history, lowest=UNKNOWN), rng)
    for name, width in spec.vectors.items():
        arrays[f"vectors.{name}"] = rng.normal(size=(num, width)).astype(np.float32)
    if schema.domain:
        arrays["domain"] = rng.integers(0, spec.num_domains, num)
    if encoding.crossed:
        arrays["crossed"] = np.stack([rng.integers(0, size, num) for size in spec.crossed], axis=1)
    return LogRows(arrays, np.zeros(num, np.float32), np.full(num, -1, np.int64))


def _right_aligned(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Replace all but the last k values of each row by padding, k drawn from 0 to all."""
    length = values.shape[1]
    num_real = rng.integers(0, length + 1, len(values))
    return np.where(np.arange(length) >= length - num_real[:, None], values, PADDING)
