"""Frozen data sets: an id carries files with their md5, the part of each column and the width of a field.

A data set of one's own is a TOML file with the fields of `BarsDataset`:

    id = "spring-campaign"
    train = "train.parquet"            # files lie beside the TOML; valid may be left out
    test = "test.parquet"
    [md5]
    "train.parquet" = "03fa35aa..."
    "test.parquet" = "a68efaa3..."
    [schema]
    label = "click"
    categorical = ["user", "placement", "creative"]

Where the published protocol stops early by the test rows (its sequence sets), or names no validation rows, a tenth of the
training part's users (rows, where no user is named) is set aside for it.
Source:
    BARS-CTR for the ids, their preprocessing and widths; RecZoo's pages of the data sets for the md5 sums.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from adcreative.catalog.formats.logs import log_columns
from adcreative.catalog.log_schema import LogSchema, check_columns, check_schema
from adcreative.config import did_you_mean, load_config
from adcreative.ctr.config import check_sizes
from adcreative.errors import CatalogError, ConfigError

CRITEO_NUMBERS, CRITEO_CATEGORIES = tuple(f"I{k}" for k in range(1, 14)), tuple(f"C{k}" for k in range(1, 27))
AVAZU_X4 = (
    "hour", "weekday", "is_weekend", "C1", "banner_pos", "site_id", "site_domain", "site_category", "app_id", "app_domain",
    "app_category", "device_id", "device_ip", "device_model", "device_type", "device_conn_type",
    *(f"C{k}" for k in range(14, 22)),
)  # fmt: skip
FRAPPE = ("user", "item", "daytime", "weekday", "isweekend", "homework", "cost", "weather", "country", "city")


@dataclass(frozen=True, kw_only=True)
class BarsDataset:
    """id: names files and preprocessing. train, valid, test: files in one folder; valid "" = a tenth of train is set aside,
    or, where the schema names a split column, what it says (train and test are one file then).

    md5: of every file. embedding_dim: width of a field, fixed for all networks. monitor: what the choice is made by, "auc" or
    "gauc". source: where a user gets the files. note: what else a reader of the board must know.
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


def _csv(id: str, md5: tuple[str, str, str], schema: LogSchema, embedding_dim: int, source: str) -> BarsDataset:
    names = ("train.csv", "valid.csv", "test.csv")
    return BarsDataset(
        id=id, train=names[0], valid=names[1], test=names[2], md5=dict(zip(names, md5, strict=True)), schema=schema,
        embedding_dim=embedding_dim, source=source,
    )  # fmt: skip


_CRITEO_X1 = ("30b89c1c7213013b92df52ec44f52dc5", "f73c71fb3c4f66b6ebdfa032646bea72", "2c48b26e84c04a69b948082edae46f8c")
_CRITEO_X4 = ("4a53bb7cbc0e4ee25f9d6a73ed824b1a", "fba5428b22895016e790e2dec623cb56", "cfc37da0d75c4d2d8778e76997df2976")
_AVAZU_X1 = ("f1114a07aea9e996842c71648e0f6395", "d9568f246357d156c4b8030fadb8b623", "9e2fe9c48705c9315ae7a0953eb57acf")
_AVAZU_X4 = ("de3a27264cdabf66adf09df82328ccaa", "33232931d84d6452d3f956e936cab2c9", "3ebb774a9ca74d05919b84a3d402986d")
_MOVIELENS = ("efc8bceeaa0e895d566470fc99f3f271", "e1930223a5026e910ed5a48687de8af1", "54e8c6baff2e059fe067fb9b69e692d0")
_FRAPPE_X1 = ("ba7306e6c4fc19dd2cd84f2f0596d158", "88d51bf2173505436d3a8f78f2a59da8", "3470f6d32713dc5f7715f198ca7c612a")


def _criteo_x4(min_count: int) -> LogSchema:
    return LogSchema(label="label", bucketed=CRITEO_NUMBERS, categorical=CRITEO_CATEGORIES, min_count=min_count)


def _avazu_x4(min_count: int) -> LogSchema:
    return LogSchema(label="click", categorical=AVAZU_X4, min_count=min_count)


def _fields(*names: str) -> LogSchema:
    return LogSchema(label="label", categorical=names)


_ALL = (
    _csv("Criteo_x1", _CRITEO_X1, LogSchema(label="label", numeric=CRITEO_NUMBERS, categorical=CRITEO_CATEGORIES), 10,
         "huggingface.co/datasets/reczoo/Criteo_x1"),
    _csv("Criteo_x4_001", _CRITEO_X4, _criteo_x4(10), 16, "huggingface.co/datasets/reczoo/Criteo_x4"),
    _csv("Criteo_x4_002", _CRITEO_X4, _criteo_x4(2), 40, "huggingface.co/datasets/reczoo/Criteo_x4"),
    _csv("Avazu_x1", _AVAZU_X1, _fields(*(f"feat_{k}" for k in range(1, 23))), 10, "huggingface.co/datasets/reczoo/Avazu_x1"),
    _csv("Avazu_x4_001", _AVAZU_X4, _avazu_x4(2), 16, "huggingface.co/datasets/reczoo/Avazu_x4"),
    _csv("Avazu_x4_002", _AVAZU_X4, _avazu_x4(1), 40, "huggingface.co/datasets/reczoo/Avazu_x4"),
    _csv("MovielensLatest_x1", _MOVIELENS, _fields("user_id", "item_id", "tag_id"), 10,
         "huggingface.co/datasets/reczoo/MovielensLatest_x1"),
    _csv("Frappe_x1", _FRAPPE_X1, _fields(*FRAPPE), 10, "huggingface.co/datasets/reczoo/Frappe_x1"),
    BarsDataset(
        id="Frappe_part", train="frappe-train.parquet", test="frappe-test.parquet", schema=_fields(*FRAPPE),
        md5={"frappe-train.parquet": "03fa35aa7d32f11cffebc48404e155d0",
             "frappe-test.parquet": "a68efaa376959c0b9fa535151d541b5b"},
        source="validation and test rows of Frappe_x1, as parquet",
        note="Learns from the 57,722 validation rows of Frappe_x1, its test rows are the published ones; published figures "
             "rest on 202,027 training rows and do not compare.",
    ),
    BarsDataset(
        id="iPinYou_part", train="ipinyou-train.parquet", test="ipinyou-test.parquet",
        md5={"ipinyou-train.parquet": "18a9c506dfcc69bafeeda7d5f328792f",
             "ipinyou-test.parquet": "d906d18a04cd50c97daf6e505f2bfafb"},
        schema=_fields("weekday", "hour", "useragent", "IP", "region", "city", "adexchange", "domain", "slotid", "slotwidth",
                       "slotheight", "slotvisibility", "slotformat", "creative", "advertiser", "slotprice"),
        source="github.com/wnzhang/deep-ctr", note="A part of the iPinYou log: 255 and 51 clicks.",
    ),
    BarsDataset(
        id="AmazonBeauty_sequences", train="amazon-beauty-sequences.parquet", test="amazon-beauty-sequences.parquet",
        md5={"amazon-beauty-sequences.parquet": "156f3d8c2c84f25a9dab98f0836be8f3"}, embedding_dim=16, monitor="gauc",
        schema=LogSchema(label="click", user="user", categorical=("item",), sequences={"history": "item"}, split="split",
                         max_history=50),
        source="github.com/RUCAIBox/CIKM2020-S3Rec (Beauty)",
        note="Each event is a click, beside one drawn item that the user never had; the last event of a user is tested.",
    ),
)  # fmt: skip
DATASETS = {one.id: one for one in _ALL}


def find_dataset(name: str, folder: Path | None = None) -> tuple[BarsDataset, Path]:
    """Return a data set by id or by the path of its TOML, and the folder of its files.

    Args:
        folder: where the files lie; None: beside the TOML, or in the folder NAME for an id.
    Raises:
        ConfigError: no such id, or a TOML that describes none.
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
    """Refuse files that are not those which the id stands for.

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
