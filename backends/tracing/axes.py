"""Rules that sum along rows and columns, traced: a graph of values that are of a kind.

A value is a number of each element, row, column or matrix of a tensor of two axes or more.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from wdref.engine.half_precision import Kernel
from wdref.sums import Count, Cover, together

from .phases import Phases, split, sum_name
from .trace import Node, Recorder, Symbol, TraceError

Kind = Literal["host", "matrix", "row", "column", "like", "none"]
SIZES = ("rows", "columns")  # of a matrix, as numbers of the host
AXES = {"row", "column", "vector"}
# what is left of a value that is summed along the rows, or the columns
LEFT: dict[tuple[str, str], Kind] = {("like", "rows"): "row", ("column", "rows"): "matrix",
                                     ("like", "columns"): "column",
                                     ("row", "columns"): "matrix"}  # fmt: skip


class _Sized(Symbol):
    """A symbol that knows of what it is a number."""

    __slots__ = ()

    @property
    def kind(self) -> Kind:
        kinds: list[Kind] = self.recorder.kinds  # type: ignore[attr-defined]  # of `_Recorder`
        return kinds[self.index]

    @property
    def shape(self) -> tuple[Any, ...]:
        sizes = self.recorder.sizes  # type: ignore[attr-defined]
        if self.kind == "none":
            return (0,)
        if not sizes:
            raise TraceError("a vector's shape is no part of a program: ask for its Count")
        rows, columns = sizes["rows"], sizes["columns"]
        return {"like": (rows, columns), "row": (rows, 1), "column": (1, columns),
                "matrix": (1, 1)}.get(self.kind, ())  # fmt: skip


class _Recorder(Recorder):
    def __init__(self, sizes: Sequence[str]) -> None:
        super().__init__()
        self.kinds: list[Kind] = []
        self.sizes = {x: self.add("scalar", (), "number", x) for x in sizes}

    def add(
        self, op: str, args: tuple[int, ...], dtype: str, name: Any = None, kind: Kind | None = None
    ) -> _Sized:
        self.nodes.append(Node(op, args, dtype, name))
        self.kinds.append(kind or _wider(self.kinds[a] for a in args))
        return _Sized(self, len(self.nodes) - 1)

    def answer(self, number: int, k: int, asked: Any) -> Symbol:
        """Return what stands for a sum."""
        if isinstance(asked, Cover) or asked.over == "tree":
            raise TraceError(f"sums over {asked.over} are no part of a program of rows and columns")
        if asked.over != "tensor" and not self.sizes:
            raise TraceError(f"a vector has no {asked.over} to sum over")
        if isinstance(asked, Count) and asked.over != "tensor":
            return self.sizes["columns" if asked.over == "rows" else "rows"]
        name, terms = sum_name(number, k), asked.terms
        if asked.over == "tensor":
            return self.add("sum", (terms.index,), "number", name, "host")
        left = LEFT.get((terms.kind, asked.over))
        if left is None:
            raise TraceError(f"a {terms.kind} summed along {asked.over}: not traced")
        return self.add("sum", (terms.index,), terms.dtype, name, left)


def _wider(kinds: Iterable[Kind]) -> Kind:
    found = set(kinds) - {"host"}
    if "none" in found:
        raise TraceError("an array that this tensor has none of is no part of a program")
    if "like" in found or found >= {"row", "column"}:
        return "like"
    first: tuple[Kind, ...] = ("row", "column", "matrix")
    return next((kind for kind in first if kind in found), "host")


def vectors(kernel: Kernel, dtype: str, scalars: type, present: Sequence[bool]) -> Phases:
    """Trace `kernel` for tensors of one axis, or none: what it sums is no row or column."""
    kinds = {"row": "none", "column": "none", "vector": "like"}
    graph = Graph(kernel, dtype, scalars, present, kinds, sizes=())
    return split(graph.recorder.nodes, graph.fields, graph.asked, graph.results, graph.kinds)


class Graph:
    """A rule's run on symbols: its nodes, what it asked for by rounds, and what it returned."""

    def __init__(
        self, kernel: Kernel, dtype: str, scalars: Any, present: Sequence[bool],
        kinds: Mapping[str, str], sizes: Sequence[str] = SIZES,
    ) -> None:  # fmt: skip
        self.recorder = _Recorder(sizes)
        self.asked: list[tuple[Any, ...]] = []
        self.kinds = ("like", *(kinds.get(x, x) for x in kernel.shapes))
        self.names = ("theta", *kernel.slots)
        theta, g, *slots = (self._input(*pair, dtype) for pair in
                            zip(("theta", "g", *kernel.slots), ("like", *self.kinds),
                                strict=True))  # fmt: skip
        values = (self.recorder.add("scalar", (), "number", x) if there else None
                  for x, there in zip(scalars._fields, present, strict=True))  # fmt: skip
        asking = kernel.rounds(theta, g, slots, scalars(*values))
        new, kept = together([asking], self._answer)[0]
        self.results: tuple[Any, ...] = (new, *kept)
        numbers = (x for x, kind in zip(self.names, self.kinds, strict=True) if kind == "scalar")
        self.fields = (*scalars._fields, *sizes, *numbers)

    def _input(self, name: str, kind: Any, dtype: str) -> _Sized:
        if kind == "scalar":
            return self.recorder.add("scalar", (), "number", name)
        return self.recorder.add("absent" if kind == "none" else "array", (), dtype, name, kind)

    def _answer(self, sums: Sequence[Sequence[Any]]) -> list[list[Any]]:
        (own,) = sums
        answers = [self.recorder.answer(len(self.asked), k, x) for k, x in enumerate(own)]
        self.asked.append(tuple(own))
        return [answers]
