"""A threshold for rows and a width for each field: rows below the threshold are dropped, numbers beyond the width are cut.

    row v is kept iff ||e_v - m||_1 / s > t_f;  the step has the surrogate derivative  2 - 4|x| for |x| <= 0.4,  0.4 up to 1,
        else 0;  m is the field's mean vector and s the mean distance from it, weighed by row frequency
    loss + alpha * sum_f exp(-t_f), alpha growing with the steps;  thresholds by plain gradient steps, all else by Adam
    for each field, of its thresholds on that path, the one that drops most and whose loss on held-out rows, with the model's
        own weights, is not surely above the least
    then every row of a batch draws a width for each field, 1..D, and reads only its first numbers: one supernet for all
    widths by evolution: parents = best by validation AUC of the supernet, children by mutation and crossover (DEAP)
    then rows and widths are fixed, weights are reset to the model's, and the rest is tuned

Dropped rows get the mean vector m of their field. Padding and the row of unknown values are never dropped.
Source:
    Lyu et al., OptEmbed, CIKM 2022, from its equations; its authors say that their results cannot be reproduced as published.
    Differs: weights are reset to the trained model's. Distances are relative to the mean and in its units,
    since rows of noise have a common vector that later layers rely on; thresholds come before widths. One alpha for all
    fields, as published, drops all rows or none. `size_weight` is ours: AUC alone does not favour small widths, so a number of
    width costs that much AUC.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F

from adcreative.ctr.compression.tuning import StoppedError, Work, predict_clicks, tune
from adcreative.ctr.inputs.log_encoding import FIRST
from adcreative.ctr.inputs.small_tables import SmallTable, plain_table
from adcreative.ctr.log_network import LogModel, LogNetwork
from adcreative.errors import ConfigError
from adcreative.metrics.binary import area_under_curve
from adcreative.papers.compression.values import rewind
from adcreative.papers.compression.wrapping import count_values, drop_rows, unwrap_tables, wrap_tables

Widths = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class RowsDimsConfig:
    """alpha: upward pull on the thresholds at the first step; it grows by the factor alpha_growth over threshold_epochs.

    threshold_learning_rate: an epoch of steps moves a threshold by this multiple of its mean gradient. num_thresholds:
    candidates per field. size_weight: AUC that one number of width is worth; 0 = as published. num_choose: most rows used to
    compare widths.
    """

    alpha: float = 1e-2
    alpha_growth: float = 64.0
    threshold_learning_rate: float = 10.0
    threshold_epochs: int = 3
    num_thresholds: int = 12
    learning_rate: float = 1e-3
    epochs: int = 3
    population_size: int = 20
    num_parents: int = 15
    num_generations: int = 10
    mutation_prob: float = 0.1
    size_weight: float = 1e-4
    num_choose: int = 5000

    def __post_init__(self) -> None:
        if min(self.epochs, self.threshold_epochs, self.num_thresholds) < 1 or self.alpha <= 0 or self.alpha_growth < 1:
            raise ConfigError(
                "epochs, threshold_epochs, num_thresholds and alpha_growth must be at least 1 and alpha above 0, got "
                f"{self.epochs}, {self.threshold_epochs}, {self.num_thresholds}, {self.alpha_growth} and {self.alpha}"
            )
        if self.population_size < 4 or not 1 < self.num_parents <= self.population_size:
            raise ConfigError(
                f"population_size must be at least 4 and num_parents 2 to population_size, got {self.population_size} and "
                f"{self.num_parents}"
            )


class BinaryStep(torch.autograd.Function):
    """1 where x > 0, else 0; backwards through the surrogate derivative."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        size = x.abs()
        slope = torch.where(size <= 0.4, 2 - 4 * size, torch.where(size <= 1, torch.full_like(x, 0.4), torch.zeros_like(x)))
        return gradients[0] * slope


class ThresholdTable(nn.Module):
    """A table with a threshold, whose rows show a drawn number of dimensions in training and `width` of them otherwise.

    mask: [V] of 0 and 1, the kept rows once decided; None: decided by the threshold.
    Args:
        seen: frequency of each row [V]; None: all equal.
    """

    def __init__(self, table: SmallTable, generator: torch.Generator, seen: np.ndarray | None = None) -> None:
        super().__init__()
        self.dim, self.generator = table.dim, generator
        self.weight = nn.Parameter(table.weight.detach().clone())
        self.threshold = nn.Parameter(torch.zeros(()))
        self.width = self.weight.shape[1]
        self.mask: Tensor | None = None
        rows = self.weight.detach()[FIRST:]
        share = torch.ones(len(rows)) if seen is None else torch.from_numpy(seen[FIRST:].astype(np.float32))
        share = (share / share.sum().clamp(min=1))[:, None]
        self.mean = (share * rows).sum(dim=0)
        self.scale = float((share * (rows - self.mean).abs()).sum().clamp(min=1e-12))

    @property
    def max_width(self) -> int:
        return self.weight.shape[1]

    def keeps(self) -> Tensor:
        """Return 1 for each kept row, 0 for the others, [V]."""
        if self.mask is not None:
            return self.mask
        step: Any = BinaryStep.apply
        kept: Tensor = step((self.weight[FIRST:] - self.mean).abs().sum(dim=1) / self.scale - self.threshold)
        return torch.cat([torch.ones(FIRST), kept])

    def forward(self, ids: Tensor) -> Tensor:
        """Return vectors [..., D]; ids [B, ...]."""
        if self.training:
            drawn = torch.randint(1, self.max_width + 1, (len(ids),), generator=self.generator)
            width = drawn.view(-1, *[1] * ids.ndim)  # [B, 1 ...], one for a row of the batch
        else:
            width = torch.full([1] * (ids.ndim + 1), self.width)
        is_seen = (torch.arange(self.max_width) < width).to(self.weight.dtype)
        is_kept = self.keeps()[ids].unsqueeze(-1)
        vectors = (F.embedding(ids, self.weight) * is_kept + self.mean * (1 - is_kept)) * is_seen
        return F.pad(vectors, (0, self.dim - self.max_width))

    def fold(self) -> nn.Embedding:
        """Return the plain table with the vectors of eval mode."""
        with torch.no_grad():
            was_training = self.training
            self.eval()
            folded = plain_table(self(torch.arange(len(self.weight))))
            self.train(was_training)
        return folded

    def shrink(self) -> SmallTable:
        """Return the table of the kept rows, `width` numbers each."""
        is_kept = self.keeps().detach().numpy() > 0
        return drop_rows(self.weight[:, : self.width], self.dim, is_kept, self.mean[: self.width])

    def penalised_weights(self) -> list[Tensor]:
        """Return the weights; the threshold is not regularised."""
        return [self.weight]


def mutate_widths(widths: Widths, most: Sequence[int], prob: float, rng: random.Random) -> Widths:
    """Return a copy in which each width is redrawn, 1 to the most, with a probability; at least one is."""
    drawn = [rng.randint(1, high) if rng.random() < prob else width for width, high in zip(widths, most, strict=True)]
    if tuple(drawn) == widths:
        place = rng.randrange(len(drawn))
        drawn[place] = rng.randint(1, most[place])
    return tuple(drawn)


def cross_widths(one: Widths, two: Widths, rng: random.Random) -> Widths:
    """Return the first fields of one and the remaining fields of two, cut between fields."""
    cut = rng.randint(1, max(len(one) - 1, 1))
    return (*one[:cut], *two[cut:])


def evolve_widths(
    fitness: Callable[[Widths], float],
    most: Sequence[int],
    config: RowsDimsConfig,
    *,
    seed: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[Widths, list[float]]:
    """Return the fittest widths and the best fitness after each generation; larger is better.

    The full widths are in the first generation. Half of each generation are mutants, half are crossings; parents are kept.
    Raises:
        StoppedError: asked to stop.
    """
    rng, known = random.Random(seed), dict[Widths, float]()

    def rate(widths: Widths) -> Widths:
        if should_stop():
            raise StoppedError
        if widths not in known:
            known[widths] = fitness(widths)
        return widths

    first = [tuple(most), *(tuple(rng.randint(1, high) for high in most) for _ in range(config.population_size - 1))]
    population, history = [rate(widths) for widths in first], list[float]()
    for _ in range(config.num_generations):
        parents = nlargest(config.num_parents, population, key=known.__getitem__)
        history.append(known[parents[0]])
        children = [
            mutate_widths(rng.choice(parents), most, config.mutation_prob, rng)
            if number % 2
            else cross_widths(rng.choice(parents), rng.choice(parents), rng)
            for number in range(config.population_size)
        ]
        population = [*parents, *map(rate, children)]
    best = max(population, key=known.__getitem__)
    return best, [*history, known[best]]


def learn_thresholds(
    network: LogNetwork, tables: Mapping[str, ThresholdTable], work: Work, config: RowsDimsConfig
) -> list[dict[str, Tensor]]:
    """Train a network and its thresholds while alpha grows; return the kept rows of each table along the path, [V] each.

    The first keeps all rows.
    """
    thresholds: list[Tensor] = [table.threshold for table in tables.values()]
    epoch_steps = -(-work.rows.train.num_rows // work.tuning.batch_size)
    num_steps, done = config.threshold_epochs * epoch_steps, 0
    path = [{key: torch.ones(len(table.weight)) for key, table in tables.items()}]

    def pull() -> Tensor:
        alpha = config.alpha * config.alpha_growth ** (done / num_steps)
        return alpha * torch.exp(-torch.stack(thresholds)).sum()

    def move(step: int) -> None:  # plain steps: Adam's momentum would diverge
        nonlocal done
        done = step
        for threshold in thresholds:
            if threshold.grad is not None:
                with torch.no_grad():
                    threshold.sub_(config.threshold_learning_rate / epoch_steps * threshold.grad)
                threshold.grad = None
        if step * config.num_thresholds // num_steps > (step - 1) * config.num_thresholds // num_steps:
            path.append({key: table.keeps().detach() for key, table in tables.items()})

    settings = replace(work.tuning, epochs=config.threshold_epochs, learning_rate=config.learning_rate)
    rates = {id(one): 0.0 for one in thresholds}
    tune(network, work, settings, penalty=pull, after_step=move, keeps_best=False, learning_rates=rates)
    return path


def choose_rows(
    network: LogNetwork, tables: Mapping[str, ThresholdTable], path: Sequence[Mapping[str, Tensor]], work: Work
) -> None:
    """Set the mask of each table in turn: the mask on the path with fewest rows whose loss on the `choose` rows is at most a
    standard error above the least.

    Raises:
        StoppedError: asked to stop.
    """
    for key, table in tables.items():
        table.mask = path[0][key]
    rows = work.rows.choose
    clicked = rows.clicks > 0
    for key, table in tables.items():
        losses = []
        for kept in path:
            if work.should_stop():
                raise StoppedError
            table.mask = kept[key]
            chances = predict_clicks(network, rows)
            losses.append(-np.log(np.clip(np.where(clicked, chances, 1 - chances), 1e-7, 1)))
        extra = np.stack(losses) - losses[int(np.argmin([one.mean() for one in losses]))]
        is_fine = extra.mean(axis=1) <= extra.std(axis=1) / np.sqrt(len(rows))
        table.mask = min((path[int(at)][key] for at in np.flatnonzero(is_fine)), key=lambda kept: float(kept.sum()))


def compress_rows_dims(model: LogModel, work: Work, config: RowsDimsConfig) -> dict[str, Any]:
    """Drop rows by thresholds and cut widths by evolution, then tune the model; return the sizes kept per field.

    Raises:
        ConfigError: the tables no longer have a row for each value.
    """
    network = model.network
    start, generator, counts = copy.deepcopy(network.state_dict()), work.generator(), count_values(model, work)
    tables = wrap_tables(network, lambda key, table: ThresholdTable(table, generator, counts.get(key.rpartition("/")[2])))
    path = learn_thresholds(network, tables, work, config)
    rewind(network, start)
    choose_rows(network, tables, path, work)
    tune(network, work, replace(work.tuning, epochs=config.epochs, learning_rate=config.learning_rate), keeps_best=False)
    chosen = work.rows.choose.rows(work.rng(5).permutation(len(work.rows.choose))[: config.num_choose])
    labels, most = chosen.clicks, [table.max_width for table in tables.values()]

    def fitness(widths: Widths) -> float:
        for table, width in zip(tables.values(), widths, strict=True):
            table.width = width
        return area_under_curve(labels, predict_clicks(network, chosen)) - config.size_weight * sum(widths)

    widths, history = evolve_widths(fitness, most, config, seed=work.seed, should_stop=work.should_stop)
    rewind(network, start)
    for table, width in zip(tables.values(), widths, strict=True):
        table.width = width
    unwrap_tables(network, lambda key, _: tables[key].shrink())
    return {
        "rows": {key: [int(table.keeps()[FIRST:].sum()), len(table.weight) - FIRST] for key, table in tables.items()},
        "widths": dict(zip(tables, widths, strict=True)),
        "fitness": history,
        "losses": tune(network, work, work.tuning),
    }
