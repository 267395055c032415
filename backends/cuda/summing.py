"""Sums on a device: what rules ask for of their tensors, several tensors a launch.

Two kernels. The first adds up the terms of each chunk, a total a thread; the second those of the
chunks of a tensor, again a total a thread. No thread waits for another, and the host adds the rest:
a double-double loses so little that the order shows in no bit (`wdref.sums.partial`). Where it is
left open, the arrays are fetched and added exactly.
"""

import functools
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from wdref.backend import Leaf
from wdref.engine.tree import dtype_name
from wdref.sums import Exact, Part, Partial, Rounds, answered, partial
from wdref.sums.arrays import hosted

from ..numpy import rounds as in_blocks
from ..tracing.element import Element, element
from ..tracing.phases import Phases, phases
from ..tracing.trace import TraceError
from .kernel import Printed, Tuning
from .tables import Batch

Array = Any
CHUNK = 4  # times the chunk of a step: fewer totals
TOTAL = np.dtype([("high", "f8"), ("low", "f8"), ("size", "f8")])


class Plan(NamedTuple):
    """The kernels of a rule that asks for sums."""

    phases: Phases
    sums: tuple[Printed, ...]
    step: Printed
    numbers: Element


@dataclass(frozen=True, eq=False)
class Wanted:
    """The sums that a leaf asks for in a round."""

    leaf: "Asking"
    number: int
    values: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Term:
    """One of them."""

    wanted: Wanted
    k: int
    over: Any


class Asking:
    """A leaf whose rule asks for sums; `plan` is None where it is evaluated as it is written."""

    def __init__(self, leaf: Leaf, outputs: Sequence[Array], library: Any, driver: Any) -> None:
        self.leaf, self.outputs, self.library = leaf, outputs, library
        kinds = ("like", "like", *leaf.kernel.shapes)
        arrays = (leaf.theta, leaf.g, *leaf.slots)
        self.inputs = [x for x, kind in zip(arrays, kinds, strict=True) if kind == "like"]
        single = [x for x, kind in zip(arrays, kinds, strict=True) if kind == "scalar"]
        self.plan = _planned(leaf, self.inputs, driver.tuning)
        self.values = [*leaf.scalars, *(float(x) for x in single if self.plan)]

    def rounds(self) -> Rounds:
        """Ask round by round; return what the rule returns, or the scalars of its step."""
        if self.plan is None:
            result = yield from self.leaf.kernel.rounds(*self.leaf[1:5])
            return result, ()
        values = list(self.values)
        for number, each in enumerate(self.plan.phases.rounds):
            wanted = Wanted(self, number, tuple(values))
            size = math.prod(self.inputs[0].shape)
            values += yield each.asked(functools.partial(Term, wanted), size)  # for `Summing`
        return None, tuple(values)

    def exact(self, number: int, values: Sequence[Any]) -> list[Exact]:
        """Return the exact sums of a round, of arrays fetched from the device."""
        assert self.plan is not None, "what has no plan has no terms of a kernel"
        arrays = [np.concatenate([x.reshape(-1) for x in hosted(y) or ()]) for y in self.inputs]
        return _blocks(self.plan.phases).exact(number, arrays, values)


_blocks = cache(in_blocks)


def _planned(leaf: Leaf, inputs: Sequence[Array], tuning: Tuning) -> Plan | None:
    dtypes = tuple(dtype_name(x) for x in inputs)
    present = tuple(value is not None for value in leaf.scalars)
    scalars: Any = type(leaf.scalars)
    return _plan(leaf.kernel, dtypes, scalars, present, tuning)


@cache
def _plan(
    kernel: Any, dtypes: tuple[str, ...], scalars: Any, present: tuple[bool, ...], tuning: Tuning
) -> Plan | None:
    try:
        found = phases(kernel, dtypes, scalars, present)
        wider = replace(tuning, chunk=CHUNK * tuning.chunk)
        sums = tuple(Printed(element(each.program), wider) for each in found.rounds)
        return Plan(found, sums, Printed(element(found.last), tuning), element(found.numbers))
    except TraceError:
        return None


class Summing:
    """Answers the rounds of a step's leaves, all that share a kernel in one launch."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def answer(self, sums: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """Return the sums that the leaves ask for."""
        wanted = [found[0] for own in sums
                  if (found := [x.wanted for x in own if isinstance(x, Term)])]  # fmt: skip
        partials = self._partials(wanted)
        parts = [[self._part(each, partials) if isinstance(each, Term) else each for each in own]
                 for own in sums]  # fmt: skip
        return answered(parts)

    @staticmethod
    def _part(term: Term, partials: dict[int, list[Partial]]) -> Part:
        w = term.wanted
        return Part(term.over, partials[id(w)][term.k],
                    lambda: w.leaf.exact(w.number, w.values)[term.k])  # fmt: skip

    def _partials(self, wanted: Sequence[Wanted]) -> dict[int, list[Partial]]:
        """The partial sums of each, by what asks for them."""
        groups: dict[Any, list[Wanted]] = {}
        found: dict[int, list[Partial]] = {}
        for w in wanted:
            assert w.leaf.plan is not None, "a term is one of a plan"
            printed, library = w.leaf.plan.sums[w.number], w.leaf.library
            if w.leaf.inputs[0].shape and 0 in w.leaf.inputs[0].shape:
                found[id(w)] = [Partial()] * printed.terms
            else:
                ordinal = library.ordinal(w.leaf.inputs[0])
                groups.setdefault((printed, library, ordinal), []).append(w)
        for (printed, library, ordinal), members in groups.items():
            with self.driver.device.use(ordinal):
                found |= self._launched(printed, library, ordinal, members)
        return found

    def _launched(
        self, printed: Printed, library: Any, ordinal: int, members: Sequence[Wanted]
    ) -> dict[int, list[Partial]]:
        batch, kept = Batch(printed), []
        for w in members:
            flat = [library.flattened(x) for x in w.leaf.inputs]
            kept.append(flat)
            places = library.addresses(flat)
            size = int(np.prod(w.leaf.inputs[0].shape))
            batch.add([places[k] for k in printed.reads], size, w.values)
        stream = library.stream(ordinal)
        self.driver.refuse_capture(stream)
        module = self.driver.module_of(printed, ordinal)
        totals = [self._table(printed, batch, band, table, module, stream, ordinal)
                  for band, table in batch.tables()]  # fmt: skip
        order = [int(i) for _, some in batch.rows() for i in some]
        rows = np.concatenate(totals)
        return {id(members[i]): _partials(row, batch.sizes[i], printed)
                for i, row in zip(order, rows, strict=True)}  # fmt: skip

    def _table(
        self, printed: Printed, batch: Batch, band: int, table: Any, module: Any, stream: Any,
        ordinal: int,
    ) -> Any:  # fmt: skip
        """Launch both kernels on a table, and read the totals of its tensors."""
        block, each = printed.tuning.block, printed.tuning.block * printed.terms
        tensors, chunks = int(table["tensors"][0]), int(table["chunks"][0])
        scratch = self.driver.scratch(ordinal, 0, chunks * each * TOTAL.itemsize)
        result = self.driver.scratch(ordinal, 1, tensors * each * TOTAL.itemsize)
        at, to = (np.array([x.address], np.uint64) for x in (scratch, result))
        groups = batch.values(batch.scalars, band)
        self.driver.launch(module, "sums", (table, groups, at), printed, stream)
        module.launch("fold", tensors, block, (table, at, to), stream)
        raw = result.read(tensors * each * TOTAL.itemsize, stream)
        return np.frombuffer(raw.tobytes(), TOTAL).reshape(tensors, printed.terms, block)


def _partials(row: Any, count: int, printed: Printed) -> list[Partial]:
    """The partial sums of a tensor from the totals of its threads."""
    # a thread adds its elements of every chunk, and then the chunks
    chain = -(-4 * count // printed.tuning.block) + 4
    return [partial.of_lanes(t["high"], t["low"], t["size"], chain, same=False) for t in row]


class Scratch(threading.local):
    """Memory of the device for totals, kept from step to step by every thread for itself."""

    def __init__(self) -> None:
        self.buffers: dict[Any, tuple[int, Any]] = {}

    def at(self, key: Any, size: int, make: Any) -> Any:
        """Return a buffer of at least `size` bytes."""
        known = self.buffers.get(key)
        if known is None or known[0] < size:
            known = self.buffers[key] = (2 * size, make(2 * size))
        return known[1]
