"""NumPy: the traced rule on blocks that fit the cache, with reused scratch and threads.

The plain rule writes each intermediate to memory, some 16 arrays for AdamW. Here each operation
runs on a block of some ten thousand elements into scratch that stays in the cache, so that memory is
read and written once. The operations and their order are the rule's: the bits are the same.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import chain
from typing import Any

import numpy as np

from wdref.backend import PLAIN, Leaf
from wdref.tree import dtype_name

from .trace import COMPARISONS, Node, Program, TraceError, trace

BLOCK = 65536  # elements: AdamW in float32 has two scratch arrays of 256 kB, an L2 cache
THREADED = 1 << 17  # elements a tensor needs before threads pay
UFUNCS = ("sqrt", "abs", "sign", "negative", "maximum", "minimum", "add", "subtract", "multiply",
          "divide", *COMPARISONS)  # fmt: skip
WEAK = {"add": "{} + {}", "subtract": "{} - {}", "multiply": "{} * {}", "divide": "{} / {}",
        "negative": "-{}"}  # fmt: skip

Array = np.ndarray[Any, Any]
Job = tuple["_Compiled", list[Array], list[Array], tuple[Any, ...]]


class NumPy:
    """Blocked evaluation for NumPy arrays; `wdref.backend.Backend`."""

    name = "numpy"

    def update(self, leaves: Sequence[Leaf], /) -> list[tuple[Array, tuple[Array, ...]]]:
        """Return new arrays; leaves that cannot be blocked are evaluated plain."""
        fresh = [[np.empty_like(x) for x in (leaf.theta, *leaf.slots)] for leaf in leaves]
        self._run(leaves, fresh)
        return [(new[0], tuple(new[1:])) for new in fresh]

    def step(self, leaves: Sequence[Leaf], /) -> None:
        """Write into the arrays given."""
        self._run(leaves, [[leaf.theta, *leaf.slots] for leaf in leaves])

    def _run(self, leaves: Sequence[Leaf], outputs: Sequence[Sequence[Array]]) -> None:
        jobs: list[Job] = []
        for leaf, outs in zip(leaves, outputs, strict=True):
            inputs = [leaf.theta, leaf.g, *leaf.slots]
            compiled = _compiled(leaf) if _flat(inputs, outs) else None
            if compiled is None:
                _plain(leaf, outs)
            else:
                flat = [x.reshape(-1) for x in inputs], [x.reshape(-1) for x in outs]
                jobs.append((compiled, *flat, leaf.scalars))
        for compiled, *arrays in jobs:
            compiled.run(*arrays)


backend = NumPy()


def _flat(inputs: Sequence[Array], outputs: Sequence[Array]) -> bool:
    """Whether every array is one run of memory in C order: a flat view then costs nothing."""
    return all(x.flags.c_contiguous for x in chain(inputs, outputs))


def _plain(leaf: Leaf, outputs: Sequence[Array]) -> None:
    ((theta, slots),) = PLAIN.update([leaf])
    for old, new in zip(outputs, (theta, *slots), strict=True):
        old[...] = new


def _compiled(leaf: Leaf) -> "_Compiled | None":
    dtypes = tuple(dtype_name(x) for x in (leaf.theta, leaf.g, *leaf.slots))
    present = tuple(value is not None for value in leaf.scalars)
    try:
        return _compile(leaf.kernel, dtypes, type(leaf.scalars), present)
    except TraceError:
        return None


@cache
def _compile(kernel: Any, dtypes: Any, scalars: type, present: Any) -> "_Compiled":
    return _Compiled(trace(kernel, dtypes, scalars, present), scalars)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="wdref")


class _Compiled:
    """A program printed as Python, one ufunc call a line, each with the place of its result.

    Places are the inputs and scalars by node, scratch by register (reused once its value is read
    no more), and the outputs. `source` is the text, for those who want to read it.
    """

    def __init__(self, program: Program, scalars: type) -> None:
        self.fields: Sequence[str] = scalars._fields  # type: ignore[attr-defined]  # a NamedTuple
        self.scratch: list[str] = []  # dtype of each register
        self.source = self._print(program)
        names = {name: getattr(np, name) for name in UFUNCS}
        self.names: dict[str, Any] = {**names, "cast": _cast, "where": _where}
        exec(compile(self.source, "<wdref trace>", "exec"), self.names)  # our own text

    def run(self, inputs: list[Array], outputs: list[Array], scalars: Any) -> None:
        """Evaluate the program on flat arrays, in threads where the arrays are long."""
        n = inputs[0].size
        workers = min(os.cpu_count() or 1, n // THREADED)
        if workers < 2:
            self._span(inputs, outputs, scalars, 0, n)
            return
        edge = -(-n // (workers * BLOCK)) * BLOCK
        spans = [(start, min(start + edge, n)) for start in range(0, n, edge)]
        jobs = [_pool().submit(self._span, inputs, outputs, scalars, *span) for span in spans]
        for job in jobs:
            job.result()

    def _span(
        self, inputs: list[Array], outputs: list[Array], scalars: Any, start: int, stop: int
    ) -> None:
        size = min(BLOCK, stop - start)
        scratch = [np.empty(size, dtype=dtype) for dtype in self.scratch]
        block = self.names["block"]
        # IEEE values propagate in a reference: a warning would only be told from inside a thread
        with np.errstate(all="ignore"):
            for low in range(start, stop, BLOCK):
                high = min(low + BLOCK, stop)
                if high - low < size:
                    scratch = [x[: high - low] for x in scratch]
                arrays = [x[low:high] for x in chain(inputs, outputs)]
                block(*arrays, *scratch, *scalars)

    def _print(self, program: Program) -> str:
        nodes, last, direct = program.nodes, program.last_use(), _direct(program)
        place = {i: f"x{i}" for i, node in enumerate(nodes) if node.op == "array"}
        place |= {i: node.name for i, node in enumerate(nodes) if node.op == "scalar"}
        place |= {i: repr(node.name) for i, node in enumerate(nodes) if node.op == "constant"}
        inputs = [place[i] for i, node in enumerate(nodes) if node.op == "array"]
        free: dict[str, list[str]] = {}
        lines: list[str] = []
        for i, node in enumerate(nodes):
            if i in place:
                continue
            args = [place[a] for a in node.args]
            if node.dtype == "weak":  # of Python floats alone
                place[i] = f"({WEAK[node.op].format(*args)})"
                continue
            done = [a for a in dict.fromkeys(node.args) if last[a] == i and place[a][0] == "t"]
            if node.op != "where":  # a ufunc may write over its operand
                _release(free, nodes, place, done)
            place[i] = f"out{direct[i]}" if i in direct else self._register(free, node.dtype)
            lines.append(f"    {node.op}({', '.join(args)}, {place[i]})")
            if node.op == "where":
                _release(free, nodes, place, done)
        lines += [f"    cast({place[i]}, out{k})" for k, i in enumerate(program.outputs)
                  if direct.get(i) != k]  # fmt: skip
        outputs = [f"out{k}" for k in range(len(program.outputs))]
        scratch = [f"t{k}" for k in range(len(self.scratch))]
        head = ", ".join([*inputs, *outputs, *scratch, *self.fields])
        return "\n".join([f"def block({head}):", *lines, ""])

    def _register(self, free: dict[str, list[str]], dtype: str) -> str:
        pool = free.setdefault(dtype, [])
        if pool:
            return pool.pop()
        self.scratch.append(dtype)
        return f"t{len(self.scratch) - 1}"


def _release(
    free: dict[str, list[str]], nodes: Sequence[Node], place: dict[int, str], done: list[int]
) -> None:
    for a in done:
        free[nodes[a].dtype].append(place[a])


def _direct(program: Program) -> dict[int, int]:
    """Nodes that may be written straight to an output: its old value is read no more."""
    last = program.last_use()
    inputs = [i for i, node in enumerate(program.nodes) if node.op == "array"]
    old = [inputs[0], *inputs[2:]]  # theta, then the slots
    found: dict[int, int] = {}
    for k, i in enumerate(program.outputs):
        computed = program.nodes[i].op not in ("array", "scalar", "constant")
        if computed and i not in found and last[old[k]] <= i:
            found[i] = k
    return found


def _cast(x: Any, out: Array) -> None:
    np.copyto(out, x, casting="unsafe")


def _where(condition: Array, x: Any, y: Any, out: Array) -> None:
    np.copyto(out, y, casting="same_kind")
    np.copyto(out, x, casting="same_kind", where=condition)
