"""The role of each column of an impression log: `schema.toml`, validated, and proposed from the data. No torch.

    label = "click"
    categorical = ["user", "placement", "creative"]
    numeric = ["bid"]
    [sequences]
    clicked_before = "creative"        # a history column, and the field whose values it lists

A schema is one frozen dataclass; a TOML file may only set its fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from adcreative.catalog.column_doubts import find_post_click, why_not_a_category
from adcreative.config import did_you_mean, load_config
from adcreative.errors import ConfigError

LABEL_NAMES = ("label", "click", "clicked", "is_click", "is_clicked", "clk", "y", "target")
CONVERSION_NAMES = ("conversion", "converted", "is_conversion", "purchase", "cv", "buy")
USER_NAMES = ("user", "user_id", "uid", "userid")
TIME_NAMES = ("time", "timestamp", "datetime", "ts", "date")
DOMAIN_NAMES = ("domain", "scenario", "scene", "market")
HISTORY_WORDS = ("history", "hist", "seq", "past", "before", "clicked_", "viewed_")
MIN_VECTOR_WIDTH = 8
LONGEST_HISTORY = 100_000


@dataclass(frozen=True, kw_only=True)
class LogSchema:
    """The roles of a log's columns; other columns are not read.

    label: 1 = clicked, 0 = not. conversion: 1 = converted after the click. bucketed: counts that become categories, x above 2
    the bucket floor((ln x)^2), missing ones unknown (Criteo's raw numbers). multi_valued: lists of values, or text with
    `separator` between values. vectors: lists of numbers, equally long in every row. sequences: history column -> the
    categorical column whose values it lists, oldest first. domain, user, time: one column each. split: column with "train",
    "valid" or "test". min_count: a value rarer in the training rows is "unknown". max_vocabulary: a field with more values is
    hashed into that many rows. max_history: number of latest history items to read.
    """

    label: str = ""
    conversion: str = ""
    categorical: tuple[str, ...] = ()
    bucketed: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    multi_valued: tuple[str, ...] = ()
    vectors: tuple[str, ...] = ()
    sequences: dict[str, str] = field(default_factory=dict)
    domain: str = ""
    user: str = ""
    time: str = ""
    split: str = ""
    separator: str = "^"
    min_count: int = 1
    max_vocabulary: int = 10_000_000
    max_history: int = 100

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read, without duplicates."""
        single = [name for name in (self.label, self.conversion, self.domain, self.user, self.time, self.split) if name]
        return tuple(dict.fromkeys([*single, *self.inputs]))

    @property
    def inputs(self) -> tuple[str, ...]:
        """The input columns of a network."""
        return (*self.categories, *self.numeric, *self.multi_valued, *self.vectors, *self.sequences)

    def is_text(self, name: str) -> bool:
        """Whether a column is read as text, since its numbers are names: 007 is not 7."""
        return name in (self.domain, self.user, self.split, *self.categorical)

    @property
    def categories(self) -> tuple[str, ...]:
        """The columns that give one category per row, bucketed numbers first."""
        return (*self.bucketed, *self.categorical)


def load_schema(path: Path) -> LogSchema:
    """Read a schema.toml.

    Raises:
        ConfigError: the file cannot be read, has an unknown key, names no label or no input, or contradicts itself.
    """
    schema = load_config(LogSchema, Path(path))
    check_schema(schema, str(path))
    return schema


def check_schema(schema: LogSchema, where: str) -> None:
    """Refuse a schema that no model can learn from.

    Raises:
        ConfigError: all faults in one message.
    """
    faults = []
    if not schema.label:
        faults.append("It names no label; add label = the column that says whether a row was clicked.")
    if not (schema.categories or schema.numeric or schema.multi_valued or schema.vectors):
        faults.append("It names no input; add categorical, numeric, multi_valued or vectors.")
    for name in (schema.label, schema.conversion):
        if name and name in schema.inputs:
            faults.append(f'"{name}" is what is to be predicted and an input too; take it out of the inputs.')
    for history, target in schema.sequences.items():
        if target not in schema.categorical:
            faults.append(f'The history "{history}" lists values of "{target}". {did_you_mean(target, schema.categorical)}')
    many = [name for name in schema.inputs if schema.inputs.count(name) > 1]
    if many:
        faults.append(f'"{many[0]}" has two parts; name it once.')
    if schema.min_count < 1 or schema.max_vocabulary < 2 or schema.max_history < 1:
        faults.append("min_count and max_history must be at least 1, max_vocabulary at least 2.")
    if schema.max_history > LONGEST_HISTORY:
        faults.append(f"max_history must be at most {LONGEST_HISTORY}, got {schema.max_history}.")
    if not schema.separator:
        faults.append("separator must name the character between the values of a list, got none.")
    if faults:
        raise ConfigError(f"{where}: " + " ".join(faults))


def check_columns(schema: LogSchema, columns: Iterable[str], where: str) -> None:
    """Refuse a schema with columns that the log lacks.

    Raises:
        ConfigError: the first such column, with the closest known name.
    """
    known = list(columns)
    missing = [name for name in schema.columns if name not in known]
    if missing:
        raise ConfigError(f'{where} has no column "{missing[0]}". {did_you_mean(missing[0], known)}')


def propose_schema(sample: pd.DataFrame) -> LogSchema:
    """Propose the role of each column from a sample of rows; a person should check the result.

    Raises:
        ConfigError: no column looks like a label.
    """
    names = {str(name).casefold(): str(name) for name in sample.columns}
    label = _named(names, LABEL_NAMES, sample)
    if not label:
        raise ConfigError(
            f"no column looks like a label (0 and 1, named {', '.join(LABEL_NAMES[:4])} ...); rename the one that says "
            "whether a row was clicked"
        )
    user, time, domain, split = (
        next((names[one] for one in known if one in names), "")
        for known in (USER_NAMES, TIME_NAMES, DOMAIN_NAMES, ("split", "fold"))
    )
    conversion = _named(names, CONVERSION_NAMES, sample)
    found = LogSchema(label=label, conversion=conversion, user=user, time=time, domain=domain, split=split)
    parts: dict[str, list[str]] = {"categorical": [], "numeric": [], "multi_valued": [], "vectors": []}
    lists = []
    taken = {found.label, found.conversion, found.time, found.split}
    for name in map(str, sample.columns):
        if name in taken:
            continue
        kind = _kind_of(sample[name])
        if kind == "list":
            lists.append(name)
        else:
            parts[kind].append(name)
    sequences = {}
    for name in lists:
        target = _target_of(name, parts["categorical"])
        if target:
            sequences[name] = target
        else:
            parts["multi_valued"].append(name)
    return replace(
        found,
        sequences=sequences,
        categorical=tuple(parts["categorical"]),
        numeric=tuple(parts["numeric"]),
        multi_valued=tuple(parts["multi_valued"]),
        vectors=tuple(parts["vectors"]),
    )


def reject_columns(schema: LogSchema, sample: pd.DataFrame) -> tuple[LogSchema, dict[str, str]]:
    """Return a proposed schema without the columns that a model should not learn from, and column -> reason.

    The user column and the columns listed by histories always stay.
    """
    leaks = find_post_click(sample, schema.label, schema.inputs)
    named = {schema.user, schema.domain, *schema.sequences.values()}
    rejected = {
        name: reason for name in schema.categorical if name not in named and (reason := why_not_a_category(sample[name]))
    }
    rejected |= {name: f"written after the click, it seems: {reason}" for name, reason in leaks.items() if name not in named}
    parts: dict[str, Any] = {
        part: tuple(name for name in getattr(schema, part) if name not in rejected)
        for part in ("categorical", "bucketed", "numeric", "multi_valued", "vectors")
    }
    sequences = {name: target for name, target in schema.sequences.items() if name not in rejected}
    return replace(schema, sequences=sequences, **parts), rejected


def render_rejected(rejected: Mapping[str, str]) -> str:
    """Return the rejected columns as comments of a schema.toml, each with its reason."""
    lines = [f"# ignore {_as_toml(' '.join(name.split()))}: {reason}" for name, reason in rejected.items()]
    return "".join(f"{line}\n" for line in lines)


def render_schema(schema: LogSchema) -> str:
    """Return the schema as TOML that `load_schema` can read; defaults are left out."""
    lines, default = [], LogSchema()
    for one in fields(schema):
        value = getattr(schema, one.name)
        if value != getattr(default, one.name) and not isinstance(value, Mapping):
            lines.append(f"{one.name} = {_as_toml(value)}")
    if schema.sequences:
        lines += ["", "[sequences]", *(f"{_as_toml(name)} = {_as_toml(target)}" for name, target in schema.sequences.items())]
    return "\n".join(lines) + "\n"


def _as_toml(value: str | int | Sequence[str]) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value) if isinstance(value, int) else "[" + ", ".join(map(_as_toml, value)) + "]"


def _named(names: Mapping[str, str], known: Sequence[str], sample: pd.DataFrame) -> str:
    """Return the first known name whose column holds only 0 and 1, or ""."""
    for name in known:
        if name in names and set(pd.to_numeric(sample[names[name]], errors="coerce").dropna().unique()) <= {0, 1}:
            return names[name]
    return ""


def _kind_of(column: pd.Series) -> str:
    first: Any = next((value for value in column if value is not None), None)
    if isinstance(first, (list, tuple)) or (hasattr(first, "tolist") and hasattr(first, "__len__")):
        lengths = {len(value) for value in column if value is not None}
        is_float = all(isinstance(value, float) for value in [*first][:3])
        return "vectors" if is_float and len(lengths) == 1 and lengths.pop() >= MIN_VECTOR_WIDTH else "list"
    if isinstance(first, str):
        return "list" if column.astype(str).str.contains("^", regex=False).mean() > 0.5 else "categorical"
    is_whole = pd.api.types.is_integer_dtype(column) or pd.api.types.is_bool_dtype(column)
    return "categorical" if is_whole else "numeric"


def _target_of(name: str, categorical: Sequence[str]) -> str:
    """Return the field whose values a history column lists, judged by its name; "" if the list is not a history."""
    folded = name.casefold()
    if not any(word in folded for word in HISTORY_WORDS):
        return ""
    inside = [one for one in categorical if one.casefold().removesuffix("_id") in folded]
    return max(inside, key=len, default="")
