"""Whole steps as a CUDA graph: pointers frozen, scalars in device memory, a counter beside them."""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from wdref.backend import Leaf, asks
from wdref.optimizer import Optimizer, State
from wdref.rules.shapes import check_gradients_alone

from .driver import Buffer, Driver, Module, Stream
from .kernel import Printed
from .tables import Batch
from .work import Key, Work

Tree = Any


@dataclass(frozen=True)
class _Ring:
    """The scalars of the next steps of up to `GROUPS` groups, and the tables that read them."""

    printed: Printed
    module: Module
    batch: Batch
    band: int
    rows: Buffer
    tables: list[np.ndarray[Any, Any]]

    def values(self, which: dict[int, int], scalars: Sequence[Any]) -> np.ndarray[Any, Any]:
        """What one step's scalars of the whole optimizer are to this kernel."""
        own = [scalars[which[id(s)]] for s in self.batch.scalars]
        return self.batch.values(own, self.band)


class Replay:
    """A step of an optimizer, recorded; made by `capture`.

    `step` replays the next one on the caller's current stream and does nothing else on the host:
    the kernels find their scalars in device memory, by a counter that they advance. Every `steps`
    steps the host computes the scalars of as many more and sends them, in the order of the stream.
    It never waits for a step, only for that copy of the scalars that it sent a round before.

    The graph holds addresses: gradients must be written into the arrays that were given.
    """

    def __init__(
        self, driver: Driver, opt: Optimizer, params: Tree, grads: Tree, state: State, steps: int
    ) -> None:
        if steps < 1:
            raise ValueError(f"steps={steps}: expected at least 1")
        check_gradients_alone(opt.dialect, "a CUDA graph")
        self._driver, self._opt, self._begin, self._ring = driver, opt, state, steps
        self._recorded = _recorded(driver, opt, params, grads, state)
        self._done = self._known = 0  # steps taken; steps whose scalars are sent
        batches = self._batches()
        self._place = next(iter(batches), None)  # of all: None where every array is empty
        self._rings: list[_Ring] = []
        if self._place is not None:
            with driver.device.use(self._place.ordinal):
                self._count = driver.device.buffer(8)
                self._rings = [x for pair in batches.items() for x in self._prepare(*pair)]
                self._graph = driver.device.graph(self.enqueue)

    @property
    def state(self) -> State:
        """The optimizer's state after the steps so far, as `Optimizer.step` returns it."""
        return replace(self._begin, step=self._begin.step + self._done)

    def step(self) -> State:
        """Take one step on the caller's current stream, and return the state after it.

        Raises as `Optimizer.scalars` does, before anything is put on the stream.
        """
        self.ready()
        if self._place is not None:
            with self._driver.device.use(self._place.ordinal):
                self._graph(self._stream(self._place))
        return self.state

    def enqueue(self, stream: Stream | None = None) -> None:
        """Put the kernels of one step on the stream, for a graph of your own that holds more.

        Call `ready` before each replay of that graph.
        """
        if self._place is None:
            return
        stream = self._stream(self._place) if stream is None else stream
        count = np.array([self._count.address], np.uint64)
        ring = np.array([self._ring], np.int64)
        for r in self._rings:
            rows = np.array([r.rows.address], np.uint64)
            for table in r.tables:
                arguments = (table, rows, count, ring)
                self._driver.launch(r.module, "replay", arguments, r.printed, stream)
        self._rings[0].module.launch("advance", 1, 1, (count,), stream)

    def ready(self) -> None:
        """Count one step, and see to it that its scalars are on the device."""
        if self._done == self._known:
            self._send()
        self._done += 1
        if self._place is not None:
            leaves = self._recorded.leaves
            self._place.library.written([x for leaf in leaves for x in (leaf.theta, *leaf.slots)])

    # -- preparation --------------------------------------------------------------------------

    def _batches(self) -> dict[Key, Batch]:
        leaves = self._recorded.leaves
        libraries = self._driver.check(leaves)
        if any(map(asks, leaves)):
            raise ValueError(
                "capture holds no rule that looks at a whole tensor: the host reads its sums at "
                "every step, so take plain steps"
            )
        work = Work(self._driver.tuning, leaves, libraries, None)
        if work.plain or work.kept:
            raise ValueError(
                "capture needs contiguous arrays and a rule that can be traced: take plain steps"
            )
        if len({(key.library, key.ordinal) for key in work.batches}) > 1:
            raise ValueError(
                "capture holds arrays of one library on one device: capture each part by itself"
            )
        return work.batches

    def _prepare(self, key: Key, batch: Batch) -> Iterator[_Ring]:
        module, tables = self._driver.module(key), list(batch.tables())
        # asked now: CUDA loads a function when first it is used, and not while a graph is recorded
        module.resident("replay", key.printed.tuning.block)
        module.resident("advance", 1)
        for band in dict.fromkeys(band for band, _ in tables):
            rows = self._driver.device.buffer(self._ring * key.printed.groups.itemsize)
            own = [table for b, table in tables if b == band]
            yield _Ring(key.printed, module, batch, band, rows, own)

    @staticmethod
    def _stream(place: Key) -> Stream:
        return place.library.stream(place.ordinal)

    # -- scalars ------------------------------------------------------------------------------

    def _send(self) -> None:
        """Compute and send the scalars from the next step to the end of the ring."""
        place = self._done % self._ring
        steps = self._ahead(self._ring - place)
        self._known = self._done + len(steps)
        if self._place is None:
            return
        with self._driver.device.use(self._place.ordinal):
            stream = self._stream(self._place)
            for r in self._rings:
                values = np.concatenate([r.values(self._recorded.which, s) for s in steps])
                r.rows.write(place * values.itemsize, values, stream)

    def _ahead(self, count: int) -> list[Sequence[Any]]:
        """Scalars of up to `count` steps; a schedule may end before, and says so when reached."""
        first = self._begin.step + self._done + 1
        found = [self._scalars(first)]
        for t in range(first + 1, first + count):
            try:
                found.append(self._scalars(t))
            except Exception:  # raised again, to be heard, if that step is ever taken
                break
        return found

    def _scalars(self, t: int) -> Sequence[Any]:
        scalars = self._opt.scalars(t)
        if [_present(s) for s in scalars] != self._recorded.present:
            raise ValueError(f"capture: at t={t} the rule has other lines than were recorded")
        return scalars


class _Recorded(NamedTuple):
    """The leaves of a step, and which of the optimizer's scalars each takes, by identity."""

    leaves: list[Leaf]
    which: dict[int, int]
    present: list[tuple[bool, ...]]


def _recorded(driver: Driver, opt: Optimizer, params: Tree, grads: Tree, state: State) -> _Recorded:
    opt = copy(opt)  # `replace` would call the constructor of AdamW, which takes other arguments
    object.__setattr__(opt, "backend", driver.name)
    with driver.recording():
        opt.step(params, grads, state)  # for its checks
    scalars = opt.scalars(state.step + 1)
    with driver.recording() as leaves:
        opt.apply(params, grads, state.slots, scalars)
    which = {id(s): i for i, s in enumerate(scalars)}
    return _Recorded(leaves, which, [_present(s) for s in scalars])


def _present(scalars: Any) -> tuple[bool, ...]:
    return tuple(x is not None for x in scalars)
