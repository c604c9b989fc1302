"""Training of a network on rows that are streamed: resumable, in mixed precision, by several processes.

State is kept in RUN_DIR/state.pt, replaced atomically after each epoch and every `save_every` steps; a training that is started
again goes on from there and ends with the same weights. RUN_DIR then holds the weights of the best epoch as an artefact.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.artifacts import open_atomically, save_artifact
from adcreative.ctr.config import check_positive
from adcreative.ctr.nn.distributed import shared_batch
from adcreative.errors import ConfigError, TrainingError
from adcreative.metrics.binary import area_under_curve, log_loss
from adcreative.metrics.impressions import measure_impressions
from adcreative.progress import Count, ShouldStop

SEED = 20242025
VALID_BATCH = 1024
Log = Callable[[str], None]


class Rows(Protocol):
    """Some rows: labels, users, and parts of them."""

    labels: np.ndarray
    users: np.ndarray

    def __len__(self) -> int: ...
    def rows(self, idx: Any) -> Any:
        """Return the rows `idx`."""


class RowStream(Protocol):
    """Rows that are read a batch at a time, in another order for each `rng`."""

    @property
    def num_rows(self) -> int: ...
    def iter_batches(self, batch_size: int, *, rng: np.random.Generator | None = None) -> Iterator[Any]:
        """Yield batches of at most batch_size rows; in the order of the file when rng is None."""


class Source(Protocol):
    """Where a training reads from, and how rows become what its network takes."""

    @property
    def train(self) -> RowStream: ...
    @property
    def valid(self) -> RowStream: ...
    def build(self, rows: Any, device: torch.device) -> tuple[Any, ...]:
        """Return the arguments of the network's forward."""

    def labels(self, rows: Any, device: torch.device) -> Tensor:
        """Return labels [B] (or [B, 2]) in the dtype of the logits."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a network is trained; the defaults are QIN's.

    embedding_regularizer r adds r / 2 * (sum of squares of all embedding weights) to the loss of every step, whole tables.
    batch_aware_regularizer: DIN's, on the rows that a batch looks up only, for networks on logs (`LogNetwork`).
    starts_at_base_rate: networks on logs start at the click rate of the training rows; else at one half, as FuxiCTR's do.
    After an epoch whose validation AUC is not above the best by min_gain the rate is multiplied by factor (never below
    min_learning_rate); after `patience` such epochs in a row training ends. The best epoch's weights are kept.
    Source:
        QIN 2025, model_config.yaml and run log; FuxiCTR for the meaning of the regulariser.
    """

    learning_rate: float = 2e-3
    batch_size: int = 8192
    embedding_regularizer: float = 2e-4
    batch_aware_regularizer: float = 0.0
    starts_at_base_rate: bool = False
    factor: float = 0.5
    min_learning_rate: float = 1e-6
    min_gain: float = 1e-6
    patience: int = 8
    max_epochs: int = 100
    max_gradient_norm: float = 10.0

    def __post_init__(self) -> None:
        if self.batch_size < 2 or self.max_epochs < 1 or self.patience < 1:
            raise ConfigError(
                "batch_size must be at least 2, max_epochs and patience at least 1, "
                f"got {self.batch_size}, {self.max_epochs} and {self.patience}."
            )
        check_positive(self, "learning_rate", "factor", "max_gradient_norm")
        if self.factor > 1:
            raise ConfigError(f"factor must be at most 1, got {self.factor}; the learning rate falls by it.")
        check_positive(
            self, "min_learning_rate", "embedding_regularizer", "batch_aware_regularizer", "min_gain", may_be_zero=True
        )


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """save_every: steps between saves within an epoch; 0 saves after epochs only. device: "cpu" or "cuda".

    precision: "no" or "bf16", as accelerate names them; what `accelerate launch` was told, else "no", when None.
    """

    seed: int = SEED
    save_every: int = 200
    device: str = "cpu"
    precision: str | None = None


@dataclass
class RunState:
    """Where a training is: everything that its further course depends on, beside weights and optimiser.

    train_s: CPU seconds spent on training steps, reading included.
    """

    epoch: int = 0
    step: int = 0
    best_auc: float = -1.0
    best_epoch: int = 0
    num_bad_epochs: int = 0
    learning_rate: float = 0.0
    loss_sum: float = 0.0
    train_s: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """What is trained. generator: the one that the network was built with, whose state is saved and restored.

    settings: of network and inputs, kept with the state so that another training is not mixed in. kind: of the artefact.
    """

    name: str
    kind: str
    network: nn.Module
    generator: torch.Generator
    training: TrainConfig
    settings: Mapping[str, Any]


class StreamedTraining:
    """One network's training, resumable at any saved step, by any number of processes.

    result = StreamedTraining(job, source, Path("runs/qin")).fit()          # goes on from state.pt when there is one

    Processes read the same batches and take a share each; batch norm, dropout masks and gradients are those of the whole
    batch, so the number of processes changes the weights by rounding only, and may change between a kill and the resumption.
    A network with a method `loss(logits, labels)` is trained on it, every other on binary cross-entropy.

    Args:
        run_dir: where state.pt and the finished weights go.
    Raises:
        ConfigError: run_dir holds a training with other settings.
    """

    def __init__(self, job: Job, source: Source, run_dir: Path, *, run: RunConfig | None = None, log: Log = print) -> None:
        run = run or RunConfig()
        self.name, self.kind, self.source, self.run_dir = job.name, job.kind, source, Path(run_dir)
        self.seed, self.save_every = run.seed, run.save_every
        self.accelerator = Accelerator(cpu=run.device == "cpu", mixed_precision=run.precision)
        self.device = self.accelerator.device
        self.log = log if self.accelerator.is_main_process else _say_nothing
        self.training, self.network, self.generator = job.training, job.network, job.generator
        self.model = self.accelerator.prepare(self.network)  # moves the network, spreads it, casts within its forward
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.Adam(trained, lr=self.training.learning_rate, fused=True)
        self.state = RunState(learning_rate=self.training.learning_rate)
        self.best_weights: dict[str, Tensor] = {}
        self.settings = {
            "model": job.name, "seed": run.seed, "training": asdict(self.training), **job.settings,
            "precision": self.accelerator.mixed_precision, "num_train": source.train.num_rows,
            "num_valid": source.valid.num_rows,
        }  # fmt: skip
        num_processes, precision = self.accelerator.num_processes, self.accelerator.mixed_precision
        self.log(f"{job.name}: {num_processes} processes, {self.device}, precision {precision}")
        self._progress: Count | None = None
        self._should_stop: ShouldStop | None = None
        self._resume()

    def fit(
        self, *, max_steps: int | None = None, progress: Count | None = None, should_stop: ShouldStop | None = None
    ) -> dict[str, Any] | None:
        """Train to the end, save the best weights, and return the line of the table; None when it was stopped before.

        Args:
            max_steps: stop, with the state saved, after that many steps of this call.
            progress: told (steps done, most steps). should_stop: asked before each step; True saves the state and stops.
        Raises:
            TrainingError: the loss is not finite, or validation has one class only.
        """
        self._progress, self._should_stop = progress, should_stop
        steps_left = max_steps
        while not self.is_finished:
            steps_left = self._train_epoch(steps_left)
            if steps_left is not None and steps_left < 0:
                return None
        self.network.load_state_dict(self.best_weights)
        result: dict[str, Any] = {
            **measure_impressions(*self.predict()),
            "num_parameters": sum(p.numel() for p in self.network.parameters()),
        }
        result |= {"name": self.name, "best_epoch": self.state.best_epoch, "epochs": self.state.epoch}
        if self.accelerator.is_main_process:
            tensors = {name: tensor.cpu().numpy() for name, tensor in self.best_weights.items()}
            notes = {"settings": self.settings, "metrics": result, "history": self.state.history}
            save_artifact(self.run_dir, kind=self.kind, format_version=1, tensors=tensors, notes=notes)
        return result

    @property
    def is_finished(self) -> bool:
        """True when the last epoch is done or too many in a row brought nothing."""
        return self.state.epoch >= self.training.max_epochs or self.state.num_bad_epochs >= self.training.patience

    def predict(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return labels, probabilities and users [N] of the validation rows; processes take the batches by turns."""
        self.network.eval()
        parts: list[tuple[int, np.ndarray, np.ndarray, np.ndarray]] = []
        with torch.no_grad():
            for number, rows in enumerate(self.source.valid.iter_batches(VALID_BATCH)):
                if number % self.accelerator.num_processes == self.accelerator.process_index:
                    logits = _of_clicks(self.network(*self.source.build(rows, self.device)))
                    probability = torch.sigmoid(logits.double()).cpu().numpy()
                    parts.append((number, _of_clicks(rows.labels), probability, rows.users))
        parts = sorted(gather_object(parts), key=lambda part: part[0])
        labels, probabilities, users = (np.concatenate(values) for values in list(zip(*parts, strict=True))[1:])
        return labels, probabilities, users

    def _train_epoch(self, steps_left: int | None) -> int | None:
        """Train the rest of the current epoch; return the steps that are left, -1 when stopped before its end."""
        rng = np.random.default_rng([self.seed, self.state.epoch])
        num_steps = -(-self.source.train.num_rows // self.training.batch_size)
        started_s, spent_s = time.process_time(), self.state.train_s
        for number, rows in enumerate(self.source.train.iter_batches(self.training.batch_size, rng=rng)):
            if number < self.state.step:  # done before the interruption
                continue
            if steps_left == 0 or (self._should_stop is not None and self._should_stop()):
                self._save()
                return -1
            if len(rows) > max(1, self.accelerator.num_processes - 1):  # batch norm needs two, each process one
                self._train_step(rows)
            self.state.step += 1
            self.state.train_s = spent_s + time.process_time() - started_s
            if self._progress is not None:
                self._progress(self.state.epoch * num_steps + self.state.step, self.training.max_epochs * num_steps)
            steps_left = None if steps_left is None else steps_left - 1
            if self.save_every and self.state.step % self.save_every == 0:
                self._save()
                mean_loss = self.state.loss_sum / self.state.step
                self.log(f"{self.name}: epoch {self.state.epoch + 1} step {self.state.step}/{num_steps} loss {mean_loss:.4f}")
        self._finish_epoch()
        return steps_left

    def _train_step(self, rows: Rows) -> None:
        num_processes, rank = self.accelerator.num_processes, self.accelerator.process_index
        share = rows.rows(slice(len(rows) * rank // num_processes, len(rows) * (rank + 1) // num_processes))
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        with shared_batch():
            logits = self.model(*self.source.build(share, self.device))
            loss = self._loss(logits, self.source.labels(share, self.device)) / len(rows)
            self.accelerator.backward(loss * num_processes)  # gradients are averaged over processes
        batch_loss = float(self.accelerator.reduce(loss.detach(), "sum"))
        if not math.isfinite(batch_loss):
            raise self._not_finite("loss")
        self.state.loss_sum += batch_loss
        add_penalty_gradient(self.network, self.training.embedding_regularizer)
        if self.training.batch_aware_regularizer:
            aware: Any = self.network
            aware.add_batch_aware_gradient(*self.source.build(rows, self.device), self.training.batch_aware_regularizer)
        self.accelerator.clip_grad_norm_(self.network.parameters(), self.training.max_gradient_norm)
        self.optimizer.step()

    def _not_finite(self, what: str) -> TrainingError:
        remedy = "lower the learning rate, or take num_rows 3" if self.name == "qin" else "lower the learning rate"
        return TrainingError(f"the {what} of {self.name} is not finite; {remedy}")

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        own: Any = getattr(self.network, "loss", None)
        if own is not None:
            loss: Tensor = own(logits, labels)
            return loss
        return F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")

    def _finish_epoch(self) -> None:
        """Measure, keep the weights when they are the best, else halve the rate; save."""
        state, training = self.state, self.training
        labels, probabilities, _ = self.predict()
        if not np.isfinite(probabilities).all():  # the last step's weights, whose loss nobody has seen
            raise self._not_finite("prediction")
        auc = area_under_curve(labels, probabilities)
        state.epoch += 1
        mean_loss = state.loss_sum / state.step
        state.step, state.loss_sum = 0, 0.0
        state.history.append({"auc": auc, "log_loss": log_loss(labels, probabilities), "train_loss": mean_loss})
        if auc > state.best_auc + training.min_gain:
            state.best_auc, state.best_epoch, state.num_bad_epochs = auc, state.epoch, 0
            self.best_weights = {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}
        else:
            state.num_bad_epochs += 1
            state.learning_rate = max(state.learning_rate * training.factor, training.min_learning_rate)
            for group in self.optimizer.param_groups:
                group["lr"] = state.learning_rate
        self._save()
        self.log(
            f"{self.name}: epoch {state.epoch}/{training.max_epochs} train loss {mean_loss:.4f} valid AUC {auc:.6f} "
            f"best {state.best_auc:.6f} next rate {state.learning_rate:.2g}"
        )

    def _save(self) -> None:
        if not self.accelerator.is_main_process:
            return
        payload = {
            "settings": json.dumps(self.settings, sort_keys=True), "run": asdict(self.state),
            "network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(), "best": self.best_weights,
            "generator": self.generator.get_state(),
        }  # fmt: skip
        save_state(self.run_dir / "state.pt", payload)

    def _resume(self) -> None:
        path = self.run_dir / "state.pt"
        if not path.is_file():
            return
        found = torch.load(path, map_location=self.device, weights_only=True)
        if found["settings"] != json.dumps(self.settings, sort_keys=True):
            raise ConfigError(f"{path} belongs to a training with other settings or data; choose another --out or remove it")
        self.network.load_state_dict(found["network"])
        self.optimizer.load_state_dict(found["optimizer"])
        self.best_weights, self.state = found["best"], RunState(**found["run"])
        self.generator.set_state(found["generator"].cpu())
        self.log(f"{self.name}: going on in epoch {self.state.epoch + 1} after step {self.state.step}")


def _of_clicks(values: Any) -> Any:
    """Return the column of clicks, where there is one of conversions beside it."""
    return values if values.ndim == 1 else values[:, 0]


def add_penalty_gradient(network: Any, regularizer: float) -> None:
    """Add to the gradients that of regularizer / 2 * sum of squares over all embedding weights, whole tables.

    FuxiCTR adds the term to the loss; its gradient is the weights, which costs one pass over the tables.
    """
    for weight in network.embedding_weights():
        penalty = weight.detach()
        weight.grad = regularizer * penalty if weight.grad is None else weight.grad.add_(penalty, alpha=regularizer)


def _say_nothing(line: str) -> None:
    """The log of every process but the first."""


def save_state(path: Path, payload: Mapping[str, Any]) -> None:
    """Write tensors and plain values to `path`; a killed writer leaves the old file."""
    with open_atomically(path) as file:
        torch.save(dict(payload), file)
