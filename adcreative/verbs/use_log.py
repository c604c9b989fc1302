"""The verbs on a model of an impression log: score rows, measure the model. Imports torch only when called."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adcreative.artifacts import dump_json, open_atomically, write_atomically
from adcreative.catalog.formats.logs import iter_log, list_log_files, log_columns, part_rows_of
from adcreative.config import did_you_mean
from adcreative.errors import CatalogError, ConfigError, TrainingError
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.runs.outputs import check_not_in_log, check_outputs, own_outputs
from adcreative.verbs.train_log import LogSummary

if TYPE_CHECKING:
    from adcreative.ctr.log_network import LogModel

LOW_LEVEL = 0.5  # ratio of predicted to observed clicks; a note is given below it or above its inverse
SHOWN_ROWS = 10_000  # rows of the log on which the network is described


class _StoppedError(Exception):
    """Raised to end a table before it is complete."""


def score_log(
    log: Path, out: Path, *, model: Path, restart: bool = False, progress: Progress = silent, should_stop: ShouldStop = never
) -> LogSummary:
    """Predict the click rate of each row of a log, and conversion rates where the network has them; write a CSV.

    The columns are row (from 1, over all files) and ctr, cvr, ctcvr. The label is not read. A stopped run leaves no file.

    Raises:
        CatalogError: the log or an output path cannot be used. ConfigError: the log lacks a column of the model, or
            `out` is an input or a file of another program.
        ArtifactError: as `LogModel.load`.
    """
    from adcreative.ctr.bucket_serving import open_predict

    started_s, log, out = time.monotonic(), Path(log), Path(out)
    found, columns, sources = _open(out, log, model, restart, with_label=False)
    predict, schema, num_rows = open_predict(found), found.encoding.schema, 0
    try:
        with own_outputs((out,), sources, restart=restart), open_atomically(out, is_text=True) as file:
            for table in iter_log(log, columns, part_rows=part_rows_of(schema), is_text=schema.is_text):
                if should_stop():
                    raise _StoppedError
                predicted = predict(found.encoding.encode(table, has_labels=False))
                if not num_rows:
                    file.write(",".join(["row", *predicted]) + "\n")
                values = np.stack(list(predicted.values()), axis=1)
                file.writelines(
                    f"{number}," + ",".join(f"{value:.6g}" for value in row) + "\n"
                    for number, row in enumerate(values.tolist(), start=num_rows + 1)
                )
                num_rows += len(table)
                progress("scoring rows", num_rows, num_rows)
    except _StoppedError:
        return LogSummary(path=out, done=0, metrics={}, stopped=True, seconds=time.monotonic() - started_s)
    return LogSummary(path=out, done=num_rows, metrics={}, seconds=time.monotonic() - started_s)


def evaluate_log(
    log: Path, out: Path, *, model: Path, restart: bool = False, progress: Progress = silent, should_stop: ShouldStop = never
) -> dict[str, Any]:
    """Measure a model on rows of a log outside its training data; write JSON and return the content.

    Returns:
        the figures of `metrics.impressions` (with conversions also of cvr and ctcvr), num_rows, network, model_hash, "shown":
        the network's self-description, "verdict", "note": a sentence where the level of these rows differs, else "", and
        "gaps", the list of such sentences.
    Raises:
        CatalogError, ConfigError, ArtifactError: as `score_log`, or stopped. TrainingError: the rows have one class only.
    """
    from adcreative.ctr.bucket_serving import open_predict
    from adcreative.ctr.inputs.log_encoding import join_rows
    from adcreative.ctr.training.log_training import measure_parts
    from adcreative.explain.log_network import describe_network

    log, out = Path(log), Path(out)
    found, columns, sources = _open(out, log, model, restart, with_label=True)
    predict, schema = open_predict(found), found.encoding.schema
    parts: list[Any] = []
    shown: list[Any] = []
    num_rows = 0
    for table in iter_log(log, columns, part_rows=part_rows_of(schema), is_text=schema.is_text):
        if should_stop():
            raise ConfigError("stopped before all rows were read; nothing was measured and nothing was written")
        rows = found.encoding.encode(table)
        parts.append((rows.labels, rows.users, predict(rows)))
        if num_rows < SHOWN_ROWS:
            shown.append(rows.rows(slice(0, SHOWN_ROWS)))
        num_rows += len(rows)
        progress("measuring rows", num_rows, num_rows)
    if not parts:
        raise CatalogError(f"{log} has no row")
    figures = measure_parts(parts)
    if not figures:
        raise TrainingError(f"all {num_rows} rows of {log} have one label; nothing can be measured on them")
    note = _level_note(parts, figures["predicted_over_observed"])
    result = {
        **figures,
        "num_rows": num_rows,
        "network": found.name,
        "model_hash": found.content_hash,
        "shown": describe_network(found, join_rows(shown)),
        "note": note,
        "gaps": [note] * bool(note),
        "verdict": f"{found.name} on {num_rows} rows, AUC {figures['auc']:.4f}",
    }
    with own_outputs((out,), sources, restart=restart):
        write_atomically(out, dump_json(result, indent=1).encode())
    return result


def _level_note(parts: Sequence[tuple[Any, Any, Any]], predicted_over_observed: float) -> str:
    """Return a sentence where a model predicts at least twice as many clicks as observed, or at most half as many; else ""."""
    if LOW_LEVEL <= predicted_over_observed <= 1 / LOW_LEVEL:
        return ""
    clicks = np.concatenate([labels if labels.ndim == 1 else labels[:, 0] for labels, _, _ in parts])
    return (
        f"the model expects {predicted_over_observed:.2g} times the clicks of these rows ({clicks.mean():.2%} were clicked): "
        "if rows without a click were left out of the log that it learnt from, or of this one, ranks hold and rates do not"
    )


def explain_log(log: Path, out: Path, *, model: Path, restart: bool = False, progress: Progress = silent) -> dict[str, Any]:
    """Report the fields that a model of an impression log relies on, from a log's first rows; write `out`/explanation.json.

    Returns:
        network, num_rows, auc, "fields" (AUC lost when a field is shuffled), and "shown": the network's self-description.
    Raises:
        CatalogError, ConfigError, ArtifactError: as `score_log`. TrainingError: the rows have one class only.
    """
    from adcreative.explain.log_network import describe_network, rank_fields
    from adcreative.metrics.binary import area_under_curve

    log, path = Path(log), Path(out) / "explanation.json"
    found, columns, sources = _open(path, log, model, restart, with_label=True)
    schema = found.encoding.schema
    table = next(iter_log(log, columns, part_rows=SHOWN_ROWS, is_text=schema.is_text), None)
    if table is None:
        raise CatalogError(f"{log} has no row")
    rows = found.encoding.encode(table.head(SHOWN_ROWS))
    progress("shuffling each field", 0, len(schema.inputs))
    labels = rows.clicks
    result = {
        "network": found.name,
        "model_hash": found.content_hash,
        "num_rows": len(rows),
        "auc": area_under_curve(labels, found.predict(rows)["ctr"]),
        "fields": rank_fields(found, rows, rng=np.random.default_rng(0)),
        "shown": describe_network(found, rows),
    }
    with own_outputs((path,), sources, restart=restart):
        write_atomically(path, dump_json(result, indent=1).encode())
    return result


def say_fields(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the result of `explain_log` as text lines."""
    first = f"{found['network']} on {found['num_rows']} rows, AUC {found['auc']:.4f}; AUC lost when a field is shuffled:"
    return (first, *(f"  {one['field']}: {one['auc_lost']:.4f}" for one in found["fields"]))


def _open(
    out: Path, log: Path, model: Path, restart: bool, *, with_label: bool
) -> tuple[LogModel, list[str], tuple[Path, ...]]:
    """Return the model, the columns of the log to read, and all input files, which `out` must not replace.

    Raises:
        CatalogError, ConfigError: as `check_outputs`, `out` is inside the log, or the log lacks a column of the model.
    """
    from adcreative.ctr.log_network import LogModel

    sources = (*list_log_files(log), model)
    check_outputs((out,), sources, restart=restart)
    check_not_in_log((out,), log)
    found, known = LogModel.load(model), log_columns(log)
    schema = found.encoding.schema
    needed = [*schema.inputs, *([schema.domain] if schema.domain else [])]
    needed += [name for name in (schema.label, schema.conversion) if name] if with_label else []
    missing = [name for name in needed if name not in known]
    if missing:
        raise ConfigError(f'{log} has no column "{missing[0]}", which the model reads. {did_you_mean(missing[0], known)}')
    return found, list(dict.fromkeys([*needed, *(name for name in (schema.user,) if name in known)])), sources
