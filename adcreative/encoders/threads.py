"""Independent calls on all cores of this process: of one function on many items, or one long call beside all else."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from itertools import islice
from threading import Barrier
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_threads(call: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return `call` of each item, in order, from as many threads as torch may use; each of them lets torch use one.

    For calls that spend their time outside Python. The thread that asks draws the items while those drawn before are worked on.
    The first error is raised, and what has not begun then is left out.
    """
    num_threads = torch.get_num_threads()
    return list(map(call, items) if num_threads == 1 else _pool(num_threads).map(call, items))


def iter_in_threads(call: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
    """Yield `call` of each item, in order, while the items after it are worked on; as `map_in_threads`.

    Each thread has one item and the next one waits, so who takes their time over an answer keeps nobody else from the threads
    for long. A call sees the context variables of the thread that asks. Closed early, it waits for the calls that have begun.
    """
    num_threads = torch.get_num_threads()
    if num_threads == 1:
        yield from map(call, items)
        return
    pool, rest, begun = _pool(num_threads), iter(items), deque[Future[Result]]()
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
    """Run one long call on another core while the block goes on; yield what waits for its answer, or raises its error.

    The block ends when the call has ended, also after an error of its own. The call takes one thread of those that
    `map_in_threads` shares out to the block, so it must not share out items itself. It sees the context variables of the
    thread that asks. Where torch may use one thread only, it runs when its answer is asked for.
    """
    if torch.get_num_threads() == 1:
        yield call
        return
    running = _pool(torch.get_num_threads()).submit(copy_context().run, call)
    try:
        yield running.result
    finally:
        if not running.cancel():
            running.exception()


@cache
def _pool(num_threads: int) -> ThreadPoolExecutor:
    pool = ThreadPoolExecutor(num_threads, thread_name_prefix="adcreative", initializer=_use_one_thread)
    started = Barrier(num_threads + 1)
    for _ in range(num_threads):
        pool.submit(started.wait)
    started.wait()
    torch.set_num_threads(num_threads)  # what a thread sets for itself, torch also takes for threads that begin later
    return pool


def _use_one_thread() -> None:
    torch.get_num_threads()  # the first call of a thread takes over the number of the others, and would undo the next line
    torch.set_num_threads(1)
