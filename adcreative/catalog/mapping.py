"""A mapping file: which column of a table is which of ours, written by the user for tables we do not know.

TOML or JSON, either plain pairs or pairs under "columns":

    [columns]
    "Anzeigen-Bezeichner" = "ad_name"
    "Clicks (all)" = "clicks"
    "Internal note" = "ignore"
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from adcreative.catalog.platforms.layout import TARGETS
from adcreative.config import did_you_mean
from adcreative.errors import ConfigError


def read_mapping(path: Path) -> dict[str, str]:
    """Return column name -> our name.

    Raises:
        ConfigError: not a TOML or JSON file of such pairs; every unknown target is named.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = json.loads(text) if path.suffix.casefold() == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror or error}). Check the path of the mapping file.") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f'{path.name} is not valid TOML or JSON ({error}). Write lines such as "Klicks" = "clicks".'
        ) from error
    pairs = content.get("columns", content) if isinstance(content, dict) else None
    if not isinstance(pairs, dict) or not pairs:
        raise ConfigError(f'{path.name} holds no pairs; write lines such as "Klicks" = "clicks".')
    faults = []
    for name, column in pairs.items():
        if not isinstance(column, str) or column not in TARGETS:
            faults.append(f'"{name}" is mapped to {column!r}, which is no column of ours. {did_you_mean(str(column), TARGETS)}')
    repeated = sorted({c for c in pairs.values() if c != "ignore" and list(pairs.values()).count(c) > 1}) if not faults else []
    faults += [f'"{column}" is mapped twice; keep one.' for column in repeated]
    if faults:
        raise ConfigError(f"{path.name}: " + " ".join(faults))
    return dict(pairs)
