"""Training on streamed rows: resumable, in mixed precision, by several processes.

State is saved in RUN_DIR/state.pt, replaced atomically after each epoch and every `save_every` steps; a restarted training
continues from there and ends with the same weights. RUN_DIR then holds the weights of the best epoch as an artefact.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, nn

from adcreative.artifacts import open_atomically, save_artifact
from adcreative.ctr.config import check_positive
from adcreative.ctr.inputs.fields import InputBatch
from adcreative.ctr.log_network import LogNetwork
from adcreative.ctr.nn.distributed import shared_batch
from adcreative.ctr.training.trainer import Trainer
from adcreative.errors import ConfigError, TrainingError
from adcreative.metrics.binary import area_under_curve, log_loss
from adcreative.metrics.impressions import measure_impressions
from adcreative.progress import Count, ShouldStop, never, uncounted

SEED = 20242025
VALID_BATCH = 1024
Log = Callable[[str], None]


class Batch(Protocol):
    """Rows of a stream: labels [B] (or [B, 2]) and users [B]."""

    @property
    def labels(self) -> np.ndarray: ...
    @property
    def users(self) -> np.ndarray: ...
    def __len__(self) -> int: ...
    def rows(self, idx: slice, /) -> Self:
        """Return some of the rows."""


Rows = TypeVar("Rows", bound=Batch)
Values = TypeVar("Values", np.ndarray, Tensor)
RowsRead = TypeVar("RowsRead", bound=Batch, covariant=True)


class Stream(Protocol[RowsRead]):
    """Rows in batches: in another order for each rng, in file order for None."""

    @property
    def num_rows(self) -> int: ...
    def iter_batches(self, batch_size: int, *, rng: np.random.Generator | None = None) -> Iterator[RowsRead]: ...


class Source(Protocol[Rows]):
    """Data source of a training, which converts rows to the inputs of its network."""

    @property
    def train(self) -> Stream[Rows]: ...
    @property
    def valid(self) -> Stream[Rows]: ...
    def build(self, rows: Rows, device: torch.device) -> tuple[InputBatch]:
        """Return the arguments of the network's forward."""

    def labels(self, rows: Rows, device: torch.device) -> Tensor:
        """Return labels [B] (or [B, 2]) in the dtype of the logits."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a network is trained; the defaults are QIN's.

    embedding_regularizer r adds r / 2 * (sum of squares of all embedding weights) to the loss of every step, whole tables.
    batch_aware_regularizer: DIN's, on the rows that a batch looks up only, for networks on logs (`LogNetwork`).
    starts_at_base_rate: networks on logs start at the click rate of the training rows; else at one half, as FuxiCTR's do. After
    an epoch whose validation AUC is not above the best by min_gain the rate is multiplied by factor (never below
    min_learning_rate); after `patience` such epochs in a row training ends. The best epoch's weights are kept. average_decay:
    of the moving average of the weights, which is evaluated and kept in place of the last step's; 0: none.
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
    average_decay: float = 0.0

    def __post_init__(self) -> None:
        if self.batch_size < 2 or self.max_epochs < 1 or self.patience < 1:
            raise ConfigError(
                "batch_size must be at least 2, max_epochs and patience at least 1, "
                f"got {self.batch_size}, {self.max_epochs} and {self.patience}."
            )
        check_positive(self, "learning_rate", "factor", "max_gradient_norm")
        if not 0 <= self.average_decay < 1:
            raise ConfigError(f"average_decay must be in 0..1 (1 excluded), got {self.average_decay}.")
        if self.factor > 1:
            raise ConfigError(f"factor must be at most 1, got {self.factor}; the learning rate falls by it.")
        check_positive(
            self, "min_learning_rate", "embedding_regularizer", "batch_aware_regularizer", "min_gain", may_be_zero=True
        )


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """save_every: steps between saves within an epoch; 0 saves after epochs only. device: "cpu" or "cuda".

    precision: "no" or "bf16", as in accelerate; None: the setting of `accelerate launch`, else "no".
    """

    seed: int = SEED
    save_every: int = 200
    device: str = "cpu"
    precision: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """The object of a training. generator: the one the network was built with, whose state is saved and restored.

    settings: of network and inputs, saved with the state so that another training is not continued. kind: of the artefact.
    """

    name: str
    kind: str
    network: nn.Module
    generator: torch.Generator
    training: TrainConfig
    settings: Mapping[str, Any]


class StreamedTraining(Trainer[Rows]):
    """One network's training, resumable at any saved step, by any number of processes.

        result = StreamedTraining(job, source, Path("runs/qin")).fit()          # continues from state.pt when there is one

    Processes read the same batches and take a share each; batch norm, dropout masks and gradients are those of the whole
    batch, so the number of processes changes the weights by rounding only, and may change between a kill and the resumption.
    The loss is the network's own.

    Args:
        run_dir: folder of state.pt and the finished weights.
    Raises:
        ConfigError: run_dir holds a training with other settings.
    """

    counts_start = False

    def __init__(
        self, job: Job, source: Source[Rows], run_dir: Path, *, run: RunConfig | None = None, log: Log = print
    ) -> None:
        run = run or RunConfig()
        self.name, self.kind, self.source, self.run_dir = job.name, job.kind, source, Path(run_dir)
        self.seed, self.save_every = run.seed, run.save_every
        self.accelerator = Accelerator(cpu=run.device == "cpu", mixed_precision=run.precision)
        self.device = self.accelerator.device
        self.log = log if self.accelerator.is_main_process else _say_nothing
        self.training, self.generator = job.training, job.generator
        self.model = self.accelerator.prepare(job.network)  # moves and distributes the network, casts in forward
        trained = [parameter for parameter in job.network.parameters() if parameter.requires_grad]
        super().__init__(
            job.network,
            torch.optim.Adam(trained, lr=job.training.learning_rate, fused=True),
            patience=job.training.patience,
            max_epochs=job.training.max_epochs,
            max_gradient_norm=job.training.max_gradient_norm,
            average_decay=job.training.average_decay,
        )
        self.state.learning_rate, self.min_gain = job.training.learning_rate, job.training.min_gain
        self.num_steps = -(-source.train.num_rows // job.training.batch_size)  # of an epoch
        self.settings = {
            "model": job.name,
            "seed": run.seed,
            "training": asdict(self.training),
            **job.settings,
            "precision": self.accelerator.mixed_precision,
            "num_train": source.train.num_rows,
            "num_valid": source.valid.num_rows,
        }
        num_processes, precision = self.accelerator.num_processes, self.accelerator.mixed_precision
        self.min_rows = max(2, num_processes)  # batch norm needs two rows, each process one
        self.log(f"{job.name}: {num_processes} processes, {self.device}, precision {precision}")
        self._progress: Count = uncounted
        self._resume()

    def fit(
        self, *, max_steps: int | None = None, progress: Count = uncounted, should_stop: ShouldStop = never
    ) -> dict[str, Any] | None:
        """Train to the end, save the best weights, and return the row of the results table; None when stopped before.

        Args:
            max_steps: stop, with the state saved, after that many steps of this call.
            progress: called with (steps done, most steps). should_stop: polled before each step; True saves the state and
                stops.
        Raises:
            TrainingError: the loss is not finite, or validation has one class only.
        """
        self._progress = progress
        if not self.run(max_steps=max_steps, should_stop=should_stop):
            return None
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

    def predict(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return labels, probabilities and users [N] of the validation rows; processes take batches in turns."""
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

    def batches(self, epoch: int) -> Iterator[Rows]:
        return self.source.train.iter_batches(self.training.batch_size, rng=np.random.default_rng([self.seed, epoch]))

    def after_step(self) -> None:
        state = self.state
        self._progress(state.epoch * self.num_steps + state.step, self.max_epochs * self.num_steps)
        if self.save_every and state.step % self.save_every == 0:
            self.save()
            mean_loss = state.loss_sum / state.step
            self.log(f"{self.name}: epoch {state.epoch + 1} step {state.step}/{self.num_steps} loss {mean_loss:.4f}")

    def backward(self, rows: Rows) -> float:
        num_processes, rank = self.accelerator.num_processes, self.accelerator.process_index
        share = rows.rows(slice(len(rows) * rank // num_processes, len(rows) * (rank + 1) // num_processes))
        with shared_batch():
            logits = self.model(*self.source.build(share, self.device))
            loss = self.network.loss(logits, self.source.labels(share, self.device)) / len(rows)
            self.accelerator.backward(loss * num_processes)  # gradients are averaged over processes
        return float(self.accelerator.reduce(loss.detach(), "sum"))

    def after_gradient(self, rows: Rows) -> None:
        add_penalty_gradient(self.network, self.training.embedding_regularizer)
        if self.training.batch_aware_regularizer:
            aware: Any = self.network
            aware.add_batch_aware_gradient(*self.source.build(rows, self.device), self.training.batch_aware_regularizer)

    def broken(self, what: str) -> TrainingError:
        remedy = "lower the learning rate, or take num_rows 3" if self.name == "qin" else "lower the learning rate"
        return TrainingError(f"the {what} of {self.name} is not finite; {remedy}")

    def measure(self) -> dict[str, float]:
        labels, probabilities, _ = self.predict()
        if not np.isfinite(probabilities).all():  # the loss of the last step's weights is not known
            raise self.broken("prediction")
        auc = area_under_curve(labels, probabilities)
        return {"score": auc, "auc": auc, "log_loss": log_loss(labels, probabilities)}

    def after_epoch(self, *, is_best: bool) -> None:
        """Lower the learning rate after an epoch without a gain."""
        state, training = self.state, self.training
        if not is_best:
            state.learning_rate = max(state.learning_rate * training.factor, training.min_learning_rate)
            for group in self.optimizer.param_groups:
                group["lr"] = state.learning_rate
        latest = state.history[-1]
        self.log(
            f"{self.name}: epoch {state.epoch}/{training.max_epochs} train loss {latest['train_loss']:.4f} valid AUC "
            f"{latest['auc']:.6f} best {state.best:.6f} next rate {state.learning_rate:.2g}"
        )

    def save(self) -> None:
        if not self.accelerator.is_main_process:
            return
        told = {"settings": json.dumps(self.settings, sort_keys=True), "generator": self.generator.get_state()}
        save_state(self.run_dir / "state.pt", {**self.pack(), **told})

    def _resume(self) -> None:
        path = self.run_dir / "state.pt"
        if not path.is_file():
            return
        found = torch.load(path, map_location=self.device, weights_only=True)
        is_ours = found["settings"] == json.dumps(self.settings, sort_keys=True)
        if not is_ours or found["run"].keys() != asdict(self.state).keys():  # saved by an earlier version
            raise ConfigError(f"{path} belongs to a training with other settings or data; choose another --out or remove it")
        self.unpack(found)
        self.generator.set_state(found["generator"].cpu())
        self.log(f"{self.name}: going on in epoch {self.state.epoch + 1} after step {self.state.step}")


def _of_clicks(values: Values) -> Values:
    """Return the column of clicks, where there is also one of conversions."""
    return values if values.ndim == 1 else values[:, 0]


def add_penalty_gradient(network: LogNetwork, regularizer: float) -> None:
    """Add the gradient of regularizer / 2 * sum of squares over all embedding weights, whole tables.

    FuxiCTR adds the term to the loss; its gradient is the weights, which costs one pass over the tables.
    """
    for weight in network.embedding_weights():
        penalty = weight.detach()
        weight.grad = regularizer * penalty if weight.grad is None else weight.grad.add_(penalty, alpha=regularizer)


def _say_nothing(line: str) -> None:
    """Empty log function of every process but the first."""


def save_state(path: Path, payload: Mapping[str, Any]) -> None:
    """Write tensors and plain values to `path`; if the process is killed, the old file remains."""
    with open_atomically(path) as file:
        torch.save(dict(payload), file)
