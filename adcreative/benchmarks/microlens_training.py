"""Train the networks and baselines on files in the layout of MicroLens_1M_x1, and put them into one table.

    python -m adcreative.benchmarks.microlens_training DATA --out DIR [--models qin din ...] [--max-epochs N] [--batch-size N]

DATA holds train.parquet, valid.parquet and item_info.parquet (see `catalog.datasets.microlens`). Networks keep their state in
DIR/NAME/state.pt, replaced atomically after each epoch and every --save-every steps; the same command goes on from there and
ends with the same weights. DIR/NAME/ then holds the weights of the best epoch as an artefact, DIR/table.csv and .json the
comparison. Progress and figures are printed and appended to DIR/log.txt.

Several processes or GPUs train the same network, each on its share of every batch:

    accelerate launch --multi_gpu --num_processes 2 -m adcreative.benchmarks.microlens_training DATA --out DIR ...     GPUs
    torchrun --nproc_per_node 2 -m adcreative.benchmarks.microlens_training DATA --out DIR ...                        CPUs

(`accelerate launch --cpu` starts one process, whatever it is told; the first line of the log says how many there are)
and `--precision bf16` computes in mixed precision (weights, batch norm's sums and the optimiser stay in float32).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import gather_object
from torch import Tensor
from torch.nn import functional as F

from adcreative.artifacts import save_artifact
from adcreative.benchmarks.microlens_batches import BatchBuilder
from adcreative.benchmarks.microlens_models import MODELS, Entry, TrainConfig, find_entry
from adcreative.benchmarks.microlens_table import measure, measure_untrained, render_table, write_table
from adcreative.catalog.datasets.microlens import MmctrFile, MmctrItems, MmctrRows, read_items
from adcreative.ctr.inputs.microlens import MicroLensEmbedding
from adcreative.ctr.nn.distributed import shared_batch
from adcreative.errors import AdCreativeError, ConfigError, TrainingError
from adcreative.metrics.binary import area_under_curve, log_loss

SEED = 20242025
Log = Callable[[str], None]


@dataclass(frozen=True)
class MicroLensData:
    """Opened files: training and validation rows, items by id."""

    train: MmctrFile
    valid: MmctrFile
    items: MmctrItems

    @classmethod
    def open(cls, folder: Path) -> MicroLensData:
        """Open a folder in the layout. Raises CatalogError as `MmctrFile` and `read_items`."""
        items = read_items(Path(folder) / "item_info.parquet")
        files = [MmctrFile(Path(folder) / f"{name}.parquet", num_items=len(items.tags)) for name in ("train", "valid")]
        return cls(files[0], files[1], items)

    def entry(self, name: str) -> Entry:
        """Return the model `name` with vocabularies of these files."""
        num_items, width = self.items.embeddings.shape
        return find_entry(name, num_items=num_items, num_tags=int(self.items.tags.max()) + 1, item_embedding_dim=width)


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
    """Where a training is: everything that its further course depends on, beside weights and optimiser."""

    epoch: int = 0
    step: int = 0
    best_auc: float = -1.0
    best_epoch: int = 0
    num_bad_epochs: int = 0
    learning_rate: float = 0.0
    loss_sum: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


class MicroLensTraining:
    """One network's training, resumable at any saved step, by any number of processes.

    training = MicroLensTraining("qin", data, Path("runs/qin"))
    result = training.fit()                    # goes on from DIR/state.pt when there is one

    Processes read the same batches and take a share each; batch norm, dropout masks and gradients are those of the whole
    batch, so the number of processes changes the weights by rounding only, and may change between a kill and the resumption.

    Args:
        run_dir: where state.pt and the finished weights go.
        entry: network and sizes; those that `name` stands for when None.
        training: the entry's when None.
    Raises:
        ConfigError: run_dir holds a training with other settings.
    """

    def __init__(
        self, name: str, data: MicroLensData, run_dir: Path, training: TrainConfig | None = None, *, entry: Entry | None = None,
        run: RunConfig | None = None, log: Log = print,
    ) -> None:  # fmt: skip
        run = run or RunConfig()
        self.name, self.data, self.run_dir, self.seed, self.save_every = name, data, Path(run_dir), run.seed, run.save_every
        self.accelerator = Accelerator(cpu=run.device == "cpu", mixed_precision=run.precision)
        self.device = self.accelerator.device
        self.log = log if self.accelerator.is_main_process else _say_nothing
        entry = entry or data.entry(name)
        self.training = training or entry.training
        self.generator = torch.Generator().manual_seed(run.seed)
        self.network = entry.build(entry.inputs, entry.network, generator=self.generator)
        self.model = self.accelerator.prepare(self.network)  # moves the network, spreads it, casts within its forward
        self.batches = BatchBuilder(data.items, self.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=self.training.learning_rate, fused=True)
        self.state = RunState(learning_rate=self.training.learning_rate)
        self.best_weights: dict[str, Tensor] = {}
        self.settings = {
            "model": name, "seed": run.seed, "inputs": asdict(entry.inputs), "training": asdict(self.training),
            "network": None if entry.network is None else asdict(entry.network),
            "precision": self.accelerator.mixed_precision, "num_train": data.train.num_rows, "num_valid": data.valid.num_rows,
        }  # fmt: skip
        self.log(
            f"{name}: {self.accelerator.num_processes} processes, {self.device}, precision {self.accelerator.mixed_precision}"
        )
        self._resume()

    def fit(self, *, max_steps: int | None = None) -> dict[str, Any] | None:
        """Train to the end, save the best weights, and return the line of the table; None when max_steps came first.

        Args:
            max_steps: stop, with the state saved, after that many steps of this call.
        Raises:
            TrainingError: the loss is not finite, or validation has one class only.
        """
        steps_left = max_steps
        while not self.is_finished:
            steps_left = self._train_epoch(steps_left)
            if steps_left is not None and steps_left < 0:
                return None
        self.network.load_state_dict(self.best_weights)
        result: dict[str, Any] = {
            **measure(*self.predict()),
            "num_parameters": sum(p.numel() for p in self.network.parameters()),
        }
        result |= {"name": self.name, "best_epoch": self.state.best_epoch, "epochs": self.state.epoch}
        if self.accelerator.is_main_process:
            tensors = {name: tensor.cpu().numpy() for name, tensor in self.best_weights.items()}
            notes = {"settings": self.settings, "metrics": result, "history": self.state.history}
            save_artifact(self.run_dir, kind=f"microlens {self.name}", format_version=1, tensors=tensors, notes=notes)
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
            for number, rows in enumerate(self.data.valid.iter_batches(1024)):
                if number % self.accelerator.num_processes == self.accelerator.process_index:
                    probability = torch.sigmoid(self.network(*self.batches.build(rows)).double()).cpu().numpy()
                    parts.append((number, rows.labels, probability, rows.users))
        parts = sorted(gather_object(parts), key=lambda part: part[0])
        labels, probabilities, users = (np.concatenate(values) for values in list(zip(*parts, strict=True))[1:])
        return labels, probabilities, users

    def _train_epoch(self, steps_left: int | None) -> int | None:
        """Train the rest of the current epoch; return the steps that are left, -1 when stopped before its end."""
        rng = np.random.default_rng([self.seed, self.state.epoch])
        num_steps = -(-self.data.train.num_rows // self.training.batch_size)
        for number, rows in enumerate(self.data.train.iter_batches(self.training.batch_size, rng=rng)):
            if number < self.state.step:  # done before the interruption
                continue
            if steps_left == 0:
                self._save()
                return -1
            if len(rows) > max(1, self.accelerator.num_processes - 1):  # batch norm needs two, each process one
                self._train_step(rows)
            self.state.step += 1
            steps_left = None if steps_left is None else steps_left - 1
            if self.save_every and self.state.step % self.save_every == 0:
                self._save()
                mean_loss = self.state.loss_sum / self.state.step
                self.log(f"{self.name}: epoch {self.state.epoch + 1} step {self.state.step}/{num_steps} loss {mean_loss:.4f}")
        self._finish_epoch()
        return steps_left

    def _train_step(self, rows: MmctrRows) -> None:
        num_processes, rank = self.accelerator.num_processes, self.accelerator.process_index
        share = rows.rows(slice(len(rows) * rank // num_processes, len(rows) * (rank + 1) // num_processes))
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        with shared_batch():
            logits = self.model(*self.batches.build(share))
            loss = F.binary_cross_entropy_with_logits(logits, self.batches.labels(share), reduction="sum") / len(rows)
            self.accelerator.backward(loss * num_processes)  # gradients are averaged over processes
        batch_loss = float(self.accelerator.reduce(loss.detach(), "sum"))
        if not math.isfinite(batch_loss):
            raise TrainingError(f"the loss of {self.name} is not finite; lower the learning rate, or take num_rows 3 for QIN")
        self.state.loss_sum += batch_loss
        add_penalty_gradient(self.network, self.training.embedding_regularizer)
        self.accelerator.clip_grad_norm_(self.network.parameters(), self.training.max_gradient_norm)
        self.optimizer.step()

    def _finish_epoch(self) -> None:
        """Measure, keep the weights when they are the best, else halve the rate; save."""
        state, training = self.state, self.training
        labels, probabilities, _ = self.predict()
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


def add_penalty_gradient(network: MicroLensEmbedding, regularizer: float) -> None:
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
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            torch.save(dict(payload), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def compare(
    data_dir: Path, out_dir: Path, names: Sequence[str], *, changes: Mapping[str, Any] | None = None, log: Log = print,
    run: RunConfig | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Train the networks `names`, measure them and the untrained baselines, write the table, and return its lines.

    Args:
        changes: fields of `TrainConfig` that replace the published ones.
        run: as of `MicroLensTraining`.
    Raises:
        CatalogError, ConfigError, TrainingError: as the parts.
    """
    data = MicroLensData.open(data_dir)
    trainings = [(name, replace(data.entry(name).training, **(changes or {}))) for name in names]  # names are checked first
    lines = measure_untrained(data.train, data.valid)
    process = PartialState(cpu=(run or RunConfig()).device == "cpu")
    if process.is_main_process:
        write_table(out_dir, lines)
    for name, training in trainings:
        result = MicroLensTraining(name, data, out_dir / name, training, run=run, log=log).fit()
        assert result is not None  # no step limit was given
        lines.append(result)
        if process.is_main_process:
            write_table(out_dir, lines)
    process.wait_for_everyone()
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with train, valid and item_info .parquet")
    parser.add_argument("--out", type=Path, required=True, help="folder for states, weights and the table")
    parser.add_argument("--models", nargs="+", default=list(MODELS), metavar="NAME", help=f"of {', '.join(MODELS)}")
    parser.add_argument("--max-epochs", type=int, help="default: published")
    parser.add_argument("--batch-size", type=int, help="default: published; over all processes together")
    parser.add_argument("--learning-rate", type=float, help="default: published")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--save-every", type=int, default=200, help="steps between saves of the state")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=("no", "bf16"), help="default: that of accelerate launch, else no")
    arguments = parser.parse_args(argv)
    names = ("max_epochs", "batch_size", "learning_rate")
    changes = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    run = RunConfig(**{name: getattr(arguments, name) for name in ("seed", "save_every", "device", "precision")})

    def log(line: str) -> None:
        print(line, flush=True)
        arguments.out.mkdir(parents=True, exist_ok=True)
        with (arguments.out / "log.txt").open("a") as file:
            file.write(line + "\n")

    try:
        lines = compare(arguments.data, arguments.out, arguments.models, changes=changes, run=run, log=log)
    except AdCreativeError as error:
        sys.exit(f"microlens_training: {error}")
    if PartialState().is_main_process:
        print(render_table(lines))


if __name__ == "__main__":
    main()
