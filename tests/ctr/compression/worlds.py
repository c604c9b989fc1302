"""Planted logs for compression, in memory: rows, a model that was trained on them, and the truth that each was drawn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from adcreative.catalog.log_schema import LogSchema
from adcreative.ctr.compression.rows import CompressionRows
from adcreative.ctr.compression.tuning import TuneConfig, Work, predict_clicks, tune
from adcreative.ctr.inputs.embedding_tables import find_tables
from adcreative.ctr.inputs.log_encoding import FIRST, LogEncoding, LogRows
from adcreative.ctr.log_network import LogModel, build_log_network
from adcreative.ctr.networks.registry import find_network
from adcreative.metrics.binary import area_under_curve


@dataclass
class Stream:
    """Rows in memory that are read like a log."""

    whole: LogRows

    @property
    def num_rows(self) -> int:
        return len(self.whole)

    def iter_batches(self, batch_size: int, *, rng: np.random.Generator | None = None) -> Iterator[LogRows]:
        order = np.arange(len(self.whole)) if rng is None else rng.permutation(len(self.whole))
        for start in range(0, len(order), batch_size):
            yield self.whole.rows(order[start : start + batch_size])


@dataclass
class World:
    """ids [N, F] from 0, labels [N], the true logit [N], and how many values each field has."""

    ids: np.ndarray
    truth: np.ndarray
    sizes: tuple[int, ...]
    labels: np.ndarray

    def rows(self, part: slice) -> LogRows:
        arrays = {"ids": self.ids[part].astype(np.int64) + FIRST, "numbers": np.zeros((len(self.ids[part]), 0), np.float32)}
        return LogRows(arrays, self.labels[part].astype(np.float32), np.full(len(self.ids[part]), -1, np.int64))

    def work(self, *, seed: int = 0, **tuning: Any) -> Work:
        """Seven tenths to learn from, a tenth and a half each to choose by and to measure on."""
        a, b = int(0.7 * len(self.ids)), int(0.85 * len(self.ids))
        rows = CompressionRows(
            train=Stream(self.rows(slice(0, a))),
            choose=self.rows(slice(a, b)),  # type: ignore[arg-type]
            held=self.rows(slice(b, None)),
            held_role="test",
        )
        return Work(rows=rows, seed=seed, tuning=TuneConfig(**{"batch_size": 512, "learning_rate": 1e-3, **tuning}))

    @property
    def encoding(self) -> LogEncoding:
        names = tuple(f"c{number}" for number in range(len(self.sizes)))
        return LogEncoding(
            schema=LogSchema(label="click", categorical=names),
            hashed={},
            means={},
            stds={},
            widths={},
            vocabularies={name: tuple(f"v{k}" for k in range(size)) for name, size in zip(names, self.sizes, strict=True)},
        )


def world(ids: np.ndarray, truth: np.ndarray, rng: np.random.Generator, sizes: tuple[int, ...]) -> World:
    return World(ids, truth, sizes, (rng.random(len(ids)) < 1 / (1 + np.exp(-truth))).astype(np.float32))


def build(name: str, world: World, *, dim: int = 8, seed: int = 0, **config: Any) -> LogModel:
    """A network of the registry on the world's fields, with tables that start where a short training can feel them."""
    settings = find_network(name).config(**config)
    network = build_log_network(name, world.encoding.spec, settings, dim=dim, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        for _, group in find_tables(network):
            for field in group.sizes:
                group.table(field).weight.mul_(1000.0)  # type: ignore[operator,union-attr]
    return LogModel(name, world.encoding, settings, dim, network, {})


def trained(name: str, world: World, work: Work, *, epochs: int = 8, rate: float = 1e-2, **options: Any) -> LogModel:
    """The same, after some epochs of training."""
    model = build(name, world, **options)
    tune(model.network, work, TuneConfig(epochs=epochs, learning_rate=rate, batch_size=512, embedding_regularizer=1e-5))
    return model


def held_auc(network: Any, work: Work) -> float:
    return area_under_curve(work.rows.held.clicks, predict_clicks(network, work.rows.held))


def zipf_ids(num: int, size: int, rng: np.random.Generator, power: float = 1.05) -> np.ndarray:
    shares = 1 / np.arange(1, size + 1) ** power
    found: np.ndarray = rng.choice(size, num, p=shares / shares.sum())
    return found


def planted_noise_values(num: int, *, seed: int, card: int = 300) -> World:
    """Two fields of which half the values have an effect and the others none, and three fields of noise."""
    rng = np.random.default_rng(seed)
    sizes = (40, 60, card, card, card)
    ids = np.stack([rng.integers(0, size, num) for size in sizes], axis=1)
    effects = [np.where(np.arange(size) % 2, rng.choice([-1.2, 1.2], size), 0.0) for size in sizes[:2]]
    return world(ids, effects[0][ids[:, 0]] + effects[1][ids[:, 1]], rng, sizes)


def planted_zipf_ranks(num: int, *, seed: int, num_items: int = 600, num_users: int = 200, rank: int = 8) -> World:
    """Zipf items: the most frequent tenth has effects of rank 8 with users, the others of rank 1."""
    rng = np.random.default_rng(seed)
    item, user = zipf_ids(num, num_items, rng), rng.integers(0, num_users, num)
    of_users, of_items = rng.normal(size=(num_users, rank)), rng.normal(size=(num_items, rank))
    of_items[num_items // 10 :, 1:] = 0.0
    of_items[num_items // 10 :, 0] *= 1.5
    truth = 1.2 * (of_users[user] * of_items[item]).sum(axis=1) / np.sqrt(2)
    return world(np.stack([user, item], axis=1), truth, rng, (num_users, num_items))


def planted_coclusters(
    num: int, *, seed: int, num_users: int = 600, num_items: int = 400, num_clusters: int = 20
) -> tuple[World, np.ndarray, np.ndarray]:
    """Users and items in co-clusters: a click is likely inside one. The number of an id says nothing."""
    rng = np.random.default_rng(seed)
    of_users, of_items = rng.integers(0, num_clusters, num_users), rng.integers(0, num_clusters, num_items)
    user = rng.integers(0, num_users, num)
    is_inside = rng.random(num) < 0.4
    members = [np.flatnonzero(of_items == cluster) for cluster in range(num_clusters)]
    inside = np.array([rng.choice(members[cluster]) for cluster in of_users[user]])
    item = np.where(is_inside, inside, rng.integers(0, num_items, num))
    truth = np.where(of_users[user] == of_items[item], 2.0, -2.5)
    return world(np.stack([user, item], axis=1), truth, rng, (num_users, num_items)), of_users, of_items


@dataclass
class Histories(World):
    """past [N, T]: items of the first field that each row's user had before, from 0, oldest first."""

    past: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int64))

    def rows(self, part: slice) -> LogRows:
        plain = super().rows(part)
        return LogRows({**plain.arrays, "history.past": self.past[part].astype(np.int64) + FIRST}, plain.labels, plain.users)

    @property
    def encoding(self) -> LogEncoding:
        plain = super().encoding
        return replace(plain, schema=replace(plain.schema, sequences={"past": "c0"}))


def planted_histories(num: int, *, seed: int, length: int = 20, num_categories: int = 40) -> Histories:
    """Items have a category and a sign; clicks hang on the signs of past items of the candidate's category, and on a field."""
    rng = np.random.default_rng(seed)
    category, sign = rng.integers(0, num_categories, (num, length)), rng.integers(0, 2, (num, length))
    met = category[np.arange(num), rng.integers(0, length, num)]
    target = np.where(rng.random(num) < 0.8, met, rng.integers(0, num_categories, num))
    other, effects = rng.integers(0, 30, num), 0.7 * np.random.default_rng(5).normal(size=30)  # one truth for every seed
    truth = 2.0 * ((2 * sign - 1) * (category == target[:, None])).sum(axis=1) + effects[other]
    made = world(np.stack([2 * target, other], axis=1), truth, rng, (2 * num_categories, 30))
    return Histories(made.ids, made.truth, made.sizes, made.labels, 2 * category + sign)


def planted_widths(num: int, *, seed: int, size: int = 40, rank: int = 8) -> World:
    """Fields A, C interact at rank 8, B adds, N is noise."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, size, (num, 4))
    a, c = rng.normal(size=(size, rank)), rng.normal(size=(size, rank))
    truth = 0.8 * (a[ids[:, 0]] * c[ids[:, 1]]).sum(axis=1) / np.sqrt(2) + 0.8 * rng.normal(size=size)[ids[:, 2]]
    return world(ids, truth, rng, (size,) * 4)
