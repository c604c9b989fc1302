"""The verb `select`: the values and pairs of a log that are worth keeping, as tables and as a schema to train with."""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import combinations, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.artifacts import read_manifest, write_atomically
from adcreative.catalog.formats.logs import list_log_files, log_columns
from adcreative.catalog.log_schema import LogSchema, check_columns, render_schema
from adcreative.catalog.tables import write_rows
from adcreative.config import load_config
from adcreative.ctr.card import LOG_FORMAT, LOG_KIND
from adcreative.errors import ConfigError
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.runs.batch import RunSummary
from adcreative.runs.outputs import check_not_in_log, check_outputs, own_outputs

if TYPE_CHECKING:
    from adcreative.ctr.compression.tuning import Work
    from adcreative.ctr.log_network import LogModel
    from adcreative.papers.compression import values

FILES = ("values.csv", "pairs.csv", "schema.toml", "optinter.toml")
DROP, NOISE = "drop", "noise"
PAIR_BATCHES, PAIR_BATCH_ROWS = 4, 65_536


def select(
    model: Path,
    data: Path,
    out: Path,
    *,
    settings: Path | None = None,
    seed: int = 0,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> RunSummary:
    """Select the values of each field, and the pairs of fields, that a network of this log needs.

    Values are selected by gates that a trained model learns (OptFS); pairs are memorised, factorised or dropped by a separate
    search (OptInter), and kept pairs without information beyond chance are marked as noise (permutation test).
    `out` gets values.csv, pairs.csv, a schema.toml without fields that keep no value, and optinter.toml with the choices:
    train LOG --schema out/schema.toml --network optinter --settings out/optinter.toml.

    Args:
        model: a folder that `train` wrote for a log. data: that log. settings: TOML with [values] and [tuning], as in compress.
    Raises:
        ConfigError: the model has no categorical field, or the settings do not fit. CatalogError: the data cannot be read.
        TrainingError: too few rows. ArtifactError: as `LogModel.load`.
    """
    started_s, model, data, out = time.monotonic(), Path(model), Path(data), Path(out)
    read_manifest(model, kind=LOG_KIND, formats=(LOG_FORMAT,))
    outputs, inputs = tuple(out / name for name in FILES), (*list_log_files(data), model, settings)
    check_outputs(outputs, inputs, restart=restart)
    check_not_in_log(outputs, data)
    from adcreative.ctr.compression.rows import open_rows
    from adcreative.ctr.compression.tuning import StoppedError, TuneConfig, Work
    from adcreative.ctr.log_network import LogModel
    from adcreative.ctr.training.log_training import split_by_column
    from adcreative.papers.compression.values import ValuesConfig

    found = LogModel.load(model)
    schema = found.encoding.schema
    if not schema.categories:
        raise ConfigError(f"{model} reads no categorical field; there is no value and no pair to choose")
    check_columns(schema, log_columns(data), str(data))
    files = split_by_column(data, schema)
    work = Work(
        rows=open_rows(files, found.encoding),
        seed=seed,
        progress=progress,
        should_stop=should_stop,
        tuning=load_config(TuneConfig, settings, {} if settings else {"epochs": 0}, section="tuning"),
    )
    with own_outputs(outputs, inputs, restart=restart):
        choices = None
        with suppress(StoppedError):
            values = _choose_values(found, work, load_config(ValuesConfig, settings, section="values"))
            choices = _choose_pairs(files, seed, progress, should_stop)
            choices = choices and _name_noise(choices, work)
        if choices is None:
            return RunSummary(path=out, done=0, stopped=True, seconds=time.monotonic() - started_s)
        kept = {name: (sum(row["kept"] for row in rows), len(rows)) for name, rows in values.items()}
        needed = {*schema.sequences.values(), schema.user}
        dropped = tuple(name for name, (now, _) in kept.items() if not now and name in schema.categories and name not in needed)
        dropped = () if len(dropped) == len(schema.categories) else dropped
        _write(out, schema, values, choices, dropped)
    said = [f"{name}: {now} of {of} values are worth a row" for name, (now, of) in kept.items()]
    return RunSummary(
        path=out,
        done=sum(of for _, of in kept.values()),
        seconds=time.monotonic() - started_s,
        lines=(*said, *(f"{pair}: {choice}" for pair, choice in choices.items() if choice != DROP)),
    )


def _choose_values(model: LogModel, work: Work, config: values.ValuesConfig) -> dict[str, list[dict[str, Any]]]:
    """Return, for each categorical or multi-valued field, its values with frequency and whether they are kept."""
    from adcreative.ctr.inputs.log_encoding import FIRST
    from adcreative.ctr.inputs.small_tables import SmallTable
    from adcreative.papers.compression.values import compress_values
    from adcreative.papers.compression.wrapping import count_values, iter_tables

    counts = count_values(model, work)
    trial = replace(model, network=copy.deepcopy(model.network))
    compress_values(trial, work, config)
    is_kept: dict[str, Any] = {}
    for _, group, name in iter_tables(trial.network):  # a value is kept where any table of the network keeps it
        table = group.table(name)
        assert isinstance(table, SmallTable)
        assert table.places is not None  # so compress_values leaves them
        kept = table.places[0].numpy() > 0
        is_kept[name] = kept | is_kept[name] if name in is_kept else kept
    return {
        name: [
            {"field": name, "value": value, "seen": int(counts[name][row]), "kept": int(kept[row])}
            for row, value in enumerate(model.encoding.vocabularies.get(name) or (), start=FIRST)
        ]
        for name, kept in is_kept.items()
    }


def _choose_pairs(files: Mapping[str, Any], seed: int, progress: Progress, should_stop: ShouldStop) -> dict[str, str] | None:
    """Return the search's choice for each pair of categorical fields; None when stopped, {} without pairs."""
    from adcreative.ctr.networks.optinter import OptInterConfig
    from adcreative.ctr.training.log_training import Settings, encode_log, train_network
    from adcreative.ctr.training.streamed import TrainConfig

    names = list(combinations(files["train"].schema.categories, 2))
    if not names:
        return {}
    encoded = encode_log(files, crossed=True, progress=progress)
    training = TrainConfig(learning_rate=5e-3, batch_size=512, embedding_regularizer=1e-5, patience=1, max_epochs=1)
    steps = max(encoded.num_rows["train"] // training.batch_size, 1)
    network = OptInterConfig(hidden_dims=(64, 64), anneal_steps=steps)
    chosen = Settings(name="optinter", network=network, training=training, seed=seed)
    with tempfile.TemporaryDirectory() as run_dir:
        trained = train_network(encoded, chosen, Path(run_dir), progress=progress, should_stop=should_stop)
    if trained is None:
        return None
    return {f"{a} x {b}": choice for (a, b), choice in zip(names, trained.model.config.choices, strict=True)}


def _name_noise(choices: Mapping[str, str], work: Work) -> dict[str, str]:
    """Return the choices, with NOISE for kept pairs without information beyond chance."""
    from adcreative.ctr.inputs.log_encoding import join_rows
    from adcreative.metrics.information import find_noise_pairs

    rows = join_rows(list(islice(work.rows.train.iter_batches(PAIR_BATCH_ROWS, rng=work.rng(13)), PAIR_BATCHES)))
    is_noise = find_noise_pairs(rows.arrays["ids"], rows.clicks, rng=work.rng(14))
    return {
        pair: NOISE if noise and choice != DROP else choice
        for (pair, choice), noise in zip(choices.items(), is_noise, strict=True)
    }


def _write(
    out: Path,
    schema: LogSchema,
    values: Mapping[str, Sequence[Mapping[str, Any]]],
    pairs: Mapping[str, str],
    dropped: Sequence[str],
) -> None:
    """Write the four files."""
    left = [name for name in schema.categories if name not in dropped]
    kept_pairs = [DROP if (said := pairs[f"{a} x {b}"]) == NOISE else said for a, b in combinations(left, 2)]
    smaller = replace(
        schema,
        categorical=tuple(name for name in schema.categorical if name not in dropped),
        bucketed=tuple(name for name in schema.bucketed if name not in dropped),
    )
    out.mkdir(parents=True, exist_ok=True)
    write_rows(out / FILES[0], [row for rows in values.values() for row in rows], ("field", "value", "seen", "kept"))
    write_rows(
        out / FILES[1],
        [dict(zip(("first", "second", "choice"), (*pair.split(" x "), choice), strict=True)) for pair, choice in pairs.items()],
        ("first", "second", "choice"),
    )
    write_atomically(out / FILES[2], render_schema(smaller).encode())
    listed = ", ".join(f'"{choice}"' for choice in kept_pairs)
    write_atomically(out / FILES[3], f"[network]\nhidden_dims = [64, 64]\nchoices = [{listed}]\n".encode())
