"""Data-parallel training: N processes share one training and end with the same weights as a single process.

Each process has a contiguous share of every batch. Inside `shared_batch()` layers that combine rows do so over all
shares: batch norm sums over processes, dropout draws the mask of the whole batch and uses its own rows. Outside, or with
one process, there is no communication. Knows tensors and torch.distributed only; accelerate starts the processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import FunctionCtx

_IS_SHARED: ContextVar[bool] = ContextVar("is_shared", default=False)


@contextmanager
def shared_batch() -> Iterator[None]:
    """Context in which a layer's rows are this process's share of a batch, in the order of the processes' ranks."""
    several = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
    token = _IS_SHARED.set(several)
    try:
        yield
    finally:
        _IS_SHARED.reset(token)


def all_reduce(values: Tensor) -> Tensor:
    """Return the sum of `values` over all processes; gradients flow back to all processes."""
    return _Sum.apply(values) if _IS_SHARED.get() else values


def shard_offset(num_rows: int) -> tuple[int, int]:
    """Return (rows of the processes before this one, rows of all processes)."""
    if not _IS_SHARED.get():
        return 0, num_rows
    counts = torch.zeros(dist.get_world_size(), dtype=torch.int64)
    counts[dist.get_rank()] = num_rows
    dist.all_reduce(counts)
    return int(counts[: dist.get_rank()].sum()), int(counts.sum())


class _Sum(torch.autograd.Function):
    """All-reduce by sum in both directions: each loss depends on every share, so each share gathers every gradient."""

    @staticmethod
    def forward(ctx: FunctionCtx, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total
