"""Train the challenge network and its baselines on files in the layout of MicroLens_1M_x1, and put them into one table.

    python -m adcreative.ctr.mmctr_training DATA --out DIR [--models qin din ...] [--max-epochs N] [--batch-size N]

DATA holds train.parquet, valid.parquet and item_info.parquet (see `catalog.mmctr`). Every network keeps its state in
DIR/NAME/state.pt, replaced atomically after each epoch and every --save-every steps; the same command goes on from there and
ends with the same weights. DIR/NAME/ then holds the weights of the best epoch as an artefact, DIR/table.csv and .json the
comparison. Progress and figures are printed and appended to DIR/log.txt.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adcreative.artifacts import save_artifact
from adcreative.catalog.mmctr import MmctrFile, MmctrItems, MmctrRows, read_items
from adcreative.ctr.challenge import ChallengeEmbedding, ChallengeItems
from adcreative.ctr.mmctr_models import MODELS, Entry, Schedule, find_entry
from adcreative.ctr.mmctr_table import area_under_curve, log_loss, measure, measure_untrained, render_table, write_table
from adcreative.errors import AdCreativeError, ConfigError, TrainingError

SEED = 20242025
Log = Callable[[str], None]


@dataclass(frozen=True)
class ChallengeData:
    """Opened files: training and validation rows, items by id."""

    train: MmctrFile
    valid: MmctrFile
    items: MmctrItems

    @classmethod
    def open(cls, folder: Path) -> ChallengeData:
        """Open a folder in the layout. Raises CatalogError as `MmctrFile` and `read_items`."""
        items = read_items(Path(folder) / "item_info.parquet")
        files = [MmctrFile(Path(folder) / f"{name}.parquet", num_items=len(items.tags)) for name in ("train", "valid")]
        return cls(files[0], files[1], items)

    def entry(self, name: str) -> Entry:
        """Return the model `name` with vocabularies of these files."""
        num_items, width = self.items.embeddings.shape
        return find_entry(name, num_items=num_items, num_tags=int(self.items.tags.max()) + 1, item_embedding_dim=width)


@dataclass
class RunState:
    """Where a training is: everything that its further course depends on, beside weights and optimiser."""

    epoch: int = 0
    step: int = 0
    best_auc: float = -1.0
    best_epoch: int = 0
    failures: int = 0
    learning_rate: float = 0.0
    loss_sum: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


class ChallengeTraining:
    """One network's training, resumable at any saved step.

    training = ChallengeTraining("qin", data, Path("runs/qin"), entry.schedule)
    result = training.fit()                    # goes on from DIR/state.pt when there is one

    Args:
        run_dir: where state.pt and the finished weights go.
        save_every: steps between saves within an epoch; 0 saves after epochs only.
    Raises:
        ConfigError: run_dir holds a training with other settings.
    """

    def __init__(
        self, name: str, data: ChallengeData, run_dir: Path, schedule: Schedule | None = None, *, seed: int = SEED,
        save_every: int = 200, device: str = "cpu", log: Log = print,
    ) -> None:  # fmt: skip
        self.name, self.data, self.run_dir, self.seed, self.log = name, data, Path(run_dir), seed, log
        self.save_every, self.device = save_every, torch.device(device)
        entry = data.entry(name)
        self.schedule = schedule or entry.schedule
        self.config = entry.config
        self.generator = torch.Generator().manual_seed(seed)
        self.network = entry.build(entry.config, generator=self.generator).to(self.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=self.schedule.learning_rate)
        self.state = RunState(learning_rate=self.schedule.learning_rate)
        self.best_weights: dict[str, Tensor] = {}
        self.settings = {
            "model": name, "seed": seed, "config": asdict(self.config), "schedule": asdict(self.schedule),
            "num_train": data.train.num_rows, "num_valid": data.valid.num_rows,
        }  # fmt: skip
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
        tensors = {name: tensor.cpu().numpy() for name, tensor in self.best_weights.items()}
        notes = {"settings": self.settings, "metrics": result, "history": self.state.history}
        save_artifact(self.run_dir, kind=f"challenge {self.name}", format_version=1, tensors=tensors, notes=notes)
        return result

    @property
    def is_finished(self) -> bool:
        """True when the last epoch is done or too many in a row brought nothing."""
        return self.state.epoch >= self.schedule.max_epochs or self.state.failures >= self.schedule.patience

    def predict(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return labels, probabilities and users [N] of the validation rows."""
        self.network.eval()
        parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        with torch.no_grad():
            for rows in self.data.valid.iter_batches(1024):
                chance = torch.sigmoid(self._logits(rows)).double().cpu().numpy()
                parts.append((rows.labels, chance, rows.users))
        labels, chances, users = (np.concatenate(values) for values in zip(*parts, strict=True))
        return labels, chances, users

    def _train_epoch(self, steps_left: int | None) -> int | None:
        """Train the rest of the current epoch; return the steps that are left, -1 when stopped before its end."""
        rng = np.random.default_rng([self.seed, self.state.epoch])
        num_steps = -(-self.data.train.num_rows // self.schedule.batch_size)
        for number, rows in enumerate(self.data.train.iter_batches(self.schedule.batch_size, rng=rng)):
            if number < self.state.step:  # done before the interruption
                continue
            if steps_left == 0:
                self._save()
                return -1
            if len(rows) > 1:  # batch norm needs two
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
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        labels = torch.from_numpy(rows.labels).to(self.device)
        loss = F.binary_cross_entropy_with_logits(self._logits(rows), labels)
        if not bool(torch.isfinite(loss)):
            raise TrainingError(f"the loss of {self.name} is not finite; lower the learning rate, or take num_rows 3 for QIN")
        self.state.loss_sum += float(loss.detach())
        (loss + embedding_penalty(self.network, self.schedule.embedding_regularizer)).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.schedule.max_gradient_norm)
        self.optimizer.step()

    def _finish_epoch(self) -> None:
        """Measure, keep the weights when they are the best, else halve the rate; save."""
        state, schedule = self.state, self.schedule
        labels, chances, _ = self.predict()
        auc = area_under_curve(labels, chances)
        state.epoch += 1
        mean_loss = state.loss_sum / state.step
        state.step, state.loss_sum = 0, 0.0
        state.history.append({"auc": auc, "log_loss": log_loss(labels, chances), "train_loss": mean_loss})
        if auc > state.best_auc + schedule.min_gain:
            state.best_auc, state.best_epoch, state.failures = auc, state.epoch, 0
            self.best_weights = {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}
        else:
            state.failures += 1
            state.learning_rate = max(state.learning_rate * schedule.factor, schedule.min_learning_rate)
            for group in self.optimizer.param_groups:
                group["lr"] = state.learning_rate
        self._save()
        self.log(
            f"{self.name}: epoch {state.epoch}/{schedule.max_epochs} train loss {mean_loss:.4f} valid AUC {auc:.6f} "
            f"best {state.best_auc:.6f} next rate {state.learning_rate:.2g}"
        )

    def _logits(self, rows: MmctrRows) -> Tensor:
        levels = torch.from_numpy(rows.levels).to(self.device)
        return self.network(levels, self._gather(rows.items), self._gather(rows.history))

    def _gather(self, ids: np.ndarray) -> ChallengeItems:
        parts = (ids, self.data.items.tags[ids], self.data.items.embeddings[ids])
        return ChallengeItems(*(torch.from_numpy(part).to(self.device) for part in parts))

    def _save(self) -> None:
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


def embedding_penalty(network: ChallengeEmbedding, regularizer: float) -> Tensor:
    """Return regularizer / 2 * sum of squares over all embedding weights, whole tables, as FuxiCTR adds it to the loss."""
    return regularizer / 2 * torch.stack([weight.square().sum() for weight in network.embedding_weights()]).sum()


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
    data_dir: Path, out_dir: Path, names: Sequence[str], *, changes: Mapping[str, Any] | None = None, seed: int = SEED,
    save_every: int = 200, device: str = "cpu", log: Log = print,
) -> list[dict[str, Any]]:  # fmt: skip
    """Train the networks `names`, measure them and the untrained baselines, write the table, and return its lines.

    Args:
        changes: fields of `Schedule` that replace the published ones.
    Raises:
        CatalogError, ConfigError, TrainingError: as the parts.
    """
    data = ChallengeData.open(data_dir)
    trainings = [(name, replace(data.entry(name).schedule, **(changes or {}))) for name in names]  # names are checked first
    lines = measure_untrained(data.train, data.valid)
    write_table(out_dir, lines)
    for name, schedule in trainings:
        training = ChallengeTraining(
            name, data, out_dir / name, schedule, seed=seed, save_every=save_every, device=device, log=log
        )
        result = training.fit()
        assert result is not None  # no step limit was given
        lines.append(result)
        write_table(out_dir, lines)
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with train, valid and item_info .parquet")
    parser.add_argument("--out", type=Path, required=True, help="folder for states, weights and the table")
    parser.add_argument("--models", nargs="+", default=list(MODELS), metavar="NAME", help=f"of {', '.join(MODELS)}")
    parser.add_argument("--max-epochs", type=int, help="default: published")
    parser.add_argument("--batch-size", type=int, help="default: published")
    parser.add_argument("--learning-rate", type=float, help="default: published")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--save-every", type=int, default=200, help="steps between saves of the state")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args(argv)
    names = ("max_epochs", "batch_size", "learning_rate")
    changes = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    arguments.out.mkdir(parents=True, exist_ok=True)

    def log(line: str) -> None:
        print(line, flush=True)
        with (arguments.out / "log.txt").open("a") as file:
            file.write(line + "\n")

    try:
        lines = compare(
            arguments.data, arguments.out, arguments.models, changes=changes, seed=arguments.seed,
            save_every=arguments.save_every, device=arguments.device, log=log,
        )  # fmt: skip
    except AdCreativeError as error:
        sys.exit(f"mmctr_training: {error}")
    print(render_table(lines))


if __name__ == "__main__":
    main()
