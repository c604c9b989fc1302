"""Parallel calls on all cores of this process: one function on many items, or one long call in the background.

The cores are shared between these threads and torch's; torch is not imported for that.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from itertools import islice
from threading import Barrier
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_threads(call: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return `call` of each item, in order, from as many threads as torch may use; each of them lets torch use one.

    For calls that spend their time outside Python. The calling thread draws further items while earlier ones are processed.
    The first error is raised, and calls not yet begun are skipped.
    """
    pool = _find_pool()[0]
    return list(map(call, items) if pool is None else pool.map(call, items))


def iter_in_threads(call: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
    """Yield `call` of each item, in order, while later items are processed; as `map_in_threads`.

    Each thread has one item and one waiting item, so that a slow consumer does not block the threads for other users for
    long. A call sees the context variables of the calling thread. Closed early, it waits for the calls that have begun.
    """
    pool, num_threads = _find_pool()
    if pool is None:
        yield from map(call, items)
        return
    rest, begun = iter(items), deque[Future[Result]]()
    try:
        while True:
            begun.extend(pool.submit(copy_context().run, call, item) for item in islice(rest, num_threads + 1 - len(begun)))
            if not begun:
                return
            yield begun.popleft().result()
    finally:
        for call_begun in begun:
            if not call_begun.cancel():
                call_begun.exception()


@contextmanager
def run_beside(call: Callable[[], Result]) -> Iterator[Callable[[], Result]]:
    """Run one long call on another core during the block; yield a function that waits for the result or raises the error.

    The block ends when the call has ended, also after an error of its own. The call takes one of the threads that
    `map_in_threads` uses in the block, so the call must not use that function itself. The call sees the context variables of
    the calling thread. Where torch may use one thread only, the call runs when its result is requested.
    """
    pool = _find_pool()[0]
    if pool is None:
        yield call
        return
    running = pool.submit(copy_context().run, call)
    try:
        yield running.result
    finally:
        if not running.cancel():
            running.exception()


def _find_pool() -> tuple[ThreadPoolExecutor | None, int]:
    """Return a pool and its number of threads, as many as torch may use, or would if imported; None for a single thread."""
    ask_torch = getattr(sys.modules.get("torch"), "get_num_threads", None)
    num_threads = ask_torch() if ask_torch else int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    return (_pool(num_threads, ask_torch is not None) if num_threads > 1 else None), num_threads


@cache
def _pool(num_threads: int, has_torch: bool) -> ThreadPoolExecutor:
    use_one = _use_one_thread if has_torch else None
    pool = ThreadPoolExecutor(num_threads, thread_name_prefix="adcreative", initializer=use_one)
    started = Barrier(num_threads + 1)
    for _ in range(num_threads):
        pool.submit(started.wait)
    started.wait()
    if has_torch:
        sys.modules["torch"].set_num_threads(num_threads)  # torch also uses the setting of one thread for threads started later
    return pool


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive in the child


def _use_one_thread() -> None:
    torch = sys.modules["torch"]
    torch.get_num_threads()  # the first call of a thread copies the number of the others, which would undo the next line
    torch.set_num_threads(1)
