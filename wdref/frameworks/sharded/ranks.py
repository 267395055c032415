"""A function `run(case)` that several processes compute together, each of them a rank.

A rank is a fork of this process: what is imported is there at once, a user's own classes too. It
lives until the last case. This process hands out cases and is no rank itself: it sees which one
dies or hangs. Either is the end, for this case and all that come. What a rank raises costs its case
alone; unless all raise the same they are begun anew, for some may wait for what will not come.
"""

import math
import mmap
import multiprocessing
import os
import signal
import tempfile
import time
import traceback
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from wdref.oracle import Unsupported

Run = Callable[[Any], Any]
Beat = Callable[[], None]
# makes the `run` of a rank: its number, a folder to meet in, what it is to call at every step
Begin = Callable[[int, Path, Beat], Run]

GRACE = 1.0  # seconds for the others once a rank has raised, and to wait longer than they do
MOST = 16


def check(count: Any, patience: Any) -> None:
    """Raise ValueError for what `Ranks` cannot be made of."""
    if type(count) is not int or not 2 <= count <= MOST:
        raise ValueError(f"ranks={count!r}; expected 2 to {MOST}")
    if not isinstance(patience, int | float) or not 0 < patience < math.inf:
        raise ValueError(f"patience={patience!r}; expected seconds")
    if "fork" not in multiprocessing.get_all_start_methods():
        raise ValueError("ranks are forks of one process, which this system does not have")


@dataclass(frozen=True)
class _Answer:
    """What a rank made of a case: ``ok`` and a result, or ``unsupported`` or ``error`` and why."""

    kind: str
    content: Any = None
    traceback: str = ""


@dataclass(frozen=True)
class _Member:
    process: Any
    pipe: "Connection[Any, Any]"


class Ranks:
    """The ranks of one target; a call with a case returns what all of them agree on.

    None may be silent for longer than `patience` seconds; where they wait for each other, it is for
    as long.
    """

    def __init__(self, begin: Begin, count: int, *, patience: float) -> None:
        self._begin, self._count, self._patience = begin, count, patience
        self._members: list[_Member] = []
        self._beats = memoryview(mmap.mmap(-1, 8 * count)).cast("d")  # when each was last heard of
        self._over = ""
        weakref.finalize(self, _end, self._members, os.getpid())
        self._start()

    def __call__(self, case: Any) -> Any:
        """Return the result of a case, or raise what became of it."""
        if self._over:
            raise RuntimeError(self._over)
        if not self._members:
            self._start()
        self._all_heard()
        sent = SimpleNamespace(**{name: _sent(x) for name, x in vars(case).items()})
        for member in self._members:
            with suppress(BrokenPipeError):  # it is dead: `_answers` says so
                member.pipe.send(sent)
        answers = self._checked(self._answers())
        return self._agreed([answers[rank].content for rank in range(self._count)])

    def _start(self) -> None:
        with tempfile.TemporaryDirectory(prefix="wdref-") as folder:
            self._all_heard()
            for rank in range(self._count):
                self._members.append(self._fork(rank, Path(folder)))
            self._checked(self._answers())

    def _fork(self, rank: int, folder: Path) -> _Member:
        context = multiprocessing.get_context("fork")
        mine, its = context.Pipe()
        process = context.Process(target=self._serve, args=(rank, folder, its, mine), daemon=True)
        with warnings.catch_warnings():
            # Python 3.12 and JAX warn of threads: those of BLAS and XLA, which a rank does not need
            warnings.simplefilter("ignore")
            process.start()
        its.close()
        return _Member(process, mine)

    def _serve(self, rank: int, folder: Path, pipe: Any, parents: Any) -> None:
        """Be a rank: answer one case after another until the parent is gone."""
        for end in (parents, *(member.pipe for member in self._members)):
            end.close()  # while they are open here, nobody sees that the parent is gone

        def beat() -> None:
            self._beats[rank] = time.monotonic()

        run: list[Run] = []
        pipe.send(_answer(lambda _: run.append(self._begin(rank, folder, beat)), None))
        while True:
            try:
                case = pipe.recv()
            except EOFError:
                return
            pipe.send(_answer(run[0], case))

    def _all_heard(self) -> None:
        for rank in range(self._count):
            self._beats[rank] = time.monotonic()

    def _answers(self) -> dict[int, _Answer]:
        """Wait for the ranks' answers, all of them unless one has raised."""
        found: dict[int, _Answer] = {}
        raised = float("inf")
        while len(found) < self._count:
            left = [rank for rank in range(self._count) if rank not in found]
            wait([self._members[rank].pipe for rank in left], timeout=0.1)
            for rank in left:
                answer = self._answer_of(rank)
                if answer is not None:
                    found[rank] = answer
                    raised = min(raised, time.monotonic()) if answer.kind == "error" else raised
            alone = time.monotonic() > raised + GRACE
            # one that waited for another in vain has raised: that one has been silent for as long
            limit = self._patience / 2 if alone else self._patience + GRACE
            self._hear({rank for rank in left if rank not in found}, limit)
            if alone:
                break
        return found

    def _answer_of(self, rank: int) -> _Answer | None:
        member = self._members[rank]
        with suppress(EOFError, OSError):
            if member.pipe.poll():
                answer: _Answer = member.pipe.recv()
                return answer
            if member.process.exitcode is None:
                return None
        member.process.join(GRACE)
        code = member.process.exitcode or 0
        how = f"died with status {code}"
        if code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        raise self._given_up(f"rank {rank} of {self._count} {how}")

    def _hear(self, left: set[int], limit: float) -> None:
        """Raise where a rank has been silent for more than `limit` seconds."""
        now = time.monotonic()
        since = {rank: now - self._beats[rank] for rank in left}
        silent = sorted(rank for rank in left if since[rank] > limit)
        if silent:
            numbers = " and ".join(map(str, silent))
            words = f"rank {numbers}" if len(silent) == 1 else f"ranks {numbers}"
            hang = "hangs" if len(silent) == 1 else "hang"
            least = min(since[rank] for rank in silent)
            raise self._given_up(f"{words} of {self._count} {hang}: silent for {least:.0f} s")

    def _given_up(self, why: str) -> RuntimeError:
        self._over = why
        _end(self._members, os.getpid())
        return RuntimeError(why)

    def _checked(self, answers: Mapping[int, _Answer]) -> Mapping[int, _Answer]:
        """Return the answers if all are results, or raise what the ranks raised."""
        errors = {rank: a for rank, a in answers.items() if a.kind == "error"}
        refused = {rank: a for rank, a in answers.items() if a.kind == "unsupported"}
        if len(refused) == self._count:
            raise Unsupported(refused[0].content)
        if not errors and not refused:
            return answers
        rank, first = min((errors or refused).items())
        same = len(errors) == self._count and len({a.content for a in errors.values()}) == 1
        who = f"all {self._count} ranks" if same else f"rank {rank} of {self._count}"
        if not same:
            _end(self._members, os.getpid())
        raise _error(f"{who}: {first.content}", first.traceback)

    def _agreed(self, results: Sequence[Any]) -> Any:
        """Return the result of rank 0, which every other rank must have."""
        many = isinstance(results[0], list)
        first, *others = results if many else [[result] for result in results]
        for rank, other in enumerate(others, start=1):
            for i, (mine, its) in enumerate(zip(first, other, strict=True)):
                differ = np.argwhere(~((mine == its) | (np.isnan(mine) & np.isnan(its))))
                if len(differ):
                    step, coordinate = map(int, differ[0])
                    raise RuntimeError(
                        f"ranks 0 and {rank} of {self._count} disagree at step {step + 1}, tensor "
                        f"{i}, coordinate {coordinate}: {mine[step, coordinate]!r} and "
                        f"{its[step, coordinate]!r}"
                    )
        return results[0]


def _sent(x: Any) -> Any:
    """Return a part of a case as it can be sent: a case that nobody has written has mappings."""
    if isinstance(x, Mapping):
        return {key: _sent(value) for key, value in x.items()}
    return [*map(_sent, x)] if isinstance(x, list | tuple) else x


def _error(words: str, traceback: str) -> RuntimeError:
    # a name for it where it is raised would hold that frame, and so the ranks, until they are swept
    error = RuntimeError(words)
    error.add_note(traceback)
    return error


def _answer(run: Run, case: Any) -> _Answer:
    try:
        return _Answer("ok", run(case))
    except Exception as error:
        names = [kind.__name__ for kind in type(error).__mro__]
        if "Unsupported" in names:
            return _Answer("unsupported", str(error))
        words = (str(error).strip() or "no message").splitlines()[0]
        return _Answer("error", f"{type(error).__name__}: {words}", traceback.format_exc())


def _end(members: list[_Member], owner: int) -> None:
    """Kill the ranks; nothing in a fork, to which its parent's ranks are not children."""
    if os.getpid() != owner:
        return
    for member in members:
        member.process.kill()
    for member in members:
        member.process.join()
        member.pipe.close()
    members.clear()
