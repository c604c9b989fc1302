"""Pruning of table numbers by a budget: soft weights of dimensions per block of frequency, learnt on held-out rows.

    e~_v = e_v * alpha_block(v),  alpha [S, D] in 0..1, values sorted into S blocks by training frequency
    in turns: weights on a batch of training rows, alpha on a batch of the `choose` rows (first order)
    alpha's gradient is divided by its mean size within each block: otherwise frequent blocks would get nearly all of it
    then alpha is multiplied into the table, the smallest numbers become 0 until the budget is met exactly, the rest is tuned

Numbers are differences from the mean vector of their field: a value whose numbers are all 0 then is an average rare value, not
an unknown one. In a log whose rare values are hardly ever clicked, that keeps the information that the value is known.
Dimensions stay D, so that products need no projection; zeros are kept while tuning.
Source:
    Cheng et al., Differentiable neural input search (DNIS), arXiv 2006.04466, from its equations. Differs: the mean
    (`is_centred`), one vector a field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.ctr.compression.tuning import StoppedError, Work, mean_loss, tune
from adcreative.ctr.inputs.log_encoding import FIRST
from adcreative.ctr.inputs.small_tables import SmallTable, plain_table
from adcreative.ctr.log_network import LogModel, LogNetwork
from adcreative.errors import ConfigError
from adcreative.papers.compression.wrapping import count_values, unwrap_tables, wrap_tables

MEAN_SHARE = 0.1


@dataclass(frozen=True, kw_only=True)
class DimsConfig:
    """budget: share of the tables' numbers to keep. block_shares: of the values, most frequent first. penalty: decay of alpha
    towards 0, on gradients of mean size 1 (0.01 to 0.1 is noticeable). alpha_learning_rate: of plain gradient steps.
    """

    budget: float = 0.25
    block_shares: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4)
    epochs: int = 2
    learning_rate: float = 1e-3
    alpha_learning_rate: float = 5e-3
    penalty: float = 0.05
    normalises: bool = True
    is_centred: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.budget < 1 or not self.block_shares or self.epochs < 1 or abs(sum(self.block_shares) - 1) > 1e-6:
            raise ConfigError(
                f"budget must be in 0..1, epochs at least 1 and block_shares sum to 1, got {self.budget}, {self.epochs} and "
                f"{list(self.block_shares)}"
            )


class SoftTable(nn.Module):
    """A table with a weight per dimension for each block of rows.

    Args:
        blocks: of each row [V] int64.
    """

    blocks: Tensor

    def __init__(self, table: SmallTable, blocks: np.ndarray, num_blocks: int) -> None:
        super().__init__()
        self.dim = table.dim
        self.weight = nn.Parameter(table.weight.detach().clone())
        self.register_buffer("blocks", torch.from_numpy(blocks))
        self.alpha = nn.Parameter(torch.ones(num_blocks, self.weight.shape[1]))

    def forward(self, ids: Tensor) -> Tensor:
        """Return vectors [..., D]."""
        vectors = F.embedding(ids, self.weight) * self.alpha[self.blocks[ids]]
        return F.pad(vectors, (0, self.dim - vectors.shape[-1]))

    def fold(self) -> nn.Embedding:
        """Return the plain table with the same vectors."""
        with torch.no_grad():
            return plain_table(self(torch.arange(len(self.weight))))

    def shrink(self, *, is_centred: bool = False) -> SmallTable:
        """Return the table with alpha multiplied in; is_centred: as difference from the mean of its values.

        Mean and basis are numbers too: a table in which they would be more than MEAN_SHARE of all is not centred.
        """
        weight = self.weight.detach() * self.alpha.detach()[self.blocks]
        width = weight.shape[1]
        if not is_centred or self.dim * (width + 1) > MEAN_SHARE * weight.numel():
            return SmallTable(weight, self.dim)
        mean = weight[FIRST:].mean(dim=0)
        centred = weight - mean
        centred[0] = 0.0  # padding has a zero vector in any case
        return SmallTable(centred, self.dim, basis=torch.eye(self.dim, width), mean=F.pad(mean, (0, self.dim - width)))

    def penalised_weights(self) -> list[Tensor]:
        """Return the weights; alpha is not regularised."""
        return [self.weight]


def split_blocks(counts: np.ndarray, shares: tuple[float, ...]) -> np.ndarray:
    """Return the block of each value [V], the most frequent in block 0."""
    order = np.argsort(-counts, kind="stable")
    edges = np.round(np.cumsum(shares) * len(counts)).astype(int)
    blocks = np.empty(len(counts), np.int64)
    blocks[order] = np.minimum(np.searchsorted(edges, np.arange(len(counts)), side="right"), len(shares) - 1)
    return blocks


def normalise_rows(gradient: Tensor) -> Tensor:
    """Return alpha's gradient [S, D] with a mean size of 1 in each block."""
    return gradient / (gradient.abs().mean(dim=1, keepdim=True) + 1e-8)


def search_alpha(network: LogNetwork, tables: list[SoftTable], work: Work, config: DimsConfig) -> None:
    """Learn weights on training rows and alpha on `choose` rows, in turns.

    Raises:
        StoppedError: asked to stop.
    """
    weights = [p for name, p in network.named_parameters() if not name.endswith(".alpha")]
    optimizer = torch.optim.Adam(weights, lr=config.learning_rate)
    choose, rng, size = work.rows.choose, work.rng(11), work.tuning.batch_size
    num_steps, step = config.epochs * -(-work.rows.train.num_rows // size), 0
    network.train()
    for epoch in range(config.epochs):
        for rows in work.rows.train.iter_batches(size, rng=work.rng(11, epoch)):
            if work.should_stop():
                raise StoppedError
            if len(rows) < 2:
                continue
            network.zero_grad(set_to_none=True)
            mean_loss(network, rows).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            network.zero_grad(set_to_none=True)
            drawn = choose.rows(rng.permutation(len(choose))[:size])
            mean_loss(network, drawn).backward()  # type: ignore[no-untyped-call]
            for table in tables:
                if table.alpha.grad is not None:
                    step_alpha(table.alpha, table.alpha.grad, config)
            step += 1
            work.progress("choosing dimensions", step, num_steps)


@torch.no_grad()
def step_alpha(alpha: Tensor, gradient: Tensor, config: DimsConfig) -> None:
    """Move alpha against its gradient and towards 0, within 0..1."""
    moved = normalise_rows(gradient) if config.normalises else gradient
    alpha.sub_(config.alpha_learning_rate * (moved + config.penalty * torch.sign(alpha))).clamp_(0.0, 1.0)


def prune_to_budget(tables: dict[str, SmallTable], budget: float) -> dict[str, Tensor]:
    """Set the smallest numbers of all tables to 0 in place, so that exactly floor(budget * all) are left; return the masks.

    Raises:
        ConfigError: the tables have fewer non-zero numbers.
    """
    flat = torch.cat([table.weight.detach().abs().flatten() for table in tables.values()])
    most = int(budget * flat.numel())
    if most < 1 or int((flat > 0).sum()) < most:
        raise ConfigError(
            f"a budget of {budget:.3g} cannot be met: {int((flat > 0).sum())} of {flat.numel()} numbers are not 0"
        )
    is_kept = torch.zeros(flat.numel())
    is_kept[torch.argsort(flat, descending=True, stable=True)[:most]] = 1.0
    masks, start = {}, 0
    for key, table in tables.items():
        masks[key] = is_kept[start : start + table.weight.numel()].view_as(table.weight)
        start += table.weight.numel()
        with torch.no_grad():
            table.weight.mul_(masks[key])
    return masks


def compress_dims(model: LogModel, work: Work, config: DimsConfig) -> dict[str, Any]:
    """Set most numbers of a model's tables to zero, by least loss on held-out rows, then tune it with the zeros kept.

    Returns:
        the numbers kept and in total, and the mean numbers kept per value in each block of frequency.
    Raises:
        ConfigError: the tables no longer have a row for each value, or the budget cannot be met.
    """
    network = model.network
    counts = count_values(model, work)

    def soften(name: str, table: SmallTable) -> SoftTable:
        blocks = np.zeros(len(table.weight), np.int64)
        blocks[FIRST:] = split_blocks(counts[name][FIRST:], config.block_shares)
        return SoftTable(table, blocks, len(config.block_shares))

    soft = wrap_tables(network, soften)
    search_alpha(network, list(soft.values()), work, config)
    small = {key: table.shrink(is_centred=config.is_centred) for key, table in soft.items()}
    masks = prune_to_budget(small, config.budget)
    unwrap_tables(network, lambda key, _: small[key])

    def hold_zeros(_: int) -> None:
        with torch.no_grad():
            for key, table in small.items():
                table.weight.mul_(masks[key])

    left = {
        key: [
            round(float(mask[soft[key].blocks == block].sum(dim=1).mean()), 2) if (soft[key].blocks == block).any() else 0.0
            for block in range(len(config.block_shares))
        ]
        for key, mask in masks.items()
    }
    losses = tune(network, work, work.tuning, after_step=hold_zeros)
    numbers = [int(sum(mask.sum() for mask in masks.values())), sum(mask.numel() for mask in masks.values())]
    return {"numbers": numbers, "numbers_a_value": left, "losses": losses}
