"""The leaves of one step as the work of a device: tables, copies, and what is left to the host."""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from wdref.backend import PLAIN, Leaf, asks, write
from wdref.engine.tree import dtype_name
from wdref.sums import together

from ..tracing.element import element
from ..tracing.trace import TraceError, trace
from .kernel import Printed, Tuning
from .summing import Asking, Summing
from .tables import Batch

Array = Any


class Key(NamedTuple):
    """What the tensors of a launch share: a kernel, a library, a device by its number."""

    printed: Printed
    library: Any
    ordinal: int


class Work:
    """The leaves of one step, sorted by kernel and device, and what is left to do after it.

    The new values go to the arrays of `fresh`, a row a leaf, or without it in place.
    """

    def __init__(
        self,
        tuning: Tuning,
        leaves: Sequence[Leaf],
        libraries: Sequence[Any],
        fresh: Sequence[Sequence[Array]] | None,
    ) -> None:
        self.tuning = tuning
        self.batches: dict[Key, Batch] = {}
        self.kept: list[Array] = []  # copies, alive until the launch is on its stream
        self.copies: list[tuple[Array, Array]] = []  # a place, and what the kernel wrote for it
        self.plain: list[tuple[Leaf, Any, Sequence[Array]]] = []
        self.touched: dict[Any, list[Array]] = {}
        self.asking: list[tuple[Leaf, Sequence[Array], Any]] = []  # for sums, together
        self._known: dict[tuple[int, ...], Printed | None] = {}
        for i, (leaf, library) in enumerate(zip(leaves, libraries, strict=True)):
            outputs = fresh[i] if fresh else (leaf.theta, *leaf.slots)
            if fresh is None:
                self.touched.setdefault(library, []).extend(outputs)
            if asks(leaf):
                self.asking.append((leaf, outputs, library))
            elif math.prod(leaf.theta.shape):
                self._leaf(leaf, library, outputs, in_place=fresh is None)

    def sum(self, driver: Any) -> None:
        """Sum what the leaves ask for, all of them together, and make tables of their steps."""
        asking = [Asking(*each, driver) for each in self.asking]
        with np.errstate(all="ignore"):
            found = together([each.rounds() for each in asking], Summing(driver).answer)
        for each, (result, values) in zip(asking, found, strict=True):
            self._asked(each, result, values)

    def _asked(self, each: Asking, result: Any, values: Any) -> None:
        """The step of a leaf whose sums are known."""
        leaf = each.leaf
        if each.plan is None:
            self.plain.append((leaf, result, each.outputs))
            return
        kinds = ("like", *leaf.kernel.shapes)
        like = [x for x, kind in zip(each.outputs, kinds, strict=True) if kind == "like"]
        self._table(each.plan.step, each.inputs, like, each.library, values,
                    in_place=each.outputs[0] is leaf.theta)  # fmt: skip
        single = [x for x, kind in zip(each.outputs, kinds, strict=True) if kind == "scalar"]
        self.copies += zip(single, each.plan.numbers.numbers(*values), strict=True)

    def _leaf(self, leaf: Leaf, library: Any, outputs: Sequence[Array], *, in_place: bool) -> None:
        inputs = [leaf.theta, leaf.g, *leaf.slots]
        kind = (id(leaf.kernel), id(leaf.scalars), *[id(x.dtype) for x in inputs])
        if kind not in self._known:
            self._known[kind] = _printed(leaf, inputs, self.tuning)
        printed = self._known[kind]
        if printed is None:
            self.plain.append((leaf, PLAIN.update([leaf])[0], outputs))
            return
        self._table(printed, inputs, outputs, library, leaf.scalars, in_place=in_place)

    def _table(
        self, printed: Printed, inputs: Sequence[Array], outputs: Sequence[Array],
        library: Any, scalars: Any, *, in_place: bool,
    ) -> None:  # fmt: skip
        """Put a tensor into the table of its program."""
        size = math.prod(inputs[0].shape)
        if not size:
            return
        source = library.addresses(inputs)
        if in_place and source is not None:
            target = [source[0], *source[2:]]
        else:
            source = source or self._copied(library, inputs)
            target = library.addresses(outputs) or self._beside(library, outputs)
        key = Key(printed, library, library.ordinal(inputs[0]))
        batch = self.batches.get(key)
        if batch is None:
            batch = self.batches[key] = Batch(printed)
        batch.add([*[source[k] for k in printed.reads], *target], size, scalars)

    def _copied(self, library: Any, arrays: Sequence[Array]) -> list[int]:
        made = [library.flattened(x) for x in arrays]
        self.kept += made
        return library.addresses(made) or []

    def _beside(self, library: Any, arrays: Sequence[Array]) -> list[int]:
        made = [x if library.addresses([x]) else library.empty(x) for x in arrays]
        self.kept += made
        self.copies += [(x, y) for x, y in zip(arrays, made, strict=True) if x is not y]
        return library.addresses(made) or []

    def finish(self) -> None:
        """Write what no kernel could write in place."""
        for place, values in self.copies:
            place[...] = values
        for leaf, result, outputs in self.plain:
            write(leaf, result, outputs)
        for library, arrays in self.touched.items():
            library.written(arrays)


def _printed(leaf: Leaf, inputs: Sequence[Array], tuning: Tuning) -> Printed | None:
    dtypes = tuple(dtype_name(x) for x in inputs)
    present = tuple(value is not None for value in leaf.scalars)
    scalars: Any = type(leaf.scalars)
    return _print(leaf.kernel, dtypes, scalars, present, tuning)


@cache
def _print(
    kernel: Any, dtypes: tuple[str, ...], scalars: Any, present: tuple[bool, ...], tuning: Tuning
) -> Printed | None:
    try:
        return Printed(element(trace(kernel, dtypes, scalars, present)), tuning)
    except TraceError:
        return None
