"""The grid of settings, the same for every network: a YAML file, expanded and keyed by a hash of each setting.

    training:                       # for every network: lists are choices, one value is one choice
      embedding_regularizer: [0.0, 0.001, 0.01]
    networks:
      dnn: {hidden_dims: [[400, 400, 400], [400]], dropout_prob: [0.0, 0.2]}
      finalmlp:
        num_heads: [1, 5]
        training: {learning_rate: [0.001, 0.0005]}     # instead of the shared choices, for this network
      autoint+: {of: autoint, hidden_dims: [[400, 400]]}         # a separate line for a variant

A list of lists is a choice between lists. An unknown key is refused with a suggestion.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from adcreative.artifacts import dump_json
from adcreative.config import build_config, config_as_dict, did_you_mean, parse_yaml
from adcreative.ctr.networks.registry import NETWORKS, find_network
from adcreative.ctr.training.log_training import OF_LOGS, InputsConfig, Settings
from adcreative.ctr.training.streamed import TrainConfig
from adcreative.errors import ConfigError

GRIDS = Path(__file__).parent / "grids"
SECTIONS = ("training", "networks")
MOST_SETTINGS = 10_000
LINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.+-]{0,63}")  # used as folder name and in tables


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training: a line of the board (a network or a variant of it), its settings, and one seed."""

    line: str
    settings: Settings
    data_key: str

    @property
    def setting_key(self) -> str:
        """Hash of everything but the seed: data set, files, network and settings."""
        return self._hash({"seed": None})

    @property
    def key(self) -> str:
        """Name of the trial's folder: line, hash of the settings with the seed."""
        return f"{self.line.replace('+', '-plus')}-{self._hash({})}"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, the complete input of the hash."""
        one = self.settings
        return {
            "line": self.line,
            "data": self.data_key,
            "network": one.name,
            "settings": config_as_dict(one.network),
            "training": asdict(one.training),
            "inputs": asdict(one.inputs),
            "seed": one.seed,
        }

    def _hash(self, changes: Mapping[str, Any]) -> str:
        return hashlib.sha256(dump_json({**self.as_dict(), **changes}, sort_keys=True).encode()).hexdigest()[:10]


def read_grid(name: str) -> dict[str, Any]:
    """Return a grid: one of ours by name, or a YAML file.

    Raises:
        ConfigError: it cannot be read, has a duplicate key, an unknown section, or a line with an invalid name.
    """
    known = {path.stem: path for path in GRIDS.glob("*.yaml")}
    if not name.endswith((".yaml", ".yml")) and name not in known:
        raise ConfigError(f'no grid "{name}", and no YAML file. {did_you_mean(name, known)}')
    path = known.get(name, Path(name))
    try:
        grid = parse_yaml(path.read_text(encoding="utf-8"), is_strict=True)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path} cannot be read as YAML ({' '.join(str(error).split())}); check the path and the file"
        ) from error
    if not isinstance(grid, dict) or not isinstance(grid.get("networks"), dict) or not grid["networks"]:
        raise ConfigError(f"{path} has no section networks with at least one line; it lists what is tried for each network")
    unknown = [key for key in grid if key not in SECTIONS]
    if unknown:
        raise ConfigError(f'{path} has no section "{unknown[0]}". {did_you_mean(str(unknown[0]), SECTIONS)}')
    for line in grid["networks"]:
        if not isinstance(line, str) or not LINE.fullmatch(line):
            raise ConfigError(
                f"{path}: a line of networks must be named by at most 64 letters, digits, spaces or _ . + -, got {line!r:.100}"
            )
    return grid


def expand(
    grid: Mapping[str, Any], lines: Sequence[str], *, data_key: str, embedding_dim: int, seed: int, where: str
) -> list[Trial]:
    """Return a trial for each setting of the requested lines, () = all.

    Raises:
        ConfigError: an unknown line, network or key, an invalid value, or too many settings.
    """
    known = {line: _settings_of(values, f"{where}, {line}") for line, values in grid["networks"].items()}
    of_all = _settings_of(grid.get("training"), f"{where}, training")
    unknown = [line for line in lines if line not in known]
    if unknown:
        raise ConfigError(f'{where} tries nothing for "{unknown[0]}". {did_you_mean(unknown[0], known)}')
    trials = []
    for line in lines or known:
        values = dict(known[line])
        name = values.pop("of", line)
        if not isinstance(name, str) or name not in NETWORKS:
            raise ConfigError(f'{where}: no network named "{name}". {did_you_mean(str(name), NETWORKS)}')
        shared = {**of_all, **_settings_of(values.pop("training", None), f"{where}, {line}, training")}
        entry, inputs = find_network(name), InputsConfig(embedding_dim=embedding_dim)
        for network in _choices(values, entry.config, f"{where}, {line}"):
            for training in _choices(shared, TrainConfig, f"{where}, training"):
                settings = Settings(
                    name=name,
                    network=build_config(entry.config, network, where=f"{where}, {line}"),
                    inputs=inputs,
                    seed=seed,
                    training=build_config(TrainConfig, {**OF_LOGS, **training}, where=f"{where}, training"),
                )
                trials.append(Trial(line=line, settings=settings, data_key=data_key))
                if len(trials) > MOST_SETTINGS:
                    raise ConfigError(f"{where} has more than {MOST_SETTINGS} settings; try fewer values")
    return trials


def _settings_of(values: object, where: str) -> dict[Any, Any]:
    """Return the settings of a section; empty for an empty section.

    Raises:
        ConfigError: it is no table.
    """
    if values is not None and not isinstance(values, dict):
        raise ConfigError(f"{where}: must be settings, each with its choices ({{}} for none), got {values!r:.100}")
    return values or {}


def _choices(values: Mapping[str, Any], config: type[Any], where: str) -> Iterator[dict[str, Any]]:
    """Yield every combination of the listed choices.

    Raises:
        ConfigError: an unknown key, or no choice for one.
    """
    types = {one.name: str(one.type) for one in fields(config)}
    unknown = [key for key in values if key not in types]
    if unknown:
        raise ConfigError(f'{where}: unknown key "{unknown[0]}". {did_you_mean(str(unknown[0]), types)}')
    options = []
    for name, value in values.items():
        is_list = types[name].startswith("tuple")
        is_choice = isinstance(value, list) and (not is_list or (bool(value) and all(isinstance(one, list) for one in value)))
        chosen = value if is_choice else [value]
        if not chosen:
            raise ConfigError(f'{where}: "{name}" has no value to try')
        options.append([(name, _as_number(one) if types[name] == "float" else one) for one in chosen])
    return (dict(pairs) for pairs in itertools.product(*options))


def _as_number(value: object) -> object:
    """Return a number that YAML reads as text, since it has no decimal point (1e-3); other values unchanged."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
