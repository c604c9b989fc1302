"""Seals on audit trail events about files outside of the run folder, made and verified by one user of one machine only.

A run folder may come from somebody else, with an audit trail that names any file of this machine. Files outside of a run are
therefore removed only on sealed events: an HMAC-SHA256 over the event, with a random key of this user ($ADCREATIVE_CONFIG, else
the user's configuration folder). The event names the run folder, so that a copy of a run does not pass for the run.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SEAL = "seal"
KEY_FILE, KEY_BYTES = "seal.key", 32


def config_dir() -> Path:
    """Return the folder of this user's key: $ADCREATIVE_CONFIG, else the user's configuration folder.

    Raises:
        OSError: this user has no home folder.
    """
    try:
        default = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "adcreative"
    except RuntimeError as error:
        raise OSError(str(error)) from error
    return Path(os.environ.get("ADCREATIVE_CONFIG") or default)


def seal_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event with this user's seal, or without a seal if the key cannot be stored (`why_unsealed`)."""
    key = _read_key() or _make_key()
    return {**event, SEAL: _sign(event, key)} if key is not None else dict(event)


def has_seal(event: Mapping[str, Any]) -> bool:
    """Return whether an event has a valid seal of this user."""
    key, seal = _read_key(), event.get(SEAL)
    if key is None or not isinstance(seal, str):
        return False
    return hmac.compare_digest(seal.encode("utf-8", "replace"), _sign(event, key).encode())


def why_unsealed() -> str:
    """Return the reason why events cannot be sealed, in one sentence; "" if events are sealed."""
    if (_read_key() or _make_key()) is not None:
        return ""
    try:
        place = str(config_dir() / KEY_FILE)
    except OSError:
        place = "a key in your home folder"
    remedy = "set ADCREATIVE_CONFIG to a folder of yours, and do this again"
    return f"{place} cannot be read or written, so purge will list what leaves this run and not remove it; {remedy}"


def _sign(event: Mapping[str, Any], key: bytes) -> str:
    plain = {name: value for name, value in event.items() if name != SEAL}
    return hmac.new(key, json.dumps(plain, sort_keys=True, default=str).encode(), hashlib.sha256).hexdigest()


def _read_key() -> bytes | None:
    try:
        key = bytes.fromhex((config_dir() / KEY_FILE).read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None


def _make_key() -> bytes | None:
    """Write a new key, atomically, with owner-only permissions; the first of two processes wins. None: write failed."""
    try:
        folder = config_dir()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = folder / f".{KEY_FILE}.{secrets.token_hex(8)}"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            with contextlib.suppress(FileExistsError):
                os.link(draft, folder / KEY_FILE)
        finally:
            draft.unlink()
    except OSError:  # reported by the caller that needs a seal
        return None
    return _read_key()
