"""Mapping files: how to read a table with unknown columns, written by the user or proposed to the user.

TOML or JSON, either plain pairs or pairs under "columns"; the latter form allows five settings above the pairs:

    sheet = "Raw data"
    name_pattern = "[{concept}]_[{format}]_[{placement}]"
    dates = "dmy"
    decimals = "comma"
    rates = "percent"
    [columns]
    "Anzeigen-Bezeichner" = "ad_name"
    "Clicks (all)" = "clicks"
    "Internal note" = "ignore"
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from adcreative.catalog.platforms.columns import PART_FIELDS
from adcreative.catalog.platforms.days import check_order
from adcreative.catalog.platforms.matching import TARGETS
from adcreative.config import did_you_mean
from adcreative.errors import ConfigError

_TEXTS = ("sheet", "name_pattern", "dates", "decimals", "rates")
_MAY_REPEAT = (*PART_FIELDS, "ignore")


@dataclass(frozen=True, kw_only=True)
class TableSettings:
    """How to read a table. columns: its column names -> our names; the other settings are "" when not given.

    dates: the order of days, "dmy", "mdy" or "ymd".
    decimals: the decimal sign, "point" or "comma". rates: the unit of click rates, "percent" or "share".
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    sheet: str = ""
    name_pattern: str = ""
    dates: str = ""
    decimals: str = ""
    rates: str = ""


def read_settings(columns: Path | TableSettings | None, *, dates: str = "") -> TableSettings:
    """Return the settings in a mapping file; settings and None pass through. `dates` overrides the file's setting.

    Raises:
        ConfigError: not a TOML or JSON file of such pairs; every unknown target is named. Or an unknown order of days.
    """
    check_order(dates)
    found = columns or TableSettings()
    settings = found if isinstance(found, TableSettings) else _read_file(found)
    return replace(settings, dates=dates or settings.dates)


def _read_file(columns: Path) -> TableSettings:
    path = Path(columns)
    content = _read_content(path)
    if not isinstance(content.get("columns"), dict):
        return TableSettings(columns=_check_pairs(path.name, content))
    texts = {name: content.get(name, "") for name in _TEXTS}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise ConfigError(f"{path.name}: {name} is {text!r}, not text. Write it in quotation marks.")
    pairs = content["columns"]
    return TableSettings(columns=_check_pairs(path.name, pairs) if pairs or not any(texts.values()) else {}, **texts)


def format_settings(settings: TableSettings) -> str:
    """Return the settings as the text of a mapping file (TOML)."""
    texts = {name: getattr(settings, name) for name in _TEXTS}
    lines = [f"{name} = {json.dumps(text, ensure_ascii=False)}" for name, text in texts.items() if text]
    lines += ["[columns]", *(f"{_quote(name)} = {_quote(column)}" for name, column in settings.columns.items())]
    return "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    """Return a TOML basic string; JSON's escapes are the same, apart from DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _read_content(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = json.loads(text) if path.suffix.casefold() == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror or error}). Check the path of the mapping file.") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f'{path.name} is not valid TOML or JSON ({str(error)[:200]}). Write lines such as "Klicks" = "clicks".'
        ) from error
    return content if isinstance(content, dict) else {}


def _check_pairs(name: str, pairs: Mapping[str, Any]) -> dict[str, str]:
    if not pairs:
        raise ConfigError(f'{name} holds no pairs; write lines such as "Klicks" = "clicks".')
    faults = []
    for column, target in pairs.items():
        if not isinstance(target, str) or target not in TARGETS:
            shown = repr(target)[:60]
            nearest = did_you_mean(str(target)[:60], TARGETS)
            faults.append(f'"{column[:60]}" is mapped to {shown}, which is no column of ours. {nearest}')
    targets = list(pairs.values())
    repeated = sorted({t for t in targets if t not in _MAY_REPEAT and targets.count(t) > 1}) if not faults else []
    faults += [f'"{target}" is mapped twice; keep one.' for target in repeated]
    if faults:
        raise ConfigError(f"{name}: " + " ".join(faults[:20]))
    return dict(pairs)
