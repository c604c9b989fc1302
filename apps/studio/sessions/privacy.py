"""How the page is served: nothing is kept, nothing leaves, nothing but the page's own files is readable.

Each setting here was chosen against a default: run history would keep faces in the browser, analytics and fonts would call
out, server-side rendering needs node, a shared link would put the model on the internet.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from .model_queue import MAX_WAITING

MAX_UPLOAD = "30mb"
PREFIX, LOCK = "adcreative-studio-", ".lock"


@lru_cache(maxsize=1)
def private_dir() -> Path:
    """Make this process's own folder for uploads and results, readable by its user only and removed at exit.

    What an earlier process left behind that was killed outright is removed now. Gradio reads its place from GRADIO_TEMP_DIR
    when components are made, so call this first.
    """
    path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=os.environ.get("GRADIO_TEMP_DIR")))
    path.chmod(0o700)
    lock = FileLock(path / LOCK)
    lock.acquire(timeout=0)
    sweep(path.parent)
    os.environ["GRADIO_TEMP_DIR"] = str(path)
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    atexit.register(lock.release)  # called first
    return path


def sweep(parent: Path) -> None:
    """Remove the private folders of this user whose process has ended: their lock can be taken."""
    for path in parent.glob(f"{PREFIX}*"):
        try:
            is_ours = path.stat(follow_symlinks=False).st_uid == os.getuid() if hasattr(os, "getuid") else True
            if not is_ours or path.is_symlink() or not (path / LOCK).is_file():
                continue
            with FileLock(path / LOCK, timeout=0):
                shutil.rmtree(path, ignore_errors=True)
        except (OSError, Timeout):  # in use, or another process sweeps it
            continue


def end_tidily() -> None:
    """Let SIGTERM and SIGHUP end the program as Ctrl-C does, so that what runs at exit runs; only in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), interrupt)


def interrupt(signum: int, frame: Any) -> None:
    """End the program from a handler of signals, with the exit code that tells which."""
    signal.signal(signum, signal.SIG_IGN)  # a second one must not cut the tidying short
    raise SystemExit(128 + signum)


def silence_network() -> None:
    """Switch off what would call out: analytics, telemetry, hub look-ups."""
    for name, value in {
        "GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_RUN_HISTORY": "False", "GRADIO_SSR_MODE": "False",
        "GRADIO_SHARE": "False", "HF_HUB_DISABLE_TELEMETRY": "1",
    }.items():  # fmt: skip
        os.environ[name] = value


def safe_settings() -> dict[str, Any]:
    """Return the settings every launch of the page uses unless told otherwise; `share` cannot be told otherwise."""
    return {
        "run_history": False,
        "ssr_mode": False,
        "allowed_paths": [],
        "max_file_size": MAX_UPLOAD,
        "max_threads": 4 * MAX_WAITING,  # each open page that watches a search keeps one waiting
        "enable_monitoring": False,
        "mcp_server": False,
        "pwa": False,
        "show_error": False,
        "quiet": True,
        "footer_links": [],
    }
