"""Targets one after another in one process: their framework is imported once.

What crashes or hangs costs itself alone: the process is started anew with what is left.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from ..cases.case import Case
from . import worker
from .exchange import Result, read_loaded, read_results, write_request
from .targets import Target, end_of, kill, too_late

# OpenMP's threads wait asleep: several processes share the cores, and their cases are small.
PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE"}


@dataclass(frozen=True)
class Job:
    """A target and the cases that it is to run."""

    target: Target
    cases: Sequence[Case]


@dataclass(frozen=True)
class Outcome:
    """What came of a job: one result a case, what its adapter said, or why it could not be loaded.

    `seconds` is the processor's time in which it was loaded and its cases run.
    """

    results: Sequence[Result] = ()
    primitives: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    error: str = ""
    traceback: str = field(default="", repr=False)


def run_all(
    jobs: Sequence[Job], *, timeout: float, memory: float, stop: Event | None = None
) -> Iterator[Outcome]:
    """Yield the outcome of each job, in order; `timeout` is in seconds and for each job.

    Once `stop` is set no answer is waited for.
    """
    waiting = list(jobs)
    while waiting:
        with _Process(waiting, memory, stop or Event()) as process:
            for i in range(len(waiting)):
                outcome, alive = process.outcome(i, timeout)
                # in a process that others have used the fault may be theirs: once more, alone
                blameless = not alive and i > 0
                if not blameless:
                    yield outcome
                if not alive:
                    waiting = waiting[i if blameless else i + 1 :]
                    break
            else:
                return


class _Process:
    """A worker that is told one directory after another, the next before it has asked for it."""

    def __init__(self, jobs: Sequence[Job], memory: float, stop: Event) -> None:
        self._jobs, self._memory, self._stop = jobs, memory, stop
        self._place = tempfile.TemporaryDirectory(prefix="wdref-", ignore_cleanup_errors=True)
        self._folder = Path(self._place.name)
        try:
            with (self._folder / "stderr").open("wb") as stderr:
                self._process = subprocess.Popen(
                    [sys.executable, worker.__file__, "-"],
                    bufsize=0,  # nothing is left to flush when it is dead
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    start_new_session=True,
                    env={**PASSIVE, **os.environ},
                )
            self._tell(0)
        except BaseException:
            self._place.cleanup()
            raise

    def __enter__(self) -> "_Process":
        return self

    def __exit__(self, *_: object) -> None:
        kill(self._process)
        if self._process.stdin:
            self._process.stdin.close()
        self._place.cleanup()

    def outcome(self, i: int, timeout: float) -> tuple[Outcome, bool]:
        """Wait for job `i`; its outcome, and whether the process can go on."""
        if i + 1 < len(self._jobs):
            self._tell(i + 1)
        ending = self._wait(self._folder / str(i) / "done.json", timeout)
        if ending:
            kill(self._process)
        outcome = self._read(i, ending)
        shutil.rmtree(self._folder / str(i))
        return outcome, not ending

    def _tell(self, i: int) -> None:
        directory = self._folder / str(i)
        directory.mkdir()
        write_request(directory, self._jobs[i].target.spec, self._jobs[i].cases, self._memory)
        pipe = self._process.stdin
        if pipe is None:
            raise AssertionError("stdin was asked for")
        with suppress(BrokenPipeError):  # it is dead: `_wait` says so
            pipe.write(f"{directory}\n".encode())

    def _wait(self, done: Path, timeout: float) -> Result | None:
        """Return why there will be no answer, or None when all is there."""
        deadline = time.monotonic() + timeout
        while not done.exists():
            status = self._process.poll()
            if status is not None:
                return end_of(status)
            if self._stop.is_set() or time.monotonic() > deadline:
                return too_late(timeout)
            time.sleep(0.02)
        return None

    def _read(self, i: int, ending: Result | None) -> Outcome:
        directory, stderr = self._folder / str(i), self._folder / "stderr"
        last = ending or Result("error", message="its process gave no answer")
        loaded = read_loaded(directory, last, stderr=stderr)
        if loaded.status != "ok":
            return Outcome(error=loaded.message, traceback=loaded.traceback)
        results = read_results(directory, self._jobs[i].cases, loaded, last, stderr=stderr)
        done = {} if ending else json.loads((directory / "done.json").read_text())
        return Outcome(results, loaded.primitives, loaded.about, done.get("seconds"))
