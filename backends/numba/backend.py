"""numba: the traced rule as one fused loop over all tensors, with threads, memory read once.

What `wdref.backends.numpy` does block by block, this does element by element: the same operations
in the same order, without the scratch. The bits are the same. Compiled code is kept on disk.
"""

from collections.abc import Sequence
from functools import cache
from operator import mod
from typing import Any

import numba  # noqa: F401  # what is generated needs it: told here, not in the first step
import numpy as np

from wdref.backend import PLAIN, Leaf, asks
from wdref.engine.memory import address

from ..numpy import Array, check, evaluate, flat
from ..rounds import run_rounds
from ..threads import spread
from ..tracing.element import Element, element
from ..tracing.trace import TraceError, trace
from . import entries as numba_entries
from .cache import load
from .phased import Phased
from .source import printable, source

GRADIENT = 3  # column of its address
LINE = 64  # elements


class Numba:
    """Fused evaluation for NumPy arrays; `wdref.backend.Backend`."""

    name = "numba"

    def update(self, leaves: Sequence[Leaf], /) -> list[tuple[Array, tuple[Array, ...]]]:
        """Return new arrays; leaves that cannot be fused are evaluated plain."""
        fresh = [[np.empty_like(x) for x in (leaf.theta, *leaf.slots)] for leaf in leaves]
        _run(leaves, fresh)
        return [(new[0], tuple(new[1:])) for new in fresh]

    def step(self, leaves: Sequence[Leaf], /) -> None:
        """Write into the arrays given."""
        _run(leaves, None)

    def prepare(self, leaves: Sequence[Leaf], /) -> "_Tables | None":
        """Fill the tables for steps to come; None if a leaf is evaluated plain or in rounds."""
        if any(asks(leaf) for leaf in leaves):
            return None
        tables, plain = _gather(leaves, None)
        return None if plain else _Tables(list(tables.values()))

    def step_entries(self, leaves: Sequence[Leaf], /) -> None:
        """Write a step of arrays (K, …) that share a kernel, each entry with its own scalars.

        A scalar is a number or a float64 array (K,).
        """
        check(self.name, leaves)
        if any(asks(leaf) for leaf in leaves):
            PLAIN.step_entries(leaves)
            return
        groups: dict[tuple[int, ...], list[Leaf]] = {}
        for leaf in leaves:
            groups.setdefault((id(leaf.kernel), id(leaf.scalars)), []).append(leaf)
        for own in groups.values():
            numba_entries.step(own, _program_of(own[0], "entries"))


backend = Numba()


def _run(leaves: Sequence[Leaf], fresh: Sequence[Sequence[Array]] | None) -> None:
    if any(asks(leaf) for leaf in leaves):
        check("numba", leaves)
        outputs = fresh or [(leaf.theta, *leaf.slots) for leaf in leaves]
        run_rounds(leaves, outputs, Phased)()
        rest = [i for i, leaf in enumerate(leaves) if not asks(leaf)]
        _run([leaves[i] for i in rest], fresh and [fresh[i] for i in rest])
        return
    tables, plain = _gather(leaves, fresh)
    for i in plain:
        leaf = leaves[i]
        evaluate(leaf, fresh[i] if fresh else (leaf.theta, *leaf.slots))
    for table in tables.values():
        if table.members:
            table.run(table.array(), leaves[table.members[0]].scalars)


def _gather(
    leaves: Sequence[Leaf], fresh: Sequence[Sequence[Array]] | None
) -> tuple[dict[tuple[int, ...], "_Table"], list[int]]:
    """Gather the leaves of one program in a table each; list those that no table takes."""
    tables: dict[tuple[int, ...], _Table] = {}
    plain: list[int] = []
    for i, leaf in enumerate(leaves):
        places = leaf.addresses or _addresses(leaf)
        dtypes = [id(x.dtype) for x in leaf.slots]
        key = (id(leaf.kernel), id(leaf.scalars), id(leaf.theta.dtype), id(leaf.g.dtype), *dtypes)
        table = tables.get(key) or tables.setdefault(key, _Table(leaf, bool(fresh)))
        if places is None or not table.takes(places):
            plain.append(i)
        else:
            table.add(i, leaf.theta.size, (*places, *map(address, fresh[i] if fresh else ())))
    return tables, plain


def _addresses(leaf: Leaf) -> tuple[int, ...] | None:
    """Addresses where compiled code may walk the arrays, None where one has gaps."""
    check("numba", [leaf])
    arrays = (leaf.theta, leaf.g, *leaf.slots)
    return tuple(map(address, arrays)) if flat(arrays) else None


class _Table:
    """Tensors that share a program and its scalars, laid end to end."""

    def __init__(self, leaf: Leaf, fresh: bool) -> None:
        self.program = _program_of(leaf, "fresh" if fresh else "over")
        self.sizes = [x.itemsize for x in (leaf.theta, leaf.g, *leaf.slots)]
        self.members: list[int] = []
        self.rows: list[tuple[int, ...]] = []
        self.size = 0

    def takes(self, places: Sequence[int]) -> bool:
        """Whether there is a program, and no array begins inside an element."""
        return self.program is not None and not any(map(mod, places, self.sizes))

    def add(self, leaf: int, size: int, places: tuple[int, ...]) -> None:
        start, self.size = self.size, self.size + size
        self.members.append(leaf)
        self.rows.append((start, self.size, *places))

    def array(self) -> Any:
        return np.array(self.rows, dtype=np.int64)

    def run(self, rows: Any, scalars: Any) -> None:
        """Run the program on the tensors of `rows`, in threads where they are long."""
        assert self.program is not None, "takes() lets no row in without a program"
        rule, compiled = self.program
        values = np.array(rule.host(scalars))
        # no two threads write to one line of the cache
        spread(self.size, LINE, lambda span: compiled(rows, values, *span))


class _Tables:
    """Filled tables, for which only the gradients' addresses and the scalars are new."""

    def __init__(self, tables: Sequence[_Table]) -> None:
        self.tables = [
            (table, table.array(), np.array(table.members, dtype=np.intp))
            for table in tables
            if table.members
        ]

    def __call__(self, gradients: Any, scalars: Sequence[Any], /) -> None:
        for table, rows, members in self.tables:
            rows[:, GRADIENT] = gradients[members]
            table.run(rows, scalars[table.members[0]])


_name = cache(str)  # NumPy composes a dtype's name anew each time


def _program_of(leaf: Leaf, kind: str) -> tuple[Element, Any] | None:
    dtypes = tuple(_name(x.dtype) for x in (leaf.theta, leaf.g, *leaf.slots))
    present = tuple(value is not None for value in leaf.scalars)
    scalars: Any = type(leaf.scalars)
    return _program(leaf.kernel, dtypes, scalars, present, kind)


@cache
def _program(
    kernel: Any, dtypes: tuple[str, ...], scalars: type, present: tuple[bool, ...], kind: str
) -> tuple[Element, Any] | None:
    try:
        found = printable(element(trace(kernel, dtypes, scalars, present)))
    except TraceError:
        return None
    return found, load(lambda cached: source(found, kind, cached=cached))
