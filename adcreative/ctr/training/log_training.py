"""Train one network on the rows of an impression log: encoding, training, figures. Used by the verb `train` and the benchmark.

A `LogFile` for each role ("train", "valid", perhaps "test") selects its rows: parts of one log, or separate files.
Knows no command and writes no model; the caller saves the result.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from adcreative.catalog.log_schema import LogSchema
from adcreative.ctr.config import check_sizes
from adcreative.ctr.inputs.fields import InputBatch
from adcreative.ctr.inputs.log_encoding import LogEncoding, LogRows, digest_schema, fit_crossed, fit_encoding
from adcreative.ctr.inputs.log_leaks import find_late_histories, find_leaks
from adcreative.ctr.inputs.network_inputs import Network
from adcreative.ctr.log_network import LogModel, LogNetwork, build_batch, build_log_network
from adcreative.ctr.networks.registry import NetworkEntry, find_network
from adcreative.ctr.training.log_stream import EncodedStream, LogFile, find_cut
from adcreative.ctr.training.streamed import Job, RunConfig, StreamedTraining, TrainConfig
from adcreative.errors import ConfigError, TrainingError
from adcreative.metrics.impressions import measure_impressions
from adcreative.progress import Progress, ShouldStop, never, silent

EMBEDDING_DIM = 10
BYTES_A_WEIGHT = 16  # float32 with its gradient and Adam's two moments
COUNTED_ROWS = 65_536  # rows per chunk when ids are counted
OF_LOGS = {  # differences to the defaults of TrainConfig, which are those of QIN on MicroLens
    "learning_rate": 1e-3,
    "batch_size": 4096,
    "embedding_regularizer": 1e-5,
    "factor": 0.1,
    "patience": 2,
    "max_epochs": 100,
}
# Training rows below which OF_SMALL_LOGS applies; on the Frappe part FinalMLP then has a test AUC of 0.945 in place of 0.928.
# In larger logs an id has many rows, and a step costs as much as all tables have numbers.
LARGE_LOG = 1_000_000
OF_SMALL_LOGS: Mapping[str, Any] = {"batch_size": 512, "embedding_regularizer": 0.01}
# Network -> settings for the same logs, unless one of them is given. FinalMLP on the Frappe part, two seeds: 0.954 and 0.953
# where three layers of 64 without batch norm have 0.945 and 0.949; on iPinYou's 51 test clicks no difference is to be seen.
SMALL_LOG_NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "finalmlp": {
        "hidden_dims_1": (400,),
        "hidden_dims_2": (100,),
        "num_heads": 5,
        "batch_norm": True,
        "dropout_prob_1": 0.2,
        "dropout_prob_2": 0.2,
    }
}


@dataclass(frozen=True, kw_only=True)
class InputsConfig:
    """embedding_dim: width of a field."""

    embedding_dim: int = EMBEDDING_DIM

    def __post_init__(self) -> None:
        check_sizes(self)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All user settings of one training. network: of the registry entry's config class."""

    name: str
    network: Any
    training: TrainConfig
    inputs: InputsConfig = InputsConfig()
    seed: int = 0

    @property
    def entry(self) -> NetworkEntry:
        """The network's entry in the registry."""
        return find_network(self.name)


@dataclass(frozen=True, kw_only=True, eq=False)
class EncodedLog:
    """A log with its fitted encoding, as `streamed.Source`: rows of small logs are encoded once and cached.

    num_rows: by role. click_rate: of the training rows.
    """

    files: Mapping[str, LogFile]
    encoding: LogEncoding
    num_rows: Mapping[str, int]
    click_rate: float = 0.5

    @cached_property
    def train(self) -> EncodedStream:
        """Return the training rows."""
        return EncodedStream(self.files["train"], self.encoding, self.num_rows["train"])

    @cached_property
    def valid(self) -> EncodedStream:
        """Return the validation rows."""
        return EncodedStream(self.files["valid"], self.encoding, self.num_rows["valid"])

    def build(self, rows: LogRows, device: torch.device) -> tuple[InputBatch]:
        """Return the batch."""
        return (build_batch(rows, device),)

    def labels(self, rows: LogRows, device: torch.device) -> Tensor:
        """Return labels [B], or [B, 2]."""
        return torch.from_numpy(np.ascontiguousarray(rows.labels)).to(device)


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """Result of one training: the model without figures, figures of its best epoch, and training rows per CPU second."""

    model: LogModel
    history: list[dict[str, float]]
    valid: dict[str, Any]
    rows_per_s: float


def split_by_column(log: Path, schema: LogSchema) -> dict[str, LogFile]:
    """Return the roles of one log: by its split column, else its last tenth in time, a tenth of the users or of the rows
    for early stopping."""
    roles, cut = ("train", "valid", "test") if schema.split else ("train", "valid"), find_cut(log, schema)
    return {role: LogFile(log, schema, role, cut) for role in roles}


def check_fits(schema: LogSchema, name: str, where: str) -> None:
    """Refuse a schema that lacks inputs of a network.

    Raises:
        ConfigError: no conversion, or no history.
    """
    entry = find_network(name)
    if entry.num_labels == 2 and not schema.conversion:
        raise ConfigError(f"{name} learns conversions; {where} names no conversion. Add conversion = its column.")
    if entry.reads_history and not schema.sequences:
        raise ConfigError(f"{name} compares a candidate with a history; {where} names none. Add [sequences].")


def encode_log(
    files: Mapping[str, LogFile], *, num_labels: int = 1, crossed: bool = False, progress: Progress = silent
) -> EncodedLog:
    """Fit vocabularies and scales to the training rows, and count the rows of each role. The test rows are only counted.

    Raises:
        TrainingError: as `log_encoding.fit_encoding`, a column encodes the click, or a role has no row.
    """
    num_rows, num_clicks = {"train": 0}, 0.0

    def counted() -> Iterator[pd.DataFrame]:
        nonlocal num_clicks
        for table in files["train"].tables():
            num_rows["train"] += len(table)
            num_clicks += float(pd.to_numeric(table[files["train"].schema.label], errors="coerce").sum())
            progress("reading the log", num_rows["train"], num_rows["train"])
            yield table

    encoding = fit_encoding(counted(), files["train"].schema, num_labels=num_labels)
    num_rows |= {role: sum(map(len, file.tables())) for role, file in files.items() if role != "train"}
    where = files["train"].path
    if not num_rows["valid"]:
        raise TrainingError(f"{where} has no row to stop early by; give more rows, or a split column with valid ones")
    table = next(files["train"].tables())
    leaks = [*find_leaks(encoding.encode(table), encoding.schema), *find_late_histories(table, encoding.schema)]
    if leaks:
        raise TrainingError(f"{where}: {leaks[0]}")
    if crossed:
        encoding = fit_crossed(encoding, map(encoding.encode, files["train"].tables()))
    return EncodedLog(files=files, encoding=encoding, num_rows=num_rows, click_rate=num_clicks / num_rows["train"])


def train_network(
    log: EncodedLog,
    settings: Settings,
    run_dir: Path,
    *,
    say: Callable[[str], None] = lambda line: None,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> Trained | None:
    """Train one network and return it with the weights of its best epoch; None when stopped.

    OptInter without given choices first searches, in one pass, and is then trained with the result. A stopped or
    killed training continues from `run_dir`.

    Raises:
        ConfigError: run_dir holds a training with other settings. TrainingError: the loss is not finite.
    """
    if settings.entry.searches and not settings.network.choices:
        once = replace(settings, training=replace(settings.training, max_epochs=1))
        searched = _fit(log, once, run_dir / "search", say, progress, should_stop)
        if searched is None:
            return None
        choices = searched.model.network.network.choose()  # type: ignore[operator]
        settings = replace(settings, network=replace(settings.network, choices=choices))
    return _fit(log, settings, run_dir, say, progress, should_stop)


def _fit(
    log: EncodedLog, settings: Settings, run_dir: Path, say: Callable[[str], None], progress: Progress, should_stop: ShouldStop
) -> Trained | None:
    generator = torch.Generator().manual_seed(settings.seed)
    dim = settings.inputs.embedding_dim
    _check_memory(log.encoding, settings.entry.embedding_dim or dim)
    _check_layers(settings.network, settings.name)
    network = build_log_network(settings.name, log.encoding.spec, settings.network, dim=dim, generator=generator)
    if settings.training.starts_at_base_rate:
        own: Network = network.network
        own.start_at(math.log(log.click_rate / (1 - log.click_rate)))  # both classes occur
    notes = {"network": asdict(settings.network), "inputs": asdict(settings.inputs), "encoding": digest_schema(log.encoding)}
    job = Job(
        name=settings.name,
        kind=f"{LogModel.KIND} in training",
        network=network,
        generator=generator,
        training=settings.training,
        settings=notes,
    )
    if settings.training.batch_aware_regularizer:
        network.count_ids(build_batch(rows) for rows in log.train.iter_batches(COUNTED_ROWS))
    streamed = StreamedTraining(job, log, run_dir, run=RunConfig(seed=settings.seed), log=say)
    figures = streamed.fit(
        progress=lambda done, most: progress(f"training {settings.name}", done, most), should_stop=should_stop
    )
    if figures is None:
        return None
    if settings.entry.num_labels > 1:
        _calibrate(network.eval(), log)
    model = LogModel(settings.name, log.encoding, settings.network, dim, network.eval(), {})
    num_learnt = streamed.state.epoch * log.num_rows["train"]
    return Trained(
        model=model, history=streamed.state.history, valid=figures, rows_per_s=num_learnt / max(streamed.state.train_s, 1e-9)
    )


@torch.no_grad()
def _calibrate(network: LogNetwork, log: EncodedLog) -> None:
    """Calibrate conversion rates on the clicked validation rows."""
    parts = [(network(build_batch(rows)), torch.from_numpy(rows.labels)) for rows in log.valid.iter_batches(COUNTED_ROWS)]
    network.network.calibrate(torch.cat([logits for logits, _ in parts]), torch.cat([labels for _, labels in parts]))


def _check_memory(encoding: LogEncoding, dim: int) -> None:
    """Refuse tables that do not fit into memory with their gradients and Adam's two moments.

    Raises:
        ConfigError: names the largest field.
    """
    sizes = {**encoding.spec.categorical, **encoding.spec.multi_valued}
    needed = BYTES_A_WEIGHT * dim * sum(sizes.values())
    memory = _machine_bytes(needed)
    if needed > memory:
        name = max(sizes, key=lambda one: sizes[one])
        raise ConfigError(
            f'the tables need {needed / 2**30:,.0f} GiB, this machine has {memory / 2**30:,.0f}; "{name}" alone has '
            f"{sizes[name]:,} rows. Lower max_vocabulary in the schema, or embedding_dim in the settings."
        )


def _check_layers(config: object, name: str) -> None:
    """Refuse hidden layers that do not fit into memory with their gradients and Adam's two moments.

    Raises:
        ConfigError: names the network and its widths.
    """
    for field, dims in vars(config).items():
        if "_dims" in field and isinstance(dims, tuple):
            needed = BYTES_A_WEIGHT * sum(a * b for a, b in pairwise(dims))
            memory = _machine_bytes(needed)
            if needed > memory:
                raise ConfigError(
                    f"{name}: {field} {', '.join(map(str, dims))} needs {needed / 2**30:,.0f} GiB, this machine has "
                    f"{memory / 2**30:,.0f}; take narrower layers"
                )


def _machine_bytes(otherwise: int) -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else otherwise


def measure_model(model: LogModel, file: LogFile) -> dict[str, Any]:
    """Return the figures of a role's rows; empty without rows, or with one class only.

    With conversions there is "cvr", the figures of clicked rows, and "ctcvr", those of all rows; left out with one class only.
    """
    parts: list[tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]] = []
    for table in file.tables():
        rows = model.encoding.encode(table)
        parts.append((rows.labels, rows.users, model.predict(rows)))
    return measure_parts(parts)


def measure_parts(parts: Sequence[tuple[np.ndarray, np.ndarray, Mapping[str, np.ndarray]]]) -> dict[str, Any]:
    """Return the figures of rows given as (labels [N] or [N, 2], users [N], predictions by name)."""
    if not parts:
        return {}
    labels, users = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    predicted = {name: np.concatenate([part[2][name] for part in parts]) for name in parts[0][2]}
    clicks = labels if labels.ndim == 1 else labels[:, 0]
    if len(np.unique(clicks)) < 2:
        return {}
    figures: dict[str, Any] = dict(measure_impressions(clicks, predicted["ctr"], users))
    if labels.ndim == 2:
        for name, rows in (("cvr", clicks > 0), ("ctcvr", np.ones(len(clicks), bool))):
            conversions = labels[rows, 1]
            if len(np.unique(conversions)) > 1:
                figures[name] = measure_impressions(conversions, predicted[name][rows], users[rows])
    return figures
