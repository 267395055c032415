"""Passes over the matrices of a tensor, of a rule that sums along rows and columns.

A sum along rows or columns is kept by a slot of its kind alone: the slot's new value is written as
soon as it is known, and read from there. What is of a whole matrix is summed where it is needed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wdref.engine.half_precision import Kernel
from wdref.sums import Count

from .axes import Graph, Kind
from .phases import placed, sum_name
from .trace import Node, Program, TraceError


@dataclass(frozen=True)
class Summed:
    """Sums by name, and the program of their terms; `within` are the matrix's that these read."""

    names: tuple[str, ...]
    program: Program
    kind: Kind  # of the terms
    within: tuple["Summed", ...] = ()


@dataclass(frozen=True)
class Stored:
    """A slot of rows or columns: its sums, and the program of its new value."""

    slot: str
    kind: Kind
    sums: tuple[Summed, ...]
    program: Program


@dataclass(frozen=True)
class Passes:
    """What is summed and stored, and the step with the matrix's sums that it reads."""

    passes: tuple[Summed | Stored, ...]
    counts: tuple[str, ...]
    last: Program
    within: tuple[Summed, ...]
    numbers: Program


def matrices(kernel: Kernel, dtype: str, scalars: type, present: Sequence[bool]) -> Passes:
    """Trace `kernel` for tensors of two axes or more."""
    graph = Graph(kernel, dtype, scalars, present, {"vector": "none"})
    return _Passing(graph).run()


class _Passing:
    """Puts a graph into passes: what is summed, what is stored as soon as it is known, the step."""

    def __init__(self, graph: Graph) -> None:
        self.nodes, self.kinds = graph.recorder.nodes, graph.recorder.kinds
        self.graph, self.fields = graph, graph.fields
        self.arrays = {x.name: i for i, x in enumerate(self.nodes)
                       if x.op == "array"}  # fmt: skip
        self.new = {x: y.index for x, y, kind in
                    zip(graph.names, graph.results, graph.kinds, strict=True)
                    if kind not in ("none", "scalar")}  # fmt: skip
        self.waiting = [x for x in self.new if self.kinds[self.arrays[x]] in ("row", "column")]
        behind = (self._behind(x.index) for x in graph.results)
        self.read = {self.nodes[i].name for i in set[int]().union(*behind)}
        self.stored: dict[int, str] = {}  # nodes whose value a slot holds by now

    def run(self) -> Passes:
        """Return the passes."""
        passes: list[Summed | Stored] = []
        counts: list[str] = []
        for number, asked in enumerate(self.graph.asked):
            own = {sum_name(number, k): x for k, x in enumerate(asked)
                   if x.over == "tensor" and sum_name(number, k) in self.read}  # fmt: skip
            counts += [x for x, each in own.items() if isinstance(each, Count)]
            terms = {x: each.terms.index for x, each in own.items() if x not in counts}
            passes += self._by_kind(terms)
            self.fields = (*self.fields, *own)
            passes += self._stores(number)
        if self.waiting:
            raise TraceError(f"{self.waiting[0]} waits for a sum that is never made")
        steps = {x: i for x, i in self.new.items() if x not in self.stored.values()}
        last, within = self._program(steps)
        numbers = [x.index for x, kind in zip(self.graph.results, self.graph.kinds, strict=True)
                   if kind == "scalar"]  # fmt: skip
        return Passes(
            tuple(passes), tuple(counts), last, within, self._cut(numbers, {}, terms=True)
        )

    def _stores(self, number: int) -> list[Stored]:
        """The slots of rows and columns that need no sums but those of this round and before."""
        ready = [x for x in self.waiting if self._latest(self.new[x]) <= number]
        self.waiting = [x for x in self.waiting if x not in ready]
        stores = []
        for slot in ready:
            stores.append(self._store(slot))
            self.stored[self.new[slot]] = slot
        return stores

    def _store(self, slot: str) -> Stored:
        kind = self.kinds[self.arrays[slot]]
        sums = self._sums(self.new[slot])
        if any(self.kinds[i] != kind for i in sums):
            raise TraceError(f"{slot} reads sums that are of no {kind}: not traced")
        program = self._cut(self._kept({slot: self.new[slot]}, sums), sums)
        terms = {x: self.nodes[i].args[0] for i, x in sums.items()}
        return Stored(slot, kind, tuple(self._by_kind(terms)), program)

    def _summed(self, terms: dict[str, int]) -> Summed:
        kind = self.kinds[next(iter(terms.values()))]
        if kind == "host":
            raise TraceError("a sum of no array: not traced")
        within, sums = self._within(terms.values())
        return Summed(tuple(terms), self._cut([*terms.values()], sums, terms=True), kind, within)

    def _program(self, new: dict[str, int]) -> tuple[Program, tuple[Summed, ...]]:
        within, sums = self._within(new.values())
        return self._cut(self._kept(new, sums), sums), within

    def _within(self, outputs: Iterable[int]) -> tuple[tuple[Summed, ...], dict[int, str]]:
        """The sums over each matrix that `outputs` read: those of its rows, and of its columns."""
        sums: dict[int, str] = {}
        for i in outputs:
            sums |= self._sums(i)
        if any(self.kinds[i] != "matrix" for i in sums):
            raise TraceError("a sum along rows or columns that no slot keeps: not traced")
        terms = {x: self.nodes[i].args[0] for i, x in sums.items()}
        return tuple(self._by_kind(terms)), sums

    def _by_kind(self, terms: dict[str, int]) -> list[Summed]:
        """Sums over the same elements, rows, columns or matrices, together."""
        kinds = dict.fromkeys(self.kinds[i] for i in terms.values())
        return [self._summed({x: i for x, i in terms.items() if self.kinds[i] == kind})
                for kind in kinds]  # fmt: skip

    def _kept(self, new: dict[str, int], sums: dict[int, str]) -> list[int]:
        """What each array but g becomes: those that are only read stay as they are."""
        places = {**{i: x for x, i in self.arrays.items()}, **sums}
        return [new.get(places[i], i) for i in sorted(places) if places[i] != "g"]

    def _reached(self, output: int) -> set[int]:
        """The nodes that `output` needs, where sums of the host and stored slots are known."""
        need: set[int] = set()
        waiting = [output]
        while waiting:
            i = waiting.pop()
            if i not in need:
                need.add(i)
                known = i in self.stored or self.nodes[i].op == "sum"
                waiting += () if known else self.nodes[i].args
        old = {self.arrays[x]: x for x in self.stored.values()}
        late = [x for i, x in old.items() if i in need and self.stored.get(i) != x]
        if late:
            raise TraceError(f"the {late[0]} before the step is read after it is written")
        return need

    def _sums(self, output: int) -> dict[int, str]:
        """The sums along rows and columns that `output` reads."""
        return {i: self.nodes[i].name for i in sorted(self._reached(output))
                if self.nodes[i].op == "sum" and self.kinds[i] != "host"}  # fmt: skip

    def _latest(self, output: int) -> int:
        """The round of the last sum that `output` needs."""
        known = {self.nodes[i].name for i in self._behind(output)}
        rounds = [number for number, asked in enumerate(self.graph.asked)
                  if any(sum_name(number, k) in known for k in range(len(asked)))]  # fmt: skip
        return max(rounds, default=0)

    def _behind(self, output: int) -> set[int]:
        """All nodes behind `output`, those of what is summed among them."""
        need, waiting = set[int](), [output]
        while waiting:
            i = waiting.pop()
            if i not in need:
                need.add(i)
                waiting += self.nodes[i].args
        return need

    def _cut(self, outputs: Sequence[int], sums: dict[int, str], *, terms: bool = False) -> Program:
        """The program of `outputs`: what is stored or summed already is an array of it."""
        need = set(self.arrays.values()) | set(sums)
        for i in set(outputs) - need:  # an array that stays as it is may be stored by now
            need |= self._reached(i)
        places: dict[int, int] = {}
        kept: list[Node] = []
        for i in sorted(need):
            node = self.nodes[i]
            if i in self.stored:
                places[i] = places[self.arrays[self.stored[i]]]
                continue
            places[i] = len(kept)
            if i in sums:
                kept.append(Node("array", (), node.dtype, node.name))
            else:
                kept.append(placed(node, places))
        return Program(tuple(kept), tuple(places[i] for i in outputs), self.fields, terms)
