"""Shutdown of the program while its models are in use: work is asked to stop and awaited, up to a limit.

A thread inside a library's compiled code is killed at its next step in Python once the interpreter is torn down; if that
code is C++, the process aborts ("terminate called without an active exception"). So work that does not stop in time ends
with the process, without that teardown. Independent of pages and models.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .model_queue import ModelQueue
from .privacy import interrupt

WAIT_S = 3.0


class Worker(threading.Thread):
    """A thread whose work may use a model. ask_to_stop: called at the end of the program; None: the work cannot be stopped, and
    is not awaited."""

    def __init__(self, work: Callable[[], object], *, name: str, ask_to_stop: Callable[[], object] | None = None) -> None:
        super().__init__(target=work, name=name, daemon=True)
        self.ask_to_stop = ask_to_stop


@contextmanager
def ending_tidily(queue: ModelQueue, wait_s: float = WAIT_S) -> Iterator[None]:
    """Serve inside the block; after any end of the block, no work is left, or the process ends at once.

    Ctrl-C ends the block like SIGTERM, without waiting for open pages first.
    """
    is_main = threading.current_thread() is threading.main_thread()
    is_ours = is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not in a background program
    if is_ours:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        if not end_work(queue, wait_s):
            _end_at_once(sys.exc_info()[1])
        if is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def end_work(queue: ModelQueue, wait_s: float = WAIT_S) -> bool:
    """Ask all work to stop, wait for it up to `wait_s`, and return whether all of it has stopped."""
    until_s = time.monotonic() + wait_s
    workers = [thread for thread in threading.enumerate() if isinstance(thread, Worker)]
    asked = [worker for worker in workers if worker.ask_to_stop is not None]
    for worker in asked:
        worker.ask_to_stop()  # type: ignore[misc]
    is_free = queue.close(wait_s)
    for worker in asked:
        worker.join(max(until_s - time.monotonic(), 0.0))
    return is_free and not any(worker.is_alive() for worker in workers)


def _end_at_once(cause: BaseException | None) -> None:
    """Run the exit handlers, which delete uploads and results, and end the process with the exit code of `cause`."""
    code = (cause.code or 0) if isinstance(cause, SystemExit) else int(cause is not None)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code if isinstance(code, int) else 1)
