"""Low rank by output features: tables and hidden layers are fitted to their OUTPUT, not to their weights.

    mu = E[y],  C = E[y y^T] - mu mu^T = U L U^T          over served rows, in float64, streamed
    best affine mimic of rank r:  y^ = U_r U_r^T (y - mu) + mu,   squared error = sum of the eigenvalues left out
    layer y = W x + b:   first factor U_r^T W, bias U_r^T b;   second U_r, bias (I - U_r U_r^T) mu
    table E [V, D]:      codes (E - mu) U_r [V, r],  then  U_r c + mu;  mean and C over served look-ups

Shapes: V ids, D field width, r rank.
Source:
    Yu et al., Unified low-rank compression for CTR prediction, KDD 2024 (atomic feature mimicking), from its equations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from adcreative.ctr.compression.tuning import Work, tune
from adcreative.ctr.inputs.embedding_tables import find_tables
from adcreative.ctr.inputs.fields import CROSSED_FIELD
from adcreative.ctr.inputs.small_tables import SmallTable, as_small
from adcreative.ctr.log_network import LogModel, build_batch
from adcreative.ctr.nn.low_rank import FactoredLinear, replace_layer
from adcreative.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class LowRankConfig:
    """energy: smallest share of the eigenvalues that a rank keeps. budget: most numbers to keep of all factorable tables and
    layers, as a share; 0 = determined by energy. tables, layers: what to compress.
    """

    energy: float = 0.99
    budget: float = 0.0
    tables: bool = True
    layers: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.energy <= 1 or not 0 <= self.budget < 1:
            raise ConfigError(f"energy must be in 0..1 and budget below 1, got {self.energy} and {self.budget}")


class Moments:
    """Count, sum and sum of outer products of vectors [N, D], streamed in float64."""

    def __init__(self, dim: int) -> None:
        self.count = 0
        self.total, self.outer = torch.zeros(dim, dtype=torch.float64), torch.zeros(dim, dim, dtype=torch.float64)

    def add(self, values: Tensor) -> None:
        """Add vectors [N, D]."""
        wide = values.detach().double()
        self.count += len(wide)
        self.total += wide.sum(dim=0)
        self.outer += wide.T @ wide

    def decompose(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean [D], eigenvalues [D] (descending, not below 0) and eigenvectors [D, D] in columns, signs fixed."""
        mean = self.total / max(self.count, 1)
        values, vectors = torch.linalg.eigh(self.outer / max(self.count, 1) - torch.outer(mean, mean))
        values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
        largest = vectors.abs().argmax(dim=0)
        return mean, values, vectors * torch.sign(vectors.gather(0, largest[None]))


def factor_layer(layer: nn.Linear, moments: Moments, rank: int) -> FactoredLinear:
    """Return the best approximation of rank `rank` of a layer whose outputs have these moments."""
    mean, _, vectors = moments.decompose()
    kept = vectors[:, :rank]
    made = FactoredLinear.empty(layer.in_features, layer.out_features, rank)
    bias = torch.zeros(layer.out_features) if layer.bias is None else layer.bias
    with torch.no_grad():
        made.first.weight.copy_(kept.T @ layer.weight.double())
        made.first.bias.copy_(kept.T @ bias.double())
        made.second.weight.copy_(kept)
        made.second.bias.copy_(mean - kept @ (kept.T @ mean))
    return made


def factor_table(table: nn.Module, moments: Moments, rank: int) -> SmallTable:
    """Return the best approximation of rank `rank` of a table whose served vectors have these moments; row indices are kept.

    Raises:
        ConfigError: a row is the sum of several, so that one mean cannot be subtracted.
    """
    small = as_small(table)
    if small.basis is not None or (small.places is not None and len(small.places) > 1):
        raise ConfigError("this table is of low rank already, or sums several rows; low-rank comes before such a method")
    mean, _, vectors = moments.decompose()
    kept = vectors[:, :rank]
    rows = torch.nn.functional.pad(small.weight.double(), (0, small.dim - small.weight.shape[1]))
    codes = (rows - mean) @ kept
    return SmallTable(codes.float(), small.dim, places=small.places, basis=kept.float(), mean=mean.float())


def compress_low_rank(model: LogModel, work: Work, config: LowRankConfig) -> dict[str, Any]:
    """Factor tables and hidden layers of a model's network in place, then tune it; return ranks and the share of variance lost.

    Raises:
        ConfigError: nothing can be factored, or the budget cannot be met even with rank 1.
    """
    network = model.network
    moments = gather_moments(network, work)
    tables = {f"{place}/{name}": (group, name) for place, group in find_tables(network) for name in group.sizes}
    modules = dict(network.named_modules())
    wanted = {key: one for key, one in moments.items() if one.count and (config.tables if key in tables else config.layers)}
    spectra = {key: one.decompose()[1] for key, one in wanted.items()}
    sizes = {
        key: _table_sizes(tables[key][0].table(tables[key][1])) if key in tables else _layer_sizes(modules[key])
        for key in wanted
    }
    ranks = choose_ranks(spectra, sizes, config)
    if not ranks:
        raise ConfigError("no table and no hidden layer of this network gets smaller by low rank; take another method")
    for key, rank in ranks.items():
        if key in tables:
            group, name = tables[key]
            group.replace(name, factor_table(group.table(name), wanted[key], rank))
        else:
            layer = modules[key]
            assert isinstance(layer, nn.Linear)  # gather_moments collects linear layers only
            replace_layer(network, key, factor_layer(layer, wanted[key], rank))
    error = {key: float(spectra[key][rank:].sum() / spectra[key].sum().clamp_min(1e-30)) for key, rank in ranks.items()}
    return {"ranks": ranks, "lost_variance": error, "losses": tune(network, work, work.tuning)}


def choose_ranks(spectra: dict[str, Tensor], sizes: dict[str, tuple[int, int]], config: LowRankConfig) -> dict[str, int]:
    """Return the rank of each part that gets smaller: the least that keeps `energy`; under a budget, ranks are assigned where a
    number keeps most variance, after one for every part.

    Args:
        spectra: eigenvalues of each part, descending. sizes: (numbers of the original part, numbers per rank).
    Raises:
        ConfigError: rank 1 everywhere exceeds the budget.
    """
    ranks = {}
    if not config.budget:
        for key, values in spectra.items():
            share = torch.cumsum(values, 0) / values.sum().clamp_min(1e-30)
            rank = int((share < config.energy - 1e-12).sum()) + 1
            if rank * sizes[key][1] < sizes[key][0]:
                ranks[key] = rank
        return ranks
    most = config.budget * sum(full for full, _ in sizes.values())
    spent = float(sum(cost for _, cost in sizes.values()))
    if spent > most:
        raise ConfigError(
            f"a budget of {config.budget:.3g} cannot be met: rank 1 everywhere takes {spent / most * config.budget:.3g}"
        )
    ranks = dict.fromkeys(spectra, 1)
    gains = [
        (float(value / values.sum().clamp_min(1e-30)) / sizes[key][1], key, number)
        for key, values in spectra.items()
        for number, value in enumerate(values)
        if number
    ]
    for _, key, number in sorted(gains, key=lambda one: (-one[0], one[1], one[2])):
        full, cost = sizes[key]
        if ranks[key] == number and spent + cost <= most and (number + 1) * cost < full:
            ranks[key], spent = number + 1, spent + cost
    return {key: rank for key, rank in ranks.items() if rank * sizes[key][1] < sizes[key][0]}


def gather_moments(network: nn.Module, work: Work) -> dict[str, Moments]:
    """Return the moments of the outputs of every table and hidden layer over the training rows, without padding."""
    moments: dict[str, Moments] = {}
    with _watching(network, moments), torch.no_grad():
        network.eval()
        done = 0
        for rows in work.rows.train.iter_batches(4096):
            network(build_batch(rows))
            done += len(rows)
            work.progress("reading features", done, work.rows.train.num_rows)
    return moments


@contextmanager
def _watching(network: nn.Module, moments: dict[str, Moments]) -> Iterator[None]:
    """Record the outputs of tables, and of linear layers with more than one output, while the block runs."""

    def note(key: str, dim: int, *, is_table: bool) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        moments[key] = Moments(dim)

        def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            flat = output.reshape(-1, dim)
            moments[key].add(flat[inputs[0].reshape(-1) > 0] if is_table else flat)

        return hook

    handles = []
    for place, group in find_tables(network):
        for name in group.sizes:
            if name != CROSSED_FIELD:
                handles.append(group.table(name).register_forward_hook(note(f"{place}/{name}", group.dim, is_table=True)))
    factored = {id(part) for one in network.modules() if isinstance(one, FactoredLinear) for part in (one.first, one.second)}
    for key, layer in network.named_modules():
        if (
            isinstance(layer, nn.Linear)
            and id(layer) not in factored
            and min(layer.weight.shape) > 1
            and ".projections." not in key
        ):
            handles.append(layer.register_forward_hook(note(key, layer.out_features, is_table=False)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _table_sizes(table: nn.Module) -> tuple[int, int]:
    """Return the numbers of a table, and the numbers per rank."""
    small = as_small(table)
    return small.weight.numel(), len(small.weight) + small.dim


def _layer_sizes(layer: nn.Module) -> tuple[int, int]:
    assert isinstance(layer, nn.Linear)
    return layer.weight.numel(), layer.in_features + layer.out_features
