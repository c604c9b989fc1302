"""The rows of a compression: rows to learn from, rows to choose by, and rows for the final measurement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from adcreative.ctr.inputs.log_encoding import UNKNOWN, LogEncoding, LogRows, join_rows
from adcreative.ctr.training.log_stream import EncodedStream, LogFile
from adcreative.errors import ConfigError, TrainingError

MIN_HELD_ROWS = 200
MOST_UNKNOWN = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class CompressionRows:
    """train: a stream of training rows. choose: rows for decisions (widths, thresholds, early stopping). held: used for
    neither. held_role: name of the held rows, "test" or "half of valid"."""

    train: EncodedStream
    choose: LogRows
    held: LogRows
    held_role: str


def open_rows(files: Mapping[str, LogFile], encoding: LogEncoding) -> CompressionRows:
    """Open the roles of a log with the encoding of a trained model.

    Without test rows, half of the validation rows are held out: whole users, where users are named.

    Raises:
        ConfigError: the data differ from the training data of the model: most values of a column are unknown.
        TrainingError: there are too few rows, or rows of one class only.
    """
    parts = {role: [encoding.encode(table) for table in file.tables()] for role, file in files.items() if role != "train"}
    num_train = sum(map(len, files["train"].tables()))
    if not num_train or not parts.get("valid"):
        raise TrainingError(f"{files['train'].path} has no rows to learn from or to choose by; check its split column")
    valid = join_rows(parts["valid"])
    if parts.get("test"):
        choose, held, held_role = valid, join_rows(parts["test"]), "test"
    else:
        key = valid.users if len(np.unique(valid.users)) > 1 else np.arange(len(valid))
        is_held = (key.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)) % np.uint64(2) == 0
        choose, held, held_role = valid.rows(np.flatnonzero(~is_held)), valid.rows(np.flatnonzero(is_held)), "half of valid"
    train = EncodedStream(files["train"], encoding, num_train)
    _check_known(next(train.iter_batches(4096)), encoding)
    for name, rows in (("to choose by", choose), (f"to measure on ({held_role})", held)):
        clicks = int((rows.clicks > 0).sum())
        if len(rows) < MIN_HELD_ROWS or clicks in (0, len(rows)):
            raise TrainingError(
                f"there are {len(rows)} rows {name}, {clicks} of them clicked; an interval needs {MIN_HELD_ROWS}, of both kinds"
            )
    return CompressionRows(train=train, choose=choose, held=held, held_role=held_role)


def _check_known(rows: LogRows, encoding: LogEncoding) -> None:
    """Raise ConfigError when most values of a column are unknown to the model."""
    for name, ids in zip(encoding.schema.categories, rows.arrays["ids"].T, strict=True):
        share = float((ids == UNKNOWN).mean())
        if share > MOST_UNKNOWN and encoding.vocabularies[name]:
            raise ConfigError(
                f'{share:.0%} of the values of "{name}" are unknown to the model: it was trained on other data. Give that log.'
            )
