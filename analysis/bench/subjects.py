"""Who is measured: what a subject is, wdref's own backends, and the streaming limit."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from wdref.rules.shapes import inputs_of

from .cases import LINE, Arrays, Case, optimizer

THREADED = 1 << 17  # elements before another thread pays, as in wdref's backends
LIMIT = "limit"


class Absent(Exception):
    """A subject that cannot be measured on a case; the message is the note of its row."""


@dataclass(frozen=True)
class Step:
    """What is timed: `run`, many times, then `finish` once. `before` runs untimed ahead of both."""

    run: Callable[[], object]
    before: Callable[[], object] = lambda: None
    finish: Callable[[], object] = lambda: None
    most: int = 100_000  # runs between two calls of `before`
    traffic: int | None = None  # bytes a parameter, where they are not the case's
    note: str = ""


@dataclass(frozen=True)
class Subject:
    """Something that makes a step: `make` raises Absent, or ImportError if `extra` is missing."""

    name: str
    extra: str
    make: Callable[[Case, Arrays], Step]
    suits: Callable[[Case], bool] = lambda case: True

    def start(self, case: Case, arrays: Arrays) -> Step:
        """Make the step, or raise Absent with the reason why there is none."""
        try:
            return self.make(case, arrays)
        except ImportError as error:
            missing = (error.name or str(error)).partition(".")[0]
            raise Absent(f"needs {missing}: pip install 'wdref[{self.extra}]'") from error


def own(backend: str, extra: str) -> Subject:
    """Return wdref with one of its backends."""

    def make(case: Case, arrays: Arrays) -> Step:
        return step_of(optimizer(case.rule, backend), arrays.params, arrays.grads, arrays.slots)

    return Subject(f"wdref {backend}", extra, make)


def step_of(opt: Any, params: list[Any], grads: list[Any], slots: dict[str, list[Any]]) -> Step:
    """Step `opt` in place on trees of these arrays, which stand for what `init` makes."""
    trees = tree(params), tree(grads)
    given = MappingProxyType({name: tree(own) for name, own in slots.items()})
    state = replace(opt.init(tree(params[:1])), slots=given)

    beside = dict.fromkeys(inputs_of(opt.dialect), trees[1])  # any numbers

    def run() -> None:
        nonlocal state
        state = opt.step(*trees, state, **beside)

    return Step(run)


def tree(arrays: list[Any]) -> dict[str, Any]:
    """Give the arrays names, as the parameters of a model have them."""
    return {f"layer{i:03}": x for i, x in enumerate(arrays)}


def _limit(case: Case, arrays: Arrays) -> Step:
    """Read θ, g and the slots, and write θ and the slots, in place; compute nothing.

    Before, read what the rule sums, a round of sums after the other.
    Bits pass through an operation with a zero that only the caller knows: the compiler can leave
    out neither a load nor a store, and the values stay as they are.
    """
    from numba import njit

    runs: list[Any] = [x.view(np.dtype(f"u{x.itemsize}")) for x in arrays.runs.values()]
    zeros: Any = (runs[0].dtype.type(0), np.uint32(0))
    fused = njit(nogil=True)(
        (_without_slots, _with_one_slot, _with_two_slots)[min(len(runs), 4) - 2]
    )
    slot, read = njit(nogil=True)(_slot), njit(nogil=True)(_read)
    names = list(arrays.runs)
    before = [[names.index(name) for name in each] for each in case.reads]

    def loop(*own: Any) -> None:
        *streams, zero, wide = own
        fused(*streams[:4], zero, wide)
        for x in streams[4:]:
            slot(x, wide)

    def first_read(places: list[int], *own: Any) -> None:
        for k in places:
            read(own[k])

    size = runs[0].size
    workers = min(os.cpu_count() or 1, size // THREADED) or 1
    part = -(-size // (workers * LINE)) * LINE
    first, *others = [[x[low : low + part] for x in runs] for low in range(0, size, part)]
    pool = ThreadPoolExecutor(max_workers=max(1, len(others)))

    def share(work: Callable[..., object], *more: Any) -> None:
        jobs = [pool.submit(work, *own, *more) for own in others]
        work(*first, *more)
        for job in jobs:
            job.result()

    def run() -> None:
        for each in before:
            share(partial(first_read, each))
        share(loop, *zeros)

    return Step(run)


def _read(x: Any) -> Any:
    bits = x[0]
    for i in range(x.size):
        bits |= x[i]
    return bits


def _slot(x: Any, wide: Any) -> None:
    for i in range(x.size):
        x[i] ^= wide


def _without_slots(theta: Any, g: Any, zero: Any, wide: Any) -> None:
    for i in range(theta.size):
        theta[i] ^= g[i] & zero


def _with_two_slots(theta: Any, g: Any, m: Any, v: Any, zero: Any, wide: Any) -> None:
    for i in range(theta.size):  # from 0: an index that might be negative is no vector's
        theta[i] ^= g[i] & zero
        m[i] ^= wide
        v[i] ^= wide


def _with_one_slot(theta: Any, g: Any, m: Any, zero: Any, wide: Any) -> None:
    for i in range(theta.size):
        theta[i] ^= g[i] & zero
        m[i] ^= wide


OWN = (
    Subject(LIMIT, "fast", _limit),
    own("numba", "fast"),
    own("numpy", "fast"),
    own("plain", "fast"),
)
