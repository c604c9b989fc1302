"""The verbs on a model of an impression log: score rows, measure the model. Imports torch only when called."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from adcreative.artifacts import dump_json, open_atomically, write_atomically
from adcreative.catalog.formats.logs import iter_log, list_log_files, log_columns, part_rows_of
from adcreative.catalog.tables import write_rows
from adcreative.config import did_you_mean
from adcreative.errors import CatalogError, ConfigError, TrainingError
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.runs.outputs import check_not_in_log, check_outputs, own_outputs
from adcreative.verbs.train_log import LogSummary

if TYPE_CHECKING:
    from adcreative.ctr.log_network import LogModel

LOW_LEVEL = 0.5  # ratio of predicted to observed clicks; a note is given below it or above its inverse
SHOWN_ROWS = 10_000  # rows of the log on which the network is described
KEYS = ("ad_name", "day")  # names of the columns of `by` in a table of rates, as the commands after launch read them


class _StoppedError(Exception):
    """Raised to end a table before it is complete."""


def score_log(
    log: Path,
    out: Path,
    *,
    model: Path,
    by: str = "",
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> LogSummary:
    """Predict the click rate of each row of a log, and conversion rates where the network has them; write a CSV.

    The columns are row (from 1, over all files) and ctr, cvr, ctcvr. The label is not read. A stopped run leaves no file.

    Args:
        by: a column of ids, as "creative", or ids and days, as "creative,day": one row for each of their values instead, with
            ad_name, day, impressions (rows of the log) and mean rates, as `rotate` and `forecast` read them.
    Raises:
        CatalogError: the log or an output path cannot be used. ConfigError: the log lacks a column of the model or of `by`, or
            `out` is an input or a file of another program.
        ArtifactError: as `LogModel.load`.
    """
    from adcreative.ctr.bucket_serving import open_predict

    started_s, log, out = time.monotonic(), Path(log), Path(out)
    keys = _read_keys(by)
    found, columns, sources = _open(out, log, model, restart, with_label=False, also=keys)
    predict, schema, num_rows = open_predict(found), found.encoding.schema, 0

    def rates() -> Iterator[tuple[pd.DataFrame, Mapping[str, np.ndarray]]]:
        """Yield rows of the log with their rates."""
        nonlocal num_rows
        ids = {*keys[:1]}
        for table in iter_log(
            log, columns, part_rows=part_rows_of(schema), is_text=lambda name: name in ids or schema.is_text(name)
        ):
            if should_stop():
                raise _StoppedError
            yield table, predict(found.encoding.encode(table, has_labels=False))
            num_rows += len(table)
            progress("scoring rows", num_rows, num_rows)

    try:
        with own_outputs((out,), sources, restart=restart):
            _write_by(out, keys, rates()) if keys else _write_each(out, rates())
    except _StoppedError:
        return LogSummary(path=out, done=0, metrics={}, stopped=True, seconds=time.monotonic() - started_s)
    return LogSummary(path=out, done=num_rows, metrics={}, seconds=time.monotonic() - started_s)


def _write_each(out: Path, rates: Iterable[tuple[pd.DataFrame, Mapping[str, np.ndarray]]]) -> None:
    """Write the rates of each row."""
    num_before = 0
    with open_atomically(out, is_text=True) as file:
        for table, predicted in rates:
            if not num_before:
                file.write(",".join(["row", *predicted]) + "\n")
            values = np.stack(list(predicted.values()), axis=1)
            file.writelines(
                f"{number}," + ",".join(f"{value:.6g}" for value in row) + "\n"
                for number, row in enumerate(values.tolist(), start=num_before + 1)
            )
            num_before += len(table)


def _write_by(out: Path, keys: Sequence[str], rates: Iterable[tuple[pd.DataFrame, Mapping[str, np.ndarray]]]) -> None:
    """Write the number of rows and the mean rates of each id (and day)."""
    sums = pd.DataFrame()
    for table, predicted in rates:
        sums = _sum_by(keys, table, predicted, sums)
    if sums.empty:
        raise CatalogError("the log has no row")
    names = [name for name in sums.columns if name != "impressions"]
    sums[names] = sums[names].div(sums["impressions"], axis=0).map("{:.6g}".format)
    columns = (*KEYS[: len(keys)], "impressions", *names)
    rows = sums.reset_index()[list(columns)].itertuples(index=False, name=None)
    write_rows(out, (dict(zip(columns, row, strict=True)) for row in rows), columns)


def _read_keys(by: str) -> list[str]:
    keys = [name.strip() for name in by.split(",") if name.strip()]
    if len(keys) > len(KEYS):
        raise ConfigError(f'--by takes a column of ids, or ids and days, as "creative,day"; got {", ".join(keys)}')
    return keys


def _sum_by(
    keys: Sequence[str], table: pd.DataFrame, predicted: Mapping[str, np.ndarray], before: pd.DataFrame
) -> pd.DataFrame:
    """Return the number of rows and the sums of their rates for each id (and day), with those of earlier rows added.

    Raises:
        ConfigError: a day is no date.
    """
    named = {KEYS[0]: table[keys[0]].to_numpy()}
    if len(keys) > 1:
        days = pd.to_datetime(table[keys[1]].astype(str), errors="coerce", format="ISO8601", utc=True)
        if days.isna().any():
            wrong = table[keys[1]][days.isna()].iloc[0]
            raise ConfigError(f'"{keys[1]}" holds {wrong!r}, which is no date like 2026-11-30; leave it out of --by')
        named[KEYS[1]] = days.dt.strftime("%Y-%m-%d").to_numpy()
    rows = pd.DataFrame({**named, "impressions": 1, **predicted}).groupby(list(named)).sum()
    return rows if before.empty else pd.concat([before, rows]).groupby(level=list(named)).sum()


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
    out: Path, log: Path, model: Path, restart: bool, *, with_label: bool, also: Sequence[str] = ()
) -> tuple[LogModel, list[str], tuple[Path, ...]]:
    """Return the model, the columns of the log to read, `also` included, and all input files, which `out` must not replace.

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
    if absent := [name for name in also if name not in known]:
        raise ConfigError(f'{log} has no column "{absent[0]}". {did_you_mean(absent[0], known)}')
    return found, list(dict.fromkeys([*needed, *(name for name in (schema.user,) if name in known), *also])), sources
