"""Privacy settings of the server: no data is kept, none leaves the machine, and only the page's own files are readable.

Each setting here overrides a default: run history would keep faces in the browser, analytics and fonts would call
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
    """Create this process's own folder for uploads and results, readable only by its user and removed at exit.

    Folders left by killed processes are removed now. Gradio reads GRADIO_TEMP_DIR when components are created, so call this
    function first.
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
    """Remove the private folders of this user whose process has ended, recognized by their free lock."""
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
    """Let SIGTERM and SIGHUP end the program like Ctrl-C, so that exit handlers run; only in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), interrupt)


def interrupt(signum: int, frame: object) -> None:
    """End the program from a signal handler, with the exit code of the signal."""
    signal.signal(signum, signal.SIG_IGN)  # a second signal must not interrupt the clean-up
    raise SystemExit(128 + signum)


def silence_network() -> None:
    """Switch off network access: analytics, telemetry, hub look-ups."""
    for name, value in {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_RUN_HISTORY": "False",
        "GRADIO_SSR_MODE": "False",
        "GRADIO_SHARE": "False",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }.items():
        os.environ[name] = value


def safe_settings() -> dict[str, Any]:
    """Return the default settings of every launch of the page; `share` cannot be overridden."""
    return {
        "run_history": False,
        "ssr_mode": False,
        "allowed_paths": [],
        "max_file_size": MAX_UPLOAD,
        "max_threads": 4 * MAX_WAITING,  # each open page that watches a search uses one waiting thread
        "enable_monitoring": False,
        "mcp_server": False,
        "pwa": False,
        "show_error": False,
        "quiet": True,
        "footer_links": [],
    }
