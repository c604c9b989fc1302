"""Independent calls on all cores of this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from threading import Barrier
from typing import TypeVar

import torch

AHEAD = 2
Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_threads(call: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield `call` of each item, in order, from as many threads as torch may use; each of them lets torch use one.

    For calls that spend their time outside Python. The thread that asks draws the items while those drawn before are worked on,
    but only AHEAD a thread, so that they may be large. The first error is raised, and what has not begun then is left out.
    """
    num_threads = torch.get_num_threads()
    if num_threads == 1:
        yield from map(call, items)
        return
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(_pool(num_threads).submit(call, item))
            if len(waiting) > AHEAD * num_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


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
