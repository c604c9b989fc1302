"""Figures of the challenge comparison: AUC with an interval over users, log-loss, untrained baselines, the table. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adcreative.artifacts import write_atomically
from adcreative.catalog.datasets.microlens import MmctrFile
from adcreative.catalog.tables import format_rows
from adcreative.errors import TrainingError
from adcreative.metrics.impressions import measure_impressions

PRIOR_ROWS = 20.0
COLUMNS = ("name", "auc", "auc_low", "auc_high", "log_loss", "num_parameters", "best_epoch", "epochs")


def measure_untrained(train: MmctrFile, valid: MmctrFile) -> list[dict[str, Any]]:
    """Return the lines of what needs no network: the mean rate, and popularity.

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
