"""Short fine-tuning of a compressed network: Adam, best epoch on the `choose` rows.

The start counts as an epoch, so that tuning never makes a network worse on those rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from adcreative.ctr.compression.rows import CompressionRows
from adcreative.ctr.inputs.log_encoding import LogRows
from adcreative.ctr.log_network import LogNetwork, build_batch, predict_rates
from adcreative.ctr.training.streamed import add_penalty_gradient
from adcreative.ctr.training.trainer import Trainer
from adcreative.errors import ConfigError
from adcreative.metrics.binary import log_loss
from adcreative.progress import Progress, ShouldStop, never, silent

MAX_GRADIENT_NORM = 10.0


class StoppedError(Exception):
    """Raised when a stop was requested; nothing was written."""


@dataclass(frozen=True, kw_only=True)
class TuneConfig:
    """epochs 0: nothing is tuned. embedding_regularizer: as in training."""

    epochs: int = 2
    learning_rate: float = 3e-4
    batch_size: int = 2048
    embedding_regularizer: float = 1e-5

    def __post_init__(self) -> None:
        if self.epochs < 0 or self.batch_size < 2 or not 0 < self.learning_rate < 1:
            raise ConfigError(
                f"epochs must be at least 0, batch_size 2, learning_rate in 0..1; got {self.epochs}, {self.batch_size}, "
                f"{self.learning_rate}"
            )


@dataclass(frozen=True, kw_only=True)
class Work:
    """Shared inputs of every method besides the model: rows, random seed, tuning settings, and progress callbacks."""

    rows: CompressionRows
    seed: int = 0
    tuning: TuneConfig = field(default_factory=TuneConfig)
    progress: Progress = silent
    should_stop: ShouldStop = never

    def generator(self) -> torch.Generator:
        """Return a new random generator for torch."""
        return torch.Generator().manual_seed(self.seed)

    def rng(self, *part: int) -> np.random.Generator:
        """Return a new random generator for numpy."""
        return np.random.default_rng([self.seed, *part])


def tune(
    network: LogNetwork,
    work: Work,
    config: TuneConfig,
    *,
    penalty: Callable[[], Tensor] | None = None,
    after_step: Callable[[int], None] | None = None,
    keeps_best: bool = True,
    learning_rates: Mapping[int, float] | None = None,
) -> list[float]:
    """Train a network in place, leave it in eval mode; return the log-loss of the `choose` rows before and after each epoch.

    Args:
        penalty: added to the mean loss of each step. after_step: called with the number of steps, for example to keep zeros.
        keeps_best: keep the weights of the best epoch, the start included; otherwise those of the last.
        learning_rates: id() of a parameter -> its own learning rate.
    Raises:
        TrainingError: the loss is not finite. StoppedError: asked to stop.
    """
    own = learning_rates or {}
    trained = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam([{"params": [p], "lr": own.get(id(p), config.learning_rate)} for p in trained])
    tuning = _Tuning(network, optimizer, max_epochs=config.epochs, max_gradient_norm=MAX_GRADIENT_NORM)
    tuning.work, tuning.config, tuning.penalty, tuning.told = work, config, penalty, after_step
    if not tuning.run(should_stop=work.should_stop, keeps_best=keeps_best):
        raise StoppedError
    return [epoch["log_loss"] for epoch in tuning.state.history]


class _Tuning(Trainer[LogRows]):
    min_rows, num_done = 2, 0
    work: Work
    config: TuneConfig
    penalty: Callable[[], Tensor] | None
    told: Callable[[int], None] | None

    def batches(self, epoch: int) -> Iterator[LogRows]:
        return self.work.rows.train.iter_batches(self.config.batch_size, rng=self.work.rng(epoch))

    def loss(self, rows: LogRows) -> Tensor:
        loss = mean_loss(self.network, rows)
        return loss if self.penalty is None else loss + self.penalty()

    def measure(self) -> dict[str, float]:
        loss = choose_loss(self.network, self.work.rows)
        return {"score": -loss, "log_loss": loss}

    def after_gradient(self, rows: LogRows) -> None:
        add_penalty_gradient(self.network, self.config.embedding_regularizer)

    def after_step(self) -> None:
        self.num_done += 1
        if self.told is not None:
            self.told(self.num_done)
        self.work.progress(
            "tuning", self.num_done, self.max_epochs * -(-self.work.rows.train.num_rows // self.config.batch_size)
        )


def mean_loss(network: LogNetwork, rows: LogRows) -> Tensor:
    """Return the mean loss of rows: the network's own, or binary cross-entropy."""
    logits, labels = network(build_batch(rows)), torch.from_numpy(np.ascontiguousarray(rows.labels))
    found: Tensor = network.loss(logits, labels) / len(rows)
    return found


def predict_clicks(network: LogNetwork, rows: LogRows) -> np.ndarray:
    """Return click probabilities [N] in eval mode."""
    return predict_rates(network, rows)["ctr"]


def choose_loss(network: LogNetwork, rows: CompressionRows) -> float:
    """Return the log-loss of the `choose` rows."""
    return log_loss(rows.choose.clicks, predict_clicks(network, rows.choose))
