"""An append-only record of a long run: one JSON object a line, fsynced, so that a killed run continues where it was.

Knows nothing of what the lines mean. A run is identified by its settings: a log written under other settings is not
continued but refused, with both remedies in the message.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adcreative.errors import ConfigError


class RunLog:
    """Lines of one run, keyed by their field `key_field`; `rows` holds what is already there.

    Args:
        path: the .jsonl file; its settings lie beside it as `<stem>.run.json`.
        settings: what must be equal for the run to be continued.
        restart: drop an earlier run instead of refusing it.
    Raises:
        ConfigError: the file belongs to a run with other settings and `restart` is off.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, key_field: str, restart: bool = False) -> None:
        self.key_field = key_field
        self.path, self.settings_path = path, path.with_name(f"{path.stem}.run.json")
        self.rows: dict[Any, dict[str, Any]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        wanted = json.loads(json.dumps(settings, sort_keys=True, default=str))
        if restart:
            self.remove()
        if path.exists():
            found = json.loads(self.settings_path.read_text()) if self.settings_path.exists() else None
            if found != wanted:
                changed = sorted(k for k in {*wanted, *(found or {})} if (found or {}).get(k) != wanted.get(k))
                raise ConfigError(
                    f"{path} belongs to a run with other settings ({', '.join(changed)}); "
                    "choose another --out, or start over with --restart"
                )
            self._read()
        else:
            self.settings_path.write_text(json.dumps(wanted, indent=1, sort_keys=True) + "\n")
        self._file = path.open("a", encoding="utf-8")

    def _read(self) -> None:
        """Read complete lines; cut off a last line that a kill left half-written."""
        content = self.path.read_bytes()
        complete = content[: content.rfind(b"\n") + 1]
        if len(complete) < len(content):
            with self.path.open("r+b") as file:
                file.truncate(len(complete))
        for line in complete.decode("utf-8").splitlines():
            entry = json.loads(line)
            self.rows[entry[self.key_field]] = entry

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one line and wait until it is on disk."""
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.rows[row[self.key_field]] = dict(row)

    def close(self) -> None:
        self._file.close()

    def remove(self) -> None:
        """Delete the log and its settings."""
        self.path.unlink(missing_ok=True)
        self.settings_path.unlink(missing_ok=True)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
