"""Cost and accuracy of a model: stored numbers, bytes, rows per second, predictions on held-out rows."""

from __future__ import annotations

import statistics
import tempfile
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from adcreative.ctr.compression.tuning import predict_clicks
from adcreative.ctr.inputs.log_encoding import LogRows
from adcreative.ctr.log_network import LogModel, build_batch

SPEED_ROWS, SPEED_ROUNDS = 4096, 9


@dataclass(frozen=True, kw_only=True, eq=False)
class Point:
    """A model after a compression step.

    numbers: stored non-zero weights. weight_bytes: of all weights in memory. peak_bytes: of weights and of all live tensors
    while SPEED_ROWS rows are scored. disk_bytes: of the saved folder. predicted: click probabilities of the held-out rows.
    """

    name: str
    model: LogModel
    numbers: int
    weight_bytes: int
    peak_bytes: int
    disk_bytes: int
    predicted: np.ndarray


def measure_point(name: str, model: LogModel, held: LogRows) -> Point:
    """Measure a model; its speed is measured later, together with other models (`measure_speeds`)."""
    state = model.network.state_dict().values()
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model")
        disk_bytes = sum(path.stat().st_size for path in (Path(folder) / "model").iterdir())
    weight_bytes = sum(one.numel() * one.element_size() for one in state)
    return Point(
        name=name,
        model=model,
        numbers=sum(int((one != 0).sum()) for one in state if one.is_floating_point()),
        weight_bytes=weight_bytes,
        peak_bytes=weight_bytes + measure_peak(model.network, held),
        disk_bytes=disk_bytes,
        predicted=predict_clicks(model.network, held),
    )


class _LiveBytes(TorchDispatchMode):
    """Counts the bytes of live tensors made by operations: now, and at most."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.most = 0, 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, func: Callable[..., object], types: object, args: Sequence[object] = (), kwargs: dict[str, object] | None = None
    ) -> object:
        found = func(*args, **(kwargs or {}))
        for one in found if isinstance(found, tuple | list) else (found,):
            if isinstance(one, Tensor) and (key := one.untyped_storage().data_ptr()) not in self._known and key:
                self._count(one, key)
        return found

    def _count(self, made: Tensor, key: int) -> None:
        size = made.untyped_storage().nbytes()
        self._known.add(key)
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(made.untyped_storage(), self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


@torch.no_grad()
def measure_peak(network: nn.Module, rows: LogRows) -> int:
    """Return the peak bytes of live tensors while SPEED_ROWS rows are scored, without the weights."""
    batch = build_batch(rows.rows(np.resize(np.arange(len(rows)), SPEED_ROWS)))
    network.eval()
    with _LiveBytes() as live:
        network(batch)
    return live.most


@torch.inference_mode()
def measure_speeds(networks: Sequence[nn.Module], rows: LogRows) -> list[float]:
    """Return rows per second of each network, in turns on the same rows, the median of rounds; without encoding of rows."""
    batch = build_batch(rows.rows(np.resize(np.arange(len(rows)), SPEED_ROWS)))
    spent: list[list[float]] = [[] for _ in networks]
    for turn in range(SPEED_ROUNDS + 1):
        for network, times in zip(networks, spent, strict=True):
            network.eval()
            started_s = time.perf_counter()
            network(batch)
            if turn:  # the first round warms up
                times.append(time.perf_counter() - started_s)
    return [SPEED_ROWS / statistics.median(times) for times in spent]
