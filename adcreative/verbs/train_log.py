"""The verbs on impression logs, called by `pipeline`: propose a schema, train a network. Imports torch only when called."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from adcreative.artifacts import MANIFEST, check_replaceable, hash_files, write_atomically
from adcreative.catalog.column_doubts import find_post_click
from adcreative.catalog.formats.fuxictr import SUFFIXES, read_fuxictr_schema
from adcreative.catalog.formats.logs import list_log_files, log_columns, read_sample
from adcreative.catalog.log_schema import (
    LogSchema,
    check_columns,
    check_schema,
    load_schema,
    propose_schema,
    reject_columns,
    render_rejected,
    render_schema,
)
from adcreative.config import did_you_mean, load_config, read_toml
from adcreative.ctr.card import LOG_KIND
from adcreative.errors import CatalogError, ConfigError
from adcreative.progress import Progress, ShouldStop, never, silent
from adcreative.runs.batch import RunSummary
from adcreative.runs.outputs import check_not_read, check_outputs

if TYPE_CHECKING:
    from adcreative.ctr.training.log_training import InputsConfig
    from adcreative.ctr.training.streamed import TrainConfig

SECTIONS = ("inputs", "training", "network")
STATE_DIR = "training"
MADE_FROM = "log.sha256"  # file with the hash of the log that the state belongs to
STATE_FILES = re.compile(r"state\.pt|manifest\.json|log\.sha256|model-[0-9a-f]+\.safetensors|\..+")  # and temporary files


@dataclass(frozen=True, kw_only=True)
class LogSummary(RunSummary):
    """Result of training on a log: model folder, number of rows, and figures of the validation rows, and of the test rows where
    the schema's split names some. stopped: the same command continues the training."""

    unit: ClassVar[str] = "row"
    metrics: dict[str, Any]


def inspect_log(log: Path, out: Path | None = None) -> str:
    """Propose a schema for a log from its first rows, and write it to `out` when given.

    Columns unsuited for learning (row keys, constants, free text, columns written after the click) are no input;
    comments name these columns with reasons.

    Returns:
        the schema as TOML, for review by a person.
    Raises:
        CatalogError: the log cannot be read, or `out` exists. ConfigError: no column looks like a label.
    """
    sample = read_sample(Path(log))
    schema, rejected = reject_columns(propose_schema(sample), sample)
    text = render_rejected(rejected) + render_schema(schema)
    if out is not None:
        if Path(out).exists():
            raise CatalogError(f"{out} exists; a schema that was corrected by hand is not written over. Choose another place.")
        write_atomically(Path(out), text.encode())
    return text


def read_schema(path: Path) -> LogSchema:
    """Return the schema of a schema.toml, or of FuxiCTR's dataset_config.yaml or feature_map.json.

    Raises:
        ConfigError: as `load_schema` and `read_fuxictr_schema`.
    """
    if Path(path).suffix.casefold() not in SUFFIXES:
        return load_schema(Path(path))
    schema = read_fuxictr_schema(Path(path))
    check_schema(schema, str(path))
    return schema


def train_log(
    log: Path,
    out: Path,
    *,
    schema: Path,
    network: str,
    settings: Path | None = None,
    seed: int = 0,
    restart: bool = False,
    progress: Progress = silent,
    should_stop: ShouldStop = never,
) -> LogSummary:
    """Train a network of the registry on an impression log; write the model, with its encoding and figures, into `out`.

    Vocabularies and scales are fitted to training rows only. Without a split column the validation rows for early stopping are
    the last tenth in time, where the schema names a time, else a tenth of the users or of the rows; test rows are read once,
    after the weights are chosen. OptInter first searches, in one pass, and is then trained with the result. A killed training
    continues from `out`/training, or starts anew with a warning where the log has changed.

    Args:
        schema: schema.toml, or FuxiCTR's dataset_config.yaml or feature_map.json. network: of `ctr.networks.registry`.
        settings: TOML with [inputs], [training] and [network]. restart: replace a model in `out`.
    Raises:
        CatalogError: the log cannot be read, or `out` holds a model, or `out`/training holds files of another
            program. ArtifactError: `out` holds a model of another kind.
        ConfigError: schema, settings, network and log do not fit, or the model would replace an input.
        TrainingError: rows from which nothing can be learnt, or a loss that is not finite.
    """
    started_s, log, out = time.monotonic(), Path(log), Path(out)
    if out.is_file():
        raise CatalogError(f"{out} is a file; the model needs a folder. Choose another place.")
    if (out / MANIFEST).exists() and not restart:
        raise CatalogError(f"{out} holds a model; choose another place, or train it anew with --restart")
    check_replaceable(out, LOG_KIND)
    taken = (*list_log_files(log), schema, settings)
    check_outputs((out / MANIFEST,), taken, restart=restart)
    check_not_read(tuple(out.glob("model-*.safetensors")), taken)  # earlier weights, which are removed
    _list_state(out / STATE_DIR)
    from adcreative.ctr.networks.registry import find_network
    from adcreative.ctr.training.log_training import (
        LARGE_LOG,
        OF_SMALL_LOGS,
        SMALL_LOG_NETWORKS,
        Settings,
        check_fits,
        encode_log,
        measure_model,
        split_by_column,
        train_network,
    )

    entry, roles = find_network(network), read_schema(schema)
    network_config, training, inputs, named, given = _read_settings(settings, entry.config)
    check_columns(roles, log_columns(log), str(log))
    check_fits(roles, network, str(schema))
    leaks = find_post_click(read_sample(log), roles.label, roles.inputs, conversion=roles.conversion)
    warned: tuple[str, ...] = (say_post_click(leaks, str(schema)),) if leaks else ()
    files = split_by_column(log, roles)
    digest = hash_files(*list_log_files(log)).encode()
    encoded = encode_log(files, num_labels=entry.num_labels, crossed=entry.reads_crossed, progress=progress)
    warned += _forget_other_log(out / STATE_DIR, log, digest)
    if encoded.num_rows["train"] < LARGE_LOG:
        training = replace(training, **{name: value for name, value in OF_SMALL_LOGS.items() if name not in named})
        of_small = SMALL_LOG_NETWORKS.get(network, {})
        network_config = network_config if given & of_small.keys() else replace(network_config, **of_small)
    chosen = Settings(name=network, network=network_config, training=training, inputs=inputs, seed=seed)
    trained = train_network(encoded, chosen, out / STATE_DIR, progress=progress, should_stop=should_stop)
    if trained is None:
        return LogSummary(path=out, done=0, metrics={}, stopped=True, warnings=warned, seconds=time.monotonic() - started_s)
    metrics = {role: measure_model(trained.model, file) for role, file in files.items() if role != "train"}
    replace(trained.model, metrics=metrics).save(out)
    _remove_state(out / STATE_DIR)
    seconds, done = time.monotonic() - started_s, encoded.num_rows["train"]
    lines = _say(metrics, files["valid"].stops_by)
    return LogSummary(path=out, done=done, metrics=metrics, warnings=warned, lines=lines, seconds=seconds)


def _say(metrics: dict[str, Any], valid: str) -> tuple[str, ...]:
    """Return one sentence for each measured set of rows; valid: description of the validation rows."""
    named = {"valid": f"valid ({valid})"}
    return tuple(
        f"{named.get(role, role)}: AUC {found['auc']:.4f} ({found['auc_low']:.4f} to {found['auc_high']:.4f}), "
        f"log-loss {found['log_loss']:.4f}, calibration error {found['ece']:.4f}"
        for role, found in metrics.items()
        if found
    )


def say_post_click(leaks: dict[str, str], schema: str) -> str:
    """Return one sentence on inputs that were probably written after the click."""
    said = ", ".join(f'"{name}" ({reason})' for name, reason in leaks.items())
    return (
        f"written after the click, it seems, and still an input: {said}; a model that reads it cannot be used before a click. "
        f"Take it out of {schema} unless you know better."
    )


def _list_state(folder: Path) -> list[Path]:
    """Return the files of a training's state folder, each folder after its contents.

    Raises:
        CatalogError: the folder holds a file of another program, which must not be removed.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise CatalogError(f"{folder} is a link or a file, which no training wrote; choose another --out")
    found: list[Path] = []
    for place, folders, names in os.walk(folder, topdown=False):
        paths = [Path(place, name) for name in (*names, *folders)]
        for path in paths:
            is_ours = path == folder / "search" if path.is_dir() else STATE_FILES.fullmatch(path.name)
            if path.is_symlink() or not is_ours:
                raise CatalogError(f"{folder} holds {path.relative_to(folder)}, which no training wrote; choose another --out")
        found += paths
    return found


def _forget_other_log(folder: Path, log: Path, digest: bytes) -> tuple[str, ...]:
    """Record the log of a state folder, and remove a state learnt from another log; return warnings about the removal."""
    noted = folder / MADE_FROM
    if noted.is_file() and noted.read_bytes() == digest:
        return ()
    is_other = any(path.name == "state.pt" for path in _list_state(folder))
    if is_other:
        _remove_state(folder)
    write_atomically(noted, digest)
    return (f"{log} changed since this training began; it is trained anew",) if is_other else ()


def _remove_state(folder: Path) -> None:
    for path in (*_list_state(folder), folder):
        path.rmdir() if path.is_dir() else path.unlink()


def _read_settings(path: Path | None, network_config: type[Any]) -> tuple[Any, TrainConfig, InputsConfig, Set[str], Set[str]]:
    """Return the settings of network, training and inputs, and the names of those of training and of network in the file.

    Raises:
        ConfigError: an unknown section or key, or an invalid value.
    """
    from adcreative.ctr.training.log_training import OF_LOGS, InputsConfig
    from adcreative.ctr.training.streamed import TrainConfig

    sections = {} if path is None else read_toml(Path(path))
    if unknown := sorted(set(sections) - set(SECTIONS)):
        raise ConfigError(f'{path} has no section "{unknown[0]}". {did_you_mean(unknown[0], SECTIONS)}')
    chosen = sections.get("training", {})
    defaults = {**OF_LOGS, "starts_at_base_rate": True}
    training = load_config(
        TrainConfig, path, {name: value for name, value in defaults.items() if name not in chosen}, section="training"
    )
    network, inputs = load_config(network_config, path, section="network"), load_config(InputsConfig, path, section="inputs")
    return network, training, inputs, chosen.keys(), sections.get("network", {}).keys()
