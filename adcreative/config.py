"""Fill frozen dataclasses from TOML, with strict validation.

A configuration is a frozen, keyword-only dataclass with defaults. A TOML file and the caller's overrides may only set its
fields: an unknown key, a wrong type or a missing value is a fault, and all faults of a file are reported in one ConfigError.
Nested dataclasses are tables, `tuple[X, ...]` are arrays. Knows no configuration class of the project.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from adcreative.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from yaml.nodes import Node

ConfigT = TypeVar("ConfigT", bound="DataclassInstance")
MAX_YAML_NESTING, MAX_YAML_VALUES = 50, 1_000_000
_TYPE_WORDS: dict[object, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path",
    type(None): "nothing",
}


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to `name`, or None if none is close."""
    by_fold = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), list(by_fold), n=1, cutoff=0.66)
    return by_fold[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence with the closest known name, or with all known names if none is close."""
    names = sorted(known)
    nearest = nearest_name(name, names)
    return f'Did you mean "{nearest}"?' if nearest else f"Known: {', '.join(names) or 'none'}."


def load_config(
    cls: type[ConfigT], path: Path | None = None, overrides: Mapping[str, Any] | None = None, *, section: str = ""
) -> ConfigT:
    """Load a configuration from a TOML file, with the caller's overrides on top.

    Args:
        cls: a frozen dataclass.
        path: TOML file; None leaves the defaults.
        overrides: field name (or "table.field") -> value; None values are skipped, so unset command-line flags have no effect.
        section: the table to read ("editor", or "a.b"); "" reads the whole file. Other tables are then ignored.
    Raises:
        ConfigError: the file cannot be read, or has unknown keys, wrong types or missing values; all of them in one message.
    """
    values = read_toml(Path(path), section) if path is not None else {}
    for key, value in (overrides or {}).items():
        if value is not None:
            _set_nested(values, key, value)
    return build_config(cls, values, where=str(path) if path is not None else "the given options")


def read_sections(path: Path) -> list[str]:
    """Return the names at the top level of a TOML file, sections and single keys.

    Raises:
        ConfigError: the file cannot be read.
    """
    return list(read_toml(Path(path), ""))


def build_config(cls: type[ConfigT], values: Mapping[str, Any], *, where: str = "the given options") -> ConfigT:
    """Build `cls` from plain values, such as a parsed TOML table or the `config` entry of a manifest.

    Args:
        where: source of the values, as named in messages.
    Raises:
        ConfigError: as `load_config`.
    """
    faults: list[str] = []
    config = _fill(cls, values, "", faults)
    if faults:
        raise ConfigError(f"{where}: " + " ".join(faults))
    return typing.cast(ConfigT, config)


def config_as_dict(config: DataclassInstance) -> dict[str, Any]:
    """Return plain JSON types; `build_config(type(config), config_as_dict(config))` equals `config`."""
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return config_as_dict(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def read_toml(path: Path, section: str = "") -> dict[str, Any]:
    """Return the values of a TOML file, or of one of its tables; empty if the table is missing.

    Raises:
        ConfigError: the file cannot be read, or the section is not a table.
    """
    try:
        with path.open("rb") as file:
            values: Any = tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror or error}). Check the path.") from error
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, a number of thousands of digits, or deep nesting
        raise ConfigError(f"{path} is not valid TOML: {error}. Correct that line.") from error
    for part in filter(None, section.split(".")):
        if part not in values:
            return {}
        values = values[part]
        if not isinstance(values, dict):
            raise ConfigError(f'{path}: "{section}" must be a table ([{section}]), got {values!r}.')
    return typing.cast(dict[str, Any], values)


def read_packaged_yaml(path: Traversable) -> Any:
    """Return the content of one of our own data files, which need no limits. Uses libyaml, ten times as fast, if PyYAML was
    built with it."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(path.read_text(encoding="utf-8"))
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def parse_yaml(text: str, *, is_strict: bool = False) -> Any:
    """Parse untrusted YAML: plain values only, in time and memory proportional to the length of the text.

    Args:
        is_strict: refuse a table with a duplicate key, for which YAML would keep the last value.
    Raises:
        ValueError: invalid YAML, more than MAX_YAML_NESTING levels of brackets, aliases (*name) that expand to more than
            MAX_YAML_VALUES values, or a value that contains itself.
    """
    import yaml

    depth = 0
    for letter in text:
        depth = depth + (letter in "[{") - (letter in "]}" and depth > 0)
        if depth > MAX_YAML_NESTING:  # parsing time is quadratic in the depth
            raise ValueError(f"brackets are nested more than {MAX_YAML_NESTING} deep")
    try:
        found = yaml.safe_load(text)
        twice = _find_twice(yaml.compose(text, yaml.SafeLoader), set()) if is_strict else None
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())) from error
    if twice is not None:
        raise ValueError(f'the key "{twice:.100}" stands twice in one table')
    if _count_values(found, {}) > MAX_YAML_VALUES:
        raise ValueError(f"its aliases repeat parts until there are more than {MAX_YAML_VALUES:,} values")
    return found


def _find_twice(node: Node | None, seen: set[int]) -> str | None:
    """Return a duplicate key in a table of the parsed nodes, None if there is none."""
    if node is None or id(node) in seen or not isinstance(node.value, list):
        return None
    seen.add(id(node))
    pairs = [part if isinstance(part, tuple) else (None, part) for part in node.value]
    keys = [key.value for key, _ in pairs if key is not None and isinstance(key.value, str)]
    if len(set(keys)) < len(keys):
        return str(next(key for number, key in enumerate(keys) if key in keys[:number]))
    return next((found for _, part in pairs if (found := _find_twice(part, seen)) is not None), None)


def _count_values(value: object, known: dict[int, float]) -> float:
    """Return the number of values in a parsed document with aliases expanded; infinity for a recursive document."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = math.inf  # found again below: the value contains itself
        parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_count_values(part, known) for part in parts)
    return known[id(value)]


def _set_nested(values: dict[str, Any], key: str, value: object) -> None:
    *tables, name = key.split(".")
    for table in tables:
        inner = values.get(table)
        values[table] = dict(inner) if isinstance(inner, Mapping) else {}
        values = values[table]
    values[name] = value


def _fill(cls: type[ConfigT], values: Mapping[str, object], prefix: str, faults: list[str]) -> ConfigT | None:
    """Return an instance of the dataclass `cls`, or None after appending at least one fault."""
    num_before = len(faults)
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
    for key in values:
        if key not in fields:
            faults.append(f'unknown key "{prefix}{key}". {did_you_mean(str(key), fields)}')
    filled = {}
    for name, field in fields.items():
        if name in values:
            filled[name] = _check_value(values[name], hints[name], prefix + name, faults)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            faults.append(f'"{prefix}{name}" is required ({_describe(hints[name])}).')
    if len(faults) > num_before:
        return None
    try:
        return cls(**filled)
    except ValueError as error:  # range checks of the class's own __post_init__
        faults.append(f"{prefix.rstrip('.')}: {error}" if prefix else str(error))
        return None


def _check_value(value: object, expected: object, key: str, faults: list[str]) -> object:
    """Return `value` as the type `expected`, or None after appending a fault."""
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin in (typing.Union, types.UnionType):
        return _check_union(value, expected, key, faults)
    if dataclasses.is_dataclass(expected) and isinstance(expected, type):
        if isinstance(value, expected):
            return value
        if isinstance(value, Mapping):
            return _fill(expected, value, f"{key}.", faults)
    elif origin is typing.Literal:
        if any(value == allowed and type(value) is type(allowed) for allowed in arguments):
            return value
    elif origin in (tuple, list):
        if isinstance(value, (list, tuple)):
            return _check_items(value, expected, key, faults)
    elif origin is dict:
        if isinstance(value, Mapping):
            return {name: _check_value(item, arguments[1], f"{key}.{name}", faults) for name, item in value.items()}
    elif expected is Path and isinstance(value, str | Path):
        return Path(value)
    elif expected is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif expected is Any or (
        isinstance(expected, type) and isinstance(value, expected) and (type(value), expected) != (bool, int)
    ):
        return value
    faults.append(f'"{key}" must be {_describe(expected)}, got {value!r}.')
    return None


def _check_union(value: object, expected: object, key: str, faults: list[str]) -> object:
    for option in typing.get_args(expected):
        attempt: list[str] = []
        checked = _check_value(value, option, key, attempt)
        if not attempt:
            return checked
        if dataclasses.is_dataclass(option) and isinstance(value, Mapping):
            faults.extend(attempt)  # a table can only be meant for the dataclass: report the faults inside
            return None
    faults.append(f'"{key}" must be {_describe(expected)}, got {value!r}.')
    return None


def _check_items(value: Sequence[object], expected: object, key: str, faults: list[str]) -> object:
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin is list or (len(arguments) == 2 and arguments[1] is Ellipsis):
        kinds = [arguments[0]] * len(value)
    else:
        kinds = list(arguments)
    if len(kinds) != len(value):
        faults.append(f'"{key}" must be {_describe(expected)}, got {len(value)} values.')
        return None
    items = [
        _check_value(item, kind, f"{key}[{idx}]", faults) for idx, (item, kind) in enumerate(zip(value, kinds, strict=True))
    ]
    return items if origin is list else tuple(items)


def _describe(expected: object) -> str:
    """Return the name of a type for users."""
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_describe(option) for option in arguments if option is not type(None))
    if origin is typing.Literal:
        return "one of " + ", ".join(repr(option) for option in arguments)
    if origin is list or (origin is tuple and Ellipsis in arguments):
        return f"a list, each {_describe(arguments[0])}"
    if origin is tuple:
        return f"a list of {len(arguments)} values"
    if origin is dict or dataclasses.is_dataclass(expected):
        return "a table"
    return _TYPE_WORDS.get(expected, getattr(expected, "__name__", str(expected)))
