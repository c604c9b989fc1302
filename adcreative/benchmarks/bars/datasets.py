"""Frozen data sets: an id stands for files with their md5, the role of each column and the width of a field.

A custom data set is a TOML file with the fields of `BarsDataset`:

    id = "spring-campaign"
    train = "train.parquet"            # files in the folder of the TOML; valid may be left out
    test = "test.parquet"
    [md5]
    "train.parquet" = "03fa35aa..."
    "test.parquet" = "a68efaa3..."
    [schema]
    label = "click"
    categorical = ["user", "placement", "creative"]

Where the published protocol uses the test rows for early stopping (its sequence sets), or names no validation rows, a tenth of
the training part's users (rows, where no user is named) is held out for it. The data sets of BARS-CTR are in datasets.yaml.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any

from adcreative.catalog.formats.logs import log_columns
from adcreative.catalog.log_schema import LogSchema, check_columns, check_schema
from adcreative.config import build_config, did_you_mean, load_config, read_packaged_yaml
from adcreative.ctr.config import check_sizes
from adcreative.errors import CatalogError, ConfigError


@dataclass(frozen=True, kw_only=True)
class BarsDataset:
    """id: files and preprocessing. train, valid, test: files in one folder; valid "" = a tenth of train is held out,
    or, where the schema names a split column, its roles (train and test are one file then).

    md5: of every file. embedding_dim: width of a field, fixed for all networks. monitor: the metric of model selection, "auc"
    or "gauc". source: where a user gets the files. note: further information for readers of the board.
    """

    id: str
    train: str
    test: str
    valid: str = ""
    md5: dict[str, str] = field(default_factory=dict)
    schema: LogSchema
    embedding_dim: int = 10
    monitor: str = "auc"
    source: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        check_sizes(self)
        if not self.id.strip() or not self.id.isprintable():
            raise ConfigError(f"id must be one line of text, got {self.id!r:.100}.")
        if self.monitor not in ("auc", "gauc"):
            raise ConfigError(f'monitor must be "auc" or "gauc", got "{self.monitor}".')
        if self.monitor == "gauc" and not self.schema.user:
            raise ConfigError('monitor "gauc" compares the rows of each user; the schema must name a user.')
        for name in (self.train, self.test, *([self.valid] if self.valid else [])):
            place = PurePosixPath(name)
            if not place.name or not name.isprintable() or place.is_absolute() or {"..", "\\"} & {*place.parts, *name}:
                raise ConfigError(f"train, valid and test must be names of files in one folder, got {name!r:.100}.")
        if not self.schema.split and len({self.train, self.valid, self.test} - {""}) < 2 + bool(self.valid):
            raise ConfigError("train, valid and test must be different files, unless the schema names a split column.")

    @property
    def file_names(self) -> tuple[str, ...]:
        """Names of all files, once each."""
        return tuple(dict.fromkeys(name for name in (self.train, self.valid, self.test) if name))


_FROZEN: Mapping[str, Any] = read_packaged_yaml(files("adcreative.benchmarks.bars") / "datasets.yaml")
DATASETS = {id: build_config(BarsDataset, {"id": id, **values}, where=id) for id, values in _FROZEN["datasets"].items()}
PUBLISHED: Mapping[str, Mapping[str, Sequence[float]]] = _FROZEN["published"]  # data set -> network -> AUC and log-loss


def find_dataset(name: str, folder: Path | None = None) -> tuple[BarsDataset, Path]:
    """Return a data set by id or by the path of its TOML, and the folder of its files.

    Args:
        folder: folder of the files; None: the folder of the TOML, or the folder NAME for an id.
    Raises:
        ConfigError: no such id, or an invalid TOML.
    """
    if name.endswith(".toml"):
        found = load_config(BarsDataset, Path(name))
        check_schema(found.schema, name)
        return found, Path(folder or Path(name).parent)
    by_fold = {id.casefold(): one for id, one in DATASETS.items()}
    if name.casefold() not in by_fold:
        raise ConfigError(f'no data set "{name}", and no TOML file. {did_you_mean(name, DATASETS)}')
    found = by_fold[name.casefold()]
    return found, Path(folder or found.id)


def check_files(dataset: BarsDataset, folder: Path) -> None:
    """Refuse files other than the frozen files of the data set.

    Raises:
        CatalogError: a file is missing. ConfigError: its md5 is another, or none is stated, or it lacks a column of the schema.
    """
    for name in dataset.file_names:
        path = folder / name
        if not path.is_file():
            raise CatalogError(f"{path} is not there; {dataset.id} comes from {dataset.source or 'its makers'}")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "md5").hexdigest()
        if name not in dataset.md5:
            raise ConfigError(f'{dataset.id} states no md5 of {name}; add "{name}" = "{found}" under [md5]')
        if found != dataset.md5[name].strip().casefold():
            raise ConfigError(
                f"{path} has the md5 {found}, {dataset.id} stands for {dataset.md5[name]}; get the file anew, or give it an "
                "id of its own"
            )
        check_columns(dataset.schema, log_columns(path), str(path))
