"""Jobs in several processes at once: each process takes those of its group one after another."""

import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from ..cases.case import DTYPES
from ..targets.target_pool import Job, Outcome, run_all

WAITING = 4  # outcomes that may wait to be judged: a row's are some 20 MB
SHARE = 16  # rows of one process: a framework with many has several, for the other cores' sake

Item = TypeVar("Item")


@dataclass(frozen=True)
class Settings:
    """How rows are run: `timeout` in seconds a row, `memory` in GiB a process."""

    dtypes: tuple[str, ...] = DTYPES
    timeout: float = 120.0
    memory: float = 8.0
    cores: int = os.cpu_count() or 1


def run_groups(
    groups: Sequence[Sequence[Item]], job_of: Callable[[Item], Job], settings: Settings
) -> Iterator[tuple[Item, Job, Outcome]]:
    """Yield what came of each item, as it comes; a group shares its processes, `SHARE` in each."""
    finished: queue.Queue[Any] = queue.Queue(WAITING)
    stop = threading.Event()

    def work(group: Sequence[Item]) -> None:
        try:
            jobs = [job_of(item) for item in group]
            outcomes = run_all(jobs, timeout=settings.timeout, memory=settings.memory, stop=stop)
            for found in zip(group, jobs, outcomes, strict=False):
                _put(finished, found, stop)
        except Exception as error:
            _put(finished, error, stop)

    with ThreadPoolExecutor(settings.cores) as pool:
        try:
            for group in sorted(groups, key=len, reverse=True):
                for first in range(0, len(group), SHARE):
                    pool.submit(work, group[first : first + SHARE])
            for _ in range(sum(map(len, groups))):
                found = finished.get()
                if isinstance(found, Exception):
                    raise found
                yield found
        finally:
            stop.set()


def _put(finished: "queue.Queue[Any]", item: Any, stop: threading.Event) -> None:
    while not stop.is_set():
        with suppress(queue.Full):
            finished.put(item, timeout=0.1)
            return
