"""The training loop: epochs of steps on batches, early stopping, and the weights of the best epoch.

Subclasses define data and loss: creatives (`loop`), streamed rows that can be resumed by several processes (`streamed`),
compressed networks (`compression.tuning`, `compression.distillation`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sized
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from adcreative.errors import TrainingError
from adcreative.progress import ShouldStop, never

Rows = TypeVar("Rows", bound=Sized)


@dataclass
class RunState:
    """The state of a training, besides weights and optimiser.

    step: in the unfinished epoch. best: the highest figure, that of best_epoch. train_s: CPU seconds spent on steps,
    reading included. history: figures of each epoch. num_averaged: steps in the moving average.
    """

    epoch: int = 0
    step: int = 0
    best: float = -math.inf
    best_epoch: int = 0
    num_bad_epochs: int = 0
    learning_rate: float = 0.0
    loss_sum: float = 0.0
    train_s: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    num_averaged: int = 0


class Trainer(Generic[Rows]):
    """Trains a network in place. `patience`: epochs in a row without a gain above min_gain that end it; 0: no early stopping.

    average_decay d: an epoch is evaluated, and kept, by the moving average of the weights: after step t a <- d_t a + (1 - d_t)
    w with d_t = min(d, (1 + t) / (10 + t)), so that the first weights are soon forgotten. 0: by the last step's weights.
    min_rows: least rows of a training batch. counts_start: the untrained network counts as an epoch, so that training never
    makes it worse on the validation rows.
    """

    min_rows, min_gain, counts_start = 1, 0.0, True

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        max_epochs: int,
        patience: int = 0,
        max_gradient_norm: float = math.inf,
        average_decay: float = 0.0,
    ) -> None:
        self.network: Any = network
        self.average_decay, self.averaged = average_decay, dict[str, Tensor]()
        self.optimizer = optimizer
        self.max_epochs, self.patience, self.max_gradient_norm = max_epochs, patience, max_gradient_norm
        self.state = RunState()
        self.best_weights: dict[str, Tensor] = {}

    def batches(self, epoch: int) -> Iterator[Rows]:
        """Yield the batches of an epoch, in the epoch's own order."""
        raise NotImplementedError

    def loss(self, rows: Rows) -> Tensor:
        """Return the mean loss of a batch."""
        raise NotImplementedError

    def measure(self) -> dict[str, float]:
        """Return figures of the validation rows; "score" is maximised."""
        raise NotImplementedError

    def after_gradient(self, rows: Rows) -> None:
        """Add to the gradients of a batch."""

    def after_step(self) -> None:
        """Report a step, or correct the weights after it."""

    def after_epoch(self, *, is_best: bool) -> None:
        """Adjust learning rates, and report an epoch."""

    def save(self) -> None:
        """Save the state, where the training is resumable."""

    def broken(self, what: str) -> TrainingError:
        """Return the error for a loss or prediction that is not finite."""
        return TrainingError(f"the {what} is not finite; lower the learning rate")

    @property
    def is_finished(self) -> bool:
        """True when the last epoch is done or too many in a row brought no gain."""
        return self.state.epoch >= self.max_epochs or 0 < self.patience <= self.state.num_bad_epochs

    def run(self, *, max_steps: int | None = None, should_stop: ShouldStop = never, keeps_best: bool = True) -> bool:
        """Train to the end and load the best weights; False when stopped before, after max_steps or by should_stop.

        keeps_best=False leaves the weights of the last epoch.
        """
        if self.counts_start and not self.best_weights:
            self._keep(self.measure())
        steps_left = max_steps
        while not self.is_finished:
            started_s, spent_s = time.process_time(), self.state.train_s
            for number, rows in enumerate(self.batches(self.state.epoch)):
                if number < self.state.step:  # done before the interruption
                    continue
                if steps_left == 0 or should_stop():
                    self.save()
                    return False
                if len(rows) >= self.min_rows:
                    self.step(rows)
                    self._average()
                self.state.step += 1
                self.state.train_s = spent_s + time.process_time() - started_s
                steps_left = None if steps_left is None else steps_left - 1
                self.after_step()
            self._finish_epoch()
        if keeps_best or self.averaged:
            self.network.load_state_dict(self.best_weights if keeps_best else self.averaged)
        self.network.eval()
        return True

    def step(self, rows: Rows) -> None:
        """Take one step on a batch. Raises TrainingError: the loss is not finite."""
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.backward(rows)
        if not math.isfinite(loss):
            raise self.broken("loss")
        self.state.loss_sum += loss
        self.after_gradient(rows)
        if math.isfinite(self.max_gradient_norm):
            nn.utils.clip_grad_norm_(self.network.parameters(), self.max_gradient_norm)
        self.optimizer.step()

    def backward(self, rows: Rows) -> float:
        """Compute the gradients of a batch and return its loss."""
        loss = self.loss(rows)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    @torch.no_grad()
    def _average(self) -> None:
        if not self.average_decay:
            return
        self.state.num_averaged += 1
        decay = min(self.average_decay, (1 + self.state.num_averaged) / (10 + self.state.num_averaged))
        for name, tensor in self.network.state_dict().items():
            if name in self.averaged and tensor.is_floating_point():
                self.averaged[name].lerp_(tensor, 1 - decay)
            else:  # the first step, or what is counted
                self.averaged[name] = tensor.clone()

    def _finish_epoch(self) -> None:
        last = {name: tensor.clone() for name, tensor in self.network.state_dict().items()} if self.averaged else {}
        if last:
            self.network.load_state_dict(self.averaged)
        figures = self.measure() | {"train_loss": self.state.loss_sum / self.state.step}
        self.state.epoch, self.state.step, self.state.loss_sum = self.state.epoch + 1, 0, 0.0
        is_best = self._keep(figures)
        if last:
            self.network.load_state_dict(last)
        self.after_epoch(is_best=is_best)
        self.save()

    def pack(self) -> dict[str, Any]:
        """Return the state of the training, besides the order of batches and the network's generator."""
        return {
            "run": asdict(self.state),
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best_weights,
            "averaged": self.averaged,
        }

    def unpack(self, packed: Mapping[str, Any]) -> None:
        """Restore the state of `pack`."""
        self.network.load_state_dict(packed["network"])
        self.optimizer.load_state_dict(packed["optimizer"])
        self.best_weights, self.averaged, self.state = packed["best"], packed["averaged"], RunState(**packed["run"])

    def _keep(self, figures: dict[str, float]) -> bool:
        """Record the figures of an epoch, and keep its weights when it is the best so far."""
        score, state = figures["score"], self.state
        state.history.append({name: value for name, value in figures.items() if name != "score"})
        is_best = score > state.best + self.min_gain
        if is_best:
            state.best, state.best_epoch, state.num_bad_epochs = score, state.epoch, 0
            self.best_weights = {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}
        else:
            state.num_bad_epochs += 1
        return is_best
