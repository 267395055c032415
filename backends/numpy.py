"""NumPy: the traced rule on blocks that fit the cache, with reused scratch and threads.

The plain rule writes each intermediate to memory, some 16 arrays for AdamW. Here each operation
runs on a block of some hundred thousand elements into scratch that stays in the cache, so that
memory is read and written once. The operations and their order are the rule's, and so the bits.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from wdref.backend import PLAIN, Leaf, asks, write
from wdref.engine.tree import dtype_name
from wdref.sums import Exact, Partial, partial

from .rounds import run_rounds
from .threads import spread
from .tracing.element import HOST, LITERALS, scalar_name
from .tracing.phases import Phases
from .tracing.trace import ARITHMETIC, COMPARISONS, Node, Program, TraceError, trace

BLOCK = 131072  # elements: fewer calls, so that two threads seldom wait for the interpreter lock
UFUNCS = (*ARITHMETIC, "sqrt", "abs", "sign", "maximum", "minimum", *COMPARISONS)

Array = np.ndarray[Any, Any]
Job = tuple["_Compiled", list[Array], list[Array], tuple[Any, ...]]


class NumPy:
    """Blocked evaluation for NumPy arrays; `wdref.backend.Backend`."""

    name = "numpy"

    def update(self, leaves: Sequence[Leaf], /) -> list[tuple[Array, tuple[Array, ...]]]:
        """Return new arrays; leaves that cannot be blocked are evaluated plain."""
        check(self.name, leaves)
        fresh = [[np.empty_like(x) for x in (leaf.theta, *leaf.slots)] for leaf in leaves]
        self._run(leaves, fresh)
        return [(new[0], tuple(new[1:])) for new in fresh]

    def step(self, leaves: Sequence[Leaf], /) -> None:
        """Write into the arrays given."""
        check(self.name, leaves)
        self._run(leaves, [[leaf.theta, *leaf.slots] for leaf in leaves])

    def _run(self, leaves: Sequence[Leaf], outputs: Sequence[Sequence[Array]]) -> None:
        jobs: list[Job] = []
        asking = run_rounds(leaves, outputs, rounds)
        for leaf, outs in zip(leaves, outputs, strict=True):
            if asks(leaf):
                continue
            inputs = [leaf.theta, leaf.g, *leaf.slots]
            compiled = _compiled(leaf) if flat((*inputs, *outs)) else None
            if compiled is None:
                evaluate(leaf, outs)
            else:
                ins, places = ([x.reshape(-1) for x in arrays] for arrays in (inputs, outs))
                jobs.append((compiled, ins, places, leaf.scalars))
        for compiled, ins, places, scalars in jobs:
            compiled.run(ins, places, scalars)
        asking()


backend = NumPy()


def check(backend: str, leaves: Sequence[Leaf], /) -> None:
    """Refuse arrays of another library: a named backend does not choose."""
    for leaf in leaves:
        for x in (leaf.theta, leaf.g, *leaf.slots):
            if not isinstance(x, np.ndarray | np.generic):
                raise TypeError(
                    f"backend {backend!r} runs NumPy arrays only, not {type(x).__module__} ones: "
                    "leave the backend out, and the arrays choose it"
                )


def flat(arrays: Sequence[Array], /) -> bool:
    """Whether every array is one run of memory in C order: a flat view then costs nothing.

    NumPy's scalars lie nowhere.
    """
    return all(isinstance(x, np.ndarray) and x.flags.c_contiguous for x in arrays)


def evaluate(leaf: Leaf, outputs: Sequence[Array], /) -> None:
    """Evaluate the rule as written, and write the results into `outputs`."""
    with np.errstate(all="ignore"):  # as in blocks
        write(leaf, PLAIN.update([leaf])[0], outputs)


def _compiled(leaf: Leaf) -> "_Compiled | None":
    dtypes = tuple(dtype_name(x) for x in (leaf.theta, leaf.g, *leaf.slots))
    present = tuple(value is not None for value in leaf.scalars)
    scalars: Any = type(leaf.scalars)
    return _compile(leaf.kernel, dtypes, scalars, present)


class _Phased:
    """The programs of a rule that asks for sums, compiled."""

    def __init__(self, found: Phases) -> None:
        self.rounds = [_Compiled(each.program) for each in found.rounds]
        self.last = _Compiled(found.last)

    def sums(self, number: int, inputs: list[Array], scalars: Sequence[Any]) -> list[Partial]:
        """Return the partial sums of a round, block by block."""
        return _each(self.rounds[number], inputs, scalars, partial.of, partial.combined)

    def exact(self, number: int, inputs: list[Array], scalars: Sequence[Any]) -> list[Exact]:
        """Return its exact sums."""
        return _each(self.rounds[number], inputs, scalars, partial.exactly, _added)

    def apply(self, inputs: list[Array], outputs: list[Array], scalars: Sequence[Any]) -> None:
        """Take the step."""
        self.last.run(inputs, outputs, scalars)


def rounds(found: Phases) -> _Phased:
    """Return what sums and steps by blocks."""
    return _Phased(found)


def _added(sums: Iterable[Exact]) -> Exact:
    return sum(sums, Exact())


def _each(program: "_Compiled", inputs: Any, scalars: Any, of: Any, joined: Any) -> list[Any]:
    """What `of` makes of the terms of every block, joined term by term."""
    rows: list[list[Any]] = []

    def span(bounds: tuple[int, int]) -> None:
        program.terms(inputs, scalars, *bounds, lambda terms: rows.append([of(x) for x in terms]))

    spread(inputs[0].size, BLOCK, span)
    columns = list(zip(*rows, strict=True)) or [()] * len(program.outs)
    return [joined(column) for column in columns]


@cache
def _compile(kernel: Any, dtypes: Any, scalars: Any, present: Any) -> "_Compiled | None":
    try:
        return _Compiled(trace(kernel, dtypes, scalars, present))
    except TraceError:
        return None


class _Compiled:
    """A program printed as Python; `source` is the text, for those who want to read it."""

    def __init__(self, program: Program) -> None:
        printer = _Printer(program)
        self.source = printer.text()
        self.scratch = printer.scratch
        self.outs = [program.nodes[i].dtype for i in program.outputs]
        names = {name: getattr(np, name) for name in UFUNCS}
        self.names: dict[str, Any] = {**names, **LITERALS, "cast": _cast, "where": _where}
        exec(compile(self.source, "<wdref trace>", "exec"), self.names)  # our own text

    def run(self, inputs: list[Array], outputs: list[Array], scalars: Any) -> None:
        """Evaluate the program on flat arrays, in threads where the arrays are long."""
        arrays = [*inputs, *outputs]
        spread(inputs[0].size, BLOCK, lambda span: self._span(arrays, scalars, *span))

    def _span(self, arrays: list[Array], scalars: Any, start: int, stop: int) -> None:
        size = min(BLOCK, stop - start)
        scratch = [np.empty(size, dtype=dtype) for dtype in self.scratch]
        block = self.names["block"]
        # IEEE values propagate in a reference: a warning would only be told from inside a thread
        with np.errstate(all="ignore"):
            for low in range(start, stop, BLOCK):
                high = min(low + BLOCK, stop)
                if high - low < size:
                    scratch = [x[: high - low] for x in scratch]
                block(*[x[low:high] for x in arrays], *scratch, *scalars)

    def terms(self, inputs: Any, scalars: Any, start: int, stop: int, take: Any) -> None:
        """Evaluate a program of terms block by block; `take` gets those of a block."""
        places = [np.empty(min(BLOCK, stop - start), dtype) for dtype in self.outs]
        for low in range(start, stop, BLOCK):
            high = min(low + BLOCK, stop)
            own = [x[: high - low] for x in places]
            self._span([*(x[low:high] for x in inputs), *own], scalars, 0, high - low)
            take(own)


class _Printer:
    """Prints a program as a Python function, one ufunc call a line, the place of its result last.

    Places are the inputs and scalars by node, scratch by register (reused once its value is read
    no more), and the outputs, which in place are the memory of theta and the slots.
    """

    def __init__(self, program: Program) -> None:
        self.nodes, self.outputs, self.terms = program.nodes, program.outputs, program.terms
        self.fields = program.fields
        self.last, self.direct = program.last_use(), _direct(program)
        self.inputs = [i for i, node in enumerate(self.nodes) if node.op == "array"]
        self.place = {i: f"x{i}" for i in self.inputs}
        self.register: dict[int, str] = {}  # those places that are scratch
        self.free: dict[str, list[str]] = {}
        self.scratch: list[str] = []  # dtype of each register
        self.lines: list[str] = []

    def text(self) -> str:
        """Return the source of ``block(inputs, outputs, scratch, scalars)``."""
        inputs = list(self.place.values())
        self._keep_inputs()
        for i, node in enumerate(self.nodes):
            self._node(i, node)
        for k, i in enumerate(self.outputs):
            if self.direct.get(i) != k:
                self.lines.append(f"cast({self.place[i]}, out{k})")
        outputs = [f"out{k}" for k in range(len(self.outputs))]
        scratch = [f"t{k}" for k in range(len(self.scratch))]
        head = ", ".join([*inputs, *outputs, *scratch, *map(scalar_name, self.fields)])
        return "\n    ".join([f"def block({head}):", *self.lines]) + "\n"

    def _keep_inputs(self) -> None:
        # an input that the rule hands on to another output is read before it is overwritten
        if self.terms:
            return
        for i, old in zip(self.outputs, _old(self.inputs), strict=True):
            if i in self.inputs and i != old and i not in self.register:
                source, self.place[i] = self.place[i], self._take(i)
                self.lines.append(f"cast({source}, {self.place[i]})")

    def _node(self, i: int, node: Node) -> None:
        args = [self.place[a] for a in node.args]
        if node.op == "scalar":
            self.place[i] = scalar_name(node.name)
        elif node.op == "constant":
            self.place[i] = f"({node.name!r})"
        elif node.dtype == "weak":  # of Python floats alone
            self.place[i] = f"({HOST[node.op].format(*args)})"
        elif node.op != "array":
            if node.op != "where":  # a ufunc may write over its operand
                self._release(i, node)
            self.place[i] = f"out{self.direct[i]}" if i in self.direct else self._take(i)
            self.lines.append(f"{node.op}({', '.join(args)}, out={self.place[i]})")
            if node.op == "where":
                self._release(i, node)

    def _take(self, i: int) -> str:
        dtype = self.nodes[i].dtype
        pool = self.free.setdefault(dtype, [])
        if not pool:
            pool.append(f"t{len(self.scratch)}")
            self.scratch.append(dtype)
        self.register[i] = pool.pop()
        return self.register[i]

    def _release(self, i: int, node: Node) -> None:
        for a in dict.fromkeys(node.args):
            if self.last[a] == i and a in self.register:
                self.free[self.nodes[a].dtype].append(self.register[a])


def _old(inputs: Sequence[int]) -> list[int]:
    """The inputs that outputs take the place of: theta and the slots, without g."""
    return [inputs[0], *inputs[2:]]


def _direct(program: Program) -> dict[int, int]:
    """Nodes that may be written straight to an output: its old value is read no more."""
    nodes, last = program.nodes, program.last_use()
    if program.terms:
        return {}
    inputs = [i for i, node in enumerate(nodes) if node.op == "array"]
    found: dict[int, int] = {}
    for k, (i, old) in enumerate(zip(program.outputs, _old(inputs), strict=True)):
        # `where` writes twice, so that it cannot write over its operand
        dead = last[old] < i if nodes[i].op == "where" else last[old] <= i
        computed = nodes[i].op not in ("array", "scalar", "constant")
        if computed and dead and nodes[i].dtype == nodes[old].dtype and i not in found:
            found[i] = k
    return found


def _cast(x: Any, out: Array) -> None:
    np.copyto(out, x, casting="unsafe")


def _where(condition: Array, x: Any, y: Any, out: Array) -> None:
    np.copyto(out, y, casting="same_kind")
    np.copyto(out, x, casting="same_kind", where=condition)
