"""Run one function in a separate process with low priority.

Parsing a table of a million cells holds the interpreter, and training keeps every core busy: in the process that serves people,
both delay every response. The function must be importable; its progress, result and errors come back through a pipe.
"""

from __future__ import annotations

import inspect
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.synchronize import Event
from typing import Any, TypeVar

from adcreative.errors import AdCreativeError, ConfigError, EngineError
from adcreative.progress import Progress, ShouldStop, listening, never, silent
from adcreative.runs.engines import THREAD_VARIABLES, follow_parent, refuse

Result = TypeVar("Result")
NICE = 10  # nice level: a process at level 0 gets nine times the CPU share, by the weights of Linux (sched(7))
PRELOADED = ("adcreative.verbs.account", "adcreative.verbs.rank_features")
LOOK_S, TELL_S = 0.1, 0.2
WAIT_S = 20.0  # seconds to wait for the function after a stop request, before its process is ended


def run_aside(
    work: Callable[..., Result], *args: object, progress: Progress = silent, should_stop: ShouldStop = never, **options: object
) -> Result:
    """Call `work` with the given arguments in another process with half of the cores, and return its result.

    Args:
        work: a function of a module, with picklable arguments and result. A function that takes `progress` and `should_stop`
            receives both; any other is ended on a stop request, and the progress of the table readers is reported.
    Raises:
        AdCreativeError: the error raised by `work`, with its class. ConfigError: `work` was stopped and returned nothing.
        EngineError: the process died. RuntimeError: an unexpected error in `work`, with its traceback.
    """
    context = _find_context()
    ours, theirs = context.Pipe(duplex=False)
    stop = context.Event()
    process = context.Process(target=_work, args=(theirs, stop, work, args, options), name="adcreative-aside", daemon=True)
    process.start()
    theirs.close()
    stopped_s = None
    try:
        while True:
            if stopped_s is None and should_stop():
                stopped_s = time.monotonic()
                stop.set()
            if stopped_s is not None and (not _takes(work, "should_stop") or time.monotonic() - stopped_s > WAIT_S):
                raise ConfigError("stopped before it was done.")
            if not ours.poll(LOOK_S):
                continue
            what, *said = ours.recv()
            if what == "told":
                progress(*said)
            elif what == "refused":
                kind, sentence = said
                raise kind(sentence)
            elif what == "broke":
                raise RuntimeError(said[0])
            else:
                return said[0]  # type: ignore[no-any-return]
    except EOFError as error:
        raise EngineError("the process that worked on this died, perhaps for want of memory. Try it again.") from error
    finally:
        process.kill()
        process.join()
        ours.close()


def run_here(
    work: Callable[..., Result], *args: object, progress: Progress = silent, should_stop: ShouldStop = never, **options: object
) -> Result:
    """Call `work` like `run_aside`, but in this process."""
    watched = {"progress": progress, "should_stop": should_stop}
    with listening(progress):
        return work(*args, **options, **{name: value for name, value in watched.items() if _takes(work, name)})


@cache
def _find_context() -> ForkServerContext | SpawnContext:
    """Return the start method: a fork server with the table readers preloaded, where the system supports one, else spawn."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", *PRELOADED])
    return context


def _takes(work: Callable[..., Any], name: str) -> bool:
    return name in inspect.signature(work).parameters


def _work(pipe: Connection, stop: Event, work: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Run the function in this process, and send its progress and its result or error through the pipe."""
    threads = max(1, len(os.sched_getaffinity(0)) // 2) if hasattr(os, "sched_getaffinity") else 1
    for name in THREAD_VARIABLES:
        os.environ[name] = str(min(threads, int(os.environ.get(name) or threads)))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the parent process
    if hasattr(os, "nice"):
        os.nice(NICE)
    threading.Thread(target=follow_parent, args=(os.getppid(),), daemon=True).start()
    last_stage, last_s = "", 0.0  # stage and time of the last progress message

    def tell(stage: str, done: int, total: int) -> None:
        nonlocal last_stage, last_s
        if stage != last_stage or time.monotonic() - last_s > TELL_S:
            last_stage, last_s = stage, time.monotonic()
            pipe.send(("told", stage, done, total))

    try:
        pipe.send(("done", run_here(work, *args, progress=tell, should_stop=stop.is_set, **options)))
    except AdCreativeError as error:
        pipe.send(("refused", *refuse(error)))
    except Exception:
        pipe.send(("broke", traceback.format_exc()))
