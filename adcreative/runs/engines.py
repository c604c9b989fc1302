"""Engines that run a job: in this process, in processes of this machine, or on a Ray cluster.

A Job is loaded once per worker and applied to one item after another; results come back to one writer in this process, in order
of completion. `concurrent.futures` and Ray schedule the items, and Ray repeats the items of a dead worker. Only a few items are
in flight at any time, so memory does not grow with the batch. This module knows no creatives, models or files; `ray` (the extra
of that name) is imported on demand.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from adcreative.config import did_you_mean
from adcreative.errors import AdCreativeError, ConfigError, CreativeError, EngineError
from adcreative.options import DryRun, Engine, Limit, Restart, Resume, Workers
from adcreative.progress import ShouldStop

if TYPE_CHECKING:
    import ray.util

Rows = list[dict[str, Any]]
Apply = Callable[[Any], Rows]
SECONDS_BETWEEN_LOOKS = 2.0  # interval of the checks that the head of a Ray cluster is alive
RETRIES = 3  # how often Ray gives an item to another worker when a worker dies
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Job(Protocol):
    """Picklable, small description of work that is sent to a worker."""

    def load(self, should_stop: ShouldStop) -> Apply:
        """Load everything the work needs, once per worker, and return the function from an item to its rows."""


@dataclass(frozen=True, kw_only=True)
class BatchConfig:
    """How a batch is worked through. The results do not depend on these settings.

    restart: drop an earlier run at the same path. resume: refuse to begin a new run; without it an earlier run is continued, or
    a new one begun if there is none. limit: process only the first creatives; the run may later continue with more.
    workers: number of processes, 1 = this process; None = 1, or with Ray the number of cores of the cluster; a script with
    several workers needs `if __name__ == "__main__":`. engine: a key of ENGINES. dry_run: read and check everything, write
    nothing.
    """

    limit: Limit = None
    resume: Resume = False
    restart: Restart = False
    workers: Workers = None
    engine: Engine = "local"
    dry_run: DryRun = False

    def __post_init__(self) -> None:
        if self.restart and self.resume:
            raise ConfigError("--resume goes on with a run and --restart drops it; give one of them.")
        for name in ("limit", "workers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"--{name} must be at least 1, got {value}.")
        if self.engine not in ENGINES:
            raise ConfigError(f'no engine named "{self.engine}". {did_you_mean(self.engine, ENGINES)}')
        if self.engine == "ray":
            import_ray()  # fails before the long work starts


def apply_job(job: Job, items: Iterable[Any], config: BatchConfig, should_stop: ShouldStop) -> Iterator[Rows]:
    """Yield the rows of each item as soon as they are ready; after a stop request, only those of items in flight.

    Raises:
        AdCreativeError: the error raised by the job in a worker, with its class.
        EngineError: a worker process died, or the cluster cannot be reached.
    """
    return ENGINES[config.engine](job, items, config.workers, should_stop)


def _apply_local(job: Job, items: Iterable[Any], workers: int | None, should_stop: ShouldStop) -> Iterator[Rows]:
    if workers and workers > 1:
        yield from _apply_in_processes(job, items, workers, should_stop)
        return
    apply = job.load(should_stop)
    for item in items:
        if should_stop():
            break
        yield apply(item)


def _apply_in_processes(job: Job, items: Iterable[Any], workers: int, should_stop: ShouldStop) -> Iterator[Rows]:
    """Run the job in `workers` processes, each with its own loaded job and an equal share of the cores."""
    threads = max(1, len(os.sched_getaffinity(0)) // workers) if hasattr(os, "sched_getaffinity") else 1
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_prepare_process,
        initargs=(job, os.getpid(), threads),
    )
    waiting: set[Future[Rows | _Refusal]] = set()
    try:
        for item in items:
            if should_stop():
                break
            waiting.add(pool.submit(_apply_in_process, item))
            if len(waiting) >= 2 * workers:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from map(_rows_of, done)
        while waiting:
            if should_stop():
                waiting = {future for future in waiting if not future.cancel()}
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED, timeout=1.0)
            yield from map(_rows_of, done)
    except BrokenProcessPool as error:
        raise EngineError(
            "a worker process died, perhaps for want of memory; the same command goes on where it was. "
            "Try fewer --workers, or --engine ray, which gives the work of a dead worker to another."
        ) from error
    except BaseException:  # an error, the second Ctrl-C, or a closed generator: do not wait for the workers
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True)
class _Refusal:
    """An AdCreativeError sent out of a worker: its class and its message."""

    kind: type[AdCreativeError]
    sentence: str


def _rows_of(future: Future[Rows | _Refusal]) -> Rows:
    return _unpack(future.result())


def _unpack(answer: Rows | _Refusal) -> Rows:
    if isinstance(answer, _Refusal):
        raise answer.kind(answer.sentence)
    return answer


def refuse(error: AdCreativeError) -> tuple[type[AdCreativeError], str]:
    """Return the class and message of an error, to be sent between processes."""
    return AdCreativeError if isinstance(error, CreativeError) else type(error), str(error)


class _Worker:
    """A job in its worker process, loaded at the first item, so that a loading error can be returned."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.loaded: Apply | None = None

    def apply(self, item: object) -> Rows | _Refusal:
        try:
            if self.loaded is None:
                self.loaded = self.job.load(lambda: False)
            return self.loaded(item)
        except AdCreativeError as error:
            return _Refusal(*refuse(error))


_worker: _Worker | None = None  # of a process started by _apply_in_processes


def _prepare_process(job: Job, parent_id: int, threads: int) -> None:
    """Prepare a worker process: ignore Ctrl-C, limit threads before torch starts, and exit when the parent is killed."""
    global _worker
    _worker = _Worker(job)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in THREAD_VARIABLES:
        os.environ[name] = str(min(threads, int(os.environ.get(name) or threads)))
    threading.Thread(target=follow_parent, args=(parent_id,), daemon=True).start()


def follow_parent(parent_id: int) -> None:
    """End this process once its parent has ended."""
    while os.getppid() == parent_id:
        time.sleep(1.0)
    os._exit(1)


def _apply_in_process(item: object) -> Rows | _Refusal:
    assert _worker is not None  # the initializer has run
    return _worker.apply(item)


def import_ray() -> ModuleType:
    """Return the module `ray`, with its usage statistics off.

    Raises:
        ConfigError: `ray` is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise ConfigError('--engine ray needs the extra "ray": pip install "adcreative[ray]"') from error


def _apply_on_ray(job: Job, items: Iterable[Any], workers: int | None, should_stop: ShouldStop) -> Iterator[Rows]:
    """Run the job in actors of a Ray cluster: the running cluster named by RAY_ADDRESS, or a new one on this machine.

    Ray places the actors, restarts dead actors and repeats the items they worked on.
    """
    ray = import_ray()
    from ray.util import ActorPool

    is_ours, actors = not ray.is_initialized(), list[Any]()
    try:
        if is_ours:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level="error")
        num_workers = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        worker = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=RETRIES)(_Worker)
        actors += [worker.remote(job) for _ in range(num_workers)]
        pool, head = ActorPool(actors), _Head(ray)
        for item in items:
            while not pool.has_free():
                yield head.wait_for(pool)
            if should_stop():
                break
            pool.submit(lambda actor, one: actor.apply.remote(one), item)
        while pool.has_next():
            yield head.wait_for(pool)
    except _HeadGoneError:
        actors.clear()  # killing actors one by one needs the head; the actors end with the head
        raise
    except (ConnectionError, ImportError, ValueError) as error:  # ray://... without ray[client], or an invalid address
        if isinstance(error, AdCreativeError):
            raise
        raise EngineError(f"no Ray cluster answers at {os.environ.get('RAY_ADDRESS', 'this machine')} ({error})") from error
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[0]
        raise EngineError(f"Ray gave up ({reason}); the same command goes on where it was.") from error
    finally:
        for actor in actors:
            ray.kill(actor)
        if is_ours and ray.is_initialized():
            ray.shutdown()


class _HeadGoneError(EngineError):
    """The head of the cluster does not respond any more."""


class _Head:
    """The head of a Ray cluster, polled because Ray later ends this process without a clear error once the head is dead."""

    def __init__(self, ray: ModuleType) -> None:
        self._next_look_s = 0.0
        self._host, _, self._port = ray.get_runtime_context().gcs_address.rpartition(":")

    def wait_for(self, pool: ray.util.ActorPool) -> Rows:
        """Return the rows of the next finished item. Raise EngineError when the head is gone."""
        while True:
            if time.monotonic() >= self._next_look_s:
                self._look()
                self._next_look_s = time.monotonic() + SECONDS_BETWEEN_LOOKS
            with contextlib.suppress(TimeoutError):
                return _unpack(pool.get_next_unordered(timeout=SECONDS_BETWEEN_LOOKS))

    def _look(self) -> None:
        try:
            socket.create_connection((self._host, int(self._port)), timeout=10 * SECONDS_BETWEEN_LOOKS).close()
        except OSError as error:
            raise _HeadGoneError(
                f"the head of the Ray cluster is gone ({error}); the same command goes on where it was."
            ) from error


ENGINES: Mapping[str, Callable[[Job, Iterable[Any], int | None, ShouldStop], Iterator[Rows]]] = {
    "local": _apply_local,
    "ray": _apply_on_ray,
}
