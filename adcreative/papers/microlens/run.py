"""Train the networks and baselines on files in the layout of MicroLens_1M_x1, and put them into one table.

    python -m adcreative.papers.microlens.run DATA --out DIR [--models qin din ...] [--max-epochs N] [--batch-size N]

DATA holds train.parquet, valid.parquet and item_info.parquet (see `catalog.datasets.microlens`). Networks keep their state in
DIR/NAME/state.pt, replaced atomically after each epoch and every --save-every steps; the same command goes on from there and
ends with the same weights. DIR/NAME/ then holds the weights of the best epoch as an artefact, DIR/table.csv and .json the
comparison. Progress and figures are printed and appended to DIR/log.txt.

Several processes or GPUs train the same network, each on its share of every batch:

    accelerate launch --multi_gpu --num_processes 2 -m adcreative.papers.microlens.run DATA --out DIR ...     GPUs
    torchrun --nproc_per_node 2 -m adcreative.papers.microlens.run DATA --out DIR ...                        CPUs

(`accelerate launch --cpu` starts one process, whatever it is told; the first line of the log says how many there are)
and `--precision bf16` computes in mixed precision (weights, batch norm's sums and the optimiser stay in float32).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from torch import Tensor
from torch.nn import functional as F

from adcreative.artifacts import write_atomically
from adcreative.catalog.datasets.microlens import MmctrFile, MmctrItems, MmctrRows, read_items
from adcreative.catalog.tables import format_rows
from adcreative.ctr.inputs.fields import History, InputBatch
from adcreative.ctr.training.streamed import SEED, Job, Log, RunConfig, StreamedTraining, TrainConfig
from adcreative.errors import AdCreativeError, TrainingError
from adcreative.metrics.impressions import measure_impressions
from adcreative.papers.microlens.model import ITEM, MODELS, Entry, find_entry

PRIOR_ROWS = 20.0
COLUMNS = ("name", "auc", "auc_low", "auc_high", "log_loss", "num_parameters", "best_epoch", "epochs")


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


class MicroLensSource:
    """The files as input of `StreamedTraining`; tags and embeddings of items are kept on the device of the last batch."""

    def __init__(self, data: MicroLensData) -> None:
        self.train, self.valid = data.train, data.valid
        self.tags = torch.from_numpy(data.items.tags)
        self.embeddings = torch.from_numpy(data.items.embeddings).to(torch.get_default_dtype())

    def build(self, rows: MmctrRows, device: torch.device) -> tuple[InputBatch]:
        """Return the batch; a distinct item of its histories is held once, and columns of padding alone are left out."""
        self.tags, self.embeddings = self.tags.to(device), self.embeddings.to(device)
        is_used = np.asarray(np.count_nonzero(rows.history, axis=0) > 0)
        is_used[-1] = True
        history = rows.history[:, is_used]
        is_met = np.zeros(len(self.tags), np.uint8)
        is_met[history] = 1
        once = np.flatnonzero(is_met)
        number = np.empty(len(self.tags), np.int64)
        number[once] = np.arange(len(once))
        mask, place = (torch.from_numpy(part).to(device) for part in ((history > 0).astype(np.float32), number[history]))
        levels = torch.from_numpy(rows.levels).to(device)
        items = History(rows=self._items(torch.from_numpy(once).to(device)), place=place, mask=mask)
        return (self._items(torch.from_numpy(rows.items).to(device), levels, items),)

    def _items(self, ids: Tensor, levels: Tensor | None = None, history: History | None = None) -> InputBatch:
        columns = F.pad(ids[:, None], (0, 2)) if levels is None else torch.cat([ids[:, None], levels], dim=1)
        values, vectors = {ITEM[1]: self.tags[ids]}, {ITEM[2]: self.embeddings[ids]}
        return InputBatch(ids=columns, values=values, vectors=vectors, items=history)

    def labels(self, rows: MmctrRows, device: torch.device) -> Tensor:
        """Return labels [B] in the dtype of the embeddings."""
        return torch.from_numpy(rows.labels).to(device, self.embeddings.dtype)


class MicroLensTraining(StreamedTraining[MmctrRows]):
    """A network's training on the files; see `StreamedTraining`.

    training = MicroLensTraining("qin", data, Path("runs/qin"))
    result = training.fit()                    # continues from DIR/state.pt when there is one

    Args:
        training: the entry's when None. entry: network and sizes; those of the network `name` when None.
    """

    def __init__(
        self,
        name: str,
        data: MicroLensData,
        run_dir: Path,
        training: TrainConfig | None = None,
        *,
        entry: Entry | None = None,
        run: RunConfig | None = None,
        log: Log = print,
    ) -> None:
        run, entry = run or RunConfig(), entry or data.entry(name)
        generator = torch.Generator().manual_seed(run.seed)
        job = Job(
            name=name,
            kind=f"microlens {name}",
            network=entry.build_network(generator),
            generator=generator,
            training=training or entry.training,
            settings=entry.settings(),
        )
        self.data = data
        super().__init__(job, MicroLensSource(data), run_dir, run=run, log=log)


def measure_untrained(train: MmctrFile, valid: MmctrFile) -> list[dict[str, Any]]:
    """Return the rows of baselines without a network: the mean rate, and popularity.

    popularity = (clicks of the item + 20 * mean rate) / (rows of the item + 20), counted on the training rows

    Raises:
        TrainingError: the training or the validation rows have one class only.
    """
    clicks, shown = np.zeros(train.num_items), np.zeros(train.num_items)
    for rows in train.iter_batches(16_384):
        clicks += np.bincount(rows.items, rows.labels, train.num_items)
        shown += np.bincount(rows.items, minlength=train.num_items)
    if clicks.sum() in (0, shown.sum()):
        raise TrainingError(
            f"all {train.num_rows} rows of {train.path} have the label {clicks.sum() > 0:d}; nothing can be learnt"
        )
    rate = clicks.sum() / shown.sum()
    popularity = (clicks + PRIOR_ROWS * rate) / (shown + PRIOR_ROWS)
    batches = [(rows.labels, rows.items, rows.users) for rows in valid.iter_batches(16_384)]
    labels, items, users = (np.concatenate(values) for values in zip(*batches, strict=True))
    nothing = {"num_parameters": 0, "best_epoch": 0, "epochs": 0}
    return [
        {"name": "mean_rate", **measure_impressions(labels, np.full(len(labels), rate), users), **nothing},
        {"name": "popularity", **measure_impressions(labels, popularity[items], users), **nothing},
    ]


def render_table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return the lines as a plain text table, best AUC last."""
    ordered = sorted(lines, key=lambda line: line["auc"])
    rows = [f"{'model':<12} {'AUC':>7} {'95 % interval':>17} {'log-loss':>9} {'parameters':>12} {'epochs':>7}"]
    for line in ordered:
        interval = f"{line['auc_low']:.4f} to {line['auc_high']:.4f}"
        rows.append(
            f"{line['name']:<12} {line['auc']:>7.4f} {interval:>17} {line['log_loss']:>9.4f} "
            f"{line['num_parameters']:>12,} {line['best_epoch']:>3}/{line['epochs']}"
        )
    return "\n".join(rows)


def write_table(out_dir: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Write table.csv and table.json."""
    table = "".join(format_rows(({name: line[name] for name in COLUMNS} for line in lines), COLUMNS))
    write_atomically(out_dir / "table.csv", table.encode())
    write_atomically(out_dir / "table.json", (json.dumps(list(lines), indent=1) + "\n").encode())


def compare(
    data_dir: Path,
    out_dir: Path,
    names: Sequence[str],
    *,
    changes: Mapping[str, Any] | None = None,
    log: Log = print,
    run: RunConfig | None = None,
) -> list[dict[str, Any]]:
    """Train the networks `names`, measure them and the untrained baselines, write the table, and return its rows.

    Args:
        changes: fields of `TrainConfig` that replace the published ones.
        run: as for `MicroLensTraining`.
    Raises:
        CatalogError, ConfigError, TrainingError: as the parts.
    """
    data = MicroLensData.open(data_dir)
    trainings = [(name, replace(data.entry(name).training, **(changes or {}))) for name in names]  # checks all names first
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
    """Train and compare the models from the command line."""
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
