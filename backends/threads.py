"""Threads of our own: the parts of a step, taken by whoever is free."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

THREADED = 1 << 17  # elements of a step before another thread pays
PARTS = 32  # of the work, for each thread: none waits long for a slower one

Span = tuple[int, int]


def spread(n: int, unit: int, run: Callable[[Span], object], /) -> None:
    """Call `run` with spans that cover n elements, in threads where they are many.

    Spans begin at multiples of `unit`. The caller works too.
    """
    workers = min(cores(), n // THREADED)
    if workers < 2:
        if n:
            run((0, n))
        return
    least = max(-(-n // (workers * PARTS)), THREADED)
    part = -(-least // unit) * unit
    spans = iter([(low, min(low + part, n)) for low in range(0, n, part)])

    def work() -> None:
        for span in spans:  # one iterator for all
            run(span)

    jobs = [_pool().submit(work) for _ in range(workers - 1)]
    work()
    for job in jobs:
        job.result()


@cache
def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=cores(), thread_name_prefix="wdref")


if hasattr(os, "register_at_fork"):  # a forked child has none of the threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
