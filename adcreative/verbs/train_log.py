"""The verbs on impression logs, which `pipeline` hands on: propose a schema, train a network. Loads no torch until called."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.artifacts import MANIFEST, write_atomically
from adcreative.catalog.formats.logs import log_columns, read_sample
from adcreative.catalog.log_schema import LogSchema, check_columns, load_schema, propose_schema, render_schema
from adcreative.config import did_you_mean, load_config
from adcreative.errors import CatalogError, ConfigError, TrainingError

if TYPE_CHECKING:
    from adcreative.ctr.inputs.log_encoding import LogEncoding
    from adcreative.ctr.log_network import LogNetwork
    from adcreative.ctr.networks.registry import NetworkEntry
    from adcreative.ctr.training.log_stream import LogFile, LogSource
    from adcreative.ctr.training.streamed import Job, TrainConfig

__all__ = ["LogSummary", "inspect_log", "train_log"]

EMBEDDING_DIM = 10
SECTIONS = ("inputs", "training", "network")
STATE_DIR = "training"
OF_LOGS = {  # where these differ from the defaults of TrainConfig, which are those of QIN on MicroLens
    "learning_rate": 1e-3, "batch_size": 4096, "embedding_regularizer": 1e-5, "factor": 0.1, "patience": 2, "max_epochs": 100,
}  # fmt: skip

Progress = Callable[[str, int, int], None]
ShouldStop = Callable[[], bool]


@dataclass(frozen=True, kw_only=True)
class InputsConfig:
    """embedding_dim: width of a field."""

    embedding_dim: int = EMBEDDING_DIM


@dataclass(frozen=True, kw_only=True)
class LogSummary:
    """What training on a log gave: the model folder, rows learnt from, and figures of the validation rows, and of the test rows
    where the schema's split names some. stopped: the same command goes on where it was."""

    path: Path
    done: int
    failed: int = 0
    metrics: dict[str, Any]
    stopped: bool = False
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    forecast: None = None

    @property
    def lines(self) -> list[str]:
        """One sentence for each set of rows that was measured."""
        return [
            f"{role}: AUC {found['auc']:.4f} ({found['auc_low']:.4f} to {found['auc_high']:.4f}), "
            f"log-loss {found['log_loss']:.4f}, calibration error {found['ece']:.4f}"
            for role, found in self.metrics.items()
            if found
        ]


def inspect_log(log: Path, out: Path | None = None) -> str:
    """Propose a schema for a log from its first rows, and write it to `out` when that is given.

    Returns:
        the schema as TOML; a person should read it before it is used.
    Raises:
        CatalogError: the log cannot be read, or `out` exists. ConfigError: no column looks like a label.
    """
    text = render_schema(propose_schema(read_sample(Path(log))))
    if out is not None:
        if Path(out).exists():
            raise CatalogError(f"{out} exists; a schema that was corrected by hand is not written over. Choose another place.")
        write_atomically(Path(out), text.encode())
    return text


def train_log(
    log: Path,
    out: Path,
    *,
    schema: Path,
    network: str,
    settings: Path | None = None,
    seed: int = 0,
    restart: bool = False,
    progress: Progress = lambda stage, done, total: None,
    should_stop: ShouldStop = lambda: False,
) -> LogSummary:
    """Train a network of the registry on an impression log; write the model, with its encoding and figures, into `out`.

    Vocabularies and scales are fitted to training rows only. Without a split column a tenth of the users (of the rows, where no
    user is named) stops the training early; test rows are read once, when the weights are chosen. OptInter first
    searches, in one pass, and is then trained with what it chose. A killed training goes on from `out`/training.

    Args:
        schema: schema.toml. network: a name of `ctr.networks.registry`. settings: TOML with [inputs], [training] and [network].
        restart: a model that stands in `out` is replaced.
    Raises:
        CatalogError: the log cannot be read, or `out` holds a model. ConfigError: schema, settings, network and log do not fit.
        TrainingError: rows that nothing can be learnt from, or a loss that is not finite.
    """
    started_s, log, out = time.monotonic(), Path(log), Path(out)
    if out.is_file():
        raise CatalogError(f"{out} is a file; the model needs a folder. Choose another place.")
    if (out / MANIFEST).exists() and not restart:
        raise CatalogError(f"{out} holds a model; choose another place, or train it anew with --restart")
    from adcreative.ctr.networks.registry import find_network

    entry, roles = find_network(network), load_schema(schema)
    network_config, training, inputs = _read_settings(settings, entry.config)
    check_columns(roles, log_columns(log), str(log))
    if entry.num_labels == 2 and not roles.conversion:
        raise ConfigError(f"{network} learns conversions; {schema} names no conversion. Add conversion = its column.")
    if entry.reads_history and not roles.sequences:
        raise ConfigError(f"{network} compares a candidate with a history; {schema} names none. Add [sequences].")
    run = _Run(log, roles, network, entry, seed, progress, should_stop)
    encoding, num_rows = run.fit_encoding()
    source = run.open(encoding, num_rows)
    state_dir = out / STATE_DIR
    if network == "optinter" and not network_config.choices:
        searched = run.train(source, encoding, network_config, replace(training, max_epochs=1), inputs, state_dir / "search")
        if searched is None:
            return LogSummary(path=out, done=0, metrics={}, stopped=True, seconds=time.monotonic() - started_s)
        choices = searched.network.choose()  # type: ignore[operator]
        network_config = replace(network_config, choices=choices)
    fitted = run.train(source, encoding, network_config, training, inputs, state_dir)
    if fitted is None:
        return LogSummary(path=out, done=0, metrics={}, stopped=True, seconds=time.monotonic() - started_s)
    metrics = run.save(fitted, encoding, network_config, inputs, out)
    shutil.rmtree(state_dir)
    return LogSummary(path=out, done=num_rows["train"], metrics=metrics, seconds=time.monotonic() - started_s)


@dataclass(frozen=True)
class _Run:
    """One training on one log."""

    log: Path
    schema: LogSchema
    name: str
    entry: NetworkEntry
    seed: int
    progress: Progress
    should_stop: ShouldStop

    def file(self, role: str) -> LogFile:
        """Return the log in one role."""
        from adcreative.ctr.training.log_stream import LogFile

        return LogFile(self.log, self.schema, role)

    def fit_encoding(self) -> tuple[LogEncoding, dict[str, int]]:
        """Return what is fitted to training rows, and the number of rows in each role.

        Raises:
            TrainingError: as `log_encoding.fit_encoding`, a column tells clicks by itself, or a role has no row.
        """
        from adcreative.ctr.inputs.log_encoding import find_leaks, fit_crossed, fit_encoding

        num_rows = dict.fromkeys(("train", "valid", "test"), 0)

        def counted() -> Iterator[Any]:
            for table in self.file("train").tables():
                num_rows["train"] += len(table)
                self.progress("reading the log", num_rows["train"], num_rows["train"])
                yield table

        encoding = fit_encoding(counted(), self.schema, num_labels=self.entry.num_labels)
        roles = ("valid", "test") if self.schema.split else ("valid",)
        for role in roles:
            num_rows[role] = sum(map(len, self.file(role).tables()))
        if not num_rows["valid"]:
            raise TrainingError(f"{self.log} has no row to stop early by; give more rows, or a split column with valid ones")
        first = encoding.encode(next(self.file("train").tables()))
        leaks = list(find_leaks(first, self.schema))
        if leaks:
            raise TrainingError(f"{self.log}: {leaks[0]}")
        if self.entry.reads_crossed:
            encoding = fit_crossed(encoding, map(encoding.encode, self.file("train").tables()))
        return encoding, num_rows

    def open(self, encoding: LogEncoding, num_rows: dict[str, int]) -> LogSource:
        """Return the training and validation rows."""
        from adcreative.ctr.training.log_stream import EncodedStream, LogSource

        train, valid = (EncodedStream(self.file(role), encoding, num_rows[role]) for role in ("train", "valid"))
        return LogSource(train, valid)

    def train(
        self, source: LogSource, encoding: LogEncoding, config: Any, training: TrainConfig, inputs: InputsConfig, run_dir: Path
    ) -> LogNetwork | None:
        """Return the network with the weights of its best epoch; None when it was stopped."""
        from adcreative.ctr.training.streamed import RunConfig, StreamedTraining

        job = self._job(encoding, config, training, inputs)
        streamed = StreamedTraining(job, source, run_dir, run=RunConfig(seed=self.seed), log=lambda line: None)
        result = streamed.fit(
            progress=lambda done, most: self.progress(f"training {self.name}", done, most), should_stop=self.should_stop
        )
        network: Any = job.network
        return None if result is None else network.eval()

    def _job(self, encoding: LogEncoding, config: Any, training: TrainConfig, inputs: InputsConfig) -> Job:
        import torch

        from adcreative.ctr.inputs.log_encoding import digest_schema
        from adcreative.ctr.log_network import KIND, LogNetwork
        from adcreative.ctr.training.streamed import Job

        generator = torch.Generator().manual_seed(self.seed)
        network = LogNetwork(self.name, encoding.spec, config, dim=inputs.embedding_dim, generator=generator)
        settings = {"network": asdict(config), "inputs": asdict(inputs), "encoding": digest_schema(encoding)}
        return Job(
            name=self.name, kind=f"{KIND} in training", network=network, generator=generator, training=training,
            settings=settings,
        )  # fmt: skip

    def save(self, network: LogNetwork, encoding: LogEncoding, config: Any, inputs: InputsConfig, out: Path) -> dict[str, Any]:
        """Save the model with its figures, and return these."""
        from adcreative.ctr.log_network import LogModel

        model = LogModel(self.name, encoding, config, inputs.embedding_dim, network, {})
        metrics = {role: self.measure(model, role) for role in (("valid", "test") if self.schema.split else ("valid",))}
        replace(model, metrics=metrics).save(out)
        return metrics

    def measure(self, model: Any, role: str) -> dict[str, Any]:
        """Return the figures of a role's rows; empty when it has none, or one class only."""
        import numpy as np

        from adcreative.metrics.impressions import measure_impressions

        labels, predicted, users = [], [], []
        for table in self.file(role).tables():
            rows = model.encoding.encode(table)
            labels.append(rows.labels if rows.labels.ndim == 1 else rows.labels[:, 0])
            predicted.append(model.predict(rows)["ctr"])
            users.append(rows.users)
        if not labels or len(np.unique(np.concatenate(labels))) < 2:
            return {}
        return measure_impressions(np.concatenate(labels), np.concatenate(predicted), np.concatenate(users))


def _read_settings(path: Path | None, network_config: type[Any]) -> tuple[Any, TrainConfig, InputsConfig]:
    """Return the settings of network, training and inputs.

    Raises:
        ConfigError: an unknown section or key, or a value that cannot be.
    """
    from adcreative.ctr.training.streamed import TrainConfig

    if path is not None:
        import tomllib

        try:
            sections = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"{path} cannot be read as TOML ({error}); check the path and that line") from error
        unknown = sorted(set(sections) - set(SECTIONS))
        if unknown:
            raise ConfigError(f'{path} has no section "{unknown[0]}". {did_you_mean(unknown[0], SECTIONS)}')
    chosen = {} if path is None else sections.get("training", {})
    training = load_config(
        TrainConfig, path, {name: value for name, value in OF_LOGS.items() if name not in chosen}, section="training"
    )
    return (
        load_config(network_config, path, section="network"), training, load_config(InputsConfig, path, section="inputs")
    )  # fmt: skip
