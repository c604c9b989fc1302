"""Planted impression logs with an oracle, and a short training of a network on them; one generator module serves all networks.

Each world returns what a network reads, the labels, and the true logit they were drawn from (the oracle). A bar in a test
stands between the floor and the oracle, never by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.inputs.fields import FieldInputs, InputBatch, InputSpec
from adcreative.ctr.inputs.network_inputs import NetworkInputs
from adcreative.ctr.networks.registry import find_network
from adcreative.metrics.binary import area_under_curve


@dataclass(frozen=True)
class World:
    """Rows of a planted log: batch and label [N] (or [N, 2]), the true logit [N], and the fields."""

    spec: InputSpec
    batch: InputBatch
    labels: np.ndarray
    truth: np.ndarray

    def part(self, rows: slice | np.ndarray) -> World:
        return World(self.spec, take(self.batch, rows), self.labels[rows], self.truth[rows])

    @property
    def oracle(self) -> float:
        """AUC of the true logit."""
        return area_under_curve(self.labels if self.labels.ndim == 1 else self.labels[:, 0], self.truth)


def take(batch: InputBatch, rows: Any) -> InputBatch:
    rows = torch.from_numpy(rows) if isinstance(rows, np.ndarray) else rows
    parts: dict[str, Any] = {}
    for name, value in vars(batch).items():
        if isinstance(value, Mapping):
            parts[name] = {key: one[rows] for key, one in value.items()}
        else:
            parts[name] = None if value is None else value[rows]
    return InputBatch(**parts)


def draw_labels(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (rng.random(len(truth)) < 1 / (1 + np.exp(-truth))).astype(np.float32)


def categorical_world(ids: np.ndarray, truth: np.ndarray, vocab: int, rng: np.random.Generator, **changes: Any) -> World:
    """ids [N, F], 0-based; rows 0 and 1 of the tables stay for padding and unknown values."""
    spec = InputSpec(categorical={f"c{k}": vocab + 2 for k in range(ids.shape[1])}, **changes)
    batch = InputBatch(ids=torch.from_numpy(ids.astype(np.int64) + 2), numbers=torch.zeros(len(ids), 0))
    return World(spec, batch, draw_labels(truth, rng), truth)


def planted_xor(num: int, num_fields: int, *, seed: int, strength: float = 4.0) -> World:
    """Ten fields of two values; the click hangs on whether fields 2 and 5 differ."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 2, (num, num_fields))
    return categorical_world(ids, strength * np.where(ids[:, 2] != ids[:, 5], 1.0, -1.0), 2, rng)


def planted_pairs(num: int, *, seed: int, vocab: int = 30) -> World:
    """Four fields; the pair (0, 1) has a random effect for each crossed value, the others none. Crossed ids are included."""
    rng = np.random.default_rng(seed)
    table = 1.5 * np.random.default_rng(99).normal(size=(vocab, vocab))  # one truth for every seed
    ids = rng.integers(0, vocab, (num, 4))
    world = categorical_world(ids, table[ids[:, 0], ids[:, 1]], vocab, rng, crossed=(vocab * vocab,) * 6)
    pairs = [(a, b) for a in range(4) for b in range(a + 1, 4)]
    crossed = torch.from_numpy(np.stack([ids[:, a] * vocab + ids[:, b] for a, b in pairs], axis=1).astype(np.int64))
    return replace(world, batch=replace(world.batch, crossed=crossed))


def planted_histories(num: int, *, seed: int, length: int = 20, num_categories: int = 40, polarity: int = 2) -> World:
    """An item has a category and a polarity; clicks hang on the summed polarity of past items in the candidate's category."""
    rng = np.random.default_rng(seed)
    category = rng.integers(0, num_categories, (num, length))
    sign = rng.integers(0, polarity, (num, length))
    target = np.where(
        rng.random(num) < 0.8, category[np.arange(num), rng.integers(0, length, num)], rng.integers(0, num_categories, num)
    )
    is_alike = category == target[:, None]
    truth = 2.0 * ((2 * sign - 1) * is_alike).sum(axis=1)
    spec = InputSpec(categorical={"item": 2 * num_categories + 2}, sequences={"past": "item"})
    batch = InputBatch(
        ids=torch.from_numpy((2 * target + 2)[:, None]),
        numbers=torch.zeros(num, 0),
        history={"past": torch.from_numpy(2 * category + sign + 2)},
    )
    return World(spec, batch, draw_labels(truth.astype(float), rng), truth.astype(float))


def planted_interests(num: int, *, seed: int, length: int = 200, num_categories: int = 20) -> World:
    """Long histories: a user has a taste for some categories; a click hangs on the candidate's share of all past items."""
    rng = np.random.default_rng(seed)
    taste = rng.dirichlet(np.full(num_categories, 0.3), num)
    past = (rng.random((num, length))[:, :, None] > taste.cumsum(axis=1)[:, None, :-1]).sum(axis=2)
    chosen = past[np.arange(num), rng.integers(0, length, num)]
    target = np.where(rng.random(num) < 0.5, chosen, rng.integers(0, num_categories, num))
    truth = 12.0 * ((past == target[:, None]).mean(axis=1) - 0.25)
    spec = InputSpec(categorical={"item": num_categories + 2}, sequences={"past": "item"})
    batch = InputBatch(
        ids=torch.from_numpy((target + 2)[:, None]), numbers=torch.zeros(num, 0), history={"past": torch.from_numpy(past + 2)}
    )
    return World(spec, batch, draw_labels(truth, rng), truth)


def planted_funnel(num: int, *, seed: int, num_items: int = 3000, rho: float = 0.8) -> World:
    """Sparse items whose click and conversion factors go together; labels [N, 2]; truth: logit of a conversion."""
    rng = np.random.default_rng(seed)
    items = np.random.default_rng(7)
    click = items.normal(size=num_items)
    convert = rho * click + np.sqrt(1 - rho**2) * items.normal(size=num_items)
    item = rng.integers(0, num_items, num)
    clicked = draw_labels(-2.0 + 1.2 * click[item], rng)
    truth = -0.5 + 1.2 * convert[item]
    converted = draw_labels(truth, rng) * clicked
    spec = InputSpec(categorical={"item": num_items + 2})
    batch = InputBatch(ids=torch.from_numpy((item + 2)[:, None]), numbers=torch.zeros(num, 0))
    return World(spec, batch, np.stack([clicked, converted], axis=1), truth)


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How a network is trained in a test."""

    epochs: int = 4
    batch_size: int = 512
    learning_rate: float = 1e-2
    dim: int = 8


class LogModel(nn.Module):
    """A network of the registry on the inputs of a world."""

    def __init__(self, name: str, spec: InputSpec, config: Any, dim: int, seed: int) -> None:
        super().__init__()
        entry, generator = find_network(name), torch.Generator().manual_seed(seed)
        dim = entry.embedding_dim or dim
        self.inputs = FieldInputs(
            spec, dim, reads_history=entry.reads_history, views=entry.views(config, dim, spec), generator=generator
        )
        with torch.no_grad():  # tests are short: tables start where they can be felt
            for parameter in self.inputs.parameters():
                parameter.mul_(1000.0 if float(parameter.detach().abs().max()) < 1e-2 else 1.0)
        self.network = entry.build(self.inputs.shape, config, generator=generator)

    def forward(self, batch: InputBatch) -> Tensor:
        logits: Tensor = self.network(self.inputs(batch))
        return logits


def train(model: nn.Module, world: World, budget: Budget, *, seed: int = 0) -> nn.Module:
    """Adam on binary cross-entropy, or on the network's own loss; leaves the model in eval mode."""
    optimizer = torch.optim.Adam(model.parameters(), lr=budget.learning_rate)
    rng, labels = np.random.default_rng(seed), torch.from_numpy(world.labels)
    model.train()
    for _ in range(budget.epochs):
        for rows in np.array_split(rng.permutation(len(labels)), max(len(labels) // budget.batch_size, 1)):
            optimizer.zero_grad()
            logits = model(take(world.batch, rows))
            own_loss = getattr(getattr(model, "network", None), "loss", None)
            chosen = labels[torch.from_numpy(rows)]
            loss = (
                F.binary_cross_entropy_with_logits(logits, chosen) if own_loss is None else own_loss(logits, chosen) / len(rows)
            )
            loss.backward()
            optimizer.step()
    return model.eval()


@torch.no_grad()
def measure(model: nn.Module, world: World) -> float:
    """Return the AUC on a world's rows."""
    return area_under_curve(world.labels, model(world.batch).double().numpy())


def learn(name: str, config: Any, train_world: World, test_world: World, budget: Budget = Budget(), seed: int = 0) -> float:
    """Return the test AUC of a network trained on a world."""
    return measure(
        train(LogModel(name, train_world.spec, config, budget.dim, seed), train_world, budget, seed=seed), test_world
    )


def draw_inputs(shape: Any, num: int, *, seed: int) -> NetworkInputs:
    """Random inputs of a shape, with a history of five items of which the first two are padding in every other row."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*sizes: int) -> Tensor:
        return torch.randn(*sizes, generator=generator)

    mask = torch.ones(num, 5)
    mask[::2, :2] = 0.0
    return NetworkInputs(
        fields=normal(num, shape.num_fields, shape.field_dim),
        target=normal(num, shape.target_dim) if shape.target_dim else None,
        sequence=normal(num, 5, shape.sequence_dim) if shape.target_dim else None,
        mask=mask if shape.target_dim else None,
        domain=torch.randint(0, shape.num_domains, (num,), generator=generator) if shape.num_domains else None,
        views={name: normal(num, count, width) for name, (count, width) in shape.views.items()},
    )
