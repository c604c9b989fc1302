"""Read column descriptions of FuxiCTR and BARS (dataset_config.yaml, feature_map.json) as a LogSchema. No torch.

    dataset_config.yaml   ID: {feature_cols: [{name, type, active, splitter, share_embedding, max_len ...}], label_col: {name}}
    feature_map.json      {"features": [{NAME: {"type": ...}}, ...], "labels": [...]}

A sequence that shares its embedding with a categorical column is a history of that column; any other sequence is a field with
several values. Numbers with `preprocess: convert_to_bucket` become `bucketed`; other preprocessing is code, and is refused by
name. Written from the two formats as FuxiCTR 2.3 reads them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from adcreative.catalog.log_schema import LogSchema
from adcreative.config import did_you_mean, parse_yaml
from adcreative.errors import ConfigError

TYPES = ("categorical", "numeric", "sequence", "meta", "embedding")
BUCKETS = ("convert_to_bucket", "bucketize_value")
SUFFIXES = (".yaml", ".yml", ".json")


def read_fuxictr_schema(path: Path, dataset: str = "") -> LogSchema:
    """Return the schema described by a dataset_config.yaml or feature_map.json.

    Args:
        dataset: id of the data set in a YAML file with several; "" for a file with one.
    Raises:
        ConfigError: the file cannot be read, has several data sets or none, or names preprocessing that is code.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        found: Any = json.loads(text) if path.suffix.casefold() == ".json" else parse_yaml(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read ({' '.join(str(error).split())}); check the path and the file") from error
    try:
        return _describe(found, dataset, path)
    except ConfigError:
        raise
    except (TypeError, KeyError, IndexError, AttributeError, ValueError) as error:
        raise ConfigError(f"{path} is damaged: it has a value of another kind than FuxiCTR writes there ({error})") from error


def _describe(found: object, dataset: str, path: Path) -> LogSchema:
    if isinstance(found, Mapping) and "features" in found and "labels" in found:
        columns = [{"name": name, **spec} for one in found["features"] for name, spec in one.items()]
        return _build(columns, str(found["labels"][0]), {}, path)
    described = (
        {k: v for k, v in found.items() if isinstance(v, Mapping) and "feature_cols" in v} if isinstance(found, dict) else {}
    )
    if not described:
        raise ConfigError(f"{path} is neither a dataset_config.yaml nor a feature_map.json of FuxiCTR; give a schema.toml")
    if not dataset and len(described) > 1:
        raise ConfigError(
            f"{path} describes {len(described)} data sets ({', '.join(map(str, described))}); keep one in the file"
        )
    name = dataset or next(iter(described))
    if name not in described:
        raise ConfigError(f'{path} describes no data set "{name}". {did_you_mean(name, described)}')
    one = described[name]
    return _build(list(_spread(one["feature_cols"])), str(one.get("label_col", {}).get("name", "")), one, path)


def _spread(columns: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield one description per column, for descriptions shared by several columns."""
    for column in columns:
        names = column.get("name", [])
        for name in names if isinstance(names, list) else [names]:
            yield {**column, "name": str(name)}


def _build(columns: list[dict[str, Any]], label: str, dataset: Mapping[str, Any], path: Path) -> LogSchema:
    parts: dict[str, list[str]] = {name: [] for name in ("categorical", "bucketed", "numeric", "multi_valued", "vectors")}
    sequences: dict[str, str] = {}
    separator, user, max_history = "^", "", 0
    for column in columns:
        name, kind = column["name"], column.get("type", "")
        if kind not in TYPES:
            raise ConfigError(f'{path}: column "{name}" has the type "{kind}". {did_you_mean(str(kind), TYPES)}')
        if not column.get("active", True):
            continue
        preprocess = str(column.get("preprocess") or "")
        if preprocess and preprocess not in BUCKETS:
            raise ConfigError(
                f'{path}: column "{name}" is preprocessed by "{preprocess}", which is code of its own; do that first'
            )
        if kind == "meta":
            user = user or (name if "user" in name or name == dataset.get("group_id") else "")
        elif kind == "sequence":
            separator = str(column.get("splitter") or separator)
            max_history = max(max_history, int(column.get("max_len") or 0))
            target = column.get("share_embedding")
            if target:
                sequences[name] = str(target)
            else:
                parts["multi_valued"].append(name)
        elif kind == "embedding":
            parts["vectors"].append(name)
        else:
            parts["bucketed" if preprocess else kind].append(name)
    return LogSchema(
        label=label,
        user=user,
        sequences=sequences,
        separator=separator,
        min_count=int(dataset.get("min_categr_count") or 1),
        max_history=max_history or LogSchema().max_history,
        categorical=tuple(parts["categorical"]),
        bucketed=tuple(parts["bucketed"]),
        numeric=tuple(parts["numeric"]),
        multi_valued=tuple(parts["multi_valued"]),
        vectors=tuple(parts["vectors"]),
    )
